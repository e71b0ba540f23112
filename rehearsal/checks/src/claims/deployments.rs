//! Deployments: which were started, and their results.

use record::timeline::Event;
use record::{Deployment, Record};

use super::{expect, list, none};
use crate::Expectation;
use crate::needed::needed;

/// The lifecycle events of a deployment with a test listener, in order.
pub const LIFECYCLE_EVENTS: [&str; 8] = [
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "AllowTestTraffic",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
];

/// The number of revisions and deployments that a push led to.
pub fn started(count: usize) -> Vec<Expectation> {
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

/// Every registered revision has the image of one repository, pinned by digest, in one of its containers.
pub fn pinned_in(repository: &str) -> Expectation {
    let claim = format!("every revision is pinned to an image of `{repository}`");
    let start = format!("{repository}@sha256:");
    Expectation::new(claim, move |record| {
        let pinned = |image: &String| image.starts_with(&start);
        let wrong = record.revisions.iter();
        let wrong = wrong.filter(|revision| !revision.images.values().any(pinned));
        expect(!record.revisions.is_empty(), || {
            "no revision was registered".to_owned()
        })?;
        none(
            wrong.map(|revision| revision.image.clone()).collect(),
            "are not",
        )
    })
}

/// CodeDeploy called a function once, at this lifecycle event of the deployment with this number.
pub fn called_alone(function: &str, lifecycle_event: &str, number: usize) -> Expectation {
    let claim =
        format!("`{function}` was called at {lifecycle_event} of deployment {number} alone");
    let expected = (lifecycle_event.to_owned(), number);
    let function = function.to_owned();
    Expectation::new(claim, move |record| {
        let number_of = |id: &str| {
            let mut ids = record.deployments.iter().map(|deployment| &deployment.id);
            ids.position(|known| known == id).map_or(0, |at| at + 1)
        };
        let calls = record.events.iter().filter_map(|entry| {
            let Event::HookCalled {
                deployment,
                lifecycle_event,
                function: called,
            } = &entry.event
            else {
                return None;
            };
            let call = (lifecycle_event.to_string(), number_of(deployment));
            (*called == function).then_some(call)
        });
        let calls: Vec<(String, usize)> = calls.collect();
        expect(calls == [expected.clone()], || format!("{calls:?}"))
    })
}

/// Every deployment succeeded, with all eight lifecycle events and without a rollback.
pub fn all_succeeded() -> Vec<Expectation> {
    vec![
        Expectation::new("every deployment succeeded", |record| {
            let others = record
                .deployments
                .iter()
                .filter(|deployment| !deployment.has_succeeded());
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
            none(
                wrong.map(events_of).collect(),
                "with other lifecycle events",
            )
        }),
    ]
}

/// The deployment of a push failed at this lifecycle event.
pub fn failed(failed_at: &str) -> Expectation {
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
pub fn taken_back() -> Expectation {
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

/// The migration succeeded before the test listener routed to green.
pub fn migrated_before_test_traffic(count: usize) -> Vec<Expectation> {
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
                .ok_or("the timeline has no end of a task")?;
            let allowed = record
                .moment("AllowTestTraffic InProgress")
                .or_else(|| record.moment("TEST_TRAFFIC_SHIFT InProgress"))
                .ok_or("test traffic was never allowed")?;
            expect(migrated < allowed, || {
                "test traffic was allowed first".to_owned()
            })
        },
    )]
}

pub fn of_pushes(record: &Record) -> impl Iterator<Item = &Deployment> {
    record
        .deployments
        .iter()
        .filter(|deployment| deployment.creator == "user")
}

/// A deployment ended with this status, and each lifecycle event, in order, with its own status.
pub fn ended(
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
