//! DescribeTargetGroups, by name or ARN.

use aws_sdk_elasticloadbalancingv2::types::TargetGroup;
use rules::doctor;
use rules::names::TargetGroupArn;

use super::Elb;
use crate::call::{Call, CallFailed};

const OPERATION: &str = "elasticloadbalancing:DescribeTargetGroups";

impl Elb {
    /// The target group of this name.
    pub async fn describe_target_group_named(
        &self,
        name: &str,
    ) -> Result<doctor::TargetGroup, CallFailed> {
        let call = Call::new(OPERATION, name);
        let request = self.client.describe_target_groups().names(name);
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        from(
            &call,
            call.required(answer.target_groups().first(), "TargetGroups")?,
        )
    }

    /// The target group of this ARN.
    pub async fn describe_target_group(
        &self,
        arn: &TargetGroupArn,
    ) -> Result<doctor::TargetGroup, CallFailed> {
        let call = Call::new(OPERATION, arn.as_str());
        let request = self.client.describe_target_groups();
        let request = request.target_group_arns(arn.as_str());
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        from(
            &call,
            call.required(answer.target_groups().first(), "TargetGroups")?,
        )
    }
}

fn from(call: &Call, group: &TargetGroup) -> Result<doctor::TargetGroup, CallFailed> {
    Ok(doctor::TargetGroup {
        name: call
            .required(group.target_group_name(), "TargetGroups.TargetGroupName")?
            .to_owned(),
        arn: call.name(group.target_group_arn(), "TargetGroups.TargetGroupArn")?,
        target_type: group
            .target_type()
            .map_or("", |one| one.as_str())
            .to_owned(),
        protocol: group.protocol().map_or("", |one| one.as_str()).to_owned(),
        vpc: group.vpc_id().map(str::to_owned),
    })
}
