//! 7. People are told the truth: no success for a rollback, no unreported end, no secret in a message or a log.
//!
//! - `shipped` is for a deployment that succeeded and is not a rollback, and of a rolling update with a production gate for one that
//!   passed it; `rolled-back` for a rollback that succeeded, which is one of its own under CodeDeploy and a part of the deployment where
//!   ECS deploys, and for a rolling update that its gate did not let pass; `failed` and `stopped` for one that ended
//!   so; a failed gate for one whose gate did not succeed; `overdue` for a rolling update that has not ended after an hour. The
//!   digest is the one that the deployment shipped, or rolled back from.
//! - A message reports the end of every deployment of a pipeline's service, whoever created it, unless EventBridge lost
//!   the event or it is in a queue whose alarm notifies people; where ECS deploys, a lost event is made up for. Of several
//!   pipelines each is told whose image it shipped.
//! - No message, log line or answer of a function contains a secret.

use record::{By, Deployment, End, Ending, Engine, HookCall, Message};

use super::facts::{Facts, is_overdue, short};
use super::gate::Gate;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let messages = facts.record.messages.iter();
    let lies = messages.filter_map(|told| lie(facts, told));
    let deployments = facts.record.deployments.iter();
    let silences = deployments.filter_map(|deployment| silence(facts, deployment));
    let leaks = facts.record.leaks.iter().map(|leak| {
        let (place, after) = (&leak.place, &leak.after);
        format!("{place} holds a secret, after `{after}`")
    });
    lies.chain(silences).chain(leaks).collect()
}

/// The outcomes that are true of a deployment that has ended so.
fn true_ends(facts: &Facts<'_>, deployment: &Deployment) -> &'static [&'static str] {
    let is_rollback = deployment.by == By::Rollback;
    match (deployment.engine, deployment.ending()) {
        (_, Ending::UnderWay) => &[],
        (Engine::CodeDeploy, Ending::Succeeded) if is_rollback => &["rolled-back"],
        (Engine::CodeDeploy, Ending::Succeeded) => &["shipped"],
        (Engine::CodeDeploy, Ending::Failed) => &["failed"],
        (Engine::CodeDeploy, Ending::Stopped) => &["stopped"],
        (Engine::CodeDeploy, Ending::RolledBack) => &["rolled-back"],
        // Of the way back from a rolling update's gate nothing is told by itself.
        (Engine::Native | Engine::Rolling, _) if is_rollback => &[],
        (Engine::Rolling, Ending::Succeeded) => after_gate(facts, deployment),
        (Engine::Native, Ending::Succeeded) => &["shipped", "shipped-unverified"],
        (Engine::Native | Engine::Rolling, Ending::Failed) => &["failed"],
        // What a newer deployment ended has not failed. Without the rollback option, a breaker or an alarm stops one, too.
        (Engine::Native | Engine::Rolling, Ending::Stopped) => {
            match replacements(facts, deployment).next() {
                Some(_) => &["stopped"],
                None => &["stopped", "failed"],
            }
        }
        (Engine::Native | Engine::Rolling, Ending::RolledBack) => &["rolled-back", "failed"],
    }
}

/// The outcomes of a rolling update that succeeded, by what the production gate after it found. One that goes back is told of what it goes
/// back from.
fn after_gate(facts: &Facts<'_>, deployment: &Deployment) -> &'static [&'static str] {
    let mut gates = gates_after(facts, deployment);
    let mut pipelines = facts.pipelines_of(deployment);
    let is_gated = is_judged(facts, deployment)
        && pipelines.any(|pipeline| Gate::ProductionTraffic.is_configured(pipeline.given));
    match gates.next() {
        _ if !is_gated => &["shipped", "shipped-unverified"],
        // Another deployment took its place while it was being judged: who told of that first could not know that it would pass.
        Some(_) if passed_replaced(facts, deployment) => &["shipped", "stopped"],
        Some(_) if facts.has_passed(deployment, Gate::ProductionTraffic) => &["shipped"],
        Some(_) => match way_back(facts, deployment).map(Deployment::ending) {
            Some(Ending::Succeeded) => &["rolled-back"],
            // It is told when that has ended.
            Some(Ending::UnderWay) => &[],
            Some(Ending::Failed | Ending::Stopped | Ending::RolledBack) | None => &["failed"],
        },
        // A newer deployment took its place, or nobody could judge it.
        None => &["stopped", "shipped-unverified"],
    }
}

/// Whether a production gate is for this rolling update: one of Greenlight's, or a person's of a revision of Greenlight's that has not
/// shipped yet.
fn is_judged(facts: &Facts<'_>, deployment: &Deployment) -> bool {
    let is_of = |one: &str| one == deployment.revision;
    let mut revisions = facts.record.revisions.iter();
    let deployments = facts.record.deployments.iter();
    let mut before = deployments.take_while(|one| one.id != deployment.id);
    match deployment.by {
        By::Greenlight => true,
        By::Rollback => false,
        By::Hand => {
            revisions.any(|one| one.by_greenlight && is_of(&one.arn))
                && !before.any(|one| is_of(&one.revision) && one.ending() == Ending::Succeeded)
        }
    }
}

/// The calls that judged a rolling update.
fn gates_after<'f>(
    facts: &Facts<'f>,
    deployment: &Deployment,
) -> impl Iterator<Item = &'f HookCall> {
    facts.record.hooks.iter().filter(|hook| {
        hook.deployment == deployment.id
            && Gate::of(Engine::Rolling, hook) == Some(Gate::ProductionTraffic)
    })
}

/// Whether a newer deployment had been created when a rolling update's gate let it pass.
fn passed_replaced(facts: &Facts<'_>, deployment: &Deployment) -> bool {
    let newer = facts.after(deployment).next();
    let passed = gates_after(facts, deployment)
        .flat_map(|hook| &hook.answers)
        .filter(|answer| answer.passes())
        .map(|answer| answer.at)
        .min();
    newer
        .zip(passed)
        .is_some_and(|(newer, passed)| newer.created_at < passed)
}

/// The deployment by which the service went back from one that did not pass: the next one. Another one that took its place is none.
fn way_back<'f>(facts: &Facts<'f>, deployment: &Deployment) -> Option<&'f Deployment> {
    let next = facts.after(deployment).next();
    next.filter(|next| next.by == By::Rollback)
}

fn lie(facts: &Facts<'_>, told: &Message) -> Option<String> {
    let deployment = facts.record.deployment(&told.deployment()?)?;
    let (by, status) = (deployment.by, deployment.status.as_str());
    let is_rollback = by == By::Rollback;
    let outcome = told.outcome();
    let is_true = match outcome.as_str() {
        "migration-failed" => !has_passed(facts, deployment, Gate::Migration),
        "test-traffic-failed" => !has_passed(facts, deployment, Gate::TestTraffic),
        "production-traffic-failed" => !has_passed(facts, deployment, Gate::ProductionTraffic),
        "started" | "ready" => !is_rollback,
        "overdue" => is_overdue(deployment, told.at),
        "waiting" => return None,
        outcome => true_ends(facts, deployment).contains(&outcome),
    };
    if !is_true {
        return Some(format!(
            "`{outcome}` was reported at {} of `{}`, which is {by:?} and {status}",
            facts.when(told.at),
            deployment.id
        ));
    }
    let digest = told.digest()?;
    let about = told.pipeline();
    let mut pipelines = facts.pipelines_of(deployment);
    let pipeline = pipelines.find(|pipeline| Some(&pipeline.given.name) == about.as_ref());
    let pipeline = pipeline.or_else(|| facts.pipelines_of(deployment).next())?;
    let ships = pipeline.shipped_by(deployment);
    let ships = match deployment.images.is_empty() {
        true => ships?,
        // Of several pipelines' images it is the one that the deployment was created for.
        false => ships.unwrap_or("no image of this pipeline"),
    };
    (!is_rollback && digest != ships).then(|| {
        format!(
            "`{outcome}` was reported at {} of {}, but `{}` ships {}",
            facts.when(told.at),
            short(&digest),
            deployment.id,
            short(ships)
        )
    })
}

/// Under CodeDeploy a gate has passed when its lifecycle event has succeeded.
fn has_passed(facts: &Facts<'_>, deployment: &Deployment, gate: Gate) -> bool {
    let mut events = deployment.lifecycle_events.iter();
    match deployment.engine {
        Engine::CodeDeploy => {
            events.any(|event| event.name == gate.lifecycle_event() && event.status == "Succeeded")
        }
        Engine::Native | Engine::Rolling => facts.has_passed(deployment, gate),
    }
}

/// The deployments of the service that were created while this one had not ended: where ECS deploys, they end it.
fn replacements<'f>(
    facts: &Facts<'f>,
    deployment: &Deployment,
) -> impl Iterator<Item = &'f Deployment> {
    let ended_at = deployment.ended_at;
    let later = facts.after(deployment);
    later.filter(move |later| {
        later.engine != Engine::CodeDeploy
            && ended_at.is_some_and(|ended| later.created_at <= ended)
    })
}

/// Whether a second start of the same image at the same time ended it before anybody was told of it: people are told of that one.
/// ECS refuses no second start.
fn is_overtaken(facts: &Facts<'_>, deployment: &Deployment) -> bool {
    let mut messages = facts.record.messages.iter();
    let mut later = replacements(facts, deployment);
    deployment.engine != Engine::CodeDeploy
        && deployment.ending() == Ending::Stopped
        && later.any(|later| later.pipeline_digest == deployment.pipeline_digest)
        && !messages.any(|told| {
            told.deployment()
                .is_some_and(|id| deployment.is_called(&id))
        })
}

/// Whether somebody else deployed a service that Greenlight had not deployed yet, and no gate of Greenlight's was called for it: nothing of
/// it names the stack, so its end is told of what an event brings alone.
fn is_foreign(facts: &Facts<'_>, deployment: &Deployment) -> bool {
    let mut hooks = facts.record.hooks.iter();
    let mut before = facts
        .record
        .deployments
        .iter()
        .take_while(|one| one.id != deployment.id);
    let of_service = |one: &Deployment| {
        (&one.cluster, &one.service) == (&deployment.cluster, &deployment.service)
    };
    let is_of_ecs = match deployment.engine {
        Engine::CodeDeploy => false,
        Engine::Native | Engine::Rolling => true,
    };
    is_of_ecs
        && deployment.by == By::Hand
        && !hooks.any(|hook| hook.deployment == deployment.id)
        && !before.any(|one| one.by == By::Greenlight && of_service(one))
}

fn silence(facts: &Facts<'_>, deployment: &Deployment) -> Option<String> {
    facts.pipelines_of(deployment).next()?;
    let outcomes = true_ends(facts, deployment);
    if outcomes.is_empty() || is_overtaken(facts, deployment) || is_foreign(facts, deployment) {
        return None;
    }
    let mut told = facts.record.messages.iter().filter(|told| {
        let about = told.deployment();
        outcomes.contains(&told.outcome().as_str())
            && about.is_some_and(|id| deployment.is_called(&id))
    });
    let is_told = match (deployment.by, deployment.images.is_empty()) {
        // Each pipeline whose image it ships is told.
        (By::Greenlight, false) => {
            let told: Vec<Option<String>> = told.map(Message::pipeline).collect();
            let mut pipelines = facts.pipelines_of(deployment);
            pipelines.all(|pipeline| {
                pipeline.shipped_by(deployment).is_none()
                    || told.contains(&Some(pipeline.given.name.clone()))
            })
        }
        (By::Greenlight | By::Hand | By::Rollback, _) => told.next().is_some(),
    };
    let is_lost = match deployment.end {
        End::Told => false,
        End::Lost | End::Kept => true,
    };
    (!is_told && !is_lost).then(|| {
        format!(
            "no message reports that `{}` ({:?}) {}{}",
            deployment.id,
            deployment.by,
            deployment.status,
            deployment
                .ended_at
                .map_or_else(String::new, |ended| format!(" at {}", facts.when(ended)))
        )
    })
}
