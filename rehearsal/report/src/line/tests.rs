//! The lines of entries.

use record::Decision;

use super::*;

fn check(event: &timeline::Event, expected: &str) {
    let line = Line::of(Duration::from_secs(3723), event).map(|line| line.render(Colours::Off));
    assert_eq!(line.as_deref().unwrap_or(""), expected);
}

#[test]
fn entries_read_as_sentences() {
    let digest = format!("sha256:{}", "4c".repeat(32));
    check(
        &timeline::Event::ImagePushed {
            repository: "shop/web".to_owned(),
            digest: digest.clone(),
            tag: Some("latest".to_owned()),
        },
        "01:02:03  push                    shop/web:latest (sha256:4c4c4c4c4c4c)",
    );
    let image = format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{digest}");
    check(
        &timeline::Event::RevisionRegistered {
            arn: "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:2".to_owned(),
            images: vec![
                ("web".to_owned(), image),
                ("proxy".to_owned(), "nginx:1".to_owned()),
            ],
        },
        "01:02:03  revision                shop-web:2: web = shop/web@sha256:4c4c4c4c4c4c, proxy = nginx:1",
    );
    let weight = |task_set, version: &str, percent| Weight {
        task_set,
        version: Some(version.to_owned()),
        percent,
    };
    check(
        &timeline::Event::Weights {
            cluster: "prod".to_owned(),
            service: "web".to_owned(),
            listener: ListenerKind::Production,
            weights: vec![weight("Blue", "1.0.0", 90), weight("Green", "1.1.0", 10)],
        },
        "01:02:03  production              `web` goes to blue (1.0.0) 90 %, green (1.1.0) 10 %",
    );
    check(
        &timeline::Event::MessagePublished {
            topic: String::new(),
            subject: Some("shop-web: shipped".to_owned()),
            body: "Pipeline   shop-web\nOutcome    shipped\n".to_owned(),
        },
        "01:02:03  message                 shop-web: shipped\n\
         \x20                                   Pipeline   shop-web\n\
         \x20                                   Outcome    shipped",
    );
    check(
        &timeline::Event::LifecycleEvent {
            deployment: String::new(),
            name: "Install",
            status: "InProgress",
            message: None,
        },
        "",
    );
}

#[test]
fn answers_are_counted_since_the_last_line() {
    let seen = |blue, green, failed| Seen {
        failed,
        versions: [("1.0.0".to_owned(), blue), ("1.1.0".to_owned(), green)].into(),
        ..Seen::default()
    };
    let line = served(Duration::ZERO, &seen(100, 10, 0), &seen(40, 0, 0));
    assert_eq!(line.text, "answers: 60 by 1.0.0, 10 by 1.1.0; none failed");
    let line = served(Duration::ZERO, &seen(100, 13, 2), &seen(100, 10, 0));
    assert_eq!(
        (line.text.as_str(), line.tone),
        ("answers: 3 by 1.1.0; 2 failed", Tone::Bad)
    );
}

#[test]
fn colours_can_be_switched_off() {
    assert_eq!(Colours::Off.paint(Tone::Bad, "failed"), "failed");
    assert_eq!(
        Colours::On.paint(Tone::Bad, "failed"),
        "\u{1b}[31mfailed\u{1b}[0m"
    );
}

#[test]
fn what_a_function_decided_stands_on_its_line() {
    let ended = |decisions: &[(Option<&str>, &str, Option<&str>)]| timeline::Event::FunctionEnded {
        function: "start-deployment".to_owned(),
        request_id: "1".to_owned(),
        error: None,
        decisions: decisions
            .iter()
            .map(|(pipeline, decision, reason)| Decision {
                pipeline: pipeline.map(str::to_owned),
                decision: (*decision).to_owned(),
                reason: reason.map(str::to_owned),
            })
            .collect(),
        milliseconds: 36,
    };
    let before = "01:02:03  start-deployment        answered in 36 ms";
    check(&ended(&[]), before);
    let web = (Some("web"), "already-running", Some("1.1.0 runs already"));
    check(
        &ended(&[web]),
        &format!("{before}: `web` already-running: 1.1.0 runs already"),
    );
    check(
        &ended(&[(None, "later", None)]),
        &format!("{before}: later"),
    );
    let indent = " ".repeat(34);
    check(
        &ended(&[web, (Some("api"), "start", Some("it is newer"))]),
        &format!(
            "{before}:\n{indent}  `web` already-running: 1.1.0 runs already\n{indent}  `api` start: it is newer"
        ),
    );
}

#[test]
fn an_event_that_no_rule_matches_says_so() {
    for (rules, expected) in [
        (
            &[][..],
            "`ECR Image Action` of `aws.ecr`: no rule of the template matches it, so it calls no function",
        ),
        (
            &["StartDeploymentPush"],
            "`ECR Image Action` of `aws.ecr` matches the rule StartDeploymentPush",
        ),
        (
            &["A", "B"],
            "`ECR Image Action` of `aws.ecr` matches the rules A, B",
        ),
    ] {
        let event = timeline::Event::EventArrived {
            source: "aws.ecr".to_owned(),
            detail_type: "ECR Image Action".to_owned(),
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        };
        check(
            &event,
            &format!("01:02:03  event                   {expected}"),
        );
    }
}

#[test]
fn a_container_in_which_nothing_runs_says_so() {
    for (purpose, end) in [
        (
            Purpose::Service("web".to_owned()),
            "so its target never becomes healthy",
        ),
        (
            Purpose::Once {
                started_by: None,
                command: vec!["migrate".to_owned()],
            },
            "so its task does not end",
        ),
    ] {
        let event = timeline::Event::NothingRuns {
            task: "arn".to_owned(),
            purpose,
            container: "web".to_owned(),
            image: "shop/web:1".to_owned(),
            reason: "has no annotation `org.opencontainers.image.version`".to_owned(),
        };
        let before = "01:02:03  task                    nothing runs in container `web`: its image `shop/web:1` has no annotation \
                      `org.opencontainers.image.version`";
        check(&event, &format!("{before}, {end}"));
    }
}

#[test]
fn a_program_that_failed_is_shown_with_its_last_lines() {
    for (lines, version, expected) in [
        (&[][..], None, "(without a version): ended with exit code 3"),
        (
            &["Traceback:", "  KeyError"],
            Some("1.1.0"),
            "(1.1.0): ended with exit code 3; it printed last:\n                                    Traceback:\n                                      KeyError",
        ),
    ] {
        let event = timeline::Event::ProgramFailed {
            task: "arn".to_owned(),
            purpose: Purpose::Service("web".to_owned()),
            container: "app".to_owned(),
            version: version.map(str::to_owned),
            reason: "ended with exit code 3".to_owned(),
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        };
        let before = "01:02:03  program                 the program in container `app`";
        check(&event, &format!("{before} {expected}"));
    }
}
