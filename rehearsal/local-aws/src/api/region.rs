//! Calls that are signed for another Region than the one that the rehearsal has, or name something of another one where
//! every operation of a service answers that in the same way.

use serde_json::Value;

use super::error::ApiError;
use super::operations;
use super::request::Request;
use super::service::{Protocol, Service};
use crate::ecr::Repositories;
use crate::identity::REGION;

/// The members in which ECS's operations name things that are in a Region.
const OF_ECS: [&str; 6] = [
    "cluster",
    "service",
    "services",
    "taskDefinition",
    "task",
    "tasks",
];

/// The Region that IAM's calls are signed for.
const OF_IAM: &str = "us-east-1";

/// Refuses a call for another Region, unless it is for ECR and there is a registry in that Region. A resource of this Region
/// that it names is answered as that Region would, where that is recorded; otherwise this Region's endpoint refuses the
/// signature.
pub(super) fn check(request: &Request, registries: &Repositories) -> Result<(), ApiError> {
    let signed = request.region.as_deref();
    if request.service == Service::Ecs && is_elsewhere(&request.members, signed.unwrap_or(REGION)) {
        // Public programs report this sentence.
        let message = "Invalid Region in ARN";
        return Err(ApiError::new("InvalidParameterException", message));
    }
    if request.service == Service::Iam {
        // It has one endpoint, whose Region this is (IAM endpoints and quotas, AWS General Reference).
        return match signed.filter(|signed| *signed != OF_IAM) {
            None => Ok(()),
            Some(other) => Err(unfit(request.service.protocol(), other)),
        };
    }
    let Some(other) = signed.filter(|signed| *signed != REGION) else {
        return Ok(());
    };
    let text = |member: &str| request.members.get(member).and_then(Value::as_str);
    match request.service {
        // Every Region's endpoint says the same of a caller.
        Service::Sts => Ok(()),
        Service::Ecr if registries.has_region(other) => Ok(()),
        Service::Sns => {
            let named = ["TopicArn", "TargetArn"].into_iter();
            let mut named = named.filter_map(|member| Some((member, text(member)?)));
            let elsewhere = named.find(|(_, arn)| region_of(arn).is_some_and(|of| of != other));
            Err(match elsewhere {
                Some((member, _)) => {
                    ApiError::new("InvalidParameter", format!("Invalid parameter: {member}"))
                }
                None => unfit(Protocol::Query(""), other),
            })
        }
        Service::Lambda => {
            let region = text("FunctionName").and_then(region_of);
            Err(match region.filter(|region| *region != other) {
                Some(region) => operations::not_reachable(region, other),
                None => unfit(Protocol::Rest, other),
            })
        }
        Service::CloudFormation
        | Service::CloudWatch
        | Service::CodeDeploy
        | Service::Ecr
        | Service::Ecs
        | Service::Elb
        | Service::Events
        | Service::Iam
        | Service::Logs
        | Service::Scheduler
        | Service::SecretsManager
        | Service::Ssm => Err(unfit(request.service.protocol(), other)),
    }
}

/// Whether a call to ECS names something of another Region than the one that it is for.
fn is_elsewhere(members: &Value, asked: &str) -> bool {
    let values = OF_ECS.iter().filter_map(|member| members.get(*member));
    let values = values.flat_map(|value| match value.as_array() {
        Some(items) => items.as_slice(),
        None => std::slice::from_ref(value),
    });
    let arns = values.filter_map(Value::as_str);
    let mut arns = arns.filter(|arn| arn.split(':').nth(2) == Some("ecs"));
    arns.any(|arn| region_of(arn).is_some_and(|region| region != asked))
}

fn region_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(2)
}

/// AWS's sentence for a credential of another Region, and what to do here.
fn unfit(protocol: Protocol, region: &str) -> ApiError {
    let message = format!(
        "Credential should be scoped to a valid Region, not '{region}'. (hint: the rehearsal has the Region {REGION}, set \
         AWS_REGION and AWS_DEFAULT_REGION to it)"
    );
    match protocol {
        Protocol::Query(_) => ApiError::new("SignatureDoesNotMatch", message).with_status(403),
        Protocol::Json | Protocol::JsonWithCapitals | Protocol::QueryCompatibleJson => {
            ApiError::new("InvalidSignatureException", message)
        }
        Protocol::Rest => ApiError::new("InvalidSignatureException", message).with_status(403),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;
    use crate::ecr::RepositorySettings;

    fn refused(service: Service, members: Value, region: &str) -> Option<(String, String)> {
        let request = Request {
            service,
            operation: "Any".to_owned(),
            members,
            region: Some(region.to_owned()),
        };
        let repositories = ["web", "444455556666.dkr.ecr.eu-west-1.amazonaws.com/web"];
        let repositories = repositories.map(RepositorySettings::new).to_vec();
        let registries = Repositories::new(repositories, UNIX_EPOCH);
        let error = check(&request, &registries).err()?;
        Some((error.code.into_owned(), error.message))
    }

    #[test]
    fn ecs_refuses_an_arn_of_another_region_than_the_call_is_for() {
        let arn = |region: &str| format!("arn:aws:ecs:{region}:111122223333:some/prod");
        for (member, list) in [
            ("cluster", false),
            ("service", false),
            ("services", true),
            ("taskDefinition", false),
            ("task", false),
            ("tasks", true),
        ] {
            let naming = |region: &str| match list {
                false => json!({ member: arn(region) }),
                true => json!({ member: ["web", arn(region)] }),
            };
            for (named, asked) in [("us-east-1", REGION), (REGION, "us-east-1")] {
                let refused = refused(Service::Ecs, naming(named), asked);
                let expected = ("InvalidParameterException", "Invalid Region in ARN");
                let expected = (expected.0.to_owned(), expected.1.to_owned());
                assert_eq!(refused, Some(expected), "{member} {named}");
            }
            assert_eq!(refused(Service::Ecs, naming(REGION), REGION), None);
            let (code, _) = refused(Service::Ecs, naming("us-east-1"), "us-east-1").unwrap();
            assert_eq!(code, "InvalidSignatureException", "{member}");
        }
        let other = json!({ "cluster": "prod", "tasks": ["arn:", 1], "service": "arn:aws:sns:us-east-1:1:t" });
        assert_eq!(refused(Service::Ecs, other, REGION), None);
    }

    #[test]
    fn a_call_for_another_region_finds_nothing_of_this_one() {
        let here = "arn:aws:sns:eu-central-1:111122223333:outcomes";
        let there = "arn:aws:sns:us-east-1:111122223333:outcomes";
        let function = "arn:aws:lambda:eu-central-1:111122223333:function:f";
        for (service, members, code, message) in [
            (
                Service::Sns,
                json!({ "TopicArn": here }),
                "InvalidParameter",
                "Invalid parameter: TopicArn",
            ),
            (
                Service::Sns,
                json!({ "TargetArn": here }),
                "InvalidParameter",
                "Invalid parameter: TargetArn",
            ),
            (
                Service::Sns,
                json!({ "TopicArn": there }),
                "SignatureDoesNotMatch",
                "Credential should be",
            ),
            (
                Service::Sns,
                json!({}),
                "SignatureDoesNotMatch",
                "Credential should be",
            ),
            (
                Service::Lambda,
                json!({ "FunctionName": function }),
                "ResourceNotFoundException",
                "Functions from 'eu-central-1' are not reachable in this region ('us-east-1')",
            ),
            (
                Service::Lambda,
                json!({ "FunctionName": "f" }),
                "InvalidSignatureException",
                "Credential",
            ),
            (
                Service::Ecs,
                json!({}),
                "InvalidSignatureException",
                "Credential should be",
            ),
            (
                Service::Elb,
                json!({}),
                "SignatureDoesNotMatch",
                "Credential should be",
            ),
        ] {
            let (found, sentence) = refused(service, members.clone(), "us-east-1").unwrap();
            assert_eq!(found, code, "{service:?} {members}");
            assert!(
                sentence.starts_with(message),
                "{service:?} {members}: {sentence}"
            );
        }
        assert_eq!(refused(Service::Ecs, json!({}), REGION), None);
        assert_eq!(refused(Service::Sts, json!({}), "us-east-1"), None);
        assert_eq!(refused(Service::Iam, json!({}), "us-east-1"), None);
        let (code, _) = refused(Service::Iam, json!({}), REGION).unwrap();
        assert_eq!(code, "SignatureDoesNotMatch");
        assert_eq!(refused(Service::Ecr, json!({}), "eu-west-1"), None);
        let (code, _) = refused(Service::Ecr, json!({}), "us-east-1").unwrap();
        assert_eq!(code, "InvalidSignatureException");
    }
}
