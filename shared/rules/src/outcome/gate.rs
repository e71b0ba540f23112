//! A gate that failed.

use super::{Event, Outcome, Subject};
use crate::config::Pipeline;
use crate::names::DeploymentId;

impl Outcome {
    /// The migration gate failed.
    pub fn migration_failed(
        pipeline: &Pipeline,
        deployment: &Subject,
        reason: String,
        log: Vec<String>,
    ) -> Self {
        let summary =
            format!("the migration of {deployment} failed; no production traffic was shifted");
        let mut outcome = Self::about(Event::MigrationFailed, pipeline, deployment, summary);
        outcome.next = Some(
            "correct the migration and push again; check whether it left the database partially migrated"
                .to_owned(),
        );
        outcome.reason = Some(reason);
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
                "the database is as it was; correct the cause, then push again or request the deployment"
                    .to_owned(),
            ),
            ..Self::migration_failed(pipeline, deployment, reason, Vec::new())
        }
    }

    /// The test traffic gate failed.
    pub fn test_traffic_failed(pipeline: &Pipeline, deployment: &Subject, reason: String) -> Self {
        let summary = format!(
            "{deployment} did not pass the test traffic check; no production traffic was shifted",
        );
        let mut outcome = Self::about(Event::TestTrafficFailed, pipeline, deployment, summary);
        outcome.next =
            Some("correct the service, or the pipeline's test_traffic, and push again".to_owned());
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
                "nothing to correct in the service: CodeDeploy's record did not show its hook as waiting; push again or request the deployment"
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
        outcome.next = Some(
            "wait for the rollback's message; correct the service, or the pipeline's production_traffic, and push again"
                .to_owned(),
        );
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
            next: Some(
                "nothing to correct in the service: CodeDeploy's record did not show its hook as waiting; wait for the \
                 rollback's message, then push again or request the deployment"
                    .to_owned(),
            ),
            ..Self::production_traffic_failed(pipeline, deployment, reason)
        }
    }

    /// A gate failed before it knew its pipeline: the configuration is wrong, or AWS refused the first call.
    pub fn gate_failed(event: Event, deployment: &DeploymentId, reason: String) -> Self {
        let traffic = if event == Event::ProductionTrafficFailed {
            "production traffic had been shifted"
        } else {
            "no production traffic was shifted"
        };
        Self {
            event,
            pipeline: None,
            cluster: None,
            service: None,
            image: None,
            revision: None,
            deployment: Some(deployment.clone()),
            summary: format!("a hook of deployment {deployment} failed; {traffic}"),
            reason: Some(reason),
            steps: Vec::new(),
            log: Vec::new(),
            next: Some("correct the cause and push again".to_owned()),
        }
    }
}
