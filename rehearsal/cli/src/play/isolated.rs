//! Plays on separate single-threaded runtimes: tasks that are woken at the same moment run in the order in which they
//! waited, and nothing of a play outlives it, not even its listeners.

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::{Paths, Played, play};
use crate::progress::Output;
use crate::scenario::Scenario;

/// One of many plays, on its own thread and without progress. Dropping the future ends it.
pub(crate) async fn isolated(scenario: Scenario, paths: Paths) -> anyhow::Result<Played> {
    let (_wanted, unwanted) = oneshot::channel::<()>();
    let played = tokio::task::spawn_blocking(move || {
        runtime()?.block_on(async {
            let interrupted = async {
                // Nothing is ever sent: the receiver resolves when the sender is dropped with the waiting future.
                let _ = unwanted.await;
                Ok(())
            };
            play(&scenario, &paths, &Output::silent(), interrupted).await
        })
    });
    played.await.context("a play ended without a result")?
}

/// One play, on the current thread.
pub(crate) fn inline(
    scenario: &Scenario,
    paths: &Paths,
    output: &Output,
    interrupted: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Played> {
    tokio::task::block_in_place(|| runtime()?.block_on(play(scenario, paths, output, interrupted)))
}

fn runtime() -> anyhow::Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.context("start a runtime")
}
