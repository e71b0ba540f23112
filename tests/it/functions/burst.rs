//! `start-deployment` in a burst: one process, many pushes, and more services than one invocation can see to.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::wire::Answer::{Refuses, Says};
use super::wire::{Answer, Event, Function, Invocation, LONG, invoke_each};
use super::{REVISION, nothing};

/// More than are reconciled side by side.
const SERVICES: usize = 12;
/// One in the middle of them.
const MIDDLE: &str = "s6";

fn pipelines() -> String {
    let one = |number| {
        format!(
            "[[pipeline]]\nname='s{number}'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='s{number}'\n"
        )
    };
    (0..SERVICES).map(one).collect()
}

fn digest(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

/// A push of the image `b` at 09:29 and so many seconds.
fn push(seconds: u32) -> Value {
    json!({
        "source": "aws.ecr", "detail-type": "ECR Image Action", "account": "111122223333", "region": "eu-central-1",
        "time": format!("2026-10-14T09:29:{seconds:02}Z"),
        "detail": {
            "action-type": "PUSH", "result": "SUCCESS", "repository-name": "shop/web", "image-tag": "latest",
            "image-digest": digest("b"),
        },
    })
}

/// What an account holds of these services: by family, the revision that was registered; by group, its deployment's
/// description.
#[derive(Default)]
struct Account {
    registered: BTreeMap<String, Value>,
    deployments: BTreeMap<String, Value>,
    /// How AWS refuses the revision of the service in the middle, in the first invocation.
    refusal: Option<&'static str>,
    invocations: usize,
}

fn text(request: &Value, member: &str) -> String {
    request[member].as_str().unwrap().to_owned()
}

/// `s6` of `DgpECS-prod-s6`, of a revision of the family `s6`, or of itself.
fn service_of(name: &str) -> String {
    let name = name.rsplit(['-', '/']).next().unwrap();
    name.split(':').next().unwrap().to_owned()
}

impl Account {
    /// `before`: how often the operation was called before in the same invocation.
    fn says(&mut self, operation: &str, before: usize, request: &Value) -> Answer {
        if (operation, before) == ("DescribeServices", 0) {
            self.invocations += 1;
        }
        match operation {
            "DescribeImages" => Says(json!({"imageDetails": [{
                "imageDigest": digest("b"), "imageTags": ["latest"], "imagePushedAt": 1_791_970_000.0
            }]})),
            "GetDeploymentGroup" => {
                let service = service_of(&text(request, "deploymentGroupName"));
                Says(json!({"deploymentGroupInfo": {
                    "ecsServices": [{"clusterName": "prod", "serviceName": service}]
                }}))
            }
            "DescribeServices" => service(request["services"][0].as_str().unwrap()),
            "DescribeTaskDefinition" => self.revision(&text(request, "taskDefinition")),
            "RegisterTaskDefinition" => self.register(request),
            "ListDeployments" => {
                let group = text(request, "deploymentGroupName");
                let found = self.deployments.get_key_value(&group);
                let ids: Vec<String> = found.iter().map(|(group, _)| id(group)).collect();
                Says(json!({ "deployments": ids }))
            }
            "BatchGetDeployments" => self.described(request),
            "CreateDeployment" => {
                let group = text(request, "deploymentGroupName");
                let before = self
                    .deployments
                    .insert(group.clone(), request["description"].clone());
                assert_eq!(before, None, "`{group}` is deployed to a second time");
                Says(json!({ "deploymentId": id(&group) }))
            }
            _ => nothing(),
        }
    }

    /// The family's latest revision, or the second one by its ARN, which runs the image `a`.
    fn revision(&self, family_or_arn: &str) -> Answer {
        let family = service_of(family_or_arn);
        let image = format!(
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{}",
            digest("a")
        );
        let first = json!({
            "taskDefinitionArn": REVISION.replace("web:2", &format!("{family}:2")), "family": family,
            "containerDefinitions": [{"name": "web", "image": image}],
        });
        let latest = self.registered.get(family_or_arn);
        Says(json!({ "tags": [], "taskDefinition": latest.cloned().unwrap_or(first) }))
    }

    fn register(&mut self, request: &Value) -> Answer {
        let family = text(request, "family");
        if let Some(refusal) = self.refusal
            && (family.as_str(), self.invocations) == (MIDDLE, 1)
        {
            return Refuses(refusal);
        }
        let mut revision = request.clone();
        revision["taskDefinitionArn"] = REVISION.replace("web:2", &format!("{family}:3")).into();
        let before = self.registered.insert(family.clone(), revision.clone());
        assert_eq!(before, None, "`{family}` gets a needless revision");
        Says(json!({ "taskDefinition": revision }))
    }

    fn described(&self, request: &Value) -> Answer {
        let found = self.deployments.iter().filter(|(group, _)| {
            let ids = request["deploymentIds"].as_array().unwrap();
            ids.iter().any(|asked| *asked == id(group))
        });
        let described = found.map(|(group, description)| {
            json!({
                "deploymentId": id(group), "applicationName": group.replace("Dgp", "App"), "deploymentGroupName": group,
                "status": "InProgress", "creator": "user", "createTime": 1_791_970_100.0, "description": description,
            })
        });
        Says(json!({ "deploymentsInfo": described.collect::<Vec<_>>() }))
    }
}

fn service(name: &str) -> Answer {
    Says(json!({"failures": [], "services": [{
        "serviceName": name, "status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"},
        "taskDefinition": REVISION.replace("web:2", &format!("{name}:2")), "taskSets": [],
        "loadBalancers": [{"containerName": "web", "containerPort": 80}],
    }]}))
}

fn id(group: &str) -> String {
    format!("d-{}", service_of(group).to_uppercase())
}

/// One process, these events one after the other.
fn told(refusal: Option<&'static str>, events: Vec<Event>) -> Vec<Invocation> {
    let account = Mutex::new(Account {
        refusal,
        ..Account::default()
    });
    let function = Function {
        name: "start-deployment",
        pipelines: &pipelines(),
        variables: &[],
    };
    invoke_each(&function, events, move |operation, before, request| {
        account.lock().unwrap().says(operation, before, request)
    })
}

fn calls(invocation: &Invocation, operation: &str) -> usize {
    let operations = invocation.operations();
    operations
        .iter()
        .filter(|called| **called == operation)
        .count()
}

/// The same push, told twice; the first invocation has so much time, and AWS refuses one service's revision in it.
fn told_twice(refusal: &'static str, within: Duration) -> [Invocation; 2] {
    let events = [within, LONG].map(|within| Event {
        payload: push(0).to_string(),
        within,
    });
    told(Some(refusal), events.into()).try_into().ok().unwrap()
}

#[test]
fn what_one_invocation_failed_with_goes_on_in_the_next_and_nothing_else_does() {
    let [first, second] = told_twice("ServerException", LONG);
    let error = &first.answer["errorType"];
    assert_eq!(error, "AwsUnavailable", "{}", first.answer);
    let created = [&first, &second].map(|invocation| calls(invocation, "CreateDeployment"));
    assert_eq!(created, [SERVICES - 1, 1]);
    assert_eq!(calls(&second, "DescribeServices"), 1);
    let reports = second.answer["pipelines"].as_array().unwrap();
    assert_eq!(reports.len(), 1, "{}", second.answer);
    let seen = &second.answer["seen_before"];
    assert_eq!(*seen, SERVICES - 1, "{}", second.answer);
}

/// How far the first invocation comes depends on the machine; that nothing is lost, and nothing done twice, does not.
#[test]
fn what_one_invocation_has_no_time_for_goes_on_in_the_next() {
    let [first, second] = told_twice("ThrottlingException", Duration::from_secs(4));
    let error = first.answer["errorType"].as_str().unwrap();
    assert!(matches!(error, "Unfinished" | "AwsThrottled"), "{error}");
    let created = [&first, &second].map(|invocation| calls(invocation, "CreateDeployment"));
    assert_eq!(created.iter().sum::<usize>(), SERVICES, "{created:?}");
    let reports = second.answer["pipelines"].as_array().unwrap().len();
    let seen = second.answer["seen_before"].as_u64().unwrap();
    assert!(seen <= created[0] as u64, "{created:?} {}", second.answer);
    assert_eq!(reports as u64, SERVICES as u64 - seen);
}

#[test]
fn a_push_that_a_later_reconciliation_has_covered_asks_aws_nothing() {
    let routine = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
    let person = json!({"pipeline": "s1"});
    // Reconciliations begin at 09:30:00 or, by as much as the answer took, before: a push of almost a minute ago is seen however
    // slow the machine is, and one of the last five seconds never is. (The very second is in the tests of `covered`.)
    let payloads = [push(0), push(1), push(55), routine, person];
    let events = payloads.map(|payload| Event::from(payload.to_string()));
    let [first, seen, fresh, hourly, asked] = told(None, events.into()).try_into().ok().unwrap();
    assert_eq!(calls(&first, "DescribeServices"), SERVICES);
    assert_eq!(
        first.answer["pipelines"].as_array().unwrap().len(),
        SERVICES
    );
    assert!(seen.calls.is_empty(), "{:?}", seen.operations());
    assert_eq!(
        seen.answer,
        json!({"pipelines": [], "reason": "already covered by a later reconciliation"})
    );
    for (again, services) in [(fresh, SERVICES), (hourly, SERVICES), (asked, 1)] {
        assert_eq!(
            calls(&again, "DescribeServices"),
            services,
            "{}",
            again.answer
        );
        assert_eq!(calls(&again, "CreateDeployment"), 0, "{}", again.answer);
    }
}
