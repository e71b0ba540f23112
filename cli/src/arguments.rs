//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use rules::names::{Digest, PipelineName, StackName, Tag};

use crate::ended::Ended;
use crate::page::Output;

const AFTER_HELP: &str = "\
Examples:
  greenlight status                       what runs, is due, and is under way
  greenlight doctor                       what is wrong in the account
  greenlight plan shop-web                what `deploy` would do, with this file
  greenlight plan shop-web --tag 1.4.2    the same for one image
  greenlight deploy shop-web --wait       deploy what is due, and wait
  greenlight rollback shop-web --tag 1.4.1
  greenlight wait shop-web --until shifted
  greenlight watch shop-web               the deployment as it goes
  greenlight policy                       parameters that narrow the stack

It uses the credentials and the Region that the AWS CLI would use: environment, \
profile, SSO. `status`, `doctor`, `plan`, `wait` and `watch` only read. \
AWS_ENDPOINT_URL leads it to `cargo rehearse serve`.

Exit status:
  0  all is well; nothing would be done
  1  it failed or was refused; what was waited for does not run
  2  wrong usage
  3  `plan`: something would be done";

/// What Greenlight would deploy, what is under way, and requests to it.
#[derive(Debug, Parser)]
#[command(name = "greenlight", version, after_help = AFTER_HELP, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The configuration file, as it is on this machine
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "config/pipelines.toml"
    )]
    pub(crate) config: PathBuf,

    /// The CloudFormation stack of Greenlight
    #[arg(long, global = true, value_name = "NAME", default_value = "greenlight")]
    pub(crate) stack: StackName,

    /// The profile of the AWS configuration to use [default: AWS_PROFILE, or `default`]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The Region of the stack [default: AWS_REGION, or the profile's]
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// Print JSON on stdout: one object, of `watch` one for each change
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what runs, what is due, what is under way and what would happen next
    #[command(after_help = "\
Example:
  greenlight status shop-web

What would happen next is what the next reconciliation does by itself, without a \
request, with this configuration file.

Exit status: 0, or 1 where a pipeline could not be read")]
    Status(Named),

    /// Find every mistake in the account before a deployment does
    #[command(after_help = "\
Examples:
  greenlight doctor                       the stack and every pipeline
  greenlight doctor shop-web --json

It reads what a deployment needs: the stack and its parameters, the service, its \
deployment group or hooks, listeners and target groups, alarms, roles and what \
their policies say, the image, secrets and log groups. It changes nothing. Each \
finding comes with what mends it. `wrong` would fail, hang or keep a deployment \
from starting; `doubt` may be meant so; `not known` could not be read, and says \
which permission is missing.

Exit status: 0 nothing is wrong, 1 something is")]
    Doctor(Named),

    /// Show what `deploy` would do with this configuration file, and do nothing
    #[command(after_help = "\
Examples:
  greenlight plan                         every pipeline
  greenlight plan shop-web --tag 1.4.2
  greenlight plan --config config/prod.toml || [ $? -eq 3 ]

The decision is that of the function, from what AWS says now and the file on \
this machine: whether a deployment would start, why or why not, and what the \
revision would change. Values of environment variables are not shown.

Exit status: 0 nothing would be done, 3 something would, 1 it failed or would be \
refused, or the image that was named would not be deployed")]
    Plan(Planned),

    /// Request a deployment
    #[command(after_help = "\
Examples:
  greenlight deploy shop-web                  the image that the tag rule selects
  greenlight deploy shop-web --tag 1.4.2      this image, even an older one
  greenlight deploy shop-web --wait shifted   and wait until production has it

Exit status: 0 it is started, under way or runs, and with --wait it runs; \
1 nothing was started, or it does not run. Who ends the waiting ends nothing else.")]
    Deploy(Deploy),

    /// Request the return to an image that this pipeline shipped before
    #[command(after_help = "\
Example:
  greenlight rollback shop-web --tag 1.4.1 --wait

No migration runs: the database stays as it is. Test traffic is checked.

Exit status: as of `deploy`")]
    Rollback(Rollback),

    /// Wait for the deployment that is under way
    #[command(after_help = "\
Examples:
  greenlight wait shop-web
  greenlight wait shop-web --until shifted

`shifted`: production has the image and every gate has passed. The wait before \
blue is stopped may take hours, and CI need not wait for it.

Exit status: 0 the image runs, or nothing is under way; 1 the deployment failed, \
was rolled back or superseded")]
    Wait(Waiting),

    /// Follow the deployment that is under way, or the next one, until it has ended
    #[command(after_help = "\
Example:
  greenlight watch shop-web

On a terminal one tree is redrawn; elsewhere each change is a line. Ctrl-C ends \
it, and changes nothing.

Exit status: as of `wait`")]
    Watch(Watching),

    /// Print the parameters that narrow what Greenlight may touch, for samconfig.toml
    #[command(after_help = "\
Examples:
  greenlight policy               from the configuration file alone
  greenlight policy --services    from what the services run, too")]
    Policy(Policy),

    /// Print the completions of a shell
    #[command(after_help = "\
Example:
  source <(greenlight completions bash)")]
    Completions(Completions),
}

/// A command about all pipelines, or one.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The pipeline [default: all]
    pub(crate) pipeline: Option<PipelineName>,
}

#[derive(Debug, Args)]
pub(crate) struct Planned {
    /// The pipeline [default: all]
    pub(crate) pipeline: Option<PipelineName>,

    #[command(flatten)]
    pub(crate) image: Image,

    /// Deploy the image even where production runs it already
    #[arg(long, requires = "pipeline")]
    pub(crate) force: bool,

    /// Show what moves the service from CodeDeploy to ECS's own deployments, too: the commands, and what has no counterpart
    #[arg(long)]
    pub(crate) moving_to_ecs: bool,
}

/// An image of the pipeline's repository.
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// The image with this tag
    #[arg(long, requires = "pipeline")]
    pub(crate) tag: Option<Tag>,

    /// The image with this digest
    #[arg(long, requires = "pipeline", conflicts_with = "tag")]
    pub(crate) digest: Option<Digest>,
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// The pipeline
    pub(crate) pipeline: PipelineName,

    #[command(flatten)]
    pub(crate) image: Image,

    /// Deploy the image even where production runs it already
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) then: Then,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("image").required(true).args(["tag", "digest"]))]
pub(crate) struct Rollback {
    /// The pipeline
    pub(crate) pipeline: PipelineName,

    /// The image with this tag
    #[arg(long)]
    pub(crate) tag: Option<Tag>,

    /// The image with this digest
    #[arg(long)]
    pub(crate) digest: Option<Digest>,

    #[command(flatten)]
    pub(crate) then: Then,
}

/// What follows a request.
#[derive(Debug, Args)]
pub(crate) struct Then {
    /// Wait until production has the image, or until the deployment has ended,
    /// which is meant where nothing is said
    #[arg(long, value_name = "UNTIL", num_args = 0..=1, default_missing_value = "ended")]
    pub(crate) wait: Option<Until>,

    #[command(flatten)]
    pub(crate) polling: Polling,
}

#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// The pipeline
    pub(crate) pipeline: PipelineName,

    /// Until production has the image, or until the deployment has ended
    #[arg(long, value_name = "UNTIL", default_value = "ended")]
    pub(crate) until: Until,

    #[command(flatten)]
    pub(crate) polling: Polling,
}

#[derive(Debug, Args)]
pub(crate) struct Watching {
    /// The pipeline
    pub(crate) pipeline: PipelineName,

    #[command(flatten)]
    pub(crate) polling: Polling,
}

/// How often AWS is asked.
#[derive(Debug, Args)]
pub(crate) struct Polling {
    /// Seconds between two looks at AWS
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(crate) interval: u64,
}

impl Polling {
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_secs(self.interval)
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// Production has the image and every gate has passed; blue may still be there
    Shifted,
    /// Nothing more happens
    Ended,
}

#[derive(Debug, Args)]
pub(crate) struct Policy {
    /// Read the revisions that the services run, for families, roles and log groups
    #[arg(long)]
    pub(crate) services: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

pub(crate) fn completions(asked: &Completions, output: &Output) -> anyhow::Result<Ended> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(asked.shell, &mut command, "greenlight", &mut script);
    output.text(&String::from_utf8_lossy(&script))?;
    Ok(Ended::Well)
}
