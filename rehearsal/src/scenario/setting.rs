//! What scenarios begin with: services that run 1.0.0 behind a load balancer, each with a database.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rehearsal::assumption::Assumptions;
use rehearsal::ecr::ImageSettings;
use rehearsal::identity::REGISTRY;
use rehearsal::world::{
    ContainerSettings, HealthCheck, RepositorySettings, ServiceSettings, TagMutability,
    TestListener,
};

/// The version that serves when a scenario begins.
pub(crate) const BLUE: &str = "1.0.0";
/// The version that is pushed.
pub(crate) const GREEN: &str = "1.1.0";
/// The cluster of all services.
pub(crate) const CLUSTER: &str = "prod";

/// Repositories, images and services at the beginning.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) repositories: Vec<&'static str>,
    pub(crate) images: Vec<ImageSettings>,
    pub(crate) services: Vec<Service>,
    /// Which of two possibilities is played where AWS's behaviour is not known.
    pub(crate) assumptions: Assumptions,
}

/// An ECS service at the beginning.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) repository: &'static str,
    /// Containers beside the one that serves: name and image.
    pub(crate) sidecars: Vec<(&'static str, String)>,
    /// What is otherwise than usual around it.
    pub(crate) adjust: fn(&mut ServiceSettings),
}

impl Setting {
    /// One service, `web`, of the repository `shop/web`.
    pub(crate) fn shop() -> Setting {
        Setting {
            repositories: vec!["shop/web"],
            images: vec![ImageSettings::new("shop/web", &["latest"], BLUE)],
            services: vec![Service {
                name: "web",
                repository: "shop/web",
                sidecars: Vec::new(),
                adjust: |_| {},
            }],
            assumptions: Assumptions::default(),
        }
    }

    /// The same, with something around `web` otherwise than usual.
    pub(crate) fn adjusted(adjust: fn(&mut ServiceSettings)) -> Setting {
        let mut setting = Setting::shop();
        for service in &mut setting.services {
            service.adjust = adjust;
        }
        setting
    }

    pub(crate) fn repositories(&self) -> Vec<RepositorySettings> {
        let settings = |name: &&str| RepositorySettings {
            name: (*name).to_owned(),
            tags: TagMutability::Mutable,
        };
        self.repositories.iter().map(settings).collect()
    }
}

impl Service {
    /// Where its tasks keep their data.
    pub(crate) fn database(&self, data: &Path) -> String {
        data.join(format!("{}.sqlite", self.name))
            .display()
            .to_string()
    }

    /// The task definition's family.
    pub(crate) fn family(&self) -> String {
        format!("shop-{}", self.name)
    }

    /// Everything around it, as a team would have set it up in the ECS console.
    pub(crate) fn settings(&self, data: &Path) -> ServiceSettings {
        let rollback_on = [
            "DEPLOYMENT_FAILURE",
            "DEPLOYMENT_STOP_ON_ALARM",
            "DEPLOYMENT_STOP_ON_REQUEST",
        ];
        let mut settings = ServiceSettings {
            name: self.name.to_owned(),
            cluster: CLUSTER.to_owned(),
            family: self.family(),
            containers: self.containers(data),
            load_balanced: ("web".to_owned(), 8080),
            desired_count: 2,
            application: format!("AppECS-{CLUSTER}-{}", self.name),
            deployment_group: format!("DgpECS-{CLUSTER}-{}", self.name),
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
        };
        (self.adjust)(&mut settings);
        settings
    }

    fn containers(&self, data: &Path) -> Vec<ContainerSettings> {
        let digest = ImageSettings::new(self.repository, &[], BLUE).digest();
        let web = ContainerSettings {
            name: "web".to_owned(),
            image: format!("{REGISTRY}/{}@{digest}", self.repository),
            container_port: Some(8080),
            essential: true,
            environment: BTreeMap::from([("DATABASE".to_owned(), self.database(data))]),
            logs: Some((format!("/ecs/{}", self.family()), "web".to_owned())),
        };
        let sidecar = |(name, image): &(&str, String)| ContainerSettings {
            name: (*name).to_owned(),
            image: image.clone(),
            container_port: None,
            essential: false,
            environment: BTreeMap::from([("DATABASE".to_owned(), self.database(data))]),
            logs: None,
        };
        std::iter::once(web)
            .chain(self.sidecars.iter().map(sidecar))
            .collect()
    }
}
