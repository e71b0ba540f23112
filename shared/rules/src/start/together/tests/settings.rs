//! `revision_from = "latest"` in a service of several pipelines: settings are due once, with the image of the first one.

use super::*;
use crate::start::{Brings, Due, Settings, Template};

fn latest() -> Vec<Pipeline> {
    pipelines("wait'\nrevision_from='latest")
}

/// Revision 5 is the template, registered at 30.
fn with(settings: Settings, mut observed: Observed) -> Observed {
    observed.template = Some(Template {
        revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:5"
            .parse()
            .unwrap(),
        registered_at: Some(at(30)),
        settings,
    });
    observed
}

/// The attempts brought the settings of this revision.
fn bringing(template: u32, mut observed: Observed) -> Observed {
    for attempt in observed.attempts.iter_mut().flatten() {
        attempt.order.as_mut().unwrap().brings = Some(Brings {
            template,
            due: Due::Image,
        });
    }
    observed
}

#[test]
fn settings_are_due_with_the_image_of_the_first_pipeline() {
    let (web, nginx) = (runs(observed('1', 10)), runs(observed('2', 20)));
    for (settings, expected) in [
        (Settings::Due, "start now, already-running"),
        (Settings::Running, "already-running, already-running"),
    ] {
        check_of(
            &latest(),
            &[with(settings, web.clone()), nginx.clone()],
            expected,
        );
    }
    // With what else is due.
    let due = observed('2', 20);
    check_of(
        &latest(),
        &[with(Settings::Due, web.clone()), due.clone()],
        "start now, start now",
    );
    // Production is copied: no template is asked for.
    check("wait", &[web, due], "already-running, start now");
}

#[test]
fn only_the_first_pipeline_asks_for_the_template() {
    let pipelines = latest();
    let observed = [runs(observed('1', 10)), runs(observed('2', 20))];
    let members = [0, 1].map(|index| Member {
        pipeline: &pipelines[index],
        observed: &observed[index],
    });
    assert_eq!(decide_together(&members), Err((0, Need::Template)));
}

#[test]
fn settings_that_failed_are_not_tried_again_for_any_of_the_images() {
    let web = |template, end| {
        let web = after("12", end, runs(observed('1', 10)));
        with(Settings::Due, bringing(template, web))
    };
    let nginx = runs(observed('2', 20));
    for (template, end, expected) in [
        (5, End::Failed, "failed-before, already-running"),
        (5, End::Succeeded, "rolled-back-by-hand, already-running"),
        // Those of an earlier revision.
        (4, End::Failed, "start now, already-running"),
    ] {
        check_of(&latest(), &[web(template, end), nginx.clone()], expected);
    }
    // The next image brings them again.
    let due = observed('2', 300);
    check_of(
        &latest(),
        &[web(5, End::Failed), due],
        "failed-before, start now",
    );
}

/// Another pipeline's deployment that began after the settings were registered brings them.
#[test]
fn settings_that_are_being_deployed_are_not_due() {
    for (brings, expected) in [
        (Some(5), "already-running, already-in-progress"),
        (Some(4), "waiting, already-in-progress"),
        (None, "waiting, already-in-progress"),
    ] {
        let mut both = [
            while_shipping("", "2", Phase::Shifting, runs(observed('1', 10))),
            while_shipping("2", "", Phase::Shifting, observed('2', 90)),
        ];
        for observed in &mut both {
            observed.service.active.as_mut().unwrap().template = brings;
        }
        let [web, nginx] = both;
        check_of(&latest(), &[with(Settings::Due, web), nginx], expected);
    }
}
