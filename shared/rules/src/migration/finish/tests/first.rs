use super::*;

/// Every status of a task, and one that AWS may add.
const STATUSES: [&str; 8] = [
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    STOPPED,
    "OF_TOMORROW",
];

/// Exit codes of `web`, which migrates, and of `proxy` beside it, both essential; the stop code; what is decided as long as the task
/// is not `STOPPED`, and when it is.
#[test]
fn an_end_is_judged_as_soon_as_ecs_shows_that_it_came_first() {
    const EXITED: Option<&str> = Some("EssentialContainerExited");
    let waits = "nothing: the migration of task 8f3c1a7c has ended, perhaps because its task is stopped: it is judged when it is \
                 `STOPPED`";
    let (unknown, stopped) = (
        "failed: it is not known whether",
        "failed: the migration was stopped",
    );
    let runs = "nothing: the migration of task 8f3c1a7c still runs";
    let table = [
        (Some(0), None, EXITED, "succeeded, stop: ", "succeeded"),
        (Some(0), None, None, "succeeded, stop: ", "succeeded"),
        // Stopped by the signal itself: the migration was first.
        (Some(0), Some(143), EXITED, "succeeded, stop: ", "succeeded"),
        (
            Some(3),
            None,
            EXITED,
            "failed: the migration exited with code 3",
            "failed: the migration exited with code 3",
        ),
        // It answered SIGTERM with 0, or it ended before.
        (Some(0), Some(0), EXITED, waits, unknown),
        (Some(0), Some(1), EXITED, waits, unknown),
        (
            Some(3),
            Some(1),
            EXITED,
            waits,
            "failed: the migration exited with code 3",
        ),
        (Some(0), None, Some("UserInitiated"), waits, stopped),
        (Some(0), Some(143), Some("SpotInterruption"), waits, stopped),
        (
            None,
            Some(0),
            EXITED,
            runs,
            "failed: the migration ended without an exit code",
        ),
    ];
    for (web, proxy, stop_code, before, after) in table {
        for status in STATUSES {
            let mut migrated = task(web);
            migrated.last_status = status.to_owned();
            migrated.stop_code = stop_code.map(str::to_owned);
            migrated
                .containers
                .push(TaskContainer::for_tests("proxy", proxy));
            let mut world = World::new(described(migrated));
            world.essential = &["web", "proxy"];
            let event = FinishEvent::Changed(TaskChanged {
                deployment: "d-1".parse().unwrap(),
                task: task(None).arn,
                has_stopped: false,
                ended: Vec::new(),
            });
            let said = world.said(&event);
            let expected = if status == STOPPED { after } else { before };
            assert!(
                said.starts_with(expected),
                "{status} {web:?} {proxy:?} {stop_code:?}: {said}"
            );
            // An event that is further than what ECS describes waits for it.
            if status != STOPPED && before.starts_with("nothing") {
                assert!(world.said(&ended()).starts_with("not yet: "));
            }
        }
    }
}
