//! What AWS answered, and what functions answered.

use std::ops::Range;

use record::{HookCall, Record};

use super::{expect, list, numbered, owned};
use crate::Expectation;

/// The caller of calls that no function made.
const PERSON: &str = "a person";

/// AWS's answers to the calls of an operation by one caller, each once in a row: a status such as `200`, or the error's code.
pub fn aws_answered(caller: &str, operation: &str, answers: &[&str]) -> Expectation {
    let claim = format!(
        "AWS answered {} to `{operation}` by {caller}",
        list(answers)
    );
    let (caller, operation) = (caller.to_owned(), operation.to_owned());
    let expected = owned(answers);
    Expectation::new(claim, move |record| {
        let calls = record.aws_calls.iter().filter(|call| {
            call.operation == operation && call.function.as_deref().unwrap_or(PERSON) == caller
        });
        let answer = |call: &record::AwsCall| {
            let status = || call.status.to_string();
            call.error.clone().unwrap_or_else(status)
        };
        let mut found: Vec<String> = calls.map(answer).collect();
        found.dedup();
        expect(found == expected, || list(&found))
    })
}

/// The call that a function made next after its last call of an operation.
pub fn called_after(function: &str, operation: &str, next: &str) -> Expectation {
    let claim = format!("after its last `{operation}` {function} called `{next}`");
    let (function, next) = (function.to_owned(), next.to_owned());
    let operation = operation.to_owned();
    Expectation::new(claim, move |record| {
        let calls = record.aws_calls.iter();
        let calls = calls.filter(|call| call.function.as_deref() == Some(&function));
        let calls: Vec<&str> = calls.map(|call| call.operation.as_str()).collect();
        let last = calls.iter().rposition(|called| *called == operation);
        let last = last.ok_or_else(|| format!("it never called `{operation}`"))?;
        let found = calls.get(last + 1).copied().unwrap_or("nothing");
        expect(found == next, || found.to_owned())
    })
}

/// How often a function called an operation, whatever AWS answered.
pub fn called(function: &str, operation: &str, count: usize) -> Expectation {
    let claim = format!("{function} called `{operation}` {count} time(s)");
    let (function, operation) = (function.to_owned(), operation.to_owned());
    Expectation::new(claim, move |record| {
        let calls = record.aws_calls.iter().filter(|call| {
            call.operation == operation && call.function.as_deref() == Some(&function)
        });
        let found = calls.count();
        expect(found == count, || format!("{found} time(s)"))
    })
}

/// A message with this outcome was published so many seconds after the first occurrence of an event.
pub fn told_after(outcome: &str, moment: &str, seconds: Range<u64>) -> Expectation {
    let (from, to) = (seconds.start, seconds.end);
    let claim = format!("the message `{outcome}` came {from} to {to} seconds after `{moment}`");
    let (outcome, moment) = (outcome.to_owned(), moment.to_owned());
    Expectation::new(claim, move |record| {
        let message = record.message(&outcome);
        let message = message.ok_or("there was no such message")?;
        let mut moments = record.timeline.iter();
        let moment = moments.find(|one| one.what == moment);
        let moment = moment.ok_or("it never happened")?;
        let took = record.simulated.since(message.at).as_secs_f64() - moment.seconds;
        let is_in = took >= from as f64 && took <= to as f64;
        expect(is_in, || format!("{took:.0}"))
    })
}

/// So many invocations of a function answered with all of these texts, or failed with them.
pub fn invocations_say(count: usize, function: &str, says: &[&str]) -> Expectation {
    let quoted = crate::quoted(says);
    let claim = format!("{count} invocation(s) of {function} said {quoted}");
    let (function, says) = (function.to_owned(), owned(says));
    Expectation::new(claim, move |record| {
        let of_it = record.invocations.iter();
        let of_it = of_it.filter(|invocation| invocation.function == function);
        let said = of_it.map(|invocation| {
            let error = invocation.error.clone();
            error.unwrap_or_else(|| invocation.answer.to_string())
        });
        let said: Vec<String> = said.collect();
        let has_all = |said: &&String| says.iter().all(|text| said.contains(text.as_str()));
        let found = said.iter().filter(has_all).count();
        expect(found == count, || format!("{found} of {}", list(&said)))
    })
}

/// The hooks that ECS called in a deployment's rollback, in order, each with its answers: `FUNCTION at STAGE SUCCEEDED`.
pub fn hooks_of_the_rollback(number: usize, expected: &[&str]) -> Expectation {
    let claim = format!(
        "hooks in the rollback of deployment {number}: {}",
        list(expected)
    );
    let expected = owned(expected);
    Expectation::new(claim, move |record| {
        let found = in_rollback(record, &numbered(record, number)?.id);
        expect(found == expected, || list(&found))
    })
}

fn in_rollback(record: &Record, id: &str) -> Vec<String> {
    let hooks = record.hooks.iter();
    let hooks = hooks.filter(|hook| hook.deployment == id && hook.rollback);
    let sentence = |hook: &HookCall| {
        let function = hook.function.as_deref().unwrap_or_default();
        let answers = hook.answers.iter().map(|answer| answer.status.as_str());
        let answers: Vec<&str> = answers.collect();
        format!(
            "{function} at {} {}",
            hook.lifecycle_event,
            answers.join(" ")
        )
    };
    hooks.map(sentence).collect()
}
