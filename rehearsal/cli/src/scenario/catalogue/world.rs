//! The differences of a scenario's world from the shop's usual one.

mod ecs;

use std::time::Duration;

use local_aws::assumption::Assumption;
use local_aws::ecr::{ImageSettings, IndexSettings};
use local_aws::ecs::capacity::LaunchKind;
use local_aws::elb::Protocol;
use local_aws::named::UnknownName;
use local_aws::world::{
    ContainerSettings, DeployedBy, KmsKey, SecretSettings, ServiceSettings, TestListener,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use self::ecs::{ControllerText, EcsText, EndText, InternalText, ListenerText, StrategyText};
use super::problem::Problem;
use crate::command::planned;
use crate::scenario::setting::{BLUE, Lack, Mode, OwnFunction, Service, Setting, reference};
use crate::scenario::step::image;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorldText {
    #[serde(default)]
    mode: Mode,
    /// The assumptions about AWS, by the names of `--assume`.
    #[serde(default)]
    assume: Vec<Spanned<String>>,
    /// Faults in calls, in the notation of `--fault`.
    #[serde(default)]
    faults: Vec<Spanned<String>>,
    /// Repositories in addition to those of the services.
    #[serde(default)]
    repositories: Vec<String>,
    /// The images in the repositories at the start, in the notation of the step `push`. The default is 1.0.0 as
    /// `latest`.
    images: Option<Vec<Spanned<String>>>,
    /// The same for multi-platform images.
    #[serde(default)]
    indexes: Vec<Spanned<String>>,
    /// What is missing between another registry and the stack.
    #[serde(default)]
    registry_lacks: Vec<Lack>,
}

/// A service of the cluster `prod`. The default is a single service, `web`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceText {
    name: Spanned<String>,
    #[serde(default = "repository")]
    repository: String,
    /// The alarms of its deployment group.
    #[serde(default)]
    alarms: Vec<String>,
    /// Alarms that its deployment group names, and that do not exist.
    #[serde(default)]
    missing_alarms: Vec<String>,
    #[serde(default)]
    test_listener: ListenerText,
    /// What all its listeners speak.
    #[serde(default)]
    listeners: ProtocolText,
    ready_wait_minutes: Option<Spanned<u64>>,
    termination_wait_minutes: Option<Spanned<u64>>,
    #[serde(default)]
    controller: ControllerText,
    strategy: Option<Spanned<StrategyText>>,
    /// Its lifecycle hooks: `run-migration at PRE_SCALE_UP`.
    #[serde(default)]
    hooks: Vec<Spanned<String>>,
    bake_minutes: Option<Spanned<u64>>,
    step_percent: Option<Spanned<f64>>,
    step_minutes: Option<Spanned<u64>>,
    canary_percent: Option<Spanned<f64>>,
    canary_minutes: Option<Spanned<u64>>,
    breaker: Option<Spanned<EndText>>,
    on_alarm: Option<Spanned<EndText>>,
    minimum_healthy_percent: Option<Spanned<u64>>,
    maximum_percent: Option<Spanned<u64>>,
    /// Conditions of the rule of test traffic.
    #[serde(default)]
    test_rule: Vec<Spanned<String>>,
    internal_load_balancer: Option<Spanned<InternalText>>,
    #[serde(default)]
    launch: LaunchText,
    desired_count: Option<u32>,
    /// Further settings of the service, as UpdateService has them.
    #[serde(default)]
    options: Map<String, Value>,
    /// The image in its task definition, if not 1.0.0 by digest: `shop/web:latest`.
    image: Option<String>,
    #[serde(default)]
    entry_point: Vec<String>,
    #[serde(default)]
    command: Vec<String>,
    /// Further members of the serving container's definition, as RegisterTaskDefinition has them.
    #[serde(default)]
    definition: Map<String, Value>,
    /// Containers in addition to the serving one.
    #[serde(default)]
    container: Vec<ContainerText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContainerText {
    name: String,
    /// The default is the serving container's image.
    image: Option<String>,
    /// In place of an image: 1.0.0 of this repository, by digest, which is in ECR as `latest`.
    repository: Option<String>,
    #[serde(default)]
    essential: bool,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    definition: Map<String, Value>,
}

/// A secret in Secrets Manager.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretText {
    arn: String,
    text: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProtocolText {
    #[default]
    Http,
    Https,
    /// Those of a Network Load Balancer.
    Tcp,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LaunchText {
    #[default]
    Fargate,
    Ec2DynamicPorts,
}

fn repository() -> String {
    "shop/web".to_owned()
}

pub(super) fn setting(
    world: &WorldText,
    services: &[ServiceText],
    functions: &[OwnFunction],
    problems: &mut Vec<Problem>,
) -> Setting {
    let functions = functions.iter().map(|function| function.name.as_str());
    let functions: Vec<&str> = functions.collect();
    let mut setting = Setting::shop();
    if !services.is_empty() {
        let read = services.iter();
        let read = read.map(|service| service.service(&functions, problems));
        setting.services = read.collect();
        setting.repositories = Vec::new();
        for service in services {
            let beside = service.container.iter();
            let beside = beside.filter_map(|container| container.repository.as_ref());
            for repository in [&service.repository].into_iter().chain(beside) {
                if !setting.repositories.contains(repository) {
                    setting.repositories.push(repository.clone());
                }
            }
        }
        let repositories = setting.repositories.iter();
        let first = repositories.map(|name| ImageSettings::new(name, &["latest"], BLUE));
        setting.images = first.collect();
    }
    setting
        .repositories
        .extend(world.repositories.iter().cloned());
    let wrong = |expected: &str| {
        let expected = expected.to_owned();
        move |given: &str| format!("`{given}` is not {expected}")
    };
    let pushed = "an image, expected one such as `1.0.0 as release-0`";
    if let Some(images) = &world.images {
        setting.images = all(images, problems, |given| {
            image(given).ok_or_else(|| wrong(pushed)(given))
        });
    }
    setting.indexes = all(&world.indexes, problems, |given| {
        let image = image(given).ok_or_else(|| wrong(pushed)(given))?;
        let tags: Vec<&str> = image.tags.iter().map(String::as_str).collect();
        Ok(IndexSettings::new(&image.repository, &tags, &image.version))
    });
    let assumptions = all(&world.assume, problems, assumption);
    setting.assumptions = assumptions.into_iter().collect();
    setting.faults = all(&world.faults, problems, |given| {
        planned(given).map_err(|error| format!("{error:#}"))
    });
    setting.mode = world.mode;
    setting.lacks.clone_from(&world.registry_lacks);
    if let Err(what) = setting.registry() {
        problems.push(Problem { at: 0, what });
    }
    setting
}

/// An assumption by its name.
pub(super) fn assumption(given: &str) -> Result<Assumption, String> {
    given.parse().map_err(|_: UnknownName| {
        let known: Vec<&str> = Assumption::ALL.iter().map(|known| known.name()).collect();
        format!(
            "`{given}` is not an assumption, expected one of {}",
            known.join(", ")
        )
    })
}

/// The meaning of each item; items without one are problems.
fn all<T>(
    given: &[Spanned<String>],
    problems: &mut Vec<Problem>,
    meaning: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut meanings = Vec::new();
    for given in given {
        match meaning(given.get_ref()) {
            Ok(meaning) => meanings.push(meaning),
            Err(what) => problems.push(Problem {
                at: given.span().start,
                what,
            }),
        }
    }
    meanings
}

impl SecretText {
    pub(super) fn secret(&self) -> SecretSettings {
        SecretSettings {
            arn: self.arn.clone(),
            text: self.text.clone(),
            key: KmsKey::AwsManaged,
        }
    }
}

impl ServiceText {
    fn service(&self, functions: &[&str], problems: &mut Vec<Problem>) -> Service {
        let mut service = Service::of_shop(self.name.get_ref(), &self.repository);
        let pinned = |repository: &str| {
            let digest = ImageSettings::new(repository, &[], BLUE).digest();
            format!("{}@{digest}", reference(repository))
        };
        for container in &self.container {
            let image = match (&container.image, &container.repository) {
                (Some(image), _) => image.clone(),
                (None, Some(repository)) => pinned(repository),
                (None, None) => pinned(&self.repository),
            };
            service = service.with_sidecar(&container.name, &image);
        }
        let deployed_by = self.deployed_by(functions, problems);
        service.adjusted(|settings| {
            self.adjust(settings);
            settings.deployed_by.clone_from(&deployed_by);
        })
    }

    /// The deployment controller. A key of the other one would be without effect, and is a problem.
    fn deployed_by(&self, functions: &[&str], problems: &mut Vec<Problem>) -> DeployedBy {
        let of_ecs = EcsText {
            strategy: self.strategy.as_ref(),
            hooks: &self.hooks,
            bake_minutes: self.bake_minutes.as_ref(),
            step_percent: self.step_percent.as_ref(),
            step_minutes: self.step_minutes.as_ref(),
            canary_percent: self.canary_percent.as_ref(),
            canary_minutes: self.canary_minutes.as_ref(),
            breaker: self.breaker.as_ref(),
            on_alarm: self.on_alarm.as_ref(),
            minimum_healthy_percent: self.minimum_healthy_percent.as_ref(),
            maximum_percent: self.maximum_percent.as_ref(),
            test_rule: &self.test_rule,
            alarms: &self.alarms,
            test_listener: self.test_listener,
            internal: self.internal_load_balancer.as_ref(),
        };
        let waits = [
            ("ready_wait_minutes", &self.ready_wait_minutes),
            ("termination_wait_minutes", &self.termination_wait_minutes),
        ];
        let (without_effect, expected) = match self.controller {
            ControllerText::CodeDeploy => (of_ecs.given(), "ecs"),
            ControllerText::Ecs => {
                let given = waits.into_iter();
                let given =
                    given.filter_map(|(name, wait)| Some((name, wait.as_ref()?.span().start)));
                (given.collect(), "code-deploy")
            }
        };
        problems.extend(without_effect.into_iter().map(|(name, at)| Problem {
            at,
            what: format!(
                "`{name}` is without effect, expected it with `controller = \"{expected}\"` only"
            ),
        }));
        self.check_network(problems);
        match self.controller {
            ControllerText::CodeDeploy => DeployedBy::CodeDeploy,
            ControllerText::Ecs => {
                let place = self.name.span().start;
                DeployedBy::Ecs(Box::new(of_ecs.settings(place, functions, problems)))
            }
        }
    }

    /// A listener of a Network Load Balancer has no rules, and here only ECS shifts its traffic.
    fn check_network(&self, problems: &mut Vec<Problem>) {
        let has_rules =
            self.test_listener == ListenerText::ProductionPort || !self.test_rule.is_empty();
        let is_fit = self.controller == ControllerText::Ecs && !has_rules;
        if self.listeners == ProtocolText::Tcp && !is_fit {
            problems.push(Problem {
                at: self.name.span().start,
                what: "`listeners = \"tcp\"` is a Network Load Balancer's, expected `controller = \"ecs\"` and neither \
                       `test_rule` nor `test_listener = \"production-port\"`"
                    .to_owned(),
            });
        }
    }

    fn adjust(&self, settings: &mut ServiceSettings) {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        settings.alarms.clone_from(&self.alarms);
        settings.missing_alarms.clone_from(&self.missing_alarms);
        settings.test_listener = match self.test_listener {
            ListenerText::Present | ListenerText::ProductionPort => TestListener::Present,
            ListenerText::Absent => TestListener::Absent,
        };
        settings.listeners = match self.listeners {
            ProtocolText::Http => Protocol::Http,
            ProtocolText::Https => Protocol::Https,
            ProtocolText::Tcp => Protocol::Tcp,
        };
        let ready_wait = self.ready_wait_minutes.as_ref();
        settings.ready_wait = ready_wait.map(|wait| minutes(*wait.get_ref()));
        if let Some(wait) = &self.termination_wait_minutes {
            settings.termination_wait = minutes(*wait.get_ref());
        }
        if let Some(count) = self.desired_count {
            settings.desired_count = count;
        }
        settings.options.clone_from(&self.options);
        settings.launch = match self.launch {
            LaunchText::Fargate => LaunchKind::Fargate,
            LaunchText::Ec2DynamicPorts => LaunchKind::Ec2DynamicPorts,
        };
        for container in &mut settings.containers {
            let mut others = self.container.iter();
            match others.find(|other| other.name == container.name) {
                Some(other) => {
                    container.essential = other.essential;
                    container.command.clone_from(&other.command);
                    container.definition.clone_from(&other.definition);
                }
                None => self.adjust_serving(container),
            }
        }
    }

    fn adjust_serving(&self, container: &mut ContainerSettings) {
        container.entry_point.clone_from(&self.entry_point);
        container.command.clone_from(&self.command);
        container.definition.clone_from(&self.definition);
        if let Some(image) = &self.image {
            container.image = reference(image);
        }
    }
}
