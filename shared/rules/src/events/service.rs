//! What happens in services that ECS deploys to by itself: *ECS Deployment State Change*, *ECS Hook State Change*, and the schedules
//! that look because neither is certain.
//!
//! None of them names the service deployment of an end or says which state it is in: they only say where to look.

use serde::Deserialize;
use serde_json::{Value, json};
use time::UtcDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Envelope, UnreadableEvent, detail, envelope, is_from_event_bridge, read, time_of};
use crate::ecs::Stage;
use crate::names::{ClusterName, PauseHookId, ServiceDeploymentArn, ServiceName, shortened};

/// Something may have changed in a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceChange {
    /// The service's cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// When ECS announced it; none where a schedule looks.
    pub at: Option<UtcDateTime>,
    /// What is announced.
    pub announced: Announced,
}

/// What is announced of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announced {
    /// A deployment began, or its rollback did.
    InProgress,
    /// A deployment ended, or failed and is rolled back.
    Ended,
    /// A pause hook waits for a person.
    Waits(Pause),
    /// Nothing: a schedule looks. With a claim it looks because whoever made the claim may have died before it told.
    Routine(Option<Claim>),
    /// Something that asks for nothing.
    Other,
}

/// The name of the schedule by which an invocation claimed to tell something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(pub String);

/// A pause hook that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The deployment that waits.
    pub deployment: ServiceDeploymentArn,
    /// What ContinueServiceDeployment takes beside it. Each pause has its own.
    pub hook: PauseHookId,
    /// Where it waits; none where the event does not say.
    pub stage: Option<Stage>,
    /// When ECS acts without a person; none where the event does not say.
    pub expires_at: Option<UtcDateTime>,
}

impl ServiceChange {
    /// Reads an event of ECS about a service, or the input of a schedule; none where it is neither.
    ///
    /// # Errors
    /// It is one of them, and lacks what it needs.
    pub fn parse(event: &Value) -> Result<Option<Self>, UnreadableEvent> {
        if is_from_event_bridge(event) {
            return match event["source"].as_str() {
                Some("aws.ecs") => Self::of(&envelope(event)?),
                Some(_) | None => Ok(None),
            };
        }
        if event.get("look").is_none() {
            return Ok(None);
        }
        let RawInput { look } = read(event)?;
        Ok(Some(Self {
            cluster: look.cluster,
            service: look.service,
            at: None,
            announced: Announced::Routine(look.claim.map(Claim)),
        }))
    }

    pub(super) fn of(event: &Envelope) -> Result<Option<Self>, UnreadableEvent> {
        match event.detail_type.as_str() {
            "ECS Deployment State Change" => deployment_change(event).map(Some),
            "ECS Hook State Change" => hook_change(event).map(Some),
            _ => Ok(None),
        }
    }

    /// What a schedule sends to have this service looked at.
    pub fn input(cluster: &ClusterName, service: &ServiceName, claim: Option<&Claim>) -> Value {
        let mut look = json!({"cluster": cluster, "service": service});
        if let Some(Claim(name)) = claim {
            look["claim"] = name.as_str().into();
        }
        json!({"look": look})
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInput {
    look: Look,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    cluster: ClusterName,
    service: ServiceName,
    #[serde(default)]
    claim: Option<String>,
}

/// ECS's detail (ECS Developer Guide, "Amazon ECS service deployment state change events"); `clusterArn` was not there before 2025.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentDetail {
    event_name: String,
    #[serde(default)]
    cluster_arn: Option<String>,
}

fn deployment_change(event: &Envelope) -> Result<ServiceChange, UnreadableEvent> {
    let detail: DeploymentDetail = detail(event)?;
    let resources = event.resources.as_deref().unwrap_or_default();
    let arn = resources.first().map_or("", String::as_str);
    let (cluster, service) = service_of(arn, detail.cluster_arn.as_deref(), "resources")?;
    Ok(ServiceChange {
        cluster,
        service,
        at: Some(time_of(event)?),
        announced: match detail.event_name.as_str() {
            "SERVICE_DEPLOYMENT_IN_PROGRESS" => Announced::InProgress,
            "SERVICE_DEPLOYMENT_COMPLETED" | "SERVICE_DEPLOYMENT_FAILED" => Announced::Ended,
            _ => Announced::Other,
        },
    })
}

/// ECS's detail (ECS Developer Guide, "Amazon ECS hook state change events").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HookDetail {
    event_name: String,
    hook_id: PauseHookId,
    service_deployment_arn: ServiceDeploymentArn,
    #[serde(default)]
    lifecycle_stage: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

fn hook_change(event: &Envelope) -> Result<ServiceChange, UnreadableEvent> {
    let detail: HookDetail = detail(event)?;
    let deployment = detail.service_deployment_arn;
    let named = |name: &str| {
        UnreadableEvent::new(
            "detail.serviceDeploymentArn",
            &format!("`{}` is not a cluster or service", shortened(name)),
        )
    };
    let cluster = deployment.cluster();
    let service = deployment.service();
    Ok(ServiceChange {
        cluster: cluster.parse().map_err(|_| named(cluster))?,
        service: service.parse().map_err(|_| named(service))?,
        at: Some(time_of(event)?),
        announced: match detail.event_name.as_str() {
            "HOOK_AWAITING_ACTION" => Announced::Waits(Pause {
                hook: detail.hook_id,
                stage: detail.lifecycle_stage.as_deref().map(Stage::of),
                expires_at: detail.expires_at.as_deref().and_then(moment),
                deployment,
            }),
            _ => Announced::Other,
        },
    })
}

fn moment(text: &str) -> Option<UtcDateTime> {
    let parsed = time::OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(parsed.to_utc())
}

/// Cluster and service of a service's ARN. ARNs of the old form name no cluster.
fn service_of(
    arn: &str,
    cluster_arn: Option<&str>,
    path: &str,
) -> Result<(ClusterName, ServiceName), UnreadableEvent> {
    let unreadable = || {
        let reason = format!(
            "`{}` is not a service's ARN, `arn:aws:ecs:…:service/<cluster>/<service>`",
            shortened(arn)
        );
        UnreadableEvent::new(path, &reason)
    };
    let (_, rest) = arn.split_once(":service/").ok_or_else(unreadable)?;
    let of_cluster_arn = || cluster_arn?.split_once(":cluster/").map(|(_, name)| name);
    let (cluster, service) = match rest.split_once('/') {
        Some((cluster, service)) => (Some(cluster), service),
        None => (of_cluster_arn(), rest),
    };
    let cluster = cluster.ok_or_else(unreadable)?;
    Ok((
        cluster.parse().map_err(|_| unreadable())?,
        service.parse().map_err(|_| unreadable())?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "arn:aws:ecs:eu-central-1:111122223333";

    fn event(detail_type: &str, resource: &str, detail: &Value) -> Value {
        json!({
            "version": "0", "id": "1", "detail-type": detail_type, "source": "aws.ecs", "account": "111122223333",
            "time": "2026-10-14T09:21:47Z", "region": "eu-central-1", "resources": [format!("{HEAD}:{resource}")],
            "detail": detail
        })
    }

    #[track_caller]
    fn check(event: &Value, expected: &str) {
        let said = match ServiceChange::parse(event) {
            Ok(Some(change)) => {
                format!(
                    "{}/{} {:?}",
                    change.cluster, change.service, change.announced
                )
            }
            Ok(None) => "none".to_owned(),
            Err(error) => format!("unreadable at {}", error.path),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn a_change_of_a_deployment_names_its_service_whatever_the_arn_looks_like() {
        let change = "ECS Deployment State Change";
        for (name, expected) in [
            ("SERVICE_DEPLOYMENT_IN_PROGRESS", "prod/web InProgress"),
            ("SERVICE_DEPLOYMENT_COMPLETED", "prod/web Ended"),
            ("SERVICE_DEPLOYMENT_FAILED", "prod/web Ended"),
            ("SERVICE_DEPLOYMENT_OF_TOMORROW", "prod/web Other"),
        ] {
            let with = json!({"eventType": "INFO", "eventName": name, "clusterArn": format!("{HEAD}:cluster/prod")});
            let without = json!({"eventName": name, "deploymentId": "ecs-svc/1"});
            check(&event(change, "service/prod/web", &with), expected);
            check(&event(change, "service/prod/web", &without), expected);
            check(&event(change, "service/web", &with), expected);
            let unreadable = "unreadable at resources";
            check(&event(change, "service/web", &without), unreadable);
            check(&event(change, "task/prod/web", &with), unreadable);
        }
        let nothing = event(change, "service/prod/web", &json!({}));
        check(&nothing, "unreadable at detail");
        let action = event("ECS Service Action", "service/prod/web", &json!({}));
        check(&action, "none");
    }

    #[test]
    fn a_pause_names_what_it_takes_to_continue() {
        let deployment = "service-deployment/prod/web/EZe5RNVLH6PPzHXINuP28";
        let mut detail = json!({
            "eventName": "HOOK_AWAITING_ACTION", "hookId": "ecs-pause-1", "hookType": "PAUSE",
            "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT", "expiresAt": "2026-10-15T09:21:47.123456789Z",
            "serviceDeploymentArn": format!("{HEAD}:{deployment}"), "serviceArn": format!("{HEAD}:service/prod/web")
        });
        let read = |detail: &Value| {
            let change = ServiceChange::parse(&event("ECS Hook State Change", deployment, detail));
            change.unwrap().unwrap()
        };
        let Announced::Waits(pause) = read(&detail).announced else {
            panic!("it waits")
        };
        assert_eq!(pause.hook.as_str(), "ecs-pause-1");
        assert_eq!(pause.deployment.id().as_str(), "EZe5RNVLH6PPzHXINuP28");
        assert_eq!(pause.stage, Some(Stage::PostTestTrafficShift));
        assert!(pause.expires_at.is_some());
        detail["expiresAt"] = json!("tomorrow");
        detail["eventName"] = json!("HOOK_SUCCEEDED");
        assert_eq!(read(&detail).announced, Announced::Other);
        detail["hookId"] = json!("a; rm -rf /");
        let forged = event("ECS Hook State Change", deployment, &detail);
        check(&forged, "unreadable at detail.hookId");
    }

    #[test]
    fn a_schedule_sends_what_is_read_again() {
        let (cluster, service) = ("prod".parse().unwrap(), "web".parse().unwrap());
        let claim = Claim("greenlight-tell-1-ended".to_owned());
        check(
            &ServiceChange::input(&cluster, &service, None),
            "prod/web Routine(None)",
        );
        check(
            &ServiceChange::input(&cluster, &service, Some(&claim)),
            "prod/web Routine(Some(Claim(\"greenlight-tell-1-ended\")))",
        );
        check(&json!({"look": {"cluster": "prod"}}), "unreadable at look");
        check(&json!({"pipeline": "web"}), "none");
    }
}
