//! `policy`: the parameters that narrow what Greenlight may touch.

use aws::ecs::Ecs;
use rules::config::Config;
use rules::ecs::HookTarget;
use rules::observed::Service;
use rules::policy::{self, Running};
use serde_json::json;

use crate::arguments::{Common, Policy};
use crate::ended::Ended;
use crate::page::Output;
use crate::stack;

pub(crate) async fn run(common: &Common, asked: &Policy, output: &Output) -> anyhow::Result<Ended> {
    let config = stack::pipelines(&common.config)?;
    let services = match asked.services {
        true => services(common, &config).await?,
        false => Vec::new(),
    };
    let parameters = policy::parameters(&config, &services);
    if output.json {
        let object = |one: &policy::Parameter| json!({"name": one.name, "value": one.value, "note": one.note});
        let objects: Vec<_> = parameters.iter().map(object).collect();
        output.json(&json!({ "parameters": objects }))?;
        return Ok(Ended::Well);
    }
    output.text("# for `parameter_overrides` in samconfig.toml\n")?;
    output.text(&policy::overrides(&parameters))?;
    Ok(Ended::Well)
}

/// What each service runs, and the roles of its hooks.
async fn services(common: &Common, config: &Config) -> anyhow::Result<Vec<Running>> {
    let session = stack::log_in(common).await?;
    let ecs = Ecs::new(&session);
    let mut services = Vec::new();
    for pipeline in config.pipelines.iter().filter(|one| one.is_first) {
        let (cluster, name) = (&pipeline.cluster, &pipeline.service);
        let service = ecs.describe_service(cluster, name).await?;
        let primary = service.primary().map(|task_set| &task_set.revision);
        if let Some(revision) = primary.or(service.revision.as_ref()) {
            services.push(Running {
                definition: ecs.describe_task_definition(revision.as_str()).await?,
                hook_roles: hook_roles(common, &service),
            });
        }
    }
    Ok(services)
}

/// Of the stack's own role nothing is asked, so its name is not needed. CloudFormation adds characters behind it.
fn hook_roles(common: &Common, service: &Service) -> Vec<String> {
    let own = format!("/{}-HookRole", common.stack);
    let hooks = service.configuration.hooks.iter();
    let roles = hooks.filter_map(|hook| match &hook.target {
        HookTarget::Lambda { role, .. } => role.clone(),
        HookTarget::Pause => None,
    });
    roles.filter(|role| !role.contains(&own)).collect()
}
