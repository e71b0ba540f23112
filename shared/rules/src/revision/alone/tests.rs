use proptest::prelude::*;
use serde_json::json;

use super::*;

const ARN: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7";

fn shipped(containers: &Value, more: &Value) -> TaskDefinition {
    let mut task_definition = json!({
        "taskDefinitionArn": ARN, "family": "web", "revision": 7, "status": "ACTIVE", "registeredAt": 1.5,
        "containerDefinitions": containers,
    });
    for (member, value) in more.as_object().into_iter().flatten() {
        task_definition[member] = value.clone();
    }
    TaskDefinition {
        task_definition,
        tags: json!([{"key": "team", "value": "shop"}, {"key": "greenlight:digest", "value": "sha256:1"}]),
    }
}

fn app() -> ContainerName {
    "app".parse().unwrap()
}

/// The names of the containers, or of the volumes, that are kept.
fn names(request: &Value, member: &str) -> Vec<String> {
    let all = request[member].as_array().into_iter().flatten();
    all.map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn check(containers: &Value, more: &Value, expected: &[&str]) -> Value {
    let request = alone(&shipped(containers, more), &app()).unwrap();
    let kept = names(&request, "containerDefinitions");
    assert_eq!(kept, expected, "{containers} {more}");
    request
}

#[test]
fn what_the_migration_needs_starts_and_nothing_else() {
    let none = json!({});
    let worker =
        json!({"name": "worker", "dependsOn": [{"containerName": "app", "condition": "START"}]});
    check(&json!([worker, {"name": "app"}]), &none, &["app"]);
    check(&json!([{"name": "app"}]), &none, &["app"]);
    // A dependency, and what that one depends on.
    check(
        &json!([
            {"name": "init"}, worker, {"name": "secrets", "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]},
            {"name": "app", "dependsOn": [{"containerName": "secrets", "condition": "HEALTHY"}]},
        ]),
        &none,
        &["init", "secrets", "app"],
    );
    // Two that depend on each other, which ECS refuses, end nothing here.
    check(
        &json!([
            {"name": "a", "dependsOn": [{"containerName": "app"}]}, {"name": "app", "dependsOn": [{"containerName": "a"}]},
        ]),
        &none,
        &["a", "app"],
    );
    let volumes_from = json!([{"sourceContainer": "files", "readOnly": true}]);
    check(
        &json!([worker, {"name": "files"}, {"name": "app", "volumesFrom": volumes_from}]),
        &none,
        &["files", "app"],
    );
    check(
        &json!([{"name": "app", "links": ["cache:redis", "queue"]}, worker, {"name": "cache"}, {"name": "queue"}]),
        &none,
        &["app", "cache", "queue"],
    );
    // What shares nothing with it by name does not count.
    check(
        &json!([{"name": "app", "links": ["work:worker"]}, worker]),
        &none,
        &["app"],
    );
}

#[test]
fn a_log_router_starts_where_something_logs_through_it() {
    let router = json!({"name": "router", "firelensConfiguration": {"type": "fluentbit"}});
    let logging = |driver: &str| json!({"logDriver": driver, "options": {}});
    let of = |driver: &str, beside: &str| {
        json!([
            router,
            {"name": "worker", "logConfiguration": logging(beside)},
            {"name": "app", "logConfiguration": logging(driver)},
        ])
    };
    let none = json!({});
    check(&of("awsfirelens", "awslogs"), &none, &["router", "app"]);
    check(&of("awslogs", "awsfirelens"), &none, &["app"]);
    // A dependency may be what logs through it.
    check(
        &json!([
            router, {"name": "init", "logConfiguration": logging("awsfirelens")},
            {"name": "app", "dependsOn": [{"containerName": "init", "condition": "START"}]},
        ]),
        &none,
        &["router", "init", "app"],
    );
}

#[test]
fn the_proxy_of_the_tasks_network_starts() {
    let containers = json!([{"name": "app"}, {"name": "worker"}, {"name": "envoy"}]);
    let proxy = json!({"proxyConfiguration": {"type": "APPMESH", "containerName": "envoy"}});
    check(&containers, &proxy, &["app", "envoy"]);
}

#[test]
fn the_volumes_of_what_starts_stay() {
    let volumes = json!({"volumes": [
        {"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}, {"name": "queue"}, {"name": "keys"},
    ]});
    let mount = |volume: &str| json!([{"sourceVolume": volume, "containerPath": "/x"}]);
    let request = check(
        &json!([
            {"name": "worker", "mountPoints": mount("queue")},
            {"name": "init", "mountPoints": mount("keys")},
            {"name": "app", "mountPoints": mount("data"), "volumesFrom": [{"sourceContainer": "init"}]},
        ]),
        &volumes,
        &["init", "app"],
    );
    assert_eq!(names(&request, "volumes"), ["data", "keys"]);
    assert_eq!(
        request["volumes"][0]["efsVolumeConfiguration"]["fileSystemId"],
        "fs-1"
    );
}

/// Whether the migration's container, its dependency and the worker are essential; whether the migration's is then.
#[test]
fn a_revision_has_an_essential_container() {
    for (app, init, worker, expected) in [
        (json!(true), json!(false), json!(true), json!(true)),
        (json!(null), json!(false), json!(true), json!(null)),
        (json!(false), json!(true), json!(true), json!(false)),
        (json!(false), json!(null), json!(true), json!(false)),
        (json!(false), json!(false), json!(true), json!(true)),
        (json!(false), json!(false), json!(null), json!(true)),
    ] {
        let containers = json!([
            {"name": "app", "essential": app, "dependsOn": [{"containerName": "init"}]},
            {"name": "init", "essential": init}, {"name": "worker", "essential": worker},
        ]);
        let request = check(&containers, &json!({}), &["app", "init"]);
        let is = &request["containerDefinitions"][0]["essential"];
        assert_eq!(*is, expected, "{containers}");
        let essential = essential_alone(&shipped(&containers, &json!({})), &self::app());
        assert!(!essential.is_empty(), "{containers}");
    }
}

#[test]
fn the_rest_stays_as_it_came_in_a_family_of_its_own() {
    let settings = json!({
        "networkMode": "awsvpc", "cpu": "512", "memory": "1024", "requiresCompatibilities": ["FARGATE"],
        "taskRoleArn": "arn:role/task", "executionRoleArn": "arn:role/execution", "pidMode": "task",
        "runtimePlatform": {"cpuArchitecture": "ARM64"}, "ofTomorrow": {"deep": [1, {"er": null}]},
    });
    let app = json!({
        "name": "app", "image": "i@sha256:1", "cpu": 0, "portMappings": [{"containerPort": 80}], "ofTomorrow": [[{}]],
    });
    let request = check(&json!([{"name": "worker"}, app]), &settings, &["app"]);
    assert_eq!(request["family"], "web-migration");
    assert_eq!(request["containerDefinitions"], json!([app]));
    for (member, value) in settings.as_object().unwrap() {
        assert_eq!(request[member], *value, "{member}");
    }
    for absent in [
        "taskDefinitionArn",
        "revision",
        "status",
        "registeredAt",
        "volumes",
    ] {
        assert_eq!(request.get(absent), None, "{absent}");
    }
    assert_eq!(
        request["tags"],
        json!([{"key": "team", "value": "shop"}, {"key": "greenlight:migration-of", "value": ARN}])
    );
}

#[test]
fn what_cannot_be_copied_is_refused() {
    let said = |definition: &TaskDefinition| alone(definition, &app()).unwrap_err().to_string();
    let containers = json!([{"name": "app"}]);
    let absent = shipped(&json!([{"name": "web"}]), &json!({}));
    assert!(said(&absent).contains("`web:7`") && said(&absent).contains("no container"));
    let mut many = shipped(&containers, &json!({}));
    let tags = (0..50).map(|number| json!({"key": number.to_string(), "value": ""}));
    many.tags = tags.collect();
    assert!(said(&many).contains("has 50 tags, and Greenlight adds 1"));
    let mut nameless = shipped(&containers, &json!({}));
    nameless.task_definition["taskDefinitionArn"] = Value::Null;
    assert!(said(&nameless).contains("no ARN"));
}

/// What ECS describes of a revision that was registered so.
fn described(request: &Value) -> TaskDefinition {
    let mut task_definition = request.clone();
    task_definition["taskDefinitionArn"] = ARN.replace("web:7", "web-migration:1").into();
    task_definition["revision"] = 1.into();
    task_definition["status"] = "ACTIVE".into();
    task_definition["registeredBy"] = "arn:role/run-migration".into();
    let tags = task_definition["tags"].take();
    task_definition["containerDefinitions"][0]["environment"] = json!([]);
    TaskDefinition {
        task_definition,
        tags,
    }
}

/// What is changed in the revision, and what is said of it; nothing where it is still what the migration runs in.
#[test]
fn only_the_revision_that_is_derived_again_is_evidence() {
    let containers =
        json!([{"name": "app", "image": "i@sha256:1"}, {"name": "worker", "image": "i@sha256:1"}]);
    let shipped = shipped(&containers, &json!({"cpu": "256"}));
    let ran = described(&alone(&shipped, &app()).unwrap());
    let marked = |value: &str| json!([{"key": "greenlight:migration-of", "value": value}]);
    let other = ARN.replace("web:7", "web:6");
    type Change<'a> = &'a dyn Fn(&mut TaskDefinition);
    let of = "compared with what the migration needs of `web:7`: ";
    let table: [(Change<'_>, &str); 9] = [
        (&|_| {}, ""),
        (
            &|ran| {
                ran.tags
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"key": "audit", "value": "1"}))
            },
            "",
        ),
        (&|ran| ran.tags = marked(ARN), ""),
        (
            &|ran| ran.tags = json!([]),
            "it has no tag `greenlight:migration-of`",
        ),
        (
            &|ran| ran.tags = marked(&other),
            &format!("its tag `greenlight:migration-of` is `{other}`, not `{ARN}`"),
        ),
        (
            &|ran| ran.task_definition["cpu"] = "1024".into(),
            &format!("{of}`cpu`: `256` -> `1024`"),
        ),
        (
            &|ran| ran.task_definition["family"] = "web".into(),
            &format!("{of}`family` changes"),
        ),
        (
            &|ran| ran.task_definition["containerDefinitions"][0]["entryPoint"] = json!(["true"]),
            &format!("{of}container `app`: `entryPoint` is added"),
        ),
        (
            &|ran| ran.task_definition["containerDefinitions"] = containers.clone(),
            &format!("{of}container `worker` is added"),
        ),
    ];
    for (change, expected) in table {
        let mut changed = ran.clone();
        change(&mut changed);
        let said = differences_from_alone(&changed, &shipped, &app());
        assert_eq!(said.join("; "), expected);
    }
    // The same mark and another image: what the shipped one was is read from ECS, not from the mark.
    let mut newer = shipped.clone();
    newer.task_definition["containerDefinitions"][0]["image"] = "i@sha256:2".into();
    assert_eq!(
        differences_from_alone(&ran, &newer, &app()),
        [format!("{of}container `app`: `i@sha256:2` -> `i@sha256:1`")]
    );
}

#[test]
fn a_family_of_somebody_else_is_left_alone() {
    let ours = described(&alone(&shipped(&json!([{"name": "app"}]), &json!({})), &app()).unwrap());
    assert_eq!(family_is_ours(&ours), Ok(()));
    let mut theirs = ours;
    theirs.tags = json!([{"key": "team", "value": "shop"}]);
    let said = family_is_ours(&theirs).unwrap_err().to_string();
    assert!(
        said.contains("`web-migration`")
            && said.contains("`web-migration:1`")
            && said.contains("hint:"),
        "{said}"
    );
}

/// Every way in which one container may need another one, by the places of both among six.
fn related() -> impl Strategy<Value = Value> {
    let relations = proptest::collection::vec((0..6usize, 0..6usize, 0..5u8), 0..10);
    (relations, any::<[bool; 6]>()).prop_map(|(relations, essential)| {
        let name = |place: usize| match place {
            0 => "app".to_owned(),
            place => format!("c{place}"),
        };
        let container = |place: usize| {
            let mut one = json!({
                "name": name(place), "image": format!("i{place}"), "essential": essential[place], "dependsOn": [],
                "links": [], "volumesFrom": [], "mountPoints": [{"sourceVolume": format!("v{place}")}],
                "ofTomorrow": {"of": place},
            });
            for (from, to, how) in relations.iter().filter(|(from, ..)| *from == place) {
                let to = name(*to);
                let push = |list: &mut Value, item: Value| list.as_array_mut().unwrap().push(item);
                match how {
                    0 => push(&mut one["dependsOn"], json!({"containerName": to, "condition": "START"})),
                    1 => push(&mut one["links"], format!("{to}:alias{from}").into()),
                    2 => push(&mut one["volumesFrom"], json!({"sourceContainer": to})),
                    3 => one["logConfiguration"] = json!({"logDriver": "awsfirelens"}),
                    _ => one["firelensConfiguration"] = json!({"type": "fluentbit"}),
                }
            }
            one
        };
        (0..6).map(container).collect()
    })
}

proptest! {
    /// Nothing of a container that starts is lost, but that the migration's may become essential; what it names is there; and
    /// what is left out is named by none.
    #[test]
    fn what_starts_starts_as_it_would_have(containers in related()) {
        let volumes: Vec<Value> = (0..6).map(|place| json!({"name": format!("v{place}"), "ofTomorrow": place})).collect();
        let shipped = shipped(&containers, &json!({"volumes": volumes}));
        let request = alone(&shipped, &app()).unwrap();
        let kept = names(&request, "containerDefinitions");
        prop_assert!(kept.contains(&"app".to_owned()));
        let mut essential = 0;
        for one in request["containerDefinitions"].as_array().unwrap() {
            let before = containers.as_array().unwrap().iter().find(|before| before["name"] == one["name"]);
            let mut before = before.unwrap().clone();
            essential += usize::from(one["essential"] != false);
            if one["name"] == "app" {
                before["essential"] = one["essential"].clone();
            }
            prop_assert_eq!(one, &before);
            let named = texts(&one["dependsOn"], "containerName").chain(texts(&one["volumesFrom"], "sourceContainer"));
            for named in named {
                prop_assert!(kept.iter().any(|name| name == named), "{named}");
            }
            let volume = one["mountPoints"][0]["sourceVolume"].as_str().unwrap();
            prop_assert!(names(&request, "volumes").iter().any(|name| name == volume));
        }
        prop_assert!(essential > 0);
        prop_assert_eq!(names(&request, "volumes").len(), kept.len());
        // Deriving is deterministic, and a revision that is reduced already is reduced no further.
        prop_assert_eq!(differences_from_alone(&described_as_it_is(&request), &shipped, &app()), Vec::<String>::new());
        let again = only_needed(&request, &app()).unwrap();
        prop_assert_eq!(names(&again, "containerDefinitions"), kept);
    }
}

fn described_as_it_is(request: &Value) -> TaskDefinition {
    TaskDefinition {
        task_definition: request.clone(),
        tags: request["tags"].clone(),
    }
}
