use serde_json::{Value, json};

use super::super::*;
use crate::config::{Config, Pipeline};
use crate::observed::TaskDefinition;
use crate::revision;

const REPOSITORY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:1";

fn pipeline(more: &str, container: &str, command: &[&str], image: &str) -> Pipeline {
    let text = format!(
        "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n{more}\n\
         [pipeline.migration]\ncontainer='{container}'\ncommand={command:?}\n{image}"
    );
    Config::parse(&text).unwrap().pipelines.remove(0)
}

fn checked(pipeline: &Pipeline, containers: Value) -> Result<String, String> {
    let definition = TaskDefinition {
        task_definition: json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1",
            "family": "web",
            "containerDefinitions": containers,
        }),
        tags: Value::Null,
    };
    let matching = revision::matching(pipeline, &definition).unwrap();
    let migration = pipeline.migration.as_ref().unwrap();
    let checked = check(migration, &definition.task_definition, &matching);
    checked
        .map(|runs| runs.to_string())
        .map_err(|unfit| unfit.to_string())
}

/// What a command means behind an entry point, in one container.
fn behind(entry_point: &[&str], command: &[&str]) -> Result<String, String> {
    let container = json!([{"name": "web", "image": REPOSITORY, "entryPoint": entry_point}]);
    checked(&pipeline("", "web", command, ""), container)
}

#[test]
fn the_container_exists_and_gets_the_image() {
    let two = || {
        json!([
            {"name": "web", "image": REPOSITORY},
            {"name": "app", "image": REPOSITORY, "essential": false},
            {"name": "proxy", "image": "public.ecr.aws/nginx/nginx:1.27"},
        ])
    };
    let check = |more: &str, container: &str, image: &str| {
        checked(&pipeline(more, container, &["./migrate"], image), two())
    };
    let fits = check("", "web", "").unwrap();
    assert!(
        fits.contains("container `web` (essential)") && fits.contains("essential `proxy`"),
        "{fits}"
    );
    assert!(fits.contains("answers SIGTERM") && fits.contains("`essential: false`"));
    assert!(check("", "app", "").unwrap().contains("(not essential)"));
    let missing = check("", "nope", "").unwrap_err();
    assert!(
        missing.contains("no container `nope`") && missing.contains("`web`, `app`, `proxy`"),
        "{missing}"
    );
    let old = check("containers=['web']", "app", "").unwrap_err();
    for part in [
        "the old code would migrate",
        "container = \"web\"",
        r#"containers = ["web", "app"]"#,
        "image = \"own\"",
    ] {
        assert!(old.contains(part), "{part}: {old}");
    }
    assert!(check("", "proxy", "").is_err());
    assert!(check("", "proxy", "image='own'").is_ok());
    assert!(check("containers=['web']", "app", "image='own'").is_ok());
}

/// What the migration runs beside is what starts in its own revision.
#[test]
fn a_migration_that_runs_alone_says_what_starts() {
    let containers = json!([
        {"name": "web", "image": REPOSITORY, "essential": false, "dependsOn": [{"containerName": "proxy", "condition": "START"}]},
        {"name": "worker", "image": REPOSITORY},
        {"name": "proxy", "image": "public.ecr.aws/nginx/nginx:1.27", "essential": false},
    ]);
    let command = &["./migrate"][..];
    let beside = checked(&pipeline("", "web", command, ""), containers.clone()).unwrap();
    assert!(
        beside.contains("(not essential)")
            && beside.contains("essential `worker`")
            && !beside.contains("alone"),
        "{beside}"
    );
    let alone = checked(
        &pipeline("", "web", command, "alone=true"),
        containers.clone(),
    )
    .unwrap();
    let starts = "(essential) of image";
    let runs = "; it runs alone, in a revision of the family `web-migration`: 2 of the 3 containers start, `web`, `proxy`";
    assert!(alone.contains(starts) && alone.ends_with(runs), "{alone}");
    // All else is refused as it is of the shipped revision.
    for (more, container, command, expected) in [
        ("", "nope", command, "no container `nope`"),
        (
            "containers=['worker']",
            "web",
            command,
            "does not get the pushed image",
        ),
        ("", "web", &["sh", "-c", "./migrate", "up"], "would not run"),
    ] {
        let said = checked(
            &pipeline(more, container, command, "alone=true"),
            containers.clone(),
        );
        let said = said.unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_family_that_ecs_would_refuse_is_refused_before() {
    let checked = |characters: usize, alone: &str| {
        let pipeline = pipeline("containers=['web']", "web", &["./migrate"], alone);
        let definition = TaskDefinition {
            task_definition: json!({
                "family": "f".repeat(characters),
                "containerDefinitions": [{"name": "web", "image": REPOSITORY}],
            }),
            tags: Value::Null,
        };
        let matching = revision::matching(&pipeline, &definition).unwrap();
        check(
            pipeline.migration.as_ref().unwrap(),
            &definition.task_definition,
            &matching,
        )
    };
    assert!(checked(245, "alone=true").is_ok());
    assert!(checked(246, "").is_ok());
    let said = checked(246, "alone=true").unwrap_err().to_string();
    assert!(
        said.contains("would have 256 characters, and ECS takes 255"),
        "{said}"
    );
}

/// The restart policies of the migration's container and of the other one that gets the image; what is said of it, nothing
/// where it fits.
#[test]
fn a_container_that_ecs_would_run_again_is_refused() {
    let on = || json!({"enabled": true});
    let never = "migrate in a container without a restart policy";
    let other = "or migrate with `container = \"app\"`";
    let table = [
        (
            on(),
            Value::Null,
            &["300 seconds or more", "whatever its exit code", other][..],
        ),
        (on(), on(), &["`restartPolicy` to false", never]),
        (on(), json!({"enabled": false}), &[other]),
        (
            json!({"enabled": true, "restartAttemptPeriod": 60, "ignoredExitCodes": []}),
            Value::Null,
            &["60 seconds or more", "whatever its exit code"],
        ),
        // A 0 after a run that failed half way is not the 0 of a migration that ran once.
        (
            json!({"enabled": true, "ignoredExitCodes": [0]}),
            Value::Null,
            &["unless its exit code is 0, and"],
        ),
        (
            json!({"enabled": true, "ignoredExitCodes": [0, 3], "restartAttemptPeriod": 1800}),
            Value::Null,
            &["1800 seconds", "unless its exit code is 0 or 3, and"],
        ),
        // What does not say that it is off is on.
        (
            json!({"restartAttemptPeriod": 60}),
            Value::Null,
            &["60 seconds"],
        ),
        (json!({"enabled": "no"}), Value::Null, &["300 seconds"]),
        (
            json!({"enabled": false, "restartAttemptPeriod": 60}),
            on(),
            &[],
        ),
        (Value::Null, on(), &[]),
    ];
    for (policy, beside, expected) in table {
        let containers = json!([
            {"name": "web", "image": REPOSITORY, "restartPolicy": policy},
            {"name": "app", "image": REPOSITORY, "restartPolicy": beside},
            {"name": "proxy", "image": "public.ecr.aws/nginx/nginx:1.27", "restartPolicy": {"enabled": true}},
        ]);
        let said = checked(&pipeline("", "web", &["./migrate"], ""), containers);
        assert_eq!(said.is_err(), !expected.is_empty(), "{policy}: {said:?}");
        let said = said.err().unwrap_or_default();
        for part in expected {
            assert!(said.contains(part), "{policy}: {part}: {said}");
        }
    }
    // One that brings its own tool along, too.
    let own = json!([
        {"name": "web", "image": REPOSITORY},
        {"name": "flyway", "image": "flyway/flyway:11", "restartPolicy": {"enabled": true}},
    ]);
    let said = checked(&pipeline("", "flyway", &["migrate"], "image='own'"), own);
    assert!(
        said.unwrap_err()
            .contains("migrate with `container = \"web\"`")
    );
}

/// Entry point and command; what would run, and a part of the remedy.
#[test]
#[expect(clippy::too_many_lines, reason = "one table, a case a line")]
fn a_command_that_a_shell_would_swallow_is_refused() {
    let django = &["python", "manage.py", "migrate"][..];
    let whole = r#"command = ["python manage.py migrate"]"#;
    let table: &[(&[&str], &[&str], &str, &str)] = &[
        (&["sh", "-c"], django, "sh -c python", whole),
        (&["/bin/bash", "-c"], django, "/bin/bash -c python", whole),
        (
            &["/usr/bin/env", "bash", "-lc"],
            django,
            "bash -lc python",
            whole,
        ),
        (&["bash", "-e", "-c"], django, "bash -e -c python", whole),
        (
            &["bash", "-eo", "pipefail", "-c"],
            django,
            "pipefail -c python",
            whole,
        ),
        (
            &["bash", "-o", "pipefail", "-c"],
            django,
            "pipefail -c python",
            whole,
        ),
        (&["bash", "--norc", "-ec"], django, "-ec python", whole),
        (&["dash", "-c", "--"], django, "dash -c -- python", whole),
        (
            &["tini", "--", "sh", "-c"],
            django,
            "tini -- sh -c python",
            whole,
        ),
        (
            &["/sbin/tini", "-g", "--", "/bin/ash", "-ec"],
            django,
            "-ec python",
            whole,
        ),
        (&["dumb-init", "zsh", "-c"], django, "zsh -c python", whole),
        (
            &["busybox", "sh", "-c"],
            django,
            "busybox sh -c python",
            whole,
        ),
        (
            &["gosu", "app", "sh", "-c"],
            django,
            "gosu app sh -c python",
            whole,
        ),
        (&["env", "A=1", "ksh", "-c"], django, "ksh -c python", whole),
        (
            &["/docker-entrypoint.sh", "sh", "-c"],
            django,
            "sh -c python",
            whole,
        ),
        (&["su", "app", "-c"], django, "su app -c python", whole),
        (
            &["su", "-s", "/bin/sh", "app", "-c"],
            django,
            "app -c python",
            whole,
        ),
        (
            &[],
            &["su", "-c", "python", "app", "migrate"],
            "su -c python",
            "command = ",
        ),
        (
            &["timeout", "30", "sh", "-c"],
            django,
            "timeout 30 sh -c python",
            whole,
        ),
        (
            &["sh", "-c"],
            &["sh", "-c", "./migrate up"],
            "sh -c sh",
            "sh -c ",
        ),
        (
            &[],
            &["sh", "-c", "python", "manage.py", "migrate"],
            "sh -c python",
            r#"command = ["sh", "-c", "python manage.py migrate"]"#,
        ),
        (
            &["tini", "--"],
            &["bash", "-ec", "./migrate", "up"],
            "bash -ec ./migrate",
            r#"["bash", "-ec", "./migrate up"]"#,
        ),
        (
            &[],
            &["sh", "-c", "sh -c python manage.py"],
            "sh -c python",
            "command = ",
        ),
        (
            &["sh", "-c", "exec gunicorn app"],
            django,
            "sh -c 'exec gunicorn app'",
            "exec \"$@\"",
        ),
        (
            &["sh", "-c", "exec \"$@\""],
            django,
            "sh -c 'exec \"$@\"'",
            r#"["--", "python", "manage.py", "migrate"]"#,
        ),
        (
            &["sh", "-c", "exec \"$1\"", "--"],
            django,
            "sh -c 'exec \"$1\"'",
            "exec \"$@\"",
        ),
        (
            &["sh", "-c", "exec \"$@\"", "--"],
            &["sh", "-c", "./a", "b"],
            "sh -c ./a",
            r#"["sh", "-c", "./a b"]"#,
        ),
        (&["sh", "-s"], django, "sh -s python", "entry point"),
        (&["sh", "-nc"], django, "sh -nc python", "entry point"),
        (
            &["bash", "-o", "noexec", "-c"],
            django,
            "noexec",
            "entry point",
        ),
        (&["echo"], django, "echo python", "entry point"),
        (&[], &["true", "migrate"], "true migrate", ""),
        (
            &[],
            &["sh", "-c", "echo '$@'", "x", "y"],
            "sh -c",
            "command = ",
        ),
    ];
    for (entry_point, command, runs, remedy) in table {
        let said = behind(entry_point, command).expect_err(&format!("{entry_point:?} {command:?}"));
        assert!(
            said.contains(runs) && said.contains(remedy) && said.contains("hint: "),
            "{said}"
        );
    }
}

#[test]
fn a_command_that_runs_as_it_is_written_is_not_refused() {
    let django = &["python", "manage.py", "migrate"][..];
    let table: &[(&[&str], &[&str])] = &[
        (&[], django),
        (&["python"], &["manage.py", "migrate"]),
        (&["tini", "--"], django),
        (&["/docker-entrypoint.sh"], django),
        (&["sh", "entry.sh"], django),
        (&["sh", "-e", "entry.sh"], django),
        (&["sh", "-c"], &["python manage.py migrate"]),
        (&["sh", "-c"], &["./migrate && ./seed"]),
        (&[], &["sh", "-c", "./migrate up"]),
        (&[], &["su", "app", "-c", "./migrate up"]),
        (&[], &["su", "-c", "./migrate up", "app"]),
        (&[], &["su", "-s", "/bin/sh", "-c", "./migrate up", "app"]),
        (
            &[],
            &["su", "-c", "./migrate up", "-s", "/bin/sh", "-", "app"],
        ),
        (&[], &["sh", "-c", "./migrate up", "--"]),
        (&[], &["sh", "-c", "exec \"$@\"", "sh", "./migrate", "up"]),
        (&[], &["sh", "-c", "exec \"$0\" \"$@\"", "./migrate", "up"]),
        (&[], &["sh", "-c", "./migrate \"$1\"", "sh", "up"]),
        (&["sh", "-c", "exec \"$@\"", "--"], django),
        (&["sh", "-c", "exec \"$0\" \"$@\""], django),
        (&["sh", "-c", "set -e; . /env; exec \"${@}\"", "_"], django),
        (
            &["sh", "-c", "exec \"$@\"", "--"],
            &["sh", "-c", "./migrate up"],
        ),
        (
            &["bash", "-c", "while [ $1 ]; do $1; shift; done", "-"],
            django,
        ),
        (&["sh", "-c", "exec \"$@\""], &["--", "./migrate"]),
    ];
    for (entry_point, command) in table {
        let said = behind(entry_point, command);
        assert!(said.is_ok(), "{entry_point:?} {command:?}: {said:?}");
    }
}

#[test]
fn another_container_that_runs_it_is_named() {
    let containers = json!([
        {"name": "web", "image": REPOSITORY, "entryPoint": ["sh", "-c", "exec gunicorn app"]},
        {"name": "tools", "image": REPOSITORY},
    ]);
    let said = checked(&pipeline("", "web", &["./migrate"], ""), containers).unwrap_err();
    assert!(said.contains("container = \"tools\""), "{said}");
}

#[test]
fn what_is_secret_in_a_command_is_not_told() {
    let command = &[
        "./migrate",
        "--url",
        "postgres://shop:hunter2@db/shop",
        "--password=hunter2",
    ];
    let said = behind(&[], command).unwrap();
    assert!(!said.contains("hunter2"), "{said}");
    let said = behind(&["sh", "-c"], command).unwrap_err();
    assert!(!said.contains("hunter2"), "{said}");
}
