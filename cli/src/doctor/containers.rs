//! The revision that the next one is made of, and its containers.

use rules::config::{Pipeline, RevisionFrom};
use rules::doctor::{self, Checks};
use rules::gate::Gate;
use rules::observed::{Service, TaskDefinition};
use rules::revision::{self, Matching};

use super::account::{Account, why};

/// What the next revision is made of: what serves production, or the family's latest.
pub(super) async fn definition(
    account: &Account<'_>,
    checks: &mut Checks,
    pipeline: &Pipeline,
    service: &Service,
) -> Option<TaskDefinition> {
    let serves = service
        .primary()
        .map(|primary| &primary.revision)
        .or(service.revision.as_ref());
    let Some(serves) = serves else {
        checks.wrong(
            "service",
            format!("service `{}` has no task definition and no task set, expected what runs in production", pipeline.place()),
            format!("aws ecs update-service --cluster {} --service {} --task-definition <its revision>", pipeline.cluster, pipeline.service),
        );
        return None;
    };
    let latest = match pipeline.revision_from {
        RevisionFrom::Production => Ok(None),
        RevisionFrom::Latest => account.ecs.latest_task_definition(serves.family()).await,
    };
    let found = match latest {
        Ok(Some(latest)) => Ok(latest),
        Ok(None) => account.ecs.describe_task_definition(serves.as_str()).await,
        Err(failed) => Err(failed),
    };
    match found {
        Ok(definition) => Some(definition),
        Err(failed) => {
            checks.not_known(
                "containers",
                &format!(
                    "revision `{}` is not known: {}",
                    serves.short(),
                    why(&failed)
                ),
            );
            None
        }
    }
}

/// The containers that get the pipeline's image, the one behind the load balancer, and the migration's.
pub(super) fn containers(
    pipeline: &Pipeline,
    service: Option<&Service>,
    definition: Option<&TaskDefinition>,
) -> (Option<Matching>, Checks) {
    const SUBJECT: &str = "containers";
    let mut checks = Checks::default();
    let Some(definition) = definition else {
        return (None, checks);
    };
    let behind = service.into_iter().flat_map(|service| {
        let primary = service
            .primary()
            .and_then(|primary| primary.load_balancer.as_ref());
        primary
            .into_iter()
            .chain(service.load_balancers.iter().map(|one| &one.target))
    });
    for target in behind {
        if let Err(unusable) = revision::is_behind(target, definition) {
            checks.refused(SUBJECT, &unusable.to_string());
        }
    }
    match revision::matching(pipeline, definition) {
        Ok(matching) => {
            if migrates(pipeline) {
                doctor::migration(&mut checks, pipeline, definition, &matching);
            }
            (Some(matching), checks)
        }
        Err(unusable) => {
            checks.refused(SUBJECT, &unusable.to_string());
            (None, checks)
        }
    }
}

/// Whether it is the pipeline whose own table configures the migration.
fn migrates(pipeline: &Pipeline) -> bool {
    pipeline.is_alone || pipeline.own_gates.contains(&Gate::Migration)
}
