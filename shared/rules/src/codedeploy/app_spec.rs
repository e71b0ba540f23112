//! The AppSpec of a deployment, as JSON (CodeDeploy User Guide, AppSpec file reference for ECS).

use serde_json::{Value, json};

use crate::environment::HookFunctions;
use crate::names::RevisionArn;
use crate::observed::{LoadBalancerTarget, Placement};

/// Whether the deployment group has a test listener. Without one CodeDeploy knows no AfterAllowTestTraffic event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestListener {
    /// It has one.
    Present,
    /// It has none.
    Absent,
}

/// Whether the migration gate is part of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationGate {
    /// AfterInstall calls `run-migration`.
    Asked,
    /// No function is called: a rollback migrates nothing.
    LeftOut,
}

/// The AppSpec that ships `revision` behind `load_balancer`, placed as blue is.
///
/// Network settings are left out: CodeDeploy then takes the service's. The platform version is not, because leaving it
/// out means `LATEST`, which would change more than the image.
pub fn render(
    revision: &RevisionArn,
    load_balancer: &LoadBalancerTarget,
    blue: &Placement,
    hooks: &HookFunctions,
    migration: MigrationGate,
    test_listener: TestListener,
) -> String {
    let mut properties = json!({
        "TaskDefinition": revision.as_str(),
        "LoadBalancerInfo": {"ContainerName": load_balancer.container.as_str(), "ContainerPort": load_balancer.port},
    });
    if let Some(version) = &blue.platform_version {
        properties["PlatformVersion"] = version.as_str().into();
    }
    if !blue.capacity_providers.is_empty() {
        let providers = blue.capacity_providers.iter();
        properties["CapacityProviderStrategy"] = providers
            .map(|provider| json!({"CapacityProvider": provider.name, "Base": provider.base, "Weight": provider.weight}))
            .collect();
    }
    let mut hooks_called = Vec::new();
    match migration {
        MigrationGate::Asked => {
            hooks_called.push(json!({"AfterInstall": hooks.after_install.as_str()}));
        }
        MigrationGate::LeftOut => {}
    }
    match test_listener {
        TestListener::Present => {
            hooks_called
                .push(json!({"AfterAllowTestTraffic": hooks.after_allow_test_traffic.as_str()}));
        }
        TestListener::Absent => {}
    }
    let mut spec: Value = json!({
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
    });
    // The section is optional; whether CodeDeploy takes an empty one is not documented.
    if !hooks_called.is_empty() {
        spec["Hooks"] = hooks_called.into();
    }
    spec.to_string()
}

/// The revision that an AppSpec ships; none where it is YAML, which people's own deployments may be.
pub fn revision(content: &str) -> Option<RevisionArn> {
    let spec: Value = serde_json::from_str(content).ok()?;
    let services = spec["Resources"]
        .as_array()?
        .iter()
        .filter_map(|resource| resource.as_object()?.values().next());
    services
        .filter_map(|service| service["Properties"]["TaskDefinition"].as_str())
        .find_map(|arn| arn.parse().ok())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::observed::CapacityProvider;

    fn check(blue: &Placement, test_listener: TestListener) -> String {
        let revision = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
            .parse()
            .unwrap();
        let load_balancer = LoadBalancerTarget {
            container: "web".parse().unwrap(),
            port: 8080,
            target_group: None,
        };
        let hooks = HookFunctions {
            after_install: "CodeDeployHook_greenlight_run-migration".parse().unwrap(),
            after_allow_test_traffic: "CodeDeployHook_greenlight_check-test-traffic"
                .parse()
                .unwrap(),
        };
        let migration = MigrationGate::Asked;
        render(
            &revision,
            &load_balancer,
            blue,
            &hooks,
            migration,
            test_listener,
        )
    }

    #[test]
    fn both_hooks_are_named() {
        assert_snapshot!(check(&Placement::default(), TestListener::Present), @r#"{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2","LoadBalancerInfo":{"ContainerName":"web","ContainerPort":8080}}}}],"Hooks":[{"AfterInstall":"CodeDeployHook_greenlight_run-migration"},{"AfterAllowTestTraffic":"CodeDeployHook_greenlight_check-test-traffic"}]}"#);
    }

    #[test]
    fn the_revision_is_found_again() {
        let content = check(&Placement::default(), TestListener::Present);
        assert_eq!(revision(&content).unwrap().short(), "web:2");
        assert_eq!(revision("version: 0.0"), None);
    }

    #[test]
    fn without_a_test_listener_there_is_no_test_traffic_to_check() {
        let placement = Placement {
            capacity_providers: vec![CapacityProvider {
                name: "FARGATE_SPOT".to_owned(),
                weight: 2,
                base: 1,
            }],
            platform_version: Some("1.4.0".to_owned()),
            ..Placement::default()
        };
        assert_snapshot!(check(&placement, TestListener::Absent), @r#"{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2","LoadBalancerInfo":{"ContainerName":"web","ContainerPort":8080},"PlatformVersion":"1.4.0","CapacityProviderStrategy":[{"CapacityProvider":"FARGATE_SPOT","Base":1,"Weight":2}]}}}],"Hooks":[{"AfterInstall":"CodeDeployHook_greenlight_run-migration"}]}"#);
    }
}
