//! A gate that failed.

use super::{Event, Outcome, Subject};
use crate::config::{Pipeline, Rollback};
use crate::engine::Engine;
use crate::events::Way;
use crate::gate::Gate;
use crate::names::DeploymentId;
use crate::reasons::Migrated;
use crate::task_log::TaskLog;

impl Outcome {
    /// The migration gate failed.
    pub fn migration_failed(
        pipeline: &Pipeline,
        deployment: &Subject,
        reason: String,
        log: TaskLog,
    ) -> Self {
        let summary =
            format!("the migration of {deployment} failed; no production traffic was shifted");
        let mut outcome = Self::about(Event::MigrationFailed, pipeline, deployment, summary);
        outcome.next = Some(
            "check whether it left the database partially migrated; correct the cause and push a new image, or request this one \
             again"
                .to_owned(),
        );
        // The hook of a rollback is not called.
        outcome.request_again(pipeline, Some(Way::Forward));
        outcome.reason = Some(reason);
        outcome.migrated = Some(Migrated::Partly);
        outcome.log = log;
        outcome
    }

    /// The migration gate failed before anything of the migration ran.
    pub fn migration_did_not_run(
        pipeline: &Pipeline,
        deployment: &Subject,
        reason: String,
    ) -> Self {
        Self {
            summary: format!(
                "the migration of {deployment} did not run; no production traffic was shifted"
            ),
            next: Some(
                "correct the cause, and request this image again or push a new one".to_owned(),
            ),
            migrated: Some(Migrated::Nothing),
            ..Self::migration_failed(pipeline, deployment, reason, TaskLog::default())
        }
    }

    /// The test traffic gate failed.
    pub fn test_traffic_failed(pipeline: &Pipeline, deployment: &Subject, reason: String) -> Self {
        let summary = format!(
            "{deployment} did not pass the test traffic check; no production traffic was shifted",
        );
        let mut outcome = Self::about(Event::TestTrafficFailed, pipeline, deployment, summary);
        outcome.next = Some(
            "correct the service and push a new image, or correct the pipeline's test_traffic and request this one again"
                .to_owned(),
        );
        outcome.request_again(pipeline, None);
        outcome.reason = Some(reason);
        outcome
    }

    /// The test traffic gate failed before anything was checked.
    pub fn test_traffic_not_checked(
        pipeline: &Pipeline,
        deployment: &Subject,
        reason: String,
    ) -> Self {
        Self {
            summary: format!(
                "the test traffic check of {deployment} did not run; no production traffic was shifted"
            ),
            next: Some(
                "nothing of green was checked, so nothing is known against it; correct the cause, and request this image again"
                    .to_owned(),
            ),
            ..Self::test_traffic_failed(pipeline, deployment, reason)
        }
    }

    /// The production traffic gate failed.
    pub fn production_traffic_failed(
        pipeline: &Pipeline,
        deployment: &Subject,
        reason: String,
    ) -> Self {
        let summary = format!(
            "{deployment} did not pass the production traffic check; production traffic had been shifted to it",
        );
        let event = Event::ProductionTrafficFailed;
        let mut outcome = Self::about(event, pipeline, deployment, summary);
        let rollback = rollback_to_expect(pipeline, deployment.engine);
        outcome.next = Some(format!(
            "{rollback}; correct the service and push a new image, or correct the pipeline's production_traffic and request this \
             one again"
        ));
        outcome.request_again(pipeline, None);
        outcome.reason = Some(reason);
        outcome
    }

    /// The production traffic gate failed before anything was checked.
    pub fn production_traffic_not_checked(
        pipeline: &Pipeline,
        deployment: &Subject,
        reason: String,
    ) -> Self {
        Self {
            summary: format!(
                "the production traffic check of {deployment} did not run; production traffic had been shifted to it"
            ),
            next: Some(format!(
                "nothing of green was checked, so nothing is known against it; {}; correct the cause, and request this image again",
                rollback_to_expect(pipeline, deployment.engine)
            )),
            ..Self::production_traffic_failed(pipeline, deployment, reason)
        }
    }

    /// A gate failed before it knew its pipeline: the configuration is wrong, or AWS refused the first call. Without a log nothing
    /// of what it starts ran.
    pub fn gate_failed(
        gate: Gate,
        deployment: &DeploymentId,
        reason: String,
        log: Option<TaskLog>,
    ) -> Self {
        let (event, migrated) = match (gate, &log) {
            (Gate::Migration, Some(_)) => (Event::MigrationFailed, Some(Migrated::Partly)),
            (Gate::Migration, None) => (Event::MigrationFailed, Some(Migrated::Nothing)),
            (Gate::TestTraffic, _) => (Event::TestTrafficFailed, None),
            (Gate::ProductionTraffic, _) => (Event::ProductionTrafficFailed, None),
        };
        let traffic = match gate {
            Gate::Migration | Gate::TestTraffic => "no production traffic was shifted",
            Gate::ProductionTraffic => "production traffic had been shifted",
        };
        let summary = format!("a hook of deployment {deployment} failed; {traffic}");
        let next = "correct the cause; then request the deployment, which needs no push (docs/reference.md, requests)";
        Self {
            deployment: Some(deployment.clone()),
            migrated,
            log: log.unwrap_or_default(),
            ..Self::without_pipeline(event, summary, reason, next.to_owned())
        }
    }
}

/// A deployment of CodeDeploy's that leaves its rollback to the group is rolled back only where the group's is on, which a hook does
/// not know. ECS rolls back whatever fails a hook.
fn rollback_to_expect(pipeline: &Pipeline, engine: Engine) -> &'static str {
    match (engine, pipeline.codedeploy.rollback) {
        (Engine::Native(_) | Engine::Rolling, _) | (Engine::CodeDeploy, Rollback::Automatic) => {
            "wait for the rollback's message"
        }
        (Engine::CodeDeploy, Rollback::Group) => {
            "check the deployment: a rollback follows if the deployment group has one on, and otherwise production stays on green"
        }
    }
}
