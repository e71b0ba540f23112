//! Claims that several scenarios make.

use local_aws::iam::Removal;
use serde_json::Value;

use crate::invariants::{self, Invariant, Violation};
use crate::record::{Deployment, Message, Record};
use crate::scenario::needed::needed;
use crate::scenario::setting::{BLUE, GREEN};
use crate::scenario::{Expectation, quoted};
use crate::traffic::Seen;

/// The lifecycle events of a deployment with a test listener, in order.
pub(super) const LIFECYCLE_EVENTS: [&str; 8] = [
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "AllowTestTraffic",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
];

/// What holds in every scenario: nobody noticed anything, and no function broke.
pub(super) fn nothing_broke() -> Vec<Expectation> {
    vec![
        production_answered(),
        Expectation::new("every function answered", |record| {
            let failed = record
                .invocations
                .iter()
                .filter(|invocation| !invocation.ok);
            let failed = failed
                .map(|i| format!("{}: {}", i.function, i.error.as_deref().unwrap_or("failed")));
            none(failed.collect(), "invocations failed")
        }),
        Expectation::new("no event was given up", |record| {
            none(
                record
                    .dead_letters
                    .iter()
                    .map(|letter| format!("{}: {}", letter.queue, letter.message))
                    .collect(),
                "dead letters",
            )
        }),
    ]
}

/// Every call was allowed but for what was taken away.
pub(super) fn permitted(without: Vec<Removal>) -> Expectation {
    let claim = if without.is_empty() {
        "the template's policies allowed every call"
    } else {
        "the template's policies allowed every call but what was taken away"
    };
    Expectation::new(claim, move |record| {
        let unexplained = record.permissions_missing.iter().filter(|missing| {
            !without
                .iter()
                .any(|removal| removal.explains(&missing.holder, &missing.action))
        });
        none(
            unexplained.map(|missing| missing.message.clone()).collect(),
            "refused",
        )
    })
}

/// The eight invariants hold, but for those that the scenario is excused from.
pub(super) fn sound(scenario: &str) -> Expectation {
    let excuses = Invariant::ALL.into_iter().filter_map(|invariant| {
        let reason = invariants::excused(scenario, invariant)?;
        Some((invariant, reason))
    });
    let excuses: Vec<(Invariant, &str)> = excuses.collect();
    let but = excuses
        .iter()
        .map(|(invariant, reason)| format!(", but for number {}: {reason}", invariant.number()));
    let claim = format!("the eight invariants hold{}", but.collect::<String>());
    Expectation::new(claim, move |record| {
        let is_excused = |violation: &&Violation| {
            let mut excuses = excuses.iter();
            excuses.any(|(invariant, _)| *invariant == violation.invariant)
        };
        let violations = record.violations.iter();
        let found = violations.filter(|violation| !is_excused(violation));
        none(found.map(ToString::to_string).collect(), "violations")
    })
}

/// Whoever asked production got an answer.
pub(super) fn production_answered() -> Expectation {
    Expectation::new(
        "production answered every request",
        |record| match &record.production {
            Seen { requests: 0, .. } => Err("nobody asked anything".to_owned()),
            Seen { failed: 0, .. } => Ok(()),
            seen => Err(format!(
                "{} of {} failed, first: {}",
                seen.failed,
                seen.requests,
                first(&seen.failures)
            )),
        },
    )
}

/// So many revisions were registered and so many deployments were started for a push.
pub(super) fn started(count: usize) -> Vec<Expectation> {
    vec![
        Expectation::new(format!("{count} revision(s) registered"), move |record| {
            let arns: Vec<&str> = needed(record)
                .iter()
                .map(|revision| revision.arn.as_str())
                .collect();
            expect(arns.len() == count, || {
                format!("{}: {}", arns.len(), list(&arns))
            })
        }),
        Expectation::new(
            format!("{count} deployment(s) started by a push"),
            move |record| {
                let ids: Vec<&str> = of_pushes(record)
                    .map(|deployment| deployment.id.as_str())
                    .collect();
                expect(ids.len() == count, || {
                    format!("{}: {}", ids.len(), list(&ids))
                })
            },
        ),
        Expectation::new(
            "every revision is pinned to the digest that its deployment ships",
            |record| {
                let wrong = of_pushes(record).filter(|deployment| {
                    let revision = record
                        .revisions
                        .iter()
                        .find(|revision| revision.arn == deployment.revision);
                    let digest = deployment.image_digest.as_deref();
                    !revision.zip(digest).is_some_and(|(revision, digest)| {
                        digest.starts_with("sha256:")
                            && revision
                                .images
                                .values()
                                .any(|image| image.ends_with(&format!("@{digest}")))
                    })
                });
                none(
                    wrong
                        .map(|deployment| {
                            format!("{} ships {}", deployment.id, deployment.revision)
                        })
                        .collect(),
                    "deployments are not",
                )
            },
        ),
    ]
}

/// Every deployment ended well, with all eight lifecycle events, and nothing was rolled back.
pub(super) fn all_succeeded() -> Vec<Expectation> {
    vec![
        Expectation::new("every deployment succeeded", |record| {
            let others = record
                .deployments
                .iter()
                .filter(|deployment| deployment.status != "Succeeded");
            expect(!record.deployments.is_empty(), || {
                "there was none".to_owned()
            })?;
            none(
                others
                    .map(|d| {
                        format!(
                            "{} {} ({})",
                            d.id,
                            d.status,
                            d.error.as_deref().unwrap_or("no error")
                        )
                    })
                    .collect(),
                "did not",
            )
        }),
        Expectation::new("all eight lifecycle events succeeded, in order", |record| {
            let wrong = of_pushes(record).filter(|deployment| {
                let events = deployment
                    .lifecycle_events
                    .iter()
                    .map(|event| (event.name.as_str(), event.status.as_str()));
                !events.eq(LIFECYCLE_EVENTS.map(|name| (name, "Succeeded")))
            });
            none(wrong.map(events_of).collect(), "otherwise")
        }),
    ]
}

/// Production went from blue over both to green, with one answer in ten by green in between.
pub(super) fn shifted(service: &str) -> Vec<Expectation> {
    let [first, second] = [service.to_owned(), service.to_owned()];
    vec![
        Expectation::new(
            format!("`{service}` answered first by {BLUE}, then by both, then by {GREEN} only"),
            move |record| {
                let seen = record
                    .services
                    .get(&first)
                    .ok_or_else(|| format!("nobody asked `{first}`"))?;
                let (before, between, after) = phases(seen)?;
                let other = seen
                    .versions
                    .keys()
                    .find(|version| *version != BLUE && *version != GREEN);
                expect(other.is_none(), || {
                    format!("also answers by {}", other.map_or("", String::as_str))
                })?;
                expect(before > 0 && between > 0 && after > 0, || {
                    format!(
                        "{before} answers before the shift, {between} during the shift, {after} after it"
                    )
                })
            },
        ),
        Expectation::new(
            format!("while both of `{service}` served, one answer in ten was by {GREEN}"),
            move |record| {
                let seen = record
                    .services
                    .get(&second)
                    .ok_or_else(|| format!("nobody asked `{second}`"))?;
                let (_, between, _) = phases(seen)?;
                let green = green_between(seen);
                // The stretch begins and ends with green's turn in the distribution, so it may be one off. Of nodes that
                // learn late, some are at green alone while others still divide.
                let late = record
                    .assumptions
                    .iter()
                    .any(|name| name == "nodes-learn-late");
                let is_tenth = green.abs_diff(between / 10) <= 1;
                expect(between >= 10 && (is_tenth || late), || {
                    format!("{green} of {between}")
                })
            },
        ),
    ]
}

/// Production never saw green.
pub(super) fn only_blue() -> Vec<Expectation> {
    vec![Expectation::new(
        format!("production only ever saw {BLUE}"),
        |record| {
            let versions: Vec<String> = record
                .production
                .versions
                .iter()
                .map(|(v, count)| format!("{v} ×{count}"))
                .collect();
            expect(record.production.versions.keys().eq([BLUE]), || {
                list(&versions)
            })
        },
    )]
}

/// The deployment of a push failed at this lifecycle event.
pub(super) fn failed(failed_at: &str) -> Expectation {
    let at = LIFECYCLE_EVENTS.iter().position(|name| *name == failed_at);
    let at = at.unwrap_or(0);
    Expectation::new(
        format!("the deployment failed at {failed_at}, and nothing after it ran"),
        move |record| {
            let deployment = of_pushes(record).next().ok_or("there was no deployment")?;
            let mut expected = LIFECYCLE_EVENTS.map(|name| (name, "Succeeded"));
            expected[at].1 = "Failed";
            for event in &mut expected[at + 1..] {
                event.1 = "Skipped";
            }
            ended(deployment, "Failed", &expected)
        },
    )
}

/// There was one rollback, and it succeeded.
pub(super) fn taken_back() -> Expectation {
    Expectation::new("CodeDeploy rolled it back", |record| {
        let rollbacks = record
            .deployments
            .iter()
            .filter(|deployment| deployment.creator == "codeDeployRollback");
        let rollbacks: Vec<String> = rollbacks
            .map(|d| format!("{} {}", d.id, d.status))
            .collect();
        expect(
            rollbacks.len() == 1 && rollbacks[0].ends_with(" Succeeded"),
            || list(&rollbacks),
        )
    })
}

/// Exactly these messages were published; SNS promises no order.
pub(super) fn messages(outcomes: &[&str]) -> Vec<Expectation> {
    let expected: Vec<String> = outcomes.iter().map(|&outcome| outcome.to_owned()).collect();
    vec![Expectation::new(
        format!("messages: {}", outcomes.join(", ")),
        move |record| {
            let published: Vec<String> = once(record).into_iter().map(Message::outcome).collect();
            let (mut found, mut expected) = (published.clone(), expected.clone());
            found.sort();
            expected.sort();
            expect(found == expected, || list(&published))
        },
    )]
}

/// The messages. Where events come twice a message may: nobody remembers what was told.
pub(super) fn once(record: &Record) -> Vec<&Message> {
    let twice = events_come_twice(record);
    let mut messages: Vec<&Message> = Vec::new();
    for message in &record.messages {
        let told = messages.iter().any(|before| is_repeated(before, message));
        if !(twice && told) {
            messages.push(message);
        }
    }
    messages
}

/// Whether two messages tell the same of the same. Told later, steps may have become longer and the log may say more.
fn is_repeated(before: &Message, message: &Message) -> bool {
    let about = |message: &Message| {
        let body: Value = serde_json::from_str(&message.body).ok()?;
        let members = ["outcome", "pipeline", "service", "image", "deployment_id"];
        Some(members.map(|member| body[member].clone()))
    };
    before == message || about(before).is_some_and(|before| Some(before) == about(message))
}

pub(super) fn events_come_twice(record: &Record) -> bool {
    let mut assumptions = record.assumptions.iter();
    assumptions.any(|name| name == "events-come-twice")
}

/// A message with this outcome says all of these.
pub(super) fn message_says(outcome: &str, texts: &[&str]) -> Vec<Expectation> {
    let claim = format!("the message `{outcome}` says {}", quoted(texts));
    let outcome = outcome.to_owned();
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    vec![Expectation::new(claim, move |record| {
        let first = record
            .message(&outcome)
            .ok_or("there was no such message")?;
        let missing = |message: &Message| -> Vec<&str> {
            let texts = texts.iter().map(String::as_str);
            texts.filter(|text| !message.body.contains(text)).collect()
        };
        let mut messages = record.messages.iter();
        let says =
            messages.any(|message| message.outcome() == outcome && missing(message).is_empty());
        expect(says, || {
            format!("{} missing in: {}", quoted(&missing(first)), first.body)
        })
    })]
}

/// The migration ended well before the test listener was pointed at green.
pub(super) fn migrated_before_test_traffic(count: usize) -> Vec<Expectation> {
    vec![Expectation::new(
        "the migration ended well before test traffic was allowed",
        move |record| {
            let migrations: Vec<String> = record
                .tasks
                .iter()
                .map(|t| format!("{} exit code {:?}", t.command.join(" "), t.exit_code))
                .collect();
            let ended_well = record
                .tasks
                .iter()
                .filter(|task| task.exit_code == Some(0))
                .count();
            expect(record.tasks.len() == count && ended_well == count, || {
                list(&migrations)
            })?;
            let migrated = record
                .moment("one-off task stopped")
                .ok_or("no task's end was told")?;
            let allowed = record
                .moment("AllowTestTraffic InProgress")
                .ok_or("test traffic was never allowed")?;
            expect(migrated < allowed, || {
                "test traffic was allowed first".to_owned()
            })
        },
    )]
}

pub(super) fn of_pushes(record: &Record) -> impl Iterator<Item = &Deployment> {
    record
        .deployments
        .iter()
        .filter(|deployment| deployment.creator == "user")
}

pub(super) fn expect(holds: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found()) }
}

/// Answers before green's first, from there to blue's last, and after it.
fn phases(seen: &Seen) -> Result<(u64, u64, u64), String> {
    let first_green = seen
        .sequence
        .iter()
        .position(|stretch| stretch.version == GREEN);
    let last_blue = seen
        .sequence
        .iter()
        .rposition(|stretch| stretch.version == BLUE);
    let (Some(first_green), Some(last_blue)) = (first_green, last_blue) else {
        return Err(format!(
            "only {}",
            list(&seen.versions.keys().collect::<Vec<_>>())
        ));
    };
    let count =
        |range: &[crate::traffic::Stretch]| range.iter().map(|stretch| stretch.requests).sum();
    expect(first_green < last_blue, || {
        "they never served together".to_owned()
    })?;
    let (sequence, between) = (&seen.sequence, first_green..=last_blue);
    Ok((
        count(&sequence[..first_green]),
        count(&sequence[between]),
        count(&sequence[last_blue + 1..]),
    ))
}

fn green_between(seen: &Seen) -> u64 {
    let last_blue = seen
        .sequence
        .iter()
        .rposition(|stretch| stretch.version == BLUE)
        .unwrap_or(0);
    let between = seen.sequence[..last_blue]
        .iter()
        .filter(|stretch| stretch.version == GREEN);
    between.map(|stretch| stretch.requests).sum()
}

/// A deployment ended with this status, and each lifecycle event, in order, with its own.
pub(super) fn ended(
    deployment: &Deployment,
    status: &str,
    expected: &[(&str, &str)],
) -> Result<(), String> {
    let events = deployment
        .lifecycle_events
        .iter()
        .map(|event| (event.name.as_str(), event.status.as_str()));
    let holds = deployment.status == status && events.eq(expected.iter().copied());
    expect(holds, || {
        format!("{} {}", deployment.status, events_of(deployment))
    })
}

fn events_of(deployment: &Deployment) -> String {
    let events = deployment
        .lifecycle_events
        .iter()
        .map(|event| format!("{} {}", event.name, event.status));
    format!("{}: {}", deployment.id, list(&events.collect::<Vec<_>>()))
}

fn none(found: Vec<String>, what: &str) -> Result<(), String> {
    expect(found.is_empty(), || {
        format!("{} {what}: {}", found.len(), list(&found))
    })
}

fn first(failures: &[String]) -> &str {
    failures.first().map_or("", String::as_str)
}

pub(super) fn list(items: &[impl AsRef<str>]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}
