//! `cargo rehearse --infrastructure`: examples/infrastructure is made and deployed to, and mistakes that are planted in it are found.

mod https;
mod outputs;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use local_aws::stacks::{Plan, Surroundings, TemplateFile, is_known, rows};
use local_aws::template::Template;
use rules::config::Config;

use crate::repository;
use crate::scenarios::run::{binaries, rehearse, side_by_side};

const FILES: [&str; 3] = ["repository", "network", "service"];
const STRATEGIES: [&str; 4] = ["CODE_DEPLOY", "BLUE_GREEN", "CANARY", "ROLLING"];

/// What a person has to enter.
const GIVEN: [&str; 2] = ["GitHubRepository=example/shop", "Clients=203.0.113.0/24"];

fn text(file: &str) -> String {
    repository::text(&format!("examples/infrastructure/{file}.yaml"))
}

/// Runs the rehearsal with these files and parameters.
fn rehearse_files(files: &[PathBuf], parameters: &[&str]) -> Output {
    rehearse_more(files, parameters, &[])
}

/// The same with more arguments.
fn rehearse_more(files: &[PathBuf], parameters: &[&str], more: &[&str]) -> Output {
    let files = files.iter().map(|file| file.to_str().unwrap());
    let mut arguments: Vec<&str> = files.flat_map(|file| ["--infrastructure", file]).collect();
    arguments.extend(parameters.iter().flat_map(|one| ["--parameter", one]));
    arguments.extend(["--dwell", "20"]);
    arguments.extend(more);
    rehearse(&arguments)
}

fn examples() -> Vec<PathBuf> {
    let folder = Path::new("examples/infrastructure");
    let file = |name: &str| folder.join(format!("{name}.yaml"));
    FILES.map(file).into()
}

/// The examples, in one of which this stands in place of that, everywhere where it stands.
fn planted(name: &str, file: &str, that: &str, this: &str) -> Vec<PathBuf> {
    let folder = binaries().join("infrastructure").join(name);
    fs::create_dir_all(&folder).unwrap();
    let write = |one: &str| {
        let mut text = text(one);
        if one == file {
            assert!(text.contains(that), "{name}: {file}.yaml has no `{that}`");
            text = text.replace(that, this);
        }
        let path = folder.join(format!("{one}.yaml"));
        fs::write(&path, text).unwrap();
        path
    };
    FILES.map(write).into()
}

/// What a run told: on stderr why nothing was played, on stdout how it went.
fn told(output: &Output) -> String {
    let [told, why] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{told}{why}")
}

#[test]
fn every_strategy_and_capacity_is_read_and_prints_a_pipeline_of_its_service() {
    let root = repository::root();
    let parameters = BTreeMap::from([
        ("Architecture".to_owned(), "arm64".to_owned()),
        ("Mode".to_owned(), "deploy".to_owned()),
    ]);
    let greenlight = Template::read(
        &root.join("template.yaml"),
        &parameters,
        root,
        &root.join("config/pipelines.toml"),
    );
    let outputs = greenlight.unwrap().outputs.into_iter();
    let outputs: BTreeMap<String, String> =
        outputs.map(|(name, output)| (name, output.value)).collect();
    for strategy in STRATEGIES {
        for capacity in ["FARGATE", "EC2"] {
            let chosen = [
                format!("Strategy={strategy}"),
                format!("Capacity={capacity}"),
            ];
            let given = GIVEN.into_iter().chain(chosen.iter().map(String::as_str));
            let mut surroundings = Surroundings {
                given: given
                    .filter_map(|one| one.split_once('='))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                outputs: outputs.clone(),
                version: "1.0.0".to_owned(),
                ..Surroundings::default()
            };
            let mut plan = Plan::default();
            for name in FILES {
                let file = TemplateFile::parse(name, &text(name)).unwrap();
                plan = Plan::read(&file, &surroundings)
                    .unwrap_or_else(|problems| panic!("{chosen:?}: {problems:?}"));
                surroundings = surroundings.with(&plan);
            }
            let [service] = plan.services.as_slice() else {
                panic!("{chosen:?}: {} services", plan.services.len());
            };
            let is_native = ["BLUE_GREEN", "CANARY"].contains(&strategy);
            assert_eq!(service.has_hooks, is_native, "{chosen:?}");
            assert_eq!(service.has_code_deploy, strategy == "CODE_DEPLOY");
            let printed = &plan.outputs["Pipelines"].value;
            assert!(is_known(printed), "{printed}");
            let config = Config::parse(printed).unwrap();
            assert_eq!(config.pipelines.len(), 1, "{printed}");
        }
    }
}

/// Each strategy, and each capacity twice.
#[test]
fn a_push_ships_in_the_stacks_of_the_examples() {
    let plays = [
        ["Strategy=CODE_DEPLOY", "Capacity=EC2"],
        ["Strategy=BLUE_GREEN", "Capacity=FARGATE"],
        ["Strategy=CANARY", "Capacity=EC2"],
        ["Strategy=ROLLING", "Capacity=FARGATE"],
    ];
    let failed = side_by_side(&plays, |chosen| {
        let output = rehearse_files(&examples(), &[&GIVEN[..], chosen].concat());
        (!output.status.success()).then(|| format!("{chosen:?}:\n{}", told(&output)))
    });
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A mistake: its name, the strategy and the capacity, the file, what stands there and what is put in its place, the exit status, and
/// what is told.
type Mistake = (
    &'static str,
    [&'static str; 2],
    &'static str,
    [&'static str; 2],
    i32,
    &'static str,
);

const ON_FARGATE: &str = "Capacity=FARGATE";
const ON_INSTANCES: &str = "Capacity=EC2";
const BY_CODE_DEPLOY: &str = "Strategy=CODE_DEPLOY";
const BLUE_GREEN: &str = "Strategy=BLUE_GREEN";
const ROLLING: &str = "Strategy=ROLLING";

/// What linters take: AWS refuses it while the stack is made, or a deployment fails of it.
const MISTAKES: [Mistake; 14] = [
    (
        "pair-of-one-group",
        [BY_CODE_DEPLOY, ON_FARGATE],
        "service",
        [
            "- Name: !GetAtt Green.TargetGroupName",
            "- Name: !GetAtt Blue.TargetGroupName",
        ],
        1,
        "DeploymentGroup (AWS::CodeDeploy::DeploymentGroup) CREATE_FAILED: Resource handler returned message: \"The target groups of a \
         target group pair must be different",
    ),
    (
        "alternate-is-the-same",
        [BLUE_GREEN, ON_FARGATE],
        "service",
        [
            "AlternateTargetGroupArn: !Ref Green",
            "AlternateTargetGroupArn: !Ref Blue",
        ],
        1,
        "EcsService (AWS::ECS::Service) CREATE_FAILED: Resource handler returned message: \"Duplicate targetGroupArn found: ",
    ),
    (
        "listener-port-in-use",
        [BY_CODE_DEPLOY, ON_FARGATE],
        "service",
        ["      Port: !Ref TestPort\n", "      Port: 80\n"],
        1,
        "TestListener (AWS::ElasticLoadBalancingV2::Listener) CREATE_FAILED: Resource handler returned message: \"A listener already \
         exists on this port for this load balancer",
    ),
    (
        "rule-priority-in-use",
        [BLUE_GREEN, ON_FARGATE],
        "service",
        [
            "ListenerArn: !Ref TestListener",
            "ListenerArn: !Ref ProductionListener",
        ],
        1,
        "TestRule (AWS::ElasticLoadBalancingV2::ListenerRule) CREATE_FAILED: Resource handler returned message: \"Priority '1' is \
         currently in use",
    ),
    (
        "test-route-is-production",
        [BY_CODE_DEPLOY, ON_FARGATE],
        "service",
        [
            "ListenerArns: [!Ref TestListener]",
            "ListenerArns: [!Ref ProductionListener]",
        ],
        1,
        "a gate succeeds only because of green",
    ),
    (
        "container",
        [BY_CODE_DEPLOY, ON_FARGATE],
        "service",
        ["- ContainerName: !Ref Service", "- ContainerName: app"],
        1,
        "The container app does not exist in the task definition.",
    ),
    (
        "container-port",
        [ROLLING, ON_FARGATE],
        "service",
        [
            "          ContainerPort: !Ref Port\n          TargetGroup",
            "          ContainerPort: 8080\n          TargetGroup",
        ],
        1,
        "The container web did not have a container port 8080 defined.",
    ),
    (
        "matcher",
        [ROLLING, ON_FARGATE],
        "service",
        ["HttpCode: !Ref HealthStatus", "HttpCode: \"200\""],
        1,
        "(reason Health checks failed with these codes: [301])",
    ),
    (
        "host-port-on-fargate",
        [BY_CODE_DEPLOY, ON_FARGATE],
        "service",
        [
            "HostPort: !If [IsEc2, 0, !Ref AWS::NoValue]",
            "HostPort: 80",
        ],
        1,
        "TaskDefinition (AWS::ECS::TaskDefinition) CREATE_FAILED: Resource handler returned message: \"When networkMode=awsvpc, the host \
         ports and container ports in port mappings must match.",
    ),
    (
        "room-for-one-task-set",
        [BY_CODE_DEPLOY, ON_INSTANCES],
        "network",
        ["    Default: 2\n", "    Default: 1\n"],
        1,
        "The deployment timed out while waiting for the replacement task set to become healthy.",
    ),
    (
        "hook-role",
        [BLUE_GREEN, ON_FARGATE],
        "service",
        [
            "RoleArn: !Ref HookRole",
            "RoleArn: !GetAtt InfrastructureRole.Arn",
        ],
        1,
        "is not authorized to perform: lambda:InvokeFunction",
    ),
    (
        "launch-type",
        [BY_CODE_DEPLOY, ON_INSTANCES],
        "service",
        ["LaunchType: !Ref Capacity", "LaunchType: FARGATE"],
        1,
        "Task definition does not support launch_type FARGATE.",
    ),
    (
        "passed-roles",
        [BY_CODE_DEPLOY, ON_FARGATE],
        "service",
        ["\"TaskRoles=${TaskRole}\"", "\"TaskRoles=other\""],
        1,
        "the stack's parameters `TaskRoles` and `ExecutionRoles` must match them",
    ),
    (
        "cluster-of-the-pipeline",
        [ROLLING, ON_FARGATE],
        "service",
        ["cluster = \"${Cluster}\"", "cluster = \"default\""],
        2,
        "the pipeline `prod-web` deploys to `default/web`, and the templates make the service `prod/web`",
    ),
];

/// What the rehearsal does not read, which could mean anything.
const UNREAD: [Mistake; 7] = [
    (
        "type",
        [ROLLING, ON_FARGATE],
        "service",
        ["Type: AWS::Logs::LogGroup", "Type: AWS::S3::Bucket"],
        2,
        "service.yaml` has 1 mistake\n  at `Resources.Log`: the rehearsal does not make resources of the type `AWS::S3::Bucket`",
    ),
    (
        "property",
        [ROLLING, ON_FARGATE],
        "service",
        ["HealthCheckPath:", "HealthChekPath:"],
        2,
        "at `Resources.Blue.Properties.HealthChekPath`: the rehearsal does not read this property, it reads `Name`,",
    ),
    (
        "inner-property",
        [ROLLING, ON_FARGATE],
        "service",
        ["          Essential: true", "          Privileged: true"],
        2,
        "at `Resources.TaskDefinition.Properties.ContainerDefinitions[0].Privileged`: the rehearsal does not read this property",
    ),
    (
        "function",
        [ROLLING, ON_FARGATE],
        "service",
        [
            "RetentionInDays: 30",
            "RetentionInDays: !FindInMap [A, B, C]",
        ],
        2,
        "at `Resources.Log.Properties.RetentionInDays`: the rehearsal does not support `Fn::FindInMap`",
    ),
    (
        "section",
        [ROLLING, ON_FARGATE],
        "network",
        ["Conditions:\n", "Mappings: {}\nConditions:\n"],
        2,
        "network.yaml` has 1 mistake\n  at `Mappings`: the rehearsal does not read this section",
    ),
    (
        "reference",
        [ROLLING, ON_FARGATE],
        "service",
        ["ServiceName: !Ref Service", "ServiceName: !Ref Servise"],
        2,
        "at `Resources.EcsService.Properties.ServiceName`: the template has neither a resource nor a parameter `Servise`",
    ),
    (
        "condition",
        [ROLLING, ON_FARGATE],
        "service",
        [
            "    Condition: IsCodeDeploy\n    Properties:\n      ApplicationName: !Ref Application\n",
            "    Properties:\n      ApplicationName: !Ref Application\n",
        ],
        2,
        "at `Resources.DeploymentGroup.Properties.ApplicationName`: `Application` is not created: its condition is false",
    ),
];

fn check(mistakes: &[Mistake]) {
    let wrong = side_by_side(mistakes, |mistake| {
        let (name, chosen, file, [that, this], status, expected) = mistake;
        let files = planted(name, file, that, this);
        let output = rehearse_files(&files, &[&GIVEN[..], chosen].concat());
        let told = told(&output);
        let is_found = output.status.code() == Some(*status) && told.contains(expected);
        (!is_found).then(|| format!("{name}: {:?}, expected `{expected}`\n{told}", output.status))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_linters_take_is_found_while_the_stack_is_made_or_by_a_deployment() {
    check(&MISTAKES);
}

#[test]
fn what_is_not_read_is_refused_by_its_name() {
    check(&UNREAD);
}

#[test]
fn every_parameter_without_a_value_is_named_at_once() {
    let output = rehearse_files(&examples(), &["Capacity=EC2"]);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for name in [
        "`GitHubRepository` of `examples/infrastructure/repository.yaml`: GitHub repository that may push",
        "`Strategy` of `examples/infrastructure/service.yaml`: Who deploys",
        "`Clients` of `examples/infrastructure/service.yaml`: Who reaches production",
    ] {
        assert!(told.contains(name), "{told}");
    }
    // The network's outputs have the rest.
    assert!(!told.contains("`Vpc`"), "{told}");
    for (parameters, expected) in [
        (
            &["Strateyg=ROLLING"][..],
            "no template has the parameter `Strateyg`",
        ),
        (
            &["Strategy=LINEAR", GIVEN[0], GIVEN[1]],
            "at `Parameters.Strategy`: the parameter `Strategy` is `LINEAR`: must be one of `CODE_DEPLOY`, ",
        ),
        (
            &[
                "Strategy=ROLLING",
                "Certificate=arn:aws:acm:eu-central-1:111122223333:certificate/a",
                GIVEN[0],
                GIVEN[1],
            ],
            "at `Rules.NameInTheCertificate`: the parameters break the rule: Certificate needs HostName",
        ),
    ] {
        let output = rehearse_files(&examples(), parameters);
        let told = self::told(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn the_documents_say_which_properties_are_read() {
    let documents = repository::text("docs/templates.md");
    let missing: Vec<String> = rows()
        .into_iter()
        .filter(|row| !documents.contains(row))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/templates.md lacks these rows:\n{}",
        missing.join("\n")
    );
}
