//! What the commands of a message request.

use serde_json::Value;

use super::tests::{deployment, ending, pipeline, request, running, settings};
use super::*;
use crate::config::{Config, Pipeline};
use crate::events::{Request, Way};
use crate::outcome::{Command, Ending, Event};
use crate::start::{AskedBy, Skip};

/// Without `rollback` the command would migrate, and "within the hour" holds for an event alone.
#[test]
fn a_refused_request_is_repeated_by_a_command_of_its_own() {
    let pipeline = pipeline();
    let refused = |asked_by| {
        let outcome = Outcome::refused(&pipeline, None, "why".to_owned(), asked_by, request());
        let next = outcome.next.clone().unwrap();
        let sent: Value =
            serde_json::from_str(&render(&outcome, &settings(MessageFormat::Json)).body).unwrap();
        (
            next,
            sent["commands"][0]["command"].as_str().unwrap().to_owned(),
        )
    };
    let by_event = refused(AskedBy::Event).0;
    assert!(by_event.contains("within the hour"), "{by_event}");
    for asked_by in [
        AskedBy::Person,
        AskedBy::PersonForThisImage,
        AskedBy::Rollback,
    ] {
        let (next, command) = refused(asked_by);
        assert!(!next.contains("within the hour"), "{next}");
        assert!(next.contains("not remembered"), "{next}");
        let payload =
            r#"--payload '{"pipeline":"shop-web","tag":"1.0.0","force":true,"rollback":true}' "#;
        assert!(command.contains(payload), "{command}");
    }
}

fn with_migration() -> Pipeline {
    let text = "[[pipeline]]\nname='shop-web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
                [pipeline.migration]\ncontainer='web'\ncommand=['migrate']";
    Config::parse(text).unwrap().pipelines.remove(0)
}

fn ways(outcome: &Outcome) -> Vec<Way> {
    let way = |command: &Command| match command {
        Command::Request { request, .. } => request.way,
        Command::Reroute(_)
        | Command::RestoreImage { .. }
        | Command::Continue { .. }
        | Command::RestoreTestListener { .. } => panic!("{command:?}"),
    };
    outcome.commands.iter().map(way).collect()
}

/// Whether the deployment left its migration out, and what the commands request then.
#[test]
fn a_rollback_is_requested_again_as_a_rollback() {
    use Way::{Back, Forward};
    let (migrates, without) = (with_migration(), pipeline());
    let subject = deployment().subject(&without);
    for (pipeline, way, expected) in [
        (&migrates, Some(Back), &[Back][..]),
        (&migrates, Some(Forward), &[Forward]),
        (&migrates, None, &[Forward, Back]),
        (&without, Some(Back), &[Forward]),
        (&without, None, &[Forward]),
    ] {
        let ending = || Ending { way, ..ending() };
        let failed = Outcome::ended_badly(Event::Failed, pipeline, &subject, ending());
        let back = Outcome::rolled_back(pipeline, &subject, &subject, running(2, 2), ending());
        let down = Outcome::shipped_and_down(pipeline, &subject, running(2, 0), ending());
        for outcome in [failed, back, down] {
            assert_eq!(ways(&outcome), expected, "{way:?}");
        }
    }
    let why = || "status 500".to_owned();
    let gate = Outcome::test_traffic_failed(&migrates, &subject, why());
    assert_eq!(ways(&gate), [Forward, Back]);
    let gate = Outcome::migration_did_not_run(&migrates, &subject, why());
    assert_eq!(ways(&gate), [Forward]);
}

/// A name is text; a command that holds another character in its place names no pipeline.
#[test]
fn a_command_is_exact_in_every_format() {
    for name in [
        "shop-web",
        "web & worker",
        "@shop/web",
        "<!channel> `web`",
        "Müller's web 世界",
        "https://shop|web*~[x]",
        "a\u{200B}b\u{E0041}c",
        "\\ \" $HOME",
    ] {
        let request = Request {
            pipeline: name.parse().unwrap(),
            ..request()
        };
        let outcome = Outcome::refused(
            &pipeline(),
            None,
            "why".to_owned(),
            AskedBy::Rollback,
            request.clone(),
        );
        let body = |format| render(&outcome, &settings(format)).body;
        let json: Value = serde_json::from_str(&body(MessageFormat::Json)).unwrap();
        let command = json["commands"][0]["command"].as_str().unwrap();
        // As a shell takes the payload, and the function reads it.
        let (_, payload) = command.split_once("--payload '").unwrap();
        let payload = payload.strip_suffix("' /dev/stdout").unwrap();
        let payload: Value = serde_json::from_str(&payload.replace(r"'\''", "'")).unwrap();
        assert_eq!(payload, request.payload(), "{name}");
        assert_eq!(payload["pipeline"], name);
        assert!(
            body(MessageFormat::Text).contains(&format!("\n  {command}\n")),
            "{name}"
        );
        let chat: Value = serde_json::from_str(&body(MessageFormat::Chat)).unwrap();
        let steps = chat["content"]["nextSteps"].as_array().unwrap();
        let step = format!("to request it again: `{command}`");
        assert!(steps.contains(&step.into()), "{name}: {steps:?}");
    }
}

/// Commands of orders stand in backticks of a chat and in JSON's `commands`, as those of deployments do.
#[test]
fn no_command_stands_in_prose() {
    let (pipeline, subject) = (pipeline(), deployment().subject(&pipeline()));
    let image = subject.image.clone().unwrap();
    let skip = Skip::OlderThanRunning(image.clone());
    let commands = || {
        vec![Command::Request {
            purpose: "to deploy it all the same",
            request: request(),
        }]
    };
    let why = || "why".to_owned();
    for outcome in [
        Outcome::waiting(
            &pipeline,
            &image,
            &subject.id,
            AskedBy::Event,
            Some(request()),
        ),
        Outcome::waiting(
            &pipeline,
            &image,
            &subject.id,
            AskedBy::Person,
            Some(request()),
        ),
        Outcome::skipped(
            &pipeline,
            Some(&image),
            &skip,
            Some(("nothing", commands())),
        ),
        Outcome::refused(&pipeline, None, why(), AskedBy::Event, request()),
        Outcome::refused(&pipeline, None, why(), AskedBy::Rollback, request()),
    ] {
        let next = outcome.next.clone().unwrap();
        assert!(!next.contains("aws "), "{next}");
        let body = render(&outcome, &settings(MessageFormat::Json)).body;
        let json: Value = serde_json::from_str(&body).unwrap();
        let command = json["commands"][0]["command"].as_str().unwrap();
        let chat = render(&outcome, &settings(MessageFormat::Chat)).body;
        let chat: Value = serde_json::from_str(&chat).unwrap();
        let steps = chat["content"]["nextSteps"].to_string();
        let quoted = Value::from(format!("`{command}`")).to_string();
        assert!(steps.contains(quoted.trim_matches('"')), "{steps}");
    }
}

#[test]
fn a_subject_says_the_outcome_whatever_the_name_is() {
    let subject_of = |length: usize, tag: usize| {
        let mut outcome = Outcome::ended_badly(
            Event::Failed,
            &pipeline(),
            &deployment().subject(&pipeline()),
            ending(),
        );
        outcome.pipeline = Some("n".repeat(length).parse().unwrap());
        outcome.image.as_mut().unwrap().tag = Some("t".repeat(tag).parse().unwrap());
        render(&outcome, &settings(MessageFormat::Text))
            .subject
            .unwrap()
    };
    assert_eq!(subject_of(8, 3), "nnnnnnnn: failed shop/web:ttt");
    let whole = subject_of(70, 3);
    assert_eq!(whole, format!("{}: failed shop/web:ttt", "n".repeat(70)));
    let cut = subject_of(100, 3);
    assert_eq!(cut, format!("{}...: failed shop/web:ttt", "n".repeat(75)));
    let long = subject_of(100, 128);
    assert!(
        long.starts_with(&format!("{}...: failed shop/web:ttt", "n".repeat(37))),
        "{long}"
    );
    for subject in [whole, cut, long] {
        assert!(subject.len() <= 99, "{subject}");
    }
}
