use insta::assert_snapshot;

use super::*;
use crate::config::Config;
use crate::ecs::Configuration;

const PIPELINE: &str = "[[pipeline]]\nname = 'web'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = 'prod'\nservice = 'web'\n";

fn pipeline(more: &str) -> Pipeline {
    let mut config = Config::parse(&format!("{PIPELINE}{more}")).unwrap();
    config.pipelines.remove(0)
}

/// `controller strategy scheduling management`; `-` where ECS states nothing.
fn found(service: &str) -> String {
    let words: Vec<Option<String>> = service
        .split(' ')
        .map(|word| (word != "-").then(|| word.to_owned()))
        .collect();
    let service = Service {
        deployment_controller: words[0].clone().unwrap(),
        configuration: Configuration {
            strategy: words[1].clone(),
            ..Configuration::default()
        },
        scheduling_strategy: words[2].clone(),
        resource_management: words[3].clone(),
        ..Service::for_tests()
    };
    match pipeline("").engine(&service) {
        Ok(engine) => engine.to_string(),
        Err(mismatch) => mismatch.to_string(),
    }
}

#[test]
fn the_engine_is_found_from_the_service() {
    let table = [
        ("CODE_DEPLOY - REPLICA CUSTOMER", "CodeDeploy"),
        ("CODE_DEPLOY - - -", "CodeDeploy"),
        ("ECS - - -", "ECS rolling update"),
        ("ECS ROLLING REPLICA CUSTOMER", "ECS rolling update"),
        ("ECS - DAEMON -", "ECS rolling update"),
        ("ECS BLUE_GREEN - -", "ECS blue/green"),
        ("ECS LINEAR - -", "ECS linear"),
        ("ECS CANARY REPLICA -", "ECS canary"),
    ];
    for (service, expected) in table {
        assert_eq!(found(service), expected, "{service}");
    }
}

#[test]
fn what_nobody_deploys_to_is_refused_with_what_mends_it() {
    assert_snapshot!(found("EXTERNAL - - -"), @"service `prod/web` has the deployment controller `EXTERNAL`, expected `ECS` or `CODE_DEPLOY` (hint: where no deployment is under way, `aws ecs update-service --cluster prod --service web --deployment-controller type=ECS` lets ECS deploy to it)");
    assert_snapshot!(found("ECS CANARY - ECS"), @"service `prod/web` is of ECS Express Mode, which `aws ecs update-express-gateway-service` alone updates, expected a service whose `resourceManagementType` is not `ECS` (hint: make an ordinary service, or take the pipeline out)");
    assert_snapshot!(found("CODE_DEPLOY - DAEMON -"), @"service `prod/web` has the scheduling strategy `DAEMON`, which CodeDeploy does not deploy to, expected `REPLICA` or rolling updates (hint: `DeploymentController: {Type: ECS}` and no `Strategy` in the service's template)");
    assert_snapshot!(found("ECS BLUE_GREEN DAEMON -"), @"service `prod/web` has the scheduling strategy `DAEMON`, which ECS blue/green does not deploy to, expected `REPLICA` or rolling updates (hint: `DeploymentController: {Type: ECS}` and no `Strategy` in the service's template)");
    assert_snapshot!(found("ECS AT_DAWN - -"), @"service `prod/web` has the deployment strategy `AT_DAWN`, expected `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY` (hint: it may need a newer version of Greenlight)");
}

#[test]
fn settings_that_tune_another_engine_are_ignored_and_named() {
    let more = "deployment_config = 'CodeDeployDefault.ECSAllAtOnce'\nwithout_rollback = true\napplication = 'shop'\n\
                termination_wait = 'cut'\n";
    let pipeline = pipeline(more);
    let native = Engine::Native(Strategy::Canary);
    assert_eq!(Engine::CodeDeploy.ignores(&pipeline), ["without_rollback"]);
    let of_codedeploy = ["application", "deployment_config", "termination_wait"];
    assert_eq!(Engine::Rolling.ignores(&pipeline), of_codedeploy);
    assert_eq!(
        native.ignores(&pipeline),
        [&of_codedeploy[..], &["without_rollback"]].concat()
    );
    // What is left to its default is nobody's setting.
    assert!(native.ignores(&self::pipeline("")).is_empty());
}

#[test]
fn an_engine_names_its_own_things() {
    let engines = [
        Engine::CodeDeploy,
        Engine::Native(Strategy::Linear),
        Engine::Rolling,
    ];
    let pipeline = pipeline("[pipeline.migration]\ncontainer = 'web'\ncommand = ['m']\n");
    let gates = [
        "AfterInstall",
        "PRE_SCALE_UP",
        "POST_TEST_TRAFFIC_SHIFT",
        "BAKE_TIME",
    ];
    let gates_of = |engine: Engine| gates.map(|step| engine.gate_of(&pipeline, step).is_some());
    assert_eq!(gates_of(engines[0]), [true, false, false, false]);
    assert_eq!(gates_of(engines[1]), [false, true, true, false]);
    assert_eq!(gates_of(engines[2]), [false; 4]);
    for engine in engines {
        let is_codedeploy = engine == Engine::CodeDeploy;
        for words in [
            engine.how_to_reroute(),
            engine.without_rollback(),
            engine.check_what_is_left(),
            engine.check_who_changed(),
            engine.restore_test_listener(),
            engine.check_test_listener(),
            engine.check_production(),
        ] {
            let is_of_codedeploy = words.contains("task set") || words.contains("CodeDeploy");
            assert!(is_codedeploy || !is_of_codedeploy, "{engine}: {words}");
        }
    }
}
