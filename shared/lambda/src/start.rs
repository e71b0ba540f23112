//! From a new process to a function that waits for events.

use std::fs;

use lambda_runtime::{LambdaEvent, service_fn};
use rules::config::Config;
use rules::environment::{self, Settings, Variables};
use rules::problem::Problems;
use serde_json::Value;

use crate::authorities::{self, Authorities};
use crate::{Deadline, Failure, subscriber};

/// What a function read once, when it started: `T` is what only this function reads.
#[derive(Debug, Clone)]
pub struct Started<T> {
    /// Topic and message format.
    pub settings: Settings,
    /// The pipelines.
    pub config: Config,
    /// The certificate authorities that they bring along.
    pub authorities: Authorities,
    /// What only this function reads.
    pub extra: T,
}

/// A wrong configuration does not end the process: a hook must answer `Failed` all the same, and every other function
/// names what is wrong on each event, which Lambda then keeps.
pub type Start<T> = Result<Started<T>, Misconfigured>;

/// A function that cannot do its work.
#[derive(Debug, Clone)]
pub struct Misconfigured {
    /// What is wrong.
    pub problems: Problems,
    /// Topic and message format, where they are valid: a hook publishes the problems of the rest.
    pub settings: Option<Box<Settings>>,
}

impl From<&Misconfigured> for Failure {
    fn from(misconfigured: &Misconfigured) -> Self {
        Self::BadConfiguration(misconfigured.problems.clone())
    }
}

/// Reads environment and configuration file; all mistakes of both are noted together.
pub fn start<T>(
    variables: impl Iterator<Item = (String, String)>,
    extra: impl FnOnce(&Variables, &mut Problems) -> Option<T>,
) -> Start<T> {
    let variables: Variables = variables.collect();
    subscriber::start(&variables);
    read(&variables, extra)
}

/// The same without a log: for a command, which prints.
pub fn read<T>(
    variables: &Variables,
    extra: impl FnOnce(&Variables, &mut Problems) -> Option<T>,
) -> Start<T> {
    let mut problems = Problems::default();
    let settings = Settings::read(variables, &mut problems);
    let extra = extra(variables, &mut problems);
    let config = settings
        .as_ref()
        .and_then(|settings| pipelines(settings, &mut problems));
    let authorities = settings
        .as_ref()
        .zip(config.as_ref())
        .and_then(|(settings, config)| authorities::read(config, &settings.config, &mut problems));
    let read = config.zip(authorities);
    let started = settings.clone().zip(read).zip(extra);
    let started = started.map(|((settings, (config, authorities)), extra)| Started {
        settings,
        config,
        authorities,
        extra,
    });
    let started = problems.finish(started);
    started.map_err(|problems| Misconfigured {
        problems,
        settings: settings.map(Box::new),
    })
}

fn pipelines(settings: &Settings, problems: &mut Problems) -> Option<Config> {
    let path = settings.config.display().to_string();
    let text = match fs::read_to_string(&settings.config) {
        Ok(text) => text,
        Err(error) => {
            problems.add(
                environment::CONFIG,
                format!("cannot read `{path}`: {error}"),
            );
            return None;
        }
    };
    match Config::parse(&text) {
        Ok(config) => Some(config),
        Err(found) => {
            found.as_slice().iter().for_each(|problem| {
                problems.add(format!("{path}: {}", problem.place), &problem.message)
            });
            None
        }
    }
}

/// Waits for events for as long as Lambda lets the process live.
///
/// # Errors
/// The Runtime API is not to be reached.
pub async fn serve<F>(handle: impl Fn(Value, Deadline) -> F) -> Result<(), lambda_runtime::Error>
where
    F: Future<Output = Result<Value, Failure>>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let deadline = Deadline::at(event.context.deadline());
        handle(event.payload, deadline)
    }))
    .await
}
