//! Whole deployments in the rehearsal, and what must hold after each. The rehearsal has expectations of its own; these
//! here are written from what users are promised, and read nothing but the record.

mod catalogue;
mod history;
mod own;
pub(crate) mod run;
mod scale;

use std::collections::BTreeSet;

use crate::repository;
use crate::template::read::{actions, functions, statements};
use run::{Run, play};

const BLUE: &str = "1.0.0";
const GREEN: &str = "1.1.0";
const LIFECYCLE: [&str; 8] = [
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "AllowTestTraffic",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
];

/// All of them, by their own expectations: as AWS most likely is, and with the other possibility wherever its behaviour
/// is not confirmed.
#[test]
fn every_scenario_holds_on_both_sides_of_what_is_not_confirmed() {
    let all: Vec<(String, &[&str])> = run::scenarios()
        .into_iter()
        .flat_map(|name| [(name.clone(), &[][..]), (name, &["--assume", "all"][..])])
        .collect();
    assert!(all.len() > 80, "only {} of `--list`", all.len());
    let runs = run::side_by_side(&all, |(name, options)| run::play_under(name, options));
    let otherwise = all
        .iter()
        .zip(&runs)
        .filter(|(_, run)| !run.is_as_expected());
    let otherwise: Vec<String> = otherwise
        .map(|((name, options), run)| format!("{name} {}: {:#}", options.join(" "), run.problems()))
        .collect();
    assert!(
        otherwise.is_empty(),
        "not as expected: {}",
        otherwise.join("\n")
    );
}

/// The digest of `shop/web:1.1.0`: the sample events name the image that the rehearsal pushes, so that they work against it.
fn green_digest() -> String {
    let push = repository::json("events/start-deployment/push.json");
    push["detail"]["image-digest"].as_str().unwrap().to_owned()
}

/// Holds in every scenario: nobody who asked production was turned away, no function failed, and none called what the
/// template does not let it call.
#[track_caller]
fn check_what_always_holds(run: &Run) {
    let (requests, failed) = run.production_requests();
    assert!(
        requests > 0,
        "production was asked nothing, keep the client running"
    );
    assert_eq!(
        failed, 0,
        "{failed} of {requests} requests failed in production"
    );
    assert!(
        run.failed_invocations().is_empty(),
        "{:?}",
        run.failed_invocations()
    );
    let called: BTreeSet<(String, String)> = run.all_calls().into_iter().collect();
    assert!(
        !called.is_empty(),
        "nothing of AWS was called, record the calls"
    );
    let granted = granted();
    for call in called {
        assert!(
            granted.contains(&call),
            "{} of {} is not granted in template.yaml, grant it",
            call.1,
            call.0
        );
    }
}

/// (function, operation) of everything that the template grants.
fn granted() -> BTreeSet<(String, String)> {
    let operation = |action: String| action.rsplit(':').next().unwrap().to_owned();
    let mut granted = BTreeSet::new();
    for function in functions() {
        let operations = statements(&function.properties)
            .into_iter()
            .flat_map(|statement| actions(&statement))
            .map(operation);
        granted.extend(operations.map(|operation| (function.name.clone(), operation)));
    }
    granted
}

/// Holds when green replaced blue: every step succeeded in order, and people were told the beginning and the end.
#[track_caller]
fn check_shipped(run: &Run) {
    check_what_always_holds(run);
    assert_eq!(run.deployments(), ["Succeeded"]);
    assert_eq!(
        run.lifecycle_events(0),
        LIFECYCLE.map(|name| format!("{name} Succeeded"))
    );
    assert_eq!(run.shipped_digests(), [green_digest()]);
    assert_eq!(run.production_versions(), [BLUE, GREEN]);
    assert_eq!(run.messages().len(), 2, "{:?}", run.messages());
    assert!(
        run.messages()[0].contains("started"),
        "{:?}",
        run.messages()
    );
    assert!(
        run.messages()[1].contains("shipped"),
        "{:?}",
        run.messages()
    );
}

/// Holds where one event told of the push.
#[track_caller]
fn check_shipped_by_one_reconciliation(run: &Run) {
    check_shipped(run);
    assert_eq!(run.revisions_of(&green_digest()).len(), 1);
    assert_eq!(run.calls("start-deployment", "RegisterTaskDefinition"), 1);
    assert_eq!(run.calls("start-deployment", "CreateDeployment"), 1);
}

/// Holds when green was refused: production never saw it, the first deployment failed at `gate`, CodeDeploy rolled it
/// back, and nobody was told that anything shipped.
#[track_caller]
fn check_refused(run: &Run, gate: &str) {
    check_what_always_holds(run);
    assert_eq!(
        run.deployments(),
        ["Failed", "Succeeded"],
        "the deployment, and CodeDeploy's rollback of it"
    );
    assert_eq!(run.lifecycle_event(gate), "Failed");
    assert_eq!(run.lifecycle_event("AllowTraffic"), "Skipped");
    assert_eq!(run.production_versions(), [BLUE]);
    run.says(&["rolled back"]);
    for message in run.messages() {
        assert!(!message.contains("shipped"), "{message}");
    }
}

#[test]
fn ship() {
    let run = play("ship");
    check_shipped_by_one_reconciliation(&run);
    let calls = run.all_calls();
    let at = |function: &str, operation: &str| {
        calls
            .iter()
            .position(|call| *call == (function.to_owned(), operation.to_owned()))
            .unwrap()
    };
    let migrated = at("finish-migration", "PutLifecycleEventHookExecutionStatus");
    let checked = at("check-test-traffic", "PutLifecycleEventHookExecutionStatus");
    assert!(
        at("run-migration", "RunTask") < migrated && migrated < checked,
        "{calls:?}"
    );
}

#[test]
fn failed_migration() {
    let run = play("failed-migration");
    check_refused(&run, "AfterInstall");
    run.says(&["code 1", "no such table"]);
    assert_eq!(run.calls("check-test-traffic", "DescribeTargetHealth"), 0);
}

#[test]
fn failed_test_traffic() {
    let run = play("failed-test-traffic");
    check_refused(&run, "AfterAllowTestTraffic");
    run.says(&["/orders", "200", "500"]);
}

#[test]
fn redirect() {
    check_shipped_by_one_reconciliation(&play("redirect"));
}

#[test]
fn never_starts() {
    let run = play("never-starts");
    check_refused(&run, "Install");
    run.says(&["failed", "exited with code"]);
    assert_eq!(run.calls("run-migration", "RunTask"), 0);
}

#[test]
fn same_push_twice() {
    let run = play("same-push-twice");
    check_shipped(&run);
    // Two of the three invocations run side by side. Each may register a revision; one of them is deployed.
    let revisions = run.revisions_of(&green_digest());
    assert!((1..=2).contains(&revisions.len()), "{revisions:?}");
    assert_eq!(run.list("revisions").len(), revisions.len());
}

#[test]
fn several_pipelines() {
    let run = play("several-pipelines");
    check_what_always_holds(&run);
    assert_eq!(run.deployments(), ["Succeeded", "Succeeded"]);
    assert_eq!(run.shipped_digests(), [green_digest(), green_digest()]);
    let families: BTreeSet<&str> = run
        .revisions_of(&green_digest())
        .into_iter()
        .filter_map(|arn| arn.rsplit_once(':').map(|(family, _)| family))
        .collect();
    assert_eq!(families.len(), 2, "{families:?}");
    assert_eq!(
        run.calls("start-deployment", "RegisterTaskDefinition"),
        2,
        "the third service is left alone"
    );
    assert_eq!(
        run.calls("start-deployment", "CreateDeployment"),
        2,
        "the third service is left alone"
    );
}

#[test]
fn multi_arch() {
    let run = play("multi-arch");
    check_what_always_holds(&run);
    assert_eq!(run.deployments(), ["Succeeded"]);
    assert_eq!(run.production_versions(), [BLUE, GREEN]);
    assert_eq!(
        run.calls("start-deployment", "CreateDeployment"),
        1,
        "only the index is deployed"
    );
    let digests = run.shipped_digests();
    assert_eq!(digests.len(), 1, "{digests:?}");
    assert_eq!(run.list("revisions").len(), 1);
    assert_eq!(run.revisions_of(digests[0]).len(), 1);
}

#[test]
fn ec2_dynamic_ports() {
    let run = play("ec2-dynamic-ports");
    check_shipped_by_one_reconciliation(&run);
    assert_eq!(run.calls("run-migration", "RunTask"), 1);
}

#[test]
fn no_capacity() {
    let run = play("no-capacity");
    check_refused(&run, "AfterInstall");
    run.says(&["started no migration task", "Capacity is unavailable"]);
}

/// Nothing was done, whoever pushed was told why, and no event is kept: nobody has to send it again.
#[track_caller]
fn check_told(scenario: &str) {
    let run = play(scenario);
    assert!(run.deployments().is_empty(), "{:?}", run.deployments());
    assert!(run.list("revisions").is_empty());
    run.says(&["refused", "hint: "]);
    assert_eq!(run.dead_letters(), 0);
}

/// What cannot be done: nothing is half done, and the event is kept where it failed.
#[track_caller]
fn check_kept(scenario: &str) {
    let run = play(scenario);
    assert!(run.deployments().is_empty(), "{:?}", run.deployments());
    assert_eq!(run.calls("start-deployment", "CreateDeployment"), 0);
    assert_eq!(run.production_versions(), [BLUE]);
    assert_eq!(run.dead_letters(), 1, "the event is lost");
}

#[test]
fn an_unknown_service_is_named_and_told_once() {
    check_told("unknown-service");
}

#[test]
fn a_task_definition_without_a_matching_container_is_named_and_told_once() {
    check_told("no-matching-container");
}

#[test]
fn a_wrong_configuration_is_told_and_the_event_kept() {
    check_kept("wrong-configuration");
}

#[test]
fn a_denied_call_is_named_and_told_once() {
    check_told("denied-call");
}

#[test]
fn an_unreadable_event_is_kept() {
    check_kept("unreadable-event");
}

#[test]
fn a_push_that_nobody_follows_is_answered() {
    let run = play("nobody-follows");
    assert!(run.deployments().is_empty(), "{:?}", run.deployments());
    assert_eq!(run.dead_letters(), 0);
}

#[test]
fn a_denied_hook_answers_all_the_same() {
    let run = play("denied-hook");
    assert_eq!(run.deployments(), ["Failed", "Succeeded"]);
    assert_eq!(
        run.calls("run-migration", "PutLifecycleEventHookExecutionStatus"),
        1
    );
    assert_eq!(run.production_versions(), [BLUE]);
}

/// Before the first push, after each of two deployments, after a rollback, and where a person had changed it.
#[test]
fn a_parameter_is_written_only_where_it_says_something_else() {
    let run = play("publish");
    assert_eq!(run.calls("start-deployment", "PutParameter"), 5);
    assert!(run.calls("start-deployment", "GetParameter") > 5);
    let run = play("ship");
    for operation in ["GetParameter", "PutParameter"] {
        assert_eq!(run.calls("start-deployment", operation), 0, "{operation}");
    }
}
