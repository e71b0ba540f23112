//! One look at a service: what runs, what is due, what is under way, and what the next reconciliation would do by itself.

use anyhow::bail;
use aws::observe::{Member, ObserveFailed, Observer};
use lambda::Started;
use rules::config::{Config, Pipeline};
use rules::environment::Starting;
use rules::events::{Origin, StartEvent};
use rules::reconcile::{self, Concerned, Reconciliation};
use rules::start::{self, Decision};
use serde_json::Value;

/// A pipeline that was looked at.
pub(crate) struct Looked<'a> {
    pub(crate) pipeline: &'a Pipeline,
    /// None where it could not be read; the error says why.
    pub(crate) seen: Result<Seen<'a>, ObserveFailed>,
}

pub(crate) struct Seen<'a> {
    pub(crate) member: Member<'a>,
    pub(crate) decision: Decision,
}

impl Seen<'_> {
    /// Why the next reconciliation does what it does.
    pub(crate) fn reason(&self) -> String {
        start::reason(&self.decision, &self.member.observation.observed)
    }
}

/// What the hour reconciles, by service.
pub(crate) fn services(
    started: &Started<Starting>,
) -> anyhow::Result<Vec<Vec<Reconciliation<'_>>>> {
    let config: &Config = &started.config;
    let origin = Origin::of(&Value::Null, &started.settings.topic);
    match reconcile::concerned(config, &StartEvent::Routine, &origin)? {
        Concerned::Reconciliations(all) => Ok(reconcile::by_service(config, all)),
        Concerned::None(reason) => bail!(reason),
    }
}

/// Looks at the pipelines of one service.
pub(crate) async fn look<'a>(
    observer: &Observer,
    started: &Started<Starting>,
    service: &'a [Reconciliation<'a>],
) -> Vec<Looked<'a>> {
    let ours = start_deployment::ours(started);
    match observe(observer, service, &ours).await {
        Ok(looked) => looked,
        Err(failed) => service
            .iter()
            .map(|one| Looked {
                pipeline: one.pipeline,
                seen: Err(failed.clone()),
            })
            .collect(),
    }
}

async fn observe<'a>(
    observer: &Observer,
    service: &'a [Reconciliation<'a>],
    ours: &aws::observe::Ours,
) -> Result<Vec<Looked<'a>>, ObserveFailed> {
    let mut observed = observer.observe(service, ours).await?;
    let decisions = observer.decide(&mut observed.members).await?;
    observer
        .check_roles(&mut observed.members, &decisions, ours)
        .await?;
    let seen = observed.members.into_iter().zip(decisions);
    let seen = seen.map(|(member, decision)| Looked {
        pipeline: member.reconciliation.pipeline,
        seen: Ok(Seen { member, decision }),
    });
    let left_out = observed.left_out.into_iter().map(|(one, failed)| Looked {
        pipeline: one.pipeline,
        seen: Err(failed),
    });
    Ok(seen.chain(left_out).collect())
}
