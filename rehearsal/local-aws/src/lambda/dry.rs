//! Runs one function with one event and without a world, to check its configuration before a rehearsal starts.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::lambda::runtime_api::{Delivery, RuntimeApi};
use crate::lambda::variables::variables;
use crate::lambda::{Answer, Function};
use crate::process::Process;

/// An address without a listener: the function must not call AWS.
const NOWHERE: &str = "http://127.0.0.1:9";
/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Invokes a function with this event and returns its answer; `config` is the path of its configuration file.
pub async fn answer(function: &Function, config: &Path, event: Value) -> anyhow::Result<Answer> {
    let mut function = function.clone();
    let config = ("GREENLIGHT_CONFIG".to_owned(), config.display().to_string());
    function.environment.extend([config]);
    let api = RuntimeApi::start().await?;
    let variables = variables(&function, NOWHERE, "dry", &api.address.to_string(), "dry");
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = lines.clone();
    let mut process = Process::start_program(&function.binary, &[], &variables, move |line| {
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    })?;
    let (delivered, _) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    api.deliver(Delivery {
        request_id: "dry".to_owned(),
        function_arn: function.arn(),
        deadline: Box::new(deadline_milliseconds),
        payload: event,
        delivered,
        answer,
    });
    let name = &function.binary_name;
    let said = tokio::select! {
        biased;
        said = answered => said.with_context(|| format!("`{name}` sent no answer")),
        code = process.exited() => {
            let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).join("; ");
            bail!("`{name}` exited with {code}: {lines}")
        }
        () = tokio::time::sleep(PATIENCE) => bail!("`{name}` did not answer within {PATIENCE:?}"),
    };
    process.kill().await;
    said
}

#[expect(
    clippy::disallowed_methods,
    reason = "a function's clock is the real one"
)]
fn deadline_milliseconds() -> u128 {
    (SystemTime::now() + PATIENCE)
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}
