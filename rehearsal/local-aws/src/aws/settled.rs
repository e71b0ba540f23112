//! Whether anything is still in progress in a world.

use std::time::Duration;

use super::Aws;
use crate::ecs::task::TaskStatus;
use crate::service_deployment::deployment::State;
use crate::{codedeploy, ecs};

/// How long to wait for a rolling deployment.
const ROLLING_AT_MOST: Duration = Duration::from_secs(3 * 60 * 60);
/// How long to wait for a one-off task when nothing else is in progress.
const TASK_AT_MOST: Duration = Duration::from_secs(2 * 60 * 60);

impl Aws {
    /// Waits until no deployment, invocation or one-off task is in progress. A task that never ends is abandoned after
    /// a time, and so is a rolling deployment: without a circuit breaker it may roll for ever.
    pub async fn settled(&self) {
        loop {
            self.codedeploy.until(no_deployment).await;
            if !self.service_deployments_settled().await {
                return;
            }
            self.lambda.idle().await;
            tokio::select! {
                biased;
                () = self.ecs.until(no_task) => {}
                () = self.clock.sleep(TASK_AT_MOST) => return,
            }
            // Everything that these caused has started by then.
            let _still = self.clock.rest().await;
            let quiet = self.codedeploy.read(no_deployment).is_some()
                && self
                    .service_deployments
                    .read(no_service_deployment)
                    .is_some()
                && self.ecs.read(no_task).is_some();
            if quiet && self.lambda.is_idle() {
                return;
            }
        }
    }

    /// Returns false if only rolling deployments are left, and go on.
    async fn service_deployments_settled(&self) -> bool {
        loop {
            tokio::select! {
                biased;
                () = self.service_deployments.until(no_service_deployment) => return true,
                () = self.clock.sleep(ROLLING_AT_MOST) => {
                    if self.service_deployments.read(|state| no_native(state).is_some()) {
                        return false;
                    }
                }
            }
        }
    }
}

fn no_service_deployment(state: &State) -> Option<()> {
    all(&state.deployments, |deployment| {
        deployment.status.has_ended()
    })
}

fn no_native(state: &State) -> Option<()> {
    all(&state.deployments, |deployment| {
        deployment.status.has_ended() || !deployment.configuration.strategy.is_native()
    })
}

fn no_deployment(state: &codedeploy::State) -> Option<()> {
    all(&state.deployments, |deployment| {
        !deployment.status.is_active()
    })
}

/// No one-off task.
fn no_task(state: &ecs::State) -> Option<()> {
    all(&state.tasks, |task| {
        task.service.is_some() || task.status == TaskStatus::Stopped
    })
}

fn all<T>(items: &[T], condition: impl FnMut(&T) -> bool) -> Option<()> {
    items.iter().all(condition).then_some(())
}
