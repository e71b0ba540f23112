//! What becomes of production when deployments are stopped, follow one another or stand in each other's way.

use std::sync::Arc;

use super::run::{Run, play};
use super::{BLUE, GREEN, check_what_always_holds};

/// Plays a scenario after which the deployments have ended so, `web` runs this version, and people were told so often
/// that something shipped.
#[track_caller]
fn check(scenario: &str, deployments: &[&str], runs: &str, shipped: usize) -> Arc<Run> {
    let run = play(scenario);
    check_what_always_holds(&run);
    assert_eq!(run.deployments(), deployments);
    assert_eq!(run.runs_at_the_end("web"), runs);
    let told = run.messages();
    let told = told.iter().filter(|message| message.contains(SHIPPED));
    assert_eq!(told.count(), shipped, "{:?}", run.messages());
    run
}

/// In a message as the record has it.
const SHIPPED: &str = r#"\"outcome\":\"shipped\""#;

const WENT_BACK: [&str; 2] = ["Stopped", "Succeeded"];

#[test]
fn an_alarm_takes_production_back() {
    let run = check("alarm-rollback", &WENT_BACK, BLUE, 0);
    assert_eq!(run.lifecycle_event("AllowTraffic"), "Failed");
    run.says(&["rolled-back", "web-errors"]);
}

#[test]
fn an_alarm_that_is_on_already_lets_nothing_through() {
    let run = check("alarm-already-on", &WENT_BACK, BLUE, 0);
    assert_eq!(run.production_versions(), [BLUE]);
    run.says(&["stopped", "web-errors"]);
}

#[test]
fn who_presses_stop_gets_the_old_version_back_for_good() {
    let run = check("stopped-by-hand", &WENT_BACK, BLUE, 0);
    assert_eq!(run.calls("start-deployment", "CreateDeployment"), 1);
    let run = check("rolled-back-in-the-termination-wait", &WENT_BACK, BLUE, 0);
    assert_eq!(run.production_versions(), [BLUE, GREEN]);
    assert_eq!(run.calls("start-deployment", "CreateDeployment"), 1);
}

#[test]
fn what_is_stopped_without_a_rollback_is_told_to_stay_as_it_is() {
    let run = check("stopped-and-left", &["Stopped", "Failed"], BLUE, 0);
    run.says(&["stopped", "stay as they are"]);
    run.says(&["failed", "must be behind listener"]);
}

#[test]
fn a_person_says_when_production_is_rerouted() {
    check("ready-wait", &["Succeeded"], GREEN, 1);
    let run = check("ready-wait-runs-out", &["Stopped"], BLUE, 0);
    run.says(&["stopped", "timed out"]);
}

#[test]
fn a_group_without_a_test_listener_has_the_migration_as_its_gate() {
    let run = check("no-test-listener", &["Succeeded"], GREEN, 1);
    assert_eq!(run.lifecycle_events(0).len(), 6);
    assert_eq!(run.calls("run-migration", "RunTask"), 1);
    assert_eq!(run.calls("check-test-traffic", "DescribeTargetHealth"), 0);
}

#[test]
fn a_hook_that_cannot_answer_costs_an_hour_and_nothing_else() {
    let run = play("hook-never-answers");
    assert_eq!(run.deployments(), ["Failed", "Succeeded"]);
    assert_eq!(run.runs_at_the_end("web"), BLUE);
    assert_eq!(run.production_requests().1, 0);
    assert!(run.dead_letters() > 0, "the answer is lost");
    run.says(&["failed", "within one hour"]);
}

#[test]
fn blue_and_green_swap() {
    check(
        "two-deployments-in-a-row",
        &["Succeeded", "Succeeded"],
        "1.2.0",
        2,
    );
}

#[test]
fn the_pipelines_own_configuration_shifts_production() {
    check("linear", &["Succeeded"], GREEN, 1);
}

#[test]
fn of_a_burst_the_first_and_the_last_are_deployed() {
    let run = check("burst", &["Succeeded", "Succeeded"], "1.5.0", 2);
    assert_eq!(run.production_versions(), [BLUE, GREEN, "1.5.0"]);
    assert_eq!(run.calls("start-deployment", "RegisterTaskDefinition"), 2);
}

#[test]
fn a_newer_image_replaces_or_cuts_short_where_it_is_told_to() {
    let deployments = ["Stopped", "Succeeded", "Succeeded"];
    let run = check("replace-running", &deployments, "1.2.0", 1);
    assert_eq!(run.calls("start-deployment", "StopDeployment"), 1);
    let run = check("cut-the-wait", &["Succeeded", "Succeeded"], "1.2.0", 2);
    assert_eq!(run.calls("start-deployment", "ContinueDeployment"), 1);
}

#[test]
fn the_hourly_reconciliation_makes_up_for_lost_events() {
    check("lost-event", &["Succeeded", "Succeeded"], "1.2.0", 1);
}

#[test]
fn an_image_that_failed_waits_for_the_next_push() {
    let deployments = ["Failed", "Succeeded", "Succeeded"];
    let run = check("failed-image-then-fixed", &deployments, "1.1.1", 1);
    assert_eq!(run.production_versions(), [BLUE, "1.1.1"]);
    assert_eq!(run.calls("start-deployment", "CreateDeployment"), 2);
}

#[test]
fn no_event_goes_back_to_an_older_image() {
    let run = check("out-of-order", &["Succeeded", "Succeeded"], "1.2.0", 2);
    assert_eq!(run.production_versions(), [BLUE, "1.2.0"]);
    assert_eq!(run.runs_at_the_end("admin"), "1.2.0");
    let run = check("semver-never-downgrades", &["Succeeded"], "1.2.0", 1);
    assert_eq!(run.production_versions(), [BLUE, "1.2.0"]);
}

#[test]
fn a_tag_that_moves_back_is_an_order() {
    check("moved-tag-back", &["Succeeded", "Succeeded"], BLUE, 2);
    check("moved-tag-back-while-busy", &["Succeeded"; 3], GREEN, 3);
}

#[test]
fn no_look_undoes_what_people_did() {
    let run = check("gone-back-by-hand", &["Succeeded"; 3], GREEN, 3);
    assert_eq!(run.calls("start-deployment", "StopDeployment"), 0);
    let run = check("asked-by-a-person", &["Succeeded", "Succeeded"], BLUE, 2);
    assert_eq!(run.calls("start-deployment", "StopDeployment"), 0);
}
