use serde_json::json;

use super::*;
use crate::ecs::task::{Binding, Network};

fn behind() -> LoadBalancerTarget {
    LoadBalancerTarget {
        target_group_arn: "group".to_owned(),
        container: "web".to_owned(),
        port: 8080,
    }
}

fn target(id: &str, port: u16, state: &'static str) -> TargetHealth {
    TargetHealth {
        id: id.to_owned(),
        port,
        state,
        reason: None,
        description: None,
    }
}

/// Tasks `10.0.0.1`, `10.0.0.2`, … with these statuses and target states, in a task set with a desired count of two.
fn settled(tasks: &[(TaskStatus, &'static str)]) -> bool {
    let address = |index: usize| format!("10.0.0.{}", index + 1);
    let all: Vec<Task> = tasks
        .iter()
        .enumerate()
        .map(|(index, (status, _))| Task {
            status: *status,
            network: Network::Interface(address(index)),
            ..Task::for_tests("task")
        })
        .collect();
    let health: Vec<TargetHealth> = tasks
        .iter()
        .enumerate()
        .filter(|(_, (_, state))| !state.is_empty())
        .map(|(index, (_, state))| target(&address(index), 8080, state))
        .collect();
    let all: Vec<&Task> = all.iter().collect();
    let measured = Measured {
        behind: behind(),
        health,
    };
    stability(2, &all, &[measured]) == Stability::SteadyState
}

#[test]
fn a_task_set_is_steady_when_its_desired_count_runs_and_is_healthy() {
    use TaskStatus::{Deactivating, Pending, Provisioning, Running, Stopped};
    let well = (Running, "healthy");
    let cases: [(&[(TaskStatus, &str)], bool); 11] = [
        (&[well, well], true),
        (&[well], false),
        (&[well, well, well], false),
        (&[well, (Running, "initial")], false),
        (&[well, (Running, "unhealthy")], false),
        (&[well, (Running, "draining")], false),
        (&[well, (Running, "")], false),
        // A group without a listener is not health-checked, and with AllAtOnce CodeDeploy installs green without one.
        (&[(Running, "unused"), (Running, "unused")], true),
        (&[well, well, (Provisioning, "")], false),
        (&[well, (Pending, "")], false),
        (
            &[well, well, (Deactivating, "draining"), (Stopped, "")],
            true,
        ),
    ];
    for (tasks, steady) in cases {
        assert_eq!(settled(tasks), steady, "{tasks:?}");
    }
}

#[test]
fn a_task_is_healthy_that_is_so_in_every_target_group() {
    let task = Task {
        status: TaskStatus::Running,
        network: Network::Interface("10.0.0.1".to_owned()),
        ..Task::for_tests("task")
    };
    let now = SystemTime::UNIX_EPOCH;
    for (states, is_well, unhealthy) in [
        (vec!["healthy", "healthy"], true, None),
        (vec!["healthy", "unused"], true, None),
        (vec!["healthy", "initial"], false, None),
        (vec!["healthy", ""], false, None),
        (vec!["healthy", "unhealthy"], false, Some("group-1")),
        (vec!["unhealthy", "unhealthy"], false, Some("group-0")),
    ] {
        let group = |(index, state): (usize, &&'static str)| Measured {
            behind: LoadBalancerTarget {
                target_group_arn: format!("group-{index}"),
                ..behind()
            },
            health: match *state {
                "" => Vec::new(),
                state => vec![target("10.0.0.1", 8080, state)],
            },
        };
        let measured: Vec<Measured> = states.iter().enumerate().map(group).collect();
        assert_eq!(is_healthy(&task, &measured, now), is_well, "{states:?}");
        let settled = stability(1, &[&task], &measured) == Stability::SteadyState;
        assert_eq!(settled, is_well, "{states:?}");
        let found = unhealthy_in(&task, &measured);
        let found = found.map(|group| group.behind.target_group_arn.as_str());
        assert_eq!(found, unhealthy, "{states:?}");
    }
}

#[test]
fn a_task_with_host_ports_is_known_by_its_instance_and_port() {
    let binding = |container: &str, host_port| Binding {
        container: container.to_owned(),
        container_port: 8080,
        host_port,
        protocol: "tcp".to_owned(),
    };
    let task = Task {
        network: Network::Host(vec![binding("proxy", 32768), binding("web", 32769)]),
        instance: Some(crate::ecs::instance::instance_for_tests(7)),
        ..Task::for_tests("task")
    };
    let group = Measured {
        behind: behind(),
        health: vec![
            target("i-7", 32768, "unhealthy"),
            target("i-7", 32769, "healthy"),
        ],
    };
    let found = target_of(&task, &group);
    assert_eq!(found.map(|target| target.state), Some("healthy"));
}

#[test]
fn tasks_get_the_tags_that_update_service_asks_for() {
    let tag = |key: &str| json!({ "key": key, "value": "" });
    let revision = Revision {
        family: "web".to_owned(),
        number: 1,
        registered: Map::new().into(),
        tags: vec![tag("revision")],
        registered_at: SystemTime::UNIX_EPOCH,
        registered_by: String::new(),
        deregistered_at: None,
    };
    let service = |options: Value| Service {
        cluster: "prod".to_owned(),
        name: "web".to_owned(),
        desired_count: 2,
        launch_type: "FARGATE".to_owned(),
        platform_version: "1.4.0".to_owned(),
        network_configuration: Value::Null,
        options: options.as_object().unwrap().clone(),
        tags: vec![tag("service")],
        events: Vec::new(),
        load_balancers: vec![behind()],
        controller: Controller::CodeDeploy,
        task_definition: "web:1".to_owned(),
        task_sets: Vec::new(),
        created_at: SystemTime::UNIX_EPOCH,
    };
    let cases = [
        (json!({}), ""),
        (json!({ "propagateTags": "NONE" }), ""),
        (json!({ "propagateTags": "SERVICE" }), "service"),
        (json!({ "propagateTags": "TASK_DEFINITION" }), "revision"),
        (
            json!({ "enableECSManagedTags": true }),
            "aws:ecs:clusterName aws:ecs:serviceName",
        ),
    ];
    for (options, expected) in cases {
        let tags = service(options).tags_of_tasks(&revision);
        let keys: Vec<_> = tags
            .iter()
            .map(|tag| tag["key"].as_str().unwrap())
            .collect();
        assert_eq!(keys.join(" "), expected);
    }
}
