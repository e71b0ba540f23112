//! A service that ECS itself deploys, as a scenario's file describes it: strategy, steps, hooks, circuit breaker, test rule.

use local_aws::elb::{Condition, QueryPair};
use local_aws::identity::arn;
use local_aws::service_deployment::configuration::DeploymentConfiguration;
use local_aws::service_deployment::stage::Stage;
use local_aws::world::{EcsDeployments, Internal, IsBalanced, TestRule};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use toml::Spanned;

use crate::scenario::catalogue::problem::Problem;

/// The functions of the template that are hooks: their names in files, and their logical ids.
const HOOKS: [(&str, &str); 3] = [
    ("run-migration", "RunMigration"),
    ("check-test-traffic", "CheckTestTraffic"),
    ("check-production", "CheckProduction"),
];
/// The template's role with which ECS calls its hooks.
const HOOK_ROLE: &str = "HookRole";
/// The role for the user's own functions; it is not the template's.
const OWN_HOOK_ROLE: &str = "role/ecsHooks";
const INFRASTRUCTURE_ROLE: &str = "role/ecsInfrastructureRole";
/// What a pause is called among the hooks.
const PAUSE: &str = "pause";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ControllerText {
    #[default]
    CodeDeploy,
    Ecs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StrategyText {
    #[default]
    Rolling,
    BlueGreen,
    Linear,
    Canary,
}

impl StrategyText {
    fn as_str(self) -> &'static str {
        match self {
            StrategyText::Rolling => "ROLLING",
            StrategyText::BlueGreen => "BLUE_GREEN",
            StrategyText::Linear => "LINEAR",
            StrategyText::Canary => "CANARY",
        }
    }
}

/// Where test traffic comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ListenerText {
    #[default]
    Present,
    Absent,
    /// Test traffic comes to the production listener, and is told apart by its rule.
    ProductionPort,
}

/// A second load balancer, for the same container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum InternalText {
    Present,
    WithoutTestRule,
}

/// What a circuit breaker or an alarm does to a deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EndText {
    /// Rolls it back, which the ECS console has on.
    #[default]
    Rollback,
    Stop,
    Off,
}

impl EndText {
    fn is_on(self) -> bool {
        match self {
            EndText::Rollback | EndText::Stop => true,
            EndText::Off => false,
        }
    }
}

/// The keys of `[[service]]` that only fit `controller = "ecs"`.
pub(super) struct EcsText<'t> {
    pub(super) strategy: Option<&'t Spanned<StrategyText>>,
    pub(super) hooks: &'t [Spanned<String>],
    pub(super) bake_minutes: Option<&'t Spanned<u64>>,
    pub(super) step_percent: Option<&'t Spanned<f64>>,
    pub(super) step_minutes: Option<&'t Spanned<u64>>,
    pub(super) canary_percent: Option<&'t Spanned<f64>>,
    pub(super) canary_minutes: Option<&'t Spanned<u64>>,
    pub(super) breaker: Option<&'t Spanned<EndText>>,
    pub(super) on_alarm: Option<&'t Spanned<EndText>>,
    pub(super) minimum_healthy_percent: Option<&'t Spanned<u64>>,
    pub(super) maximum_percent: Option<&'t Spanned<u64>>,
    pub(super) test_rule: &'t [Spanned<String>],
    pub(super) alarms: &'t [String],
    pub(super) test_listener: ListenerText,
    pub(super) internal: Option<&'t Spanned<InternalText>>,
}

impl EcsText<'_> {
    /// The keys that are there, with their places in the file.
    pub(super) fn given(&self) -> Vec<(&'static str, usize)> {
        let at = |name, given: Option<usize>| given.map(|at| (name, at));
        let first = |given: &[Spanned<String>]| given.first().map(|one| one.span().start);
        let keys = [
            at("strategy", self.strategy.map(|one| one.span().start)),
            at("hooks", first(self.hooks)),
            at(
                "bake_minutes",
                self.bake_minutes.map(|one| one.span().start),
            ),
            at(
                "step_percent",
                self.step_percent.map(|one| one.span().start),
            ),
            at(
                "step_minutes",
                self.step_minutes.map(|one| one.span().start),
            ),
            at(
                "canary_percent",
                self.canary_percent.map(|one| one.span().start),
            ),
            at(
                "canary_minutes",
                self.canary_minutes.map(|one| one.span().start),
            ),
            at("breaker", self.breaker.map(|one| one.span().start)),
            at("on_alarm", self.on_alarm.map(|one| one.span().start)),
            at(
                "minimum_healthy_percent",
                self.minimum_healthy_percent.map(|one| one.span().start),
            ),
            at(
                "maximum_percent",
                self.maximum_percent.map(|one| one.span().start),
            ),
            at("test_rule", first(self.test_rule)),
            at(
                "internal_load_balancer",
                self.internal.map(|one| one.span().start),
            ),
        ];
        keys.into_iter().flatten().collect()
    }

    /// The settings; what AWS would refuse is a problem of the service at `place`. `functions` are the user's own.
    pub(super) fn settings(
        &self,
        place: usize,
        functions: &[&str],
        problems: &mut Vec<Problem>,
    ) -> EcsDeployments {
        let before = problems.len();
        let mut hooks = Vec::new();
        for given in self.hooks {
            let at = given.span().start;
            match hook(given.get_ref(), functions) {
                Ok(hook) => hooks.push(hook),
                Err(what) => problems.push(Problem { at, what }),
            }
        }
        let mut conditions = Vec::new();
        for given in self.test_rule {
            let at = given.span().start;
            match condition(given.get_ref()) {
                Some(condition) => conditions.push(condition),
                None => problems.push(Problem {
                    at,
                    what: format!(
                        "`{}` is not a condition of a listener rule, expected `path-pattern PATTERN`, `host-header PATTERN`, \
                         `http-header NAME: PATTERN`, `http-request-method METHOD` or `query-string [KEY=]VALUE`",
                        given.get_ref()
                    ),
                }),
            }
        }
        let configuration = self.configuration(&hooks);
        let read = DeploymentConfiguration::read(&configuration);
        if let (Err(what), true) = (read, before == problems.len()) {
            problems.push(Problem { at: place, what });
        }
        EcsDeployments {
            configuration: Value::Object(configuration),
            test_rule: match self.test_listener {
                ListenerText::Present => TestRule::OwnPort(conditions),
                ListenerText::ProductionPort => TestRule::ProductionPort(conditions),
                ListenerText::Absent => TestRule::Absent,
            },
            infrastructure_role: arn_of_role(INFRASTRUCTURE_ROLE),
            balanced: IsBalanced::Balanced,
            internal: match self.internal.map(Spanned::get_ref) {
                None => Internal::Absent,
                Some(InternalText::Present) => Internal::Present,
                Some(InternalText::WithoutTestRule) => Internal::Untested,
            },
        }
    }

    /// `deploymentConfiguration`, without the members that are left to AWS.
    fn configuration(&self, hooks: &[Value]) -> Map<String, Value> {
        let strategy = self.strategy.map(|one| *one.get_ref()).unwrap_or_default();
        let breaker = self.breaker.map(|one| *one.get_ref()).unwrap_or_default();
        let mut configuration = Map::new();
        let mut set = |name: &str, value: Value| {
            configuration.insert(name.to_owned(), value);
        };
        set("strategy", json!(strategy.as_str()));
        if strategy != StrategyText::Rolling || self.bake_minutes.is_some() {
            let minutes = self.bake_minutes.map_or(0, |one| *one.get_ref());
            set("bakeTimeInMinutes", json!(minutes));
        }
        if breaker.is_on() {
            let rollback = breaker == EndText::Rollback;
            set(
                "deploymentCircuitBreaker",
                json!({ "enable": true, "rollback": rollback }),
            );
        }
        if !self.alarms.is_empty() {
            let on_alarm = self.on_alarm.map(|one| *one.get_ref()).unwrap_or_default();
            set(
                "alarms",
                json!({
                    "alarmNames": self.alarms,
                    "enable": on_alarm.is_on(),
                    "rollback": on_alarm == EndText::Rollback,
                }),
            );
        }
        for (name, percent, percent_name, minutes, minutes_name) in [
            (
                "linearConfiguration",
                self.step_percent,
                "stepPercent",
                self.step_minutes,
                "stepBakeTimeInMinutes",
            ),
            (
                "canaryConfiguration",
                self.canary_percent,
                "canaryPercent",
                self.canary_minutes,
                "canaryBakeTimeInMinutes",
            ),
        ] {
            let mut steps = Map::new();
            if let Some(percent) = percent {
                steps.insert(percent_name.to_owned(), json!(percent.get_ref()));
            }
            if let Some(minutes) = minutes {
                steps.insert(minutes_name.to_owned(), json!(minutes.get_ref()));
            }
            if !steps.is_empty() {
                set(name, Value::Object(steps));
            }
        }
        if let Some(percent) = self.minimum_healthy_percent {
            set("minimumHealthyPercent", json!(percent.get_ref()));
        }
        if let Some(percent) = self.maximum_percent {
            set("maximumPercent", json!(percent.get_ref()));
        }
        if !hooks.is_empty() {
            set("lifecycleHooks", json!(hooks));
        }
        configuration
    }
}

/// `run-migration at PRE_SCALE_UP, POST_SCALE_UP as ScheduleRole within 30 minutes, then continue`
fn hook(text: &str, functions: &[&str]) -> Result<Value, String> {
    let wrong = || {
        format!(
            "`{text}` is not a hook, expected `FUNCTION | pause at STAGE, … [as ROLE] [within N minutes[, then continue]]`"
        )
    };
    let (name, rest) = text.split_once(" at ").ok_or_else(wrong)?;
    let (stages, timeout) = match rest.split_once(" within ") {
        Some((stages, timeout)) => (stages, Some(timeout)),
        None => (rest, None),
    };
    let (stages, role) = match stages.split_once(" as ") {
        Some((stages, role)) => (stages, Some(role)),
        None => (stages, None),
    };
    let stages: Vec<&str> = stages.split(", ").collect();
    for stage in &stages {
        if !Stage::parse(stage).is_some_and(Stage::takes_hooks) {
            let known = Stage::ALL.into_iter().filter(|stage| stage.takes_hooks());
            let known: Vec<&str> = known.map(Stage::as_str).collect();
            return Err(format!(
                "`{stage}` is not a stage with hooks, expected one of {}",
                known.join(", ")
            ));
        }
    }
    let mut hook = json!({ "lifecycleStages": stages });
    let mut template = HOOKS.iter();
    if name == PAUSE {
        hook["targetType"] = json!("PAUSE");
    } else if let Some((_, logical_id)) = template.find(|(known, _)| *known == name) {
        hook["hookTargetArn"] = json!(logical_id);
        hook["roleArn"] = json!(role.unwrap_or(HOOK_ROLE));
    } else if functions.contains(&name) {
        hook["hookTargetArn"] = json!(arn("lambda", &format!("function:{name}")));
        hook["roleArn"] = json!(role.map_or_else(|| arn_of_role(OWN_HOOK_ROLE), str::to_owned));
    } else {
        let known = HOOKS.map(|(known, _)| known);
        let known = [&known, functions, &[PAUSE]].concat();
        return Err(format!(
            "`{name}` is not a function of this scenario, expected one of {}",
            known.join(", ")
        ));
    }
    if let Some(timeout) = timeout {
        let (minutes, action) = match timeout.strip_suffix(", then continue") {
            Some(minutes) => (minutes, "CONTINUE"),
            None => (timeout, "ROLLBACK"),
        };
        let minutes = minutes.strip_suffix(" minutes").ok_or_else(wrong)?;
        let minutes: u64 = minutes.parse().map_err(|_| wrong())?;
        hook["timeoutConfiguration"] = json!({ "timeoutInMinutes": minutes, "action": action });
    }
    Ok(hook)
}

/// `http-header X-Preview: 1`
fn condition(text: &str) -> Option<Condition> {
    let (field, value) = text.split_once(' ')?;
    let one = || vec![value.to_owned()];
    match field {
        "path-pattern" => Some(Condition::Path(one())),
        "host-header" => Some(Condition::Host(one())),
        "http-request-method" => Some(Condition::Method(one())),
        "http-header" => {
            let (name, pattern) = value.split_once(": ")?;
            Some(Condition::Header {
                name: name.to_owned(),
                patterns: vec![pattern.to_owned()],
            })
        }
        "query-string" => {
            let (key, value) = match value.split_once('=') {
                Some((key, value)) => (Some(key.to_owned()), value),
                None => (None, value),
            };
            let value = value.to_owned();
            Some(Condition::Query(vec![QueryPair { key, value }]))
        }
        _ => None,
    }
}

fn arn_of_role(role: &str) -> String {
    // IAM is global: its ARNs have no Region.
    format!("arn:aws:iam::{}:{role}", local_aws::identity::ACCOUNT)
}
