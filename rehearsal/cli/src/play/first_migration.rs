//! The schema that the first version of each service expects, in a new database.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::bail;
use local_aws::process::{Container, Process};
use local_aws::program::{Pulled, Replaced};

use super::Data;
use crate::scenario::custom_pipelines::Pipeline;
use crate::scenario::setting::{Service, Setting};

/// Migrates the databases of all services, as the deployments before have done: by the migration of a service's pipeline where a program of
/// the user's runs it, otherwise by that of the sample service.
pub(super) async fn migrate(
    setting: &Setting,
    pipelines: &[Pipeline],
    sample_service: &Path,
    data: &Data,
) -> anyhow::Result<()> {
    // Hooks migrate in the first deployment too.
    if setting
        .stacks
        .as_ref()
        .is_some_and(|stacks| stacks.has_hooks)
    {
        return Ok(());
    }
    for service in &setting.services {
        let custom = custom(setting, service, pipelines, data)?;
        let container = custom.unwrap_or_else(|| Container {
            program: sample_service.to_owned(),
            arguments: vec!["migrate".to_owned()],
            environment: BTreeMap::from([("DATABASE".to_owned(), service.database(&data.0))]),
            custom: None,
        });
        run(&container, &service.label).await?;
    }
    Ok(())
}

/// The migration of a service's pipeline in 1.0.0, if a program of the user's runs it. Secrets of its definition are not there yet.
fn custom(
    setting: &Setting,
    service: &Service,
    pipelines: &[Pipeline],
    data: &Data,
) -> anyhow::Result<Option<Container>> {
    let settings = service.settings(&data.0);
    let its = pipelines.iter().find_map(|pipeline| {
        let is_its = (&pipeline.cluster, &pipeline.service) == (&settings.cluster, &settings.name);
        let command = pipeline.migration.as_ref().filter(|_| is_its)?;
        let first = || pipeline.containers.first();
        let name = pipeline.migration_container.as_ref().or_else(first)?;
        let container = settings.containers.iter().find(|one| one.name == *name)?;
        Some((setting.programs.of(name)?, container, command))
    });
    let Some((program, container, command)) = its else {
        return Ok(None);
    };
    let digest = container.image.rsplit_once('@').map(|(_, digest)| digest);
    let mut images = setting.images.iter();
    let image = images.find(|image| Some(image.digest().as_str()) == digest);
    let replaced = Replaced {
        entry_point: container.entry_point.clone(),
        command: command.clone(),
        environment: container.environment.clone(),
        stop_timeout: None,
    };
    let image = image.map(Pulled::from).unwrap_or_default();
    let container = setting.programs.container(program, &image, replaced)?;
    Ok(Some(container))
}

async fn run(container: &Container, service: &str) -> anyhow::Result<()> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = lines.clone();
    let keep = move |line| {
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line)
    };
    let mut process = Process::start(container, keep)?;
    match process.exited().await {
        0 => Ok(()),
        code => {
            let lines: Vec<String> = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
            bail!(
                "the first migration of `{service}` exited with {code}:\n  {}",
                lines.join("\n  ")
            )
        }
    }
}
