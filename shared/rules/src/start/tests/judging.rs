//! A rolling update that its production gate has not judged yet, or that the service is to go back from.

use super::*;

/// The image `d` is judged, or gone back from; it serves production, and the candidate `c` was ordered later.
fn situation_in(phase: Phase, when_busy: usize) -> (&'static Pipeline, Observed) {
    let (pipeline, mut observed) = situation(&[1, 1, 6, 0, 0, when_busy, 0, 0, 0, 0]);
    let active = observed.service.active.as_mut().unwrap();
    active.phase = phase;
    observed.running = RunningImage::Known(digest('d'));
    (pipeline, observed)
}

#[test]
fn a_newer_image_waits_for_the_gate_or_replaces_what_is_judged() {
    let waits = "waiting";
    for (phase, when_busy, expected) in [
        (Phase::Judging, 0, waits),
        (Phase::Judging, 1, "start"),
        (Phase::RollingBack, 0, waits),
        (Phase::RollingBack, 1, waits),
    ] {
        let (pipeline, observed) = situation_in(phase, when_busy);
        let decision = decide(pipeline, &observed).unwrap();
        assert_eq!(decision.code(), expected, "{phase:?} {when_busy}");
    }
    // Going back beside the migration of the newer one would supersede it.
    let (pipeline, observed) = situation_in(Phase::Judging, 1);
    let migrates = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
                    when_busy='replace'\n[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n";
    let migrates = Config::parse(migrates).unwrap().pipelines.remove(0);
    assert_eq!(pipeline.when_busy, migrates.when_busy);
    assert_eq!(decide(&migrates, &observed).unwrap().code(), waits);
}

#[test]
fn the_image_that_is_judged_is_in_progress_and_not_started_again() {
    for when_busy in [0, 1] {
        let (pipeline, mut observed) = situation_in(Phase::Judging, when_busy);
        let active = observed.service.active.as_mut().unwrap();
        active.ships[0].digest = digest('c');
        observed.running = RunningImage::Known(digest('c'));
        let decision = decide(pipeline, &observed).unwrap();
        assert_eq!(decision.code(), "already-in-progress");
        // Its gate has failed it, and the service is about to go back.
        let active = observed.service.active.as_mut().unwrap();
        active.phase = Phase::RollingBack;
        observed.attempts = Some(vec![attempt("d-ACTIVE", Some(End::Failed), digest('c'))]);
        let decision = decide(pipeline, &observed).unwrap();
        assert_eq!(decision.code(), "failed-before");
    }
}
