//! The roles that the services of a world need, with the policies that AWS's documents recommend for them.

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};

use super::settings::{DeployedBy, ServiceSettings, WorldSettings};
use crate::aws::Aws;
use crate::iam::RoleRefused;
use crate::identity::ACCOUNT;

/// With which CodeDeploy acts.
pub(super) const CODEDEPLOY: &str = "CodeDeployRoleForECS";
/// With which ECS pulls images, writes logs and reads secrets.
pub(super) const EXECUTION: &str = "ecsTaskExecutionRole";

/// ARN of the role of this name.
pub(super) fn arn_of(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// Creates the roles of every service.
pub(super) fn create(aws: &Aws, settings: &WorldSettings) -> anyhow::Result<()> {
    let secrets = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameters"], "Resource": "*" },
    ] });
    for service in &settings.services {
        let tasks = trust("ecs-tasks.amazonaws.com");
        make(
            aws,
            &arn_of(&format!("{}-task", service.name)),
            &tasks,
            None,
        )?;
        make(
            aws,
            &arn_of(EXECUTION),
            &tasks,
            Some("service-role/AmazonECSTaskExecutionRolePolicy"),
        )?;
        let written = aws.iam.put_role_policy(EXECUTION, "secrets", &secrets);
        written.map_err(|refused| anyhow!("the role `{EXECUTION}`: {refused:?}"))?;
        of_deployments(aws, service).with_context(|| format!("service `{}`", service.name))?;
    }
    Ok(())
}

fn of_deployments(aws: &Aws, service: &ServiceSettings) -> anyhow::Result<()> {
    match &service.deployed_by {
        DeployedBy::CodeDeploy => {
            let trust = trust("codedeploy.amazonaws.com");
            make(
                aws,
                &arn_of(CODEDEPLOY),
                &trust,
                Some("AWSCodeDeployRoleForECS"),
            )
        }
        // One that is named by its logical id is the template's.
        DeployedBy::Ecs(by) if by.infrastructure_role.starts_with("arn:") => {
            let policy = "AmazonECSInfrastructureRolePolicyForLoadBalancers";
            make(
                aws,
                &by.infrastructure_role,
                &trust("ecs.amazonaws.com"),
                Some(policy),
            )
        }
        DeployedBy::Ecs(_) => Ok(()),
    }
}

fn trust(service: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" },
    ] })
}

/// Makes a role unless another service has it already.
fn make(aws: &Aws, arn: &str, trust: &Value, managed: Option<&str>) -> anyhow::Result<()> {
    let name = arn.rsplit('/').next().unwrap_or_default();
    let refused = |refused: RoleRefused| anyhow!("the role `{name}`: {refused:?}");
    match aws.iam.create_role(arn, trust) {
        Ok(_) => {}
        Err(RoleRefused::Exists) => return Ok(()),
        Err(other) => return Err(refused(other)),
    }
    match managed {
        Some(policy) => {
            let arn = format!("arn:aws:iam::aws:policy/{policy}");
            aws.iam.attach_role_policy(name, &arn).map_err(refused)
        }
        None => Ok(()),
    }
}
