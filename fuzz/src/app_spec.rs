//! AppSpecs: what production writes, a CodeDeploy that shares no code with it reads as it was meant; and whatever else
//! CodeDeploy is sent, it reads or refuses.

use std::collections::BTreeMap;

use local_aws::codedeploy::app_spec::{self as theirs, AppSpec};
use rules::codedeploy::app_spec::{self as ours, MigrationGate, TestListener};
use rules::config::{Config, Pipeline};
use rules::environment::HookFunctions;
use rules::names::{ContainerName, FunctionName, RevisionArn};
use rules::observed::{CapacityProvider, LoadBalancerTarget, Placement};

/// Reads `text` as an AppSpec, and writes one with what its lines hold.
pub fn holds(text: &str) {
    match theirs::parse(text) {
        Ok(spec) => is_understood_by_both(text, &spec),
        Err(refused) => assert!(refused.len() > 100, "{refused}"),
    }
    let mut lines = text.split('\n');
    let mut word = || lines.next().unwrap_or_default();
    if let (Ok(revision), Ok(container), Ok(after_install), Ok(after_allow_test_traffic)) = (
        word().parse(),
        word().parse(),
        word().parse(),
        word().parse(),
    ) {
        let hooks = HookFunctions {
            // Kept inputs have two names.
            after_allow_traffic: FunctionName::clone(&after_install),
            after_install,
            after_allow_test_traffic,
        };
        let port = word().parse::<u16>().unwrap_or(80).max(1);
        is_read_as_meant(&revision, &container, port, &hooks, &placement(lines));
    }
}

/// The ARN that an AppSpec of CodeDeploy's names is the one that production finds in it, where it is JSON and an ARN at
/// all: CodeDeploy insists on its end only.
fn is_understood_by_both(text: &str, spec: &AppSpec) {
    let is_json = serde_json::from_str::<serde_json::Value>(text).is_ok();
    let found = ours::revision(text);
    match spec.task_definition.parse::<RevisionArn>() {
        // Production looks below `Resources` only, as it writes it.
        Ok(arn) if is_json && text.contains("\"Resources\"") => {
            assert_eq!(found, Some(arn), "{text}")
        }
        Ok(arn) => assert!(found.is_none_or(|found| found == arn), "{text}"),
        Err(_) => assert_eq!(found, None, "{text}"),
    }
}

/// The other lines: a platform version, and capacity providers.
fn placement<'a>(mut lines: impl Iterator<Item = &'a str>) -> Placement {
    let platform_version = lines
        .next()
        .filter(|line| !line.is_empty())
        .map(ToOwned::to_owned);
    let providers = lines.filter(|line| !line.is_empty()).zip(0..4);
    let capacity_providers = providers.map(|(name, number)| CapacityProvider {
        name: name.to_owned(),
        weight: number,
        base: number * 7,
    });
    Placement {
        capacity_providers: capacity_providers.collect(),
        platform_version,
        ..Placement::default()
    }
}

fn is_read_as_meant(
    revision: &RevisionArn,
    container: &ContainerName,
    port: u16,
    hooks: &HookFunctions,
    placement: &Placement,
) {
    let load_balancer = LoadBalancerTarget {
        container: container.clone(),
        port,
        target_group: None,
    };
    let listeners = [TestListener::Present, TestListener::Absent];
    let gates = [MigrationGate::Asked, MigrationGate::LeftOut];
    let every = listeners
        .into_iter()
        .flat_map(|listener| gates.map(|gate| (gate, listener)));
    let pipelines = ["", PRODUCTION].map(pipeline);
    let every = every.flat_map(|how| pipelines.each_ref().map(|pipeline| (how, pipeline)));
    for ((gate, test_listener), pipeline) in every {
        let functions = ours::hooks(pipeline, hooks, gate, test_listener);
        let written = ours::render(revision, &load_balancer, placement, &functions);
        assert_eq!(ours::revision(&written).as_ref(), Some(revision));
        let read = theirs::parse(&written).unwrap_or_else(|refused| panic!("{refused}\n{written}"));
        assert_eq!(read.task_definition, revision.as_str());
        assert_eq!(
            (read.container.as_str(), read.port),
            (container.as_str(), port)
        );
        assert_eq!(read.platform_version, placement.platform_version);
        assert_eq!(read.network_configuration, None);
        assert_eq!(providers(&read), placement.capacity_providers);
        let checks_production = pipeline.production_traffic.is_some();
        let expected = expected(hooks, gate, test_listener, checks_production);
        assert_eq!(named(&read), expected);
    }
}

const PRODUCTION: &str = "[[pipeline.production_traffic.request]]\npath = '/'\n";

fn pipeline(more: &str) -> Pipeline {
    let text = format!(
        "[[pipeline]]\nname = 'w'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = 'prod'\nservice = 'web'\n{more}"
    );
    let config = Config::parse(&text).expect("a pipeline");
    config.pipelines.into_iter().next().expect("one pipeline")
}

fn providers(read: &AppSpec) -> Vec<CapacityProvider> {
    let strategy = read
        .capacity_provider_strategy
        .iter()
        .flat_map(|list| list.as_array());
    let number = |provider: &serde_json::Value, name: &str| {
        provider[name]
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .expect("a number")
    };
    let provider = |provider: &serde_json::Value| CapacityProvider {
        name: provider["capacityProvider"]
            .as_str()
            .expect("a name")
            .to_owned(),
        weight: number(provider, "weight"),
        base: number(provider, "base"),
    };
    strategy.flatten().map(provider).collect()
}

fn named(read: &AppSpec) -> BTreeMap<&str, &str> {
    read.hooks
        .iter()
        .map(|(event, function)| (event.as_str(), function.as_str()))
        .collect()
}

fn expected(
    hooks: &HookFunctions,
    gate: MigrationGate,
    test_listener: TestListener,
    checks_production: bool,
) -> BTreeMap<&str, &str> {
    let name = FunctionName::as_str;
    let mut expected = BTreeMap::new();
    match gate {
        MigrationGate::Asked => {
            expected.insert("AfterInstall", name(&hooks.after_install));
        }
        MigrationGate::LeftOut => {}
    }
    match test_listener {
        TestListener::Present => {
            expected.insert(
                "AfterAllowTestTraffic",
                name(&hooks.after_allow_test_traffic),
            );
        }
        TestListener::Absent => {}
    }
    if checks_production {
        expected.insert("AfterAllowTraffic", name(&hooks.after_allow_traffic));
    }
    expected
}
