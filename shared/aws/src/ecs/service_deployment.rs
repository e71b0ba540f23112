//! Service deployments: ListServiceDeployments, DescribeServiceDeployments, UpdateService, StopServiceDeployment.

use aws_sdk_ecs::config::Builder;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{
    CreatedAt, ServiceDeployment, ServiceDeploymentBrief, ServiceDeploymentStatus,
    ServiceRevisionSummary, StopServiceDeploymentStopType,
};
use rules::names::{ClusterName, RevisionArn, ServiceDeploymentArn, ServiceName};
use rules::{ecs, redact};
use time::{Duration, UtcDateTime};

use super::Ecs;
use super::service::hook_from;
use crate::call::{Call, CallFailed};
use crate::kind::Kind;
use crate::text::{time_from, time_to};
use crate::wire::OnlyWhenThrottled;

/// ECS describes so many service deployments, or service revisions, in one call.
pub(super) const DESCRIBED_AT_MOST: usize = 20;
/// The largest page of ListServiceDeployments.
const LISTED_AT_MOST: i32 = 100;
/// Whether `createdAt.after` includes its moment is not documented.
const MARGIN: Duration = Duration::SECOND;

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// ECS accepted it, and names this deployment as the service's current one: whether that is the new one or still the one before is
    /// not documented.
    To(Option<ServiceDeploymentArn>),
    /// It is not known whether it arrived, for this reason, and the service has changed since it was decided.
    Unclear(CallFailed),
}

/// Which service deployments are listed. ECS keeps them for 90 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceDeployments {
    /// The newest page of them: those that may be under way, and what came before.
    Newest,
    /// All that were created since then.
    CreatedSince(UtcDateTime),
    /// All that ended with a revision that serves: `SUCCESSFUL` and `ROLLBACK_SUCCESSFUL`.
    Settled,
}

impl Ecs {
    /// The service's deployments, newest first.
    pub async fn list_service_deployments(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        which: ServiceDeployments,
    ) -> Result<Vec<ecs::Listed>, CallFailed> {
        let call = Call::new("ecs:ListServiceDeployments", format!("{cluster}/{service}"));
        let mut listed = Vec::new();
        let mut next = None;
        loop {
            let request = self
                .client
                .list_service_deployments()
                .cluster(cluster.as_str())
                .service(service.as_str())
                .set_next_token(next);
            let request = match which {
                ServiceDeployments::Newest => request,
                ServiceDeployments::CreatedSince(time) => {
                    let after = CreatedAt::builder().after(time_to(time - MARGIN));
                    request
                        .created_at(after.build())
                        .max_results(LISTED_AT_MOST)
                }
                ServiceDeployments::Settled => request
                    .status(ServiceDeploymentStatus::Successful)
                    .status(ServiceDeploymentStatus::RollbackSuccessful)
                    .max_results(LISTED_AT_MOST),
            };
            let page = request.send().await.map_err(|error| call.failed(error))?;
            for brief in page.service_deployments() {
                listed.push(listed_from(&call, brief)?);
            }
            next = page.next_token;
            if next.is_none() || which == ServiceDeployments::Newest {
                break;
            }
        }
        // The order is seen, not documented.
        listed.sort_by_key(|one| std::cmp::Reverse(one.created_at));
        Ok(listed)
    }

    /// These deployments, newest first; one that ECS does not know any more is left out.
    pub async fn describe_service_deployments(
        &self,
        arns: &[ServiceDeploymentArn],
    ) -> Result<Vec<ecs::ServiceDeployment>, CallFailed> {
        let mut described = Vec::new();
        for arns in arns.chunks(DESCRIBED_AT_MOST) {
            let call = Call::new("ecs:DescribeServiceDeployments", arns[0].as_str());
            let answer = self
                .client
                .describe_service_deployments()
                .set_service_deployment_arns(Some(arns.iter().map(ToString::to_string).collect()))
                .send()
                .await
                .map_err(|error| call.failed(error))?;
            for deployment in answer.service_deployments() {
                described.push(deployment_from(&call, deployment)?);
            }
        }
        described.sort_by_key(|one| std::cmp::Reverse(one.created_at));
        Ok(described)
    }

    /// Lets the service run this revision. Nothing else is sent: every other member would overwrite what autoscaling and
    /// infrastructure code own.
    ///
    /// The same revision again changes nothing while the service wants it, but what it started may be stopped and rolled back within
    /// seconds, and then it starts another deployment. So a call of which it is not known whether it arrived is sent once more only where
    /// `is_unchanged` finds the service as it was when the update was decided.
    ///
    /// # Errors
    /// ECS refuses the revision, with what can be done about it where that is known; or what `is_unchanged` could not find out.
    pub async fn update_service<E: From<CallFailed>>(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        revision: &RevisionArn,
        is_unchanged: impl AsyncFnOnce() -> Result<bool, E>,
    ) -> Result<Updated, E> {
        let update = async || self.update_service_once(cluster, service, revision).await;
        match update().await {
            Err(failed) if failed.kind == Kind::Unavailable => match is_unchanged().await? {
                true => Ok(Updated::To(update().await?)),
                false => Ok(Updated::Unclear(failed)),
            },
            answer => Ok(Updated::To(answer?)),
        }
    }

    async fn update_service_once(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
        revision: &RevisionArn,
    ) -> Result<Option<ServiceDeploymentArn>, CallFailed> {
        let call = Call::new("ecs:UpdateService", format!("{cluster}/{service}"));
        let sent = self
            .client
            .update_service()
            .cluster(cluster.as_str())
            .service(service.as_str())
            .task_definition(revision.as_str())
            .customize()
            .config_override(Builder::new().retry_classifier(OnlyWhenThrottled))
            .send()
            .await;
        let answer = sent.map_err(|error| {
            let remedy = error.code().and_then(remedy_of);
            let mut failed = call.failed(error);
            if let Some(remedy) = remedy {
                failed.message = format!("{} (hint: {remedy})", failed.message);
            }
            failed
        })?;
        let current = answer
            .service()
            .and_then(|service| service.current_service_deployment());
        Ok(current.and_then(|arn| arn.parse().ok()))
    }

    /// Asks ECS to roll a deployment back. It may have ended meanwhile.
    pub async fn stop_service_deployment(
        &self,
        deployment: &ServiceDeploymentArn,
    ) -> Result<(), CallFailed> {
        let call = Call::new("ecs:StopServiceDeployment", deployment.as_str());
        self.client
            .stop_service_deployment()
            .service_deployment_arn(deployment.as_str())
            .stop_type(StopServiceDeploymentStopType::Rollback)
            .send()
            .await
            .map_err(|error| call.failed(error))?;
        Ok(())
    }
}

/// What can be done where UpdateService refuses (ECS API Reference, UpdateService, errors).
fn remedy_of(code: &str) -> Option<&'static str> {
    match code {
        "ServiceNotFoundException" | "ClusterNotFoundException" => {
            Some("correct its name in the configuration, or create it")
        }
        "ServiceNotActiveException" => {
            Some("the service is being deleted: create it again, or take the pipeline out")
        }
        "PlatformTaskDefinitionIncompatibilityException" => Some(
            "the revision needs what the service's platform version does not have: let the service use `LATEST`",
        ),
        "PlatformUnknownException" => {
            Some("the service names a platform version that does not exist: let it use `LATEST`")
        }
        "NamespaceNotFoundException" => Some(
            "the namespace of the service's Service Connect is gone: create it again, or correct `serviceConnectConfiguration`",
        ),
        "UnsupportedFeatureException" => Some(
            "the service or its revision uses a feature that this Region or launch type does not have",
        ),
        _ => None,
    }
}

fn listed_from(call: &Call, brief: &ServiceDeploymentBrief) -> Result<ecs::Listed, CallFailed> {
    let status = call.required(brief.status(), "serviceDeployments.status")?;
    let created_at = brief.created_at().and_then(time_from);
    Ok(ecs::Listed {
        arn: call.name(
            brief.service_deployment_arn(),
            "serviceDeployments.serviceDeploymentArn",
        )?,
        target: match brief.target_service_revision_arn() {
            Some(arn) => Some(call.name(Some(arn), "targetServiceRevisionArn")?),
            None => None,
        },
        status: ecs::Status::of(status.as_str()),
        created_at: call.required(created_at, "serviceDeployments.createdAt")?,
    })
}

fn deployment_from(
    call: &Call,
    deployment: &ServiceDeployment,
) -> Result<ecs::ServiceDeployment, CallFailed> {
    let status = call.required(deployment.status(), "serviceDeployments.status")?;
    let created_at = deployment.created_at().and_then(time_from);
    let sources = deployment.source_service_revisions().iter();
    Ok(ecs::ServiceDeployment {
        arn: call.name(
            deployment.service_deployment_arn(),
            "serviceDeployments.serviceDeploymentArn",
        )?,
        status: ecs::Status::of(status.as_str()),
        status_reason: deployment.status_reason().map(redact::redact),
        stage: deployment
            .lifecycle_stage()
            .map(|stage| ecs::Stage::of(stage.as_str())),
        sources: sources
            .map(|revision| deployed_from(call, revision))
            .collect::<Result<_, _>>()?,
        target: match deployment.target_service_revision() {
            Some(revision) => Some(deployed_from(call, revision)?),
            None => None,
        },
        rollback: match deployment.rollback() {
            Some(rollback) => Some(ecs::Rollback {
                reason: rollback.reason().map(redact::redact),
                started_at: rollback.started_at().and_then(time_from),
                revision: match rollback.service_revision_arn() {
                    Some(arn) => Some(call.name(Some(arn), "rollback.serviceRevisionArn")?),
                    None => None,
                },
            }),
            None => None,
        },
        hooks: deployment
            .deployment_configuration()
            .map(|configuration| configuration.lifecycle_hooks())
            .unwrap_or_default()
            .iter()
            .map(hook_from)
            .collect(),
        breaker: deployment
            .deployment_circuit_breaker()
            .map(|breaker| ecs::BreakerState {
                status: breaker
                    .status()
                    .map_or_else(String::new, |status| status.as_str().to_owned()),
                failure_count: breaker.failure_count(),
                threshold: breaker.threshold(),
            }),
        alarms: deployment.alarms().map(|alarms| ecs::TriggeredAlarms {
            status: alarms
                .status()
                .map_or_else(String::new, |status| status.as_str().to_owned()),
            triggered: alarms.triggered_alarm_names().to_vec(),
        }),
        created_at: call.required(created_at, "serviceDeployments.createdAt")?,
        started_at: deployment.started_at().and_then(time_from),
        finished_at: deployment.finished_at().and_then(time_from),
        stopped_at: deployment.stopped_at().and_then(time_from),
        updated_at: deployment.updated_at().and_then(time_from),
    })
}

fn deployed_from(
    call: &Call,
    revision: &ServiceRevisionSummary,
) -> Result<ecs::DeployedRevision, CallFailed> {
    Ok(ecs::DeployedRevision {
        arn: call.name(revision.arn(), "serviceRevisions.arn")?,
        requested_count: revision.requested_task_count(),
        running_count: revision.running_task_count(),
        test_weight: revision.requested_test_traffic_weight(),
        production_weight: revision.requested_production_traffic_weight(),
    })
}
