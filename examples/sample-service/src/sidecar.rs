//! A container beside another one, and a migration that is stopped half way because that container has ended.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::settings::Settings;

/// How often the sidecar looks whether the migration has begun.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a migration waits, in real time, for somebody to stop it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs until a migration of the same task has begun, and ends well.
pub(crate) async fn run(settings: &Settings, say: impl Fn(&str)) -> anyhow::Result<()> {
    let task = settings.task.as_deref().unwrap_or_default();
    loop {
        let begun = std::fs::read_to_string(mark(settings));
        if begun.is_ok_and(|begun| begun == task) {
            say("the migration has begun: the sidecar is done");
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Begins a migration, and ends with 0 when it is stopped: nothing is applied.
pub(crate) async fn stop_half_way(settings: &Settings, say: impl Fn(&str)) -> anyhow::Result<()> {
    let mut stopped = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    std::fs::write(mark(settings), settings.task.as_deref().unwrap_or_default())
        .context("mark the beginning")?;
    tokio::select! {
        _ = stopped.recv() => {
            say("stopped half way: nothing is applied");
            Ok(())
        }
        () = tokio::time::sleep(PATIENCE) => bail!("nobody stopped this migration"),
    }
}

fn mark(settings: &Settings) -> PathBuf {
    let mut file = settings.database.clone().into_os_string();
    file.push(".migrating");
    file.into()
}
