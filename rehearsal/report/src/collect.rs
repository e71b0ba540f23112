//! Builds the story of a run from its record.

mod deployments;
mod functions;
mod services;
mod source;

use record::Record;
use record::timeline::{self, Entry};

use self::source::{Source, last, last_of};
use crate::line::Line;
use crate::story::{Claim, Mark, Message, Revision, Sentence, Span, Story};

pub(crate) fn collect(record: &Record) -> Story {
    let source = Source { record };
    let (functions, other_calls) = functions::of(source);
    Story {
        scenario: record.scenario.clone(),
        summary: record.summary.clone(),
        assumptions: record.assumptions.clone(),
        claims: claims(record),
        broken_off: record.broken_off.clone(),
        simulated_seconds: source.seconds(record.simulated.end),
        real_milliseconds: record.real_milliseconds,
        skips: skips(source),
        pushes: pushes(source),
        alarms: alarms(source),
        deployments: deployments::of(source),
        services: services::of(source),
        migrations: services::one_off_tasks(source),
        functions,
        other_calls,
        messages: messages(source),
        dead_letters: dead_letters(record),
        revisions: revisions(record),
        words: words(source),
    }
}

/// The expectations of the scenario; none for a run that was broken off, because it is not judged.
fn claims(record: &Record) -> Vec<Claim> {
    let claim = |text: &String| {
        let mut problems = record.problems.iter();
        let problem = problems.find(|problem| problem.expected == *text);
        Claim {
            text: text.clone(),
            found: problem.map(|problem| problem.found.clone()),
        }
    };
    match record.broken_off {
        Some(_) => Vec::new(),
        None => record.claims.iter().map(claim).collect(),
    }
}

fn skips(source: Source<'_>) -> Vec<Span> {
    let skip = |(_, what): (f64, &timeline::Event)| {
        let timeline::Event::TimeSkipped { from, to } = what else {
            return None;
        };
        Some(Span {
            from: source.seconds(*from),
            to: source.seconds(*to),
        })
    };
    source.told().filter_map(skip).collect()
}

fn pushes(source: Source<'_>) -> Vec<Mark> {
    let push = |(at, what): (f64, &timeline::Event)| {
        let timeline::Event::ImagePushed {
            repository, tag, ..
        } = what
        else {
            return None;
        };
        let tag = tag.as_ref().map_or(String::new(), |tag| format!(":{tag}"));
        let text = format!("{repository}{tag}");
        Some(Mark { at, text })
    };
    source.told().filter_map(push).collect()
}

fn alarms(source: Source<'_>) -> Vec<Mark> {
    let alarm = |(at, what): (f64, &timeline::Event)| {
        let timeline::Event::AlarmState { alarm, state, .. } = what else {
            return None;
        };
        let text = format!("{alarm} is {state}");
        Some(Mark { at, text })
    };
    source.told().filter_map(alarm).collect()
}

fn messages(source: Source<'_>) -> Vec<Message> {
    let messages = source.record.messages.iter();
    let message = |message: &record::Message| Message {
        at: source.seconds(message.at),
        topic: last_of(&message.topic, ':').to_owned(),
        subject: message.subject.clone(),
        body: message.body.clone(),
    };
    messages.map(message).collect()
}

fn dead_letters(record: &Record) -> Vec<(String, String)> {
    let letters = record.dead_letters.iter();
    letters
        .map(|letter| {
            // A parsed JSON value can always be written.
            let message = serde_json::to_string_pretty(&letter.message).unwrap_or_default();
            (letter.queue.clone(), message)
        })
        .collect()
}

fn revisions(record: &Record) -> Vec<Revision> {
    let revision = |revision: &record::Revision| Revision {
        name: last(&revision.arn),
        images: revision.images.clone().into_iter().collect(),
    };
    record.revisions.iter().map(revision).collect()
}

/// The progress, as the terminal shows it.
fn words(source: Source<'_>) -> Vec<Sentence> {
    let sentence = |entry: &Entry| {
        let line = Line::of(source.record.simulated.since(entry.at), &entry.event)?;
        let (subject, text, tone) = line.parts();
        // The page shows messages in full.
        let text = if matches!(entry.event, timeline::Event::MessagePublished { .. }) {
            text.lines().next().unwrap_or_default()
        } else {
            text
        };
        Some(Sentence {
            at: source.seconds(entry.at),
            subject: subject.to_owned(),
            text: text.to_owned(),
            tone,
        })
    };
    source.since_start().filter_map(sentence).collect()
}
