//! Makes the resources of a stack, one behind the other, and says why one was not made as CloudFormation's events do.

use super::attributes::before;
use super::file::TemplateFile;
use super::make::Maker;
use super::plan::{Plan, read_output, read_properties, scope};
use super::surroundings::Surroundings;
use crate::world::World;
use anyhow::{Context as _, anyhow, bail};

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
    let mut maker = Maker::new(world);
    for (logical_id, kind) in &plan.order {
        let written = &file.template["Resources"][logical_id]["Properties"];
        let mut problems = Vec::new();
        let of = (file.stack.as_str(), logical_id.as_str(), *kind);
        let members = read_properties(&scope, of, written, &mut problems);
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
    for (name, output) in file.section("Outputs") {
        let path = format!("Outputs.{name}");
        if let Some((value, export)) = read_output(&scope, output, &path)? {
            plan.exports
                .extend(export.map(|export| (export, value.clone())));
            plan.outputs.insert(name.clone(), value);
        }
    }
    Ok(plan)
}

fn read(file: &TemplateFile, surroundings: &Surroundings) -> anyhow::Result<Plan> {
    let plan = Plan::read(file, surroundings);
    plan.map_err(|problems| anyhow!("`{}`: {}", file.path, problems.join("\n")))
        .context("read the template again")
}
