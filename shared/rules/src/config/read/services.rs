//! Pipelines of one service: what belongs to the service is configured once, or alike in all of them.

use crate::config::{HookEvent, RevisionFrom};
use crate::config::{Pipeline, Rollback, TerminationWait, WhenBusy, WithoutRollback};
use crate::gate::Gate;
use crate::problem::Problems;

/// Notes what contradicts, and gives each pipeline the gates and hooks of its service: they hold for every deployment of it,
/// whichever image is due.
pub(super) fn share(pipelines: &mut [Pipeline], problems: &mut Problems) {
    for first in 0..pipelines.len() {
        let of_service: Vec<usize> = (0..pipelines.len())
            .filter(|index| pipelines[*index].has_service_of(&pipelines[first]))
            .collect();
        if of_service.len() == 1 {
            // They are its own, whether its tables say so or leave all to the defaults.
            pipelines[first].own_gates.clear();
        }
        if of_service[0] != first || of_service.len() == 1 {
            continue;
        }
        for later in &of_service[1..] {
            must_agree(pipelines, first, *later, problems);
        }
        for (position, later) in of_service.iter().enumerate() {
            for earlier in &of_service[..position] {
                must_be_apart(pipelines, *earlier, *later, problems);
                must_be_configured_once(pipelines, *earlier, *later, problems);
            }
        }
        give_to_all(pipelines, &of_service);
    }
}

/// What belongs to the service, and not to an image.
fn must_agree(pipelines: &[Pipeline], first: usize, later: usize, problems: &mut Problems) {
    let settings = |pipeline: &Pipeline| {
        let codedeploy = &pipeline.codedeploy;
        [
            ("application", codedeploy.application.to_string()),
            ("deployment_group", codedeploy.deployment_group.to_string()),
            (
                "deployment_config",
                codedeploy.deployment_config.as_ref().map_or_else(
                    || "the deployment group's own".to_owned(),
                    ToString::to_string,
                ),
            ),
            (
                "revision_from",
                match pipeline.revision_from {
                    RevisionFrom::Production => "production",
                    RevisionFrom::Latest => "latest",
                }
                .to_owned(),
            ),
            (
                "when_busy",
                match pipeline.when_busy {
                    WhenBusy::Wait => "wait",
                    WhenBusy::Replace => "replace",
                }
                .to_owned(),
            ),
            (
                "termination_wait",
                match pipeline.termination_wait {
                    TerminationWait::Cut => "cut",
                    TerminationWait::Keep => "keep",
                }
                .to_owned(),
            ),
            (
                "rollback",
                match codedeploy.rollback {
                    Rollback::Automatic => "automatic",
                    Rollback::Group => "group",
                }
                .to_owned(),
            ),
            (
                "without_rollback",
                match pipeline.without_rollback {
                    WithoutRollback::Accepted => "true",
                    WithoutRollback::Refused => "false",
                }
                .to_owned(),
            ),
        ]
    };
    let both = settings(&pipelines[first])
        .into_iter()
        .zip(settings(&pipelines[later]));
    for ((key, expected), (_, given)) in both {
        if given != expected {
            let message = format!(
                "`{given}` differs from `{expected}` of pipeline[{first}].{key}, and both deploy to the service `{}`, expected the \
                 same in all its pipelines",
                pipelines[later].place()
            );
            problems.add(format!("pipeline[{later}].{key}"), message);
        }
    }
}

/// No container gets the images of two pipelines.
fn must_be_apart(pipelines: &[Pipeline], earlier: usize, later: usize, problems: &mut Problems) {
    let (one, other) = (&pipelines[earlier], &pipelines[later]);
    for container in &other.containers {
        if one.containers.contains(container) {
            let message = format!(
                "`{container}` gets the images of pipeline[{earlier}].containers, expected each container of the service `{}` in one \
                 pipeline",
                other.place()
            );
            problems.add(format!("pipeline[{later}].containers"), message);
        }
    }
    if (&one.repository, &one.registry) != (&other.repository, &other.registry) {
        return;
    }
    for (index, with) in [(earlier, later), (later, earlier)] {
        if pipelines[index].containers.is_empty() {
            let message = format!(
                "missing, expected the containers of this pipeline, because pipeline[{with}] deploys images of `{}` to the service `{}`, \
                 too",
                other.repository,
                other.place()
            );
            problems.add(format!("pipeline[{index}].containers"), message);
        }
    }
}

/// A gate, and an event's function.
fn must_be_configured_once(
    pipelines: &[Pipeline],
    earlier: usize,
    later: usize,
    problems: &mut Problems,
) {
    let (one, other) = (&pipelines[earlier], &pipelines[later]);
    let place = other.place();
    for gate in &other.own_gates {
        if one.own_gates.contains(gate) {
            let table = table_of(*gate);
            let message = format!(
                "pipeline[{earlier}].{table} is there already for the service `{place}`, expected one: it holds for every deployment \
                 of the service, whichever image is due"
            );
            problems.add(format!("pipeline[{later}].{table}"), message);
        }
    }
    for event in one
        .hooks
        .keys()
        .filter(|event| other.hooks.contains_key(event))
    {
        let name = event.name();
        let message = format!(
            "pipeline[{earlier}].hooks.{name} is there already for the service `{place}`, expected one: CodeDeploy calls one function \
             an event"
        );
        problems.add(format!("pipeline[{later}].hooks.{name}"), message);
    }
    for (hooked, index, gated, with) in [(one, earlier, other, later), (other, later, one, earlier)]
    {
        for (event, gate) in [
            (HookEvent::AfterInstall, Gate::Migration),
            (HookEvent::AfterAllowTraffic, Gate::ProductionTraffic),
        ] {
            if hooked.hooks.contains_key(&event) && gated.own_gates.contains(&gate) {
                let (name, table) = (event.name(), table_of(gate));
                let message = format!(
                    "CodeDeploy calls one function an event, and for the service `{place}` it is that of pipeline[{with}].{table}, \
                     expected another event or no `{table}`"
                );
                problems.add(format!("pipeline[{index}].hooks.{name}"), message);
            }
        }
    }
}

fn table_of(gate: Gate) -> &'static str {
    match gate {
        Gate::Migration => "migration",
        Gate::TestTraffic => "test_traffic",
        Gate::ProductionTraffic => "production_traffic",
    }
}

fn give_to_all(pipelines: &mut [Pipeline], of_service: &[usize]) {
    for from in of_service {
        let source = pipelines[*from].clone();
        for to in of_service {
            let pipeline = &mut pipelines[*to];
            pipeline.is_alone = false;
            pipeline.is_first = *to == of_service[0];
            for gate in &source.own_gates {
                match gate {
                    Gate::Migration => pipeline.migration.clone_from(&source.migration),
                    Gate::TestTraffic => pipeline.test_traffic = source.test_traffic.clone(),
                    Gate::ProductionTraffic => pipeline
                        .production_traffic
                        .clone_from(&source.production_traffic),
                }
            }
            pipeline.hooks.extend(source.hooks.clone());
        }
    }
}
