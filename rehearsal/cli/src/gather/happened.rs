//! The events of a world: pushes, reconciliations, hooks, messages.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use local_aws::lambda::{Answer, Invocation};
use local_aws::timeline::{self, Entry};
use record::{Message, Push, Reconciliation};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::known::Known;

pub(super) fn pushes(known: &Known, timeline: &[Entry], invocations: &[Invocation]) -> Vec<Push> {
    let mut points: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut pushes = Vec::new();
    for (repository, tag, digest) in &known.images {
        points.insert((repository.clone(), tag.clone()), digest.clone());
        pushes.push(Push {
            at: known.start,
            repository: repository.clone(),
            digest: digest.clone(),
            tag: tag.clone(),
            moved: true,
            heard: false,
        });
    }
    for entry in timeline {
        let timeline::Event::ImagePushed {
            repository,
            digest,
            tag: Some(tag),
        } = &entry.event
        else {
            continue;
        };
        let before = points.insert((repository.clone(), tag.clone()), digest.clone());
        pushes.push(Push {
            at: entry.at,
            repository: repository.clone(),
            digest: digest.clone(),
            tag: tag.clone(),
            moved: before.as_ref() != Some(digest),
            heard: invocations
                .iter()
                .any(|invocation| hears(invocation, digest, tag, entry.at)),
        });
    }
    pushes
}

/// Whether an invocation of `start-deployment` received this push, and finished.
fn hears(invocation: &Invocation, digest: &str, tag: &str, at: SystemTime) -> bool {
    let event = &invocation.payload;
    let told_at = event["time"]
        .as_str()
        .and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
    let is_then = told_at.is_some_and(|told_at| {
        let since = at.duration_since(SystemTime::from(told_at));
        since.is_ok_and(|since| since < Duration::from_secs(1))
    });
    invocation.binary_name == "start-deployment"
        && matches!(invocation.answer, Answer::Response(_))
        && event["detail"]["image-digest"] == digest
        && event["detail"]["image-tag"] == tag
        && is_then
}

pub(super) fn reconciliations(
    timeline: &[Entry],
    invocations: &[Invocation],
) -> Vec<Reconciliation> {
    let asked: BTreeMap<&str, String> = invocations
        .iter()
        .filter(|invocation| invocation.payload["dry_run"] != true)
        .filter_map(|invocation| {
            let pipeline = invocation.payload["pipeline"].as_str()?;
            Some((invocation.request_id.as_str(), pipeline.to_owned()))
        })
        .collect();
    let mut begun: Vec<(&str, Reconciliation)> = Vec::new();
    for entry in timeline {
        if let timeline::Event::FunctionInvoked {
            function,
            request_id,
        } = &entry.event
            && function == "start-deployment"
        {
            let one = Reconciliation {
                began: entry.at,
                ended: None,
                asked: asked.get(request_id.as_str()).cloned(),
            };
            begun.push((request_id, one));
        } else if let timeline::Event::FunctionEnded { request_id, .. } = &entry.event {
            let mut open = begun.iter_mut();
            let ended = open.find(|(id, one)| id == request_id && one.ended.is_none());
            if let Some((_, one)) = ended {
                one.ended = Some(entry.at);
            }
        }
    }
    begun.into_iter().map(|(_, one)| one).collect()
}

/// A message as it was published.
pub(super) fn message(entry: &Entry) -> Option<Message> {
    let timeline::Event::MessagePublished {
        topic,
        subject,
        body,
    } = &entry.event
    else {
        return None;
    };
    Some(Message {
        at: entry.at,
        topic: topic.clone(),
        subject: subject.clone(),
        body: body.clone(),
    })
}

/// The number of `start-deployment` invocations that were running when each revision was registered, by its ARN.
pub(crate) fn starts_at_once(timeline: &[Entry]) -> BTreeMap<&str, usize> {
    let (mut running, mut at_once) = (0_usize, BTreeMap::new());
    for entry in timeline {
        if let timeline::Event::FunctionInvoked { function, .. } = &entry.event
            && function == "start-deployment"
        {
            running += 1;
        } else if let timeline::Event::FunctionEnded { function, .. } = &entry.event
            && function == "start-deployment"
        {
            running = running.saturating_sub(1);
        } else if let timeline::Event::RevisionRegistered { arn, .. } = &entry.event {
            at_once.insert(arn.as_str(), running);
        }
    }
    at_once
}
