//! An execution environment: one process of a function, which takes one invocation at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::oneshot;

use crate::identity::{REGION, access_key, arn};
use crate::lambda::runtime_api::{Delivery, RuntimeApi};
use crate::lambda::{Answer, Function};
use crate::process::Process;

/// How long a function may take from its start to its first question for work; AWS's limit for an init phase.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A process that has been started for a function, and its Runtime API.
pub(super) struct Environment {
    function: Function,
    process: Process,
    runtime_api: RuntimeApi,
}

/// Whether an environment can take another invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    Reusable,
    Gone,
}

impl Environment {
    pub(super) async fn start(
        function: &Function,
        local_aws: &str,
        log_stream: &str,
        log: Arc<dyn Fn(String) + Send + Sync>,
    ) -> anyhow::Result<Environment> {
        let runtime_api = RuntimeApi::start().await?;
        let variables = variables(
            function,
            local_aws,
            log_stream,
            &runtime_api.address.to_string(),
        );
        let process =
            Process::start_program(&function.binary, &[], &variables, move |line| log(line))?;
        Ok(Environment {
            function: function.clone(),
            process,
            runtime_api,
        })
    }

    /// Whether its process has ended since the last invocation.
    pub(super) fn has_ended(&mut self) -> bool {
        self.process.has_exited()
    }

    /// One invocation, within the function's time limit.
    pub(super) async fn invoke(
        &mut self,
        request_id: &str,
        payload: Value,
    ) -> (Answer, Afterwards) {
        let (delivered, mut was_delivered) = oneshot::channel();
        let (answer, mut answered) = oneshot::channel();
        let timeout = self.function.timeout;
        self.runtime_api.deliver(Delivery {
            request_id: request_id.to_owned(),
            function_arn: self.function.arn(),
            deadline: Box::new(move || deadline_milliseconds(timeout)),
            payload,
            delivered,
            answer,
        });
        tokio::select! {
            delivered = &mut was_delivered => if delivered.is_err() { return self.ended(request_id).await },
            _ = self.process.exited() => return self.ended(request_id).await,
            () = tokio::time::sleep(INIT_TIMEOUT + timeout) => return self.timed_out(request_id).await,
        }
        tokio::select! {
            // An answer that came before the process ended counts.
            biased;
            answer = &mut answered => match answer {
                Ok(answer) => (answer, Afterwards::Reusable),
                Err(_) => self.ended(request_id).await,
            },
            _ = self.process.exited() => match answered.try_recv() {
                Ok(answer) => (answer, Afterwards::Gone),
                Err(_) => self.ended(request_id).await,
            },
            () = tokio::time::sleep(timeout) => self.timed_out(request_id).await,
        }
    }

    /// The answer for a process that ended without one, in AWS's words.
    async fn ended(&mut self, request_id: &str) -> (Answer, Afterwards) {
        let said = self.runtime_api.failed_to_start();
        // A process that has reported why it cannot start may take its time to end.
        if said.is_some() {
            self.process.stop().await;
        }
        let status = match self.process.exited().await {
            code @ 129.. => format!("signal: {}", code - 128),
            code => format!("exit status {code}"),
        };
        let answer = said.unwrap_or_else(|| Answer::Error {
            error_type: "Runtime.ExitError".to_owned(),
            error_message: format!(
                "RequestId: {request_id} Error: Runtime exited with error: {status}"
            ),
        });
        (answer, Afterwards::Gone)
    }

    async fn timed_out(&mut self, request_id: &str) -> (Answer, Afterwards) {
        self.process.kill().await;
        let seconds = self.function.timeout.as_secs_f64();
        let answer = Answer::Error {
            error_type: "Sandbox.Timedout".to_owned(),
            error_message: format!(
                "RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"
            ),
        };
        (answer, Afterwards::Gone)
    }

    /// Ends the process.
    pub(super) async fn stop(mut self) {
        self.process.stop().await;
    }
}

impl Function {
    /// The function's ARN, without a qualifier.
    pub fn arn(&self) -> String {
        arn("lambda", &format!("function:{}", self.name))
    }
}

/// The whole environment of the process: what Lambda sets, the caller's identity, and what the template says.
fn variables(
    function: &Function,
    local_aws: &str,
    log_stream: &str,
    runtime_api: &str,
) -> BTreeMap<String, String> {
    let log_group = format!("/aws/lambda/{}", function.name);
    let memory = function.memory_megabytes.to_string();
    let access_key = access_key(&function.binary_name);
    let given = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", local_aws),
        ("AWS_ACCESS_KEY_ID", &access_key),
        ("AWS_SECRET_ACCESS_KEY", "rehearsal"),
        ("AWS_SESSION_TOKEN", "rehearsal"),
        ("_HANDLER", "bootstrap"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
    ];
    let mut variables = function.environment.clone();
    variables.extend(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables
}

/// The deadline is real time: the function compares it with its own clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a function's clock is the real one"
)]
fn deadline_milliseconds(timeout: Duration) -> u128 {
    (SystemTime::now() + timeout)
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}
