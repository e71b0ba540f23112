use super::*;
use crate::config::{Config, Pipeline};

const ARN: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition";

/// `web:7` with tags, as in `template=web:5 previous=web:6`; `team=shop` is a person's.
fn revision(name: &str, status: Option<&str>, marks: &str) -> TaskDefinition {
    let tag = |mark: &str| {
        let (key, value) = mark.split_once('=')?;
        let own = if key == "team" { "" } else { OWN_TAGS };
        Some(json!({"key": format!("{own}{key}"), "value": value}))
    };
    TaskDefinition {
        task_definition: json!({"taskDefinitionArn": format!("{ARN}/{name}"), "status": status}),
        tags: marks.split(' ').filter_map(tag).collect(),
    }
}

#[test]
fn the_template_is_the_latest_active_revision_without_our_tags() {
    use Shown::{Before, Number, This};
    let active = Some("ACTIVE");
    for (name, status, marks, expected) in [
        ("web:5", active, "", This),
        ("web:5", None, "team=shop", This),
        ("web:5", Some("INACTIVE"), "", Before(4)),
        ("web:5", Some("DELETE_IN_PROGRESS"), "", Before(4)),
        ("web:7", active, "template=web:5 previous=web:6", Number(5)),
        ("web:6", active, "template=web:5 previous=web:5", Number(5)),
        // One of ours that was deregistered names its template all the same.
        (
            "web:6",
            Some("INACTIVE"),
            "template=web:5 previous=web:5",
            Number(5),
        ),
        // Another revision was registered at the same moment.
        ("web:8", active, "template=web:5 previous=web:6", Before(7)),
        // Registered under `revision_from = "production"`, or by an older version.
        ("web:7", active, "template=web:6", Before(6)),
        ("web:7", active, "image=shop/web:1", Before(6)),
        ("web:1", active, "template=web:1", Before(0)),
        // Copied by a person, with its tags.
        ("web:9", active, "template=web:5 previous=web:6", Before(8)),
        // Marks are input, not proof.
        ("web:7", active, "template=api:5 previous=web:6", Before(6)),
        ("web:7", active, "template=web:5 previous=api:6", Before(6)),
        ("web:7", active, "template=web:9 previous=web:6", Before(6)),
        ("web:7", active, "template=web previous=web:6", Before(6)),
        (
            "web:7",
            active,
            "template=web:5 previous=web:4294967295",
            Before(6),
        ),
    ] {
        let shown = template_shown(&revision(name, status, marks));
        assert_eq!(shown, expected, "{name} {status:?} {marks}");
    }
}

#[test]
fn a_revision_says_whose_settings_it_has() {
    for (name, marks, expected) in [
        ("web:5", "", Some(5)),
        ("web:5", "team=shop", Some(5)),
        ("web:7", "template=web:5 previous=web:6", Some(5)),
        ("web:7", "digest=sha256:4c", None),
        ("web:7", "template=api:5", None),
    ] {
        let has = settings_of(&revision(name, None, marks));
        assert_eq!(has, expected, "{name} {marks}");
    }
}

/// What somebody did to a revision.
type Change<'a> = &'a dyn Fn(&mut Value);

fn pipeline() -> Pipeline {
    let text = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
                revision_from='latest'\n";
    Config::parse(text).unwrap().pipelines.remove(0)
}

/// A revision whose container `web` runs `shop/web` by this reference, with what `change` does to it.
fn with(reference: &str, change: impl Fn(&mut Value), tags: Value) -> TaskDefinition {
    let host = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    let mut task_definition = json!({
        "taskDefinitionArn": format!("{ARN}/web:5"),
        "revision": 5,
        "registeredAt": 1_791_970_000.5,
        "taskRoleArn": "arn:aws:iam::111122223333:role/web",
        "containerDefinitions": [
            {"name": "web", "image": format!("{host}/shop/web{reference}"), "essential": true,
             "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"name": "proxy", "image": "nginx:1"},
        ],
    });
    change(&mut task_definition);
    TaskDefinition {
        task_definition,
        tags,
    }
}

#[test]
fn settings_are_everything_but_the_pipelines_image_and_our_tags() {
    let pinned = format!("@sha256:{}", "4c".repeat(32));
    let running = with(
        &pinned,
        |_| {},
        json!([{"key": "greenlight:tag", "value": "1"}]),
    );
    let container = |index: usize, field: &'static str, value: Value| {
        move |definition: &mut Value| {
            definition["containerDefinitions"][index][field] = value.clone();
        }
    };
    let top = |field: &'static str, value: Value| {
        move |definition: &mut Value| definition[field] = value.clone()
    };
    let same = |change: Change<'_>, tags: Value| {
        let latest = with(":latest", change, tags);
        has_same_settings(&running, &latest, &[&pipeline()])
    };
    let reordered = json!([{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]);
    let more = json!([{"name": "A", "value": "1"}, {"name": "B", "value": "3"}]);
    let rows: [(Change<'_>, bool); 10] = [
        (&|_| {}, true),
        (&container(0, "environment", reordered), true),
        (&top("registeredAt", json!(1)), true),
        (&top("volumes", json!([])), true),
        (&container(0, "environment", more), false),
        (&container(1, "image", json!("nginx:2")), false),
        (&container(0, "command", json!(["serve"])), false),
        (
            &top("taskRoleArn", json!("arn:aws:iam::111122223333:role/new")),
            false,
        ),
        (&top("cpu", json!("512")), false),
        (&top("ofTomorrow", json!({"on": true})), false),
    ];
    for (number, (change, expected)) in rows.into_iter().enumerate() {
        assert_eq!(same(change, Value::Null), expected, "row {number}");
    }
    // A person's tag is a setting; one that AWS gives is not.
    assert!(!same(&|_| {}, json!([{"key": "team", "value": "shop"}])));
    assert!(same(
        &|_| {},
        json!([{"key": "aws:cloudformation:stack-name", "value": "shop"}])
    ));
}

#[test]
fn what_is_registered_names_the_revision_before_it() {
    let before: RevisionArn = format!("{ARN}/web:6").parse().unwrap();
    let mut request = json!({"tags": [
        {"key": "team", "value": "shop"}, {"key": "greenlight:previous", "value": "web:5"},
    ]});
    set_previous(&mut request, &before);
    assert_eq!(request["tags"][1]["value"], "web:6");
    // Under `revision_from = "production"` it names none.
    let mut request = json!({"tags": []});
    set_previous(&mut request, &before);
    assert_eq!(request["tags"], json!([]));
}
