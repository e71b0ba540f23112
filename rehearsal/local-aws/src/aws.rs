//! All services of one world, as the API and the rehearsal use them.

mod settled;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use crate::acm::Certificates;
use crate::cloudformation::CloudFormation;
use crate::cloudwatch::CloudWatch;
use crate::codedeploy::{self, CodeDeploy};
use crate::context::Context;
use crate::ecr::Ecr;
use crate::ecs::{self, Ecs};
use crate::elb::{ListenerDescription, ListenerPorts, LoadBalancers, listener_of};
use crate::events::{CustomBuses, EventBus};
use crate::iam::{Iam, Removal};
use crate::lambda::Lambda;
use crate::logs::Logs;
use crate::scheduler::Scheduler;
use crate::secrets_manager::SecretsManager;
use crate::service_deployment::ServiceDeployments;
use crate::service_deployment::deployment::ServiceDeployment;
use crate::service_deployment::listener_rules::TwoTargetGroups;
use crate::service_deployment::revision::ServiceRevision;
use crate::sns::{Message, Sns};
use crate::ssm::Ssm;
use crate::timeline::ListenerKind;

/// A deployment, in the form of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRecord {
    pub id: String,
    pub service: String,
    /// `user` or `codeDeployRollback`.
    pub creator: &'static str,
    pub status: &'static str,
    pub error: Option<(String, String)>,
    /// The task definition that it deploys.
    pub revision: String,
    /// The image digest of its container behind the load balancer.
    pub image_digest: Option<String>,
    /// (name, status), in order.
    pub lifecycle_events: Vec<(&'static str, &'static str)>,
}

/// Every service of one world, and their shared state.
pub struct Aws {
    pub(crate) context: Context,
    /// Shared with Lambda and Scheduler, which act for functions.
    pub iam: Arc<Iam>,
    pub ecr: Arc<Ecr>,
    pub ecs: Arc<Ecs>,
    pub codedeploy: Arc<CodeDeploy>,
    pub service_deployments: Arc<ServiceDeployments>,
    pub cloudwatch: Arc<CloudWatch>,
    pub load_balancers: LoadBalancers,
    pub lambda: Lambda,
    pub events: EventBus,
    pub custom_buses: CustomBuses,
    pub sns: Sns,
    pub logs: Logs,
    pub scheduler: Arc<Scheduler>,
    pub secrets_manager: Arc<SecretsManager>,
    pub ssm: Ssm,
    pub cloudformation: CloudFormation,
    pub certificates: Certificates,
    /// The ports of listeners that CreateListener makes.
    pub listener_ports: ListenerPorts,
    pub(crate) endpoint: String,
}

/// The services share the world's clock and timeline.
impl Deref for Aws {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl Aws {
    /// The API's URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the listener ARN of a service, given as `web`, or with its cluster as `prod/web`.
    pub fn listener(&self, service: &str, kind: ListenerKind) -> Option<String> {
        let of_group = self.codedeploy.read(|state| {
            let is_wanted = |group: &&codedeploy::Group| {
                record::is_called(service, &group.cluster, &group.service)
            };
            let group = state.groups.iter().find(is_wanted)?;
            Some(match kind {
                ListenerKind::Production => Some(group.production_listener.clone()),
                ListenerKind::Test => group.test_listener.clone(),
            })
        });
        of_group.unwrap_or_else(|| self.listener_of_ecs(service, kind))
    }

    /// The listener of the first load balancer of a service that ECS deploys.
    fn listener_of_ecs(&self, service: &str, kind: ListenerKind) -> Option<String> {
        let first = self.balanced_by_ecs(service).into_iter().next()?;
        self.listener_of_entry(first, kind)
    }

    /// The listener of the load balancer of a service that ECS deploys which has a target group of this name.
    pub fn listener_of_group(
        &self,
        service: &str,
        kind: ListenerKind,
        target_group: &str,
    ) -> Option<String> {
        let is_named = |arn: &String| arn.split('/').nth(1) == Some(target_group);
        let mut entries = self.balanced_by_ecs(service).into_iter();
        let found = entries.find(|(group, rules)| {
            let mut pairs = rules.iter().flat_map(|rules| &rules.groups);
            is_named(group) || pairs.any(is_named)
        });
        self.listener_of_entry(found?, kind)
    }

    /// The further load balancers of a service that ECS deploys: their names, and the URLs of their production listeners.
    pub fn further_base_urls(&self, service: &str) -> Vec<(String, String)> {
        let further = self.balanced_by_ecs(service).into_iter().skip(1);
        let described = further.filter_map(|entry| {
            let arn = self.listener_of_entry(entry, ListenerKind::Production)?;
            let listener = self.described(&arn)?;
            // `listener/app/NAME/…`
            let name = arn.split('/').nth(2)?.to_owned();
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port));
            Some((name, format!("{}://{address}", listener.protocol.scheme())))
        });
        described.collect()
    }

    /// Target group and rules, for each load balancer.
    fn balanced_by_ecs(&self, service: &str) -> Vec<(String, Option<TwoTargetGroups>)> {
        let balanced = self.ecs.read(|state| {
            let is_wanted = |known: &&ecs::service::Service| {
                record::is_called(service, &known.cluster, &known.name)
            };
            let service = state.services.iter().find(is_wanted)?;
            let mut rules = service.controller.ecs()?.two_groups.iter();
            let behind = service.load_balancers.iter();
            let balanced = behind.map(|one| (one.target_group_arn.clone(), rules.next().cloned()));
            Some(balanced.collect())
        });
        balanced.unwrap_or_default()
    }

    /// The listener of the production or test rule, or the one that forwards to the only target group. A test rule may be on the
    /// production listener.
    fn listener_of_entry(
        &self,
        (group, rules): (String, Option<TwoTargetGroups>),
        kind: ListenerKind,
    ) -> Option<String> {
        match (rules, kind) {
            (Some(rules), ListenerKind::Production) => Some(listener_of(&rules.production_rule)),
            (Some(rules), ListenerKind::Test) => Some(listener_of(&rules.test_rule?)),
            (None, ListenerKind::Production) => {
                let listeners = self.load_balancers.listeners().into_iter();
                let mut serving = listeners.filter(|listener| {
                    let rules = listener.rules.iter().flat_map(|rule| &rule.forward);
                    let mut parts = listener.forward.iter().chain(rules);
                    parts.any(|part| part.target_group_arn == group)
                });
                serving.next().map(|listener| listener.arn)
            }
            (None, ListenerKind::Test) => None,
        }
    }

    /// Returns every service deployment in order of creation, with its states, stages, times, hooks and their answers: what the
    /// record reads.
    pub fn service_deployment_history(&self) -> Vec<ServiceDeployment> {
        self.service_deployments
            .read(|state| state.deployments.clone())
    }

    /// Returns the service revision with these digits: `ecs-svc/…` of a task, without its beginning.
    pub fn service_revision(&self, digits: &str) -> Option<ServiceRevision> {
        self.service_deployments
            .read(|state| state.revision_of(digits).cloned())
    }

    /// Returns the address of a service's listener.
    pub fn address(&self, service: &str, kind: ListenerKind) -> Option<SocketAddr> {
        let listener = self.described_listener(service, kind)?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port)))
    }

    /// Returns the URL of a service's listener, without a path.
    pub fn base_url(&self, service: &str, kind: ListenerKind) -> Option<String> {
        let scheme = self.described_listener(service, kind)?.protocol.scheme();
        Some(format!("{scheme}://{}", self.address(service, kind)?))
    }

    /// Returns the name in the certificate of a service's listener, by which clients reach it; `None` where CreateListener gave it none.
    pub fn certified_name(&self, service: &str, kind: ListenerKind) -> Option<String> {
        let secured = self.described_listener(service, kind)?.secured?;
        let name = secured.names.first()?;
        // Of `*.example.com` any name.
        Some(name.replacen('*', "www", 1))
    }

    fn described_listener(&self, service: &str, kind: ListenerKind) -> Option<ListenerDescription> {
        self.described(&self.listener(service, kind)?)
    }

    fn described(&self, arn: &str) -> Option<ListenerDescription> {
        let mut listeners = self.load_balancers.listeners().into_iter();
        listeners.find(|listener| listener.arn == arn)
    }

    /// Removes a permission that the template grants to a function, such as `ecs:RegisterTaskDefinition` of
    /// `start-deployment`.
    pub fn deny(&self, function: &str, action: &str) -> anyhow::Result<()> {
        self.iam.remove(&Removal::of(function, action))
    }

    /// Returns every message that SNS accepted.
    pub fn messages(&self) -> Vec<Message> {
        self.sns.messages()
    }

    /// Returns every registered revision: its ARN, and (container, image) of its containers.
    pub fn revisions(&self) -> Vec<(String, Vec<(String, String)>)> {
        let describe =
            |revision: &ecs::task_definition::Revision| (revision.arn(), revision.images());
        self.ecs
            .read(|state| state.families.values().flatten().map(describe).collect())
    }

    /// Returns every deployment, in order of creation.
    pub fn deployments(&self) -> Vec<DeploymentRecord> {
        let deployments: Vec<_> = self.codedeploy.read(|state| {
            let with_service = |deployment: &codedeploy::Deployment| {
                let service = state
                    .group_of(deployment)
                    .map(|group| group.service.clone());
                (deployment.clone(), service.unwrap_or_default())
            };
            state.deployments.iter().map(with_service).collect()
        });
        deployments
            .into_iter()
            .map(|(deployment, service)| self.record(deployment, service))
            .collect()
    }

    fn record(&self, deployment: codedeploy::Deployment, service: String) -> DeploymentRecord {
        let spec = deployment.app_spec;
        let image = self.ecs.read(|state| {
            state
                .revision(&spec.task_definition)?
                .image_of(&spec.container)
        });
        let image_digest =
            image.and_then(|image| image.split_once('@').map(|(_, digest)| digest.to_owned()));
        DeploymentRecord {
            id: deployment.id,
            service,
            creator: deployment.creator.as_str(),
            status: deployment.status.as_str(),
            error: deployment.error,
            revision: spec.task_definition,
            image_digest,
            lifecycle_events: deployment
                .events
                .iter()
                .map(|record| (record.event.as_str(), record.status.as_str()))
                .collect(),
        }
    }
}
