//! Whether anything is still in progress in a world.

use std::time::Duration;

use super::Aws;
use crate::ecs::task::TaskStatus;
use crate::{codedeploy, ecs};

/// How long to wait for a one-off task when nothing else is in progress.
const TASK_AT_MOST: Duration = Duration::from_secs(2 * 60 * 60);

impl Aws {
    /// Waits until no deployment, invocation or one-off task is in progress. A task that never ends is abandoned after
    /// a time.
    pub async fn settled(&self) {
        loop {
            self.codedeploy.until(no_deployment).await;
            self.lambda.idle().await;
            tokio::select! {
                biased;
                () = self.ecs.until(no_task) => {}
                () = self.clock.sleep(TASK_AT_MOST) => return,
            }
            // Everything that these caused has started by then.
            let _still = self.clock.rest().await;
            let quiet =
                self.codedeploy.read(no_deployment).is_some() && self.ecs.read(no_task).is_some();
            if quiet && self.lambda.is_idle() {
                return;
            }
        }
    }
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
