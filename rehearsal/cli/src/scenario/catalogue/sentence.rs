//! A claim is written as it is reported: the sentence in a scenario's file is the sentence in the report.

use crate::scenario::dead_letters::{calls_kept, event_kept};
use crate::scenario::history::{self, Left};
use crate::scenario::{Expectation, Provided, claims, quoted};

use super::{claims as named, world};

/// A form of sentence: its documentation, and its parser.
pub(super) struct Form {
    pub(super) text: &'static str,
    /// The claims of which one may have this sentence.
    read: fn(&str) -> Option<Vec<Expectation>>,
}

const fn form(text: &'static str, read: fn(&str) -> Option<Vec<Expectation>>) -> Form {
    Form { text, read }
}

/// The sentences with arguments. Those of a history come first: `UPDATE=1` writes them.
pub(super) const FORMS: [Form; 40] = [
    form(
        "deployments of `SERVICE`: [rollback to] VERSION STATUS [ERROR-CODE], …",
        |text| {
            let (service, listed) = text.strip_prefix("deployments of `")?.split_once("`: ")?;
            Some(vec![history::deployments(service, &list(listed))])
        },
    ),
    form("revisions registered: VERSION, …", |text| {
        let listed = text.strip_prefix("revisions registered: ")?;
        Some(vec![history::revisions(&list(listed))])
    }),
    form(
        "`SERVICE` answered by VERSION, then by VERSION, …",
        |text| {
            let (service, path) = text.strip_prefix('`')?.split_once("` answered by ")?;
            let path: Vec<&str> = path.split(", then by ").collect();
            Some(vec![history::went(service, &path)])
        },
    ),
    form(
        "at the end `SERVICE` runs VERSION, and nothing | a green task set is left beside it",
        |text| {
            let (service, rest) = text.strip_prefix("at the end `")?.split_once("` runs ")?;
            let (version, _) = rest.split_once(',')?;
            let left = [Left::Nothing, Left::Green].into_iter();
            Some(
                left.map(|left| history::runs(service, version, left))
                    .collect(),
            )
        },
    ),
    form("people were told: OUTCOME VERSION, …", |text| {
        let listed = text.strip_prefix("people were told: ")?;
        Some(vec![history::told(&list(listed))])
    }),
    form(
        "deployment N ended STATUS at LIFECYCLE-EVENT, and nothing after it ran",
        |text| {
            let (number, rest) = text.strip_prefix("deployment ")?.split_once(" ended ")?;
            let (status, rest) = rest.split_once(" at ")?;
            let at = rest.strip_suffix(", and nothing after it ran")?;
            let number = positive(number)?;
            claims::is_lifecycle_event(at).then(|| vec![history::broke_off(number, status, at)])
        },
    ),
    form(
        "deployment N ended STATUS after all its lifecycle events",
        |text| {
            let (number, rest) = text.strip_prefix("deployment ")?.split_once(" ended ")?;
            let status = rest.strip_suffix(" after all its lifecycle events")?;
            Some(vec![history::after_all_events(positive(number)?, status)])
        },
    ),
    form(
        "the deployment failed at LIFECYCLE-EVENT, and nothing after it ran",
        |text| {
            let at = text.strip_prefix("the deployment failed at ")?;
            let at = at.strip_suffix(", and nothing after it ran")?;
            claims::LIFECYCLE_EVENTS
                .contains(&at)
                .then(|| vec![claims::failed(at)])
        },
    ),
    form("N revision(s) registered", started),
    form("N deployment(s) started by a push", started),
    form(
        "every revision is pinned to an image of `REGISTRY/REPOSITORY`",
        |text| {
            let repository = text.strip_prefix("every revision is pinned to an image of `")?;
            Some(vec![claims::pinned_in(repository.strip_suffix('`')?)])
        },
    ),
    form(
        "`FUNCTION` was called at LIFECYCLE-EVENT of deployment N alone",
        |text| {
            let (function, rest) = text.strip_prefix('`')?.split_once("` was called at ")?;
            let (event, number) = rest.strip_suffix(" alone")?.split_once(" of deployment ")?;
            let number = positive(number)?;
            claims::is_lifecycle_event(event)
                .then(|| vec![claims::called_alone(function, event, number)])
        },
    ),
    form("engines of `SERVICE`: CODE_DEPLOY | STRATEGY, …", |text| {
        let (service, listed) = text.strip_prefix("engines of `")?.split_once("`: ")?;
        Some(vec![claims::engines(service, &list(listed))])
    }),
    form("production of `SERVICE` gave green N %, …", |text| {
        let (service, listed) = text
            .strip_prefix("production of `")?
            .split_once("` gave green ")?;
        Some(vec![claims::shares(service, &list(listed))])
    }),
    form("pauses of deployment N: STAGE STATUS, …", |text| {
        let (number, listed) = text
            .strip_prefix("pauses of deployment ")?
            .split_once(": ")?;
        Some(vec![claims::pauses(positive(number)?, &list(listed))])
    }),
    form(
        "`FUNCTION` answered ANSWER, … at STAGE of deployment N",
        |text| {
            let (function, rest) = text.strip_prefix('`')?.split_once("` answered ")?;
            let (answers, rest) = rest.split_once(" at ")?;
            let (stage, number) = rest.split_once(" of deployment ")?;
            let number = positive(number)?;
            claims::is_lifecycle_event(stage).then(|| {
                vec![claims::hook_answered(
                    function,
                    &list(answers),
                    stage,
                    number,
                )]
            })
        },
    ),
    form(
        "deployment N ended with a reason that says `TEXT`, …",
        |text| {
            let (number, rest) = text
                .strip_prefix("deployment ")?
                .split_once(" ended with ")?;
            let texts = texts_of(rest.strip_prefix("a reason that says ")?)?;
            Some(vec![claims::ended_because(positive(number)?, &texts)])
        },
    ),
    form(
        "hooks in the rollback of deployment N: FUNCTION at STAGE ANSWER, …",
        |text| {
            let rest = text.strip_prefix("hooks in the rollback of deployment ")?;
            let (number, listed) = rest.split_once(": ")?;
            let number = positive(number)?;
            Some(vec![claims::hooks_of_the_rollback(number, &list(listed))])
        },
    ),
    form(
        "AWS answered ANSWER, … to `OPERATION` by FUNCTION | a person",
        |text| {
            let (answers, rest) = text.strip_prefix("AWS answered ")?.split_once(" to `")?;
            let (operation, caller) = rest.split_once("` by ")?;
            Some(vec![claims::aws_answered(
                caller,
                operation,
                &list(answers),
            )])
        },
    ),
    form(
        "after its last `OPERATION` FUNCTION called `OPERATION`",
        |text| {
            let rest = text.strip_prefix("after its last `")?;
            let (operation, rest) = rest.split_once("` ")?;
            let (function, next) = rest.strip_suffix('`')?.split_once(" called `")?;
            Some(vec![claims::called_after(function, operation, next)])
        },
    ),
    form("FUNCTION called `OPERATION` N time(s)", |text| {
        let (function, rest) = text.split_once(" called `")?;
        let (operation, count) = rest.strip_suffix(" time(s)")?.split_once("` ")?;
        Some(vec![claims::called(
            function,
            operation,
            count.parse().ok()?,
        )])
    }),
    form("N invocation(s) of FUNCTION said `TEXT`, …", |text| {
        let (count, rest) = text.split_once(" invocation(s) of ")?;
        let (function, texts) = rest.split_once(" said ")?;
        let (count, texts) = (count.parse().ok()?, texts_of(texts)?);
        Some(vec![claims::invocations_say(count, function, &texts)])
    }),
    form("messages: OUTCOME, …", |text| {
        let listed = text.strip_prefix("messages: ")?;
        Some(claims::messages(&list(listed)))
    }),
    form("events on the bus: OUTCOME VERDICT [COMMIT], …", |text| {
        let listed = text.strip_prefix("events on the bus: ")?;
        Some(claims::bus_events(&list(listed)))
    }),
    form("the message `OUTCOME` says `TEXT`, …", |text| {
        let (outcome, texts) = text.strip_prefix("the message `")?.split_once("` says ")?;
        Some(claims::message_says(outcome, &texts_of(texts)?))
    }),
    form(
        "the message `OUTCOME` came N to N seconds after `MOMENT`",
        |text| {
            let (outcome, rest) = text.strip_prefix("the message `")?.split_once("` came ")?;
            let (seconds, moment) = rest.split_once(" seconds after `")?;
            let (from, to) = seconds.split_once(" to ")?;
            let seconds = from.parse().ok()?..to.parse().ok()?;
            let moment = moment.strip_suffix('`')?;
            Some(vec![claims::told_after(outcome, moment, seconds)])
        },
    ),
    form(
        "the parameter `NAME` was VERSION | TEXT, then VERSION, …",
        |text| {
            let (name, values) = text.strip_prefix("the parameter `")?.split_once("` was ")?;
            let values: Vec<&str> = values.split(", then ").collect();
            Some(vec![claims::parameter_was(name, &values)])
        },
    ),
    form("a reconciliation ended with `REASON`", |text| {
        let reason = text
            .strip_prefix("a reconciliation ended with `")?
            .strip_suffix('`')?;
        Some(vec![history::decided(reason)])
    }),
    form(
        "`SERVICE` answered first by 1.0.0, then by both, then by 1.1.0 only",
        |text| {
            let (service, _) = text.strip_prefix('`')?.split_once("` answered first by ")?;
            Some(claims::shifted(service))
        },
    ),
    form(
        "while both of `SERVICE` served, one answer in ten was by 1.1.0",
        |text| {
            let (service, _) = text
                .strip_prefix("while both of `")?
                .split_once("` served")?;
            Some(claims::shifted(service))
        },
    ),
    form(
        "at most N seconds from the last `MOMENT` to `MOMENT`",
        |text| {
            let rest = text.strip_prefix("at most ")?;
            let (seconds, rest) = rest.split_once(" seconds from the last `")?;
            let (earlier, later) = rest.strip_suffix('`')?.split_once("` to `")?;
            Some(vec![history::soon_after(
                earlier,
                later,
                seconds.parse().ok()?,
            )])
        },
    ),
    form(
        "at least N seconds from the first `MOMENT` to `MOMENT`",
        |text| {
            let rest = text.strip_prefix("at least ")?;
            let (seconds, rest) = rest.split_once(" seconds from the first `")?;
            let (earlier, later) = rest.strip_suffix('`')?.split_once("` to `")?;
            Some(vec![history::long_after(
                earlier,
                later,
                seconds.parse().ok()?,
            )])
        },
    ),
    form("it lasted N to N minutes", |text| {
        let minutes = text.strip_prefix("it lasted ")?.strip_suffix(" minutes")?;
        let (from, to) = minutes.split_once(" to ")?;
        Some(vec![named::lasted(from.parse().ok()?..to.parse().ok()?)])
    }),
    form(
        "the event is kept in FailedInvocations with an error that says `TEXT`, …",
        |text| {
            let (_, texts) = text.split_once(" with an error that says ")?;
            Some(vec![event_kept(&texts_of(texts)?)])
        },
    ),
    form(
        "N call(s) of the hook are kept in FailedInvocations with an error that says `TEXT`, …",
        |text| {
            let (count, rest) = text.split_once(" call(s) of the hook")?;
            let (_, texts) = rest.split_once(" with an error that says ")?;
            Some(vec![calls_kept(count.parse().ok()?, &texts_of(texts)?)])
        },
    ),
    form(
        "only FUNCTION failed, with an error that says `TEXT`, …",
        |text| {
            let (function, rest) = text.strip_prefix("only ")?.split_once(" failed, ")?;
            let texts = rest.strip_prefix("with an error that says ")?;
            Some(vec![named::only_failed(function, &texts_of(texts)?)])
        },
    ),
    form(
        "AWS refuses `ACTION` to HOLDER, and names `TEXT`, …",
        |text| {
            let (action, rest) = text.strip_prefix("AWS refuses `")?.split_once("` to ")?;
            let (holder, texts) = rest.split_once(", and names ")?;
            Some(vec![named::refuses(holder, action, &texts_of(texts)?)])
        },
    ),
    form("the migration was stopped: `REASON`", |text| {
        let reason = text.strip_prefix("the migration was stopped: `")?;
        Some(vec![named::migration_was_stopped(
            reason.strip_suffix('`')?,
        )])
    }),
    form(
        "the migration's task started `CONTAINER`, … alone",
        |text| {
            let names = text.strip_prefix("the migration's task started ")?;
            let names = texts_of(names.strip_suffix(" alone")?)?;
            Some(vec![named::migration_started(&names)])
        },
    ),
    form("with | without `ASSUMPTION`: CLAIM", |text| {
        let (provided, claim) = provided(text)?.ok()?;
        Some(vec![expectation(claim).ok()?.provided(provided)])
    }),
];

/// The claim that has this sentence.
pub(super) fn expectation(sentence: &str) -> Result<Expectation, String> {
    if let Some(provided) = provided(sentence) {
        let (provided, claim) = provided?;
        return Ok(expectation(claim)?.provided(provided));
    }
    let read = |form: &Form| (form.read)(sentence);
    let taking = FORMS.iter().filter_map(read).flatten();
    let mut known = taking.chain(fixed());
    let found = known.find(|expectation| expectation.claim == sentence);
    found.ok_or_else(|| complaint(sentence))
}

/// The claims without arguments.
pub(super) fn fixed() -> Vec<Expectation> {
    let mut fixed = claims::nothing_broke();
    fixed.extend(claims::all_succeeded());
    fixed.extend(claims::only_blue());
    fixed.extend(claims::started(1).into_iter().skip(2));
    fixed.push(claims::taken_back());
    fixed.push(claims::migrated_before_test_traffic(1).remove(0));
    fixed.extend(named::all());
    fixed
}

fn complaint(sentence: &str) -> String {
    let first = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    let forms = FORMS.iter().map(|form| form.text.to_owned());
    let known = forms.chain(fixed().into_iter().map(|fixed| fixed.claim));
    let alike: Vec<String> = known
        .filter(|known| first(known) == first(sentence))
        .collect();
    let alike: Vec<&str> = alike.iter().map(String::as_str).collect();
    match alike.is_empty() {
        true => format!(
            "`{sentence}` is not a claim, expected one such as `every deployment succeeded` (hint: docs/rehearsal.md lists them)"
        ),
        false => format!(
            "`{sentence}` is not a claim, expected one of {}",
            quoted(&alike)
        ),
    }
}

fn started(text: &str) -> Option<Vec<Expectation>> {
    let (count, _) = text.split_once(' ')?;
    Some(claims::started(count.parse().ok()?))
}

/// The condition of a claim, and the claim. A misspelt assumption is refused: a claim under it would never be checked.
fn provided(text: &str) -> Option<Result<(Provided, &str), String>> {
    let (word, rest) = text.split_once(" `")?;
    let (name, claim) = rest.split_once("`: ")?;
    let provided: fn(String) -> Provided = match word {
        "with" => Provided::Assumed,
        "without" => Provided::NotAssumed,
        _ => return None,
    };
    Some(world::assumption(name).map(|_| (provided(name.to_owned()), claim)))
}

/// `none` is a valid list.
fn list(text: &str) -> Vec<&str> {
    match text {
        "none" => Vec::new(),
        listed => listed.split(", ").collect(),
    }
}

/// Texts in backticks, which may contain backticks themselves.
fn texts_of(text: &str) -> Option<Vec<&str>> {
    let inner = text.strip_prefix('`')?.strip_suffix('`')?;
    Some(inner.split("`, `").collect())
}

fn positive(number: &str) -> Option<usize> {
    number.parse().ok().filter(|number| *number > 0)
}
