//! What fuzzing kept, held to the same properties in every run of the tests.

use super::properties;
use crate::repository;

#[track_caller]
fn check(target: &str, holds: fn(&str)) {
    let folder = format!("fuzz/corpus/{target}");
    let kept = repository::files(&folder);
    assert!(
        !kept.is_empty(),
        "{folder} is empty, seed it as fuzz/README.md says"
    );
    for path in kept {
        let held = std::panic::catch_unwind(|| holds(&repository::text(&path)));
        assert!(held.is_ok(), "{path}: see above");
    }
}

#[test]
fn kept_events_are_read_or_refused() {
    check("event", properties::event::holds);
}

#[test]
fn kept_configurations_are_read_or_refused() {
    check("configuration", properties::configuration::holds);
}

#[test]
fn kept_tag_rules_are_read_or_refused() {
    check("tag_rule", properties::tag_rule::holds);
}

#[test]
fn kept_matchers_are_read_or_refused() {
    check("matcher", properties::matcher::holds);
}

#[test]
fn kept_app_specs_are_read_or_refused() {
    check("app_spec", properties::app_spec::holds);
}
