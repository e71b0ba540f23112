//! Tells the story of a run from what its world remembers. Values of environment variables are left out here.

mod deployments;
mod functions;
mod services;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use local_aws::timeline::{self, Entry};
use local_aws::world::World;

use crate::progress::Line;
use crate::record::Record;
use crate::redact::Redactor;
use crate::report::story::{Claim, Mark, Message, Revision, Sentence, Span, Story};
use crate::scenario::Scenario;
use crate::traffic::Sample;

/// What the parts of a story are told from.
struct Source<'a> {
    world: &'a World,
    start: SystemTime,
    timeline: Vec<Entry>,
    redactor: Redactor,
}

/// Everything that can be told before the run is judged.
pub(crate) fn collect(
    scenario: &Scenario,
    world: &World,
    start: SystemTime,
    production: &BTreeMap<String, Vec<Sample>>,
    record: &Record,
) -> Story {
    let source = Source {
        world,
        start,
        timeline: world.timeline.entries(),
        redactor: Redactor::of(world),
    };
    let (functions, other_calls) = functions::of(&source);
    Story {
        scenario: scenario.name.to_owned(),
        summary: scenario.summary.to_owned(),
        assumptions: record.assumptions.clone(),
        claims: Vec::new(),
        broken_off: None,
        simulated_seconds: source.seconds(world.clock.now()),
        real_milliseconds: record.real_milliseconds,
        skips: skips(&source),
        pushes: pushes(&source),
        alarms: alarms(&source),
        deployments: deployments::of(&source),
        services: services::of(&source, scenario, production),
        migrations: services::one_off_tasks(&source),
        functions,
        other_calls,
        messages: messages(&source),
        dead_letters: dead_letters(record),
        revisions: revisions(record),
        words: words(&source),
    }
}

/// What the scenario expected, once its record is judged.
pub(crate) fn claims(scenario: &Scenario, record: &Record) -> Vec<Claim> {
    let claim = |text: &String| {
        let mut problems = record.problems.iter();
        let problem = problems.find(|problem| problem.expected == *text);
        Claim {
            text: text.clone(),
            found: problem.map(|problem| problem.found.clone()),
        }
    };
    scenario
        .expectations
        .iter()
        .map(|expectation| claim(&expectation.claim))
        .collect()
}

impl Source<'_> {
    /// Since the start; 0 for what was before.
    fn seconds(&self, at: SystemTime) -> f64 {
        self.since(at).as_secs_f64()
    }

    fn since(&self, at: SystemTime) -> Duration {
        at.duration_since(self.start).unwrap_or_default()
    }

    /// Everything that happened since the start.
    fn told(&self) -> impl Iterator<Item = (f64, &timeline::Event)> {
        let since_start = self.timeline.iter().filter(|entry| entry.at >= self.start);
        since_start.map(|entry| (self.seconds(entry.at), &entry.event))
    }

    fn safe(&self, text: &str) -> String {
        self.redactor.text(text)
    }
}

/// The part of an ARN behind its last slash: `shop-web:2`.
fn last(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

fn skips(source: &Source<'_>) -> Vec<Span> {
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

fn pushes(source: &Source<'_>) -> Vec<Mark> {
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

fn alarms(source: &Source<'_>) -> Vec<Mark> {
    let alarm = |(at, what): (f64, &timeline::Event)| {
        let timeline::Event::AlarmState { alarm, state, .. } = what else {
            return None;
        };
        let text = format!("{alarm} is {state}");
        Some(Mark { at, text })
    };
    source.told().filter_map(alarm).collect()
}

fn messages(source: &Source<'_>) -> Vec<Message> {
    let message = |(at, what): (f64, &timeline::Event)| {
        let timeline::Event::MessagePublished {
            topic,
            subject,
            body,
        } = what
        else {
            return None;
        };
        Some(Message {
            at,
            topic: topic.rsplit(':').next().unwrap_or(topic).to_owned(),
            subject: subject.as_deref().map(|subject| source.safe(subject)),
            body: source.safe(body),
        })
    };
    source.told().filter_map(message).collect()
}

fn dead_letters(record: &Record) -> Vec<(String, String)> {
    let letters = record.dead_letters.iter();
    letters
        .map(|letter| {
            // What was JSON can be written as JSON.
            let message = serde_json::to_string_pretty(&letter.message).unwrap_or_default();
            (letter.queue.clone(), message)
        })
        .collect()
}

fn revisions(record: &Record) -> Vec<Revision> {
    let revision = |revision: &crate::record::Revision| Revision {
        name: last(&revision.arn),
        images: revision.images.clone().into_iter().collect(),
    };
    record.revisions.iter().map(revision).collect()
}

/// The progress, as the terminal shows it.
fn words(source: &Source<'_>) -> Vec<Sentence> {
    let since_start = source
        .timeline
        .iter()
        .filter(|entry| entry.at >= source.start);
    let sentence = |entry: &Entry| {
        let line = Line::of(source.since(entry.at), &entry.event)?;
        let (subject, text, tone) = line.parts();
        // Messages are on the page in full.
        let text = if matches!(entry.event, timeline::Event::MessagePublished { .. }) {
            text.lines().next().unwrap_or_default()
        } else {
            text
        };
        Some(Sentence {
            at: source.seconds(entry.at),
            subject: subject.to_owned(),
            text: source.safe(text),
            tone,
        })
    };
    since_start.filter_map(sentence).collect()
}
