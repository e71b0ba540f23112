//! A storm's plan as text, for debugging.

use std::fmt::Write as _;

use local_aws::assumption::Assumptions;

use super::plan::{Chances, Deployer, Pipeline, Plan};
use crate::scenario::step::duration;

/// The complete plan, line by line.
pub(super) fn plan(plan: &Plan) -> String {
    let mut lines = vec![format!("seed {}: {}", plan.seed, chances(plan.chances))];
    lines.extend(plan.pipelines.iter().map(pipeline));
    let assumptions: Assumptions = plan.assumptions.iter().copied().collect();
    if !plan.assumptions.is_empty() {
        lines.push(format!("  assumed: {}", assumptions.names().join(", ")));
    }
    let delivery_faults = plan.delivery_faults.iter();
    lines.extend(delivery_faults.map(|faults| format!("  {faults}")));
    lines.extend(
        plan.call_faults
            .iter()
            .map(|fault| format!("  fault: {fault}")),
    );
    let numbered = (1..).zip(&plan.steps);
    lines.extend(numbered.map(|(number, step)| format!("  {number}. {step}")));
    lines.join("\n")
}

fn chances(chances: Chances) -> String {
    let Chances {
        delivery_fault,
        call_fault,
        broken,
        person,
        burst,
        assumed,
    } = chances;
    format!(
        "deliveries with faults {delivery_fault} %, calls with faults {call_fault} %, versions broken {broken} %, \
         people {person} %, bursts {burst} %, assumptions {assumed} %"
    )
}

fn pipeline(pipeline: &Pipeline) -> String {
    let mut text = format!(
        "  pipeline {} in {}: {} `{}`, when busy {}, termination wait {}, {}, blue stays {}",
        pipeline.service,
        pipeline.cluster,
        pipeline.repository,
        pipeline.rule.text(),
        pipeline.when_busy,
        pipeline.termination_wait,
        pipeline.deployment_config,
        duration(pipeline.blue_stays),
    );
    if pipeline.deployer.is_ecs() {
        text += ", deployed by ECS: ";
        text += pipeline.deployer.name();
    }
    if pipeline.migrates {
        text += ", migrates";
    }
    if !pipeline.asks.is_empty() {
        // Writing to a `String` does not fail.
        let _ = write!(text, ", checks {}", pipeline.asks.join(" and "));
    }
    if pipeline.checks_production {
        text += match pipeline.deployer {
            Deployer::Rolling => " in production",
            Deployer::CodeDeploy | Deployer::BlueGreen | Deployer::Linear | Deployer::Canary => {
                ", then in production"
            }
        };
    }
    if let Some(wait) = pipeline.ready_wait {
        let _ = write!(text, ", waits {} for a person to continue", duration(wait));
    }
    if !pipeline.rolls_back_on_stop {
        text += ", rolls nothing back that is stopped";
    }
    text
}
