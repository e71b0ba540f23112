//! What is told of a failure: whose function failed, how far the database is, and what is requested again.

use super::*;

/// What the database is after a failure, by how far the migration gate came; its task may be forgotten.
#[test]
fn the_failure_of_a_hook_names_the_users_function() {
    let gates = "[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n";
    let own = "[pipeline.hooks]\nBeforeInstall='announce'\nBeforeAllowTraffic='load-test'\n";
    for (settings, step, expected) in [
        ("", "BeforeInstall", "BeforeInstall failed"),
        (
            own,
            "BeforeInstall",
            "BeforeInstall failed (your function `announce`)",
        ),
        (
            own,
            "BeforeAllowTraffic",
            "BeforeAllowTraffic failed (your function `load-test`)",
        ),
        (own, "AfterAllowTraffic", "AfterAllowTraffic failed"),
        (own, "Install", "Install failed"),
        (
            own,
            "AfterAllowTestTraffic",
            "AfterAllowTestTraffic failed (the test traffic gate)",
        ),
        (
            gates,
            "AfterInstall",
            "AfterInstall failed (the migration gate)",
        ),
        (
            "[pipeline.hooks]\nAfterInstall='warm-up'\n",
            "AfterInstall",
            "AfterInstall failed (your function `warm-up`)",
        ),
    ] {
        let text = format!(
            "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n{settings}"
        );
        let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        let failed = Deployment {
            description: Some(format!("greenlight sha256:{}", "4c".repeat(32))),
            ..deployment("d-1", Creator::Caller, DeploymentStatus::Failed)
        };
        let ending = Ending {
            steps: vec![Step {
                name: step.to_owned(),
                status: "Failed",
                has_failed: true,
                seconds: 1,
                message: None,
            }],
            ..Ending::default()
        };
        let subject = failed.subject(&pipeline);
        let outcome = Outcome::ended_badly(Event::Failed, &pipeline, &subject, ending);
        let reason = outcome.reason.unwrap_or_default();
        let said = reason.split(';').next().unwrap_or_default();
        assert_eq!(said, expected, "{settings}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a case a line")]
fn the_database_is_told_as_far_as_it_is_known() {
    let database = |status: Option<LifecycleEventStatus>, gate, migrated, ours: bool| {
        let mut failed = deployment("d-1", Creator::Caller, DeploymentStatus::Failed);
        let description = format!("greenlight sha256:{}", "4c".repeat(32));
        failed.description = ours.then_some(description);
        let mut observed = Observed::new(DeploymentState::Failure, failed);
        let lifecycle_events = status.into_iter().map(|status| LifecycleEvent {
            name: AFTER_INSTALL.to_owned(),
            status,
            started_at: None,
            ended_at: None,
            message: None,
        });
        observed.lifecycle = Some(Lifecycle::Read(Some(DeploymentTarget {
            lifecycle_events: lifecycle_events.collect(),
        })));
        observed.why_failed = Some(Why {
            gate,
            migrated,
            ..why()
        });
        super::migrated(&pipeline(), &observed)
    };
    use LifecycleEventStatus::{Failed, Pending, Skipped, Succeeded};
    use MigrationGate::{Asked, LeftOut};
    for (status, gate, migrated, expected) in [
        (None, Some(Asked), None, Some(Migrated::Nothing)),
        (Some(Pending), Some(Asked), None, Some(Migrated::Nothing)),
        (Some(Skipped), None, None, Some(Migrated::Nothing)),
        (
            Some(Succeeded),
            Some(LeftOut),
            None,
            Some(Migrated::Nothing),
        ),
        (Some(Succeeded), Some(Asked), None, Some(Migrated::Done)),
        (Some(Succeeded), None, None, None),
        (
            Some(Succeeded),
            None,
            Some(Migrated::Done),
            Some(Migrated::Done),
        ),
        // Its gate saw its end, and another task is marked as it was.
        (
            Some(Succeeded),
            Some(Asked),
            Some(Migrated::Partly),
            Some(Migrated::Done),
        ),
        (Some(Failed), Some(Asked), None, None),
        (
            Some(Failed),
            Some(Asked),
            Some(Migrated::Partly),
            Some(Migrated::Partly),
        ),
        // Its hook was answered when its task showed more.
        (
            Some(Succeeded),
            Some(Asked),
            Some(Migrated::Partly),
            Some(Migrated::Done),
        ),
        // Another hook may have been asked there.
        (
            Some(Succeeded),
            None,
            Some(Migrated::Partly),
            Some(Migrated::Partly),
        ),
    ] {
        let found = database(status, gate, migrated, true);
        assert_eq!(found, expected, "{status:?} {gate:?}");
    }
    assert_eq!(database(Some(Succeeded), Some(Asked), None, false), None);
}

/// What a failed deployment's command requests, by what its AppSpec says of AfterInstall.
#[test]
fn a_requested_rollback_that_failed_is_not_requested_as_a_migration() {
    use crate::events::Way;
    use crate::outcome::Command;
    for (gate, expected) in [
        (Some(MigrationGate::Asked), &[Way::Forward][..]),
        (Some(MigrationGate::LeftOut), &[Way::Back]),
        (None, &[Way::Forward, Way::Back]),
    ] {
        let failed = Deployment {
            description: Some(format!("greenlight sha256:{}", "4c".repeat(32))),
            ..deployment("d-1", Creator::Caller, DeploymentStatus::Failed)
        };
        let mut observed = Observed::new(DeploymentState::Failure, failed);
        observed.lifecycle = Some(Lifecycle::Read(None));
        observed.why_failed = Some(Why { gate, ..why() });
        let outcome = match decide(&pipeline(), &observed).unwrap() {
            Report::Publish(outcome) => outcome,
            Report::Nothing(reason) => panic!("{reason}"),
        };
        let ways = outcome.commands.iter().map(|command| match command {
            Command::Request { request, .. } => request.way,
            Command::Reroute(_)
            | Command::RestoreImage { .. }
            | Command::Continue { .. }
            | Command::RestoreTestListener { .. } => panic!("{command:?}"),
        });
        assert_eq!(ways.collect::<Vec<_>>(), expected, "{gate:?}");
    }
}
