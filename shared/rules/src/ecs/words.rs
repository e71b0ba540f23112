//! ECS's words in outcomes, for native deployments and for rolling updates.

use super::configuration::{Configuration, Strategy};
use super::stage::Stage;
use crate::config::Pipeline;

pub(crate) const CHECK_WHO_CHANGED: &str = "check the service's deployments and who updated it";
pub(crate) const CHECK_WHAT_IS_LEFT: &str = "check the service: tasks and traffic may be left between the two revisions, and stay so \
     until another deployment or a person acts";
pub(crate) const RESTORE_TEST_RULE: &str =
    "let the test listener rule forward to the target group that serves production again";
pub(crate) const CHECK_TEST_RULE: &str =
    "check that the test listener rule forwards to the target group that serves production";
pub(crate) const CHECK_PRODUCTION: &str =
    "check now: the production listener rule's weights and the service's tasks";
pub(crate) const NATIVE_WITHOUT_ROLLBACK: &str = "nothing unless tasks do not start: neither a circuit breaker nor alarms with rollback \
     are on, so ECS tries for as long as a lifecycle stage may take, 24 hours, before it rolls back (hint: switch on \
     `deploymentCircuitBreaker` with `rollback` in the service)";
pub(crate) const ROLLING_WITHOUT_ROLLBACK: &str = "nothing unless it fails: neither a circuit breaker nor alarms with rollback are on, \
     so ECS would try for ever and roll nothing back (hint: switch on `deploymentCircuitBreaker` with `rollback` in the service)";
pub(crate) const ROLLING_HAS_NO_TEST_TRAFFIC: &str =
    "nothing: a rolling update has no test traffic";
pub(crate) const CHECK_TASKS: &str = "check now: the service's tasks and its target groups";
pub(crate) const HOW_TO_CONTINUE: &str = "continue the deployment, in the console or by `aws ecs continue-service-deployment`; without \
     it ECS does what the pause hook is configured to do when its time is over";

pub(crate) const HOW_A_ROLLING_UPDATE_GOES: &str =
    "a rolling update replaces task by task, so both versions answer for a while";

/// What follows a rolling update whose pipeline has a production gate.
pub(crate) const HOW_IT_IS_JUDGED: &str = "; then production is asked, and the service goes back to the previous revision if it does not \
     answer as wanted";

/// How a deployment with a second set of tasks goes, and how long both sets run.
pub(crate) fn how_it_goes(strategy: Strategy, configuration: &Configuration) -> String {
    let step = configuration.step.as_ref();
    let percent = step.map(|step| format!("{} %", step.percent));
    let pause = step.and_then(|step| step.minutes);
    let pause = pause.map_or_else(String::new, |minutes| format!(" every {minutes} min"));
    let first_pause = step.and_then(|step| step.minutes);
    let first_pause = first_pause.map_or_else(String::new, |minutes| format!(" for {minutes} min"));
    let shift = match strategy {
        Strategy::BlueGreen => "green gets all production traffic at once".to_owned(),
        Strategy::Linear => format!(
            "green gets {} more of production traffic{pause}, so both versions answer for a while",
            percent.as_deref().unwrap_or("a part")
        ),
        Strategy::Canary => format!(
            "green gets {} of production traffic{first_pause} and then the rest, so both versions answer for a while",
            percent.as_deref().unwrap_or("a part")
        ),
    };
    match configuration.bake_minutes {
        Some(minutes) if minutes > 0 => {
            format!("{shift}; blue runs on for {minutes} min after that")
        }
        Some(_) | None => shift,
    }
}

/// The gate of a lifecycle stage in a native deployment of this pipeline's service. A service's hooks may call functions of the
/// user's there as well.
pub(crate) fn gate_of(pipeline: &Pipeline, stage: &str) -> Option<&'static str> {
    match Stage::of(stage) {
        Stage::PreScaleUp | Stage::PostScaleUp if pipeline.migration.is_some() => {
            Some("the migration gate")
        }
        Stage::PostTestTrafficShift => Some("the test traffic gate"),
        Stage::PostProductionTrafficShift if pipeline.production_traffic.is_some() => {
            Some("the production traffic gate")
        }
        Stage::ReconcileService
        | Stage::PreScaleUp
        | Stage::ScaleUp
        | Stage::PostScaleUp
        | Stage::TestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::ProductionTrafficShift
        | Stage::PostProductionTrafficShift
        | Stage::BakeTime
        | Stage::CleanUp
        | Stage::Unknown(_) => None,
    }
}
