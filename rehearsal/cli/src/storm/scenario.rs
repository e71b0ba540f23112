//! Turns a storm into a scenario: its services, its pipelines file, and its steps.

use std::time::Duration;

use local_aws::clock::Pace;
use local_aws::ecr::ImageSettings;
use local_aws::identity::ACCOUNT;
use local_aws::world::{DeployedBy, EcsDeployments, Internal, IsBalanced, TestRule};
use serde_json::json;

use super::plan::{Deployer, Pipeline, Plan, Rule};
use crate::scenario::setting::{BLUE, Service, Setting, settings};
use crate::scenario::{Impossible, MessageFormat, Pipelines, Scenario, Step};

/// Thousands of storms are played: the clock waits for production requests that can observe a change, and for no
/// others.
const DWELL: Duration = Duration::ZERO;
/// More than a millisecond.
const A_MOMENT: Duration = Duration::from_millis(2);

/// The storm as a scenario.
pub(super) fn scenario(plan: &Plan) -> Scenario {
    Scenario {
        name: "storm".to_owned(),
        summary: "random pipelines, pushes, faults and people; then everything must converge"
            .to_owned(),
        pipelines: Pipelines::Text(plan.pipelines.iter().map(section).collect()),
        message_format: MessageFormat::Json,
        setting: setting(plan),
        steps: steps(plan),
        expectations: Vec::new(),
        excuses: Vec::new(),
    }
    .sound()
}

/// The plan's steps, as they are played.
fn steps(plan: &Plan) -> Vec<Step> {
    let injected = plan.delivery_faults.iter().cloned();
    let mut steps: Vec<Step> = injected.map(Step::InjectDeliveryFaults).collect();
    for step in &plan.steps {
        steps.push(step.clone());
        if let Step::Push(_) = step {
            // ECR states the times of pushes in milliseconds, and the newest image is determined by them: after two
            // pushes in one millisecond, each run could choose another image. Real pushes are never that close.
            steps.push(Step::Pass(A_MOMENT));
        }
    }
    steps
}

fn section(pipeline: &Pipeline) -> String {
    let Pipeline {
        service,
        cluster,
        repository,
        when_busy,
        termination_wait,
        deployment_config,
        ..
    } = pipeline;
    let rule = pipeline.rule.text();
    let mut text = format!(
        "[[pipeline]]\nname = \"{service}\"\nrepository = \"{repository}\"\ntag = \"{rule}\"\n\
         cluster = \"{cluster}\"\nservice = \"{service}\"\ndeployment_config = \"{deployment_config}\"\n\
         when_busy = \"{when_busy}\"\ntermination_wait = \"{termination_wait}\"\n"
    );
    if pipeline.migrates {
        text += "[pipeline.migration]\ncontainer = \"web\"\ncommand = [\"sample-service\", \"migrate\"]\n\
                 timeout_minutes = 20\n";
    }
    if pipeline.checks_production {
        text += "[pipeline.production_traffic]\n";
    }
    // Production is asked what test traffic is, where there is test traffic.
    let gate = match pipeline.deployer {
        Deployer::Rolling => "production_traffic",
        Deployer::CodeDeploy | Deployer::BlueGreen | Deployer::Linear | Deployer::Canary => {
            "test_traffic"
        }
    };
    for path in &pipeline.asks {
        text += &format!("[[pipeline.{gate}.request]]\npath = \"{path}\"\nstatus = \"200\"\n");
    }
    text + "\n"
}

fn setting(plan: &Plan) -> Setting {
    let mut setting = Setting {
        repositories: Vec::new(),
        images: Vec::new(),
        services: plan.pipelines.iter().map(service).collect(),
        assumptions: plan.assumptions.iter().copied().collect(),
        dwell: DWELL,
        pace: Pace::Still,
        faults: plan.call_faults.clone(),
        impossible: Impossible::LeftOut,
        broken_unseen: plan.broken_unseen.clone(),
        ..Setting::shop()
    };
    for pipeline in &plan.pipelines {
        if !setting.repositories.contains(&pipeline.repository) {
            setting.repositories.push(pipeline.repository.clone());
            setting.images.push(first(plan, &pipeline.repository));
        }
    }
    setting
}

/// The initial images of a repository's services, under every tag that is followed there.
fn first(plan: &Plan, repository: &str) -> ImageSettings {
    let followed = plan
        .pipelines
        .iter()
        .filter(|pipeline| pipeline.repository == repository);
    let mut tags: Vec<&str> = followed
        .map(|pipeline| match pipeline.rule {
            Rule::Latest => "latest",
            Rule::Release => "release-0",
            Rule::Versions => BLUE,
        })
        .collect();
    tags.sort_unstable();
    tags.dedup();
    ImageSettings::new(repository, &tags, BLUE)
}

fn service(pipeline: &Pipeline) -> Service {
    let mut service = settings(
        pipeline.service,
        pipeline.cluster,
        &["web"],
        &pipeline.repository,
    );
    // One process per service: storms test which service is deployed when, not the number of tasks.
    service.desired_count = 1;
    service.health_check.interval = Duration::from_secs(5);
    service.ready_wait = pipeline.ready_wait;
    service.termination_wait = pipeline.blue_stays;
    service.alarms = vec![pipeline.alarm()];
    service.deployed_by = deployed_by(pipeline);
    if !pipeline.rolls_back_on_stop {
        service
            .rollback_on
            .retain(|reason| reason != "DEPLOYMENT_STOP_ON_REQUEST");
    }
    Service::new(pipeline.service.to_owned(), service)
}

/// A pause in place of CodeDeploy's ready wait goes on by itself.
fn deployed_by(pipeline: &Pipeline) -> DeployedBy {
    if !pipeline.deployer.is_ecs() {
        return DeployedBy::CodeDeploy;
    }
    let hook = |function: &str, stage: &str| json!({ "hookTargetArn": function, "roleArn": "HookRole", "lifecycleStages": [stage] });
    let mut hooks = Vec::new();
    // A rolling update has no hooks: a migration runs before it, and production is asked after it.
    let has_hooks = pipeline.deployer != Deployer::Rolling;
    if has_hooks && pipeline.migrates {
        hooks.push(hook("RunMigration", "PRE_SCALE_UP"));
    }
    if has_hooks && !pipeline.asks.is_empty() {
        hooks.push(hook("CheckTestTraffic", "POST_TEST_TRAFFIC_SHIFT"));
    }
    if has_hooks && pipeline.checks_production {
        hooks.push(hook("CheckProduction", "POST_PRODUCTION_TRAFFIC_SHIFT"));
    }
    if let (Some(wait), true) = (pipeline.ready_wait, has_hooks) {
        let timeout = json!({ "timeoutInMinutes": wait.as_secs() / 60, "action": "CONTINUE" });
        hooks.push(json!({
            "targetType": "PAUSE",
            "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
            "timeoutConfiguration": timeout,
        }));
    }
    let mut configuration = json!({
        "strategy": pipeline.deployer.name(),
        "bakeTimeInMinutes": pipeline.blue_stays.as_secs() / 60,
        "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        "alarms": {
            "alarmNames": [pipeline.alarm()],
            "enable": true,
            "rollback": pipeline.rolls_back_on_stop,
        },
    });
    if !hooks.is_empty() {
        configuration["lifecycleHooks"] = json!(hooks);
    }
    match pipeline.deployer {
        Deployer::Linear => configuration["linearConfiguration"] = json!({ "stepPercent": 25 }),
        Deployer::Canary => configuration["canaryConfiguration"] = json!({ "canaryPercent": 10 }),
        Deployer::CodeDeploy | Deployer::BlueGreen | Deployer::Rolling => {}
    }
    DeployedBy::Ecs(Box::new(EcsDeployments {
        configuration,
        test_rule: TestRule::OwnPort(Vec::new()),
        infrastructure_role: format!("arn:aws:iam::{ACCOUNT}:role/ecsInfrastructureRole"),
        balanced: IsBalanced::Balanced,
        internal: Internal::Absent,
    }))
}
