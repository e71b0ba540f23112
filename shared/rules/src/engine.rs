//! The engine that carries out the deployments of a service. It is found, not configured: a pipeline names a service, and the service's
//! deployment controller and strategy say which engine deploys to it.

use std::fmt;

use crate::codedeploy::{self, words};
use crate::config::{Pipeline, Tuning};
use crate::ecs::{self, Strategy};
use crate::names::{ClusterName, RevisionArn, ServiceName};
use crate::observed::Service;
use crate::revision::Unusable;

/// Who carries out a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// AWS CodeDeploy, blue/green.
    CodeDeploy,
    /// ECS itself, with a second set of tasks: blue/green, linear or canary.
    Native(Strategy),
    /// ECS itself, task by task.
    Rolling,
}

/// What only one engine has a word for. A second engine finds here what its outcomes need words for.
impl Engine {
    /// The gate that this step of a deployment of the pipeline waits for, where Greenlight started it and there is one.
    pub(crate) fn gate_of(self, pipeline: &Pipeline, step: &str) -> Option<&'static str> {
        match self {
            Self::CodeDeploy => words::gate_of(pipeline, step),
            Self::Native(_) => ecs::words::gate_of(pipeline, step),
            Self::Rolling => None,
        }
    }

    /// That a deployment which ended badly is not rolled back.
    pub(crate) fn not_rolled_back(self) -> String {
        match self {
            Self::CodeDeploy => format!("as {self} says now, it is not rolled back by itself"),
            Self::Native(_) | Self::Rolling => "ECS does not roll it back".to_owned(),
        }
    }

    /// How a deployment goes that ECS carries out, and which version answers meanwhile.
    pub(crate) fn how_it_goes(self, configuration: &ecs::Configuration) -> String {
        match self {
            Self::CodeDeploy => words::HOW_IT_GOES.to_owned(),
            Self::Native(strategy) => ecs::words::how_it_goes(strategy, configuration),
            Self::Rolling => ecs::words::HOW_A_ROLLING_UPDATE_GOES.to_owned(),
        }
    }

    /// How a person sends production to a green that waits for it.
    pub(crate) fn how_to_reroute(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::HOW_TO_REROUTE,
            Self::Native(_) | Self::Rolling => ecs::words::HOW_TO_CONTINUE,
        }
    }

    /// What serves production, where that is not what was deployed.
    pub(crate) fn what_serves(self, revision: &RevisionArn) -> String {
        match self {
            Self::CodeDeploy => format!("the PRIMARY task set is of {}", revision.short()),
            Self::Native(_) | Self::Rolling => {
                format!("production is served by {}", revision.short())
            }
        }
    }

    /// What to check where production runs what no deployment explains.
    pub(crate) fn check_who_changed(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::CHECK_WHO_CHANGED,
            Self::Native(_) | Self::Rolling => ecs::words::CHECK_WHO_CHANGED,
        }
    }

    /// What to check after a deployment that ended badly and is not rolled back.
    pub(crate) fn check_what_is_left(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::CHECK_WHAT_IS_LEFT,
            Self::Native(_) | Self::Rolling => ecs::words::CHECK_WHAT_IS_LEFT,
        }
    }

    /// What to do after a deployment that left the test listener on green and is not rolled back.
    pub(crate) fn restore_test_listener(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::RESTORE_TEST_LISTENER,
            Self::Native(_) => ecs::words::RESTORE_TEST_RULE,
            Self::Rolling => ecs::words::ROLLING_HAS_NO_TEST_TRAFFIC,
        }
    }

    /// What to check after a deployment that may have left the test listener on what does not serve production.
    pub(crate) fn check_test_listener(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::CHECK_TEST_LISTENER,
            Self::Native(_) => ecs::words::CHECK_TEST_RULE,
            Self::Rolling => ecs::words::ROLLING_HAS_NO_TEST_TRAFFIC,
        }
    }

    /// What a deployment without an automatic rollback means.
    pub(crate) fn without_rollback(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::WITHOUT_ROLLBACK,
            Self::Native(_) => ecs::words::NATIVE_WITHOUT_ROLLBACK,
            Self::Rolling => ecs::words::ROLLING_WITHOUT_ROLLBACK,
        }
    }

    /// What to check after a rollback that ended badly.
    pub(crate) fn check_production(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::CHECK_PRODUCTION,
            Self::Native(_) => ecs::words::CHECK_PRODUCTION,
            Self::Rolling => ecs::words::CHECK_TASKS,
        }
    }
}

/// Its name, as people know it.
impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CodeDeploy => formatter.write_str("CodeDeploy"),
            Self::Native(strategy) => write!(formatter, "ECS {strategy}"),
            Self::Rolling => formatter.write_str("ECS rolling update"),
        }
    }
}

/// A pipeline that does not fit what AWS has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Somebody else's program deploys to the service.
    #[error(
        "service `{service}` has the deployment controller `{given}`, expected `ECS` or `CODE_DEPLOY` (hint: where no deployment is \
         under way, `aws ecs update-service --cluster {cluster} --service {name} --deployment-controller type=ECS` lets ECS deploy to it)"
    )]
    Controller {
        /// The service.
        service: String,
        /// Its cluster.
        cluster: ClusterName,
        /// Its name.
        name: ServiceName,
        /// Its controller.
        given: String,
    },
    /// The service has a strategy that this version does not know.
    #[error(
        "service `{service}` has the deployment strategy `{given}`, expected `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY` \
         (hint: it may need a newer version of Greenlight)"
    )]
    Strategy {
        /// The service.
        service: String,
        /// Its strategy.
        given: String,
    },
    /// ECS manages the service's resources: UpdateService is not its call.
    #[error(
        "service `{service}` is of ECS Express Mode, which `aws ecs update-express-gateway-service` alone updates, expected a service \
         whose `resourceManagementType` is not `ECS` (hint: make an ordinary service, or take the pipeline out)"
    )]
    ExpressMode {
        /// The service.
        service: String,
    },
    /// A DAEMON service is replaced instance by instance.
    #[error(
        "service `{service}` has the scheduling strategy `DAEMON`, which {engine} does not deploy to, expected `REPLICA` or rolling \
         updates (hint: `DeploymentController: {{Type: ECS}}` and no `Strategy` in the service's template)"
    )]
    Daemon {
        /// The service.
        service: String,
        /// The engine.
        engine: Engine,
    },
    /// CodeDeploy's group does not fit.
    #[error(transparent)]
    CodeDeploy(#[from] codedeploy::Mismatch),
    /// The service does not fit, where ECS deploys to it.
    #[error(transparent)]
    Ecs(#[from] ecs::Mismatch),
    /// The service has no task definition.
    #[error(
        "service `{service}` has no task definition and no task set, expected what runs in production"
    )]
    NoRevision {
        /// The service.
        service: String,
    },
    /// Nothing of the service is behind a load balancer.
    #[error(
        "service `{service}` has no load balancer, expected a container and port behind a target group"
    )]
    NoLoadBalancer {
        /// The service.
        service: String,
    },
    /// No next revision can be made from its revision.
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl Pipeline {
    /// The engine that deploys to the pipeline's service, by what the service is.
    ///
    /// # Errors
    /// None does that Greenlight knows.
    pub fn engine(&self, service: &Service) -> Result<Engine, Mismatch> {
        let place = self.place();
        if service.resource_management.as_deref() == Some("ECS") {
            return Err(Mismatch::ExpressMode { service: place });
        }
        let engine = match service.deployment_controller.as_str() {
            "CODE_DEPLOY" => Engine::CodeDeploy,
            "ECS" => match service.configuration.strategy.as_deref() {
                None | Some("ROLLING") => Engine::Rolling,
                Some("BLUE_GREEN") => Engine::Native(Strategy::BlueGreen),
                Some("LINEAR") => Engine::Native(Strategy::Linear),
                Some("CANARY") => Engine::Native(Strategy::Canary),
                Some(other) => {
                    return Err(Mismatch::Strategy {
                        service: place,
                        given: other.to_owned(),
                    });
                }
            },
            other => {
                return Err(Mismatch::Controller {
                    service: place,
                    cluster: self.cluster.clone(),
                    name: self.service.clone(),
                    given: other.to_owned(),
                });
            }
        };
        let is_daemon = service.scheduling_strategy.as_deref() == Some("DAEMON");
        match engine {
            Engine::CodeDeploy | Engine::Native(_) if is_daemon => Err(Mismatch::Daemon {
                service: place,
                engine,
            }),
            Engine::CodeDeploy | Engine::Native(_) | Engine::Rolling => Ok(engine),
        }
    }
}

impl Engine {
    /// The settings of a pipeline's entry that tune another engine: they are ignored, which is said.
    pub fn ignores(self, pipeline: &Pipeline) -> Vec<&'static str> {
        let ignored = |tuning: &Tuning| match (self, tuning) {
            (Self::CodeDeploy, Tuning::CodeDeploy(_)) | (Self::Rolling, Tuning::Rolling(_)) => None,
            (Self::Native(_) | Self::Rolling, Tuning::CodeDeploy(name))
            | (Self::CodeDeploy | Self::Native(_), Tuning::Rolling(name)) => Some(*name),
        };
        pipeline.tuning.iter().filter_map(ignored).collect()
    }
}

#[cfg(test)]
mod tests;
