//! The outcome of what is still to be told.

use super::cause::{causes, was_requested};
use super::due::{End, What};
use super::gated::{has_gone_back, judged};
use super::migration::migrated_before;
use super::observed::{Need, Observed, Production, Why};
use super::overdue::OVERDUE_AFTER_MINUTES;
use super::steps::steps;
use super::target::subject;
use crate::config::Pipeline;
use crate::ecs::words::HOW_IT_IS_JUDGED;
use crate::ecs::{Listed, Status};
use crate::names::{ServiceRevisionArn, TargetGroupArn};
use crate::observed::{RunningRevision, TaskCount};
use crate::outcome::{Ending, Event, Outcome, Subject};
use crate::rolling::GateState;

/// Decides what is published about a deployment of the pipeline's service.
///
/// # Errors
/// What else has to be observed. The outcome is decided again with it, from the beginning: all is plain data.
pub fn decide(pipeline: &Pipeline, observed: &Observed, what: &What) -> Result<Outcome, Need> {
    // One that its gate did not let pass has ended successfully, without a reason: no call stopped it.
    let was_judged = matches!(observed.gate, GateState::Failed { .. });
    let was_requested = !was_judged && was_requested(&observed.deployment);
    let subject = subject(pipeline, observed, was_requested);
    match what {
        What::Started => {
            let mut how = observed.engine.how_it_goes(&observed.service.configuration);
            if observed.gate == GateState::Open {
                how.push_str(HOW_IT_IS_JUDGED);
            }
            let mut outcome = Outcome::started(pipeline, &subject).of_service(&how);
            outcome.revision = Some(observed.target.revision.revision.clone());
            if !observed.service.configuration.rolls_back() {
                outcome.add_without_rollback(observed.engine);
            }
            Ok(outcome)
        }
        What::Waits(pause) => Ok(Outcome::paused(pipeline, &subject, pause)),
        What::Overdue => {
            // ECS has not said anything of an end.
            let subject = Subject {
                stopped_by_call: false,
                ..subject
            };
            let ending = with_causes(pipeline, observed)?;
            let minutes = OVERDUE_AFTER_MINUTES;
            Ok(Outcome::overdue(pipeline, &subject, minutes, ending))
        }
        What::Ended(End::Shipped) => shipped(pipeline, observed, &subject),
        What::Ended(End::RolledBack) => rolled_back(pipeline, observed, &subject),
        What::Ended(End::RollbackFailed) => {
            let ending = with_causes(pipeline, observed)?;
            Ok(Outcome::went_back_badly(pipeline, &subject, ending))
        }
        What::Ended(End::Stopped) => stopped(pipeline, observed, &subject),
    }
}

fn ending(observed: &Observed) -> Ending {
    Ending {
        revision: Some(observed.target.revision.revision.clone()),
        steps: steps(&observed.deployment),
        ..Ending::default()
    }
}

fn with_causes(pipeline: &Pipeline, observed: &Observed) -> Result<Ending, Need> {
    let why = observed.why.clone().ok_or(Need::WhyFailed)?;
    let Why {
        causes: of_tasks,
        migrated,
        log,
    } = why;
    let mut causes = causes(pipeline, observed);
    causes.extend(of_tasks);
    Ok(Ending {
        causes,
        migrated: migrated.or_else(|| migrated_before(observed)),
        log,
        ..ending(observed)
    })
}

/// How many tasks of a service revision run, as DescribeServices says now.
fn tasks(observed: &Observed, revision: &ServiceRevisionArn) -> TaskCount {
    let mut current = observed.service.current_revisions.iter();
    let current = current.find(|current| current.arn == *revision);
    let described = observed.deployment.target.as_ref();
    let described = described.filter(|target| target.arn == *revision);
    let running = current
        .map(|current| current.running_count)
        .or(described.map(|target| target.running_count));
    TaskCount {
        desired: observed.service.desired_count,
        running: running.unwrap_or(observed.service.running_count),
    }
}

/// The service's revisions that belong to other deployments.
fn others(observed: &Observed) -> impl Iterator<Item = &RunningRevision> {
    let deployment = &observed.deployment;
    let known = deployment.target.iter().chain(&deployment.sources);
    let known = known.map(|one| &one.arn);
    let back = observed.back.as_ref().map(|back| &back.arn);
    let known: Vec<&ServiceRevisionArn> = known.chain(back).collect();
    let current = observed.service.current_revisions.iter();
    current.filter(move |current| !known.contains(&&current.arn))
}

/// Whether no newer deployment is under way. One that ECS does not list yet has a revision already.
fn is_settled(observed: &Observed) -> bool {
    let newer = observed.newer.as_ref();
    let is_unlisted =
        newer.is_none() && others(observed).any(|current| current.requested_count > 0);
    newer.is_none_or(|newer| newer.status.has_ended()) && !is_unlisted
}

/// Whether a newer deployment serves, or has taken the last task from this one: that nothing of it runs is then no failure.
fn is_replaced_by(newer: &Listed, running: TaskCount, observed: &Observed) -> bool {
    let is_handed_over = running.is_down() && !TaskCount::of(&observed.service).is_down();
    newer.status == Status::Successful || !newer.status.has_ended() && is_handed_over
}

/// ECS's success is checked against what really serves production.
fn shipped(pipeline: &Pipeline, observed: &Observed, subject: &Subject) -> Result<Outcome, Need> {
    if let Some(outcome) = judged(pipeline, observed, subject) {
        return Ok(outcome);
    }
    if has_gone_back(observed) {
        return gone_back(pipeline, observed, subject);
    }
    let mut running = tasks(observed, &observed.target.revision.arn);
    // This message may come late.
    if let Some(newer) = &observed.newer
        && is_replaced_by(newer, running, observed)
    {
        let by = newer.arn.id();
        return Ok(Outcome::replaced_since(
            pipeline,
            subject,
            &by,
            ending(observed),
        ));
    }
    if running.is_down() && !is_settled(observed) {
        running = TaskCount::of(&observed.service);
    }
    if running.is_down() {
        let ending = with_causes(pipeline, observed)?;
        return Ok(Outcome::shipped_and_down(
            pipeline, subject, running, ending,
        ));
    }
    // While a newer one shifts traffic, the rules are not this one's any more.
    if is_settled(observed)
        && let Some(why) = elsewhere(observed)?
    {
        let ending = ending(observed);
        return Ok(Outcome::shipped_elsewhere(pipeline, subject, why, ending));
    }
    if let GateState::FailedBefore { reason } = &observed.gate {
        let ending = ending(observed);
        return Ok(Outcome::shipped_again(pipeline, subject, reason, ending));
    }
    Ok(match observed.is_first {
        true => Outcome::service_created(pipeline, subject, running, ending(observed)),
        false => Outcome::shipped(pipeline, subject, running, ending(observed)),
    })
}

/// Why it is not known that production traffic reaches what was deployed; none where it does. ECS reports success even where
/// somebody wrote the production rule anew during the deployment (containers-roadmap 2853). A rolling update moves no rule, and of a
/// Network Load Balancer's listener only ECS knows.
fn elsewhere(observed: &Observed) -> Result<Option<String>, Need> {
    let resolved = &observed.target.revision.target_groups;
    let by_rule = |rule: &str| -> Vec<&TargetGroupArn> {
        let of_rule = resolved
            .iter()
            .filter(|group| group.production_rule.as_deref() == Some(rule));
        of_rule.map(|group| &group.target_group).collect()
    };
    let has_rules = resolved.iter().any(|group| group.production_rule.is_some());
    if !has_rules || observed.service.desired_count == 0 {
        return Ok(None);
    }
    let rules = match observed.production.as_ref().ok_or(Need::Production)? {
        Production::Rules(rules) => rules,
        Production::Unreadable(why) => {
            return Ok(Some(format!(
                "the production listener rule could not be read: {why}"
            )));
        }
    };
    let mut others = rules.iter().filter_map(|rule| {
        let green = by_rule(&rule.rule);
        let is_green = rule.groups.iter().all(|group| green.contains(&group));
        (!is_green || rule.groups.is_empty()).then(|| {
            format!(
                "the production listener rule forwards to {}, and its tasks are in {}",
                names(rule.groups.iter()),
                names(green.into_iter())
            )
        })
    });
    Ok(others.next())
}

fn names<'a>(groups: impl Iterator<Item = &'a TargetGroupArn>) -> String {
    let names: Vec<String> = groups
        .map(|group| {
            let name = group.as_str().split('/').nth(1);
            format!("`{}`", name.unwrap_or(group.as_str()))
        })
        .collect();
    match names.is_empty() {
        true => "none of the target groups".to_owned(),
        false => names.join(" and "),
    }
}

/// The service went back from what its production gate did not let pass. Why that is, the gate has said; its tasks ended because they
/// were replaced.
fn gone_back(pipeline: &Pipeline, observed: &Observed, subject: &Subject) -> Result<Outcome, Need> {
    let judged = Observed {
        why: observed.why.clone().or(Some(Why::default())),
        ..observed.clone()
    };
    let back = observed.back.as_ref();
    match back.is_some_and(|back| tasks(observed, &back.arn).is_down()) {
        true => rolled_back(pipeline, observed, subject),
        false => rolled_back(pipeline, &judged, subject),
    }
}

/// A rollback is reported with the reason of what it rolled back; it is not a success.
fn rolled_back(
    pipeline: &Pipeline,
    observed: &Observed,
    subject: &Subject,
) -> Result<Outcome, Need> {
    let back = observed.back.as_ref().or(observed.source.as_ref());
    // A newer one takes its tasks away, or has taken them: the way back from a production gate may have been replaced by then.
    let is_replaced = !is_settled(observed) || others(observed).any(|one| one.running_count > 0);
    let running = match back.filter(|_| !is_replaced) {
        Some(back) => tasks(observed, &back.arn),
        None => TaskCount::of(&observed.service),
    };
    let revision = back.map(|back| back.revision.clone());
    if !running.is_down() {
        let ending = Ending {
            revision,
            ..with_causes(pipeline, observed)?
        };
        return Ok(Outcome::rolled_back(
            pipeline, subject, subject, running, ending,
        ));
    }
    // What matters now is why nothing runs; ECS's own sentences say why it went back.
    let why = observed.why.clone().ok_or(Need::WhyDown)?;
    let mut causes = why.causes;
    causes.extend(self::causes(pipeline, observed));
    let ending = Ending {
        revision,
        causes,
        migrated: migrated_before(observed),
        log: why.log,
        ..ending(observed)
    };
    Ok(Outcome::rolled_back_and_down(
        pipeline, subject, subject, running, ending,
    ))
}

/// `STOPPED` is what a newer deployment did to it, or what breaker and alarms do where they do not roll back.
fn stopped(pipeline: &Pipeline, observed: &Observed, subject: &Subject) -> Result<Outcome, Need> {
    let deployment = &observed.deployment;
    if let Some(newer) = &observed.newer
        && !deployment.was_triggered()
    {
        let by = newer.arn.id();
        return Ok(Outcome::superseded(
            pipeline,
            subject,
            &by,
            ending(observed),
        ));
    }
    let event = match was_requested(deployment) {
        true => Event::Stopped,
        false => Event::Failed,
    };
    let ending = with_causes(pipeline, observed)?;
    Ok(Outcome::ended_badly(event, pipeline, subject, ending))
}
