//! The revision whose settings a pipeline follows under `revision_from = "latest"`.

use rules::config::Pipeline;
use rules::engine::Mismatch;
use rules::names::RevisionArn;
use rules::observed::TaskDefinition;
use rules::revision::{self, Matching, Shown};
use rules::start::{Settings, Template};

use super::{Observation, ObserveFailed, Observer};
use crate::{CallFailed, Kind};

/// How many revisions are asked at most for the template. Those that this version registers name it, so that more than one is
/// asked only where older versions, or pipelines that follow production, registered into the family.
const ASKED_AT_MOST: usize = 20;

/// A family's template, and what was the family's latest revision when it was found.
#[derive(Debug, Clone)]
pub struct Latest {
    /// The latest ACTIVE revision; none where all are deregistered.
    pub seen: Option<RevisionArn>,
    /// The template.
    pub template: RevisionArn,
    /// The template as ECS sent it, where it was described.
    described: Option<TaskDefinition>,
    /// What is copied where the template was deleted since: a revision with its settings.
    stand_in: TaskDefinition,
}

impl Observer {
    /// The template of a service's family.
    ///
    /// # Errors
    /// A call failed.
    pub async fn latest(&self, observation: &Observation) -> Result<Latest, CallFailed> {
        let running = &observation.observed.service.revision;
        let Some(latest) = self.ecs.latest_task_definition(running.family()).await? else {
            // What runs was deregistered, and nothing is newer.
            return Ok(Latest {
                seen: None,
                template: running.clone(),
                described: Some(observation.production.definition.clone()),
                stand_in: observation.production.definition.clone(),
            });
        };
        let seen = revision::arn(&latest);
        let (template, described) = self.template_of(running, &latest).await?;
        Ok(Latest {
            seen,
            template,
            described,
            stand_in: latest,
        })
    }

    /// From the family's latest revision downwards, the first one that is the template or names it.
    async fn template_of(
        &self,
        running: &RevisionArn,
        latest: &TaskDefinition,
    ) -> Result<(RevisionArn, Option<TaskDefinition>), CallFailed> {
        let mut definition = latest.clone();
        for _ in 0..ASKED_AT_MOST {
            let number = match revision::template_shown(&definition) {
                Shown::This => {
                    let arn = revision::arn(&definition).unwrap_or_else(|| running.clone());
                    return Ok((arn, Some(definition)));
                }
                Shown::Number(number) => return Ok((running.sibling(number), None)),
                Shown::Before(0) => break,
                Shown::Before(number) => number,
            };
            let earlier = running.sibling(number);
            definition = match self.ecs.describe_task_definition(earlier.as_str()).await {
                Ok(earlier) => earlier,
                // Numbers of deleted revisions are not used again, and nobody can follow what is before them.
                Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => break,
                Err(failed) => return Err(failed),
            };
        }
        // One of ours: a copy of what is not found any more.
        let arn = revision::arn(latest).unwrap_or_else(|| running.clone());
        Ok((arn, Some(latest.clone())))
    }

    /// The template as ECS has it.
    ///
    /// # Errors
    /// The call failed.
    pub async fn described(&self, latest: &Latest) -> Result<TaskDefinition, CallFailed> {
        if let Some(described) = &latest.described {
            return Ok(described.clone());
        }
        match self
            .ecs
            .describe_task_definition(latest.template.as_str())
            .await
        {
            Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => {
                Ok(latest.stand_in.clone())
            }
            answer => answer,
        }
    }

    /// The template of a pipeline, compared with what production runs; `all` are the pipelines of its service. One revision is
    /// described where production has its settings already.
    pub(super) async fn template(
        &self,
        pipeline: &Pipeline,
        all: &[&Pipeline],
        observation: &mut Observation,
    ) -> Result<Template, ObserveFailed> {
        let mut latest = self.latest(observation).await?;
        let production = &observation.production;
        let (registered_at, settings) =
            if revision::settings_of(&production.definition) == Some(latest.template.number()) {
                (None, Settings::Running)
            } else {
                let definition = self.described(&latest).await?;
                usable(pipeline, observation, &definition)?;
                let running = &production.definition;
                let settings = match revision::has_same_settings(running, &definition, all) {
                    true => Settings::Running,
                    false => Settings::Due,
                };
                let registered_at = revision::registered_at(&definition);
                latest.described = Some(definition);
                (registered_at, settings)
            };
        let template = Template {
            revision: latest.template.clone(),
            registered_at,
            settings,
        };
        observation.latest = Some(latest);
        Ok(template)
    }
}

/// The containers of a template that the pipeline's images go to.
///
/// # Errors
/// There is none, or it lacks what is behind the load balancer now, which the deployment names.
pub fn usable(
    pipeline: &Pipeline,
    observation: &Observation,
    template: &TaskDefinition,
) -> Result<Matching, Mismatch> {
    let matching = revision::matching(pipeline, template)?;
    for target in &observation.production.behind {
        revision::is_behind(target, template)?;
    }
    Ok(matching)
}
