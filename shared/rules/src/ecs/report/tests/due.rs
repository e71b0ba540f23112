//! What is due of a deployment, and whose pipelines are told.

use serde_json::json;

use super::super::*;
use super::{
    NATIVE, WEB, arn, at, decided, definition, digest, image, observed, pipelines, revision, said,
};
use crate::config::Pipeline;
use crate::ecs::{
    GateFunctions, Hook, HookTarget, Listed, RevisionImage, ServiceRevision, Stage, Status,
};
use crate::engine::Engine;
use crate::events::{Announced, Pause, ServiceChange};
use crate::names::ServiceDeploymentArn;
use crate::outcome::Command;
use crate::rolling::GateState;

fn pause(deployment: &str) -> Pause {
    Pause {
        deployment: arn(deployment),
        hook: "ecs-pause-1".parse().unwrap(),
        stage: Some(Stage::PostTestTrafficShift),
        expires_at: Some(at(3600)),
    }
}

#[test]
fn a_pause_is_told_with_the_commands_of_both_ways() {
    let pipeline = &pipelines(WEB)[0];
    let observed = observed(NATIVE, Status::InProgress);
    let what = What::Waits(pause("EZe5RNVLH6PPzHXINuP28"));
    let outcome = decided(pipeline, observed, &what);
    assert_eq!(
        said(&outcome),
        "ready (pending): shop/web:1.4.2 (sha256:bbbbbbbbbbbb) to prod/web waits at `POST_TEST_TRAFFIC_SHIFT` for a person to \
         continue it\n    next: continue the deployment or let it roll back before 1970-01-01 01:00 UTC; then ECS does what the pause \
         hook is configured to do"
    );
    let ways: Vec<&str> = outcome
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Continue { way, .. } => Some(way.as_str()),
            Command::Request { .. }
            | Command::Reroute(_)
            | Command::RestoreImage { .. }
            | Command::RestoreTestListener { .. } => None,
        })
        .collect();
    assert_eq!(ways, ["CONTINUE", "ROLLBACK"]);
}

/// What is due, by the words of it.
fn words(status: Status, is_newest: bool, announced: &Announced, tags: &[(&str, &str)]) -> String {
    let mut observed = observed(NATIVE, status);
    observed.target.definition = definition(2, "b", tags);
    let told = Told::of(&observed.target.definition, &"greenlight".parse().unwrap());
    let due = due(&observed, is_newest, announced, &told, &gates());
    let words: Vec<&str> = due.iter().map(What::word).collect();
    words.join(" ")
}

#[test]
fn everything_is_due_once_and_in_order() {
    const ID: &str = "greenlight:EZe5RNVLH6PPzHXINuP28";
    let own = pause("EZe5RNVLH6PPzHXINuP28");
    let other = pause("OTHER5RNVLH6PPzHXINuP");
    let started = ("greenlight:told-started", ID);
    let ended = ("greenlight:told-ended", ID);
    let waiting = ("greenlight:told-waiting", "greenlight:ecs-pause-1");
    let ours = ("greenlight:stack", "greenlight");
    let of_observer = ("greenlight:stack", "observer");
    let of_other_stack = ("greenlight:told-ended", "observer:EZe5RNVLH6PPzHXINuP28");
    let waits = |pause: &Pause| Waits(pause.clone());
    use Announced::{Ended, InProgress, Routine, Waits};
    for (status, is_newest, announced, tags, expected) in [
        (Status::Pending, true, Ended, &[][..], "started"),
        (Status::InProgress, true, Ended, &[], "started"),
        (Status::Unknown("X".to_owned()), true, Ended, &[], "started"),
        (Status::InProgress, true, Ended, &[started], ""),
        (
            Status::InProgress,
            true,
            waits(&own),
            &[],
            "started waiting",
        ),
        (Status::InProgress, true, waits(&own), &[started], "waiting"),
        (
            Status::InProgress,
            true,
            waits(&own),
            &[started, waiting],
            "",
        ),
        (Status::InProgress, true, waits(&other), &[started], ""),
        // It says nothing that its end does not say better.
        (Status::RollbackInProgress, true, Ended, &[], ""),
        (Status::StopRequested, true, Ended, &[], ""),
        // An older one is under way only until it is stopped.
        (Status::InProgress, false, Ended, &[], ""),
        (Status::Successful, true, Ended, &[], "ended"),
        (Status::Successful, true, waits(&own), &[started], "ended"),
        (Status::Successful, true, Ended, &[ended], ""),
        (Status::Successful, true, Ended, &[of_other_stack], "ended"),
        (Status::Stopped, false, Ended, &[started], "ended"),
        (Status::Stopped, false, Ended, &[started, ended], ""),
        // What is announced is not listed yet: this one ended last month.
        (Status::Successful, true, InProgress, &[], ""),
        (Status::Successful, true, waits(&other), &[], ""),
        (Status::Successful, true, InProgress, &[started], "ended"),
        (Status::Successful, true, Routine(None), &[], ""),
        (Status::Successful, true, Routine(None), &[ours], "ended"),
        // It was stopped before anybody looked.
        (Status::Stopped, false, Ended, &[ours], "ended"),
        (Status::Stopped, false, Ended, &[ours, ended], ""),
        (Status::Stopped, false, Ended, &[of_observer], ""),
        // It was before this stack, or is long told.
        (Status::Successful, false, Ended, &[], ""),
    ] {
        assert_eq!(
            words(status.clone(), is_newest, &announced, tags),
            expected,
            "{status:?} {is_newest} {announced:?} {tags:?}"
        );
    }
}

#[test]
fn what_has_just_begun_is_not_listed_yet() {
    let listed = |statuses: &[Status]| -> Vec<Listed> {
        let one = |status: &Status| Listed {
            arn: arn("EZe5RNVLH6PPzHXINuP28"),
            target: None,
            status: status.clone(),
            created_at: at(0),
        };
        statuses.iter().map(one).collect()
    };
    use Announced::{Ended, InProgress, Routine};
    use Status::{Pending, Stopped, Successful};
    let on = Status::InProgress;
    for (statuses, announced, seconds, expected) in [
        (&[Successful][..], InProgress, 61, true),
        (&[], InProgress, 0, true),
        (&[Pending, Successful], InProgress, 61, false),
        // Its event was late: it has ended since.
        (&[Successful], InProgress, 59, false),
        (&[Successful], Ended, 61, false),
        (&[Stopped], Ended, 61, true),
        (&[Stopped], InProgress, 59, true),
        // It may have been stopped an hour ago, or just now by one that is not listed yet.
        (&[Stopped], Routine(None), 61, true),
        (&[Successful], Routine(None), 61, false),
        (&[on.clone(), Stopped], Routine(None), 61, false),
        (&[on.clone(), Stopped], Ended, 61, false),
        (&[on, Stopped], InProgress, 61, false),
    ] {
        let change = ServiceChange {
            cluster: "prod".parse().unwrap(),
            service: "web".parse().unwrap(),
            at: (!matches!(announced, Routine(_))).then(|| at(seconds)),
            announced,
        };
        assert_eq!(
            lacks_the_newest(&listed(statuses), &change),
            expected,
            "{statuses:?} {change:?}"
        );
    }
}

#[test]
fn an_outcome_is_told_to_those_whose_image_is_new() {
    let nginx = "[[pipeline]]\nname='nginx'\nrepository='shop/nginx'\ntag='latest'\ncluster='prod'\nservice='web'\n";
    let all = pipelines(&format!("{WEB}{nginx}"));
    let all: Vec<&Pipeline> = all.iter().collect();
    let told = |observed: &Observed| {
        let told = concerned(&all, observed);
        let names = told.iter().map(|pipeline| pipeline.name.as_str());
        names.collect::<Vec<_>>().join(" ")
    };
    let registry = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    let proxy = |digit: &str| format!("{registry}/shop/nginx@{}", digest(digit));
    let both = |web: &str, nginx: &str| {
        let mut it = observed(Engine::Rolling, Status::Successful);
        let marks: Vec<(String, String)> = all
            .iter()
            .zip([web, nginx])
            .map(|(pipeline, digit)| {
                let key = format!("greenlight:image:{}", pipeline.mark);
                (
                    key,
                    format!("{} 2026-10-14T09:21:47Z latest", digest(digit)),
                )
            })
            .collect();
        let marks: Vec<(&str, &str)> = marks
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        it.target.definition = definition(2, web, &marks);
        it.target.definition.task_definition["containerDefinitions"] = json!([
            {"name": "web", "image": image(web)}, {"name": "nginx", "image": proxy(nginx)}
        ]);
        let with_proxy = |mut revision: ServiceRevision, digit: &str| {
            revision.images.push(RevisionImage {
                container: "nginx".parse().unwrap(),
                image: Some(proxy(digit)),
                digest: None,
            });
            revision
        };
        it.target.revision = with_proxy(revision(2, web), nginx);
        it.source = Some(with_proxy(revision(1, "a"), "c"));
        it
    };
    assert_eq!(told(&both("b", "c")), "web");
    assert_eq!(told(&both("a", "d")), "nginx");
    assert_eq!(told(&both("b", "d")), "web nginx");
    // Settings, or the same once more.
    assert_eq!(told(&both("a", "c")), "web nginx");
    let mut others = both("b", "d");
    others.target.definition.tags = json!([]);
    assert_eq!(told(&others), "web");
}

/// An event may still come, and what ended long ago is nobody's news.
#[test]
fn an_end_may_be_untold_from_some_minutes_to_a_day_after_it() {
    let ended = observed(NATIVE, Status::Successful).deployment;
    let at_minute = |minute: i64| at(92 + minute * 60);
    for (minute, expected) in [
        (-1, false),
        (0, false),
        (5, false),
        (6, true),
        (60, true),
        (1439, true),
        (1440, false),
    ] {
        assert_eq!(
            may_be_untold(&ended, at_minute(minute)),
            expected,
            "{minute}"
        );
    }
    let under_way = observed(NATIVE, Status::InProgress).deployment;
    assert!(!may_be_untold(&under_way, at_minute(60)));
}

/// A person's deployment between two of ours may be over before anybody has looked at it.
#[test]
fn what_came_after_a_deployment_of_ours_is_told_whoever_began_it() {
    let stack: crate::names::StackName = "greenlight".parse().unwrap();
    let told = |tags: &[(&str, &str)]| Told::of(&definition(2, "b", tags), &stack);
    let ended = observed(NATIVE, Status::RollbackSuccessful);
    let due_after = |earlier: &[(&str, &str)]| {
        let told = told(&[]).after(Some(&told(earlier)));
        due(&ended, false, &Announced::InProgress, &told, &gates()).len()
    };
    assert_eq!(due_after(&[("greenlight:stack", "greenlight")]), 1);
    assert_eq!(due_after(&[("greenlight:stack", "observer")]), 0);
    assert_eq!(due_after(&[]), 0);
}

const FUNCTIONS: &str = "arn:aws:lambda:eu-central-1:111122223333:function:CodeDeployHook_";

fn gates() -> GateFunctions {
    let ours = |name| format!("{FUNCTIONS}greenlight_{name}");
    GateFunctions {
        migration: ours("run-migration"),
        test_traffic: ours("check-test-traffic"),
        production_traffic: ours("check-production"),
    }
}

fn hook(function: String) -> Hook {
    Hook {
        target: HookTarget::Lambda {
            function,
            role: None,
        },
        stages: vec![Stage::PreScaleUp],
        timeout: None,
        goes_on: false,
    }
}

/// Of a revision that no stack registered, and whose start nobody was told. It ended at second 92.
#[test]
fn what_called_the_gates_is_told_where_the_next_one_began_soon_after_its_end() {
    let ours = gates().migration;
    let of_observer = format!("{FUNCTIONS}observer_run-migration");
    let soon = 92 + 10 * 60;
    for (function, status, next, expected) in [
        (&ours, Status::Stopped, Some(90), 1),
        (&ours, Status::Successful, Some(soon), 1),
        (&ours, Status::Successful, Some(soon + 1), 0),
        (&of_observer, Status::Stopped, Some(90), 0),
        // The newest one is told by its event, or by an hourly look.
        (&ours, Status::Successful, None, 0),
        (&ours, Status::StopRequested, Some(90), 0),
    ] {
        let mut it = observed(NATIVE, status.clone());
        it.target.definition.tags = json!([]);
        it.deployment.hooks = vec![hook(function.clone())];
        it.newer = next.map(|second| Listed {
            arn: arn("NEXT5RNVLH6PPzHXINuP2"),
            target: None,
            status: Status::InProgress,
            created_at: at(second),
        });
        let told = Told::of(&it.target.definition, &"greenlight".parse().unwrap());
        let due = due(&it, false, &Announced::InProgress, &told, &gates());
        assert_eq!(due.len(), expected, "{function} {status:?} {next:?}");
    }
}

#[test]
fn a_deployment_calls_the_gates_that_its_own_hooks_name() {
    let gates = gates();
    let called = |hook: Hook| {
        let mut ended = observed(NATIVE, Status::RollbackSuccessful).deployment;
        ended.hooks = vec![hook];
        ended
    };
    let by = |function: String| called(hook(function));
    assert!(by(gates.migration.clone()).calls(&gates));
    assert!(by(format!("{}:live", gates.test_traffic)).calls(&gates));
    assert!(!by(format!("{FUNCTIONS}observer_run-migration")).calls(&gates));
    assert!(
        !by(gates.migration.replace("111122223333", "444455556666")).calls(&gates),
        "another account's"
    );
    let mut pause = hook(String::new());
    pause.target = HookTarget::Pause;
    assert!(!called(pause).calls(&gates));
    let mut first = by(gates.migration.clone());
    first.sources.clear();
    assert!(!first.calls(&gates));
}

/// One that is told late: these came after it, the newest first, and none of its tasks runs any more.
fn told_after(newer: &[Status], end: Status, gate: GateState) -> Observed {
    let listed = |arn: ServiceDeploymentArn, status: &Status| Listed {
        arn,
        target: None,
        status: status.clone(),
        created_at: at(0),
    };
    let mut first = observed(NATIVE, end.clone());
    first.service.current_revisions[1].running_count = 0;
    first.gate = gate;
    let newer = newer.iter().enumerate();
    let newer = newer.map(|(place, status)| listed(arn(&format!("D{place}")), status));
    let mut all: Vec<Listed> = newer.collect();
    first.newer = all.last().cloned();
    all.push(listed(first.deployment.arn.clone(), &end));
    let mut observed = vec![first];
    add_replacements(&mut observed, &all);
    observed.remove(0)
}

/// Between it and what serves now another one may have gone back.
#[test]
fn what_was_shipped_is_replaced_by_what_succeeded_or_may_still() {
    const BACK: Status = Status::RollbackSuccessful;
    use Status::{InProgress, Stopped, Successful};
    let free = || GateState::Free;
    let failed = || GateState::Failed {
        back: Some(1),
        reason: "503".to_owned(),
    };
    for (newer, end, gate, expected) in [
        (&[][..], Successful, free(), None),
        (&[Successful], Successful, free(), Some("D0")),
        (&[Successful, BACK], Successful, free(), Some("D0")),
        (&[InProgress, Stopped, BACK], Successful, free(), Some("D0")),
        (&[Successful, InProgress], Successful, free(), Some("D1")),
        (&[Stopped, BACK], Successful, free(), Some("D1")),
        // The next one goes back.
        (&[Successful, BACK], Successful, failed(), Some("D1")),
        // The next one stopped it.
        (&[Successful, BACK], Stopped, free(), Some("D1")),
    ] {
        let found = told_after(newer, end.clone(), gate).newer;
        let id = found.map(|newer| newer.arn.id().as_str().to_owned());
        assert_eq!(id.as_deref(), expected, "{end:?} {newer:?}");
    }
    let late = told_after(&[Successful, BACK], Successful, free());
    let outcome = decided(&pipelines(WEB)[0], late, &What::Ended(End::Shipped));
    let expected = "deployment D0 has replaced it since";
    assert!(outcome.summary.ends_with(expected), "{}", outcome.summary);
}
