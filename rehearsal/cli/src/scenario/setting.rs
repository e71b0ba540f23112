//! What scenarios begin with: services that run 1.0.0 behind a load balancer, each with a database.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub(crate) use checks::{BLUE, GREEN};
use local_aws::assumption::Assumptions;
use local_aws::clock::{self, Pace};
use local_aws::ecr::{ImageSettings, IndexSettings};
use local_aws::ecs::capacity::LaunchKind;
use local_aws::fault::Planned;
use local_aws::iam::Removal;
use local_aws::identity::{REGISTRY, sha256_hex};
use local_aws::world::{
    ContainerSettings, HealthCheck, RepositorySettings, ServiceSettings, TagMutability,
    TestListener,
};

use serde::Deserialize;

use crate::scenario::Impossible;
use crate::traffic;

/// The value of a variable of every container; neither messages nor reports may tell it.
pub(crate) const SECRET: &str = "planted-value-of-the-rehearsal";
/// The cluster of the shop's services.
pub(crate) const CLUSTER: &str = "prod";
/// Of a database, without its ending.
const LONGEST_FILE_NAME: usize = 64;
/// Where the serving container listens, as its task definition says.
const PORT: u16 = 8080;

/// Repositories, images and services at the beginning.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) repositories: Vec<String>,
    pub(crate) images: Vec<ImageSettings>,
    pub(crate) indexes: Vec<IndexSettings>,
    pub(crate) services: Vec<Service>,
    /// Which of two possibilities is played where AWS's behaviour is not known.
    pub(crate) assumptions: Assumptions,
    /// What the template grants and is taken away for the run.
    pub(crate) without: Vec<Removal>,
    /// How long the world stays as it is before the clock jumps.
    pub(crate) dwell: Duration,
    pub(crate) pace: Pace,
    /// What happens to calls of functions.
    pub(crate) faults: Vec<Planned>,
    pub(crate) impossible: Impossible,
    /// How long a client of production waits after an answer.
    pub(crate) pause: Duration,
    pub(crate) mode: Mode,
    /// What clients of production ask for.
    pub(crate) asked: [&'static str; 2],
    /// Versions that fail in production in a way that no check of their pipeline asks for.
    pub(crate) broken_unseen: Vec<String>,
}

/// The template's parameter `Mode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Observe,
    #[default]
    Deploy,
}

impl Mode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::Deploy => "deploy",
        }
    }
}

/// An ECS service at the beginning.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// As claims and the record call it: its name, with its cluster where there are several of that name.
    pub(crate) label: String,
    /// Without its database, which has a place only when it is played.
    settings: ServiceSettings,
}

impl Setting {
    /// One service, `web`, of the repository `shop/web`.
    pub(crate) fn shop() -> Setting {
        Setting {
            repositories: vec!["shop/web".to_owned()],
            images: vec![ImageSettings::new("shop/web", &["latest"], BLUE)],
            indexes: Vec::new(),
            services: vec![Service::of_shop("web", "shop/web")],
            assumptions: Assumptions::default(),
            without: Vec::new(),
            dwell: clock::DWELL,
            pace: Pace::Real,
            faults: Vec::new(),
            impossible: Impossible::Fails,
            pause: traffic::PAUSE,
            mode: Mode::Deploy,
            asked: traffic::PATHS,
            broken_unseen: Vec::new(),
        }
    }

    pub(crate) fn repositories(&self) -> Vec<RepositorySettings> {
        let settings = |name: &String| RepositorySettings {
            name: name.clone(),
            tags: TagMutability::Mutable,
        };
        self.repositories.iter().map(settings).collect()
    }
}

impl Service {
    /// Of the cluster `prod`, with everything around it as a team would have set it up in the ECS console.
    pub(crate) fn of_shop(name: &str, repository: &str) -> Service {
        Service::new(
            name.to_owned(),
            settings(name, CLUSTER, &["web"], repository),
        )
    }

    pub(crate) fn new(label: String, settings: ServiceSettings) -> Service {
        Service { label, settings }
    }

    /// With something around it otherwise than usual.
    pub(crate) fn adjusted(mut self, adjust: impl Fn(&mut ServiceSettings)) -> Service {
        adjust(&mut self.settings);
        self
    }

    /// With another container beside the one that serves.
    pub(crate) fn with_sidecar(mut self, name: &str, image: &str) -> Service {
        self.settings.containers.push(ContainerSettings {
            name: name.to_owned(),
            image: image.to_owned(),
            container_port: None,
            essential: false,
            entry_point: Vec::new(),
            command: Vec::new(),
            environment: BTreeMap::new(),
            logs: None,
        });
        self
    }

    /// Where its tasks keep their data.
    pub(crate) fn database(&self, data: &Path) -> String {
        // A label may be longer than a file's name, and hold a `/`, of which nothing else could stand for it.
        let name = match self.label.len() {
            ..=LONGEST_FILE_NAME if !self.label.contains('/') => self.label.clone(),
            _ => sha256_hex(&self.label),
        };
        data.join(format!("{name}.sqlite")).display().to_string()
    }

    /// Everything around it, with the database that its containers share.
    pub(crate) fn settings(&self, data: &Path) -> ServiceSettings {
        let mut settings = self.settings.clone();
        for container in &mut settings.containers {
            container
                .environment
                .insert("DATABASE".to_owned(), self.database(data));
            container
                .environment
                .insert("SHOP_TOKEN".to_owned(), SECRET.to_owned());
        }
        settings
    }
}

/// A service as a team would have set it up in the ECS console; the first of its containers serves.
pub(crate) fn settings(
    name: &str,
    cluster: &str,
    containers: &[&str],
    repository: &str,
) -> ServiceSettings {
    let rollback_on = [
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_ALARM",
        "DEPLOYMENT_STOP_ON_REQUEST",
    ];
    let family = format!("shop-{name}");
    let serving = containers.first().copied().unwrap_or(name);
    ServiceSettings {
        name: name.to_owned(),
        cluster: cluster.to_owned(),
        containers: containers
            .iter()
            .map(|container| container_of(container, *container == serving, repository, &family))
            .collect(),
        family,
        load_balanced: (serving.to_owned(), PORT),
        desired_count: 2,
        launch: LaunchKind::Fargate,
        application: format!("AppECS-{cluster}-{name}"),
        deployment_group: format!("DgpECS-{cluster}-{name}"),
        deployment_config: "CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned(),
        routing: None,
        test_listener: TestListener::Present,
        ready_wait: None,
        termination_wait: Duration::from_secs(60 * 60),
        rollback_on: rollback_on.map(str::to_owned).into(),
        alarms: Vec::new(),
        health_check: HealthCheck {
            path: "/healthz".to_owned(),
            matcher: "200".to_owned(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay: Duration::from_secs(30),
        },
    }
}

/// A container of 1.0.0. One that does not serve does nothing.
fn container_of(name: &str, serves: bool, repository: &str, family: &str) -> ContainerSettings {
    let digest = ImageSettings::new(repository, &[], BLUE).digest();
    ContainerSettings {
        name: name.to_owned(),
        image: format!("{REGISTRY}/{repository}@{digest}"),
        container_port: serves.then_some(PORT),
        essential: serves,
        entry_point: Vec::new(),
        command: Vec::new(),
        environment: BTreeMap::new(),
        logs: Some((format!("/ecs/{family}"), name.to_owned())),
    }
}
