//! `serve`: keeps the local AWS running for other programs.

use std::collections::BTreeMap;

use local_aws::ecr::{ImageSettings, OCI_CONFIG, OCI_MANIFEST, OCI_VERSION};
use local_aws::identity::{ACCOUNT, REGION, sha256_hex};
use local_aws::timeline::ListenerKind;
use local_aws::world::{RepositorySettings, World};
use record::Seen;
use serde_json::json;

use crate::command::serving::Serving;
use crate::play::{Data, Paths, end, start_world};
use crate::progress::{self, Output};
use crate::scenario::Scenario;
use crate::scenario::setting::GREEN;

/// A push to the usual services' repository whose event was not sent: sending the event starts a deployment.
pub(crate) fn untold_image() -> ImageSettings {
    ImageSettings::new("shop/web", &["latest"], GREEN)
}

/// Keeps the world of a scenario running until interrupted.
pub(crate) async fn serve(
    mut scenario: Scenario,
    paths: &Paths,
    serving: &Serving,
    output: &Output,
    until: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let data = Data::new()?;
    let functions = serving.functions.iter();
    scenario.setting.served_functions = functions.map(|function| function.name.clone()).collect();
    let world = start_world(&scenario, paths, &data, serving.port).await?;
    // No record is made of it, and it may serve for days.
    world.keep_no_history();
    for function in &serving.functions {
        world
            .lambda
            .register(&function.name, function.place.clone(), BTreeMap::new())?;
    }
    // While something is under way, the clock does not jump.
    let _no_jumps = serving.real_time.then(|| world.clock.busy());
    let timeline = world.timeline.subscribe();
    output.text(&introduction(&scenario, &world));
    tokio::select! {
        told = until => told?,
        () = progress::watch(output, timeline, world.clock.now(), Seen::default) => {}
    }
    output.text("\nstopping");
    end(&world).await
}

/// The environment variables for each program, as shell lines.
fn introduction(scenario: &Scenario, world: &World) -> String {
    let mut text = format!(
        "# The local AWS is up, with the services of `{}`. Ctrl-C ends it.\n",
        scenario.name
    );
    for service in &scenario.setting.services {
        let address =
            |base: Option<String>| base.map_or("none".to_owned(), |base| format!("{base}/"));
        let (production, test) = (
            world.base_url(&service.label, ListenerKind::Production),
            world.base_url(&service.label, ListenerKind::Test),
        );
        text.push_str(&format!(
            "# `{}`: production {}, test {}\n",
            service.label,
            address(production),
            address(test)
        ));
    }
    for repository in scenario.setting.repositories() {
        text.push_str(&a_push(&repository, world));
    }
    text.push_str(&format!(
        "# Without the annotation `{OCI_VERSION}` nothing runs of an image: its targets never become healthy, and CodeDeploy\n\
         # waits an hour for them. It names the version of the sample service that stands in for the image.\n"
    ));
    text.push_str("\n# For aws, boto3 and the SDKs:\n");
    text.push_str(&exports(&credentials(world.endpoint())));
    text.push_str("\n# And for a function under `cargo lambda watch`; `greenlight --config \"$GREENLIGHT_CONFIG\"` reads the same pipelines:\n");
    let mut variables = BTreeMap::new();
    for function in world.lambda.functions() {
        variables.extend(function.environment);
    }
    text.push_str(&exports(&variables));
    text.push_str("\n# ready\n");
    text
}

/// A repository's images, and a command that pushes another one, commented out.
fn a_push(repository: &RepositorySettings, world: &World) -> String {
    let RepositorySettings { registry, name, .. } = repository;
    let images = world.ecr.repository(registry, name);
    let images = images.map(|found| found.images);
    let repository = registry.repository(name);
    let mut text = String::new();
    let images = images.unwrap_or_default();
    // What a pipeline of the catalogue follows; another tag would be an image that nobody waits for.
    let is_latest = |tag: &String| tag == "latest";
    let follows = match images.iter().flat_map(|image| &image.tags).any(is_latest) {
        true => "latest",
        false => "1.2.0",
    };
    for image in images {
        let version = image.version.as_deref().unwrap_or("nothing that runs");
        let tags = match image.tags.as_slice() {
            [] => "without a tag".to_owned(),
            tags => format!("`{}`", tags.join("`, `")),
        };
        text.push_str(&format!("# Image of `{repository}`: {version}, {tags}\n"));
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": OCI_CONFIG, "digest": format!("sha256:{}", sha256_hex("")), "size": 2 },
        "layers": [],
        "annotations": { OCI_VERSION: "1.2.0" },
    });
    if registry.account != ACCOUNT {
        text.push_str("# Its policy lets this account read and pull, and not push.\n");
        return text;
    }
    let region = match registry.region.as_str() {
        REGION => String::new(),
        other => format!(" --region {other}"),
    };
    text.push_str(&format!(
        "# Another one:\n#   aws ecr put-image{region} --repository-name {name} --image-tag {follows} --image-manifest \\\n\
         #     '{manifest}'\n"
    ));
    text
}

fn credentials(endpoint: &str) -> BTreeMap<String, String> {
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint),
        // The AWS CLI 1 and boto3 read the second variable, other SDKs the first.
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "REHEARSAL"),
        ("AWS_SECRET_ACCESS_KEY", "rehearsal"),
    ];
    variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn exports(variables: &BTreeMap<String, String>) -> String {
    variables
        .iter()
        .map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_lines_that_a_shell_takes() {
        let variables = BTreeMap::from([
            ("A".to_owned(), "it's".to_owned()),
            ("B".to_owned(), "2 3".to_owned()),
        ]);
        assert_eq!(exports(&variables), "export A='it'\\''s'\nexport B='2 3'\n");
        assert!(
            exports(&credentials("http://127.0.0.1:4700"))
                .contains("export AWS_ENDPOINT_URL='http://127.0.0.1:4700'\n")
        );
    }
}
