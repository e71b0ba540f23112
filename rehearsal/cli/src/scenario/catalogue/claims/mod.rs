//! Claims that are functions of the record, because a sentence with arguments is not enough.
//!
//! A claim of a single scenario is under its theme, with the sentence by which the scenario's file names it.

mod failing;
mod migrations;
mod named;
mod order;
mod permissions;
mod refusals;
mod shipping;
mod stopping;

use std::ops::Range;

use self::named::Named;
use crate::scenario::claims::{expect, list};
use crate::scenario::{Expectation, quoted};
use record::{Missing, Task};

const THEMES: [&[Named]; 7] = [
    shipping::CLAIMS,
    failing::CLAIMS,
    stopping::CLAIMS,
    order::CLAIMS,
    refusals::CLAIMS,
    permissions::CLAIMS,
    migrations::CLAIMS,
];

/// All claims that are named by their sentences.
pub(super) fn all() -> impl Iterator<Item = Expectation> {
    let claims = THEMES.into_iter().flatten();
    claims.map(|(sentence, check)| Expectation::new(*sentence, check))
}

/// The only migration was stopped for this reason.
pub(super) fn migration_was_stopped(reason: &str) -> Expectation {
    let reason = reason.to_owned();
    Expectation::new(
        format!("the migration was stopped: `{reason}`"),
        move |record| {
            let stopped = |task: &Task| task.reason.clone().unwrap_or_default();
            let reasons: Vec<String> = record.tasks.iter().map(stopped).collect();
            let holds = reasons.len() == 1 && reasons[0].contains(&reason);
            expect(holds, || list(&reasons))
        },
    )
}

/// Every migration that a function started had these containers, and each of them ran.
pub(super) fn migration_started(containers: &[&str]) -> Expectation {
    let claim = format!("the migration's task started {} alone", quoted(containers));
    let mut expected = owned(containers);
    expected.sort();
    Expectation::new(claim, move |record| {
        let ours = record.migrations.iter();
        let ours = ours.filter(|migration| migration.given_to.is_some());
        let started = ours.map(|migration| {
            let containers = migration.containers.iter();
            let ran = containers.filter(|container| !container.ran.is_empty());
            let mut names: Vec<String> = ran.map(|container| container.name.clone()).collect();
            names.sort();
            names
        });
        let started: Vec<Vec<String>> = started.collect();
        let holds = !started.is_empty() && started.iter().all(|names| *names == expected);
        expect(holds, || format!("{started:?}"))
    })
}

/// The whole run lasted this number of simulated minutes.
pub(super) fn lasted(minutes: Range<u64>) -> Expectation {
    let claim = format!("it lasted {} to {} minutes", minutes.start, minutes.end);
    Expectation::new(claim, move |record| {
        expect(minutes.contains(&(record.simulated_seconds / 60)), || {
            format!("{} seconds", record.simulated_seconds)
        })
    })
}

/// No other function failed, and every error of this one contains all of these texts.
pub(super) fn only_failed(function: &str, says: &[&str]) -> Expectation {
    let claim = format!(
        "only {function} failed, with an error that says {}",
        quoted(says)
    );
    let (function, says) = (function.to_owned(), owned(says));
    Expectation::new(claim, move |record| {
        let failed = record
            .invocations
            .iter()
            .filter(|invocation| !invocation.ok);
        let failed: Vec<String> = failed
            .map(|invocation| {
                let error = invocation.error.as_deref().unwrap_or("no error");
                format!("{}: {error}", invocation.function)
            })
            .collect();
        let as_told = |failed: &String| {
            failed.starts_with(&format!("{function}: "))
                && says.iter().all(|says| failed.contains(says.as_str()))
        };
        expect(!failed.is_empty() && failed.iter().all(as_told), || {
            list(&failed)
        })
    })
}

/// AWS refused this action, and its message contains all of these texts.
pub(super) fn refuses(holder: &str, action: &str, says: &[&str]) -> Expectation {
    let claim = format!(
        "AWS refuses `{action}` to {holder}, and names {}",
        quoted(says)
    );
    let (holder, action, says) = (holder.to_owned(), action.to_owned(), owned(says));
    Expectation::new(claim, move |record| {
        let refused: Vec<&Missing> = record
            .permissions_missing
            .iter()
            .filter(|missing| missing.holder == holder && missing.action == action)
            .collect();
        let sentences: Vec<&str> = refused
            .iter()
            .map(|missing| missing.message.as_str())
            .collect();
        let named = |sentence: &&str| says.iter().all(|says| sentence.contains(says.as_str()));
        expect(!sentences.is_empty() && sentences.iter().all(named), || {
            list(&sentences)
        })
    })
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
