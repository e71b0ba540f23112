//! Registries of other accounts and Regions: who may read and pull, and which events arrive.

use std::collections::BTreeMap;
use std::path::Path;

use local_aws::ecr::{ImageSettings, Reference};
use local_aws::iam::{Of, ResourcePolicy};
use local_aws::identity::Location;
use local_aws::template::Template;
use local_aws::world::{RepositorySettings, World, WorldSettings};
use serde_json::{Value, json};

use crate::aws::{call_in, world};

const ACCOUNT: &str = "444455556666";
const REGION: &str = "eu-west-1";
const SHARED: &str = "444455556666.dkr.ecr.eu-west-1.amazonaws.com/shop/shared";
const REGIONAL: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/regional";
const EXECUTION_ROLE: &str = "arn:aws:iam::111122223333:role/ecsTaskExecutionRole";

async fn ecr(world: &World, region: &str, operation: &str, members: Value) -> (u16, Value) {
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    call_in(world, ("AKIATEST", region), &target, members).await
}

fn policy(actions: &[&str]) -> String {
    let principal = json!({ "AWS": "arn:aws:iam::111122223333:root" });
    let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": actions });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// The stack's own registry, one of its account in another Region, and one of another account, with this policy.
fn registries(settings: &mut WorldSettings, policy: Option<String>) {
    settings.services.clear();
    settings.repositories.push(RepositorySettings {
        policy,
        ..RepositorySettings::new(SHARED)
    });
    settings
        .repositories
        .push(RepositorySettings::new(REGIONAL));
    for repository in [SHARED, REGIONAL] {
        settings
            .images
            .push(ImageSettings::new(repository, &["latest"], "1.0.0"));
    }
}

/// The code of the answer, or nothing.
fn code((status, body): (u16, Value)) -> String {
    match status {
        200 => String::new(),
        _ => body["__type"].as_str().unwrap_or_default().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_another_account_answers_where_its_policy_allows_it() {
    let (here, own) = ("eu-central-1", "111122223333");
    let (denied, missing) = ("AccessDeniedException", "RepositoryNotFoundException");
    let (get, read) = ("BatchGetImage", "DescribeImages");
    for (action, region, operation, registry, name, expected) in [
        (
            "ecr:DescribeImages",
            REGION,
            read,
            ACCOUNT,
            "shop/shared",
            "",
        ),
        (
            "ecr:DescribeImages",
            REGION,
            get,
            ACCOUNT,
            "shop/shared",
            denied,
        ),
        ("ecr:*", REGION, get, ACCOUNT, "shop/shared", ""),
        ("", REGION, read, ACCOUNT, "shop/shared", denied),
        ("ecr:*", here, read, ACCOUNT, "shop/shared", missing),
        ("ecr:*", REGION, read, own, "shop/shared", missing),
        ("ecr:*", REGION, read, ACCOUNT, "shop/web", missing),
        ("", REGION, read, own, "shop/regional", ""),
        ("", here, read, own, "shop/regional", missing),
        ("", here, read, own, "shop/web", ""),
        (
            "ecr:*",
            "us-east-1",
            read,
            own,
            "shop/web",
            "InvalidSignatureException",
        ),
    ] {
        let shared = Some(policy(&[action])).filter(|_| !action.is_empty());
        let world = world(|settings| registries(settings, shared)).await;
        let mut members = json!({ "repositoryName": name, "imageIds": [{ "imageTag": "latest" }] });
        if registry != own {
            members["registryId"] = json!(registry);
        }
        let answer = ecr(&world, region, operation, members).await;
        assert_eq!(
            code(answer),
            expected,
            "{region} {operation} {registry} {name} {action}"
        );
        world.shutdown().await;
    }
    let world = world(|settings| registries(settings, Some(policy(&["ecr:*"])))).await;
    let all = json!({ "registryId": ACCOUNT });
    let answer = ecr(&world, REGION, "DescribeRepositories", all).await;
    assert_eq!(code(answer), denied);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_registry_lists_its_own_repositories() {
    let world = world(|settings| registries(settings, None)).await;
    for (region, expected) in [
        (
            "eu-central-1",
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web",
        ),
        (REGION, REGIONAL),
    ] {
        let (_, found) = ecr(&world, region, "DescribeRepositories", json!({})).await;
        let found = found["repositories"].as_array().unwrap();
        let uris: Vec<&Value> = found.iter().map(|one| &one["repositoryUri"]).collect();
        assert_eq!(uris, [expected]);
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_set_and_deleted_and_a_wrong_one_is_refused() {
    let world = world(|settings| settings.services.clear()).await;
    let ask = async |operation: &str, text: Option<&str>| {
        let mut members = json!({ "repositoryName": "shop/web" });
        if let Some(text) = text {
            members["policyText"] = json!(text);
        }
        ecr(&world, "eu-central-1", operation, members).await
    };
    let none = "RepositoryPolicyNotFoundException";
    assert_eq!(code(ask("GetRepositoryPolicy", None).await), none);
    assert_eq!(code(ask("DeleteRepositoryPolicy", None).await), none);
    let text = policy(&["ecr:BatchGetImage"]);
    for operation in [
        "SetRepositoryPolicy",
        "GetRepositoryPolicy",
        "DeleteRepositoryPolicy",
    ] {
        let given = (operation == "SetRepositoryPolicy").then_some(text.as_str());
        let (status, body) = ask(operation, given).await;
        assert_eq!(
            (status, &body["policyText"]),
            (200, &json!(text)),
            "{operation}"
        );
        assert_eq!(body["registryId"], "111122223333");
    }
    assert_eq!(code(ask("GetRepositoryPolicy", None).await), none);
    let with_resource = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:*", "Resource": "*"}}"#;
    for wrong in ["", "{", "[]", "{}", with_resource] {
        let (_, refusal) = ask("SetRepositoryPolicy", Some(wrong)).await;
        assert_eq!(refusal["__type"], "InvalidParameterException", "{wrong}");
    }
    let (_, refusal) = ask("SetRepositoryPolicy", Some(with_resource)).await;
    let message = refusal["message"].as_str().unwrap();
    assert!(
        message.contains("'Invalid repository policy provided'"),
        "{message}"
    );
    // A deny counts in the repository's own account as well.
    let deny = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "ecr:ListImages"}}"#;
    assert_eq!(code(ask("SetRepositoryPolicy", Some(deny)).await), "");
    let (_, refusal) = ask("ListImages", None).await;
    let message = refusal["message"].as_str().unwrap();
    assert!(
        message.ends_with("with an explicit deny in a resource-based policy"),
        "{message}"
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_pulls_from_another_account_where_the_repository_lets_it() {
    let pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    for (image, actions, pulls) in [
        (format!("{SHARED}:latest"), Some(&pull[..]), true),
        (format!("{SHARED}:latest"), Some(&pull[..1]), false),
        (format!("{SHARED}:latest"), Some(&pull[1..]), false),
        (format!("{SHARED}:latest"), None, false),
        (format!("{REGIONAL}:latest"), None, true),
    ] {
        let world = world(|settings| registries(settings, actions.map(policy))).await;
        let found = match world.ecr.pull(&image, EXECUTION_ROLE) {
            Reference::Found(_) => true,
            Reference::Forbidden => false,
            other @ (Reference::Missing | Reference::Foreign) => panic!("{image}: {other:?}"),
        };
        assert_eq!(found, pulls, "{image} {actions:?}");
        world.shutdown().await;
    }
}

/// What lies between the other registry and the stack's bus, each part as shipped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Complete,
    WithoutRule,
    WithoutBusPolicy,
    WithoutPermission,
}

fn stack(way: Way, registry: &Location) -> Template {
    let statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
        "Action": "events:PutEvents",
        "Resource": "arn:aws:events:eu-central-1:111122223333:event-bus/default",
        "Condition": { "StringEquals": { "events:source": "aws.ecr" } },
    });
    let mut template = Template::default();
    if way != Way::WithoutBusPolicy {
        let document = json!({ "Statement": statement });
        template.bus_policy = ResourcePolicy::read(&document, Of::EventBus).unwrap();
    }
    if way == Way::WithoutRule {
        return template;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/registry.yaml");
    let parameters = [
        ("StackAccount", "111122223333"),
        ("StackRegion", "eu-central-1"),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    template
        .with_registry_stack(&file, registry, &BTreeMap::from(parameters))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_elsewhere_arrives_only_by_the_rule_its_role_and_the_policy_of_the_bus() {
    for (repository, way, arrives) in [
        (SHARED, Way::Complete, true),
        (SHARED, Way::WithoutRule, false),
        (SHARED, Way::WithoutBusPolicy, false),
        (SHARED, Way::WithoutPermission, false),
        (REGIONAL, Way::Complete, true),
        (REGIONAL, Way::WithoutRule, false),
        // Within one account the role alone has to allow it.
        (REGIONAL, Way::WithoutBusPolicy, true),
        (REGIONAL, Way::WithoutPermission, false),
    ] {
        let (registry, _) = Location::of_repository(repository);
        let world = world(|settings| {
            registries(settings, None);
            settings.template = stack(way, &registry);
        })
        .await;
        if way == Way::WithoutPermission {
            world.deny("ForwardRole", "events:PutEvents").unwrap();
        }
        let image = ImageSettings::new(repository, &["1.1.0"], "1.1.0");
        world.push(&image).unwrap();
        let delivered = world.events.delivered();
        assert_eq!(delivered.len(), usize::from(arrives), "{repository}");
        for (event, _) in delivered {
            let origin = (&event["account"], &event["region"]);
            assert_eq!(origin, (&json!(registry.account), &json!(registry.region)));
            assert_eq!(event["detail"]["repository-name"], image.repository);
        }
        let refusals = world.iam.refusals().len();
        let is_tried = way != Way::WithoutRule;
        assert_eq!(refusals, usize::from(is_tried && !arrives), "{repository}");
        world.shutdown().await;
    }
}
