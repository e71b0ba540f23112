//! The next revision, of a service with one pipeline or several.

use aws::observe::{Deploys, Member};
use lambda::{Failure, Started};
use rules::codedeploy;
use rules::config::Pipeline;
use rules::environment::Starting;
use rules::gate::Gate;
use rules::migration::{self, Runs};
use rules::names::{Image, RegistryHost, RevisionArn};
use rules::observed::TaskDefinition;
use rules::reconcile::Reconciliation;
use rules::revision::{self, Goes, Marks, Matching, Part, Shown};
use rules::start::{self, AskedBy, Decision, RunningImage};
use serde_json::Value;

/// A pipeline whose image goes into the next revision.
#[derive(Clone, Copy)]
pub(crate) struct Due<'a> {
    pub(crate) member: &'a Member<'a>,
    pub(crate) image: &'a Image,
}

/// What the next revision follows.
pub(crate) struct Latest {
    pub(crate) template: RevisionArn,
    pub(crate) seen: Option<RevisionArn>,
}

impl Latest {
    /// Whether the same settings are due still, now that this is the family's latest revision: it may be one of another
    /// service's, with the same template.
    pub(crate) fn is_latest(&self, latest: &TaskDefinition) -> bool {
        revision::arn(latest) == self.seen
            || revision::template_shown(latest) == Shown::Number(self.template.number())
    }
}

/// The next revision.
pub(crate) struct Next {
    pub(crate) request: Value,
    /// What its migration runs.
    pub(crate) migration: Option<Runs>,
    /// The revision whose settings it has, and the family's latest then; only under `revision_from = "latest"`.
    pub(crate) latest: Option<Latest>,
}

impl Next {
    /// A migration that would not do what is configured starts nothing: no revision is registered for it.
    pub(crate) fn of(
        reconciliation: &Reconciliation<'_>,
        request: Value,
        matching: &Matching,
    ) -> Result<Self, Failure> {
        // A rollback migrates nothing.
        let migrates = reconciliation.asked_by != AskedBy::Rollback;
        let migration = reconciliation
            .pipeline
            .migration
            .as_ref()
            .filter(|_| migrates);
        let runs = migration.map(|migration| migration::check(migration, &request, matching));
        let runs = runs
            .transpose()
            .map_err(|unfit| Failure::Refused(unfit.to_string()))?;
        Ok(Self {
            request,
            migration: runs,
            latest: None,
        })
    }
}

/// Those whose images go into the next deployment.
pub(crate) fn due<'a>(members: &'a [Member<'a>], decisions: &'a [Decision]) -> Vec<Due<'a>> {
    let decided: Vec<start::Member<'_>> = members
        .iter()
        .map(|member| member.reconciliation.with(&member.observation.observed))
        .collect();
    // The description of CodeDeploy's deployment names so many; ECS's revision has a tag for each.
    let at_most = match members.first().map(|member| &member.observation.deploys) {
        Some(Deploys::CodeDeploy(_)) | None => codedeploy::IMAGES_AT_MOST,
        Some(Deploys::Ecs(_)) => members.len(),
    };
    let starting = start::starting(&decided, decisions, at_most);
    let due = starting.into_iter().filter_map(|index| {
        let Decision::Start(image) = &decisions[index] else {
            return None;
        };
        let member = &members[index];
        Some(Due { member, image })
    });
    due.collect()
}

/// What would be registered for a service of several pipelines: every due image in its containers. What is not due stays as it
/// runs, also where its pipeline could not be observed.
pub(crate) fn next(
    started: &Started<Starting>,
    members: &[Member<'_>],
    due: &[Due<'_>],
    template: &TaskDefinition,
    marks: &Marks,
) -> Result<Next, Failure> {
    let unusable = |unusable: revision::Unusable| Failure::Refused(unusable.to_string());
    let first = due[0].member;
    let reconciliation = first.reconciliation;
    let pipelines = started.config.pipelines.iter();
    let pipelines = pipelines.filter(|other| other.has_service_of(reconciliation.pipeline));
    let mut places: Vec<(&Pipeline, Matching, RegistryHost)> = Vec::new();
    for pipeline in pipelines {
        let host = pipeline.registry.host(&started.extra.registry);
        match revision::matching(pipeline, template) {
            Ok(matching) => places.push((pipeline, matching, host)),
            Err(failed) if due.iter().any(|due| is_of(due.member, pipeline)) => {
                return Err(unusable(failed));
            }
            // The family's latest revision may have no such container any more.
            Err(_) => {}
        }
    }
    let unknown = RunningImage::Unknown("it was not observed".to_owned());
    let parts = places.iter().map(|(pipeline, matching, host)| {
        let due = due.iter().find(|due| is_of(due.member, pipeline));
        let member = members.iter().find(|member| is_of(member, pipeline));
        let goes = match (due, member) {
            (Some(due), _) => Goes::Due(due.image, due.member.observation.ordered_at()),
            (None, Some(member)) => Goes::Kept(&member.observation.observed.running),
            (None, None) => Goes::Kept(&unknown),
        };
        Part {
            pipeline,
            matching,
            host,
            goes,
        }
    });
    let parts: Vec<Part<'_>> = parts.collect();
    let production = &first.observation.production.definition;
    let request =
        revision::next_of_several(template, production, &parts, marks).map_err(unusable)?;
    // The migration runs in the containers of the pipeline that configures it, whichever image is due.
    let codedeploy = &reconciliation.pipeline.codedeploy;
    let (application, group) = (&codedeploy.application, &codedeploy.deployment_group);
    let keeper = started.config.keeper(application, group, Gate::Migration);
    let migrates = reconciliation.pipeline.migration.is_some();
    let keeper = keeper.filter(|_| migrates);
    let keeper = keeper.unwrap_or(reconciliation.pipeline);
    let matching = revision::matching(keeper, template).map_err(unusable)?;
    Next::of(reconciliation, request, &matching)
}

fn is_of(member: &Member<'_>, pipeline: &Pipeline) -> bool {
    member.reconciliation.pipeline.name == pipeline.name
}
