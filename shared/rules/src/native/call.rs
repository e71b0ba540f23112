//! Whether a call of a hook is one that ECS makes now. Its payload alone proves nothing: anybody who may invoke the function can
//! write one.

use crate::ecs::{ServiceDeployment, Stage, Status};
use crate::events::EcsCall;
use crate::gate::Gate;
use crate::names::ServiceDeploymentArn;
use crate::sanitize::line;

/// How a call stands to the deployment that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The deployment waits for this gate.
    Waits,
    /// The deployment goes back to what ran before, which migrates and checks nothing.
    GoesBack(String),
    /// The deployment waits for this hook at a stage at which the gate cannot hold.
    Misplaced(String),
    /// The deployment is not as far, or ECS does not say so yet.
    NotYet(String),
    /// The deployment waits no more: it has ended, or is past the stage.
    NoMore(String),
    /// No deployment makes this call: it names another service, or another revision, than the deployment's.
    Foreign(String),
}

/// Why a call is one of a rollback, where its payload shows that: ECS then calls the hooks of both shifts again, with nothing left
/// to green (ECS Developer Guide, "Lambda lifecycle hooks").
pub fn goes_back(call: &EcsCall) -> Option<String> {
    let weights = match call.stage {
        Stage::TestTrafficShift => &call.test_weights,
        Stage::ProductionTrafficShift => &call.production_weights,
        Stage::ReconcileService
        | Stage::PreScaleUp
        | Stage::ScaleUp
        | Stage::PostScaleUp
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::PostProductionTrafficShift
        | Stage::BakeTime
        | Stage::CleanUp
        | Stage::Unknown(_) => return None,
    };
    let weight = weights.get(call.target.as_str())?;
    (*weight <= 0.0).then(|| {
        format!(
            "a rollback migrates and checks nothing: green has weight 0 at `{}`",
            call.stage.as_str()
        )
    })
}

/// How this call stands to the deployment as ECS describes it; none where ECS knows no such deployment.
pub fn standing(call: &EcsCall, gate: Gate, deployment: Option<&ServiceDeployment>) -> Standing {
    let id = call.deployment.id();
    let Some(deployment) = deployment.filter(|deployment| deployment.arn == call.deployment) else {
        return Standing::Foreign(format!("ECS knows no service deployment `{id}`"));
    };
    if call.service != service_arn(&deployment.arn) {
        return Standing::Foreign(format!(
            "service deployment `{id}` is not of the service `{}`",
            line(&call.service)
        ));
    }
    let Some(target) = &deployment.target else {
        return Standing::NotYet(format!(
            "ECS does not state what service deployment `{id}` deploys"
        ));
    };
    if target.arn != call.target {
        return Standing::Foreign(format!(
            "service deployment `{id}` deploys service revision {}, not {}",
            target.arn.digits(),
            call.target.digits()
        ));
    }
    let status = deployment.status.as_str();
    if deployment.status.has_ended() || deployment.status == Status::StopRequested {
        return Standing::NoMore(format!("service deployment `{id}` is `{status}`"));
    }
    if status.starts_with("ROLLBACK_") {
        return Standing::GoesBack(format!(
            "a rollback migrates and checks nothing: service deployment `{id}` is `{status}`"
        ));
    }
    if !stages(gate).contains(&call.stage) {
        return Standing::Misplaced(misplaced(gate, &call.stage));
    }
    let Some(stage) = deployment
        .stage
        .as_ref()
        .filter(|stage| **stage != call.stage)
    else {
        return Standing::Waits;
    };
    let says = format!(
        "service deployment `{id}` is at `{}`, not at `{}`",
        line(stage.as_str()),
        call.stage.as_str()
    );
    // The stages are in the order in which a deployment passes them. One that this build does not know may be anywhere.
    if matches!(stage, Stage::Unknown(_)) || *stage < call.stage {
        Standing::NotYet(says)
    } else {
        Standing::NoMore(says)
    }
}

/// The ARN of a deployment's service.
fn service_arn(deployment: &ServiceDeploymentArn) -> String {
    let of_service = deployment.as_str().rsplit_once('/');
    let of_service = of_service.map_or("", |(of_service, _)| of_service);
    of_service.replacen(":service-deployment/", ":service/", 1)
}

/// The stages at which a gate can hold, the best first.
fn stages(gate: Gate) -> &'static [Stage] {
    match gate {
        Gate::Migration => &[Stage::PreScaleUp, Stage::PostScaleUp],
        Gate::TestTraffic => &[Stage::PostTestTrafficShift],
        Gate::ProductionTraffic => &[Stage::PostProductionTrafficShift],
    }
}

fn misplaced(gate: Gate, at: &Stage) -> String {
    let (what, why) = match gate {
        Gate::Migration => (
            "migration",
            "there green has no production traffic yet, and the database is migrated once",
        ),
        Gate::TestTraffic => ("test traffic", "only there green has all test traffic"),
        Gate::ProductionTraffic => (
            "production traffic",
            "only there green has all production traffic",
        ),
    };
    let stages: Vec<String> = stages(gate)
        .iter()
        .map(|stage| format!("`{}`", stage.as_str()))
        .collect();
    format!(
        "the {what} gate's hook is at `{}`, expected {}: {why} (hint: correct its `lifecycleStages` in the service's \
         `deploymentConfiguration`)",
        line(at.as_str()),
        stages.join(" or ")
    )
}
