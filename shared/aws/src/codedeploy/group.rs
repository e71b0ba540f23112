//! GetDeploymentGroup.

use aws_sdk_codedeploy::types::{DeploymentGroupInfo, EcsService, TrafficRoute};
use rules::codedeploy::DeploymentGroup;
use rules::names::{ApplicationName, ClusterName, DeploymentGroupName, ListenerArn, ServiceName};

use super::{CodeDeploy, translate};
use crate::call::{Call, CallFailed};

impl CodeDeploy {
    /// The deployment group as it is now.
    pub async fn get_deployment_group(
        &self,
        application: &ApplicationName,
        group: &DeploymentGroupName,
    ) -> Result<DeploymentGroup, CallFailed> {
        let call = Call::new(
            "codedeploy:GetDeploymentGroup",
            format!("{application}/{group}"),
        );
        let answer = self
            .client
            .get_deployment_group()
            .application_name(application.as_str())
            .deployment_group_name(group.as_str())
            .send()
            .await
            .map_err(|error| call.failed(error))?;
        group_from(
            &call,
            call.required(answer.deployment_group_info(), "deploymentGroupInfo")?,
        )
    }
}

pub(super) fn group_from(
    call: &Call,
    group: &DeploymentGroupInfo,
) -> Result<DeploymentGroup, CallFailed> {
    // An ECS group has one service, one pair of target groups, and one listener a route.
    let pair = group
        .load_balancer_info()
        .and_then(|balancer| balancer.target_group_pair_info_list().first());
    let target_groups = pair.map(|pair| pair.target_groups()).unwrap_or_default();
    Ok(DeploymentGroup {
        service: group
            .ecs_services()
            .first()
            .map(|service| service_from(call, service))
            .transpose()?,
        target_groups: target_groups
            .iter()
            .filter_map(|target_group| target_group.name())
            .map(str::to_owned)
            .collect(),
        production_listener: listener_from(call, pair.and_then(|pair| pair.prod_traffic_route()))?,
        test_listener: listener_from(call, pair.and_then(|pair| pair.test_traffic_route()))?,
        deployment_config: match group.deployment_config_name() {
            Some(name) => Some(call.name(Some(name), "deploymentConfigName")?),
            None => None,
        },
        rolls_back: group
            .auto_rollback_configuration()
            .is_some_and(translate::rolls_back_on_failure),
        alarms: group
            .alarm_configuration()
            .filter(|alarms| alarms.enabled())
            .map(|alarms| alarms.alarms())
            .unwrap_or_default()
            .iter()
            .filter_map(|alarm| alarm.name())
            .map(str::to_owned)
            .collect(),
    })
}

fn service_from(
    call: &Call,
    service: &EcsService,
) -> Result<(ClusterName, ServiceName), CallFailed> {
    // The group may hold an ARN in place of the name; its last part is the name.
    let last = |text: Option<&str>| {
        text.and_then(|text| text.rsplit('/').next())
            .map(str::to_owned)
    };
    let cluster = call.name(
        last(service.cluster_name()).as_deref(),
        "ecsServices.clusterName",
    )?;
    let service = call.name(
        last(service.service_name()).as_deref(),
        "ecsServices.serviceName",
    )?;
    Ok((cluster, service))
}

fn listener_from(
    call: &Call,
    route: Option<&TrafficRoute>,
) -> Result<Option<ListenerArn>, CallFailed> {
    let arn = route.and_then(|route| route.listener_arns().first());
    arn.map(|arn| call.name(Some(arn), "listenerArns"))
        .transpose()
}
