//! The world of one rehearsal: every service's state, the API in front of it, and the services that it begins with.

mod seed;
mod settled;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
pub use record::is_called;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::api::ledger::Ledger;
use crate::api::throttle::Throttle;
use crate::api::wire::Wire;
use crate::assumption::{Assumption, Assumptions};
use crate::clock::{Clock, Pace};
use crate::cloudwatch::{self, CloudWatch};
use crate::codedeploy::traffic::Routing;
use crate::codedeploy::{self, CodeDeploy};
use crate::ecr::{self, Ecr, ImageSettings, IndexSettings, PushRefused};
use crate::ecs::capacity::LaunchKind;
use crate::ecs::{self, Ecs};
use crate::elb::{LoadBalancers, Nodes};
use crate::events::EventBus;
use crate::fault::{Faults, Planned};
use crate::iam::{Iam, Removal};
use crate::identity::Ids;
use crate::lambda::Lambda;
use crate::logs::Logs;
use crate::observable::Observable;
use crate::scheduler::Scheduler;
use crate::sns::Sns;
use crate::template::Template;
use crate::timeline::{self, ListenerKind, Timeline};

/// What a world begins with.
#[derive(Debug, Clone)]
pub struct WorldSettings {
    pub template: Template,
    /// What is taken away of what the template grants.
    pub without: Vec<Removal>,
    /// Which of two possibilities is played where AWS's behaviour is not known.
    pub assumptions: Assumptions,
    /// The API's port on loopback; 0 takes a free one.
    pub port: u16,
    pub repositories: Vec<RepositorySettings>,
    /// Images that lie in the repositories from the beginning; no event tells of them.
    pub images: Vec<ImageSettings>,
    /// The same, of images for several platforms.
    pub indexes: Vec<IndexSettings>,
    pub services: Vec<ServiceSettings>,
    /// The executable that stands for every image of the repositories.
    pub sample_service: PathBuf,
    /// How long, in real time, the world stays as it is before the clock jumps: `clock::DWELL` unless many plays are to
    /// take less time.
    pub dwell: Duration,
    pub pace: Pace,
    /// What happens to calls of functions.
    pub faults: Vec<Planned>,
}

#[derive(Debug, Clone)]
pub struct RepositorySettings {
    pub name: String,
    pub tags: TagMutability,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagMutability {
    Mutable,
    Immutable,
    /// Tags that match one of these filters (`release-*`) are immutable.
    MutableExcept(Vec<String>),
    /// Tags that match one of these filters are mutable.
    ImmutableExcept(Vec<String>),
}

/// An ECS service of the CODE_DEPLOY controller, with everything around it.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    pub name: String,
    pub cluster: String,
    pub family: String,
    pub containers: Vec<ContainerSettings>,
    /// The container behind the load balancer, with the port that it has there.
    pub load_balanced: (String, u16),
    pub desired_count: u32,
    /// What its tasks run on.
    pub launch: LaunchKind,
    pub application: String,
    pub deployment_group: String,
    pub deployment_config: String,
    /// What `deployment_config` does where it is none of AWS's own: it is made with the service.
    pub routing: Option<Routing>,
    pub test_listener: TestListener,
    /// How long the deployment waits, when green is ready, for somebody to continue it; none: production is rerouted
    /// at once.
    pub ready_wait: Option<Duration>,
    pub termination_wait: Duration,
    /// `DEPLOYMENT_FAILURE`, `DEPLOYMENT_STOP_ON_ALARM`, `DEPLOYMENT_STOP_ON_REQUEST`; empty: no automatic rollback.
    pub rollback_on: Vec<String>,
    /// CloudWatch alarms that stop a deployment; they are made with the service, in state OK. Up to ten.
    pub alarms: Vec<String>,
    pub health_check: HealthCheck,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestListener {
    Present,
    Absent,
}

#[derive(Debug, Clone)]
pub struct ContainerSettings {
    pub name: String,
    /// As a task definition says it: `111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:…`.
    pub image: String,
    pub container_port: Option<u16>,
    pub essential: bool,
    /// `entryPoint` and `command`; empty: the image's own.
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// `awslogs-group` and `awslogs-stream-prefix`.
    pub logs: Option<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct HealthCheck {
    pub path: String,
    /// ALB matcher: `200`, `200,301`, `200-299`.
    pub matcher: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
    pub deregistration_delay: Duration,
}

/// A call that came in over HTTP, and what was answered.
#[derive(Debug, Clone)]
pub struct AwsCall {
    pub at: SystemTime,
    /// Binary name of the function that called; none when somebody else did.
    pub function: Option<String>,
    /// As IAM names it: `ecs`, `elasticloadbalancing`.
    pub service: &'static str,
    pub operation: String,
    /// HTTP status.
    pub status: u16,
    pub error: Option<String>,
    pub request: Value,
    pub response: Value,
}

/// A message that SNS took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub subject: Option<String>,
    pub body: String,
}

/// A deployment, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRecord {
    pub id: String,
    pub service: String,
    /// `user` or `codeDeployRollback`.
    pub creator: &'static str,
    pub status: &'static str,
    pub error: Option<(String, String)>,
    /// The task definition that it ships.
    pub revision: String,
    /// The digest in it of the container behind the load balancer.
    pub image_digest: Option<String>,
    /// (name, status), in order.
    pub lifecycle_events: Vec<(&'static str, &'static str)>,
}

/// Every service's state, and what they share.
pub struct Aws {
    pub assumptions: Assumptions,
    pub clock: Clock,
    pub timeline: Timeline,
    /// Shared with Lambda, which acts for functions.
    pub iam: Arc<Iam>,
    pub ids: Ids,
    /// Of calls, apart from the ids of things: those are the same however calls overtake each other.
    pub request_ids: Ids,
    pub ledger: Ledger,
    pub throttle: Throttle,
    pub faults: Faults,
    pub wire: Wire,
    pub background: Background,
    pub ecr: Ecr,
    pub ecs: Ecs,
    pub codedeploy: CodeDeploy,
    pub cloudwatch: CloudWatch,
    pub load_balancers: LoadBalancers,
    pub lambda: Lambda,
    pub events: EventBus,
    pub sns: Sns,
    pub logs: Logs,
    pub scheduler: Scheduler,
    pub sample_service: PathBuf,
    endpoint: String,
}

/// Everything that runs by itself; it ends with the world.
pub struct Background {
    clock: Clock,
    tasks: Mutex<JoinSet<()>>,
}

impl Background {
    fn new(clock: Clock) -> Background {
        Background {
            clock,
            tasks: Mutex::default(),
        }
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.lock();
        // Those that have ended already need not be remembered.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(self.clock.track(task));
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The world of one rehearsal. Cheap to clone; when the last clone is dropped, everything in it stops.
#[derive(Clone)]
pub struct World {
    aws: Arc<Aws>,
    _life: Arc<Life>,
}

/// Ends the world's background: it holds the world's state, which would otherwise never be dropped.
struct Life {
    aws: Arc<Aws>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.aws.background.lock().abort_all();
    }
}

impl Deref for World {
    type Target = Aws;

    fn deref(&self) -> &Aws {
        &self.aws
    }
}

impl World {
    /// Starts the API and everything behind it; the services serve when this returns.
    pub async fn start(settings: WorldSettings) -> anyhow::Result<World> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!(
                "open the local AWS on {address} (hint: `--port` takes another one, 0 a free one)"
            )
        })?;
        let endpoint = format!(
            "http://{}",
            listener.local_addr().context("the local AWS's address")?
        );
        let aws = Arc::new(empty(&settings, endpoint).await?);
        let world = World {
            _life: Arc::new(Life { aws: aws.clone() }),
            aws: aws.clone(),
        };
        aws.background
            .spawn(crate::api::serve(listener, Arc::downgrade(&aws)));
        aws.background.spawn(tell_skips(aws.clone()));
        seed::seed(&aws, settings).await?;
        Ok(world)
    }

    /// What the world is made of, for what outlives a borrow.
    pub fn shared(&self) -> &Arc<Aws> {
        &self.aws
    }

    /// Pushes an image: one completed push, with its event, for each tag, or one without a tag. What is there already
    /// is left alone. Gives the digest.
    pub fn push(&self, image: &ImageSettings) -> Result<String, PushRefused> {
        ecr::push_image(self, image)
    }

    /// Pushes an image for several platforms: its manifests and attestations without a tag, then the index. Gives the
    /// index's digest.
    pub fn push_index(&self, index: &IndexSettings) -> Result<String, PushRefused> {
        ecr::push_index(self, index)
    }

    /// Ends every process and waits until all of them are gone.
    pub async fn shutdown(&self) {
        let mut tasks = std::mem::take(&mut *self.background.lock());
        tasks.shutdown().await;
    }
}

impl Aws {
    /// The API's URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// ARN of the listener of a service, `web`, or of one in a cluster, `prod/web`.
    pub fn listener(&self, service: &str, kind: ListenerKind) -> Option<String> {
        self.codedeploy.read(|state| {
            let is_wanted =
                |group: &&codedeploy::Group| is_called(service, &group.cluster, &group.service);
            let group = state.groups.iter().find(is_wanted)?;
            match kind {
                ListenerKind::Production => Some(group.production_listener.clone()),
                ListenerKind::Test => group.test_listener.clone(),
            }
        })
    }

    /// Where a service's listener is reached.
    pub fn address(&self, service: &str, kind: ListenerKind) -> Option<SocketAddr> {
        let arn = self.listener(service, kind)?;
        let listener = self
            .load_balancers
            .listeners()
            .into_iter()
            .find(|listener| listener.arn == arn)?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port)))
    }

    /// From now on a function may not do what the template grants it: `start-deployment`, `ecs:RegisterTaskDefinition`.
    pub fn deny(&self, function: &str, action: &str) -> anyhow::Result<()> {
        self.iam.remove(&Removal::of(function, action))
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<AwsCall> {
        self.ledger.calls()
    }

    /// Every message that SNS took.
    pub fn messages(&self) -> Vec<Message> {
        self.sns.messages()
    }

    /// Every revision that was ever registered: its ARN, and (container, image) of its containers.
    pub fn revisions(&self) -> Vec<(String, Vec<(String, String)>)> {
        let describe =
            |revision: &ecs::task_definition::Revision| (revision.arn(), revision.images());
        self.ecs
            .read(|state| state.families.values().flatten().map(describe).collect())
    }

    /// Every deployment, in the order of their creation.
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

/// A world without services, at the beginning of time.
async fn empty(settings: &WorldSettings, endpoint: String) -> anyhow::Result<Aws> {
    let template = &settings.template;
    let clock = Clock::with(settings.pace, settings.dwell);
    let timeline = Timeline::new(clock.clone());
    let lambda = Lambda::start(clock.clone(), template.functions.clone(), endpoint.clone()).await?;
    lambda.tell(timeline.clone());
    let iam = Arc::new(
        Iam::new(template.principals.clone(), &settings.without)?.with_keys(template.keys.clone()),
    );
    lambda.ask(iam.clone());
    let logs = Logs::default();
    lambda.log_to(logs.clone());
    Ok(Aws {
        assumptions: settings.assumptions.clone(),
        ledger: Ledger::new(
            template
                .functions
                .iter()
                .map(|function| function.binary_name.clone()),
        ),
        throttle: Throttle::default(),
        faults: Faults::planned(&settings.faults),
        iam,
        wire: Wire::default(),
        background: Background::new(clock.clone()),
        ids: Ids::default(),
        request_ids: Ids::default(),
        ecr: Ecr::new(settings.repositories.clone(), clock.now()),
        ecs: Observable::new(ecs::State::default()),
        codedeploy: Observable::new(codedeploy::State::default()),
        cloudwatch: Observable::new(cloudwatch::State::default()),
        load_balancers: LoadBalancers::new(clock.clone(), nodes(&settings.assumptions)),
        events: EventBus::start(
            clock.clone(),
            template.rules.clone(),
            lambda.clone(),
            &settings.assumptions,
        ),
        sns: Sns::new(vec![template.topic_arn.clone()]),
        logs,
        scheduler: Scheduler::default(),
        sample_service: settings.sample_service.clone(),
        lambda,
        timeline,
        clock,
        endpoint,
    })
}

fn nodes(assumptions: &Assumptions) -> Nodes {
    if assumptions.hold(Assumption::NodesLearnLate) {
        Nodes::LearnLate
    } else {
        Nodes::LearnAtOnce
    }
}

async fn tell_skips(aws: Arc<Aws>) {
    let mut skips = aws.clock.skips();
    // Whoever falls behind loses news of skips, which nothing depends on.
    while let Ok(skip) = skips.recv().await {
        aws.timeline.record(timeline::Event::TimeSkipped {
            from: skip.from,
            to: skip.to,
        });
    }
}
