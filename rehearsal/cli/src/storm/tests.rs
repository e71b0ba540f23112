use super::plan::Plan;
use super::words;
use crate::scenario::Step;

/// What everything else rests on: a plan is drawn from its seed and from nothing else.
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

/// A storm can be told as a scenario: what it draws is what a scenario's file may say, line for line.
#[test]
fn every_step_is_read_again_from_its_text() {
    for seed in 0..500 {
        let plan = Plan::of(seed);
        let injected = plan.delivery_faults.into_iter();
        let injected = injected.map(Step::InjectDeliveryFaults);
        for step in injected.chain(plan.steps) {
            let read: Step = step.to_string().parse().unwrap();
            // No more faults are the same as none of them.
            let facts = |step: &Step| format!("{step:?}").replace(", None", "");
            assert_eq!(facts(&read), facts(&step));
        }
    }
}

/// Whatever can go wrong does in some storm, and the words say so.
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
        "asks for /orders",
        "pipeline compass",
        "in stage",
        "shop/hull",
        "for somebody to continue",
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
    ] {
        assert!(words.contains(what), "no storm has `{what}`");
    }
}
