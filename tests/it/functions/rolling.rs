//! The migration before a rolling update: `start-deployment` runs it, `finish-migration` writes its end on the revision, and
//! `start-deployment` decides again.

mod aws;
mod gate;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use self::aws::*;
use super::on_ecs::{self, FAMILY, HEAD, looked, marked};
use super::wire::Answer::Says;
use super::wire::{Function, invoke_each};

/// `report-outcome` deletes its own at the end of the deployment before, which may be while ECS does not list this one yet.
#[test]
fn every_look_at_a_deployment_under_way_has_report_outcome_look_too() {
    let mut world = on_ecs::world();
    world.revisions.insert(3, marked(3));
    world.wanted = 3;
    let under_way = ("own", "IN_PROGRESS", 3, 10.0, json!({}));
    world.deployments.insert(0, under_way);
    let (invocation, _) = looked(world);
    let made = invocation.calls.iter();
    let made = made.filter(|(operation, _)| operation == "CreateSchedule");
    let targets: Vec<&str> = made
        .map(|(_, schedule)| text(&schedule["Target"], "Arn"))
        .map(|function| function.rsplit_once(':').unwrap().1)
        .collect();
    assert_eq!(
        targets,
        ["greenlight-start-deployment", "greenlight-report-outcome"],
        "{}",
        invocation.answer
    );
}

#[test]
fn a_rolling_update_follows_its_migration() {
    let mut state = state();
    let first = look(&mut state);
    assert_eq!(decision(&first), "migrate", "{}", first.answer);
    assert_eq!(calls(&first, "UpdateService"), 0);
    let ran = first.request("RunTask");
    assert_eq!(ran["taskDefinition"], format!("{FAMILY}:3"));
    let started_by = text(ran, "startedBy");
    assert!(started_by.starts_with("greenlight-rolling/") && started_by.ends_with("-before"));
    assert!(text(ran, "clientToken").len() <= 64);
    let container = &ran["overrides"]["containerOverrides"][0];
    assert_eq!(*container, json!({"name": "web", "command": ["migrate"]}));
    assert_eq!(first.messages[0]["outcome"], "started");
    assert!(text(&first.messages[0], "summary").contains("migration of shop/web:latest"));
    // The schedule first, and then with the task.
    let operations = first.operations();
    let at = |operation: &str| operations.iter().position(|one| *one == operation);
    assert!(at("CreateSchedule") < at("RunTask") && at("RunTask") < at("UpdateSchedule"));

    let second = look(&mut state);
    assert_eq!(
        decision(&second),
        "already-in-progress",
        "{}",
        second.answer
    );
    assert_eq!(second.answer["pipelines"][0]["deployment_id"], "web-3");
    assert_eq!(calls(&second, "RunTask"), 0);

    let event = state.ends(0, 0);
    let finished = finish(&event, &mut state);
    assert!(
        mark(&state, 3).starts_with("succeeded 0ffff"),
        "{}",
        finished.answer
    );
    assert!(mark(&state, 3).ends_with(" before"), "{}", mark(&state, 3));
    assert!(finished.messages.is_empty());
    assert_eq!(state.schedule, None);
    let look_again = finished.request("CreateSchedule");
    assert_eq!(look_again["ActionAfterCompletion"], "DELETE");
    assert_eq!(
        text(&look_again["Target"], "Input"),
        r#"{"look":{"cluster":"prod","service":"web"}}"#
    );
    assert!(text(&look_again["Target"], "Arn").ends_with("greenlight-start-deployment"));

    let third = look(&mut state);
    assert_eq!(decision(&third), "start", "{}", third.answer);
    assert_eq!(
        third.request("UpdateService")["taskDefinition"],
        format!("{FAMILY}:3")
    );
    assert_eq!(
        calls(&third, "RunTask") + calls(&third, "RegisterTaskDefinition"),
        0
    );
}

#[test]
fn an_event_that_comes_twice_and_one_of_another_task_change_nothing() {
    let mut state = migrating();
    let mut forged = state.tasks[0].clone();
    forged["taskArn"] = json!(format!("{HEAD}:task/prod/9{}", "f".repeat(31)));
    forged["lastStatus"] = json!("STOPPED");
    forged["containers"] = json!([{"name": "web", "lastStatus": "STOPPED", "exitCode": 0}]);
    state.tasks.push(forged.clone());
    let invocation = finish(&changed(&forged), &mut state);
    assert_eq!(invocation.answer["answer"], "none", "{}", invocation.answer);
    assert_eq!(
        (mark(&state, 3).as_str(), state.schedule.is_some()),
        ("", true)
    );
    // Without a task that is written down, each member tells it from the migration.
    let (input, _) = state.schedule.as_mut().unwrap();
    let mut record: Value = serde_json::from_str(input).unwrap();
    record["rolling"]
        .as_object_mut()
        .unwrap()
        .remove("task_arn");
    *input = record.to_string();
    state.tasks[1]["overrides"] =
        json!({"containerOverrides": [{"name": "web", "command": ["true"]}]});
    let invocation = finish(&changed(&state.tasks[1].clone()), &mut state);
    assert_eq!(invocation.answer["answer"], "none", "{}", invocation.answer);
    assert_eq!(mark(&state, 3), "");
    let event = state.ends(0, 0);
    finish(&event, &mut state);
    assert!(mark(&state, 3).starts_with("succeeded"));
    let again = finish(&event, &mut state);
    assert_eq!(again.answer["answer"], "none", "{}", again.answer);
    assert_eq!(calls(&again, "TagResource"), 0);
}

#[test]
fn a_crash_around_run_task_migrates_once() {
    for dies_at in ["RunTask", "UpdateSchedule"] {
        let mut state = state();
        state.dies_at = Some(dies_at);
        look(&mut state);
        state.dies_at = None;
        let again = look(&mut state);
        let expected = match dies_at {
            "RunTask" => "migrate",
            _ => "already-in-progress",
        };
        assert_eq!(decision(&again), expected, "{dies_at}: {}", again.answer);
        assert_eq!(
            (state.tasks.len(), state.world.revisions.len()),
            (1, 2),
            "{dies_at}"
        );
        let event = state.ends(0, 0);
        finish(&event, &mut state);
        assert!(mark(&state, 3).starts_with("succeeded"), "{dies_at}");
    }
}

#[test]
fn of_two_starts_one_migrates() {
    let mut state = state();
    let mut other = migrating();
    state.faster = other.schedule.take();
    state.tasks = other.tasks;
    state.world.revisions.extend(other.world.revisions);
    state
        .world
        .revisions
        .insert(4, state.world.revisions[&3].clone());
    state.world.revisions.get_mut(&4).unwrap().0["taskDefinitionArn"] =
        json!(format!("{FAMILY}:4"));
    let invocation = look(&mut state);
    assert_eq!(
        decision(&invocation),
        "already-in-progress",
        "{}",
        invocation.answer
    );
    assert_eq!(calls(&invocation, "RunTask"), 0);
    assert!(invocation.messages.is_empty());
}

#[test]
fn a_failed_migration_is_told_and_not_repeated_but_by_a_request() {
    let mut state = migrating();
    let event = state.ends(0, 3);
    let invocation = finish(&event, &mut state);
    let marked = mark(&state, 3);
    assert!(
        marked.starts_with("failed 0ffff") && marked.contains(" 3 2026-"),
        "{marked}"
    );
    assert_eq!(invocation.messages[0]["outcome"], "migration-failed");
    assert!(text(&invocation.messages[0], "reason").contains("exited with code 3"));
    let again = look(&mut state);
    assert_eq!(decision(&again), "failed-before", "{}", again.answer);
    let request = json!({"pipeline": "web"});
    let requested = call("start-deployment", &pipelines(), &request, &mut state);
    assert_eq!(decision(&requested), "migrate", "{}", requested.answer);
    assert_eq!(
        requested.request("RunTask")["taskDefinition"],
        format!("{FAMILY}:4")
    );
    assert_eq!(state.tokens.len(), 2);
}

/// No deployment follows whose end would report it.
#[test]
fn a_failed_migration_is_told_when_the_event_comes_again_that_sns_did_not_take() {
    let mut state = migrating();
    let event = state.ends(0, 3);
    state.dies_at = Some("Publish");
    finish(&event, &mut state);
    assert!(mark(&state, 3).starts_with("failed"));
    assert!(state.schedule.is_some(), "nothing would come again");
    state.dies_at = None;
    let again = finish(&event, &mut state);
    assert_eq!(again.messages[0]["outcome"], "migration-failed");
    assert!(state.schedule.is_none());
}

#[test]
fn a_newer_push_waits_for_the_migration_and_goes_after_it_or_alone() {
    let replaces = "when_busy='replace'\n[pipeline.migration]";
    let replaces = pipelines().replace("[pipeline.migration]", replaces);
    for (pipelines, then, revision) in [(pipelines(), "start", "3"), (replaces, "migrate", "4")] {
        let mut state = migrating();
        (state.tagged, state.pushed_at) = ("c", NOW + 10.0);
        let event = json!({"look": {"cluster": "prod", "service": "web"}});
        let during = call("start-deployment", &pipelines, &event, &mut state);
        assert_eq!(decision(&during), "waiting", "{}", during.answer);
        assert_eq!(calls(&during, "StopTask"), 0);
        let ended = state.ends(0, 0);
        finish(&ended, &mut state);
        let after = call("start-deployment", &pipelines, &event, &mut state);
        assert_eq!(decision(&after), then, "{}", after.answer);
        let deploys = &after.answer["pipelines"][0]["revision"];
        assert_eq!(*deploys, format!("{FAMILY}:{revision}"));
    }
}

#[test]
fn somebody_elses_deployment_during_the_migration_supersedes_it() {
    let mut state = migrating();
    state.is_deployed_to("other", 2);
    let during = look(&mut state);
    assert_eq!(
        decision(&during),
        "already-in-progress",
        "{}",
        during.answer
    );
    let event = state.ends(0, 0);
    let finished = finish(&event, &mut state);
    assert_eq!(finished.messages[0]["verdict"], "superseded");
    assert!(text(&finished.messages[0], "summary").contains("the database is migrated"));
    assert!(
        mark(&state, 3).starts_with("superseded "),
        "{}",
        mark(&state, 3)
    );
    let after = look(&mut state);
    assert_eq!(decision(&after), "superseded", "{}", after.answer);
    assert_eq!(calls(&after, "UpdateService") + calls(&after, "RunTask"), 0);
}

/// Nobody is told of that one: it came when the migration had been judged. So the image is due as before.
#[test]
fn somebody_elses_deployment_after_the_migration_keeps_nothing_from_being_deployed() {
    let mut state = migrating();
    let event = state.ends(0, 0);
    let finished = finish(&event, &mut state);
    assert!(finished.messages.is_empty());
    state.is_deployed_to("other", 2);
    let after = look(&mut state);
    assert_eq!(decision(&after), "migrate", "{}", after.answer);
    assert_eq!(
        after.request("RunTask")["taskDefinition"],
        format!("{FAMILY}:4")
    );
}

#[test]
fn an_update_does_not_overlook_a_migration_that_another_start_began() {
    let mut state = migrating();
    let (input, expression) = state.schedule.clone().unwrap();
    let event = state.ends(0, 0);
    finish(&event, &mut state);
    let others = input.replace(&format!("{FAMILY}:3"), &format!("{FAMILY}:4"));
    assert_ne!(others, input);
    // When it is decided there is none, and right before the update there is one. Then all is looked at anew.
    state.reads = vec![Some((others, expression)), None];
    let after = look(&mut state);
    assert_eq!(decision(&after), "start", "{}", after.answer);
    assert_eq!(calls(&after, "GetSchedule"), 4);
    assert_eq!(calls(&after, "UpdateService"), 1);
}

#[test]
fn a_migration_of_which_the_end_is_lost_is_not_known_and_not_repeated() {
    let mut state = migrating();
    let (_, expression) = state.schedule.as_mut().unwrap();
    *expression = "at(2026-10-14T08:29:00)".to_owned();
    let running = look(&mut state);
    assert_eq!(
        decision(&running),
        "already-in-progress",
        "{}",
        running.answer
    );
    state.tasks.clear();
    let lost = look(&mut state);
    assert_eq!(decision(&lost), "migration-unknown", "{}", lost.answer);
    let request = json!({"pipeline": "web"});
    let requested = call("start-deployment", &pipelines(), &request, &mut state);
    assert_eq!(decision(&requested), "migrate", "{}", requested.answer);
    assert_eq!(
        requested.request("RunTask")["taskDefinition"],
        format!("{FAMILY}:4")
    );
}

#[test]
fn a_mark_counts_only_on_a_revision_that_start_deployment_registered() {
    let mut state = migrating();
    let event = state.ends(0, 0);
    finish(&event, &mut state);
    let (definition, _) = state.world.revisions.get_mut(&3).unwrap();
    definition["registeredBy"] = json!("arn:aws:sts::111122223333:assumed-role/Admin/mallory");
    let after = look(&mut state);
    assert_eq!(decision(&after), "migration-unknown", "{}", after.answer);
    let (definition, _) = state.world.revisions.get_mut(&3).unwrap();
    let role = "greenlight-StartDeploymentRole-1A2B3C4D5E6F/greenlight-start-deployment";
    definition["registeredBy"] = json!(format!("arn:aws:sts::111122223333:assumed-role/{role}"));
    let after = look(&mut state);
    assert_eq!(decision(&after), "start", "{}", after.answer);
}

#[test]
fn a_migration_that_takes_too_long_is_stopped_and_has_failed() {
    let mut state = migrating();
    state.tasks[0]["lastStatus"] = json!("RUNNING");
    state.tasks[0]["startedAt"] = json!(NOW);
    let (input, _) = state.schedule.clone().unwrap();
    let time_out: Value = serde_json::from_str(&input).unwrap();
    let early = finish(&time_out, &mut state);
    assert_eq!(early.answer["answer"], "none", "{}", early.answer);
    let (_, expression) = state.schedule.as_mut().unwrap();
    *expression = "at(2026-10-14T09:29:50)".to_owned();
    let invocation = finish(&time_out, &mut state);
    assert_eq!(
        calls(&invocation, "StopTask"),
        2,
        "by its time, and as no longer needed"
    );
    assert!(
        mark(&state, 3).starts_with("failed 0ffff"),
        "{}",
        mark(&state, 3)
    );
    assert_eq!(invocation.messages[0]["outcome"], "migration-failed");
}

#[test]
fn a_rollback_migrates_nothing_and_neither_does_a_stack_that_observes_or_a_dry_run() {
    let mut back = state();
    back.world.revisions.insert(3, marked(3));
    for (id, number) in [("shipped", 3), ("newer", 2)] {
        back.is_deployed_to(id, number);
    }
    let digest = format!("sha256:{}", "a".repeat(64));
    let request = json!({"pipeline": "web", "digest": digest, "rollback": true});
    let invocation = call("start-deployment", &pipelines(), &request, &mut back);
    assert_eq!(decision(&invocation), "start", "{}", invocation.answer);
    assert_eq!(
        (
            calls(&invocation, "RunTask"),
            calls(&invocation, "UpdateService")
        ),
        (0, 1)
    );

    let look_at = json!({"look": {"cluster": "prod", "service": "web"}});
    let dry_run = json!({"pipeline": "web", "dry_run": true});
    for (event, mode) in [(look_at, "observe"), (dry_run, "deploy")] {
        let mut state = state();
        let invocation = call_in(mode, "start-deployment", &pipelines(), &event, &mut state);
        assert_eq!(decision(&invocation), "start", "{}", invocation.answer);
        for operation in [
            "RunTask",
            "CreateSchedule",
            "UpdateSchedule",
            "RegisterTaskDefinition",
        ] {
            assert_eq!(calls(&invocation, operation), 0, "{operation}");
        }
        let changes = invocation.answer["pipelines"][0]["changes"].to_string();
        assert!(changes.contains("migrate"), "{changes}");
    }
}

#[test]
fn what_ecs_refuses_to_run_leaves_nothing_behind() {
    let mut state = state();
    let event = json!({"pipeline": "web"});
    state.dies_at = None;
    let shared = Arc::new(Mutex::new(state));
    let inner = Arc::clone(&shared);
    let function = Function {
        name: "start-deployment",
        pipelines: &pipelines(),
        variables: &[("GREENLIGHT_MODE", "deploy")],
    };
    let answer = move |operation: &str, _: usize, request: &Value| match operation {
        "RunTask" => Says(json!({"tasks": [], "failures": [{"reason": "RESOURCE:CPU"}]})),
        _ => inner
            .lock()
            .unwrap()
            .says("start-deployment", operation, request),
    };
    let invocation = invoke_each(&function, [event.to_string()], answer).remove(0);
    assert_eq!(decision(&invocation), "refused", "{}", invocation.answer);
    assert_eq!(invocation.messages[0]["outcome"], "refused");
    assert_eq!(calls(&invocation, "DeleteSchedule"), 1);
    assert_eq!(calls(&invocation, "UpdateService"), 0);
}
