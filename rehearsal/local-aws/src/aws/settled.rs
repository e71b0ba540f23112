//! Whether anything is still under way in a world.

use std::time::Duration;

use super::Aws;
use crate::ecs::task::TaskStatus;
use crate::{codedeploy, ecs};

/// How long a task that runs once is waited for when nothing else is under way.
const TASK_AT_MOST: Duration = Duration::from_secs(2 * 60 * 60);

impl Aws {
    /// Waits until nothing is under way: no deployment, no invocation, no task that runs once. A task that nobody waits
    /// for any more and that does not end by itself is left alone in the end.
    pub async fn settled(&self) {
        loop {
            self.codedeploy.until(no_deployment).await;
            self.lambda.idle().await;
            tokio::select! {
                biased;
                () = self.ecs.until(no_task) => {}
                () = self.clock.sleep(TASK_AT_MOST) => return,
            }
            // Whatever these have led to has begun by then.
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

/// None that runs once.
fn no_task(state: &ecs::State) -> Option<()> {
    all(&state.tasks, |task| {
        task.service.is_some() || task.status == TaskStatus::Stopped
    })
}

fn all<T>(items: &[T], condition: impl FnMut(&T) -> bool) -> Option<()> {
    items.iter().all(condition).then_some(())
}
