//! The engine that carries out the deployments of a service. It is found, not configured: a pipeline names a service, and the service's
//! deployment controller says which engine deploys to it.

use std::fmt;

use crate::codedeploy::{self, words};
use crate::config::Pipeline;
use crate::names::RevisionArn;
use crate::observed::Service;
use crate::revision::Unusable;

/// Who carries out a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// AWS CodeDeploy, blue/green.
    CodeDeploy,
}

/// What only one engine has a word for. A second engine finds here what its outcomes need words for.
impl Engine {
    /// The gate that this step of a deployment of the pipeline waits for, where Greenlight started it and there is one.
    pub(crate) fn gate_of(self, pipeline: &Pipeline, step: &str) -> Option<&'static str> {
        match self {
            Self::CodeDeploy => words::gate_of(pipeline, step),
        }
    }

    /// How a person sends production to a green that waits for it.
    pub(crate) fn how_to_reroute(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::HOW_TO_REROUTE,
        }
    }

    /// What serves production, where that is not what was deployed.
    pub(crate) fn what_serves(self, revision: &RevisionArn) -> String {
        match self {
            Self::CodeDeploy => format!("the PRIMARY task set is of {}", revision.short()),
        }
    }

    /// What to check where production runs what no deployment explains.
    pub(crate) fn check_who_changed(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::CHECK_WHO_CHANGED,
        }
    }

    /// What to check after a deployment that ended badly and is not rolled back.
    pub(crate) fn check_what_is_left(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::CHECK_WHAT_IS_LEFT,
        }
    }

    /// What to do after a deployment that left the test listener on green and is not rolled back.
    pub(crate) fn restore_test_listener(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::RESTORE_TEST_LISTENER,
        }
    }

    /// What to check after a deployment that may have left the test listener on what does not serve production.
    pub(crate) fn check_test_listener(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::CHECK_TEST_LISTENER,
        }
    }

    /// What a deployment without an automatic rollback means.
    pub(crate) fn without_rollback(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::WITHOUT_ROLLBACK,
        }
    }

    /// What to check after a rollback that ended badly.
    pub(crate) fn check_production(self) -> &'static str {
        match self {
            Self::CodeDeploy => words::CHECK_PRODUCTION,
        }
    }
}

/// Its name, as people know it.
impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CodeDeploy => "CodeDeploy",
        })
    }
}

/// A pipeline that does not fit what AWS has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// No engine that Greenlight knows deploys to the service.
    #[error(
        "service `{service}` has the deployment controller `{given}`, expected `CODE_DEPLOY` \
         (hint: a service's controller is chosen when it is created)"
    )]
    Controller {
        /// The service.
        service: String,
        /// Its controller.
        given: String,
    },
    /// CodeDeploy's group does not fit.
    #[error(transparent)]
    CodeDeploy(#[from] codedeploy::Mismatch),
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
        match service.deployment_controller.as_str() {
            "CODE_DEPLOY" => Ok(Engine::CodeDeploy),
            other => Err(Mismatch::Controller {
                service: self.place(),
                given: other.to_owned(),
            }),
        }
    }
}
