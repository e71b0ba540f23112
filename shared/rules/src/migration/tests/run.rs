//! Which task is the migration of a revision.

use serde_json::{Value, json};

use crate::config::{Config, Migration};
use crate::migration::run_of;
use crate::names::RevisionArn;
use crate::observed::TaskDefinition;
use crate::revision;

fn arn(family: &str, number: u32) -> RevisionArn {
    format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/{family}:{number}")
        .parse()
        .unwrap()
}

fn migration(more: &str) -> Migration {
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
         [pipeline.migration]\ncontainer='app'\ncommand=['migrate']\n{more}"
    );
    let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    pipeline.migration.unwrap()
}

fn shipped() -> TaskDefinition {
    TaskDefinition {
        task_definition: json!({
            "taskDefinitionArn": arn("web", 7), "family": "web", "revision": 7, "status": "ACTIVE",
            "containerDefinitions": [{"name": "app", "image": "a"}, {"name": "worker", "image": "a"}],
        }),
        tags: json!([]),
    }
}

/// The revision in which the migration runs alone, as ECS describes it.
fn alone(number: u32, change: impl Fn(&mut Value)) -> TaskDefinition {
    let mut request = revision::alone(&shipped(), &"app".parse().unwrap()).unwrap();
    let tags = request.as_object_mut().unwrap().remove("tags").unwrap();
    request["taskDefinitionArn"] = json!(arn("web-migration", number));
    request["revision"] = json!(number);
    request["status"] = json!("ACTIVE");
    change(&mut request);
    TaskDefinition {
        task_definition: request,
        tags,
    }
}

#[test]
fn a_migration_runs_in_the_shipped_revision_or_in_any_that_was_made_of_it() {
    let same = |_: &mut Value| {};
    let other =
        |definition: &mut Value| definition["containerDefinitions"][0]["image"] = json!("b");
    let mut untagged = alone(3, same);
    untagged.tags = json!([]);
    for (more, ran, expected) in [
        ("", None, Some("web:7 alone of none")),
        (
            "alone=true\n",
            Some(alone(3, same)),
            Some("web-migration:3 alone of web:7"),
        ),
        // A second call registered another one in between.
        (
            "alone=true\n",
            Some(alone(5, same)),
            Some("web-migration:5 alone of web:7"),
        ),
        ("alone=true\n", Some(alone(3, other)), None),
        ("alone=true\n", Some(untagged), None),
        ("alone=true\n", Some(shipped()), None),
        ("alone=true\n", None, None),
    ] {
        let found = run_of(&migration(more), &shipped(), ran.as_ref());
        let found = found.map(|runs| {
            let of = runs
                .alone_of
                .map_or("none".to_owned(), |of| of.short().to_owned());
            assert_eq!(
                (runs.container.as_str(), &runs.command[..]),
                ("app", &["migrate".to_owned()][..])
            );
            format!("{} alone of {of}", runs.revision.short())
        });
        assert_eq!(found.as_deref(), expected, "{more} {ran:?}");
    }
}
