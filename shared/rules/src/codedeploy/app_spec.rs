//! The AppSpec of a deployment, as JSON (CodeDeploy User Guide, AppSpec file reference for ECS).

use serde_json::{Value, json};

use super::lifecycle::{AFTER_ALLOW_TEST_TRAFFIC, AFTER_ALLOW_TRAFFIC, AFTER_INSTALL};
use crate::config::{HookEvent, Pipeline};
use crate::environment::HookFunctions;
use crate::events::Way;
use crate::names::{FunctionName, RevisionArn};
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

impl MigrationGate {
    /// The way of a deployment: a requested rollback alone leaves the gate out.
    pub fn way(self) -> Way {
        match self {
            Self::Asked => Way::Forward,
            Self::LeftOut => Way::Back,
        }
    }
}

/// The functions that CodeDeploy calls, each with its lifecycle event, in their order. An event has one function.
pub fn hooks<'a>(
    pipeline: &'a Pipeline,
    functions: &'a HookFunctions,
    migration: MigrationGate,
    test_listener: TestListener,
) -> Vec<(&'static str, &'a FunctionName)> {
    let own = |event: HookEvent| pipeline.hooks.get(&event).map(|own| (event.name(), own));
    let after_install = own(HookEvent::AfterInstall).or(match migration {
        MigrationGate::Asked => Some((AFTER_INSTALL, &functions.after_install)),
        MigrationGate::LeftOut => None,
    });
    let after_allow_test_traffic = match test_listener {
        TestListener::Present => Some((
            AFTER_ALLOW_TEST_TRAFFIC,
            &functions.after_allow_test_traffic,
        )),
        TestListener::Absent => None,
    };
    let checks_production = pipeline.production_traffic.is_some();
    let after_allow_traffic = own(HookEvent::AfterAllowTraffic)
        .or(checks_production.then_some((AFTER_ALLOW_TRAFFIC, &functions.after_allow_traffic)));
    [
        own(HookEvent::BeforeInstall),
        after_install,
        after_allow_test_traffic,
        own(HookEvent::BeforeAllowTraffic),
        after_allow_traffic,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The AppSpec that ships `revision` behind `load_balancer`, placed as blue is.
///
/// Network settings are left out: CodeDeploy then takes the service's. The platform version is not, because leaving it
/// out means `LATEST`, which would change more than the image.
pub fn render(
    revision: &RevisionArn,
    load_balancer: &LoadBalancerTarget,
    blue: &Placement,
    hooks: &[(&str, &FunctionName)],
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
    let mut spec: Value = json!({
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
    });
    // The section is optional; whether CodeDeploy takes an empty one is not documented.
    if !hooks.is_empty() {
        let called = hooks
            .iter()
            .map(|(event, function)| json!({*event: function.as_str()}));
        spec["Hooks"] = called.collect();
    }
    spec.to_string()
}

/// The revision that an AppSpec ships, in JSON or YAML and with names in any case: CodeDeploy takes all of them, and other tools
/// write them; none where it names no ARN.
pub fn revision(content: &str) -> Option<RevisionArn> {
    let Ok(spec) = serde_json::from_str::<Value>(content) else {
        return values_of("taskdefinition", content).find_map(|arn| arn.parse().ok());
    };
    let resources = member(&spec, "Resources")?.as_array()?;
    let services = resources
        .iter()
        .filter_map(|resource| resource.as_object()?.values().next());
    services
        .filter_map(|service| member(member(service, "Properties")?, "TaskDefinition")?.as_str())
        .find_map(|arn| arn.parse().ok())
}

/// Whether an AppSpec calls a function after Install.
pub fn migration_gate(content: &str) -> MigrationGate {
    let is_asked = match serde_json::from_str::<Value>(content) {
        Ok(spec) => {
            let hooks = member(&spec, "Hooks").and_then(Value::as_array);
            let mut hooks = hooks.into_iter().flatten();
            hooks.any(|hook| member(hook, AFTER_INSTALL).is_some())
        }
        Err(_) => values_of("afterinstall", content).next().is_some(),
    };
    match is_asked {
        true => MigrationGate::Asked,
        false => MigrationGate::LeftOut,
    }
}

/// A member of a JSON object, by its name in any case.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = value.as_object()?.iter();
    members
        .find(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The texts that follow a name of YAML; `name` is in lower case. What stands in a comment is none. An AppSpec is small and has
/// no text that looks like one of its names, so no parser is needed for it in a function.
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
    use crate::config::Config;
    use crate::observed::CapacityProvider;

    fn check(
        more: &str,
        blue: &Placement,
        migration: MigrationGate,
        listener: TestListener,
    ) -> String {
        let text = format!(
            "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n{more}"
        );
        let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        let revision = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
            .parse()
            .unwrap();
        let load_balancer = LoadBalancerTarget {
            container: "web".parse().unwrap(),
            port: 8080,
            target_group: None,
        };
        let functions = HookFunctions {
            after_install: "CodeDeployHook_greenlight_run-migration".parse().unwrap(),
            after_allow_test_traffic: "CodeDeployHook_greenlight_check-test-traffic"
                .parse()
                .unwrap(),
            after_allow_traffic: "CodeDeployHook_greenlight_check-production"
                .parse()
                .unwrap(),
        };
        let hooks = hooks(&pipeline, &functions, migration, listener);
        render(&revision, &load_balancer, blue, &hooks)
    }

    /// Which functions are called, and when.
    #[track_caller]
    fn check_hooks(more: &str, migration: MigrationGate, listener: TestListener, expected: &str) {
        let spec: Value =
            serde_json::from_str(&check(more, &Placement::default(), migration, listener)).unwrap();
        let called = spec["Hooks"].as_array().into_iter().flatten();
        let called: Vec<String> = called
            .flat_map(|hook| hook.as_object().unwrap())
            .map(|(event, function)| {
                let function = function.as_str().unwrap();
                format!(
                    "{event} {}",
                    function.trim_start_matches("CodeDeployHook_greenlight_")
                )
            })
            .collect();
        assert_eq!(called.join(", "), expected, "{more}");
    }

    #[test]
    fn each_event_has_one_function() {
        use MigrationGate::{Asked, LeftOut};
        use TestListener::{Absent, Present};
        let ours = "AfterInstall run-migration, AfterAllowTestTraffic check-test-traffic";
        check_hooks("", Asked, Present, ours);
        check_hooks("", Asked, Absent, "AfterInstall run-migration");
        check_hooks(
            "",
            LeftOut,
            Present,
            "AfterAllowTestTraffic check-test-traffic",
        );
        check_hooks("", LeftOut, Absent, "");
        let production =
            "[pipeline.production_traffic]\n[[pipeline.production_traffic.request]]\npath='/'\n";
        let checked = format!("{ours}, AfterAllowTraffic check-production");
        check_hooks(production, Asked, Present, &checked);
        // A rollback migrates nothing, and has to answer production's requests all the same.
        check_hooks(
            production,
            LeftOut,
            Absent,
            "AfterAllowTraffic check-production",
        );
        let own = "[pipeline.hooks]\nAfterAllowTraffic='purge'\nBeforeInstall='announce'\nBeforeAllowTraffic='load'\n";
        check_hooks(
            own,
            Asked,
            Present,
            "BeforeInstall announce, AfterInstall run-migration, AfterAllowTestTraffic check-test-traffic, BeforeAllowTraffic load, \
             AfterAllowTraffic purge",
        );
        let instead = "[pipeline.hooks]\nAfterInstall='warm-up'\n";
        check_hooks(instead, Asked, Absent, "AfterInstall warm-up");
        check_hooks(instead, LeftOut, Absent, "AfterInstall warm-up");
    }

    #[test]
    fn both_hooks_are_named() {
        assert_snapshot!(check("", &Placement::default(), MigrationGate::Asked, TestListener::Present), @r#"{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2","LoadBalancerInfo":{"ContainerName":"web","ContainerPort":8080}}}}],"Hooks":[{"AfterInstall":"CodeDeployHook_greenlight_run-migration"},{"AfterAllowTestTraffic":"CodeDeployHook_greenlight_check-test-traffic"}]}"#);
    }

    #[test]
    fn the_revision_is_found_again() {
        let content = check(
            "",
            &Placement::default(),
            MigrationGate::Asked,
            TestListener::Present,
        );
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
                "{{\n \"Resources\": [{{\"TargetService\": {{\"Properties\": {{\n  \"TaskDefinition\" : \"{arn}\"\n}}}}}}], \"Hooks\": [{{\"AfterInstall\": \"x\"}}]}}"
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
        assert_snapshot!(check("", &placement, MigrationGate::Asked, TestListener::Absent), @r#"{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2","LoadBalancerInfo":{"ContainerName":"web","ContainerPort":8080},"PlatformVersion":"1.4.0","CapacityProviderStrategy":[{"CapacityProvider":"FARGATE_SPOT","Base":1,"Weight":2}]}}}],"Hooks":[{"AfterInstall":"CodeDeployHook_greenlight_run-migration"}]}"#);
    }
}
