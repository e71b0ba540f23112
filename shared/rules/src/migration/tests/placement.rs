use std::time::Duration;

use super::*;
use crate::config::{MigrationImage, MigrationRevision};
use crate::observed::{
    CapacityProvider, PlacementConstraint, PlacementStrategy, TaskSet, TaskSetStatus,
};

/// A launch type, or capacity providers by name.
fn capacity(words: &str) -> Placement {
    let is_launch_type = ["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"].contains(&words);
    let provider = |name: &str| CapacityProvider {
        name: name.to_owned(),
        weight: 1,
        base: 0,
    };
    Placement {
        launch_type: is_launch_type.then(|| words.to_owned()),
        capacity_providers: match is_launch_type {
            true => Vec::new(),
            false => words.split_whitespace().map(provider).collect(),
        },
        ..Placement::default()
    }
}

/// Where the migration runs whose service has a constraint and a strategy of every type.
fn placed(service: &str, green: &str) -> String {
    let constraint = |kind: &str, expression: Option<&str>| PlacementConstraint {
        kind: kind.to_owned(),
        expression: expression.map(str::to_owned),
    };
    let strategy = |kind: &str, field: Option<&str>| PlacementStrategy {
        kind: kind.to_owned(),
        field: field.map(str::to_owned),
    };
    let deployment: DeploymentId = "d-8X2K4PLQ3".parse().unwrap();
    let green = TaskSet {
        id: "ecs-svc/2".to_owned(),
        status: TaskSetStatus::Active,
        created_at: None,
        deployment: Some(deployment.clone()),
        revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
            .parse()
            .unwrap(),
        placement: capacity(green),
        load_balancer: None,
        computed_desired_count: 2,
        running_count: 2,
    };
    let service = Service {
        placement: Placement {
            constraints: vec![
                constraint("memberOf", Some("attribute:disk == ssd")),
                constraint("distinctInstance", None),
            ],
            strategies: vec![
                strategy("spread", Some("instanceId")),
                strategy("random", None),
            ],
            ..capacity(service)
        },
        task_sets: vec![green],
        ..Service::for_tests()
    };
    let migration = Migration {
        container: "web".parse().unwrap(),
        command: Vec::new(),
        image: MigrationImage::Pushed,
        revision: MigrationRevision::Shipped,
        time_out: Duration::from_secs(60),
    };
    let placement = plan(&migration, &deployment, &service).unwrap().placement;
    let providers = placement.capacity_providers.iter();
    let providers = providers.map(|provider| provider.name.clone());
    let constraints = placement.constraints.iter();
    let constraints = constraints.map(|constraint| constraint.kind.clone());
    let strategies = placement.strategies.iter();
    let strategies = strategies.map(|strategy| strategy.kind.clone());
    let words = placement.launch_type.clone().into_iter().chain(providers);
    let words = words.chain(constraints).chain(strategies);
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_migration_runs_where_the_service_may_run_and_fargate_has_no_instances() {
    for (service, green, expected) in [
        ("EC2", "EC2", "EC2 memberOf spread random"),
        ("EC2", "", "EC2 memberOf spread random"),
        ("", "", "memberOf spread random"),
        ("spot", "spot big", "spot big memberOf spread random"),
        ("EXTERNAL", "EXTERNAL", "EXTERNAL memberOf spread random"),
        // ECS places on managed instances by itself, within the constraints.
        ("MANAGED_INSTANCES", "", "MANAGED_INSTANCES memberOf"),
        ("EC2", "FARGATE", "FARGATE"),
        ("EC2", "FARGATE_SPOT FARGATE", "FARGATE_SPOT FARGATE"),
        ("FARGATE", "", "FARGATE"),
    ] {
        assert_eq!(placed(service, green), expected, "{service}, {green}");
    }
}
