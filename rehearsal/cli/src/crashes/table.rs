//! The presentation of plays: one line each, and a table of all.

use std::collections::BTreeMap;

use local_aws::fault::Fault;
use record::counted;

use super::{Outcome, Verdict, is_untried};

/// The line of a finished play.
pub(super) fn line(number: usize, of: usize, outcome: &Outcome) -> String {
    let Outcome {
        scenario,
        function,
        call,
        occurrence,
        fault,
        verdict,
        cut_short,
        milliseconds,
        replay: _,
    } = outcome;
    let verdict = match verdict {
        Verdict::Held => "held",
        Verdict::Violated(_) => "VIOLATED",
        Verdict::NotReached => "not reached",
        Verdict::BrokenOff(_) => "BROKEN OFF",
    };
    let cut_short = if cut_short.is_some() {
        ", script cut short"
    } else {
        ""
    };
    let seconds = *milliseconds / 1000;
    let width = of.to_string().len();
    format!(
        "{number:>width$}/{of} {scenario} {function} {call} {occurrence} {fault}: {verdict}{cut_short} ({seconds} s)"
    )
}

/// The results of all plays: by function, call and fault, then each failed play.
pub(super) fn summary(outcomes: &[Outcome]) -> String {
    let mut lines = vec![String::new()];
    lines.extend(table(outcomes));
    lines.push(String::new());
    for outcome in outcomes {
        let found = match &outcome.verdict {
            Verdict::NotReached if is_untried(outcome, outcomes) => {
                "no play reached this call with this fault: nothing is proven".to_owned()
            }
            Verdict::Held | Verdict::NotReached => continue,
            Verdict::Violated(violations) => violations.join("\n  "),
            Verdict::BrokenOff(error) => format!("did not finish: {error}"),
        };
        lines.push(format!("{}\n  {found}", outcome.replay));
    }
    lines.push(totals(outcomes));
    lines.join("\n")
}

/// A row for each function and call, a column for each fault: the number of plays in which the invariants held, of the
/// total.
fn table(outcomes: &[Outcome]) -> Vec<String> {
    let mut rows: BTreeMap<(&str, &str), BTreeMap<&str, Cell>> = BTreeMap::new();
    for outcome in outcomes {
        let row = rows.entry((&outcome.function, &outcome.call)).or_default();
        row.entry(outcome.fault)
            .or_default()
            .count(&outcome.verdict);
    }
    let names = rows
        .keys()
        .map(|(function, call)| format!("{function} {call}"));
    let width = names.map(|name| name.len()).max().unwrap_or_default();
    let faults: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    let cells = |text: &dyn Fn(&str) -> String| {
        let cells = faults.iter().map(|fault| format!("  {:>13}", text(fault)));
        cells.collect::<String>()
    };
    let mut lines = vec![format!(
        "{:<width$}{}",
        "plays that held",
        cells(&str::to_owned)
    )];
    for ((function, call), row) in &rows {
        let text = |fault: &str| row.get(fault).map_or_else(|| "-".to_owned(), Cell::text);
        lines.push(format!(
            "{:<width$}{}",
            format!("{function} {call}"),
            cells(&text)
        ));
    }
    lines
}

#[derive(Default)]
struct Cell {
    held: usize,
    wrong: usize,
}

impl Cell {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Held => self.held += 1,
            Verdict::Violated(_) | Verdict::BrokenOff(_) => self.wrong += 1,
            Verdict::NotReached => {}
        }
    }

    fn text(&self) -> String {
        match self.wrong {
            0 => self.held.to_string(),
            wrong => format!("{} of {}", self.held, self.held + wrong),
        }
    }
}

fn totals(outcomes: &[Outcome]) -> String {
    let count = |is: fn(&Verdict) -> bool| {
        outcomes
            .iter()
            .filter(|outcome| is(&outcome.verdict))
            .count()
    };
    let held = count(|verdict| matches!(verdict, Verdict::Held));
    let violated = count(|verdict| matches!(verdict, Verdict::Violated(_)));
    let not_reached = count(|verdict| matches!(verdict, Verdict::NotReached));
    let broken_off = count(|verdict| matches!(verdict, Verdict::BrokenOff(_)));
    let cut_short = outcomes
        .iter()
        .filter(|outcome| outcome.cut_short.is_some())
        .count();
    let mut points: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            (
                &outcome.scenario,
                &outcome.function,
                &outcome.call,
                outcome.occurrence,
            )
        })
        .collect();
    points.sort_unstable();
    points.dedup();
    format!(
        "{}, {}: {held} held, {violated} violated an invariant, {broken_off} broken off, {not_reached} not reached; {} cut short",
        counted(points.len(), "point", "points"),
        counted(outcomes.len(), "play", "plays"),
        counted(cut_short, "script", "scripts")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(call: &str, fault: Fault, verdict: Verdict) -> Outcome {
        Outcome {
            scenario: "ship".to_owned(),
            function: "run-migration".to_owned(),
            call: call.to_owned(),
            occurrence: 1,
            fault: fault.name(),
            verdict,
            cut_short: None,
            milliseconds: 2345,
            replay: format!(
                "cargo rehearse ship --fault run-migration:{call}:1={}",
                fault.name()
            ),
        }
    }

    #[test]
    fn a_violation_is_listed_with_the_command_that_replays_it() {
        let violated = Verdict::Violated(vec!["5. judged twice".to_owned()]);
        let outcomes = [
            outcome("ecs:RunTask", Fault::KilledAfter, violated),
            outcome("ecs:RunTask", Fault::KilledAfter, Verdict::Held),
            outcome("ecs:RunTask", Fault::Error, Verdict::NotReached),
            outcome("ecs:RunTask", Fault::KilledAfter, Verdict::NotReached),
            outcome(
                "sns:Publish",
                Fault::Error,
                Verdict::BrokenOff("interrupted".to_owned()),
            ),
        ];
        let summary = summary(&outcomes);
        for expected in [
            "1 of 2",
            "0 of 1",
            "cargo rehearse ship --fault run-migration:ecs:RunTask:1=killed-after\n  5. judged twice",
            "did not finish: interrupted",
            "ecs:RunTask:1=error\n  no play reached this call with this fault",
            "2 points, 5 plays: 1 held, 1 violated an invariant, 1 broken off, 2 not reached",
        ] {
            assert!(summary.contains(expected), "{expected}\n{summary}");
        }
        let line = line(7, 440, &outcomes[0]);
        assert_eq!(
            line,
            "  7/440 ship run-migration ecs:RunTask 1 killed-after: VIOLATED (2 s)"
        );
    }
}
