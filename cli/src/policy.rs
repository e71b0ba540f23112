//! `policy`: the parameters that narrow what Greenlight may touch.

use aws::ecs::Ecs;
use rules::config::Config;
use rules::observed::TaskDefinition;
use rules::policy;
use serde_json::json;

use crate::arguments::{Common, Policy};
use crate::ended::Ended;
use crate::page::Output;
use crate::stack;

pub(crate) async fn run(common: &Common, asked: &Policy, output: &Output) -> anyhow::Result<Ended> {
    let config = stack::pipelines(&common.config)?;
    let revisions = match asked.services {
        true => revisions(common, &config).await?,
        false => Vec::new(),
    };
    let parameters = policy::parameters(&config, &revisions);
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

/// What each service runs.
async fn revisions(common: &Common, config: &Config) -> anyhow::Result<Vec<TaskDefinition>> {
    let session = stack::log_in(common).await?;
    let ecs = Ecs::new(&session);
    let mut revisions = Vec::new();
    for pipeline in config.pipelines.iter().filter(|one| one.is_first) {
        let (cluster, name) = (&pipeline.cluster, &pipeline.service);
        let service = ecs.describe_service(cluster, name).await?;
        let primary = service.primary().map(|task_set| &task_set.revision);
        if let Some(revision) = primary.or(service.revision.as_ref()) {
            revisions.push(ecs.describe_task_definition(revision.as_str()).await?);
        }
    }
    Ok(revisions)
}
