//! 8. A gate succeeds only because of green: the deployment's own tasks did what the pipeline requires.
//!
//! - The migration gate of a pipeline with a migration (AfterInstall under CodeDeploy, else the hook of `run-migration`)
//!   passes after the end of a task that `run-migration` started for this deployment. The task ran green's revision, or, if
//!   so configured, one of the migration's family with some of its containers and their images; the configured container ran
//!   the configured command with the pushed image, or its own if so configured, and exited with 0 by itself.
//! - The test traffic gate (AfterAllowTestTraffic, `check-test-traffic`) passes after a moment at which all targets of green
//!   were healthy, and after green's tasks gave the expected answer to each configured request at each address of the test
//!   listener, all requested after its nodes had time to update their routes. From the first of these on, no other task
//!   answers. Nothing has to answer if the desired count is 0.
//! - The production traffic gate (AfterAllowTraffic, `check-production`) likewise, through the production listener.
//! - Where the service has the hooks and not the deployment, one that Greenlight started does not succeed past a configured
//!   gate that nothing passed.
//! - A rolling update has no hook: one that Greenlight started begins after the end of a task that `start-deployment` started
//!   and that migrated as above.
//!
//! A rollback runs no migration and no check, and one to a version that a person requested no migration.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use record::{
    Answerer, By, Deployment, Engine, HookAnswer, HookCall, Migration, MigrationGate, TestAnswer,
    TestTrafficGate,
};

use super::facts::{Facts, short};
use super::gate::{Gate, starter};

/// The timeline records the end of a task a moment after functions receive it.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// AWS states moments in whole seconds.
const WHOLE: Duration = Duration::from_secs(1);

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let of = |hook| successes(facts, hook);
    let passed = facts.record.hooks.iter().flat_map(of);
    let deployments = facts.record.deployments.iter();
    let bypassed = deployments.clone().flat_map(|one| bypassed(facts, one));
    let too_early = deployments.filter_map(|one| updated_unmigrated(facts, one));
    passed.chain(bypassed).chain(too_early).collect()
}

fn successes(facts: &Facts<'_>, hook: &HookCall) -> Vec<String> {
    let deployment = facts.record.deployment(&hook.deployment);
    let deployment = deployment.filter(|one| one.by != By::Rollback && !hook.rollback);
    let Some((deployment, gate)) =
        deployment.and_then(|deployment| Some((deployment, Gate::of(deployment.engine, hook)?)))
    else {
        return Vec::new();
    };
    let successes = hook.answers.iter().filter(|answer| answer.passes());
    let found = successes.filter_map(|answer| {
        let why_not = without_evidence(facts, (deployment, gate), hook, answer)?;
        Some(format!(
            "the {} hook of `{}` was answered `{}` at {}, but {why_not}",
            hook.lifecycle_event,
            deployment.id,
            answer.status,
            facts.when(answer.at)
        ))
    });
    found.collect()
}

/// Why a gate should not have passed; `None` if green gave the evidence, or no pipeline configures the gate.
fn without_evidence(
    facts: &Facts<'_>,
    (deployment, gate): (&Deployment, Gate),
    hook: &HookCall,
    answer: &HookAnswer,
) -> Option<String> {
    // A gate holds for every deployment of a service, whichever pipeline configures it.
    let keeper = facts.keeper_of(deployment, |pipeline| gate.is_configured(pipeline))?;
    let record = facts.record;
    match gate {
        Gate::Migration if facts.goes_back(deployment) => None,
        Gate::Migration => {
            let gate = keeper.given.migration.as_ref()?;
            let ships = keeper.digest_in(deployment);
            unmigrated(facts, deployment, ships, gate, answer.at)
        }
        Gate::TestTraffic if !gate.is_configured(keeper.given) => None,
        Gate::TestTraffic => {
            let gate = &keeper.given.test_traffic;
            unasked(facts, gate, &record.test_answers, hook, answer)
        }
        Gate::ProductionTraffic => {
            let gate = keeper.given.production_traffic.as_ref()?;
            unasked(facts, gate, &record.production_answers, hook, answer)
        }
    }
}

/// The gates of a service that ECS deploys which nothing passed, though a deployment of Greenlight's succeeded.
fn bypassed(facts: &Facts<'_>, deployment: &Deployment) -> Vec<String> {
    let is_gated = match deployment.engine {
        Engine::Native => deployment.by == By::Greenlight && deployment.has_succeeded(),
        Engine::CodeDeploy | Engine::Rolling => false,
    };
    let gates = Gate::ALL.into_iter().filter(|gate| {
        let mut pipelines = facts.pipelines_of(deployment);
        is_gated
            && pipelines.any(|pipeline| gate.is_configured(pipeline.given))
            && !facts.has_passed(deployment, *gate)
    });
    gates
        .map(|gate| {
            format!(
                "`{}` succeeded, and `{}` never let it pass",
                deployment.id,
                gate.function()
            )
        })
        .collect()
}

/// A rolling update of Greenlight's that began before its migration had succeeded.
fn updated_unmigrated(facts: &Facts<'_>, deployment: &Deployment) -> Option<String> {
    let is_gated = match deployment.engine {
        Engine::Rolling => deployment.by == By::Greenlight && !facts.goes_back(deployment),
        Engine::CodeDeploy | Engine::Native => false,
    };
    let keeper = facts.keeper_of(deployment, |pipeline| pipeline.migration.is_some());
    let keeper = keeper.filter(|_| is_gated)?;
    let gate = keeper.given.migration.as_ref()?;
    let at = deployment.created_at;
    let why = unmigrated(facts, deployment, keeper.digest_in(deployment), gate, at)?;
    Some(format!(
        "`{}` began at {}, but {why}",
        deployment.id,
        facts.when(at)
    ))
}

/// Why no task had migrated for this deployment by then; `None` if one had.
fn unmigrated(
    facts: &Facts<'_>,
    deployment: &Deployment,
    ships: Option<&str>,
    gate: &MigrationGate,
    at: SystemTime,
) -> Option<String> {
    let marked = facts.record.migrations.iter();
    let marked = marked.filter(|task| match deployment.engine {
        Engine::CodeDeploy | Engine::Native => deployment.is_called(&task.deployment),
        // It is named before there is a deployment.
        Engine::Rolling => task.of == deployment.revision,
    });
    let starts = starter(deployment.engine);
    let mut differing = Vec::new();
    for task in marked {
        let why = in_another_revision(facts, deployment, gate, task)
            .map_or_else(|| differs(ships, gate, (task, starts), at), Some)?;
        differing.push(format!("{} {why}", task.task));
    }
    Some(if differing.is_empty() {
        "no task was started for it".to_owned()
    } else {
        format!("no task had migrated: {}", differing.join("; "))
    })
}

/// How a task's revision differs from the one in which this deployment's migration runs.
fn in_another_revision(
    facts: &Facts<'_>,
    deployment: &Deployment,
    gate: &MigrationGate,
    task: &Migration,
) -> Option<String> {
    let (ran, ships) = (&task.revision, &deployment.revision);
    if !gate.runs_alone {
        return (ran != ships).then(|| format!("ran {ran}, and green is {ships}"));
    }
    let family = |arn: &str| {
        let family = arn.rsplit_once(':').map_or(arn, |(family, _)| family);
        family.to_owned()
    };
    if family(ran) != family(ships) + "-migration" {
        return Some(format!(
            "ran {ran}, which is not of the migrations of {ships}"
        ));
    }
    let images = |arn: &String| {
        let mut revisions = facts.record.revisions.iter();
        revisions.find(|one| one.arn == *arn).map(|one| &one.images)
    };
    // One from before the run is not recorded.
    let (of_task, of_green) = images(ran).zip(images(ships))?;
    let mut others = of_task.iter();
    let other = others.find(|(container, image)| of_green.get(*container) != Some(*image));
    other.map(|(container, _)| format!("ran {ran}, whose container `{container}` is not green's"))
}

/// How a task differs from this deployment's migration, successfully ended by then.
fn differs(
    ships: Option<&str>,
    gate: &MigrationGate,
    (task, starts): (&Migration, &str),
    at: SystemTime,
) -> Option<String> {
    if task.given_to.as_deref() != Some(starts) {
        let starter = task.given_to.as_deref().unwrap_or("another caller");
        return Some(format!("was started by {starter}"));
    }
    let Some(container) = task.container(&gate.container) else {
        return Some(format!("has no container `{}`", gate.container));
    };
    if !gate.has_own_image && ships.is_some() && container.digest.as_deref() != ships {
        return Some(format!(
            "ran {} in `{}`, which is not the pushed image",
            container.digest.as_deref().map_or("no image", short),
            container.name
        ));
    }
    // An entry point may precede the command.
    if !container.ran.ends_with(&gate.command) {
        return Some(format!(
            "ran another command in `{}` than the configured one",
            container.name
        ));
    }
    match &container.end {
        Some(end) if end.at > at + TOLD_WITHIN => Some("had not ended".to_owned()),
        Some(end) if end.exit_code != 0 => Some(format!("exited with {}", end.exit_code)),
        Some(end) if !end.by_itself => Some("exited with 0 on a signal".to_owned()),
        Some(_) => None,
        None => Some("had not ended".to_owned()),
    }
}

/// Why green had not been healthy and given the expected answers by then; `None` if it had.
fn unasked(
    facts: &Facts<'_>,
    gate: &TestTrafficGate,
    answers: &[TestAnswer],
    hook: &HookCall,
    answer: &HookAnswer,
) -> Option<String> {
    if answer.wanted == Some(0) {
        return None;
    }
    if !was_healthy(facts, hook, answer) {
        return Some("at no moment were all of green's targets healthy".to_owned());
    }
    let settled = hook.called_at + Duration::from_secs(gate.settle_seconds).saturating_sub(WHOLE);
    let counted = |given: &&TestAnswer| {
        Some(&given.listener) == gate.listener.as_ref()
            && given.asked_at >= settled
            && given.at <= answer.at
    };
    let counted: Vec<&TestAnswer> = answers.iter().filter(counted).collect();
    // Production belongs to whatever was deployed since, and its clients' requests are not told from the gate's. Green must have answered all
    // the same.
    let is_newer = |deployment: &Option<String>| {
        let judged = facts.record.deployment(&hook.deployment);
        let mut later = judged.into_iter().flat_map(|judged| facts.after(judged));
        later.any(|later| Some(&later.id) == deployment.as_ref())
    };
    for request in &gate.requests {
        let mut well_at = Vec::new();
        for given in counted.iter().filter(|given| given.path == request.path) {
            match &given.by {
                Answerer::Task { deployment, .. }
                    if deployment.as_ref() == Some(&hook.deployment) =>
                {
                    if request.takes(given.status) {
                        well_at.push(&given.address);
                    }
                }
                Answerer::Task { deployment, .. } if is_newer(deployment) => {}
                Answerer::Task { task, .. } => {
                    return Some(format!(
                        "`{}` was answered at {} by {task}, which is not green's",
                        given.path,
                        facts.when(given.at)
                    ));
                }
                Answerer::LoadBalancer => {}
            }
        }
        let mut addresses = gate.addresses.iter();
        if let Some(address) = addresses.find(|address| !well_at.contains(address)) {
            return Some(format!(
                "green had not answered `{}` at {address} as expected since {}",
                request.path,
                facts.when(settled)
            ));
        }
    }
    None
}

/// Whether all of green's targets, and at least the desired count, were healthy at a moment between the call to the
/// hook and its answer.
fn was_healthy(facts: &Facts<'_>, hook: &HookCall, answer: &HookAnswer) -> bool {
    let wanted = answer.wanted.map_or(1, |wanted| wanted as usize);
    let mut states: BTreeMap<&str, &str> = BTreeMap::new();
    let is_well = |states: &BTreeMap<&str, &str>| {
        let mut live = states.values().filter(|state| **state != "draining");
        live.clone().count() >= wanted && live.all(|state| *state == "healthy")
    };
    let of_green = facts.record.health.iter().filter(|change| {
        change.deployment.as_deref() == Some(hook.deployment.as_str()) && change.at <= answer.at
    });
    for change in of_green {
        if change.at > hook.called_at && is_well(&states) {
            return true;
        }
        states.insert(&change.task, &change.state);
    }
    is_well(&states)
}
