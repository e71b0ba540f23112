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

/// The revision that an AppSpec ships, in JSON or YAML and with names in any case: CodeDeploy takes all of them, and other tools
/// write them; none where it names no ARN.
pub fn revision(content: &str) -> Option<RevisionArn> {
    values_of("taskdefinition", content).find_map(|arn| arn.parse().ok())
}

/// Whether an AppSpec calls a function after Install.
pub fn migration_gate(content: &str) -> MigrationGate {
    if values_of("afterinstall", content).next().is_some() {
        MigrationGate::Asked
    } else {
        MigrationGate::LeftOut
    }
}

/// The texts that follow a name of JSON or YAML; `name` is in lower case. What stands in a YAML comment is none.
fn values_of<'a>(name: &str, content: &'a str) -> impl Iterator<Item = &'a str> {
    let without_comments = content.lines().map(|line| match line.find(" #") {
        Some(comment) => &line[..comment],
        None if line.trim_start().starts_with('#') => "",
        None => line,
    });
    let words = without_comments
        .flat_map(|line| line.split([' ', '\t', '"', '\'', ',', '{', '}', '[', ']']))
        .filter(|word| !word.is_empty() && !matches!(*word, "-" | ":" | ">" | ">-" | "|" | "|-"));
    let words: Vec<&str> = words.collect();
    let is_name = |word: &str| word.trim_end_matches(':').eq_ignore_ascii_case(name);
    let pairs = words.windows(2).filter(|pair| is_name(pair[0]));
    let values: Vec<&str> = pairs.map(|pair| pair[1]).collect();
    values.into_iter()
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
        assert_eq!(migration_gate(&content), MigrationGate::Asked);
    }

    /// As AWS's guides, CodePipeline and people write them.
    #[test]
    fn other_tools_app_specs_are_read_as_well() {
        let arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2";
        let yaml = |line: &str| {
            format!(
                "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        {line}\n        \
                 LoadBalancerInfo:\n          ContainerName: web\n          ContainerPort: 8080\nHooks:\n  - AfterInstall: check\n"
            )
        };
        for spec in [
            yaml(&format!("TaskDefinition: {arn}")),
            yaml(&format!("TaskDefinition: \"{arn}\"")),
            yaml(&format!("TaskDefinition: '{arn}' # the new one")),
            yaml(&format!("taskDefinition: {arn}")),
            yaml(&format!("TaskDefinition: >-\n          {arn}")),
            yaml(&format!(
                "# TaskDefinition: arn:aws:ecs:r:1:task-definition/old:1\n        TaskDefinition: {arn}"
            )),
            yaml(&format!("TaskDefinition : {arn}")).replace('\n', "\r\n"),
            format!(
                r#"{{"resources":[{{"targetService":{{"properties":{{"taskDefinition":"{arn}"}}}}}}],"hooks":[{{"afterInstall":"x"}}]}}"#
            ),
            format!(
                "{{\n \"Resources\": [{{\"TargetService\": {{\"Properties\": {{\n  \"TaskDefinition\" : \"{arn}\"\n}}}}}}], \"AfterInstall\": \"x\"}}"
            ),
        ] {
            assert_eq!(
                revision(&spec)
                    .map(|found| found.short().to_owned())
                    .as_deref(),
                Some("web:2"),
                "{spec}"
            );
            assert_eq!(migration_gate(&spec), MigrationGate::Asked, "{spec}");
        }
        for spec in [
            "version: 0.0",
            "",
            "TaskDefinition:",
            "TaskDefinition: <TASK_DEFINITION>",
            "TaskDefinition: web:2",
        ] {
            assert_eq!(revision(spec), None, "{spec}");
            assert_eq!(migration_gate(spec), MigrationGate::LeftOut, "{spec}");
        }
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
