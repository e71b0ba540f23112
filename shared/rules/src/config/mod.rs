//! The configuration: which repository's images go to which service, and what is checked on the way.
//!
//! `config/pipelines.toml` is the one file that a user must edit. Every mistake in it is reported at once, each with its
//! path in the file and what was expected; nothing is guessed.

mod header;
mod read;
mod registry;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gate::Gate;
use crate::names::{
    ApplicationName, CertificateFile, ClusterName, ContainerName, DeploymentConfigName,
    DeploymentGroupName, FunctionName, Mark, ParameterName, PipelineName, Repository, ServiceName,
    Tag, TargetGroupName,
};
use crate::status_matcher::StatusMatcher;
use crate::tag_rule::TagRule;

pub use header::{Header, HeaderName, HeaderText, HeaderValue};
pub use registry::Registry;

/// All pipelines, in the order of the file.
#[derive(Debug, Clone)]
pub struct Config {
    /// At least one.
    pub pipelines: Vec<Pipeline>,
}

/// This repository's images, chosen by this tag rule, go to this ECS service.
///
/// Gates and hooks belong to the service: one pipeline of it configures them, and they stand in all.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// How people see it; unique.
    pub name: PipelineName,
    /// The ECR repository whose pushes it follows.
    pub repository: Repository,
    /// The registry of that repository.
    pub registry: Registry,
    /// Which of its tags.
    pub tag: TagRule,
    /// The service's cluster.
    pub cluster: ClusterName,
    /// The service that it deploys to.
    pub service: ServiceName,
    /// The containers that get the image; empty: every container whose image comes from the repository.
    pub containers: Vec<ContainerName>,
    /// Which revision is the template of the next one.
    pub revision_from: RevisionFrom,
    /// What a push does while another deployment is under way.
    pub when_busy: WhenBusy,
    /// What a newer image does to the wait before blue is stopped.
    pub termination_wait: TerminationWait,
    /// Whether a rolling update may begin that nothing would roll back.
    pub without_rollback: WithoutRollback,
    /// The settings that the file has and only one engine knows, in its order. Another engine ignores them, which is said.
    pub tuning: Vec<Tuning>,
    /// What counts where CodeDeploy deploys to the service.
    pub codedeploy: CodeDeploy,
    /// The SSM parameter that says which image serves production, for infrastructure templates; none: none is written.
    pub publish: Option<ParameterName>,
    /// The migration gate; none: no migration.
    pub migration: Option<Migration>,
    /// The test traffic gate.
    pub test_traffic: TestTraffic,
    /// The production traffic gate; none: nothing is asked after the shift.
    pub production_traffic: Option<Traffic>,
    /// Functions of the user's, by the lifecycle events at which CodeDeploy calls them.
    pub hooks: BTreeMap<HookEvent, FunctionName>,
    /// The gates that its own entry configures, where it shares its service with other pipelines.
    pub own_gates: Vec<Gate>,
    /// The mark of its images where it shares its service with other pipelines.
    pub mark: Mark,
    /// Whether it is the only pipeline of its service.
    pub is_alone: bool,
    /// Whether it is the first, or only, pipeline of its service: settings are due with its image (`revision_from = "latest"`).
    pub is_first: bool,
}

/// A lifecycle event at which CodeDeploy can call a function of the user's (CodeDeploy User Guide, AppSpec hooks section for
/// ECS). It calls one function an event; at AfterAllowTestTraffic that is always Greenlight's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// Before green's task set is made.
    BeforeInstall,
    /// When green's tasks run: where the pipeline has no migration.
    AfterInstall,
    /// Before production traffic shifts.
    BeforeAllowTraffic,
    /// After production traffic has shifted: where the pipeline has no `production_traffic`.
    AfterAllowTraffic,
}

impl HookEvent {
    /// All of them, in the order in which CodeDeploy calls them.
    pub const ALL: [Self; 4] = [
        Self::BeforeInstall,
        Self::AfterInstall,
        Self::BeforeAllowTraffic,
        Self::AfterAllowTraffic,
    ];

    /// Its name in an AppSpec.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeInstall => "BeforeInstall",
            Self::AfterInstall => "AfterInstall",
            Self::BeforeAllowTraffic => "BeforeAllowTraffic",
            Self::AfterAllowTraffic => "AfterAllowTraffic",
        }
    }
}

/// What counts where CodeDeploy deploys to the service. Another engine ignores it.
#[derive(Debug, Clone)]
pub struct CodeDeploy {
    /// The application.
    pub application: ApplicationName,
    /// The deployment group.
    pub deployment_group: DeploymentGroupName,
    /// How traffic shifts; none for the deployment group's own way.
    pub deployment_config: Option<DeploymentConfigName>,
    /// Whether each deployment brings its own automatic rollback.
    pub rollback: Rollback,
}

/// Which revision is the template of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionFrom {
    /// The revision that serves production.
    Production,
    /// The family's latest ACTIVE revision, where infrastructure code registers them.
    Latest,
}

/// What a push does while another deployment is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBusy {
    /// It waits for that deployment's end.
    Wait,
    /// It stops that deployment, and goes next.
    Replace,
}

/// What a newer image does to the wait before blue is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminationWait {
    /// It ends the wait.
    Cut,
    /// It waits, so that the way back to blue stays open as long as the deployment group is configured to wait.
    Keep,
}

/// Whether a rolling update may begin of a service where neither circuit breaker nor alarms would roll it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutRollback {
    /// It is refused: a bad image would be tried for ever, with no event and no end.
    Refused,
    /// It begins.
    Accepted,
}

/// A setting that tunes one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    /// Of CodeDeploy, by its name in the file.
    CodeDeploy(&'static str),
    /// Of rolling updates, by its name in the file.
    Rolling(&'static str),
}

/// Whose setting decides whether a deployment that fails is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollback {
    /// The deployment itself: on failure, on an alarm and when it is stopped, whatever the group is configured to do. Without one a failed
    /// deployment leaves green behind the test listener, and CodeDeploy refuses every later one.
    Automatic,
    /// The deployment group.
    Group,
}

/// The migration gate: a one-off task of the new revision, judged by its exit code.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The container whose command is replaced.
    pub container: ContainerName,
    /// The command.
    pub command: Vec<String>,
    /// Whether that container runs the pushed image.
    pub image: MigrationImage,
    /// Which revision the task runs, and so which containers start beside it.
    pub revision: MigrationRevision,
    /// After this time it is stopped and has failed. CodeDeploy waits an hour for a hook, so 55 minutes at most.
    pub time_out: Duration,
}

/// Which image migrates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationImage {
    /// The one that is deployed. A container that keeps another one is a mistake.
    Pushed,
    /// The container's own: a migration tool's image beside the application's.
    Own,
}

/// In which revision the migration runs. RunTask starts every container of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationRevision {
    /// In the one that is deployed, beside all its containers.
    Shipped,
    /// In one made of it, with only the containers that the migration needs.
    Alone,
}

/// The test traffic gate: green's targets become healthy, and answer these requests through the test listener.
#[derive(Debug, Clone)]
pub struct TestTraffic {
    /// How long green's targets may take to become healthy.
    pub healthy_within: Duration,
    /// What is asked then.
    pub checks: Traffic,
}

/// Requests through a listener.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// From the beginning of the check until answers count: a listener's new weights take seconds to reach every node of a
    /// load balancer, and until then blue may answer.
    pub settle: Duration,
    /// Of a service behind several load balancers: a target group of the one that is asked.
    pub target_group: Option<TargetGroupName>,
    /// Instead of the discovered address of the listener.
    pub base_url: Option<String>,
    /// The name that requests are sent to: the `Host` header, and the name on the certificate.
    pub host: Option<String>,
    /// Certificates of an authority that the listener's certificate may come from, beside the public ones.
    pub ca: Option<CertificateFile>,
    /// What every request carries, unless it has a header of that name itself.
    pub headers: Vec<Header>,
    /// The requests, in order.
    pub requests: Vec<Request>,
}

/// One request of a traffic gate.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path and query, from `/`.
    pub path: String,
    /// For a gRPC health check, which goes to its own path: the service that must serve, empty for the whole server.
    pub grpc_service: Option<String>,
    /// The statuses that are well; redirects are not followed.
    pub status: StatusMatcher,
    /// Text that the body must hold.
    pub contains: Option<String>,
    /// How long an answer may take.
    pub within: Option<Duration>,
    /// Consecutive successes that are wanted.
    pub times: u32,
    /// What this request carries beside, or in place of, what all carry.
    pub headers: Vec<Header>,
}

impl Traffic {
    /// What this request carries.
    pub fn headers_of<'a>(&'a self, request: &'a Request) -> Vec<&'a Header> {
        let replaced =
            |header: &&Header| !request.headers.iter().any(|own| own.name == header.name);
        self.headers
            .iter()
            .filter(replaced)
            .chain(&request.headers)
            .collect()
    }

    /// Why these requests are not sent to an address: credentials and gRPC go over TLS only.
    pub fn refuses(&self, base_url: &str) -> Option<String> {
        if base_url.starts_with("https://") {
            return None;
        }
        if self
            .requests
            .iter()
            .any(|request| request.grpc_service.is_some())
        {
            return Some(format!(
                "`{base_url}` is not encrypted, and gRPC health checks are sent over TLS only, as a load balancer takes them (hint: an \
                 `https://` address)"
            ));
        }
        let headers = self
            .requests
            .iter()
            .flat_map(|request| self.headers_of(request));
        let credential = headers.into_iter().find(|header| header.is_credential())?;
        Some(format!(
            "`{base_url}` is not encrypted, and the header `{}` is sent over TLS only (hint: an `https://` address)",
            credential.name.as_str()
        ))
    }
}

impl TestTraffic {
    /// The gate of a pipeline that configures none: green's targets must become healthy, no request is sent.
    fn default_gate() -> Self {
        Self {
            healthy_within: Duration::from_secs(180),
            checks: Traffic {
                settle: Duration::from_secs(15),
                target_group: None,
                base_url: None,
                host: None,
                ca: None,
                headers: Vec::new(),
                requests: Vec::new(),
            },
        }
    }
}

impl Pipeline {
    /// The service that it deploys to, as people see it: `<cluster>/<service>`.
    pub fn place(&self) -> String {
        format!("{}/{}", self.cluster, self.service)
    }

    /// Whether another pipeline deploys to the same service. A pipeline does so itself.
    pub fn has_service_of(&self, other: &Self) -> bool {
        (&self.cluster, &self.service) == (&other.cluster, &other.service)
    }
}

impl Config {
    /// The pipelines that follow this repository, in whatever registry, and this tag.
    pub fn following(&self, repository: &Repository, tag: &Tag) -> impl Iterator<Item = &Pipeline> {
        self.pipelines
            .iter()
            .filter(move |pipeline| pipeline.repository == *repository && pipeline.tag.matches(tag))
    }

    /// The pipelines of this deployment group: those of one service, in the order of the file.
    pub fn of_group(
        &self,
        application: &ApplicationName,
        group: &DeploymentGroupName,
    ) -> impl Iterator<Item = &Pipeline> {
        self.pipelines.iter().filter(move |pipeline| {
            let ours = &pipeline.codedeploy;
            ours.application == *application && ours.deployment_group == *group
        })
    }

    /// The pipeline of this deployment group that configures this gate; the group's first one where none does.
    pub fn keeper(
        &self,
        application: &ApplicationName,
        group: &DeploymentGroupName,
        gate: Gate,
    ) -> Option<&Pipeline> {
        let mut pipelines = self.of_group(application, group);
        pipelines
            .find(|pipeline| pipeline.is_alone || pipeline.own_gates.contains(&gate))
            .or_else(|| self.of_group(application, group).next())
    }

    /// The pipelines that deploy to this service.
    pub fn of_service(
        &self,
        cluster: &ClusterName,
        service: &ServiceName,
    ) -> impl Iterator<Item = &Pipeline> {
        let all = self.pipelines.iter();
        all.filter(move |pipeline| pipeline.cluster == *cluster && pipeline.service == *service)
    }

    /// The same by the service that a deployment of ECS's own is of.
    pub fn keeper_of_service(&self, cluster: &str, service: &str, gate: Gate) -> Option<&Pipeline> {
        let of_service = |pipeline: &&Pipeline| {
            pipeline.cluster.as_str() == cluster && pipeline.service.as_str() == service
        };
        let mut pipelines = self.pipelines.iter().filter(of_service);
        pipelines
            .find(|pipeline| pipeline.is_alone || pipeline.own_gates.contains(&gate))
            .or_else(|| self.pipelines.iter().find(of_service))
    }

    /// The pipeline of this name.
    pub fn named(&self, name: &PipelineName) -> Option<&Pipeline> {
        self.pipelines
            .iter()
            .find(|pipeline| pipeline.name == *name)
    }
}
