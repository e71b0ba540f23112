//! Programs of the user's in containers.

use std::collections::BTreeMap;

use local_aws::program::{Program, Programs};
use local_aws::timeline::Event;
use local_aws::world::WorldSettings;
use serde_json::{Value, json};

use crate::aws::{PausedWorld, ecs, register, sample_service, started, world};

/// The container `web` with a program, where a shell is found.
fn program(entry_point: &[&str], command: &[&str]) -> impl FnOnce(&mut WorldSettings) + use<> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let program = Program {
        folder: "/".to_owned(),
        entry_point: words(entry_point),
        command: words(command),
    };
    let programs = Programs {
        by_container: BTreeMap::from([("web".to_owned(), program)]),
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        ..Programs::default()
    };
    |settings: &mut WorldSettings| settings.programs = programs
}

/// Runs a command in a container of 1.0.1; the exit code, the reason of its container, and its log.
async fn ran(world: &mut PausedWorld, command: &[&str]) -> (Value, Value, Vec<String>) {
    let revision = register(world, "1.0.1").await;
    let request = json!({
        "cluster": "prod",
        "taskDefinition": revision,
        "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        "overrides": { "containerOverrides": [
            { "name": "web", "command": command, "environment": [{ "name": "COLOUR", "value": "green" }] },
        ]},
    });
    let run = ecs(world, "RunTask", request).await;
    let task = &run["tasks"][0]["taskArn"];
    world.settled().await;
    let request = json!({ "cluster": "prod", "tasks": [task] });
    let described = ecs(world, "DescribeTasks", request).await;
    let container = &described["tasks"][0]["containers"][0];
    let id = task.as_str().unwrap().rsplit('/').next().unwrap();
    let lines = world.logs.of_task(id).into_iter();
    (
        container["exitCode"].clone(),
        container["reason"].clone(),
        lines.map(|event| event.message).collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_serves_and_a_task_may_run_another_command_in_its_place() {
    let sample = sample_service().to_str().unwrap();
    let serve = program(&["env", "SAMPLE_VERSION={version}"], &[sample, "serve"]);
    let mut world = world(serve).await;
    let script =
        "echo $SAMPLE_VERSION $REHEARSAL_IMAGE_VERSION $COLOUR $REHEARSAL_IMAGE_TAGS; exit 4";
    let (code, reason, lines) = ran(&mut world, &["sh", "-c", script]).await;
    assert_eq!((code, reason), (json!(4), Value::Null));
    assert_eq!(lines, ["1.0.1 1.0.1 green 1.0.1"]);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_exist_cannot_start_and_that_is_told() {
    let sample = sample_service().to_str().unwrap();
    let mut world = world(program(&[], &[sample, "serve"])).await;
    let (code, reason, lines) = ran(&mut world, &["no-such-program"]).await;
    let expected = "CannotStartContainerError: start `no-such-program`: No such file or directory (os error 2)";
    assert_eq!((code, reason), (Value::Null, json!(expected)));
    assert_eq!(lines, [""; 0]);
    let entries = world.timeline.entries().into_iter();
    let told = entries.filter_map(|entry| {
        let Event::ProgramFailed { reason, .. } = entry.event else {
            return None;
        };
        Some(reason)
    });
    let told: Vec<String> = told.collect();
    assert_eq!(told, [expected]);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_whose_program_fails_does_not_start_and_says_what_it_printed() {
    for (script, expected) in [
        (
            "echo no database; exit 3",
            "ended with exit code 3; it printed last:\n  no database",
        ),
        ("exit 0", "ended with exit code 0; it printed nothing"),
    ] {
        let error = started(program(&[], &["sh", "-c", script]))
            .await
            .err()
            .unwrap();
        let expected = format!("the program in container `web` (1.0.0): {expected}");
        assert_eq!(format!("{error:#}"), expected);
    }
}
