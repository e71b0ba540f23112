//! What the commands of a message request.

use serde_json::Value;

use super::tests::{deployment, ending, pipeline, request, running, settings};
use super::*;
use crate::config::{Config, Pipeline};
use crate::events::Way;
use crate::outcome::{Command, Ending, Event};
use crate::start::AskedBy;

/// Without `rollback` the command would migrate, and "within the hour" holds for an event alone.
#[test]
fn a_refused_request_is_repeated_by_a_command_of_its_own() {
    let pipeline = pipeline();
    let refused = |asked_by| {
        let outcome = Outcome::refused(&pipeline, None, "why".to_owned(), asked_by, request());
        let next = outcome.next.clone().unwrap();
        let sent: Value =
            serde_json::from_str(&render(&outcome, &settings(MessageFormat::Json)).body).unwrap();
        (next, sent["commands"][0]["command"].as_str().unwrap().to_owned())
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
        let payload = r#"--payload '{"pipeline":"shop-web","tag":"1.0.0","force":true,"rollback":true}' "#;
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
        other => panic!("{other:?}"),
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
