//! The state of all service deployments, and the services of the world that they use.

use std::ops::Deref;
use std::sync::Arc;

use super::deployment::State;
use crate::cloudwatch::CloudWatch;
use crate::context::Context;
use crate::ecr::Ecr;
use crate::ecs::Ecs;
use crate::elb::LoadBalancers;
use crate::events::EventBus;
use crate::iam::Iam;
use crate::lambda::Lambda;
use crate::observable::Observable;

/// ECS's own deployments.
pub struct ServiceDeployments {
    pub(super) context: Context,
    state: Observable<State>,
    pub(super) cloudwatch: Arc<CloudWatch>,
    pub(super) ecr: Arc<Ecr>,
    pub(super) ecs: Arc<Ecs>,
    pub(super) load_balancers: LoadBalancers,
    pub(super) events: EventBus,
    pub(super) lambda: Lambda,
    pub(super) iam: Arc<Iam>,
}

impl Deref for ServiceDeployments {
    type Target = Observable<State>;

    fn deref(&self) -> &Observable<State> {
        &self.state
    }
}

/// The services that deployments use.
pub struct Uses {
    pub cloudwatch: Arc<CloudWatch>,
    pub ecr: Arc<Ecr>,
    pub ecs: Arc<Ecs>,
    pub load_balancers: LoadBalancers,
    pub events: EventBus,
    pub lambda: Lambda,
    pub iam: Arc<Iam>,
}

impl ServiceDeployments {
    pub fn new(context: Context, uses: Uses) -> ServiceDeployments {
        let Uses {
            cloudwatch,
            ecr,
            ecs,
            load_balancers,
            events,
            lambda,
            iam,
        } = uses;
        ServiceDeployments {
            context,
            state: Observable::new(State::default()),
            cloudwatch,
            ecr,
            ecs,
            load_balancers,
            events,
            lambda,
            iam,
        }
    }
}
