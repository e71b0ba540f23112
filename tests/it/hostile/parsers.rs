//! Broken events through the parsers and the first decision: whom they concern.

use std::collections::HashSet;

use rules::config::Config;
use rules::events::{self, Origin, StartEvent};
use rules::reconcile::{self, Concerned};
use serde_json::{Value, json};

use super::mutation::{self, HOSTILE, Mutation, Way};
use super::properties;
use crate::repository;

const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:outcomes";

fn samples() -> Vec<(String, Value)> {
    let paths = repository::files("events").into_iter();
    paths
        .map(|path| (path.clone(), repository::json(&path)))
        .collect()
}

/// Every sample loses each of its parts. What else can be done to a part is done to it once for each kind of event: most
/// samples of a kind differ in little.
fn mutations() -> Vec<(String, Mutation)> {
    let (gone, all) = ([Way::Removed], [Way::kinds(), Way::texts()].concat());
    let mut seen = HashSet::new();
    let mut mutations = Vec::new();
    for (path, event) in samples() {
        let kind = |place: &String| (event["detail-type"].to_string(), place.clone());
        let places = mutation::places(&event);
        let (fresh, others): (Vec<String>, Vec<String>) = places
            .into_iter()
            .partition(|place| seen.insert(kind(place)));
        let broken = [
            mutation::of(&event, &fresh, &all),
            mutation::of(&event, &others, &gone),
        ]
        .concat();
        mutations.extend(broken.into_iter().map(|mutation| (path.clone(), mutation)));
    }
    mutations
}

/// Fails with what was done to which event.
fn check(holds: impl Fn(&Value) + std::panic::RefUnwindSafe) {
    for (path, mutation) in mutations() {
        let held = std::panic::catch_unwind(|| holds(&mutation.event));
        assert!(held.is_ok(), "{path}, {}: see above", mutation.what);
    }
}

#[test]
fn an_event_with_anything_in_any_place_is_read_or_refused_with_a_reason() {
    check(properties::event::is_read_or_refused);
}

#[test]
fn whatever_is_in_an_event_only_pipelines_that_follow_it_are_reconciled() {
    let config = Config::parse(&repository::text("config/pipelines.toml")).unwrap();
    let here = Origin::of(&Value::Null, &TOPIC.parse().unwrap());
    check(|event| {
        let Ok(read) = StartEvent::parse(event) else {
            return;
        };
        match reconcile::concerned(&config, &read, &here) {
            Ok(Concerned::Reconciliations(reconciliations)) => {
                assert!(!reconciliations.is_empty());
                if let StartEvent::Pushed { image, tag, at: _ } = &read {
                    for reconciliation in &reconciliations {
                        assert_eq!(reconciliation.pipeline.repository, image.repository);
                        assert!(reconciliation.pipeline.tag.matches(tag));
                    }
                }
            }
            Ok(Concerned::None(reason)) => properties::event::is_a_reason(&reason),
            Err(unknown) => properties::event::is_a_reason(&unknown.to_string()),
        }
    });
}

/// A bus may be fed from elsewhere, and whatever an account is called there, its events concern nobody here.
#[test]
fn an_event_of_another_account_or_region_is_nobodys() {
    let topic = TOPIC.parse().unwrap();
    let of_aws =
        |(_, event): &(String, Value)| event["source"].is_string() && event["account"].is_string();
    // Of a registry elsewhere, which a pipeline names.
    let forwarded = |(path, _): &&(String, Value)| path.ends_with("/push-forwarded.json");
    let samples = samples();
    let samples = samples.iter().filter(|sample| of_aws(sample));
    for (path, event) in samples.filter(|sample| !forwarded(sample)) {
        assert_eq!(events::other_account(event, &topic), None, "{path}");
        for (field, other) in [("account", "444455556666"), ("region", "us-east-1")]
            .into_iter()
            .chain(
                HOSTILE
                    .iter()
                    .flat_map(|text| [("account", *text), ("region", *text)]),
            )
        {
            let mut event = event.clone();
            event[field] = json!(other);
            let reason = events::other_account(&event, &topic)
                .unwrap_or_else(|| panic!("{path} with {field} {other:?}"));
            properties::event::is_a_reason(&reason);
        }
    }
}
