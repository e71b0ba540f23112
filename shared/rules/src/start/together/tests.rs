use time::UtcDateTime;

use super::*;
use crate::config::Config;
use crate::names::Image;
use crate::start::tests::{attempt, detail, digest};
use crate::start::{
    Active, Attempt, Chosen, Deployed, End, Force, Order, Phase, Running, RunningImage,
    ShippedBefore,
};

mod settings;

fn at(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).unwrap()
}

/// The pipelines of one service: `web`, `nginx` and `log`.
fn pipelines(when_busy: &str) -> Vec<Pipeline> {
    let tables = ["web", "nginx", "log"].map(|name| {
        format!(
            "[[pipeline]]\nname='{name}'\nrepository='shop/{name}'\ntag='latest'\ncluster='prod'\nservice='web'\n\
             when_busy='{when_busy}'\n"
        )
    });
    Config::parse(&tables.concat()).unwrap().pipelines
}

/// What is observed for a pipeline: the image that is due was pushed at this moment, and another one runs.
fn observed(due: char, pushed_at: i64) -> Observed {
    Observed {
        asked_by: AskedBy::Event,
        force: Force::No,
        missing: String::new(),
        candidate: Some(Candidate {
            image: Image {
                repository: "shop/web".parse().unwrap(),
                digest: digest(due),
                tag: None,
            },
            detail: detail(due, pushed_at),
            ordered_at: at(pushed_at),
            chosen: Chosen::First,
        }),
        running: RunningImage::Known(digest('0')),
        service: Running {
            revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1"
                .parse()
                .unwrap(),
            tasks: None,
            active: None,
        },
        compared: Some(Vec::new()),
        attempts: Some(Vec::new()),
        shipped_before: Some(ShippedBefore::Yes),
        template: None,
        rank: None,
        attempts_since_push: Some(Vec::new()),
    }
}

fn runs(mut observed: Observed) -> Observed {
    let candidate = observed.candidate.as_ref().unwrap();
    observed.running = RunningImage::Known(candidate.image.digest.clone());
    observed
}

fn asked_by(asked_by: AskedBy, observed: Observed) -> Observed {
    Observed {
        asked_by,
        ..observed
    }
}

/// While a deployment is under way that was created at 100, and ships these images for this pipeline and for others.
fn while_shipping(ours: &str, others: &str, phase: Phase, mut observed: Observed) -> Observed {
    let deployed = |digit| Deployed {
        digest: digest(digit),
        tag: None,
        at: None,
        ordered_at: None,
    };
    observed.service.active = Some(Active {
        id: "d-1".parse().unwrap(),
        ships: ours.chars().map(deployed).collect(),
        beside: others.chars().map(digest).collect(),
        created_at: at(100),
        phase,
        template: None,
    });
    observed
}

/// After a deployment of these images, from 100 to 200, of which the first is this pipeline's.
fn after(images: &str, end: End, mut observed: Observed) -> Observed {
    let order = |digit| Order {
        digest: digest(digit),
        ordered_at: None,
        tag: None,
        repository: None,
        brings: None,
    };
    let mut orders = images.chars().map(order);
    observed.attempts = Some(vec![Attempt {
        order: orders.next(),
        beside: orders.collect(),
        created_at: at(100),
        ended_at: Some(at(200)),
        ..attempt("d-1", Some(end), digest('f'))
    }]);
    observed
}

#[track_caller]
fn check(when_busy: &str, observed: &[Observed], expected: &str) {
    check_of(&pipelines(when_busy), observed, expected);
}

#[track_caller]
fn check_of(pipelines: &[Pipeline], observed: &[Observed], expected: &str) {
    let members: Vec<Member<'_>> = pipelines
        .iter()
        .zip(observed)
        .map(|(pipeline, observed)| Member { pipeline, observed })
        .collect();
    let decisions = decide_together(&members).unwrap();
    let starting = starting(&members, &decisions, 2);
    let said = decisions.iter().enumerate().map(|(index, decision)| {
        let goes = match starting.contains(&index) {
            true => " now",
            false => "",
        };
        format!("{}{goes}", decision.code())
    });
    assert_eq!(said.collect::<Vec<_>>().join(", "), expected);
}

#[test]
fn all_that_is_due_goes_into_one_deployment() {
    check(
        "wait",
        &[observed('1', 10), observed('2', 20)],
        "start now, start now",
    );
    check(
        "wait",
        &[runs(observed('1', 10)), observed('2', 20)],
        "already-running, start now",
    );
    // An image that failed is not tried again by another one's deployment.
    let failed = after("1", End::Failed, observed('1', 10));
    check(
        "wait",
        &[failed, observed('2', 300)],
        "failed-before, start now",
    );
    // It failed together with it.
    let both = [
        after("12", End::Failed, observed('1', 10)),
        after("21", End::Failed, observed('2', 20)),
    ];
    check("wait", &both, "failed-before, failed-before");
}

#[test]
fn more_images_than_a_description_holds_wait_and_a_person_goes_first() {
    let due = |asked| asked_by(asked, observed('3', 30));
    let (web, nginx) = (observed('1', 10), observed('2', 20));
    let three = [web.clone(), nginx.clone(), due(AskedBy::Event)];
    check("wait", &three, "start now, start now, start");
    check(
        "wait",
        &[web, nginx, due(AskedBy::Person)],
        "start now, start, start now",
    );
}

#[test]
fn a_rollback_goes_alone() {
    let back = asked_by(AskedBy::Rollback, observed('2', 20));
    check("wait", &[observed('1', 10), back], "start, start now");
}

#[test]
fn what_was_stopped_for_anothers_image_comes_back_with_it() {
    let stopped = |images| after(images, End::StoppedByCall, observed('1', 10));
    // Ordered while that deployment was under way.
    check(
        "replace",
        &[stopped("1"), observed('2', 150)],
        "start now, start now",
    );
    // A person stopped it before, or it was due then and did not go with it; or nothing replaces anything.
    check(
        "replace",
        &[stopped("1"), observed('2', 250)],
        "failed-before, start now",
    );
    check(
        "replace",
        &[stopped("1"), observed('2', 50)],
        "failed-before, start now",
    );
    check(
        "wait",
        &[stopped("1"), observed('2', 150)],
        "failed-before, start now",
    );
    // It had not to make room for what it shipped itself, nor for what is not due.
    check(
        "replace",
        &[stopped("12"), observed('2', 150)],
        "failed-before, start now",
    );
    check(
        "replace",
        &[stopped("1"), runs(observed('2', 150))],
        "failed-before, already-running",
    );
    // An alarm stopped it.
    let alarm = after("1", End::Stopped, observed('1', 10));
    check(
        "replace",
        &[alarm, observed('2', 150)],
        "failed-before, start now",
    );
}

#[test]
fn another_pipelines_deployment_is_no_reason_to_touch_an_image() {
    let ships_nginx = |phase, web| {
        [
            while_shipping("", "2", phase, web),
            while_shipping("2", "", phase, observed('2', 90)),
        ]
    };
    check(
        "wait",
        &ships_nginx(Phase::Shifting, runs(observed('1', 10))),
        "already-running, already-in-progress",
    );
    check(
        "wait",
        &ships_nginx(Phase::Shifting, observed('1', 110)),
        "waiting, already-in-progress",
    );
    check(
        "replace",
        &ships_nginx(Phase::Shifting, observed('1', 110)),
        "stop, already-in-progress",
    );
    check(
        "wait",
        &ships_nginx(Phase::TerminationWait, observed('1', 110)),
        "end-wait, already-in-progress",
    );
    // The next one ends its wait, too, though another pipeline's image runs and was ordered before.
    let again = [
        while_shipping("", "2", Phase::TerminationWait, runs(observed('1', 10))),
        while_shipping("2", "", Phase::TerminationWait, observed('3', 110)),
    ];
    check("wait", &again, "already-running, end-wait");
}

#[test]
fn a_deployment_is_stopped_only_where_what_it_ships_comes_back() {
    let ships_web = |web, nginx| {
        [
            while_shipping("1", "", Phase::Shifting, web),
            while_shipping("", "1", Phase::Shifting, nginx),
        ]
    };
    let (web, nginx) = (observed('1', 90), observed('2', 110));
    check(
        "replace",
        &ships_web(web.clone(), nginx.clone()),
        "already-in-progress, stop",
    );
    // The stop for a request, or for a tag on an older image, could not be told from a person's afterwards.
    let request = asked_by(AskedBy::PersonForThisImage, nginx.clone());
    check(
        "replace",
        &ships_web(web.clone(), request),
        "already-in-progress, waiting",
    );
    let mut retagged = observed('2', 50);
    retagged.candidate.as_mut().unwrap().ordered_at = at(110);
    check(
        "replace",
        &ships_web(web, retagged),
        "already-in-progress, waiting",
    );
    // A person asked for what it ships: no event would ask for it again.
    let other = observed('3', 90);
    check(
        "replace",
        &ships_web(other, nginx.clone()),
        "waiting, waiting",
    );
    // Both have newer images.
    let newer = observed('3', 120);
    check("replace", &ships_web(newer, nginx), "stop, stop");
}

#[test]
fn a_rollback_by_hand_is_left_alone() {
    for phase in [Phase::Shifting, Phase::TerminationWait] {
        let by_hand = [
            while_shipping("", "", phase, runs(observed('1', 10))),
            while_shipping("", "", phase, observed('2', 110)),
        ];
        check("replace", &by_hand, "waiting, waiting");
    }
}

#[test]
fn a_services_only_pipeline_is_decided_as_by_itself() {
    let web = while_shipping("9", "", Phase::Shifting, observed('1', 110));
    check("replace", std::slice::from_ref(&web), "stop");
    check("replace", &[asked_by(AskedBy::Person, web)], "stop");
    check(
        "replace",
        &[after("1", End::StoppedByCall, observed('1', 10))],
        "failed-before",
    );
}

#[test]
fn what_has_to_be_observed_says_for_which_pipeline() {
    let pipelines = pipelines("wait");
    let (web, mut nginx) = (observed('1', 10), observed('2', 20));
    nginx.attempts = None;
    let members = [(0, &web), (1, &nginx)].map(|(index, observed)| Member {
        pipeline: &pipelines[index],
        observed,
    });
    assert_eq!(decide_together(&members), Err((1, Need::Attempts)));
}
