//! The stack: its functions, its state, and its parameters.

use std::collections::{BTreeMap, BTreeSet};

use aws::Kind;
use futures_util::future::join_all;

use rules::counted::counted;
use rules::doctor::{self, Checks, Needs};
use rules::engine::Engine;
use rules::environment::Mode;
use rules::policy::{self, Running};

use super::account::{Account, read, why};
use super::roles::{self, Named};
use super::service::OfService;
use super::traffic::header_secrets;
use crate::stack::IsThere;

/// The functions that take part in every deployment, and their roles.
pub(super) async fn functions(account: &Account<'_>) -> Checks {
    let mut checks = Checks::default();
    let stack = &account.stack.started.settings.stack;
    if account.stack.is_there == IsThere::NotYet {
        checks.wrong(
            "stack",
            format!("stack `{stack}` is not deployed in this account and Region: nothing would deploy"),
            "sam build && sam deploy (docs/deploying.md), or name another one with `--stack` and `--region`",
        );
        return checks;
    }
    settings(account, &mut checks);
    let hooks = &account.stack.started.extra.hooks;
    let hooks = [
        &hooks.after_install,
        &hooks.after_allow_test_traffic,
        &hooks.after_allow_traffic,
    ];
    let others = ["start-deployment", "finish-migration", "report-outcome"]
        .map(|name| format!("{stack}-{name}"));
    let names: Vec<&str> = hooks
        .iter()
        .map(|hook| hook.as_str())
        .chain(others.iter().map(String::as_str))
        .collect();
    let read = join_all(
        names
            .iter()
            .map(async |name| read(account.lambda.get_function(name).await)),
    )
    .await;
    let named_by = format!("stack `{stack}`");
    let found: Vec<_> = names.iter().zip(&read).collect();
    for (name, read) in &found {
        doctor::function(
            &mut checks,
            name,
            &named_by,
            read,
            "sam deploy makes the functions of the stack again",
        );
    }
    let answers = found.iter().take(hooks.len()).filter_map(|(name, read)| {
        let role = read.found()?.role.as_deref()?;
        let named = Named {
            role,
            by: format!("a function of stack `{stack}`"),
            service: "lambda.amazonaws.com",
            context: &[],
        };
        Some((named, answering(account, name)))
    });
    checks.extend(roles::check_each(account, answers).await);
    checks.checked(format!(
        "{} functions, the roles of {} hooks",
        names.len(),
        hooks.len()
    ));
    checks
}

/// Without the settings of the functions all else is asked all the same.
fn settings(account: &Account<'_>, checks: &mut Checks) {
    if account.stack.is_there == IsThere::NotKnown {
        checks.not_known(
            "stack",
            &format!(
                "the settings of stack `{}` are not known, and taken for the template's: access denied (hint: your credentials need \
                 `lambda:GetFunctionConfiguration`)",
                account.stack.started.settings.stack
            ),
        );
    }
}

/// What a hook's role needs to answer CodeDeploy, on the group of the first pipeline.
fn answering(account: &Account<'_>, name: &str) -> Vec<Needs> {
    let pipelines = &account.stack.started.config.pipelines;
    let group = pipelines
        .first()
        .map(|pipeline| account.group_arn(pipeline));
    vec![doctor::answers(name, &group.unwrap_or_default())]
}

/// The stack's state, and whether its parameters cover what the pipelines name, and no more.
pub(super) async fn parameters(account: &Account<'_>, services: &[OfService<'_>]) -> Checks {
    let mut checks = Checks::default();
    if account.stack.is_there == IsThere::NotYet {
        return checks;
    }
    let stack = account.stack.started.settings.stack.to_string();
    let facts = match account.cloudformation.describe_stack(&stack).await {
        Ok(facts) => facts,
        // Its functions are there: they were made otherwise.
        Err(failed) if matches!(failed.kind, Kind::NotFound | Kind::Invalid) => {
            checks.not_known("parameters", &format!("the parameters of `{stack}` are not known: CloudFormation has no stack of this name"));
            return checks;
        }
        Err(failed) => {
            checks.not_known(
                "parameters",
                &format!(
                    "the parameters of stack `{stack}` are not known: {}",
                    why(&failed)
                ),
            );
            return checks;
        }
    };
    let config = &account.stack.started.config;
    let running = services.iter().filter_map(|service| {
        Some(Running {
            definition: service.definition.clone()?,
            hook_roles: service.hook_roles.clone(),
        })
    });
    let running: Vec<Running> = running.collect();
    let needed = policy::parameters(config, &running);
    doctor::status(&mut checks, &stack, &facts);
    doctor::open_parameters(&mut checks, &stack, &facts, &needed);
    for (parameter, mut names) in names(services) {
        names.retain(|name| !account.is_absent(name));
        doctor::cover(&mut checks, &facts, parameter, &names, &needed);
    }
    let mode = match (account.stack.is_there, account.stack.started.extra.mode) {
        (IsThere::NotKnown, _) => "its mode is not known",
        (IsThere::Yes | IsThere::NotYet, Mode::Deploy) => "it deploys",
        (IsThere::Yes | IsThere::NotYet, Mode::Observe) => "it observes and deploys nothing",
    };
    checks.checked(format!(
        "{} ({mode}), {}",
        facts.status,
        counted(facts.parameters.len(), "parameter", "parameters")
    ));
    checks
}

/// The names that each narrowing parameter has to cover.
fn names(services: &[OfService<'_>]) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut all: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    let mut add = |parameter, name: &str| {
        all.entry(parameter).or_default().insert(name.to_owned());
    };
    for service in services {
        for (pipeline, _) in &service.pipelines {
            add("Repositories", pipeline.repository.as_str());
            add("Clusters", pipeline.cluster.as_str());
            if service.engine == Some(Engine::CodeDeploy) {
                add("Applications", pipeline.codedeploy.application.as_str());
            }
            if let Some(account) = &pipeline.registry.account {
                add("RegistryAccount", account.as_str());
            }
            if let Some(region) = &pipeline.registry.region {
                add("RegistryRegion", region.as_str());
            }
            if let Some(published) = &pipeline.publish {
                add("PublishedParameters", published.as_str());
            }
            for secret in header_secrets(pipeline) {
                add("HeaderSecrets", secret);
            }
        }
        for role in &service.hook_roles {
            add("HookRoles", role_path(role));
        }
        let Some(definition) = &service.definition else {
            continue;
        };
        if let Some(family) = definition.task_definition["family"].as_str() {
            add("TaskDefinitionFamilies", family);
        }
        for (what, role) in doctor::role_names(definition) {
            let parameter = if what == "task role" {
                "TaskRoles"
            } else {
                "ExecutionRoles"
            };
            add(parameter, role_path(role));
        }
        for group in doctor::log_groups(definition) {
            add("TaskLogGroups", &group.name);
        }
    }
    all
}

/// A role's name with its path.
fn role_path(role: &str) -> &str {
    role.split_once(":role/").map_or(role, |(_, path)| path)
}
