//! `revision_from = "latest"`: settings that are due by themselves.

use super::*;

fn pipeline_of(options: &str) -> Pipeline {
    let text = format!(
        "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='release-1'\ncluster='prod'\nservice='web'\n{options}\n"
    );
    Config::parse(&text).unwrap().pipelines.remove(0)
}

fn seconds(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).unwrap()
}

/// Revision 5 of the family is the template, registered at 30; the candidate was ordered at 20.
fn template(settings: Settings) -> Template {
    Template {
        revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:5"
            .parse()
            .unwrap(),
        registered_at: Some(seconds(30)),
        settings,
    }
}

/// `failed :5 at 40`: an attempt at the candidate with the settings of revision 5; `-` names none.
fn tried(text: &str) -> Attempt {
    let words: Vec<&str> = text.split(' ').collect();
    let end = match words[0] {
        "failed" => End::Failed,
        "stopped" => End::StoppedByCall,
        "shipped" => End::Succeeded,
        _ => unreachable!("{text}"),
    };
    let created_at = words[3].parse().unwrap();
    let mut attempt = attempt(&format!("d-{created_at}"), Some(end), digest('c'));
    attempt.created_at = seconds(created_at);
    attempt.order.as_mut().unwrap().brings = words[1].strip_prefix(':').map(|number| Brings {
        template: number.parse().unwrap(),
        due: Due::Image,
    });
    attempt
}

/// Nothing is active; the candidate `c` runs, or `a` does.
fn observed(settings: Settings, runs: char, attempts: &[&str]) -> Observed {
    let (_, mut observed) = situation(&[0; DIMENSIONS.len()]);
    observed.candidate = Some(Candidate {
        image: Image {
            repository: "shop/web".parse().unwrap(),
            digest: digest('c'),
            tag: None,
        },
        detail: detail('c', 20),
        ordered_at: seconds(20),
        chosen: Chosen::First,
    });
    observed.running = RunningImage::Known(digest(runs));
    observed.template = Some(template(settings));
    observed.attempts = Some(attempts.iter().copied().map(tried).collect());
    observed
}

fn code(pipeline: &Pipeline, observed: &Observed) -> &'static str {
    decide(pipeline, observed).unwrap().code()
}

const LATEST: &str = "revision_from='latest'";

#[track_caller]
fn check(settings: Settings, runs: char, attempts: &[&str], expected: &str) {
    let observed = observed(settings, runs, attempts);
    assert_eq!(code(&pipeline_of(LATEST), &observed), expected);
}

#[test]
fn settings_are_due_by_themselves_and_are_tried_once() {
    use Settings::{Due, Running};
    check(Running, 'c', &[], "already-running");
    check(Running, 'c', &["failed :5 at 40"], "already-running");
    check(Due, 'c', &[], "start");
    check(Due, 'c', &["failed :5 at 40"], "failed-before");
    check(Due, 'c', &["stopped :5 at 40"], "failed-before");
    check(Due, 'c', &["shipped :5 at 40"], "rolled-back-by-hand");
    check(
        Due,
        'c',
        &["failed :5 at 40", "shipped :5 at 50"],
        "rolled-back-by-hand",
    );
    // What earlier settings came to, or what does not say whose it brought, says nothing of these.
    check(Due, 'c', &["shipped :2 at 25"], "start");
    check(Due, 'c', &["failed :2 at 40"], "start");
    check(Due, 'c', &["shipped - at 25"], "start");
    check(
        Due,
        'c',
        &["failed :5 at 40", "shipped :2 at 50"],
        "failed-before",
    );
}

#[test]
fn an_image_that_failed_is_tried_again_with_new_settings_and_one_that_was_taken_back_is_not() {
    use Settings::{Due, Running};
    for settings in [Running, Due] {
        check(settings, 'a', &[], "start");
        check(settings, 'a', &["failed :5 at 40"], "failed-before");
        check(settings, 'a', &["stopped :5 at 40"], "failed-before");
        check(settings, 'a', &["failed :2 at 25"], "start");
        // An older version did not write it.
        check(settings, 'a', &["failed - at 25"], "failed-before");
        for shipped in ["shipped :5 at 40", "shipped :2 at 25", "shipped - at 25"] {
            check(settings, 'a', &[shipped], "rolled-back-by-hand");
        }
        check(
            settings,
            'a',
            &["shipped :2 at 25", "failed :2 at 28"],
            "rolled-back-by-hand",
        );
    }
}

/// No call is made for them: the template is never asked about.
#[test]
fn under_production_no_settings_are_due() {
    let mut observed = observed(Settings::Due, 'c', &[]);
    observed.template = None;
    let pipeline = pipeline_of("revision_from='production'");
    assert_eq!(code(&pipeline, &observed), "already-running");
    observed.running = RunningImage::Known(digest('a'));
    assert_eq!(code(&pipeline, &observed), "start");
    let latest = pipeline_of(LATEST);
    assert_eq!(decide(&latest, &observed), Err(Need::Template));
}

#[test]
fn a_persons_request_is_not_hidden_by_the_image_that_runs() {
    let latest = pipeline_of(LATEST);
    for (asked_by, settings, force, expected) in [
        (AskedBy::Person, Settings::Due, Force::No, "start"),
        (
            AskedBy::PersonForThisImage,
            Settings::Due,
            Force::No,
            "start",
        ),
        (
            AskedBy::Person,
            Settings::Running,
            Force::No,
            "already-running",
        ),
        (AskedBy::Person, Settings::Running, Force::Yes, "start"),
        (
            AskedBy::Event,
            Settings::Running,
            Force::Yes,
            "already-running",
        ),
        // Who wants an image back wants no settings.
        (
            AskedBy::Rollback,
            Settings::Due,
            Force::No,
            "already-running",
        ),
        (AskedBy::Rollback, Settings::Due, Force::Yes, "start"),
    ] {
        let mut observed = observed(settings, 'c', &["failed :5 at 40"]);
        observed.asked_by = asked_by;
        observed.force = force;
        observed.shipped_before = Some(ShippedBefore::Yes);
        let decided = code(&latest, &observed);
        assert_eq!(decided, expected, "{asked_by:?} {settings:?} {force:?}");
    }
}

/// The active deployment ships the candidate with the settings of revision 2, and was created at 25.
#[test]
fn newer_settings_wait_for_the_active_deployment_of_the_same_image_or_replace_it() {
    let replace = "revision_from='latest'\nwhen_busy='replace'";
    let keep = "revision_from='latest'\ntermination_wait='keep'";
    let check = |options: &str, phase, brings, created_at, attempts: &[&str], expected: &str| {
        let mut observed = observed(Settings::Due, 'a', attempts);
        observed.service.active = Some(Active {
            id: "d-ACTIVE".parse().unwrap(),
            ships: vec![Deployed {
                digest: digest('c'),
                tag: None,
                at: None,
                ordered_at: None,
            }],
            beside: Vec::new(),
            created_at: seconds(created_at),
            phase,
            template: brings,
        });
        let decided = code(&pipeline_of(options), &observed);
        assert_eq!(decided, expected, "{options} {phase:?} {brings:?}");
    };
    use Phase::{Shifting, TerminationWait};
    let busy = "already-in-progress";
    check(LATEST, Shifting, Some(2), 25, &[], busy);
    check(replace, Shifting, Some(2), 25, &[], "stop");
    check(LATEST, TerminationWait, Some(2), 25, &[], "end-wait");
    check(keep, TerminationWait, Some(2), 25, &[], busy);
    // It brings them already, or does not say whose it brings.
    for brings in [Some(5), Some(6), None] {
        check(replace, Shifting, brings, 35, &[], busy);
        check(LATEST, TerminationWait, brings, 35, &[], busy);
    }
    // A person started it when these settings were there already.
    check(replace, Shifting, Some(2), 35, &[], busy);
    // They were tried: nothing makes room for them.
    check(replace, Shifting, Some(2), 25, &["failed :5 at 31"], busy);
    check(
        LATEST,
        TerminationWait,
        Some(2),
        25,
        &["failed :5 at 31"],
        busy,
    );
}

#[test]
fn the_reason_names_the_revision_whose_settings_are_due() {
    let said = |settings, runs, attempts: &[&str], force| {
        let mut observed = observed(settings, runs, attempts);
        observed.force = force;
        if force == Force::Yes {
            observed.asked_by = AskedBy::Person;
        }
        let decision = decide(&pipeline_of(LATEST), &observed).unwrap();
        let reason = reason(&decision, &observed);
        reason.replace(digest('c').as_str(), "c")
    };
    insta::assert_snapshot!([
        said(Settings::Due, 'c', &[], Force::No),
        said(Settings::Due, 'a', &[], Force::No),
        said(Settings::Running, 'a', &[], Force::No),
        said(Settings::Running, 'c', &[], Force::Yes),
        said(Settings::Due, 'c', &["failed :5 at 40"], Force::No),
        said(Settings::Due, 'c', &["shipped :5 at 40"], Force::No),
        said(Settings::Due, 'a', &["failed :5 at 40"], Force::No),
    ].join("\n"), @"
    the settings of revision `web:5` are due, with shop/web (sha256:cccccccccccc), which runs already
    shop/web (sha256:cccccccccccc) is due, with the settings of revision `web:5`
    shop/web (sha256:cccccccccccc) is due
    shop/web (sha256:cccccccccccc) runs already, and the request forces another deployment of it
    deployment `d-40` of the settings of revision `web:5` did not succeed (hint: request the image, or register a corrected revision)
    deployment `d-40` shipped the settings of revision `web:5`, and a person has rolled it back since (hint: request the image, or register another revision)
    deployment `d-40` of this image did not succeed (hint: request it, or push a new image)
    ");
}

#[test]
fn a_deployment_is_started_for_settings_alone_where_the_image_runs() {
    for (settings, runs, force, expected) in [
        (Settings::Due, 'c', Force::No, true),
        (Settings::Due, 'c', Force::Yes, false),
        (Settings::Due, 'a', Force::No, false),
        (Settings::Running, 'a', Force::No, false),
        (Settings::Running, 'c', Force::No, false),
    ] {
        let mut observed = observed(settings, runs, &[]);
        observed.force = force;
        let alone = observed.only_settings_are_due();
        assert_eq!(alone, expected, "{settings:?} {runs} {force:?}");
    }
}
