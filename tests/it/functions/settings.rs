//! `revision_from = "latest"` where another revision is registered between two calls of `start-deployment`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::wire::Answer::{self, Refuses, Says};
use super::wire::{Invocation, invoke};

const PIPELINES: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
    revision_from='latest'\n";
const FAMILY: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web";

/// The family's revisions, by number.
type Revisions = BTreeMap<u64, (Value, Value)>;

/// A revision that runs the image `digit` with this value of its variable, and its tags.
fn revision(number: u64, digit: &str, value: &str, marks: &[(&str, &str)]) -> (Value, Value) {
    let image = format!(
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:{}",
        digit.repeat(64)
    );
    let tags = marks
        .iter()
        .map(|(key, value)| json!({"key": format!("greenlight:{key}"), "value": value}));
    let definition = json!({
        "taskDefinitionArn": format!("{FAMILY}:{number}"), "family": "web", "status": "ACTIVE",
        "containerDefinitions": [{
            "name": "web", "image": image, "portMappings": [{"containerPort": 80}],
            "environment": [{"name": "SETTING", "value": value}],
        }],
    });
    (definition, tags.collect())
}

/// Terraform registered 1; production runs 2, a copy of it with the image `a`.
fn shipped() -> Revisions {
    let ours = [
        ("template", "web:1"),
        ("previous", "web:1"),
        ("digest", "a"),
    ];
    BTreeMap::from([
        (1, revision(1, "f", "one", &[])),
        (2, revision(2, "a", "one", &ours)),
    ])
}

/// One hourly reconciliation, where ECS has these revisions and does `meanwhile` before it answers each call of them, the first
/// of its operation being number 0. The image `a` is due.
fn hourly(
    revisions: Revisions,
    meanwhile: impl Fn(&str, usize, &mut Revisions) + Send + Sync + 'static,
) -> (Invocation, Revisions) {
    let shared = Arc::new(Mutex::new(revisions));
    let of_ecs = Arc::clone(&shared);
    let answer = move |operation: &str, before: usize, request: &Value| -> Answer {
        let mut revisions = of_ecs.lock().unwrap();
        meanwhile(operation, before, &mut revisions);
        match operation {
            "DescribeTaskDefinition" => {
                let wanted = request["taskDefinition"].as_str().unwrap();
                let number = wanted.rsplit_once(':').map(|(_, number)| number);
                let found = match number {
                    Some(number) => revisions.get(&number.parse().unwrap()),
                    None => revisions.values().next_back(),
                };
                match found {
                    Some((definition, tags)) => {
                        Says(json!({"taskDefinition": definition, "tags": tags}))
                    }
                    None => Refuses("ClientException"),
                }
            }
            "RegisterTaskDefinition" => {
                let number = revisions.keys().next_back().unwrap() + 1;
                let mut definition = request.clone();
                definition["taskDefinitionArn"] = json!(format!("{FAMILY}:{number}"));
                revisions.insert(number, (definition.clone(), request["tags"].clone()));
                Says(json!({"taskDefinition": definition}))
            }
            "CreateDeployment" => Says(json!({"deploymentId": "d-9"})),
            "DescribeImages" => Says(json!({"imageDetails": [{
                "imageDigest": format!("sha256:{}", "a".repeat(64)), "imageTags": ["latest"], "imagePushedAt": 1_791_970_000.0
            }]})),
            "GetDeploymentGroup" => Says(json!({"deploymentGroupInfo": {
                "ecsServices": [{"clusterName": "prod", "serviceName": "web"}]
            }})),
            "DescribeServices" => Says(json!({"failures": [], "services": [{
                "serviceName": "web", "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"},
                "taskDefinition": format!("{FAMILY}:2"), "taskSets": [],
                "loadBalancers": [{"containerName": "web", "containerPort": 80}],
            }]})),
            "ListDeployments" => Says(json!({"deployments": []})),
            _ => Says(json!({})),
        }
    };
    let routine = json!({
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": "111122223333",
        "time": "2026-10-14T09:21:47Z", "region": "eu-central-1", "resources": [], "detail": {}
    });
    let invocation = invoke("start-deployment", PIPELINES, &routine, answer);
    let revisions = shared.lock().unwrap().clone();
    (invocation, revisions)
}

fn calls(invocation: &Invocation, operation: &str) -> usize {
    let operations = invocation.operations();
    operations.iter().filter(|one| **one == operation).count()
}

/// What was deployed: the revision's number, its variable, its marks, and the last word of the description.
fn deployed(invocation: &Invocation, revisions: &Revisions) -> String {
    let mut created = invocation.calls.iter();
    let Some((_, request)) = created.find(|(operation, _)| operation == "CreateDeployment") else {
        return format!("nothing: {}", invocation.answer["pipelines"][0]["decision"]);
    };
    let report = &invocation.answer["pipelines"][0]["revision"];
    let number = report.as_str().unwrap().rsplit_once(':').unwrap().1;
    let (definition, tags) = &revisions[&number.parse().unwrap()];
    let mark = |key: &str| {
        let key = format!("greenlight:{key}");
        let mut tags = tags.as_array().unwrap().iter();
        let tag = tags.find(|tag| tag["key"] == key.as_str());
        tag.map_or("none", |tag| tag["value"].as_str().unwrap())
            .to_owned()
    };
    let value = &definition["containerDefinitions"][0]["environment"][0]["value"];
    let description = request["description"].as_str().unwrap();
    format!(
        "web:{number} with {}, of {} after {}, {}",
        value.as_str().unwrap(),
        mark("template"),
        mark("previous"),
        description.rsplit_once(' ').unwrap().1
    )
}

#[test]
fn settings_that_run_cost_one_description() {
    let (invocation, revisions) = hourly(shipped(), |_, _, _| ());
    assert_eq!(
        deployed(&invocation, &revisions),
        "nothing: \"already-running\""
    );
    assert_eq!(calls(&invocation, "DescribeTaskDefinition"), 2);
    assert_eq!(calls(&invocation, "RegisterTaskDefinition"), 0);
}

#[test]
fn newer_settings_are_deployed_with_the_image_that_runs() {
    let mut revisions = shipped();
    revisions.insert(3, revision(3, "f", "three", &[]));
    let (invocation, revisions) = hourly(revisions, |_, _, _| ());
    assert_eq!(
        deployed(&invocation, &revisions),
        "web:4 with three, of web:3 after web:3, settings:3"
    );
    assert_eq!(calls(&invocation, "DescribeTaskDefinition"), 3);
}

/// The family's latest revision is another one when the next is about to be registered.
#[test]
fn what_is_registered_after_the_settings_were_read_is_deployed_instead() {
    let mut revisions = shipped();
    revisions.insert(3, revision(3, "f", "three", &[]));
    let (invocation, revisions) = hourly(revisions, |operation, before, revisions| {
        if (operation, before) == ("DescribeTaskDefinition", 2) {
            revisions.insert(4, revision(4, "f", "four", &[]));
        }
    });
    assert_eq!(
        deployed(&invocation, &revisions),
        "web:5 with four, of web:4 after web:4, settings:4"
    );
    assert_eq!(calls(&invocation, "RegisterTaskDefinition"), 1);
}

/// RegisterTaskDefinition arrives after another one: what was registered hides the newer settings, and says after which one
/// it was to come.
#[test]
fn what_is_registered_at_the_same_moment_is_found_behind_our_own() {
    let mut revisions = shipped();
    revisions.insert(3, revision(3, "f", "three", &[]));
    let (invocation, revisions) = hourly(revisions, |operation, before, revisions| {
        if (operation, before) == ("RegisterTaskDefinition", 0) {
            revisions.insert(4, revision(4, "f", "four", &[]));
        }
    });
    assert_eq!(
        deployed(&invocation, &revisions),
        "web:6 with four, of web:4 after web:5, settings:4"
    );
    assert_eq!(calls(&invocation, "CreateDeployment"), 1);
}

/// Another service of the same family registered in between: with the same template nothing has to be decided again.
#[test]
fn another_service_of_the_family_with_the_same_template_changes_nothing() {
    let mut revisions = shipped();
    revisions.insert(3, revision(3, "f", "three", &[]));
    let (invocation, revisions) = hourly(revisions, |operation, before, revisions| {
        if (operation, before) == ("DescribeTaskDefinition", 2) {
            let marks = [("template", "web:3"), ("previous", "web:3")];
            revisions.insert(4, revision(4, "b", "three", &marks));
        }
    });
    assert_eq!(
        deployed(&invocation, &revisions),
        "web:5 with three, of web:3 after web:4, settings:3"
    );
    assert_eq!(calls(&invocation, "DescribeServices"), 1);
}

/// Revisions of older versions, or of a pipeline that follows production, name no template that counts.
#[test]
fn settings_are_found_behind_revisions_that_say_nothing_of_them() {
    let older = [("digest", "a"), ("template", "web:2")];
    let mut revisions = shipped();
    revisions.insert(3, revision(3, "f", "three", &[]));
    revisions.insert(4, revision(4, "a", "one", &older));
    revisions.insert(5, revision(5, "a", "one", &older));
    let (invocation, revisions) = hourly(revisions, |_, _, _| ());
    assert_eq!(
        deployed(&invocation, &revisions),
        "web:6 with three, of web:3 after web:5, settings:3"
    );
}

/// Terraform deregistered its revision, and nothing is newer: what runs has its settings.
#[test]
fn a_deregistered_revision_is_not_due() {
    let mut revisions = shipped();
    let (mut definition, tags) = revision(3, "f", "three", &[]);
    definition["status"] = json!("INACTIVE");
    revisions.insert(3, (definition, tags));
    let marks = [("digest", "b"), ("template", "web:2")];
    revisions.insert(4, revision(4, "b", "one", &marks));
    let (invocation, revisions) = hourly(revisions, |_, _, _| ());
    assert_eq!(
        deployed(&invocation, &revisions),
        "nothing: \"already-running\""
    );
}
