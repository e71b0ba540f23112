//! The world of one rehearsal: every AWS service, the API in front of them, and the initial ECS services.

mod seed;
mod seed_ecs;
mod seed_roles;
mod settings;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::acm::Certificates;
use crate::api::{self, Api};
use crate::assumption::{Assumption, Assumptions};
use crate::clock::Clock;
use crate::cloudformation::{CloudFormation, Stack, StackStatus};
use crate::cloudwatch::CloudWatch;
use crate::codedeploy::CodeDeploy;
use crate::context::Context;
use crate::ecr::{Ecr, ImageSettings, IndexSettings, PushRefused};
use crate::ecs::Ecs;
use crate::elb::{LoadBalancers, Nodes};
use crate::events::{Buses, CustomBuses, EventBus};
use crate::fault::Faults;
use crate::iam::{Iam, Removal};
use crate::lambda::Lambda;
use crate::logs::Logs;
use crate::scheduler::Scheduler;
use crate::secrets_manager::SecretsManager;
use crate::service_deployment::{ServiceDeployments, Uses};
use crate::sns::Sns;
use crate::ssm::Ssm;
use crate::template::{STACK, Template};
use crate::timeline;

// The types of a world's settings and results, re-exported so that its users need no other module.
pub use self::settings::{
    ContainerSettings, DeployedBy, EcsDeployments, HealthCheck, Internal, IsBalanced,
    ServiceSettings, TestListener, TestRule, WorldSettings,
};
pub use crate::api::ledger::AwsCall;
pub use crate::aws::{Aws, DeploymentRecord};
pub use crate::ecr::{RepositorySettings, TagMutability};
pub use crate::elb::ListenerPorts;
pub use crate::secrets_manager::{KmsKey, SecretSettings};
pub use crate::sns::Message;

/// The world of one rehearsal. Cheap to clone; when the last clone is dropped, everything in it stops.
#[derive(Clone)]
pub struct World {
    aws: Arc<Aws>,
    pub api: Arc<Api>,
    _life: Arc<Life>,
}

/// Ends the world's background tasks, which hold its state: it would otherwise never be dropped.
struct Life {
    aws: Arc<Aws>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.aws.background.abort();
    }
}

impl Deref for World {
    type Target = Aws;

    fn deref(&self) -> &Aws {
        &self.aws
    }
}

impl World {
    #[cfg(test)]
    pub(crate) fn aws(&self) -> &Arc<Aws> {
        &self.aws
    }

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
        let api = Arc::new(Api::new(aws.clone(), Faults::planned(&settings.faults)));
        let world = World {
            _life: Arc::new(Life { aws: aws.clone() }),
            aws: aws.clone(),
            api: api.clone(),
        };
        aws.background
            .spawn(api::serve(listener, Arc::downgrade(&api)));
        aws.background.spawn(tell_skips(aws.clone()));
        seed::seed(&aws, settings).await?;
        Ok(world)
    }

    /// Returns the world's services, for users that outlive a borrow.
    pub fn shared(&self) -> &Arc<Aws> {
        &self.aws
    }

    /// Keeps from now on only what AWS's operations answer with, for a world that serves for days: no call, no event and no
    /// entry of the timeline, the latest lines of each log group, and the tasks that ECS still shows. There is no record of
    /// such a run.
    pub fn keep_no_history(&self) {
        self.api.keep_no_history();
        self.timeline.keep_no_history();
        self.events.keep_no_history();
        self.custom_buses.keep_no_history();
        self.lambda.keep_no_history();
        self.logs.keep_no_history();
        self.load_balancers.keep_no_history();
        self.sns.keep_no_history();
        self.iam.keep_no_history();
        self.ecs.write(|state| state.forgets_tasks = true);
    }

    /// Returns every call so far, in order.
    pub fn calls(&self) -> Vec<Arc<AwsCall>> {
        self.api.calls()
    }

    /// Stores an image without an event, as one that was pushed before anyone listened.
    pub fn lay(&self, image: &ImageSettings) -> anyhow::Result<()> {
        seed::lay(&self.aws, image, &image.image(self.clock.now()))
    }

    /// Pushes an image: one completed push, with its event, for each tag, or one without a tag. Existing images are not
    /// changed. Returns the digest.
    pub fn push(&self, image: &ImageSettings) -> Result<String, PushRefused> {
        self.ecr.push_image(image)
    }

    /// Copies an image from another Region, one tag after the other, as ECR's replication does. Returns the digest.
    pub fn replicate(&self, image: &ImageSettings) -> Result<String, PushRefused> {
        self.ecr.replicate_image(image)
    }

    /// Pushes an image for several platforms: its manifests and attestations without a tag, then the index. Returns the
    /// index's digest.
    pub fn push_index(&self, index: &IndexSettings) -> Result<String, PushRefused> {
        self.ecr.push_index(index)
    }

    /// Ends every process and waits until all have exited.
    pub async fn shutdown(&self) {
        self.background.shutdown().await;
    }
}

/// A world without ECS services, at the start of simulated time.
async fn empty(settings: &WorldSettings, endpoint: String) -> anyhow::Result<Aws> {
    let template = &settings.template;
    let clock = Clock::with(settings.pace, settings.dwell);
    let context = Context::new(clock.clone(), settings.assumptions.clone());
    let iam = iam(template, &settings.without)?;
    let logs = Logs::default();
    let lambda = Lambda::start(
        context.clone(),
        iam.clone(),
        logs.clone(),
        template.functions.clone(),
        endpoint.clone(),
    )
    .await?;
    let rules = template.rules.clone();
    let events = EventBus::start(clock.clone(), rules, lambda.clone(), &settings.assumptions);
    let ecr = ecr(settings, &context, buses(template, &events, &iam, &context));
    let load_balancers = LoadBalancers::new(clock.clone(), nodes(&settings.assumptions));
    let cloudwatch = Arc::new(CloudWatch::new(context.clone()));
    let secrets_manager = Arc::new(SecretsManager::new(context.clone()));
    let ecs = Arc::new(Ecs::new(
        context.clone(),
        ecr.clone(),
        secrets_manager.clone(),
        load_balancers.clone(),
        events.clone(),
        logs.clone(),
        settings.executables(),
    ));
    let codedeploy = Arc::new(CodeDeploy::new(
        context.clone(),
        cloudwatch.clone(),
        ecr.clone(),
        ecs.clone(),
        load_balancers.clone(),
        events.clone(),
        lambda.clone(),
    ));
    let uses = Uses {
        cloudwatch: cloudwatch.clone(),
        ecr: ecr.clone(),
        ecs: ecs.clone(),
        load_balancers: load_balancers.clone(),
        events: events.clone(),
        lambda: lambda.clone(),
        iam: iam.clone(),
    };
    Ok(Aws {
        service_deployments: Arc::new(ServiceDeployments::new(context.clone(), uses)),
        scheduler: Arc::new(Scheduler::new(context.clone(), iam.clone(), lambda.clone())),
        ssm: Ssm::new(context.clone()),
        context,
        iam,
        ecr,
        ecs,
        codedeploy,
        cloudwatch,
        load_balancers,
        lambda,
        events,
        custom_buses: CustomBuses::new(template.custom_buses.clone()),
        sns: Sns::new(vec![template.topic_arn.clone()]),
        logs,
        secrets_manager,
        cloudformation: CloudFormation::new(stack(template, &clock)),
        certificates: Certificates::new()?,
        listener_ports: settings.listener_ports,
        endpoint,
    })
}

fn ecr(settings: &WorldSettings, context: &Context, buses: Buses) -> Arc<Ecr> {
    let repositories = settings.repositories.clone();
    Arc::new(Ecr::new(context.clone(), buses, repositories))
}

fn iam(template: &Template, without: &[Removal]) -> anyhow::Result<Arc<Iam>> {
    let iam = Iam::new(template.principals.clone(), without)?;
    Ok(Arc::new(iam.with_keys(template.keys.clone())))
}

fn stack(template: &Template, clock: &Clock) -> Stack {
    Stack {
        name: STACK.to_owned(),
        description: template.description.clone(),
        parameters: template.parameters.clone(),
        resolved: BTreeMap::new(),
        outputs: template.outputs.clone(),
        status: StackStatus::CreateComplete,
        created_at: clock.now(),
    }
}

/// The buses that events of other accounts come by.
fn buses(template: &Template, events: &EventBus, iam: &Arc<Iam>, context: &Context) -> Buses {
    Buses::new(
        events.clone(),
        template.bus_policy.clone(),
        template.forwarding.clone(),
        iam.clone(),
        context.timeline.clone(),
    )
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
    // A receiver that lags loses notices of skips, on which nothing depends.
    while let Ok(skip) = skips.recv().await {
        aws.timeline.record(timeline::Event::TimeSkipped {
            from: skip.from,
            to: skip.to,
        });
    }
}
