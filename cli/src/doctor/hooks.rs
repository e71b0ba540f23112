//! Hooks: functions of the user's own, and those that a service names itself.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use rules::config::Pipeline;
use rules::counted::counted;
use rules::doctor::{self, Checks, Function, Needs, Read};
use rules::ecs::HookTarget;
use rules::observed::Service;

use super::account::{Account, read};
use super::roles::{self, Named, need};

/// The functions of the pipeline's `hooks`, which CodeDeploy calls: that they are there, and that they can answer.
pub(super) async fn own(account: &Account<'_>, pipeline: &Pipeline) -> Checks {
    let mut checks = Checks::default();
    let named = pipeline.hooks.iter();
    let found = join_all(named.map(async |(event, name)| {
        (
            event,
            name,
            read(account.lambda.get_function(name.as_str()).await),
        )
    }));
    let group = account.group_arn(pipeline);
    for (event, name, read) in found.await {
        let named_by = format!("`hooks.{}` of pipeline `{}`", event.name(), pipeline.name);
        let remedy = format!(
            "correct `hooks.{}` in the file, or make the function",
            event.name()
        );
        doctor::function(&mut checks, name.as_str(), &named_by, &read, &remedy);
        if let Some(role) = read.found().and_then(|function| function.role.as_deref()) {
            let by = format!("the function `{name}`");
            let named = Named {
                role,
                by,
                service: "lambda.amazonaws.com",
                context: &[],
            };
            roles::check(
                account,
                &mut checks,
                &named,
                &[doctor::answers(name.as_str(), &group)],
            )
            .await;
        }
    }
    checks
}

/// The hooks that the service names, which ECS calls in every deployment of it.
pub(super) async fn of_service(
    account: &Account<'_>,
    pipeline: &Pipeline,
    service: &Service,
) -> Checks {
    let mut checks = Checks::default();
    let ours = &account.ours.functions;
    let foreign = doctor::foreign(service, ours);
    let functions = join_all(
        foreign
            .iter()
            .map(async |arn| ((*arn).to_owned(), known(account, arn).await)),
    )
    .await;
    let (cluster, name) = (pipeline.cluster.as_str(), pipeline.service.as_str());
    doctor::hooks_of_service(&mut checks, &pipeline.place(), cluster, name, &functions);
    doctor::hook_timeouts(&mut checks, pipeline, service, ours);
    let is_there = |function: &str| {
        let read = functions.iter().find(|(arn, _)| arn == function);
        read.is_none_or(|(_, read)| !matches!(read, Read::Absent))
    };
    let mut by_role: BTreeMap<&str, Vec<Needs>> = BTreeMap::new();
    for hook in &service.configuration.hooks {
        if let HookTarget::Lambda {
            function,
            role: Some(role),
        } = &hook.target
            && is_there(function)
        {
            let needs = by_role.entry(role).or_default();
            let invoke = need("lambda:InvokeFunction", function, "to call the hook");
            if !needs.contains(&invoke) {
                needs.push(invoke);
            }
        }
    }
    let hooks = by_role.into_iter().map(|(role, needs)| {
        let named = Named {
            role,
            by: format!("a hook of service `{}`", pipeline.place()),
            service: "ecs.amazonaws.com",
            context: &[],
        };
        (named, needs)
    });
    checks.extend(roles::check_each(account, hooks).await);
    checks.checked(format!(
        "{} of the service, with functions and roles",
        counted(service.configuration.hooks.len(), "hook", "hooks")
    ));
    checks
}

/// A function of another account or Region cannot be asked about here.
async fn known(account: &Account<'_>, arn: &str) -> Read<Function> {
    let topic = &account.stack.started.settings.topic;
    let mut parts = arn.split(':').skip(3);
    match (parts.next(), parts.next()) {
        (Some(region), Some(of)) if region != topic.region() || of != topic.account() => {
            Read::NotKnown("it is of another account or Region".to_owned())
        }
        _ => read(account.lambda.get_function(arn).await),
    }
}
