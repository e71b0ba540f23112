//! Where a deployment that ended badly leaves the test listener.

use super::{Group, Lifecycle, Need, Observed, status_of};
use crate::codedeploy::LifecycleEventStatus;
use crate::codedeploy::lifecycle::{ALLOW_TEST_TRAFFIC, ALLOW_TRAFFIC};
use crate::outcome::TestListener;

/// CodeDeploy's sentence about a deployment that an earlier one without a rollback keeps from working; the listener's ARN
/// follows.
const LISTENER_ELSEWHERE: &str = "must be behind listener";

/// A deployment that fails after AllowTestTraffic and is not rolled back leaves the test listener on green, and CodeDeploy
/// refuses every later one. A command is printed only where it cannot harm: not where production may have moved to green, nor
/// where CodeDeploy may mean the production listener.
///
/// # Errors
/// What else has to be observed.
pub(super) fn left(observed: &Observed) -> Result<Option<TestListener>, Need> {
    if observed.deployment.rolled_back_by.is_some() {
        return Ok(None);
    }
    let Some(Lifecycle::Read(target)) = &observed.lifecycle else {
        return Ok(None);
    };
    let has_begun = |name| match status_of(target.as_ref(), name) {
        None | Some(LifecycleEventStatus::Pending | LifecycleEventStatus::Skipped) => false,
        Some(_) => true,
    };
    let error = observed.deployment.error.as_ref();
    let was_elsewhere = error.map(|(_, message)| message.as_str());
    let was_elsewhere = was_elsewhere.filter(|message| message.contains(LISTENER_ELSEWHERE));
    if was_elsewhere.is_none() && !has_begun(ALLOW_TEST_TRAFFIC) {
        return Ok(None);
    }
    // What explains only: where it cannot be read the outcome is published all the same.
    let why = observed.why_failed.as_ref().ok_or(Need::WhyFailed)?;
    let group = match observed.group.as_ref().ok_or(Need::Group)? {
        Group::Read(group) => group,
        Group::Unreadable => return Ok(Some(TestListener::PerhapsElsewhere)),
    };
    let Some(listener) = &group.test_listener else {
        return Ok(None);
    };
    let production = group.production_listener.as_ref();
    let names_production =
        |message: &str| production.is_some_and(|production| message.contains(production.as_str()));
    let is_left = match was_elsewhere {
        Some(message) if names_production(message) => return Ok(None),
        Some(message) => message.contains(listener.as_str()),
        None => !has_begun(ALLOW_TRAFFIC),
    };
    Ok(Some(match why.serves.clone().filter(|_| is_left) {
        Some(target_group) => TestListener::LeftOnGreen {
            listener: listener.clone(),
            target_group,
        },
        None => TestListener::PerhapsElsewhere,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::report::{Report, Why, decide};
    use crate::codedeploy::tests::described;
    use crate::codedeploy::{
        Deployment, DeploymentGroup, DeploymentStatus, DeploymentTarget, LifecycleEvent,
    };
    use crate::config::{Config, Pipeline};
    use crate::events::DeploymentState;
    use crate::outcome::Command;

    fn pipeline() -> Pipeline {
        let text = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'";
        Config::parse(text).unwrap().pipelines.remove(0)
    }

    fn listener(name: &str) -> String {
        format!(
            "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop/0123456789abcdef/{name}"
        )
    }

    const BLUE: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/web-blue/0123456789abcdef";

    /// A failure without a rollback: these lifecycle events, CodeDeploy's sentence, all of its explanation.
    fn failed(events: &[(&str, LifecycleEventStatus)], error: &str) -> Observed {
        let failed = Deployment {
            status: DeploymentStatus::Failed,
            error: Some(("X".to_owned(), error.to_owned())),
            ..described("")
        };
        let mut observed = Observed::new(DeploymentState::Failure, failed);
        let lifecycle_events = events.iter().map(|(name, status)| LifecycleEvent {
            name: (*name).to_owned(),
            status: *status,
            started_at: None,
            ended_at: None,
            message: None,
        });
        observed.lifecycle = Some(Lifecycle::Read(Some(DeploymentTarget {
            lifecycle_events: lifecycle_events.collect(),
        })));
        // Not what serves production: that has to be read, and nothing that explains may keep a failure from being told.
        observed.why_failed = Some(Why {
            serves: BLUE.parse().ok(),
            ..Why::default()
        });
        observed.group = Some(Group::Read(Box::new(DeploymentGroup {
            service: None,
            target_groups: Vec::new(),
            production_listener: listener("production").parse().ok(),
            test_listener: listener("test").parse().ok(),
            deployment_config: None,
            rolls_back: false,
            alarms: Vec::new(),
        })));
        observed
    }

    /// `command`, where one restores the test listener; else `sentence` where one says to check it; else `nothing`.
    fn told(observed: &Observed) -> &'static str {
        let outcome = match decide(&pipeline(), observed).unwrap() {
            Report::Publish(outcome) => outcome,
            Report::Nothing(reason) => panic!("{reason}"),
        };
        let restores = |command: &Command| matches!(command, Command::RestoreTestListener { .. });
        let next = outcome.next.as_deref().unwrap_or_default();
        match (
            outcome.commands.iter().any(restores),
            next.contains("test listener"),
        ) {
            (true, true) => "command",
            (false, true) => "sentence",
            (_, false) => "nothing",
        }
    }

    #[test]
    fn a_test_listener_is_restored_by_a_command_only_where_that_is_right() {
        use LifecycleEventStatus::{Failed, InProgress, Pending, Skipped, Succeeded};
        let of = |name: &str| format!("Primary taskset target group {LISTENER_ELSEWHERE} {name}");
        let (test, production) = (of(&listener("test")), of(&listener("production")));
        let unnamed = of("");
        let moved = (ALLOW_TEST_TRAFFIC, Succeeded);
        for (events, error, expected) in [
            (&[][..], "", "nothing"),
            (&[(ALLOW_TEST_TRAFFIC, Pending)], "", "nothing"),
            (&[(ALLOW_TEST_TRAFFIC, Skipped)], "", "nothing"),
            (&[(ALLOW_TEST_TRAFFIC, Failed)], "", "command"),
            (&[moved], "", "command"),
            (&[moved, (ALLOW_TRAFFIC, Pending)], "", "command"),
            (&[moved, (ALLOW_TRAFFIC, Skipped)], "", "command"),
            // Green may serve production by now.
            (&[moved, (ALLOW_TRAFFIC, InProgress)], "", "sentence"),
            (&[moved, (ALLOW_TRAFFIC, Failed)], "", "sentence"),
            (&[moved, (ALLOW_TRAFFIC, Succeeded)], "", "sentence"),
            // CodeDeploy says which listener keeps it from working.
            (&[], &test, "command"),
            (&[], &production, "nothing"),
            (&[], &unnamed, "sentence"),
            (&[moved], &production, "nothing"),
        ] {
            let observed = failed(events, error);
            assert_eq!(told(&observed), expected, "{events:?} {error}");
        }
    }

    #[test]
    fn what_cannot_be_read_of_a_test_listener_leaves_the_sentence() {
        let moved = [(ALLOW_TEST_TRAFFIC, LifecycleEventStatus::Succeeded)];
        let mut observed = failed(&moved, "");
        observed.why_failed = Some(Why::default());
        assert_eq!(told(&observed), "sentence");
        let mut observed = failed(&moved, "");
        observed.group = Some(Group::Unreadable);
        assert_eq!(told(&observed), "sentence");
        let mut observed = failed(&moved, "");
        if let Some(Group::Read(group)) = &mut observed.group {
            group.test_listener = None;
        }
        assert_eq!(told(&observed), "nothing");
        let mut observed = failed(&moved, "");
        observed.deployment.rolled_back_by = "d-2".parse().ok();
        assert_eq!(told(&observed), "nothing");
    }
}
