//! Waits for the next end of a container's process, and starts it again where its restart policy says so.

use std::sync::Arc;

use futures_util::future::select_all;

use super::Ecs;
use super::running::{Hold, Running, ended_with};

/// What the end of a process means for the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Essential,
    /// The task continues without this container.
    Other,
    /// The container runs again, at this place of those that run.
    Restarted(usize),
}

/// Waits for the next end; for ever where nothing runs. May be cancelled and called again.
pub(super) async fn next(
    ecs: &Arc<Ecs>,
    task: &str,
    running: &mut Vec<Running>,
    hold: &Hold,
) -> Exit {
    if running.is_empty() {
        std::future::pending::<()>().await;
    }
    let exits = running
        .iter_mut()
        .enumerate()
        .map(|(index, running)| Box::pin(async move { (index, running.process.exited().await) }));
    let ((index, code), ..) = select_all(exits).await;
    let ended = &running[index];
    if let Some(takes) = ended.startable.takes {
        hold.end();
        ecs.context.clock.sleep_until(ended.since + takes).await;
    }
    if restarts(ecs, task, &mut running[index], code) {
        return Exit::Restarted(index);
    }
    let ended = running.remove(index);
    ended_with(ecs, task, &ended.name, code, true);
    match ended.essential {
        true => Exit::Essential,
        false => Exit::Other,
    }
}

fn restarts(ecs: &Arc<Ecs>, task: &str, ended: &mut Running, code: i32) -> bool {
    let now = ecs.context.clock.now();
    let ran = now.duration_since(ended.since).unwrap_or_default();
    if !ended.startable.restarts.restarts(code, ran) {
        return false;
    }
    // A container that cannot start again has ended.
    let Ok(process) = ended.startable.process(ecs, task) else {
        return false;
    };
    ended.process = process;
    ended.since = now;
    true
}
