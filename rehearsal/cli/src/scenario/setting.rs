//! The initial state of scenarios: services that run 1.0.0 behind a load balancer, each with a database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use checks::{BLUE, GREEN};
use local_aws::assumption::Assumptions;
use local_aws::clock::{self, Pace};
use local_aws::ecr::{ImageSettings, IndexSettings};
use local_aws::ecs::capacity::LaunchKind;
use local_aws::elb::Protocol;
use local_aws::fault::Planned;
use local_aws::iam::Removal;
use local_aws::identity::{Location, sha256_hex};
use local_aws::program::Programs;
use local_aws::stacks::{Surroundings, TemplateFile};
use local_aws::world::{
    ContainerSettings, DeployedBy, HealthCheck, RepositorySettings, SecretSettings,
    ServiceSettings, TestListener,
};

use serde::Deserialize;

use crate::traffic::{self, Asked};

/// The value of a variable of every container. It is a secret: neither messages nor reports may contain it.
pub(crate) const SECRET: &str = "planted-value-of-the-rehearsal";
/// The cluster of the shop's services.
pub(crate) const CLUSTER: &str = "prod";
/// The name of a database, without its extension.
const LONGEST_FILE_NAME: usize = 64;
/// The serving container's port, as in its task definition.
const PORT: u16 = 8080;

/// Repositories, images and services at the start.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// One that is not in the stack's registry has the registry's host before its name.
    pub(crate) repositories: Vec<String>,
    pub(crate) images: Vec<ImageSettings>,
    pub(crate) indexes: Vec<IndexSettings>,
    pub(crate) services: Vec<Service>,
    /// The selected behaviours where AWS's is not confirmed.
    pub(crate) assumptions: Assumptions,
    /// The permissions that are removed from the template for the run.
    pub(crate) without: Vec<Removal>,
    /// The dwell before a clock jump.
    pub(crate) dwell: Duration,
    pub(crate) pace: Pace,
    /// Faults in calls by functions.
    pub(crate) faults: Vec<Planned>,
    pub(crate) impossible: Impossible,
    /// The shortest pause of production's clients after an answer (`traffic::Rest`).
    pub(crate) pause: Duration,
    pub(crate) mode: Mode,
    /// Parameters of the template that `serve` is given.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The paths that production's clients request.
    pub(crate) asked: [&'static str; 2],
    /// Functions of the user's, which the pipelines name as hooks.
    pub(crate) functions: Vec<OwnFunction>,
    /// The names of functions that `serve` is given beside them.
    pub(crate) served_functions: Vec<String>,
    /// What the owner of another registry has left out of docs/deploying.md.
    pub(crate) lacks: Vec<Lack>,
    /// Secrets, which headers of checks and variables of containers may come from.
    pub(crate) secrets: Vec<SecretSettings>,
    /// Versions that fail in production in a way that no check of their pipeline covers.
    pub(crate) broken_unseen: Vec<String>,
    /// Programs of the user's, by container.
    pub(crate) programs: Programs,
    /// The templates of the user's that make repositories and services, which are then not made otherwise.
    pub(crate) stacks: Option<Stacks>,
}

/// Stacks of a user's templates.
#[derive(Debug, Clone)]
pub(crate) struct Stacks {
    /// In the order in which they are made.
    pub(crate) files: Vec<TemplateFile>,
    pub(crate) surroundings: Surroundings,
    /// Whether hooks migrate in the first deployment of the service.
    pub(crate) has_hooks: bool,
}

impl Stacks {
    /// Whether this is the name of one of them.
    pub(crate) fn has(&self, stack: &str) -> bool {
        self.files.iter().any(|file| file.stack == stack)
    }
}

/// A function that the template does not declare.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnFunction {
    pub(crate) name: String,
    /// A program that implements Lambda's Runtime API, relative to the workspace's root.
    pub(crate) executable: PathBuf,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
}

/// A part of the way of a push from another registry to the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lack {
    /// The stack of `examples/registry.yaml`.
    Rule,
    /// The policy of the stack's event bus.
    BusPolicy,
}

/// The handling of a step that is no longer possible at its turn, because the deployment that it stops has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impossible {
    /// The rehearsal fails: the script is deterministic.
    Fails,
    /// The step is skipped: a storm's plan cannot foresee the effects of its faults.
    LeftOut,
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

/// An ECS service at the start.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// The label in claims and the record: its name, prefixed with its cluster if several services share the name.
    pub(crate) label: String,
    /// What production's clients request of it, where that is not what they request of every service.
    pub(crate) asked: Vec<Asked>,
    /// The settings without the database, which gets its path when the scenario is played.
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
            parameters: BTreeMap::new(),
            asked: traffic::PATHS,
            functions: Vec::new(),
            served_functions: Vec::new(),
            lacks: Vec::new(),
            secrets: Vec::new(),
            broken_unseen: Vec::new(),
            programs: Programs::default(),
            stacks: None,
        }
    }

    /// Whether a listener speaks TLS, with a certificate of the world's own authority.
    pub(crate) fn has_tls(&self) -> bool {
        let mut services = self.services.iter();
        services.any(|service| service.settings.listeners == Protocol::Https)
    }

    /// The names of the functions that the template does not declare.
    pub(crate) fn own_functions(&self) -> Vec<&str> {
        let own = self.functions.iter().map(|function| &function.name);
        own.chain(&self.served_functions)
            .map(String::as_str)
            .collect()
    }

    /// The names that its services' target groups may have.
    pub(crate) fn target_groups(&self) -> Vec<String> {
        let services = self.services.iter();
        let groups = services.flat_map(|service| {
            let group = &service.settings.deployment_group;
            ["-blue", "-green", "-internal-blue", "-internal-green"]
                .map(|rest| format!("{group}{rest}"))
        });
        groups.collect()
    }

    /// Whether a service is behind a Network Load Balancer.
    pub(crate) fn has_network(&self) -> bool {
        let mut services = self.services.iter();
        services.any(|service| service.settings.listeners == Protocol::Tcp)
    }

    pub(crate) fn repositories(&self) -> Vec<RepositorySettings> {
        let repositories = self.repositories.iter();
        repositories
            .map(|name| RepositorySettings::new(name))
            .collect()
    }

    /// The registry that is not the stack's. The template has one `RegistryAccount` and one `RegistryRegion`, so that two of
    /// them are refused.
    pub(crate) fn registry(&self) -> Result<Option<Location>, String> {
        let registries = self.repositories.iter();
        let registries = registries.map(|name| Location::of_repository(name).0);
        let mut others: Vec<Location> = registries.filter(|one| !one.is_of_stack()).collect();
        others.sort();
        others.dedup();
        match others.as_slice() {
            [] | [_] => Ok(others.pop()),
            [first, second, ..] => Err(format!(
                "the repositories are in the registries `{}` and `{}`, and a stack has one `RegistryAccount` and one \
                 `RegistryRegion`",
                first.registry(),
                second.registry()
            )),
        }
    }
}

impl Service {
    /// A service of the cluster `prod`, set up as a team would have done it in the ECS console.
    pub(crate) fn of_shop(name: &str, repository: &str) -> Service {
        Service::new(
            name.to_owned(),
            settings(name, CLUSTER, &["web"], repository),
        )
    }

    pub(crate) fn new(label: String, settings: ServiceSettings) -> Service {
        Service {
            label,
            asked: Vec::new(),
            settings,
        }
    }

    /// The settings as the scenario has them.
    pub(crate) fn settings_before(&self) -> &ServiceSettings {
        &self.settings
    }

    /// The names of its containers.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &str> {
        let containers = self.settings.containers.iter();
        containers.map(|container| container.name.as_str())
    }

    /// With changes to its environment.
    pub(crate) fn adjusted(mut self, adjust: impl Fn(&mut ServiceSettings)) -> Service {
        adjust(&mut self.settings);
        self
    }

    /// With another container beside the serving one.
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
            definition: serde_json::Map::new(),
        });
        self
    }

    /// The path of its tasks' data.
    pub(crate) fn database(&self, data: &Path) -> String {
        // A label may be longer than a file name, or contain a `/`: the file is then named by a hash.
        let name = match self.label.len() {
            ..=LONGEST_FILE_NAME if !self.label.contains('/') => self.label.clone(),
            _ => sha256_hex(&self.label),
        };
        data.join(format!("{name}.sqlite")).display().to_string()
    }

    /// The complete settings, with the database that its containers share.
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

/// A service as a team would have set it up in the ECS console; its first container serves.
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
        deployed_by: DeployedBy::CodeDeploy,
        application: format!("AppECS-{cluster}-{name}"),
        deployment_group: format!("DgpECS-{cluster}-{name}"),
        deployment_config: "CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned(),
        routing: None,
        test_listener: TestListener::Present,
        listeners: Protocol::Http,
        ready_wait: None,
        termination_wait: Duration::from_secs(60 * 60),
        rollback_on: rollback_on.map(str::to_owned).into(),
        alarms: Vec::new(),
        missing_alarms: Vec::new(),
        health_check: HealthCheck {
            path: "/healthz".to_owned(),
            matcher: "200".to_owned(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay: Duration::from_secs(30),
        },
        options: serde_json::Map::new(),
    }
}

/// A repository as a task definition names it, with its registry.
pub(crate) fn reference(repository: &str) -> String {
    let (registry, name) = Location::of_repository(repository);
    format!("{}/{name}", registry.registry())
}

/// A container of 1.0.0. A container that does not serve is idle.
fn container_of(name: &str, serves: bool, repository: &str, family: &str) -> ContainerSettings {
    let digest = ImageSettings::new(repository, &[], BLUE).digest();
    ContainerSettings {
        name: name.to_owned(),
        image: format!("{}@{digest}", reference(repository)),
        container_port: serves.then_some(PORT),
        essential: serves,
        entry_point: Vec::new(),
        command: Vec::new(),
        environment: BTreeMap::new(),
        logs: Some((format!("/ecs/{family}"), name.to_owned())),
        definition: serde_json::Map::new(),
    }
}
