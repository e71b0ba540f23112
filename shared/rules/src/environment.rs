//! The environment variables of the functions: the whole list, and what each must hold.
//!
//! `template.yaml` sets exactly these; a test compares both ways. Each `main.rs` reads the environment once and passes
//! it in as a map.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use serde_json::Value;

use crate::events::Request;
use crate::names::{BusArn, FunctionName, RegistryHost, StackName, TopicArn};
use crate::problem::Problems;
use crate::sanitize::is_hidden_mark;

/// Path of the configuration file; in AWS `/opt/pipelines.toml`, from the layer made of `config/`.
pub const CONFIG: &str = "GREENLIGHT_CONFIG";
/// ARN of the SNS topic for outcomes.
pub const TOPIC_ARN: &str = "GREENLIGHT_TOPIC_ARN";
/// ARN of the event bus for outcomes, which programs listen to.
pub const BUS_ARN: &str = "GREENLIGHT_BUS_ARN";
/// How the topic's outcomes are written: `text`, `json` or `chat`.
pub const MESSAGE_FORMAT: &str = "GREENLIGHT_MESSAGE_FORMAT";
/// Name of the function that the AppSpec names for AfterInstall (`start-deployment` and `report-outcome` only).
pub const HOOK_AFTER_INSTALL: &str = "GREENLIGHT_HOOK_AFTER_INSTALL";
/// Name of the function that the AppSpec names for AfterAllowTestTraffic (`start-deployment` and `report-outcome` only).
pub const HOOK_AFTER_ALLOW_TEST_TRAFFIC: &str = "GREENLIGHT_HOOK_AFTER_ALLOW_TEST_TRAFFIC";
/// Name of the function that the AppSpec names for AfterAllowTraffic (`start-deployment` and `report-outcome` only).
pub const HOOK_AFTER_ALLOW_TRAFFIC: &str = "GREENLIGHT_HOOK_AFTER_ALLOW_TRAFFIC";
/// Whether deployments are started, or only reported: `deploy` or `observe` (`start-deployment` only).
pub const MODE: &str = "GREENLIGHT_MODE";
/// Name of the CloudFormation stack: it marks the revisions that it registers, and names the function that takes requests.
pub const STACK: &str = "GREENLIGHT_STACK";
/// Host of the ECR registry of this account and Region (`start-deployment` only).
pub const REGISTRY: &str = "GREENLIGHT_REGISTRY";
/// ARN of `finish-migration`, which the time-out schedule of a migration calls (`run-migration` only).
pub const FINISH_MIGRATION_ARN: &str = "GREENLIGHT_FINISH_MIGRATION_ARN";
/// ARN of the role with which EventBridge Scheduler calls `finish-migration`, `start-deployment`, `report-outcome` and `check-production`
/// (`run-migration`, `finish-migration`, `start-deployment`, `report-outcome` and `check-production` only).
pub const SCHEDULE_ROLE_ARN: &str = "GREENLIGHT_SCHEDULE_ROLE_ARN";

/// ARN of the role with which ECS calls the hooks of services that it deploys itself (`start-deployment` only).
pub const HOOK_ROLE_ARN: &str = "GREENLIGHT_HOOK_ROLE_ARN";

/// How outcomes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFormat {
    /// For people who read mail.
    Text,
    /// For programs.
    Json,
    /// For Amazon Q Developer in chat applications.
    Chat,
}

impl FromStr for MessageFormat {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        match given {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "chat" => Ok(Self::Chat),
            _ => Err(format!("`{given}` is not `text`, `json` or `chat`")),
        }
    }
}

/// What every function reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the configuration file is.
    pub config: PathBuf,
    /// Where outcomes go.
    pub topic: TopicArn,
    /// Where they go for programs: always as JSON, whatever the topic's format is.
    pub bus: BusArn,
    /// How the topic's are written.
    pub format: MessageFormat,
    /// The stack that the functions belong to.
    pub stack: StackName,
}

/// The functions that the AppSpec names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookFunctions {
    /// Runs the migration.
    pub after_install: FunctionName,
    /// Checks test traffic.
    pub after_allow_test_traffic: FunctionName,
    /// Checks production traffic.
    pub after_allow_traffic: FunctionName,
}

/// Whether deployments are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Decide, log and report. The role has none of the permissions that a start needs.
    Observe,
    /// Act on the decision as well.
    Deploy,
}

impl Mode {
    /// Its value of the template's parameter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Observe => "observe",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        match given {
            "observe" => Ok(Self::Observe),
            "deploy" => Ok(Self::Deploy),
            _ => Err(format!("`{given}` is not `observe` or `deploy`")),
        }
    }
}

/// What `start-deployment` reads beside the settings of every function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starting {
    /// The functions that the AppSpec names.
    pub hooks: HookFunctions,
    /// Whether deployments are started.
    pub mode: Mode,
    /// The registry whose images are deployed.
    pub registry: RegistryHost,
    /// The role with which the schedule calls that looks at a deployment of ECS's while it is under way.
    pub schedule_role_arn: String,
    /// The role with which ECS calls the hooks of services that it deploys itself, where a service names this stack's.
    pub hook_role_arn: String,
}

impl Starting {
    /// Reads them; mistakes are noted in `problems`.
    pub fn read(variables: &Variables, problems: &mut Problems) -> Option<Self> {
        let hooks = HookFunctions::read(variables, problems);
        let mode = required(variables, MODE, "`observe` or `deploy`", problems)
            .and_then(|text| problems.parse(MODE, text));
        let registry = required(variables, REGISTRY, "the host of an ECR registry", problems)
            .and_then(|text| problems.parse(REGISTRY, text));
        let schedule_role_arn = arn(
            variables,
            SCHEDULE_ROLE_ARN,
            "the ARN of an IAM role",
            problems,
        );
        let hook_role_arn = arn(variables, HOOK_ROLE_ARN, "the ARN of an IAM role", problems);
        Some(Self {
            hooks: hooks?,
            mode: mode?,
            registry: registry?,
            schedule_role_arn: schedule_role_arn?,
            hook_role_arn: hook_role_arn?,
        })
    }
}

/// What the time-out of a migration needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeOutSchedule {
    /// The function that it calls.
    pub function_arn: String,
    /// The role with which it is called.
    pub role_arn: String,
}

/// What `finish-migration` and `check-production` read beside the settings of every function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduling {
    /// The role with which its schedules call a function.
    pub schedule_role_arn: String,
}

impl Scheduling {
    /// Reads it; mistakes are noted in `problems`.
    pub fn read(variables: &Variables, problems: &mut Problems) -> Option<Self> {
        let expected = "the ARN of an IAM role";
        let schedule_role_arn = arn(variables, SCHEDULE_ROLE_ARN, expected, problems)?;
        Some(Self { schedule_role_arn })
    }
}

/// What `report-outcome` reads beside the settings of every function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporting {
    /// The functions by which a deployment shows that this stack was there when it began.
    pub hooks: HookFunctions,
    /// The role with which its schedules call a function.
    pub schedule_role_arn: String,
}

impl Reporting {
    /// Reads it; mistakes are noted in `problems`.
    pub fn read(variables: &Variables, problems: &mut Problems) -> Option<Self> {
        let hooks = HookFunctions::read(variables, problems);
        let scheduling = Scheduling::read(variables, problems);
        Some(Self {
            hooks: hooks?,
            schedule_role_arn: scheduling?.schedule_role_arn,
        })
    }
}

/// The environment as a map.
pub type Variables = BTreeMap<String, String>;

impl Settings {
    /// Reads what every function needs; mistakes are noted in `problems`.
    pub fn read(variables: &Variables, problems: &mut Problems) -> Option<Self> {
        let config = required(
            variables,
            CONFIG,
            "the path of the configuration file",
            problems,
        )
        .map(PathBuf::from);
        let topic = required(
            variables,
            TOPIC_ARN,
            "the ARN of the SNS topic for outcomes",
            problems,
        );
        let topic = topic.and_then(|text| problems.parse(TOPIC_ARN, text));
        let bus = required(
            variables,
            BUS_ARN,
            "the ARN of the event bus for outcomes",
            problems,
        );
        let bus = bus.and_then(|text| problems.parse(BUS_ARN, text));
        let format = required(
            variables,
            MESSAGE_FORMAT,
            "`text`, `json` or `chat`",
            problems,
        );
        let format = format.and_then(|text| problems.parse(MESSAGE_FORMAT, text));
        let stack = required(
            variables,
            STACK,
            "the name of a CloudFormation stack",
            problems,
        )
        .and_then(|text| problems.parse(STACK, text));
        Some(Self {
            config: config?,
            topic: topic?,
            bus: bus?,
            format: format?,
            stack: stack?,
        })
    }

    /// The command by which a person makes this request. It names the Region: the reader's own default may be another one, with a
    /// stack of the same name.
    pub fn command(&self, request: &Request) -> String {
        // The name may hold an apostrophe, and the shell would take it for the payload's end.
        let payload = plain_json(&request.payload()).replace('\'', r"'\''");
        format!(
            "aws lambda invoke --region {} --function-name {}-start-deployment --cli-binary-format raw-in-base64-out \
             --payload '{payload}' /dev/stdout",
            self.topic.region(),
            self.stack
        )
    }
}

/// JSON in which no character means anything to a chat or hides: as JSON escapes it, it is the same text to the function that reads
/// it, while a message would write another character in its place.
fn plain_json(value: &Value) -> String {
    let mut text = String::new();
    // Behind a colon a slash would begin a link.
    for c in value.to_string().replace("://", r":\/\/").chars() {
        if matches!(c, '<' | '>' | '@' | '&' | '`') || is_hidden_mark(c) || c.is_control() {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            text.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

impl HookFunctions {
    /// Reads the names of the hook functions; mistakes are noted in `problems`.
    pub fn read(variables: &Variables, problems: &mut Problems) -> Option<Self> {
        let mut name = |variable| {
            let text = required(
                variables,
                variable,
                "the name of a Lambda function",
                problems,
            )?;
            problems.parse(variable, text)
        };
        let after_install = name(HOOK_AFTER_INSTALL);
        let after_allow_test_traffic = name(HOOK_AFTER_ALLOW_TEST_TRAFFIC);
        let after_allow_traffic = name(HOOK_AFTER_ALLOW_TRAFFIC);
        Some(Self {
            after_install: after_install?,
            after_allow_test_traffic: after_allow_test_traffic?,
            after_allow_traffic: after_allow_traffic?,
        })
    }
}

impl TimeOutSchedule {
    /// Reads what the time-out schedule needs; mistakes are noted in `problems`.
    pub fn read(variables: &Variables, problems: &mut Problems) -> Option<Self> {
        let mut arn = |variable, expected| arn(variables, variable, expected, problems);
        let function_arn = arn(FINISH_MIGRATION_ARN, "the ARN of a Lambda function");
        let role_arn = arn(SCHEDULE_ROLE_ARN, "the ARN of an IAM role");
        Some(Self {
            function_arn: function_arn?,
            role_arn: role_arn?,
        })
    }
}

fn arn(
    variables: &Variables,
    name: &str,
    expected: &str,
    problems: &mut Problems,
) -> Option<String> {
    let text = required(variables, name, expected, problems)?;
    if !text.starts_with("arn:") {
        problems.add(name, format!("`{text}` is not {expected}"));
        return None;
    }
    Some(text.to_owned())
}

fn required<'a>(
    variables: &'a Variables,
    name: &str,
    expected: &str,
    problems: &mut Problems,
) -> Option<&'a str> {
    let value = variables
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty());
    if value.is_none() {
        problems.add(name, format!("not set, expected {expected}"));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: &str) {
        let variables = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let mut problems = Problems::default();
        let settings = Settings::read(&variables, &mut problems);
        let said = problems
            .finish(settings)
            .map_or_else(|p| p.to_string(), |_| "accepted".to_owned());
        assert_eq!(said, expected);
    }

    #[test]
    fn every_missing_variable_is_named_at_once() {
        check(
            &[(MESSAGE_FORMAT, "xml")],
            "at `GREENLIGHT_CONFIG`: not set, expected the path of the configuration file\n\
             at `GREENLIGHT_TOPIC_ARN`: not set, expected the ARN of the SNS topic for outcomes\n\
             at `GREENLIGHT_BUS_ARN`: not set, expected the ARN of the event bus for outcomes\n\
             at `GREENLIGHT_MESSAGE_FORMAT`: `xml` is not `text`, `json` or `chat`\n\
             at `GREENLIGHT_STACK`: not set, expected the name of a CloudFormation stack",
        );
    }

    #[test]
    fn a_complete_environment_is_accepted() {
        check(
            &[
                (CONFIG, "/opt/pipelines.toml"),
                (TOPIC_ARN, "arn:aws:sns:eu-central-1:111122223333:outcomes"),
                (
                    BUS_ARN,
                    "arn:aws:events:eu-central-1:111122223333:event-bus/greenlight-outcomes",
                ),
                (MESSAGE_FORMAT, "chat"),
                (STACK, "greenlight"),
            ],
            "accepted",
        );
    }
}
