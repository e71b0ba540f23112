use super::super::*;
use crate::observed::ContainerOverride;

const EXECUTION: &str = "eyJ1";

fn runs() -> TaskRun {
    TaskRun {
        revision: Task::for_tests(&[]).revision,
        alone_of: None,
        container: "web".parse().unwrap(),
        command: vec!["migrate".to_owned(), "up".to_owned()],
    }
}

fn overriding(name: &str) -> ContainerOverride {
    ContainerOverride {
        name: name.parse().unwrap(),
        command: runs().command,
        environment: std::collections::BTreeMap::new(),
        others: Vec::new(),
    }
}

/// The migration, as ECS describes it: the other containers are listed by their names alone.
fn migration() -> Task {
    let mut task = Task::for_tests(&[("web", Some(0))]);
    let mut proxy = overriding("proxy");
    proxy.command.clear();
    task.overrides = vec![proxy, overriding("web")];
    task
}

fn differ(task: &Task) -> String {
    let executions = [EXECUTION.parse().unwrap()];
    differences(task, &"d-1".parse().unwrap(), "prod", &runs(), &executions).join("; ")
}

#[test]
fn the_task_that_would_have_been_started_differs_in_nothing() {
    assert_eq!(differ(&migration()), "");
    let by_name = Task {
        cluster: "prod".to_owned(),
        ..migration()
    };
    assert_eq!(differ(&by_name), "");
}

/// Every member right but one, for each of them.
#[test]
#[expect(clippy::too_many_lines, reason = "one table, a case a line")]
fn a_task_that_differs_in_one_member_is_not_the_migration() {
    let mut cases: Vec<(Task, &str)> = Vec::new();
    let mut case = |change: &dyn Fn(&mut Task), said| {
        let mut task = migration();
        change(&mut task);
        cases.push((task, said));
    };
    case(
        &|task| task.cluster = task.cluster.replace("prod", "sandbox"),
        "its cluster is",
    );
    case(
        &|task| {
            task.revision = task
                .revision
                .as_str()
                .replace("web:2", "web:1")
                .parse()
                .unwrap()
        },
        "its revision is",
    );
    case(
        &|task| task.started_by = Some("greenlight/d-2".to_owned()),
        "its `startedBy` is",
    );
    case(&|task| task.started_by = None, "its `startedBy` is");
    case(
        &|task| task.overrides[1].command = vec!["true".to_owned()],
        "its command is another one",
    );
    case(
        &|task| drop(task.overrides[1].command.pop()),
        "its command is another one",
    );
    case(
        &|task| task.overrides[1].name = "app".parse().unwrap(),
        "container `app` is overridden",
    );
    case(
        &|task| task.overrides.truncate(1),
        "0 of its containers are overridden",
    );
    case(
        &|task| task.overrides[0].command = vec!["true".to_owned()],
        "2 of its containers are overridden",
    );
    case(
        &|task| {
            drop(
                task.overrides[1]
                    .environment
                    .insert("DATABASE_URL".to_owned(), "x".to_owned()),
            )
        },
        "environment is overridden",
    );
    for other in ["cpu", "environmentFiles", "resourceRequirements"] {
        case(
            &|task| task.overrides[1].others.push(other.to_owned()),
            "is overridden",
        );
    }
    for other in ["taskRoleArn", "executionRoleArn", "cpu"] {
        case(
            &|task| task.other_overrides.push(other.to_owned()),
            "is overridden",
        );
    }
    for (task, said) in cases {
        let found = differ(&task);
        assert!(found.contains(said), "{said}: {found:?}");
        assert!(!found.contains("; "), "{said}: {found:?}");
    }
}

/// A task of an older version carries its two ids, and they must be those of the hook that waits.
#[test]
fn the_variables_of_an_older_version_are_compared() {
    let with = |pairs: &[(&str, &str)]| {
        let mut task = migration();
        let pairs = pairs.iter();
        task.overrides[1].environment = pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        differ(&task)
    };
    let (id, execution) = ("GREENLIGHT_DEPLOYMENT_ID", "GREENLIGHT_HOOK_EXECUTION_ID");
    assert_eq!(with(&[(id, "d-1"), (execution, EXECUTION)]), "");
    for wrong in [
        &[(id, "d-2"), (execution, EXECUTION)][..],
        &[(id, "d-1"), (execution, "eyJ2")],
        &[(id, "d-1")],
        &[(execution, EXECUTION)],
        &[(id, "d-1"), (execution, EXECUTION), ("PATH", "/tmp")],
    ] {
        assert!(
            with(wrong).contains("environment is overridden"),
            "{wrong:?}"
        );
    }
}
