//! CodeDeploy's words in outcomes.

use super::lifecycle::{AFTER_ALLOW_TEST_TRAFFIC, AFTER_ALLOW_TRAFFIC, AFTER_INSTALL};
use super::{
    Creator, Deployment, DeploymentTarget, LifecycleEventStatus, STOPPED_BY_A_CALL, settings_alone,
    shipped_image,
};
use crate::config::{HookEvent, Pipeline};
use crate::engine::Engine;
use crate::outcome::{Step, Subject};

pub(crate) const HOW_IT_GOES: &str =
    "CodeDeploy shifts traffic as its deployment configuration says";
pub(crate) const CHECK_WHO_CHANGED: &str = "check the service's task sets and who changed them";
pub(crate) const CHECK_WHAT_IS_LEFT: &str = "check the deployment: unless a rollback follows, its task sets and listeners \
     stay as they are until a person acts";
pub(crate) const RESTORE_TEST_LISTENER: &str = "let the test listener forward to what serves production again, or every later deployment fails with `Primary taskset target group must be behind listener`";
pub(crate) const CHECK_TEST_LISTENER: &str = "check that the test listener forwards to the target group that serves production: \
     where it does not, every later deployment fails with `Primary taskset target group must be behind listener`";
pub(crate) const WITHOUT_ROLLBACK: &str = "nothing unless it fails: no automatic rollback is on, so task sets and listeners would \
     stay as they are until a person acts (hint: switch rollback on in the deployment group, or take `rollback = \"group\"` out of \
     the pipeline)";
pub(crate) const CHECK_PRODUCTION: &str =
    "check now: the production listener's weights and the service's task sets";

pub(crate) const HOW_TO_REROUTE: &str = "reroute traffic, in the console or by the command; without it CodeDeploy stops the \
     deployment when the group's wait is over";

/// The gate of a lifecycle event in a deployment that Greenlight started: [`hooks`](super::app_spec::hooks) names its function there,
/// unless the pipeline has one of its own.
pub(crate) fn gate_of(pipeline: &Pipeline, lifecycle_event: &str) -> Option<&'static str> {
    let is_free = |event| !pipeline.hooks.contains_key(&event);
    match lifecycle_event {
        AFTER_INSTALL if is_free(HookEvent::AfterInstall) => Some("the migration gate"),
        AFTER_ALLOW_TEST_TRAFFIC => Some("the test traffic gate"),
        AFTER_ALLOW_TRAFFIC
            if is_free(HookEvent::AfterAllowTraffic) && pipeline.production_traffic.is_some() =>
        {
            Some("the production traffic gate")
        }
        _ => None,
    }
}

impl Deployment {
    /// The deployment as an outcome names it.
    pub fn subject(&self, pipeline: &Pipeline) -> Subject {
        let by_a_call = |(code, _): &(String, String)| code == STOPPED_BY_A_CALL;
        Subject {
            engine: Engine::CodeDeploy,
            id: self.id.clone(),
            image: shipped_image(pipeline, self),
            settings: settings_alone(self),
            error: self.error.clone(),
            stopped_by_call: self.creator == Creator::Caller
                && self.error.as_ref().is_some_and(by_a_call),
            rolled_back_by: self.rolled_back_by.clone(),
            rolls_back: self.rolls_back.clone(),
        }
    }
}

impl DeploymentTarget {
    /// The lifecycle events that have ended, in order.
    pub fn steps(&self) -> Vec<Step> {
        let ended = self.lifecycle_events.iter().filter_map(|event| {
            let took = event.ended_at? - event.started_at?;
            Some(Step {
                name: event.name.clone(),
                status: event.status.as_str(),
                has_failed: event.status == LifecycleEventStatus::Failed,
                seconds: u64::try_from(took.whole_seconds()).unwrap_or(0),
                message: event.message.clone(),
            })
        });
        ended.collect()
    }
}
