//! `deploymentConfiguration` of a service with the deployment controller ECS, with AWS's limits and defaults (ECS API
//! Reference, DeploymentConfiguration). Sentences are inferred unless they say otherwise.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::lifecycle_hook::{LifecycleHook, read_hooks};
use super::members::{array, boolean, integer, tenths, text};
use super::share::Share;

/// `strategy`; absent means ROLLING.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    Rolling,
    BlueGreen,
    Linear,
    Canary,
}

impl Strategy {
    pub const ALL: [Strategy; 4] = [
        Strategy::Rolling,
        Strategy::BlueGreen,
        Strategy::Linear,
        Strategy::Canary,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Rolling => "ROLLING",
            Strategy::BlueGreen => "BLUE_GREEN",
            Strategy::Linear => "LINEAR",
            Strategy::Canary => "CANARY",
        }
    }

    /// Whether traffic shifts between two target groups.
    pub fn is_native(self) -> bool {
        self != Strategy::Rolling
    }
}

/// One shift of production traffic, and how long it stays there before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub share: Share,
    pub bake: Duration,
}

/// `deploymentCircuitBreaker`, if it is enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitBreaker {
    pub rolls_back: bool,
    /// A healthy task sets the count of failures to 0.
    pub resets: bool,
    pub threshold: Threshold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// Of the desired count, at least 3 and at most 200.
    BoundedPercent(u32),
    UnboundedPercent(u32),
    Count(u32),
}

impl Threshold {
    /// The number of failures at which the deployment has failed. Percentages are rounded up.
    pub fn of(self, desired: u32) -> u32 {
        let share = |percent: u32| (desired * percent).div_ceil(100);
        match self {
            Threshold::BoundedPercent(percent) => share(percent).clamp(3, 200),
            Threshold::UnboundedPercent(percent) => share(percent).max(1),
            Threshold::Count(count) => count,
        }
    }
}

/// `alarms`, if they are enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarms {
    pub names: Vec<String>,
    pub rolls_back: bool,
}

/// `earlySuccessCriteria`, if it is enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlySuccess {
    pub healthy_percent: u32,
    /// Whether the deployment still waits until the old revision is scaled in.
    pub waits_for_cleanup: bool,
}

/// The whole configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentConfiguration {
    given: Map<String, Value>,
    pub strategy: Strategy,
    pub bake: Duration,
    pub steps: Vec<Step>,
    pub minimum_healthy_percent: u32,
    pub maximum_percent: u32,
    pub hooks: Vec<LifecycleHook>,
    pub breaker: Option<CircuitBreaker>,
    pub alarms: Option<Alarms>,
    pub early_success: Option<EarlySuccess>,
}

impl DeploymentConfiguration {
    /// Reads and checks it.
    pub fn read(given: &Map<String, Value>) -> Result<DeploymentConfiguration, String> {
        let all = Value::Object(given.clone());
        let strategy = match text(&all, "strategy")? {
            None => Strategy::Rolling,
            Some(name) => {
                let found = Strategy::ALL.into_iter().find(|one| one.as_str() == name);
                found.ok_or("strategy must be one of ROLLING, BLUE_GREEN, LINEAR, CANARY.")?
            }
        };
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let bake = integer(&all, "bakeTimeInMinutes", 0..=1440)?;
        if strategy == Strategy::BlueGreen && bake.is_none() {
            return Err("bakeTimeInMinutes is required for the BLUE_GREEN strategy.".to_owned());
        }
        let percent = |member, usual: u32| {
            let given = integer(&all, member, 0..=1000)?;
            Ok::<_, String>(given.map_or(usual, |given| u32::try_from(given).unwrap_or(usual)))
        };
        let minimum_healthy_percent = percent("minimumHealthyPercent", 100)?;
        let maximum_percent = percent("maximumPercent", 200)?;
        // Otherwise a rolling update could neither start nor stop a task.
        if maximum_percent <= 100 && maximum_percent <= minimum_healthy_percent {
            return Err("maximumPercent must be greater than minimumHealthyPercent.".to_owned());
        }
        Ok(DeploymentConfiguration {
            strategy,
            bake: minutes(bake.unwrap_or(0)),
            steps: steps(&all, strategy)?,
            minimum_healthy_percent,
            maximum_percent,
            hooks: read_hooks(&all)?,
            breaker: breaker(&all["deploymentCircuitBreaker"])?,
            alarms: alarms(&all["alarms"])?,
            early_success: early_success(&all, strategy, minimum_healthy_percent)?,
            given: given.clone(),
        })
    }

    /// The configuration after UpdateService was given this one. Whether members that are left out stay is not confirmed.
    pub fn updated(
        &self,
        given: &Map<String, Value>,
        left_out: LeftOut,
    ) -> Result<DeploymentConfiguration, String> {
        let mut together = match left_out {
            LeftOut::Stays => self.given.clone(),
            LeftOut::IsReset => Map::new(),
        };
        for (member, value) in given {
            if !value.is_null() {
                together.insert(member.clone(), value.clone());
            }
        }
        DeploymentConfiguration::read(&together)
    }

    /// As DescribeServices returns it.
    pub fn describe(&self) -> Value {
        let mut described = Value::Object(self.given.clone());
        described["strategy"] = json!(self.strategy.as_str());
        described["minimumHealthyPercent"] = json!(self.minimum_healthy_percent);
        described["maximumPercent"] = json!(self.maximum_percent);
        if self.strategy.is_native() {
            described["bakeTimeInMinutes"] = json!(self.bake.as_secs() / 60);
        }
        if !self.hooks.is_empty() {
            let hooks: Vec<Value> = self.hooks.iter().map(LifecycleHook::describe).collect();
            described["lifecycleHooks"] = json!(hooks);
        }
        described
    }
}

/// What becomes of the members that UpdateService's `deploymentConfiguration` leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    Stays,
    IsReset,
}

/// The shifts of production traffic. The bake of a step is not applied after the one that reaches 100 %.
fn steps(all: &Value, strategy: Strategy) -> Result<Vec<Step>, String> {
    let minutes = |of: &Value, member, usual| {
        let given = integer(of, member, 0..=1440)?.unwrap_or(usual);
        Ok::<_, String>(Duration::from_secs(60 * given))
    };
    for (member, owner) in [
        ("linearConfiguration", Strategy::Linear),
        ("canaryConfiguration", Strategy::Canary),
    ] {
        if !all[member].is_null() && strategy != owner {
            let name = owner.as_str();
            return Err(format!(
                "{member} is only supported for the {name} strategy."
            ));
        }
    }
    let last = Step {
        share: Share::ALL,
        bake: Duration::ZERO,
    };
    match strategy {
        Strategy::Rolling => Ok(Vec::new()),
        Strategy::BlueGreen => Ok(vec![last]),
        Strategy::Canary => {
            let of = &all["canaryConfiguration"];
            let share = tenths(of, "canaryPercent", 1..=1000)?.unwrap_or(50);
            let first = Step {
                share: Share::of_tenths(share),
                bake: minutes(of, "canaryBakeTimeInMinutes", 10)?,
            };
            Ok(vec![first, last])
        }
        Strategy::Linear => {
            let of = &all["linearConfiguration"];
            let each = tenths(of, "stepPercent", 30..=1000)?.unwrap_or(100);
            let bake = minutes(of, "stepBakeTimeInMinutes", 6)?;
            let shares = (1..)
                .map(|step| step * each)
                .take_while(|share| *share < 1000);
            let steps = shares.map(|share| Step {
                share: Share::of_tenths(share),
                bake,
            });
            Ok(steps.chain([last]).collect())
        }
    }
}

fn breaker(given: &Value) -> Result<Option<CircuitBreaker>, String> {
    if given.is_null() {
        return Ok(None);
    }
    let required =
        |member: &str| boolean(given, member)?.ok_or_else(|| format!("{member} can not be blank."));
    let (enabled, rolls_back) = (required("enable")?, required("rollback")?);
    let of = &given["thresholdConfiguration"];
    let kind = text(of, "type")?.unwrap_or("BOUNDED_PERCENT");
    let limits = match kind {
        "COUNT" => 1..=u64::from(u32::MAX),
        _ => 1..=100,
    };
    let value = integer(of, "value", limits)?.unwrap_or(50);
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    let threshold = match kind {
        "BOUNDED_PERCENT" => Threshold::BoundedPercent(value),
        "UNBOUNDED_PERCENT" => Threshold::UnboundedPercent(value),
        "COUNT" => Threshold::Count(value),
        _ => {
            let sentence = "thresholdConfiguration.type must be one of BOUNDED_PERCENT, UNBOUNDED_PERCENT, COUNT.";
            return Err(sentence.to_owned());
        }
    };
    let breaker = CircuitBreaker {
        rolls_back,
        resets: boolean(given, "resetOnHealthyTask")?.unwrap_or(true),
        threshold,
    };
    Ok(enabled.then_some(breaker))
}

fn alarms(given: &Value) -> Result<Option<Alarms>, String> {
    if given.is_null() {
        return Ok(None);
    }
    let required =
        |member: &str| boolean(given, member)?.ok_or_else(|| format!("{member} can not be blank."));
    let (enabled, rolls_back) = (required("enable")?, required("rollback")?);
    if given["alarmNames"].is_null() {
        return Err("alarmNames can not be blank.".to_owned());
    }
    let names = array(given, "alarmNames")?.iter();
    let names = names.filter_map(|name| Some(name.as_str()?.to_owned()));
    let alarms = Alarms {
        names: names.collect(),
        rolls_back,
    };
    Ok(enabled.then_some(alarms))
}

fn early_success(
    all: &Value,
    strategy: Strategy,
    minimum: u32,
) -> Result<Option<EarlySuccess>, String> {
    let given = &all["earlySuccessCriteria"];
    if given.is_null() {
        return Ok(None);
    }
    if strategy.is_native() {
        return Err("earlySuccessCriteria is only supported for the ROLLING strategy.".to_owned());
    }
    let healthy = integer(given, "healthyPercent", 0..=100)?.unwrap_or(100);
    let healthy_percent = u32::try_from(healthy).unwrap_or(100);
    if healthy_percent < minimum.min(100) {
        return Err(
            "healthyPercent must be greater than or equal to minimumHealthyPercent.".to_owned(),
        );
    }
    let waits_for_cleanup = match text(given, "sourceServiceRevisionCleanup")? {
        None | Some("BLOCKING") => true,
        Some("DEFERRED") => false,
        Some(_) => {
            return Err(
                "sourceServiceRevisionCleanup must be one of BLOCKING, DEFERRED.".to_owned(),
            );
        }
    };
    let enabled = boolean(given, "enable")?.unwrap_or(false);
    Ok(enabled.then_some(EarlySuccess {
        healthy_percent,
        waits_for_cleanup,
    }))
}

#[cfg(test)]
mod tests;
