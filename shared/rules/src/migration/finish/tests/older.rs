use std::collections::BTreeMap;

use super::*;

/// A migration of an older version: no schedule, but two variables in its task.
fn world() -> World {
    let mut older = task(Some(0));
    let variables = [
        ("GREENLIGHT_DEPLOYMENT_ID", "d-1"),
        ("GREENLIGHT_HOOK_EXECUTION_ID", EXECUTION),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    older.overrides[0].environment = BTreeMap::from(variables);
    let mut world = World::new(described(older));
    world.input = None;
    world
}

fn older_time_out(execution: &str) -> FinishEvent {
    FinishEvent::TimedOut(TimedOut {
        deployment: "d-1".parse().unwrap(),
        older: Some((execution.parse().unwrap(), task(None).arn)),
    })
}

const NOTHING_WAITS: &str = "nothing: no migration of this deployment waits (any more)";

#[test]
fn a_migration_of_an_older_version_is_answered() {
    for event in [ended(), older_time_out(EXECUTION)] {
        let (finish, _) = world().decide(&event);
        let Finish::End(end) = finish.unwrap() else {
            panic!("the migration has ended");
        };
        assert_eq!(end.record.executions, [EXECUTION.parse().unwrap()]);
        assert_eq!(said(Finish::End(end)), "succeeded");
    }
    let mut runs = world();
    if let Described::This(task) = &mut runs.task {
        task.last_status = "RUNNING".to_owned();
        task.stop_code = None;
        task.containers[0].exit_code = None;
    }
    let too_long = "stop: the migration did not end within its 30 minutes";
    assert_eq!(runs.said(&older_time_out(EXECUTION)), too_long);
    // By the time that the task was created at, for its schedule is gone.
    runs.now = 28;
    let said = runs.said(&older_time_out(EXECUTION));
    assert!(said.contains("has time until 1970-01-01 0:30"), "{said}");
}

/// Whatever is not the migration that the deployment would have started answers nothing.
#[test]
fn an_older_version_leaves_no_other_task_an_answer() {
    assert_eq!(world().said(&time_out()), NOTHING_WAITS);
    assert_eq!(
        world().said(&older_time_out("eyJ2")),
        "nothing: the task and the time-out name different calls of the hook"
    );
    let ended_before = world().with_status(DeploymentStatus::Succeeded);
    assert_eq!(ended_before.said(&ended()), NOTHING_WAITS);

    let mut without = world();
    without.task = described(task(Some(0)));
    assert_eq!(without.said(&ended()), NOTHING_WAITS);
    without.task = Described::Unknown;
    assert_eq!(without.said(&ended()), NOTHING_WAITS);
    without.task = Described::Unreadable("denied".to_owned());
    assert_eq!(without.said(&ended()), "nothing: denied");

    let mut other = world();
    if let Described::This(task) = &mut other.task {
        task.overrides[0].command = vec!["true".to_owned()];
    }
    assert_eq!(
        other.said(&ended()),
        "nothing: task 8f3c1a7c is not the migration of deployment `d-1`: its command is another one"
    );
    let mut of_blue = world();
    of_blue.runs_shipped = false;
    assert_eq!(
        of_blue.said(&ended()),
        "nothing: task 8f3c1a7c does not run the image of deployment `d-1`"
    );
    let mut by_hand = world();
    if let Described::This(deployment) = &mut by_hand.deployment {
        deployment.description = None;
    }
    assert_eq!(
        by_hand.said(&ended()),
        "nothing: it is not known which image this deployment ships"
    );
    let mut unread = world();
    unread.deployment = Described::Unreadable("denied".to_owned());
    assert_eq!(unread.said(&ended()), "nothing: denied");
    let mut alone = world();
    alone.config = None;
    assert_eq!(
        alone.said(&older_time_out(EXECUTION)),
        "error: no configuration"
    );
}
