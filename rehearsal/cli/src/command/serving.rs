//! The arguments of `serve`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use axum::http::Uri;
use local_aws::lambda::external::Place;

use super::infrastructure::given_parameter;
use super::programs::GivenPrograms;
use super::shared::{Build, CustomPipelines, Otherwise, Recording};

/// The default port of the local AWS.
const PORT: u16 = 4700;

pub(crate) const AFTER_HELP: &str = "\
Prints the environment variables for other programs, and `ready` when the local AWS is. Waits of AWS pass at once, \
unless `--real-time` is given. Listens only on loopback; Ctrl-C or SIGTERM ends it.

Examples:
  cargo rehearse serve
  aws ecs deploy --cluster prod --service web --task-definition task.json --codedeploy-appspec appspec.yaml
  cargo rehearse serve --real-time                        canary steps and waits last, so that you can continue or stop
  cargo rehearse serve --world native-canary              with a service that ECS itself deploys to
  cargo rehearse serve --pipelines config/pipelines.toml  with the services of custom pipelines
  cargo rehearse serve --pipelines own.toml --program web=./server    with your own application, which listens at $PORT
  cargo rehearse serve --function my-hook=http://127.0.0.1:9000    a hook under `cargo lambda watch`
  cargo rehearse serve --function my-hook=target/lambda/my-hook/bootstrap

Exit status:
  0  it was ended by Ctrl-C or a signal
  1  it could not be started, or failed
  2  wrong usage";

/// The arguments of `serve`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Serving {
    /// Port on loopback; 0 selects a free one
    #[arg(long, default_value_t = PORT)]
    pub(crate) port: u16,

    /// Run the clock in real time: a canary step of five minutes lasts five minutes
    #[arg(long)]
    pub(crate) real_time: bool,

    /// Let the stack only observe, as with `Mode=observe`: it says what it would deploy, and deploys nothing
    #[arg(long)]
    pub(crate) observe: bool,

    /// Give the stack this parameter of the template, as in `Clusters=prod`
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = given_parameter)]
    pub(crate) parameters: Vec<(String, String)>,

    /// Keep the services, images and pipelines of this scenario up, in place of those of `ship`
    #[arg(long, value_name = "NAME", conflicts_with = "pipelines")]
    pub(crate) world: Option<String>,

    #[command(flatten)]
    pub(crate) custom: CustomPipelines,

    #[command(flatten)]
    pub(crate) programs: GivenPrograms,

    #[command(flatten)]
    pub(crate) otherwise: Otherwise,

    #[command(flatten)]
    pub(crate) recording: Recording,

    #[command(flatten)]
    pub(crate) build: Build,

    /// A custom Lambda function, for an AppSpec to name: the URL of a Lambda Invoke API, or an executable that
    /// implements the Runtime API
    #[arg(long = "function", value_name = "NAME=URL|PATH", value_parser = given_external)]
    pub(crate) functions: Vec<ExternalFunction>,
}

/// A value of `--function`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalFunction {
    pub(crate) name: String,
    pub(crate) place: Place,
}

fn given_external(given: &str) -> Result<ExternalFunction, String> {
    // Clap prints one sentence, without causes.
    external(given).map_err(|error| format!("{error:#}"))
}

fn external(given: &str) -> anyhow::Result<ExternalFunction> {
    let Some((name, place)) = given.split_once('=') else {
        bail!("expected NAME=URL or NAME=PATH");
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ensure!(
        (1..=64).contains(&name.len()) && name.bytes().all(allowed),
        "`{name}` is not a function name: expected 1 to 64 letters, digits, `-` and `_`"
    );
    let place = match place.contains("://") {
        true => Place::Endpoint(endpoint(place)?),
        false => Place::Executable(executable(place)?),
    };
    Ok(ExternalFunction {
        name: name.to_owned(),
        place,
    })
}

fn endpoint(given: &str) -> anyhow::Result<Uri> {
    let uri: Uri = given.parse().with_context(|| format!("`{given}`"))?;
    ensure!(
        uri.scheme_str() == Some("http") && uri.query().is_none(),
        "`{given}` is not `http://HOST:PORT`, nor the URL of a function's invocations over plain HTTP"
    );
    Ok(uri)
}

fn executable(given: &str) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = Path::new(given)
        .canonicalize()
        .with_context(|| format!("`{given}`, an executable that implements the Runtime API"))?;
    let metadata = path.metadata()?;
    ensure!(
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0,
        "`{given}` is not an executable file (hint: `cargo lambda build` makes `target/lambda/NAME/bootstrap`)"
    );
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_behind_a_url_or_an_executable() {
        let hook = external("my-hook=http://127.0.0.1:9000").unwrap();
        assert_eq!(hook.name, "my-hook");
        let expected = Uri::from_static("http://127.0.0.1:9000");
        assert_eq!(hook.place, Place::Endpoint(expected));
        let shell = external("sh=/bin/sh").unwrap();
        let expected = Path::new("/bin/sh").canonicalize().unwrap();
        assert_eq!(shell.place, Place::Executable(expected));
    }

    #[test]
    fn other_values_are_rejected_with_the_expected_form() {
        for (given, expected) in [
            ("my-hook", "expected NAME=URL or NAME=PATH"),
            ("my hook=/bin/sh", "expected 1 to 64 letters"),
            ("=/bin/sh", "expected 1 to 64 letters"),
            ("hook=https://example.com", "over plain HTTP"),
            ("hook=http://a b", "`http://a b`"),
            (
                "hook=/nowhere/bootstrap",
                "`/nowhere/bootstrap`, an executable",
            ),
            ("hook=/etc/passwd", "is not an executable file"),
        ] {
            let error = format!("{:#}", external(given).unwrap_err());
            assert!(error.contains(expected), "{given}: {error}");
        }
    }
}
