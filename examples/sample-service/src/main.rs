//! A small web service to deploy: HTTP, a SQLite database, versioned migrations.
//!
//! It stands for a team's own service in the rehearsal. It serves and migrates for real, every answer says which
//! version gave it, and it can be told to misbehave in the ways in which a new version of a service does.

mod answers;
mod check;
mod migrations;
mod misbehaviour;
mod orders;
mod server;
mod settings;
mod sidecar;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::misbehaviour::Misbehaviour;
use crate::settings::Settings;

/// A small web service with a SQLite database, to be deployed in rehearsals.
#[derive(Debug, Parser)]
#[command(after_help = settings::HELP, version)]
struct Arguments {
    /// Without one there is nothing to do, and that is no failure: so does an interpreter without a script.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer HTTP requests until SIGTERM.
    Serve,
    /// Bring the database's schema up to what this version needs, then exit.
    Migrate,
    /// Ask the service at `PORT` of this machine for a page: a container's health check.
    Check {
        #[arg(default_value = "/healthz")]
        path: String,
    },
    /// Run beside another container, until SIGTERM or until a migration of the same task has begun.
    Sidecar,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Option<Command>) -> anyhow::Result<()> {
    let Some(command) = command else {
        say("nothing to do");
        return Ok(());
    };
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    if let Command::Check { path } = &command {
        return check::run(variables.get("PORT").map(String::as_str), path).await;
    }
    let settings = Settings::read(&variables)?;
    match command {
        Command::Serve => server::serve(settings).await,
        Command::Migrate => {
            if settings.misbehaviours.contains(&Misbehaviour::TellsSecrets) {
                tell_secrets(&variables);
            }
            if settings.misbehaviours.contains(&Misbehaviour::StopsHalfWay) {
                return sidecar::stop_half_way(&settings, say).await;
            }
            migrations::migrate(&settings, say)
        }
        // It needs no settings.
        Command::Check { .. } => Ok(()),
        Command::Sidecar => sidecar::run(&settings, say).await,
    }
}

/// What a careless program leaves in its log.
fn tell_secrets(variables: &BTreeMap<String, String>) {
    for (name, value) in variables {
        say(&format!("{name}={value}"));
    }
    for made_up in [
        "PASSWORD=made-up-password",
        "{\"api_key\": \"made-up-key\", \"tries\": 3}",
        "> Authorization: Bearer made-up-bearer-4711",
        "connecting to postgres://shop:made-up-password@db.internal/shop",
    ] {
        say(made_up);
    }
}

/// What the service has to say goes to stdout, where a container's log comes from.
#[expect(clippy::print_stdout, reason = "stdout is the service's log")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(
    clippy::print_stderr,
    reason = "the one place where an error ends the program"
)]
fn say_error(line: &str) {
    eprintln!("error: {line}");
}
