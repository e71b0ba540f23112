use super::plan::{Action, Plan};
use super::words;

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
        let actions = Plan::of(seed).actions;
        let calm = actions
            .iter()
            .position(|action| matches!(action, Action::Calm));
        assert_eq!(calm, Some(actions.len() - 2), "seed {seed}");
        assert!(
            matches!(actions.last(), Some(Action::Converge)),
            "seed {seed}"
        );
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
        "s late",
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
        "stops the deployment",
        "without rollback",
        "ends the Termination wait",
        "ends the Ready wait",
        "in the console",
        "asks start-deployment",
        "dry_run",
        "goes to Alarm",
    ] {
        assert!(words.contains(what), "no storm has `{what}`");
    }
}
