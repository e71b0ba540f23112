//! A registry in another account or Region than the stack, as docs/deploying.md sets it up.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use local_aws::iam::ResourcePolicy;
use local_aws::identity::{ACCOUNT, Location, REGION};
use local_aws::template::Template;
use local_aws::world::RepositorySettings;

use crate::scenario::setting::{Lack, Setting};

/// The template of the registry's stack, and the policy of its repositories, relative to the workspace's root.
const STACK: &str = "examples/registry.yaml";
const REPOSITORY_POLICY: &str = "examples/repository-policy.json";

/// The template's parameters `RegistryAccount` and `RegistryRegion`: whichever differs from the stack's.
pub(super) fn parameters(registry: Option<&Location>) -> (&str, &str) {
    let Some(registry) = registry else {
        return ("", "");
    };
    let other = |given, stack| if given == stack { "" } else { given };
    (
        other(registry.account.as_str(), ACCOUNT),
        other(registry.region.as_str(), REGION),
    )
}

/// Adds the registry's stack, without what the scenario leaves out.
pub(super) fn forwarding(
    mut template: Template,
    registry: Option<&Location>,
    setting: &Setting,
    root: &Path,
) -> anyhow::Result<Template> {
    let Some(registry) = registry else {
        return Ok(template);
    };
    if setting.lacks.contains(&Lack::BusPolicy) {
        template.bus_policy = ResourcePolicy::default();
    }
    if setting.lacks.contains(&Lack::Rule) {
        return Ok(template);
    }
    let parameters = [("StackAccount", ACCOUNT), ("StackRegion", REGION)];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let parameters = BTreeMap::from(parameters);
    template.with_registry_stack(&root.join(STACK), registry, &parameters)
}

/// The repositories, those of another account with the policy that lets the stack's account read and pull.
pub(super) fn shared(
    mut repositories: Vec<RepositorySettings>,
    root: &Path,
) -> anyhow::Result<Vec<RepositorySettings>> {
    let others = repositories
        .iter_mut()
        .filter(|repository| repository.registry.account != ACCOUNT);
    for repository in others {
        let file = root.join(REPOSITORY_POLICY);
        let policy = std::fs::read_to_string(&file);
        repository.policy = Some(policy.with_context(|| format!("read `{}`", file.display()))?);
    }
    Ok(repositories)
}
