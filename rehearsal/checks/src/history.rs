//! Claims about the history of a run: its deployments and their results, the versions in production, and the messages
//! about each version.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use record::{By, Deployment, Engine, Message, Moment, Record, Stretch};
use serde_json::Value;

use crate::Expectation;
use crate::claims::{self, LIFECYCLE_EVENTS, expect, list};
use crate::needed::needed;

/// The repository that scenarios push to.
const REPOSITORY: &str = "shop/web";
/// The number of consecutive answers by one version after which it counts as the one that serves.
const ENOUGH_ANSWERS: u64 = 10;

/// What a deployment leaves behind at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// A green task set that was not removed.
    Green,
}

/// The deployments of a service in order: `1.1.0 Stopped ALARM_ACTIVE`, `rollback to 1.0.0 Succeeded`.
pub fn deployments(service: &str, expected: &[&str]) -> Expectation {
    let claim = format!("deployments of `{service}`: {}", list(expected));
    let (service, expected) = (service.to_owned(), owned(expected));
    Expectation::new(claim, move |record| {
        let of_service = |deployment: &&Deployment| deployment.service == service;
        let found = record.deployments.iter().filter(of_service);
        let found = found.map(|deployment| in_words(record, deployment));
        let found: Vec<String> = found.collect();
        expect(found == expected, || list(&found))
    })
}

/// `1.1.0 Stopped ALARM_ACTIVE`, `rollback to 1.0.0 Succeeded`
fn in_words(record: &Record, deployment: &Deployment) -> String {
    // CodeDeploy's own, or that of the gate after a rolling update.
    let prefix = match deployment.by {
        By::Rollback => "rollback to ",
        By::Greenlight | By::Hand => "",
    };
    let version = version_of(
        record,
        deployment.image_digest.as_deref().unwrap_or_default(),
    );
    // ECS states a reason without a code.
    let error = match deployment.engine {
        Engine::CodeDeploy => deployment.error.as_deref(),
        Engine::Native | Engine::Rolling => None,
    };
    let code = error.and_then(|error| error.split_once(':'));
    let code = code.map_or_else(String::new, |(code, _)| format!(" {code}"));
    format!("{prefix}{version} {}{code}", deployment.status)
}

/// The versions of the registered revisions, in order: one per push, unless concurrent reconciliations register one
/// each.
pub fn revisions(expected: &[&str]) -> Expectation {
    let expected = owned(expected);
    Expectation::new(
        format!("revisions registered: {}", list(&expected)),
        move |record| {
            let digest = |image: &str| image.rsplit('@').next().unwrap_or_default().to_owned();
            let revisions = needed(record).into_iter();
            let found: Vec<String> = revisions
                .map(|revision| version_of(record, &digest(&revision.image)))
                .collect();
            expect(found == expected, || list(&found))
        },
    )
}

/// The versions in production, in order. Two of them may answer side by side for a while.
pub fn went(service: &str, path: &[&str]) -> Expectation {
    let claim = format!("`{service}` answered by {}", path.join(", then by "));
    let (service, path) = (service.to_owned(), owned(path));
    Expectation::new(claim, move |record| {
        let seen = record.services.get(&service);
        let seen = seen.ok_or_else(|| format!("`{service}` received no requests"))?;
        let last = seen.sequence.last().map_or(0, |stretch| stretch.requests);
        expect(
            goes(&seen.sequence, &path) && last >= ENOUGH_ANSWERS,
            || {
                let stretches = seen.sequence.iter();
                let stretches = stretches.map(|s| format!("{} ×{}", s.version, s.requests));
                list(&stretches.collect::<Vec<_>>())
            },
        )
    })
}

/// Whether a service that moves from each version to the next may answer in this order. State `2 * n` is version `n`
/// alone, and `2 * n + 1` is version `n` beside the next.
fn goes(sequence: &[Stretch], path: &[impl AsRef<str>]) -> bool {
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    let Some((first, rest)) = sequence.split_first() else {
        return false;
    };
    let mut states = BTreeSet::from([0]);
    for stretch in rest {
        let answers = |index: usize| path.get(index) == Some(&stretch.version.as_str());
        let mut next = BTreeSet::new();
        for state in states {
            if answers(state / 2) {
                next.insert(state);
            }
            if answers(state / 2 + 1) {
                next.extend([2 * (state / 2) + 1, 2 * (state / 2) + 2]);
            }
        }
        states = next;
    }
    path.first() == Some(&first.version.as_str()) && states.contains(&(2 * (path.len() - 1)))
}

/// What remains beside the version that serves.
pub fn runs(service: &str, version: &str, left: Left) -> Expectation {
    let (task_sets, beside) = match left {
        Left::Nothing => (1, "nothing"),
        Left::Green => (2, "a green task set"),
    };
    let claim = format!("at the end `{service}` runs {version}, and {beside} is left beside it");
    let (service, version) = (service.to_owned(), version.to_owned());
    Expectation::new(claim, move |record| {
        let end = record.at_end.get(&service);
        let end = end.ok_or_else(|| format!("`{service}` is gone"))?;
        let runs = end.version.as_deref() == Some(&version);
        let holds = runs && end.tasks > 0 && end.task_sets == task_sets;
        expect(holds, || format!("{end:?}"))
    })
}

/// The messages (`started 1.1.0`), in any order, because SNS does not guarantee one.
pub fn told(expected: &[&str]) -> Expectation {
    let claim = format!("people were told: {}", list(expected));
    let expected = owned(expected);
    Expectation::new(claim, move |record| {
        let mut found: Vec<String> = claims::once(record)
            .into_iter()
            .map(|message| about(record, message))
            .collect();
        let said = list(&found);
        if claims::events_come_twice(record) {
            // When an image is pushed a second time, it may wait for the deployment that the first push started.
            let is_expected = |told: &String| expected.contains(told);
            found.retain(|told| is_expected(told) || !told.starts_with("waiting "));
        }
        let mut expected = expected.clone();
        found.sort();
        expected.sort_unstable();
        if claims::events_come_twice(record) {
            // An answer to a further request and a duplicated answer are indistinguishable.
            found.dedup();
            expected.dedup();
        }
        expect(found == expected, || said)
    })
}

/// `started 1.1.0`; without a version for a deployment that Greenlight did not create.
fn about(record: &Record, message: &Message) -> String {
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    match body["image"]["digest"].as_str() {
        Some(digest) => format!("{} {}", message.outcome(), version_of(record, digest)),
        None => message.outcome(),
    }
}

/// The deployment of this number ended in this status at a lifecycle event that failed: all earlier events succeeded,
/// and no later one ran.
pub fn broke_off(number: usize, status: &str, at: &str) -> Expectation {
    let claim = format!("deployment {number} ended {status} at {at}, and nothing after it ran");
    let (status, at) = (status.to_owned(), at.to_owned());
    let position = |name: &str| LIFECYCLE_EVENTS.iter().position(|known| *known == name);
    Expectation::new(claim, move |record| {
        lifecycle(
            record,
            number,
            (&status, Some(&at)),
            |name| match position(name).cmp(&position(&at)) {
                Ordering::Less => "Succeeded",
                Ordering::Equal => "Failed",
                Ordering::Greater => "Skipped",
            },
        )
    })
}

/// The deployment of this number ended in this status after all its lifecycle events succeeded.
pub fn after_all_events(number: usize, status: &str) -> Expectation {
    let claim = format!("deployment {number} ended {status} after all its lifecycle events");
    let status = status.to_owned();
    Expectation::new(claim, move |record| {
        lifecycle(record, number, (&status, None), |_| "Succeeded")
    })
}

fn lifecycle(
    record: &Record,
    number: usize,
    (status, failed): (&str, Option<&str>),
    expected: impl Fn(&str) -> &'static str,
) -> Result<(), String> {
    let deployment = record.deployments.get(number - 1);
    let deployment = deployment.ok_or("there was no such deployment")?;
    if deployment.engine != Engine::CodeDeploy {
        return claims::ended_at(deployment, status, failed);
    }
    let expected = LIFECYCLE_EVENTS.map(|name| (name, expected(name)));
    claims::ended(deployment, status, &expected)
}

/// `start-deployment` returned this code at least once: the reason for a decision not to act.
pub fn decided(code: &str) -> Expectation {
    let code = code.to_owned();
    Expectation::new(
        format!("a reconciliation ended with `{code}`"),
        move |record| {
            let found: BTreeSet<String> = decisions(record).collect();
            let found: Vec<String> = found.into_iter().collect();
            expect(found.contains(&code), || list(&found))
        },
    )
}

/// The answers of `start-deployment`, by pipeline.
fn decisions(record: &Record) -> impl Iterator<Item = String> {
    let decision = |report: &Value| report["decision"].as_str().map(str::to_owned);
    reports(record).filter_map(decision)
}

/// The reports of `start-deployment` about each pipeline that it reconciled.
pub fn reports(record: &Record) -> impl Iterator<Item = &Value> {
    let reports = record
        .invocations
        .iter()
        .filter_map(|invocation| invocation.answer["pipelines"].as_array());
    reports.flatten()
}

/// At most this number of seconds passed from the last occurrence of one event to the next occurrence of another.
pub fn soon_after(earlier: &str, later: &str, seconds: f64) -> Expectation {
    let claim = format!("at most {seconds} seconds from the last `{earlier}` to `{later}`");
    let (earlier, later) = (earlier.to_owned(), later.to_owned());
    Expectation::new(claim, move |record| {
        let last = |moment: &Moment| moment.what == earlier;
        let took = from(record, record.timeline.iter().rposition(last), &later)?;
        expect(took <= seconds, || format!("{took:.0}"))
    })
}

/// At least this number of seconds passed from the first occurrence of one event to the next occurrence of another.
pub fn long_after(earlier: &str, later: &str, seconds: f64) -> Expectation {
    let claim = format!("at least {seconds} seconds from the first `{earlier}` to `{later}`");
    let (earlier, later) = (earlier.to_owned(), later.to_owned());
    Expectation::new(claim, move |record| {
        let took = from(record, record.moment(&earlier), &later)?;
        expect(took >= seconds, || format!("{took:.0}"))
    })
}

/// The seconds from a moment of the timeline to the next occurrence of an event.
fn from(record: &Record, moment: Option<usize>, later: &str) -> Result<f64, String> {
    let moment = moment.ok_or("it never began")?;
    let mut after = record.timeline[moment..].iter();
    let next = after.find(|moment| moment.what == later);
    let next = next.ok_or_else(|| format!("`{later}` never happened after it"))?;
    Ok(next.seconds - record.timeline[moment].seconds)
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The version of a digest in `shop/web` of any registry, or with another repository's name before it: `shop/nginx:1.1.0`; the
/// digest itself if it has no version.
fn version_of(record: &Record, digest: &str) -> String {
    let name = |repository: &str| -> String {
        let name = repository.split_once(".amazonaws.com/");
        name.map_or(repository, |(_, name)| name).to_owned()
    };
    let of = |is_ours: bool| {
        let mut images = record.images.iter();
        let image = images.find(|image| {
            (name(&image.repository) == REPOSITORY) == is_ours && image.digest == digest
        })?;
        let version = image.version.as_deref()?;
        Some(match is_ours {
            true => version.to_owned(),
            false => format!("{}:{version}", name(&image.repository)),
        })
    };
    of(true).or_else(|| of(false)).unwrap_or(digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sequence: &str, path: &[&str], expected: bool) {
        let stretches: Vec<Stretch> = sequence
            .split(' ')
            .filter(|version| !version.is_empty())
            .map(|version| Stretch {
                version: version.to_owned(),
                requests: 10,
            })
            .collect();
        assert_eq!(goes(&stretches, path), expected, "{sequence:?} {path:?}");
    }

    #[test]
    fn production_goes_its_way_and_no_other() {
        for (sequence, expected) in [
            ("a b c", true),
            ("a b a b a b c b c", true),
            ("a", false),
            ("", false),
            ("a b", false),
            ("a c", false),
            ("a b c a", false),
            ("a b c b", false),
            ("b c", false),
            ("a b a c", false),
            ("a b d c", false),
        ] {
            check(sequence, &["a", "b", "c"], expected);
        }
        for (sequence, expected) in [
            ("a b a", true),
            ("a b a b a", true),
            ("a b", false),
            ("a", false),
            ("b a", false),
        ] {
            check(sequence, &["a", "b", "a"], expected);
        }
        check("a", &["a"], true);
        check("a b a", &["a"], false);
    }
}
