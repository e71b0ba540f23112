use std::collections::BTreeSet;

use super::plan::{Deployer, Plan};
use super::words;
use crate::scenario::Step;

/// The foundation of replays: a plan is drawn only from its seed.
#[test]
fn a_seed_means_one_plan() {
    for seed in 0..200 {
        assert_eq!(words::plan(&Plan::of(seed)), words::plan(&Plan::of(seed)));
    }
    assert_ne!(words::plan(&Plan::of(1)), words::plan(&Plan::of(2)));
}

#[test]
fn every_storm_calms_down_and_converges() {
    for seed in 0..200 {
        let steps = Plan::of(seed).steps;
        let calm = steps.iter().position(|step| matches!(step, Step::Calm));
        assert_eq!(calm, Some(steps.len() - 2), "seed {seed}");
        assert!(matches!(steps.last(), Some(Step::Converge)), "seed {seed}");
    }
}

/// A storm can be written as a scenario: every step that it draws is a valid line of a scenario's file.
#[test]
fn every_step_is_read_again_from_its_text() {
    for seed in 0..700 {
        let plan = Plan::of(seed);
        let injected = plan.delivery_faults.into_iter();
        let injected = injected.map(Step::InjectDeliveryFaults);
        for step in injected.chain(plan.steps) {
            let read: Step = step.to_string().parse().unwrap();
            // No more faults are equal to an empty list.
            let facts = |step: &Step| format!("{step:?}").replace(", None", "");
            assert_eq!(facts(&read), facts(&step));
        }
    }
}

/// Whatever seeds are played, each engine is among them, with all that it has gates for.
#[test]
fn any_forty_seeds_draw_services_of_every_engine() {
    for first in [1, 41, 980, 100_001] {
        let plans = (first..first + 40).map(Plan::of);
        let pipelines = plans.flat_map(|plan| plan.pipelines);
        let engines: BTreeSet<String> = pipelines
            .map(|one| match one.deployer {
                Deployer::CodeDeploy => "CodeDeploy".to_owned(),
                Deployer::BlueGreen | Deployer::Linear | Deployer::Canary => "native".to_owned(),
                Deployer::Rolling => format!(
                    "rolling, migrates: {}, checks production: {}",
                    one.migrates, one.checks_production
                ),
            })
            .collect();
        let engines: Vec<&str> = engines.iter().map(String::as_str).collect();
        let all = [
            "CodeDeploy",
            "native",
            "rolling, migrates: false, checks production: false",
            "rolling, migrates: false, checks production: true",
            "rolling, migrates: true, checks production: false",
            "rolling, migrates: true, checks production: true",
        ];
        assert_eq!(engines, all, "from seed {first}");
    }
}

/// Every kind of fault occurs in some storm, and its plan's text mentions it.
#[test]
fn storms_are_made_of_everything() {
    let words: String = (0..2_000)
        .map(|seed| words::plan(&Plan::of(seed)))
        .collect();
    for what in [
        "`latest`",
        "`release-*`",
        "`semver:^1`",
        "when busy replace",
        "termination wait keep",
        "migrates",
        "checks /orders",
        "pipeline compass",
        "in stage",
        "shop/hull",
        "for a person to continue",
        "rolls nothing back that is stopped",
        "assumed: ",
        "lost",
        "twice",
        "late by",
        "refused",
        "killed-before",
        "killed-after",
        "denied",
        "answer-lost",
        "timed-out",
        "throttled",
        "fails-migration",
        "fails-to-start",
        "answers:500:/orders",
        "slow:",
        "stop ",
        "leave everything",
        "end the termination wait",
        "end the ready wait",
        "redeploy ",
        "ask ",
        "dry run",
        "goes to ALARM",
        "deployed by ECS: BLUE_GREEN",
        "deployed by ECS: LINEAR",
        "deployed by ECS: CANARY",
        "deployed by ECS: ROLLING, migrates",
        "checks /orders in production",
        "check-production@anchor:ecs:UpdateService",
        "by ReportOutcomeServiceDeploymentChanged about anchor: 1 lost",
        "ecs:UpdateService",
        "ecs:RunTask",
        "force a deployment of ",
        "continue the pause of ",
        "roll back the pause of ",
    ] {
        assert!(words.contains(what), "no storm has `{what}`");
    }
}
