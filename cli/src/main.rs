//! `greenlight`: what would be deployed, what is under way, and a request, from a terminal.
//!
//! It decides with the functions' own rules and asks AWS through their own door; nothing of either is written here a second time.
//! What it may do is what the caller's credentials may.

mod arguments;
mod changes;
mod doctor;
mod ended;
mod following;
mod look;
mod moment;
mod page;
mod plan;
mod policy;
mod report;
mod request;
mod stack;
mod status;
mod tree;
mod wait;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::ended::{Ended, WrongUsage};
use crate::page::Output;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::of_process(arguments.common.json);
    match run(&arguments, &output).await {
        Ok(ended) => ended.code(),
        Err(error) => {
            output.error(&error);
            match error.is::<WrongUsage>() {
                true => Ended::WrongUsage.code(),
                false => Ended::Failed.code(),
            }
        }
    }
}

async fn run(arguments: &Arguments, output: &Output) -> anyhow::Result<Ended> {
    let common = &arguments.common;
    match &arguments.command {
        Command::Status(named) => status::run(common, named, output).await,
        Command::Doctor(named) => doctor::run(common, named, output).await,
        Command::Plan(planned) => plan::run(common, planned, output).await,
        Command::Deploy(deploy) => request::deploy(common, deploy, output).await,
        Command::Rollback(rollback) => request::rollback(common, rollback, output).await,
        Command::Wait(waiting) => wait::run(common, waiting, output).await,
        Command::Watch(watching) => watch::run(common, watching, output).await,
        Command::Policy(asked) => policy::run(common, asked, output).await,
        Command::Completions(shell) => arguments::completions(shell, output),
    }
}
