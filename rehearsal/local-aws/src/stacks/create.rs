//! Makes the resources of a stack, one behind the other, and says why one was not made as CloudFormation's events do.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context as _, anyhow, bail};

use super::attributes::before;
use super::file::TemplateFile;
use super::make::Maker;
use super::plan::{Plan, read_properties, scope};
use super::surroundings::Surroundings;
use crate::cloudformation::{Stack, StackStatus};
use crate::template::intrinsics::Scope;
use crate::template::output;
use crate::template::parameters::{OF_SSM, text};
use crate::world::World;

/// Makes a stack and returns what it has then. Fails with CloudFormation's words for the first resource that AWS refuses, or whose
/// service does not become stable.
pub async fn create(
    world: &World,
    file: &TemplateFile,
    surroundings: &Surroundings,
) -> anyhow::Result<Plan> {
    let mut plan = read(file, surroundings)?;
    let parameters = surroundings
        .parameters(file)
        .map_err(|problems| anyhow!(problems.join("\n")))?;
    let mut scope = scope(file, surroundings, parameters);
    let begun = described(file, surroundings, &scope, world.clock.now());
    world.cloudformation.begin(begun);
    let made = resources(world, file, &mut scope, &plan).await;
    let status = match &made {
        Ok(()) => StackStatus::CreateComplete,
        Err(error) => StackStatus::CreateFailed(format!("{error:#}")),
    };
    if made.is_ok() {
        for (name, written) in file.section("Outputs") {
            let output = output::read(&scope, written, &format!("Outputs.{name}"))?;
            let output = output.map(|output| (name.clone(), output));
            plan.outputs.extend(output);
        }
    }
    let outputs = match &made {
        Ok(()) => plan.outputs.clone(),
        Err(_) => BTreeMap::new(),
    };
    world.cloudformation.end(&file.stack, status, outputs);
    made.map(|()| plan)
}

/// The stack as it begins.
fn described(
    file: &TemplateFile,
    surroundings: &Surroundings,
    scope: &Scope,
    created_at: SystemTime,
) -> Stack {
    let mut parameters = scope.parameters();
    let mut resolved = BTreeMap::new();
    for (name, written) in file.section("Parameters") {
        let of_type = written["Type"].as_str().unwrap_or_default();
        if of_type.starts_with(OF_SSM) {
            let named = surroundings.value(name);
            let named = named.or_else(|| text(&written["Default"]).ok());
            let value = parameters.insert(name.clone(), named.unwrap_or_default());
            resolved.extend(value.map(|value| (name.clone(), value)));
        }
        if text(&written["NoEcho"]).is_ok_and(|value| value == "true") {
            parameters.insert(name.clone(), "****".to_owned());
        }
    }
    Stack {
        name: file.stack.clone(),
        description: scope.description(),
        parameters,
        resolved,
        outputs: BTreeMap::new(),
        status: StackStatus::CreateInProgress,
        created_at,
    }
}

async fn resources(
    world: &World,
    file: &TemplateFile,
    scope: &mut Scope,
    plan: &Plan,
) -> anyhow::Result<()> {
    let mut maker = Maker::new(world);
    for (logical_id, kind) in &plan.order {
        let written = &file.template["Resources"][logical_id]["Properties"];
        let mut problems = Vec::new();
        let of = (file.stack.as_str(), logical_id.as_str(), *kind);
        let members = read_properties(scope, of, written, &mut problems);
        if !problems.is_empty() {
            bail!("{}", problems.join("\n"));
        }
        let mut attributes = before(*kind, &file.stack, logical_id, &members);
        let made = maker.make(*kind, &attributes["Ref"], &members).await;
        let made = made.map_err(|reason| {
            anyhow!(
                "stack `{}` of `{}`: {logical_id} ({}) CREATE_FAILED: {reason}",
                file.stack,
                file.path,
                kind.name()
            )
        })?;
        attributes.extend(made);
        scope.made(logical_id, attributes);
    }
    Ok(())
}

fn read(file: &TemplateFile, surroundings: &Surroundings) -> anyhow::Result<Plan> {
    let plan = Plan::read(file, surroundings);
    plan.map_err(|problems| anyhow!("`{}`: {}", file.path, problems.join("\n")))
        .context("read the template again")
}
