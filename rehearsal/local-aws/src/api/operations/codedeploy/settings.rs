//! The settings that deployment groups and deployments share: alarms, automatic rollback, blue and green, the load
//! balancer. Each is absent, valid, or refused with the model's exception; a comment marks the messages that were
//! observed.

use std::time::Duration;

use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::Call;
use crate::codedeploy::{Alarms, ReadyOption, TargetGroup};

/// `alarmConfiguration`, `overrideAlarmConfiguration`.
pub(super) fn alarms(input: &Input<'_>, member: &str) -> Result<Option<Alarms>, ApiError> {
    let Some(configuration) = input.structure(member)? else {
        return Ok(None);
    };
    let invalid = |message: &str| ApiError::new("InvalidAlarmConfigException", message);
    let mut names: Vec<String> = Vec::new();
    for alarm in configuration.structures("alarms")? {
        let name = alarm.text("name")?.unwrap_or_default();
        if name.is_empty() || name.chars().count() > 255 {
            return Err(invalid(
                "The alarm name must have between 1 and 255 characters",
            ));
        }
        if names.iter().any(|known| known == name) {
            return Err(invalid("Two alarms have the same name"));
        }
        names.push(name.to_owned());
    }
    if names.len() > 10 {
        let message = "The maximum number of alarms for a deployment group is 10";
        return Err(ApiError::new("AlarmsLimitExceededException", message));
    }
    let enabled = configuration.boolean("enabled")?.unwrap_or(false);
    if enabled && names.is_empty() {
        return Err(invalid(
            "The alarm configuration is enabled, but the alarm list is empty",
        ));
    }
    Ok(Some(Alarms {
        enabled,
        ignore_poll_failure: configuration
            .boolean("ignorePollAlarmFailure")?
            .unwrap_or(false),
        names,
    }))
}

/// `autoRollbackConfiguration`: the enabled events; none if it is disabled.
pub(super) fn rollback_on(input: &Input<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let Some(configuration) = input.structure("autoRollbackConfiguration")? else {
        return Ok(None);
    };
    let invalid =
        |message: String| Err(ApiError::new("InvalidAutoRollbackConfigException", message));
    let events = configuration.texts("events")?;
    let known = [
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_ALARM",
        "DEPLOYMENT_STOP_ON_REQUEST",
    ];
    if let Some(unknown) = events.iter().find(|event| !known.contains(event)) {
        return invalid(format!("{unknown} is not an auto-rollback event"));
    }
    let enabled = configuration.boolean("enabled")?.unwrap_or(false);
    if enabled && events.is_empty() {
        return invalid("Automatic rollback is enabled, but no event is listed".to_owned());
    }
    let counted = events.into_iter().filter(|_| enabled);
    Ok(Some(counted.map(ToOwned::to_owned).collect()))
}

/// `blueGreenDeploymentConfiguration`: the ready option and the termination wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlueGreen {
    pub(super) ready_option: ReadyOption,
    pub(super) termination_wait: Duration,
}

pub(super) fn blue_green(input: &Input<'_>) -> Result<Option<BlueGreen>, ApiError> {
    let Some(configuration) = input.structure("blueGreenDeploymentConfiguration")? else {
        return Ok(None);
    };
    if configuration
        .structure("greenFleetProvisioningOption")?
        .is_some()
    {
        return Err(invalid_blue_green(
            "For ECS deployment group, greenFleetProvisioningOption can not be specified",
        ));
    }
    let ready = configuration.structure("deploymentReadyOption")?;
    let ready_option = ready.map_or(Ok(ReadyOption::ContinueDeployment), |ready| {
        ready_option(&ready)
    })?;
    let terminate = configuration.structure("terminateBlueInstancesOnDeploymentSuccess")?;
    let termination_wait =
        terminate.map_or(Ok(Duration::ZERO), |terminate| termination_wait(&terminate))?;
    Ok(Some(BlueGreen {
        ready_option,
        termination_wait,
    }))
}

fn invalid_blue_green(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidBlueGreenDeploymentConfigurationException", message)
}

fn ready_option(option: &Input<'_>) -> Result<ReadyOption, ApiError> {
    let minutes = option.integer("waitTimeInMinutes")?.unwrap_or(0);
    match (option.text("actionOnTimeout")?, u64::try_from(minutes)) {
        (Some("CONTINUE_DEPLOYMENT") | None, Ok(0)) => Ok(ReadyOption::ContinueDeployment),
        // Observed.
        (Some("CONTINUE_DEPLOYMENT") | None, _) => Err(invalid_blue_green(
            "Deployment ready action cannot be set to 'CONTINUE_DEPLOYMENT' when timeout is specified",
        )),
        (Some("STOP_DEPLOYMENT"), Ok(minutes @ 1..)) => Ok(ReadyOption::StopDeployment {
            wait: Duration::from_secs(60 * minutes),
        }),
        (Some("STOP_DEPLOYMENT"), _) => Err(invalid_blue_green(
            "Deployment ready action 'STOP_DEPLOYMENT' needs a timeout of at least one minute",
        )),
        (Some(other), _) => Err(invalid_blue_green(format!(
            "{other} is not a deployment ready action"
        ))),
    }
}

fn termination_wait(option: &Input<'_>) -> Result<Duration, ApiError> {
    match option.text("action")? {
        Some("TERMINATE") | None => {}
        // The refusal was observed, its message was not.
        Some(other) => {
            return Err(invalid_blue_green(format!(
                "For ECS deployment group, terminateBlueInstancesOnDeploymentSuccess action must be TERMINATE, not {other}"
            )));
        }
    }
    let minutes = option.integer("terminationWaitTimeInMinutes")?.unwrap_or(0);
    match u64::try_from(minutes) {
        Ok(minutes @ 0..=2880) => Ok(Duration::from_secs(60 * minutes)),
        Ok(_) | Err(_) => Err(invalid_blue_green(
            "terminationWaitTimeInMinutes must be between 0 and 2880",
        )),
    }
}

/// `loadBalancerInfo`: the pair of target groups and the two routes.
#[derive(Debug, Clone)]
pub(super) struct Routes {
    pub(super) target_groups: [TargetGroup; 2],
    pub(super) production_listener: String,
    pub(super) test_listener: Option<String>,
}

pub(super) fn routes(call: Call<'_>) -> Result<Option<Routes>, ApiError> {
    let Some(information) = call.input.structure("loadBalancerInfo")? else {
        return Ok(None);
    };
    let invalid = |message: &str| ApiError::new("InvalidLoadBalancerInfoException", message);
    let pairs = information.structures("targetGroupPairInfoList")?;
    let [pair] = pairs.as_slice() else {
        return Err(invalid(
            "For ECS deployment group, targetGroupPairInfoList must have exactly one target group pair",
        ));
    };
    let known = call.aws.load_balancers.target_groups();
    let mut target_groups = Vec::new();
    for group in pair.structures("targetGroups")? {
        let name = group.text("name")?.unwrap_or_default();
        let found = known.iter().find(|known| known.settings.name == name);
        let found = found.ok_or_else(|| {
            let message = format!("The target group {name} could not be found");
            ApiError::new("InvalidTargetGroupPairException", message)
        })?;
        target_groups.push(TargetGroup {
            name: name.to_owned(),
            arn: found.arn.clone(),
        });
    }
    let target_groups = <[TargetGroup; 2]>::try_from(target_groups).map_err(|_| {
        let message = "A target group pair must have exactly two target groups";
        ApiError::new("InvalidTargetGroupPairException", message)
    })?;
    // The sentence is inferred.
    if target_groups[0].arn == target_groups[1].arn {
        let message = "The target groups of a target group pair must be different";
        return Err(ApiError::new("InvalidTargetGroupPairException", message));
    }
    let production_listener = listener(pair, "prodTrafficRoute")?
        .ok_or_else(|| invalid("A target group pair must have a prodTrafficRoute"))?;
    Ok(Some(Routes {
        target_groups,
        production_listener,
        test_listener: listener(pair, "testTrafficRoute")?,
    }))
}

fn listener(pair: &Input<'_>, route: &str) -> Result<Option<String>, ApiError> {
    let Some(route) = pair.structure(route)? else {
        return Ok(None);
    };
    match route.texts("listenerArns")?.as_slice() {
        [arn] => Ok(Some((*arn).to_owned())),
        [] | [_, ..] => Err(ApiError::new(
            "InvalidLoadBalancerInfoException",
            "A traffic route must have exactly one listener",
        )),
    }
}

/// `deploymentStyle` of a group of an ECS service.
pub(super) fn check_style(input: &Input<'_>) -> Result<(), ApiError> {
    let style = input.structure("deploymentStyle")?;
    let part = |member| {
        let part = style.map(|style| style.text(member)).transpose();
        part.map(Option::flatten)
    };
    match (part("deploymentType")?, part("deploymentOption")?) {
        (Some("BLUE_GREEN"), Some("WITH_TRAFFIC_CONTROL")) => Ok(()),
        (Some(_) | None, Some(_) | None) => Err(ApiError::new(
            "InvalidDeploymentStyleException",
            "For ECS deployment group, deploymentType must be BLUE_GREEN and deploymentOption WITH_TRAFFIC_CONTROL",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::operations::codedeploy::lookup::missing;

    fn check<T>(read: fn(&Input<'_>) -> Result<T, ApiError>, cases: &[(Value, Option<&str>)]) {
        for (request, wanted) in cases {
            let input = Input::new(request, missing).unwrap();
            let code = read(&input).err().map(|error| error.code.into_owned());
            assert_eq!(code.as_deref(), *wanted, "{request}");
        }
    }

    #[test]
    fn alarms_are_named_once_each_and_are_ten_at_most() {
        let named = |names: &[&str]| {
            let alarms: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
            json!({ "alarmConfiguration": { "enabled": true, "alarms": alarms } })
        };
        let invalid = Some("InvalidAlarmConfigException");
        let eleven: Vec<String> = (0..11).map(|number| number.to_string()).collect();
        let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
        let cases = [
            (json!({}), None),
            (named(&["a", "b"]), None),
            (named(&eleven[..10]), None),
            (named(&eleven), Some("AlarmsLimitExceededException")),
            (named(&["a", "a"]), invalid),
            (named(&[""]), invalid),
            (named(&[&"x".repeat(256)]), invalid),
            (named(&[]), invalid),
            (json!({ "alarmConfiguration": { "enabled": false } }), None),
        ];
        check(|input| alarms(input, "alarmConfiguration"), &cases);
    }

    #[test]
    fn automatic_rollback_has_three_events() {
        let with = |enabled: bool, events: Value| json!({ "autoRollbackConfiguration": { "enabled": enabled, "events": events } });
        let invalid = Some("InvalidAutoRollbackConfigException");
        let cases = [
            (with(true, json!(["DEPLOYMENT_FAILURE"])), None),
            (with(false, json!([])), None),
            (with(true, json!([])), invalid),
            (with(true, json!(["DEPLOYMENT_FAILED"])), invalid),
        ];
        check(rollback_on, &cases);
    }

    #[test]
    fn blue_and_green_of_an_ecs_service() {
        let with = |ready: Value, terminate: Value| {
            json!({ "blueGreenDeploymentConfiguration": {
                "deploymentReadyOption": ready, "terminateBlueInstancesOnDeploymentSuccess": terminate,
            }})
        };
        let (none, invalid) = (
            json!(null),
            Some("InvalidBlueGreenDeploymentConfigurationException"),
        );
        let ready = |action: &str, minutes: i64| {
            let option = json!({ "actionOnTimeout": action, "waitTimeInMinutes": minutes });
            with(option, json!(null))
        };
        let terminate = |action: &str, minutes: i64| {
            let option = json!({ "action": action, "terminationWaitTimeInMinutes": minutes });
            with(json!(null), option)
        };
        let cases = [
            (json!({}), None),
            (with(none.clone(), none), None),
            (ready("CONTINUE_DEPLOYMENT", 0), None),
            (ready("CONTINUE_DEPLOYMENT", 5), invalid),
            (ready("STOP_DEPLOYMENT", 5), None),
            (ready("STOP_DEPLOYMENT", 0), invalid),
            (ready("STOP_DEPLOYMENT", -1), invalid),
            (ready("WAIT", 5), invalid),
            (terminate("TERMINATE", 2880), None),
            (terminate("TERMINATE", 2881), invalid),
            (terminate("KEEP_ALIVE", 0), invalid),
        ];
        check(blue_green, &cases);
    }
}
