//! What became of one pipeline, for the log and the answer.

use aws::observe::{Deploys, Member};
use lambda::Failure;
use rules::engine::Engine;
use rules::moving::Moving;
use rules::names::{DeploymentId, Image, RevisionArn, TaskArn};
use rules::reconcile::Reconciliation;
use rules::start::{self, Decision};
use serde_json::{Value, json};

/// What became of one pipeline.
pub(crate) struct Report {
    pipeline: String,
    pub(crate) decision: &'static str,
    pub(crate) reason: String,
    image: Option<Image>,
    revision: Option<RevisionArn>,
    deployment: Option<DeploymentId>,
    pub(crate) changes: Vec<String>,
    engine: Option<Engine>,
    ignored: Vec<&'static str>,
    not_known: Vec<String>,
    /// What ECS's own deployments would need, where CodeDeploy deploys and a person asks what would be done.
    pub(crate) moving: Option<Moving>,
    /// What became of the pipeline's parameter, where it has one.
    pub(crate) published: Option<Value>,
}

impl Report {
    pub(crate) fn of(member: &Member<'_>, decision: &Decision) -> Self {
        let reconciliation = member.reconciliation;
        let candidate = member.observation.observed.candidate.as_ref();
        let image = match decision {
            // After its migration, one that the tag may have left.
            Decision::Start(image) => Some(image.clone()),
            Decision::EndWait(_) | Decision::Stop(_) | Decision::Skip(_) => {
                candidate.map(|candidate| candidate.image.clone())
            }
        };
        let deployment = match decision {
            Decision::Start(_) => None,
            Decision::EndWait(id) | Decision::Stop(id) => Some(id),
            Decision::Skip(skip) => skip.deployment(),
        };
        let pipeline = reconciliation.pipeline.name.to_string();
        let engine = member.observation.deploys.engine();
        Self {
            pipeline,
            decision: decision.code(),
            reason: start::reason(decision, &member.observation.observed),
            image,
            revision: None,
            deployment: deployment.cloned(),
            changes: Vec::new(),
            engine: Some(engine),
            ignored: engine.ignores(reconciliation.pipeline),
            not_known: match &member.observation.deploys {
                Deploys::CodeDeploy(_) => Vec::new(),
                Deploys::Ecs(on_ecs) => on_ecs.not_known.clone(),
            },
            moving: None,
            published: None,
        }
    }

    /// The deployment is started, or the migration runs that goes before it.
    pub(crate) fn starts(
        &mut self,
        revision: &RevisionArn,
        deployment: &DeploymentId,
        migrates: Option<&TaskArn>,
    ) {
        self.revision = Some(revision.clone());
        self.deployment = Some(deployment.clone());
        let Some(task) = migrates else {
            return;
        };
        self.decision = "migrate";
        self.reason = format!(
            "{}; its migration runs as task {}, and the deployment follows it",
            self.reason,
            task.id()
        );
    }

    /// Nothing can be done for the pipeline, and trying again changes nothing.
    pub(crate) fn refused(reconciliation: &Reconciliation<'_>, failure: &Failure) -> Self {
        Self {
            pipeline: reconciliation.pipeline.name.to_string(),
            decision: "refused",
            reason: failure.to_string(),
            image: None,
            revision: None,
            deployment: None,
            changes: Vec::new(),
            engine: None,
            ignored: Vec::new(),
            not_known: Vec::new(),
            moving: None,
            published: None,
        }
    }

    pub(crate) fn log(&self) {
        let Self {
            pipeline,
            decision,
            reason,
            ..
        } = self;
        let image = self.image.as_ref().map(ToString::to_string);
        let digest = self.image.as_ref().map(|image| image.digest.as_str());
        let deployment = self.deployment.as_ref().map(DeploymentId::as_str);
        let revision = self.revision.as_ref().map(RevisionArn::as_str);
        tracing::info!(
            pipeline,
            decision,
            reason,
            image,
            image_digest = digest,
            revision,
            deployment_id = deployment,
            "pipeline reconciled"
        );
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "pipeline": self.pipeline,
            "decision": self.decision,
            "reason": self.reason,
            "image": self.image,
            "revision": self.revision,
            "deployment_id": self.deployment,
            "changes": self.changes,
            "engine": self.engine.map(|engine| engine.to_string()),
            "ignored": self.ignored,
            "not_known": self.not_known,
            "moving_to_ecs": self.moving.as_ref().map(Moving::to_json),
            "published": self.published,
        })
    }
}
