//! A record with the queries that several invariants need.

use std::time::{Duration, SystemTime};

use record::{Deployment, Engine, HookAnswer, Push, Reconciliation, Record};

use super::gate::{Gate, starter};
use super::rule::Rule;

/// How long a rolling update may take that nothing would roll back.
const OVERDUE_AFTER: Duration = Duration::from_secs(60 * 60);

/// How long a message may take after what it reports was read.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// A record, with the rules of its pipelines.
pub(super) struct Facts<'a> {
    pub(super) record: &'a Record,
    /// The rules that can be parsed; functions report the others.
    pub(super) pipelines: Vec<Pipeline<'a>>,
}

pub(super) struct Pipeline<'a> {
    pub(super) given: &'a record::Pipeline,
    pub(super) rule: Rule,
}

impl<'a> Facts<'a> {
    pub(super) fn of(record: &'a Record) -> Facts<'a> {
        let pipeline = |given: &'a record::Pipeline| {
            Some(Pipeline {
                given,
                rule: Rule::read(&given.tag)?,
            })
        };
        Facts {
            record,
            pipelines: record.pipelines.iter().filter_map(pipeline).collect(),
        }
    }

    /// A moment in a sentence: `1:02:03`.
    pub(super) fn when(&self, moment: SystemTime) -> String {
        self.record.simulated.clock(moment)
    }

    /// The pipelines of the deployment's service.
    pub(super) fn pipelines_of(
        &self,
        deployment: &Deployment,
    ) -> impl Iterator<Item = &Pipeline<'a>> {
        self.pipelines
            .iter()
            .filter(|pipeline| pipeline.given.is_of(deployment))
    }

    /// The pipeline of the deployment's service that configures a gate; the first one if none does.
    pub(super) fn keeper_of(
        &self,
        deployment: &Deployment,
        configures: impl Fn(&record::Pipeline) -> bool,
    ) -> Option<&Pipeline<'a>> {
        let mut pipelines = self.pipelines_of(deployment);
        let keeper = pipelines.find(|pipeline| configures(pipeline.given));
        keeper.or_else(|| self.pipelines_of(deployment).next())
    }

    /// Whether a gate let a deployment go on. What ECS calls again in a rollback is no gate.
    pub(super) fn has_passed(&self, deployment: &Deployment, gate: Gate) -> bool {
        let mut hooks = self.record.hooks.iter().filter(|hook| {
            deployment.id == hook.deployment
                && !hook.rollback
                && Gate::of(deployment.engine, hook) == Some(gate)
        });
        hooks.any(|hook| hook.answers.iter().any(HookAnswer::passes))
    }

    /// Whether a person requested to go back to what this deployment ships, which had been shipped before: nothing is migrated.
    pub(super) fn goes_back(&self, deployment: &Deployment) -> bool {
        let mut revisions = self.record.revisions.iter();
        let requests = revisions.any(|one| one.arn == deployment.revision && one.rolls_back);
        let digest = &deployment.pipeline_digest;
        let mut earlier = self.record.deployments.iter().filter(|earlier| {
            earlier.created_at < deployment.created_at && earlier.has_succeeded()
        });
        let mut pipelines = self.pipelines_of(deployment);
        let ran = pipelines.any(|pipeline| pipeline.given.ran_first == *digest);
        requests && digest.is_some() && (ran || earlier.any(|one| one.pipeline_digest == *digest))
    }

    /// The deployments of its service that were created after it: a service has its deployments in order, two of one moment as well.
    pub(super) fn after(&self, deployment: &Deployment) -> impl Iterator<Item = &'a Deployment> {
        let (id, service) = (deployment.id.clone(), deployment.service.clone());
        let cluster = deployment.cluster.clone();
        let all = self.record.deployments.iter();
        let later = all.skip_while(move |one| one.id != id).skip(1);
        later.filter(move |one| (&one.cluster, &one.service) == (&cluster, &service))
    }

    pub(super) fn deployments_of(
        &self,
        pipeline: &Pipeline<'_>,
    ) -> impl Iterator<Item = &'a Deployment> {
        self.record
            .deployments
            .iter()
            .filter(|deployment| pipeline.given.is_of(deployment))
    }

    /// The pushes that a pipeline follows, in order.
    pub(super) fn followed(&self, pipeline: &Pipeline<'_>) -> impl Iterator<Item = &'a Push> {
        self.record.pushes.iter().filter(|push| {
            push.repository == pipeline.given.repository && pipeline.rule.matches(&push.tag)
        })
    }

    /// The invocations of `start-deployment` that were running at a moment.
    pub(super) fn reconciling_at(
        &self,
        moment: SystemTime,
    ) -> impl Iterator<Item = &'a Reconciliation> {
        self.record
            .reconciliations
            .iter()
            .filter(move |one| one.began <= moment && one.ended.is_none_or(|ended| moment <= ended))
    }

    /// Whether a person requested the creation.
    pub(super) fn was_asked_for(&self, pipeline: &Pipeline<'_>, deployment: &Deployment) -> bool {
        self.began_by(deployment)
            .any(|one| one.asked.as_ref() == Some(&pipeline.given.name))
    }

    /// The invocations that may have decided a deployment: those that ran when it was created, and where its migration comes first
    /// those that ran when its revision was registered. A revision that is deployed again has been decided again.
    pub(super) fn began_by(
        &self,
        deployment: &Deployment,
    ) -> impl Iterator<Item = &'a Reconciliation> {
        let mut migrations = self.record.migrations.iter();
        let mut deployments = self.record.deployments.iter();
        let first = deployments.find(|one| one.revision == deployment.revision);
        let is_migrated = deployment.engine == Engine::Rolling
            && first.is_some_and(|first| first.id == deployment.id)
            && migrations.any(|task| {
                task.revision == deployment.revision
                    && task.given_to.as_deref() == Some(starter(deployment.engine))
            });
        let mut revisions = self.record.revisions.iter();
        let registered = revisions.find(|one| is_migrated && one.arn == deployment.revision);
        let registered = registered.map(|revision| self.reconciling_at(revision.registered_at));
        let created = self.reconciling_at(deployment.created_at);
        created.chain(registered.into_iter().flatten())
    }

    /// The followed tags that pointed to an image at any time in the period.
    pub(super) fn tags_in(
        &self,
        pipeline: &Pipeline<'_>,
        digest: &str,
        while_: (SystemTime, SystemTime),
    ) -> Vec<&'a str> {
        let (from, to) = while_;
        self.tags_while(pipeline, digest, |pushed_at, until| {
            pushed_at <= to && until.is_none_or(|until| until >= from)
        })
    }

    /// The followed tags that pointed to an image for the whole period.
    pub(super) fn tags_throughout(
        &self,
        pipeline: &Pipeline<'_>,
        digest: &str,
        while_: (SystemTime, SystemTime),
    ) -> Vec<&'a str> {
        let (from, to) = while_;
        self.tags_while(pipeline, digest, |pushed_at, until| {
            pushed_at <= from && until.is_none_or(|until| until > to)
        })
    }

    fn tags_while(
        &self,
        pipeline: &Pipeline<'_>,
        digest: &str,
        is_then: impl Fn(SystemTime, Option<SystemTime>) -> bool,
    ) -> Vec<&'a str> {
        let pushes = self
            .followed(pipeline)
            .filter(|push| push.digest == digest && is_then(push.at, self.pointed_until(push)));
        pushes.map(|push| push.tag.as_str()).collect()
    }

    /// The period in which a creation was decided: from the start of its invocation to the creation. A newer image waits for a
    /// migration that is under way, and for the deployment that follows it.
    pub(super) fn decided_in(&self, deployment: &Deployment) -> (SystemTime, SystemTime) {
        let created_at = deployment.created_at;
        let began = self.began_by(deployment).map(|one| one.began).min();
        (began.unwrap_or(created_at), created_at)
    }

    /// When the tag of a push was moved to another image.
    fn pointed_until(&self, push: &Push) -> Option<SystemTime> {
        let later = self.record.pushes.iter().filter(|later| {
            (&later.repository, &later.tag) == (&push.repository, &push.tag) && later.at > push.at
        });
        later
            .filter(|later| later.digest != push.digest)
            .map(|later| later.at)
            .min()
    }
}

impl Pipeline<'_> {
    /// The digest of its image in the revision of a deployment of its service.
    pub(super) fn digest_in<'d>(&self, deployment: &'d Deployment) -> Option<&'d str> {
        match deployment.images.get(&self.given.name) {
            Some(image) => Some(&image.digest),
            None if deployment.images.is_empty() => deployment.pipeline_digest.as_deref(),
            None => None,
        }
    }

    /// The digest that a deployment of its service was created for; `None` if it left the pipeline's image as it was.
    pub(super) fn shipped_by<'d>(&self, deployment: &'d Deployment) -> Option<&'d str> {
        let image = deployment.images.get(&self.given.name);
        match image {
            Some(image) if !image.is_due => None,
            Some(_) | None => self.digest_in(deployment),
        }
    }
}

/// Whether a rolling update had gone on for so long by then that people are told.
pub(super) fn is_overdue(deployment: &Deployment, at: SystemTime) -> bool {
    deployment.engine == Engine::Rolling
        && at >= deployment.created_at + OVERDUE_AFTER
        && deployment
            .ended_at
            .is_none_or(|ended| at <= ended + TOLD_WITHIN)
}

/// A digest in a sentence.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}
