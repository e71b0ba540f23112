use std::time::UNIX_EPOCH;

use super::*;
use crate::ecs::instance::instance_for_tests;

fn revision(mode: &str, host_port: u64, memory: u64) -> Revision {
    let port = json!({ "containerPort": 8080, "hostPort": host_port, "protocol": "tcp" });
    let web = json!({ "name": "web", "cpu": 128, "memory": memory, "portMappings": [port] });
    let registered = json!({ "networkMode": mode, "containerDefinitions": [web] });
    Revision {
        family: "web".to_owned(),
        number: 1,
        registered: registered.as_object().unwrap().clone().into(),
        tags: Vec::new(),
        registered_at: UNIX_EPOCH,
        registered_by: String::new(),
        deregistered_at: None,
    }
}

fn two_instances() -> State {
    State {
        container_instances: vec![instance_for_tests(1), instance_for_tests(2)],
        ..State::default()
    }
}

/// Places a task and keeps it there; returns `i-1:32768`, an address, or the reason for the failure.
fn launch(state: &mut State, launch_type: &str, revision: &Revision) -> String {
    let anywhere = Placement::default();
    let placement = (&anywhere, "service:web");
    let place = match place(state, "prod", launch_type, revision, placement) {
        Ok(place) => place,
        Err(NoPlace::NoContainerInstances) => return "no container instances".to_owned(),
        Err(NoPlace::Failures(failures)) => {
            let reasons = failures.iter().map(|failure| failure.reason.as_str());
            return reasons.collect::<Vec<_>>().join(" ");
        }
    };
    state.launched_ever += 1;
    let task = Task {
        launch_type: launch_type.to_owned(),
        instance: place.instance,
        network: place.network,
        reserved: needs(revision),
        ..Task::for_tests(&format!("task/{}", state.launched_ever))
    };
    let target = task
        .target("web", 8080)
        .map(|(id, port)| format!("{id}:{port}"));
    state.tasks.push(task);
    target.unwrap_or_default()
}

#[test]
fn tasks_go_to_the_emptiest_instance_and_ports_rotate() {
    let (mut state, web) = (two_instances(), revision("bridge", 0, 128));
    let mut launched = || launch(&mut state, "EC2", &web);
    let targets: Vec<String> = (0..4).map(|_| launched()).collect();
    assert_eq!(
        targets,
        ["i-1:60999", "i-2:60999", "i-1:32768", "i-2:32768"]
    );
    // A released port is not assigned next.
    state.tasks[2].status = TaskStatus::Stopped;
    assert_eq!(launch(&mut state, "EC2", &web), "i-1:32769");
}

#[test]
fn a_fixed_port_is_available_once_per_instance() {
    let (mut state, web) = (two_instances(), revision("bridge", 80, 128));
    assert_eq!(launch(&mut state, "EC2", &web), "i-1:80");
    assert_eq!(launch(&mut state, "EC2", &web), "i-2:80");
    let refused = "RESOURCE:PORTS RESOURCE:PORTS";
    assert_eq!(launch(&mut state, "EC2", &web), refused);
    let host = revision("host", 8080, 128);
    assert_eq!(launch(&mut state, "EC2", &host), "i-1:8080");
    let own = revision("awsvpc", 8080, 128);
    assert_eq!(launch(&mut state, "EC2", &own), "10.0.12.13:8080");
}

#[test]
fn without_capacity_each_instance_has_a_reason() {
    let mut state = two_instances();
    let large = revision("bridge", 0, 3000);
    assert_eq!(launch(&mut state, "EC2", &large), "i-1:60999");
    assert_eq!(launch(&mut state, "EC2", &large), "i-2:60999");
    let refused = "RESOURCE:MEMORY RESOURCE:MEMORY";
    assert_eq!(launch(&mut state, "EC2", &large), refused);
    let mut none = State::default();
    let nowhere = launch(&mut none, "EC2", &large);
    assert_eq!(nowhere, "no container instances");
    let mut fargate = State {
        fargate_tasks_at_most: Some(1),
        ..State::default()
    };
    let web = revision("awsvpc", 8080, 512);
    assert_eq!(launch(&mut fargate, "FARGATE", &web), "10.0.12.10:8080");
    assert_eq!(launch(&mut fargate, "FARGATE", &web), NO_FARGATE);
}

/// What the service event says of failures of the instances `a` and `b`.
fn sentence(a: &str, b: &str) -> String {
    let failure = |id: &str, reason: &str| Failure {
        arn: Some(format!(
            "arn:aws:ecs:eu-central-1:1:container-instance/prod/{id}"
        )),
        reason: reason.to_owned(),
    };
    NoPlace::Failures(vec![failure("a", a), failure("b", b)]).sentence()
}

#[test]
fn the_service_event_names_the_closest_instance() {
    let unmet = "MemberOf placement constraint unsatisfied.";
    for (a, b, expected) in [
        (
            "RESOURCE:MEMORY",
            unmet,
            "(container-instance a) has insufficient memory available.",
        ),
        (
            unmet,
            "RESOURCE:CPU",
            "(container-instance b) has insufficient CPU units available.",
        ),
        (
            unmet,
            "RESOURCE:PORTS",
            "(container-instance b) is already using a port required by your task.",
        ),
        (
            unmet,
            unmet,
            "(container-instance b) encountered error \"MemberOf placement constraint unsatisfied.\".",
        ),
    ] {
        let said = sentence(a, b);
        assert!(said.starts_with(
            " because no container instance met all of its requirements. The closest"
        ));
        assert!(said.contains(expected), "{said}");
    }
    let none = NoPlace::NoContainerInstances.sentence();
    assert!(
        none.contains("Reason: No Container Instances were found in your cluster."),
        "{none}"
    );
    let fargate = Failure {
        arn: None,
        reason: NO_FARGATE.to_owned(),
    };
    let said = NoPlace::Failures(vec![fargate]).sentence();
    assert_eq!(said, format!(". Reason: {NO_FARGATE}."));
}
