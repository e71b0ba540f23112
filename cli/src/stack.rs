//! What a command needs before it can ask anything: the configuration file, a session, and the settings of the deployed functions.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use aws::follow::Follower;
use aws::lambda::Lambda;
use aws::observe::Observer;
use aws::sts::{Caller, Sts};
use aws::{Kind, Login, Session};
use lambda::Started;
use rules::config::{Config, Pipeline};
use rules::counted::counted;
use rules::environment::{self, Starting, Variables};
use rules::names::PipelineName;
use rules::problem::Problems;
use rules::reconcile::NO_SUCH_PIPELINE;

use crate::arguments::Common;
use crate::ended::WrongUsage;
use crate::page::Output;

/// How alike two names are of which one is meant by the other, from 0 to 1 (Jaro's measure, as clap's own suggestions go by).
const ALIKE: f64 = 0.8;

/// A stack, as the commands see it.
pub(crate) struct Stack {
    pub(crate) session: Session,
    /// What the function reads at its start, with the file of this machine.
    pub(crate) started: Started<Starting>,
    pub(crate) is_there: IsThere,
}

/// Whether the stack is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsThere {
    Yes,
    NotYet,
    /// The settings of its functions may not be read.
    NotKnown,
}

/// What becomes of a command that may not read the settings of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unread {
    Fails,
    AsDeployed,
}

impl Stack {
    /// Mistakes of the file come before those of a login: they need none.
    pub(crate) async fn find(common: &Common, output: &Output) -> anyhow::Result<Self> {
        Self::read(common, output, Unread::Fails).await
    }

    /// The same, as the template deploys it where its settings may not be read.
    pub(crate) async fn find_or_assume(common: &Common, output: &Output) -> anyhow::Result<Self> {
        Self::read(common, output, Unread::AsDeployed).await
    }

    async fn read(common: &Common, output: &Output, unread: Unread) -> anyhow::Result<Self> {
        pipelines(&common.config)?;
        let session = log_in(common).await?;
        let function = format!("{}-start-deployment", common.stack);
        let read = Lambda::new(&session)
            .get_function_configuration(&function)
            .await;
        let (mut variables, is_there) = match read {
            Ok(variables) => (variables, IsThere::Yes),
            Err(failed) if failed.kind == Kind::NotFound => {
                let caller = Sts::new(&session).get_caller_identity().await?;
                let note = format!(
                    "note: stack `{}` is not deployed in {}, account {}: shown is what it would decide there",
                    common.stack,
                    session.region(),
                    caller.account
                );
                output.note(&note);
                (as_deployed(common, &session, &caller), IsThere::NotYet)
            }
            Err(failed) if failed.kind == Kind::Denied && unread == Unread::AsDeployed => {
                let caller = Sts::new(&session).get_caller_identity().await?;
                (as_deployed(common, &session, &caller), IsThere::NotKnown)
            }
            Err(failed) => return Err(failed.into()),
        };
        let file = common.config.display().to_string();
        variables.insert(environment::CONFIG.to_owned(), file);
        let started = lambda::read(&variables, Starting::read);
        // The file is right, or this would not be reached.
        let started =
            started.map_err(|wrong| anyhow!(of_another_version(&function, &wrong.problems)))?;
        Ok(Self {
            session,
            started,
            is_there,
        })
    }

    pub(crate) fn observer(&self) -> Observer {
        let session = &self.session;
        Observer::new(
            aws::ecr::Ecr::new(session),
            aws::ecs::Ecs::new(session),
            aws::codedeploy::CodeDeploy::new(session),
            aws::scheduler::Scheduler::new(session),
            aws::iam::Iam::new(session),
        )
    }

    pub(crate) fn follower(&self) -> Follower {
        Follower::new(&self.session, self.started.settings.stack.clone())
    }

    /// What it does with what is due, for programs.
    pub(crate) fn mode(&self) -> &'static str {
        match self.is_there {
            IsThere::NotYet => "not deployed",
            IsThere::NotKnown => "not known",
            IsThere::Yes => self.started.extra.mode.as_str(),
        }
    }

    /// The pipeline of this name.
    pub(crate) fn named(&self, name: &PipelineName) -> anyhow::Result<&Pipeline> {
        named(&self.started.config, name)
    }
}

pub(crate) fn named<'a>(config: &'a Config, name: &PipelineName) -> anyhow::Result<&'a Pipeline> {
    config.named(name).ok_or_else(|| {
        let names: Vec<&str> = config
            .pipelines
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        let likeness = |one: &&&str| strsim::jaro(one, name.as_str());
        let alike = names.iter().filter(|one| likeness(one) >= ALIKE);
        let nearest = alike.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        let meant = nearest.map(|nearest| format!("; did you mean `{nearest}`?"));
        WrongUsage(anyhow!(
            "{NO_SUCH_PIPELINE} `{name}`, expected one of `{}`{}",
            names.join("`, `"),
            meant.unwrap_or_default()
        ))
        .into()
    })
}

pub(crate) async fn log_in(common: &Common) -> anyhow::Result<Session> {
    let login = Login {
        profile: common.profile.clone(),
        region: common.region.clone(),
    };
    Ok(Session::log_in(&login).await?)
}

/// The file's pipelines.
///
/// # Errors
/// It cannot be read, or has mistakes: all of them.
pub(crate) fn pipelines(file: &Path) -> anyhow::Result<Config> {
    let read = std::fs::read_to_string(file);
    let text = read
        .with_context(|| {
            format!(
                "read `{}` (hint: `--config` names another file)",
                file.display()
            )
        })
        .map_err(WrongUsage)?;
    let config = Config::parse(&text);
    Ok(config.map_err(|problems| WrongUsage(anyhow!(told(file, &problems))))?)
}

fn told(file: &Path, problems: &Problems) -> String {
    let name = file.display();
    let prefix = format!("{name}: ");
    let lines: Vec<String> = problems
        .as_slice()
        .iter()
        .map(|problem| {
            let place = problem.place.strip_prefix(&prefix);
            let place = place.unwrap_or(&problem.place);
            format!("\n  at `{place}`: {}", problem.message)
        })
        .collect();
    let count = counted(lines.len(), "mistake", "mistakes");
    format!("`{name}` has {count}{}", lines.concat())
}

fn of_another_version(function: &str, problems: &Problems) -> String {
    let problems = problems.as_slice().iter();
    let lines = problems.map(|problem| format!("\n  at `{}`: {}", problem.place, problem.message));
    let lines: String = lines.collect();
    format!(
        "the environment of `{function}` is not what this command reads{lines}\nhint: deploy this version of Greenlight, or use the \
         command of that version"
    )
}

/// The variables that `template.yaml` gives to `start-deployment`, of a stack that is not there yet.
fn as_deployed(common: &Common, session: &Session, caller: &Caller) -> Variables {
    let (stack, region) = (&common.stack, session.region());
    let Caller { account, partition } = caller;
    let domain = match partition.as_str() {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    let hook = |function: &str| format!("CodeDeployHook_{stack}_{function}");
    let variables = [
        (
            environment::TOPIC_ARN,
            format!("arn:{partition}:sns:{region}:{account}:{stack}-outcomes"),
        ),
        (
            environment::BUS_ARN,
            format!("arn:{partition}:events:{region}:{account}:event-bus/{stack}-outcomes"),
        ),
        (environment::MESSAGE_FORMAT, "text".to_owned()),
        (environment::STACK, stack.to_string()),
        (environment::MODE, "observe".to_owned()),
        (
            environment::REGISTRY,
            format!("{account}.dkr.ecr.{region}.{domain}"),
        ),
        (environment::HOOK_AFTER_INSTALL, hook("run-migration")),
        (
            environment::HOOK_AFTER_ALLOW_TEST_TRAFFIC,
            hook("check-test-traffic"),
        ),
        (
            environment::HOOK_AFTER_ALLOW_TRAFFIC,
            hook("check-production"),
        ),
        (
            environment::SCHEDULE_ROLE_ARN,
            format!("arn:{partition}:iam::{account}:role/{stack}"),
        ),
        (
            // No service's hook has it yet, so that IAM is asked of the one that it has.
            environment::HOOK_ROLE_ARN,
            format!("arn:{partition}:iam::{account}:role/{stack}-HookRole"),
        ),
    ];
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}
