//! CodeDeploy's operations on deployment configurations: how production moves to green.

use serde_json::{Value, json};

use super::lookup::{listed, no_config};
use super::permissions::config_arn;
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::permission::no_resource;
use crate::codedeploy::traffic::{
    ConfigRecord, DeploymentConfig, ForeignConfig, Routing, all_predefined_elsewhere,
    predefined_elsewhere,
};
use crate::codedeploy::{DeploymentStatus, State};
use crate::iam::Permission;
use crate::identity::uuid_of;
use crate::stamp::epoch_seconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "CreateDeploymentConfig",
        create_deployment_config,
        on_config,
    ),
    Operation::new(
        "DeleteDeploymentConfig",
        delete_deployment_config,
        on_config,
    ),
    Operation::new("GetDeploymentConfig", get_deployment_config, on_config),
    Operation::new(
        "ListDeploymentConfigs",
        list_deployment_configs,
        no_resource,
    ),
];

fn get_deployment_config(call: Call<'_>) -> Answer {
    let name = call.input.required_text("deploymentConfigName")?;
    let of_ecs = call.aws.codedeploy.read(|state| {
        let found = state.configs.iter().find(|found| found.config.name == name);
        found.map(|found| {
            json!({
                "deploymentConfigId": found.id,
                "deploymentConfigName": found.config.name,
                "createTime": epoch_seconds(found.created_at),
                "computePlatform": "ECS",
                "trafficRoutingConfig": found.config.routing.describe(),
            })
        })
    });
    let described = of_ecs.or_else(|| predefined_elsewhere(name).map(describe_elsewhere));
    let described = described.ok_or_else(|| no_config(name))?;
    Ok(json!({ "deploymentConfigInfo": described }))
}

fn describe_elsewhere(found: ForeignConfig) -> Value {
    let (member, how) = found.how;
    let mut described = json!({
        "deploymentConfigId": uuid_of(&found.name),
        "deploymentConfigName": found.name,
        "createTime": 0,
        "computePlatform": found.platform,
    });
    described[member] = how;
    described
}

fn list_deployment_configs(call: Call<'_>) -> Answer {
    let names = |state: &State| {
        let elsewhere = all_predefined_elsewhere().into_iter();
        let elsewhere = elsewhere.map(|found| found.name);
        let configs = state.configs.iter();
        let configs = configs.map(|found| found.config.name.clone());
        elsewhere.chain(configs).collect()
    };
    listed(
        call,
        "deploymentConfigsList",
        call.aws.codedeploy.read(names),
    )
}

fn create_deployment_config(call: Call<'_>) -> Answer {
    let name = call.input.required_text("deploymentConfigName")?;
    check_name(name)?;
    if call.input.text("computePlatform")? != Some("ECS") {
        return Err(ApiError::new(
            "InvalidComputePlatformException",
            not_simulated("compute platforms other than ECS"),
        ));
    }
    if call.input.structure("zonalConfig")?.is_some() {
        return Err(ApiError::new(
            "InvalidZonalDeploymentConfigurationException",
            "A zonal configuration can not be specified for the compute platform ECS",
        ));
    }
    let routing = routing(&call.input)?;
    let (id, now) = (call.aws.ids.uuid(), call.aws.clock.now());
    call.aws.codedeploy.write(|state| {
        if state.config(name).is_some() {
            return Err(ApiError::new(
                "DeploymentConfigAlreadyExistsException",
                format!("A deployment configuration with the name {name} already exists"),
            ));
        }
        state.configs.push(ConfigRecord {
            config: DeploymentConfig {
                name: name.to_owned(),
                routing,
            },
            id: id.clone(),
            created_at: now,
        });
        Ok(json!({ "deploymentConfigId": id }))
    })
}

/// The prefix `CodeDeployDefault.` is AWS's.
fn check_name(name: &str) -> Result<(), ApiError> {
    let fits = name.chars().count() <= 100 && !name.starts_with("CodeDeployDefault.");
    fits.then_some(()).ok_or_else(|| {
        ApiError::new(
            "InvalidDeploymentConfigNameException",
            format!("The deployment configuration name {name} is not valid"),
        )
    })
}

/// `trafficRoutingConfig`. The limits of its numbers are inferred: a share that leaves something to shift, and at
/// least a minute between two of them.
fn routing(input: &Input<'_>) -> Result<Routing, ApiError> {
    let invalid = |message: &str| {
        ApiError::new(
            "InvalidTrafficRoutingConfigurationException",
            message.to_owned(),
        )
    };
    let routing = input
        .structure("trafficRoutingConfig")?
        .ok_or_else(|| invalid("The traffic routing configuration is missing"))?;
    let steps = |member: &str, share: &str, interval: &str| {
        let steps = routing.structure(member)?;
        let steps = steps.ok_or_else(|| invalid(&format!("{member} is missing")))?;
        let between = |name: &str, most: u32| {
            let number = steps
                .integer(name)?
                .and_then(|number| u32::try_from(number).ok());
            number
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| invalid(&format!("{name} must be between 1 and {most}")))
        };
        Ok::<_, ApiError>((between(share, 99)?, between(interval, 2880)?))
    };
    match routing.text("type")? {
        Some("AllAtOnce") => Ok(Routing::AllAtOnce),
        Some("TimeBasedCanary") => {
            let (percentage, interval_minutes) =
                steps("timeBasedCanary", "canaryPercentage", "canaryInterval")?;
            Ok(Routing::Canary {
                percentage,
                interval_minutes,
            })
        }
        Some("TimeBasedLinear") => {
            let (percentage, interval_minutes) =
                steps("timeBasedLinear", "linearPercentage", "linearInterval")?;
            Ok(Routing::Linear {
                percentage,
                interval_minutes,
            })
        }
        Some(_) | None => Err(invalid(
            "The type must be AllAtOnce, TimeBasedCanary or TimeBasedLinear",
        )),
    }
}

fn delete_deployment_config(call: Call<'_>) -> Answer {
    let name = call.input.required_text("deploymentConfigName")?;
    if name.starts_with("CodeDeployDefault.") {
        let message = "A predefined deployment configuration can not be deleted";
        return Err(ApiError::new("InvalidOperationException", message));
    }
    call.aws.codedeploy.write(|state| {
        let active = |status: DeploymentStatus| status.is_active();
        let used = state.groups.iter().any(|group| group.config == name)
            || state
                .deployments
                .iter()
                .any(|deployment| active(deployment.status) && deployment.config.name == name);
        if used {
            return Err(ApiError::new(
                "DeploymentConfigInUseException",
                format!("The deployment configuration {name} is in use"),
            ));
        }
        state.configs.retain(|known| known.config.name != name);
        Ok(json!({}))
    })
}

fn on_config(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(config_arn(call.named_or_any("deploymentConfigName")))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operations::codedeploy::lookup::missing;

    fn check(routing_config: Value) -> Result<Routing, String> {
        let request = json!({ "trafficRoutingConfig": routing_config });
        let input = Input::new(&request, missing).unwrap();
        routing(&input).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn routings_come_back_as_they_were_described() {
        let all = [
            Routing::AllAtOnce,
            Routing::Canary {
                percentage: 25,
                interval_minutes: 1,
            },
            Routing::Linear {
                percentage: 99,
                interval_minutes: 2880,
            },
        ];
        for routing in all {
            assert_eq!(check(routing.describe()), Ok(routing));
        }
    }

    #[test]
    fn odd_routings_are_refused() {
        let canary = |percentage: i64, interval: i64| {
            let steps = json!({ "canaryPercentage": percentage, "canaryInterval": interval });
            json!({ "type": "TimeBasedCanary", "timeBasedCanary": steps })
        };
        let odd = [
            json!(null),
            json!({}),
            json!({ "type": "Random" }),
            json!({ "type": "TimeBasedLinear" }),
            json!({ "type": "TimeBasedLinear", "timeBasedCanary": { "canaryPercentage": 1, "canaryInterval": 1 } }),
            canary(0, 5),
            canary(100, 5),
            canary(10, 0),
            canary(-10, 5),
        ];
        for routing in odd {
            let wanted = Err("InvalidTrafficRoutingConfigurationException".to_owned());
            assert_eq!(check(routing.clone()), wanted, "{routing}");
        }
    }

    #[test]
    fn the_names_of_aws_are_taken() {
        assert!(check_name("Custom.ECSCanary25Percent").is_ok());
        assert!(check_name("CodeDeployDefault.ECSMine").is_err());
        assert!(check_name(&"c".repeat(101)).is_err());
    }
}
