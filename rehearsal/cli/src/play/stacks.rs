//! The world of a user's templates: nothing but what their stacks make, in the order of examples/infrastructure/README.md.

use std::path::Path;
use std::time::Duration;

use local_aws::cloudformation::Stack;
use local_aws::ecr::ImageSettings;
use local_aws::stacks;
use local_aws::world::{ListenerPorts, World, WorldSettings};

use crate::scenario::quoted;
use crate::scenario::setting::Stacks;

/// Greenlight's schedules look at the first deployment of a service that ECS deploys, and tell of it, before anyone pushes.
const UNTIL_LOOKED: Duration = Duration::from_secs(10 * 60);

/// The variable that names the file of the authorities that a program trusts, in place of the system's (OpenSSL's, which rustls reads).
const AUTHORITIES: &str = "SSL_CERT_FILE";

/// Leaves only what no template makes. The stand-in for the service has its settings from its image, because its task definition is
/// the template's.
pub(super) fn prepare(settings: &mut WorldSettings, authorities: &Path) {
    let services = std::mem::take(&mut settings.services);
    let containers = services.into_iter().flat_map(|service| service.containers);
    let environment = containers.flat_map(|container| container.environment);
    settings.image_environment = environment.collect();
    settings.listener_ports = ListenerPorts::Free;
    // Lambda's machines know the authorities that everyone knows, and Amazon's among them.
    let authorities = authorities.display().to_string();
    for function in &mut settings.template.functions {
        let variable = (AUTHORITIES.to_owned(), authorities.clone());
        function.environment.extend([variable]);
    }
    settings.repositories.clear();
    settings.images.clear();
}

/// Makes the stacks, one behind the other. The first image is in a repository as soon as there is one, and before Greenlight listens
/// for pushes.
pub(super) async fn create(
    world: &World,
    stacks: &Stacks,
    images: &[ImageSettings],
) -> anyhow::Result<()> {
    for (arn, names) in &stacks.surroundings.certificates {
        world.certificates.lay(arn, names)?;
    }
    let mut surroundings = stacks.surroundings.clone();
    for file in &stacks.files {
        let made = stacks::create(world, file, &surroundings).await?;
        for image in images {
            if made.repositories.contains(&image.repository) {
                world.lay(image)?;
            }
        }
        surroundings = surroundings.with(&made);
    }
    world.settled().await;
    world.clock.sleep(UNTIL_LOOKED).await;
    Ok(())
}

/// The outputs of each stack by their names, a line each: their values are in the record.
pub(super) fn outputs(world: &World, stacks: &Stacks) -> Vec<String> {
    let made = world.cloudformation.stacks().into_iter();
    let made = made.filter(|stack| stacks.has(&stack.name));
    let line = |stack: Stack| {
        let names: Vec<&str> = stack.outputs.keys().map(String::as_str).collect();
        match names.as_slice() {
            [] => format!("stack `{}`: no outputs", stack.name),
            names => format!("stack `{}`: outputs {}", stack.name, quoted(names)),
        }
    };
    made.map(line).collect()
}
