//! `doctor`: every mistake in the account at once, before a deployment finds it.
//!
//! Each file below asks AWS about one subject and hands what it read to the rules, which judge it.

mod account;
mod containers;
mod group;
mod hooks;
mod image;
mod on_ecs;
mod revision;
mod roles;
mod service;
mod show;
mod stack;
mod traffic;

use std::io::{self, IsTerminal as _, Write as _};

use futures_util::future::join_all;
use rules::config::Pipeline;
use rules::counted::counted;
use rules::doctor::Checks;
use tokio::join;

use self::account::Account;
use self::service::OfService;
use crate::arguments::{Common, Named};
use crate::ended::Ended;
use crate::page::Output;
use crate::stack::Stack;

pub(crate) async fn run(common: &Common, named: &Named, output: &Output) -> anyhow::Result<Ended> {
    let stack = Stack::find_or_assume(common, output).await?;
    if let Some(name) = &named.pipeline {
        stack.named(name)?;
    }
    let account = Account::new(&stack);
    let is_asked = |pipeline: &&Pipeline| {
        named
            .pipeline
            .as_ref()
            .is_none_or(|name| pipeline.name == *name)
    };
    let pipelines = &stack.started.config.pipelines;
    let services: Vec<Vec<&Pipeline>> = pipelines
        .iter()
        .filter(|one| one.is_first)
        .map(|first| {
            pipelines
                .iter()
                .filter(|one| one.has_service_of(first))
                .collect()
        })
        .filter(|service: &Vec<&Pipeline>| service.iter().any(is_asked))
        .collect();
    let progress = Progress::begin(services.len());
    let (functions, services) = join!(
        stack::functions(&account),
        join_all(
            services
                .iter()
                .map(|service| service::check(&account, service))
        )
    );
    let mut of_stack = functions;
    of_stack.extend(stack::parameters(&account, &services).await);
    let mut found: Vec<(&Pipeline, &OfService<'_>, Checks)> = Vec::new();
    for service in &services {
        for (pipeline, checks) in &service.pipelines {
            if is_asked(pipeline) {
                found.push((pipeline, service, checks.clone()));
            }
        }
    }
    join_all(
        found
            .iter_mut()
            .map(|(pipeline, _, checks)| service::as_a_dry_run(&stack, pipeline, checks)),
    )
    .await;
    drop(progress);
    show::show(common, &stack, &of_stack, &found, output)?;
    let is_wrong = of_stack.is_wrong() || found.iter().any(|(.., checks)| checks.is_wrong());
    Ok(if is_wrong { Ended::Failed } else { Ended::Well })
}

/// What a person sees who waits; nothing where nobody does.
struct Progress(bool);

impl Progress {
    fn begin(services: usize) -> Self {
        let is_seen = io::stderr().is_terminal();
        if is_seen {
            let services = counted(services, "service", "services");
            let _ = write!(io::stderr(), "asking AWS about the stack and {services} …");
        }
        Self(is_seen)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.0 {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
