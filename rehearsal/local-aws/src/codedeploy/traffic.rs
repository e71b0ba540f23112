//! Deployment configurations: the steps in which production traffic shifts to green.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// A deployment configuration for ECS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentConfig {
    pub name: String,
    pub routing: Routing,
}

/// A deployment configuration as CodeDeploy stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigRecord {
    pub config: DeploymentConfig,
    pub id: String,
    pub created_at: SystemTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    AllAtOnce,
    Canary {
        percentage: u32,
        interval_minutes: u32,
    },
    Linear {
        percentage: u32,
        interval_minutes: u32,
    },
}

/// Green's share of production, after a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub wait: Duration,
    pub green_percent: u32,
}

pub const ALL_AT_ONCE: &str = "CodeDeployDefault.ECSAllAtOnce";

/// The configurations that AWS predefines. Custom ones are stored beside them.
pub fn predefined() -> Vec<DeploymentConfig> {
    let canary = |interval_minutes| Routing::Canary {
        percentage: 10,
        interval_minutes,
    };
    let linear = |interval_minutes| Routing::Linear {
        percentage: 10,
        interval_minutes,
    };
    [
        ("CodeDeployDefault.ECSAllAtOnce", Routing::AllAtOnce),
        ("CodeDeployDefault.ECSCanary10Percent5Minutes", canary(5)),
        ("CodeDeployDefault.ECSCanary10Percent15Minutes", canary(15)),
        (
            "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
            linear(1),
        ),
        (
            "CodeDeployDefault.ECSLinear10PercentEvery3Minutes",
            linear(3),
        ),
    ]
    .map(|(name, routing)| DeploymentConfig {
        name: name.to_owned(),
        routing,
    })
    .into()
}

/// A predefined configuration of another compute platform, which no deployment here can have.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignConfig {
    pub name: String,
    pub platform: &'static str,
    /// The member that says how it deploys, and its value.
    pub how: (&'static str, Value),
}

/// The configurations that AWS predefines for servers and for Lambda (CodeDeploy User Guide, "Working with deployment
/// configurations").
pub fn all_predefined_elsewhere() -> Vec<ForeignConfig> {
    let named = |name: &str, platform, how| ForeignConfig {
        name: format!("CodeDeployDefault.{name}"),
        platform,
        how,
    };
    let healthy = |kind: &str, value: u32| {
        let hosts = json!({ "type": kind, "value": value });
        ("minimumHealthyHosts", hosts)
    };
    let routing = |routing: Routing| ("trafficRoutingConfig", routing.describe());
    let mut all = vec![
        named("AllAtOnce", "Server", healthy("HOST_COUNT", 0)),
        named("HalfAtATime", "Server", healthy("FLEET_PERCENT", 50)),
        named("OneAtATime", "Server", healthy("FLEET_PERCENT", 99)),
        named("LambdaAllAtOnce", "Lambda", routing(Routing::AllAtOnce)),
    ];
    let percentage = 10;
    all.extend([5, 10, 15, 30].map(|interval_minutes| {
        let canary = Routing::Canary {
            percentage,
            interval_minutes,
        };
        let name = format!("LambdaCanary10Percent{interval_minutes}Minutes");
        named(&name, "Lambda", routing(canary))
    }));
    all.extend([1, 2, 3, 10].map(|interval_minutes| {
        let linear = Routing::Linear {
            percentage,
            interval_minutes,
        };
        let unit = if interval_minutes == 1 {
            "Minute"
        } else {
            "Minutes"
        };
        let name = format!("LambdaLinear10PercentEvery{interval_minutes}{unit}");
        named(&name, "Lambda", routing(linear))
    }));
    all
}

/// The one of them that has this name.
pub fn predefined_elsewhere(name: &str) -> Option<ForeignConfig> {
    let mut all = all_predefined_elsewhere().into_iter();
    all.find(|found| found.name == name)
}

impl Routing {
    pub fn steps(self) -> Vec<Step> {
        let minutes = |minutes: u32| Duration::from_secs(60 * u64::from(minutes));
        let at_once = |green_percent| Step {
            wait: Duration::ZERO,
            green_percent,
        };
        match self {
            Routing::AllAtOnce => vec![at_once(100)],
            Routing::Canary {
                percentage,
                interval_minutes,
            } => {
                vec![
                    at_once(percentage),
                    Step {
                        wait: minutes(interval_minutes),
                        green_percent: 100,
                    },
                ]
            }
            Routing::Linear {
                percentage,
                interval_minutes,
            } => {
                let shares = (1..).map(|step| (step * percentage.max(1)).min(100));
                let mut steps = Vec::new();
                for green_percent in shares {
                    let wait = if steps.is_empty() {
                        Duration::ZERO
                    } else {
                        minutes(interval_minutes)
                    };
                    steps.push(Step {
                        wait,
                        green_percent,
                    });
                    if green_percent == 100 {
                        break;
                    }
                }
                steps
            }
        }
    }

    /// The `trafficRoutingConfig` of GetDeploymentConfig.
    pub fn describe(self) -> Value {
        match self {
            Routing::AllAtOnce => json!({ "type": "AllAtOnce" }),
            Routing::Canary {
                percentage,
                interval_minutes,
            } => json!({
                "type": "TimeBasedCanary",
                "timeBasedCanary": { "canaryPercentage": percentage, "canaryInterval": interval_minutes },
            }),
            Routing::Linear {
                percentage,
                interval_minutes,
            } => json!({
                "type": "TimeBasedLinear",
                "timeBasedLinear": { "linearPercentage": percentage, "linearInterval": interval_minutes },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> String {
        let config = predefined()
            .into_iter()
            .find(|config| config.name == name)
            .unwrap();
        let step = |step: Step| format!("{}m {}%", step.wait.as_secs() / 60, step.green_percent);
        config
            .routing
            .steps()
            .into_iter()
            .map(step)
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn the_predefined_configurations() {
        assert_eq!(check("CodeDeployDefault.ECSAllAtOnce"), "0m 100%");
        assert_eq!(
            check("CodeDeployDefault.ECSCanary10Percent5Minutes"),
            "0m 10%, 5m 100%"
        );
        assert_eq!(
            check("CodeDeployDefault.ECSCanary10Percent15Minutes"),
            "0m 10%, 15m 100%"
        );
        assert_eq!(
            check("CodeDeployDefault.ECSLinear10PercentEvery1Minutes"),
            "0m 10%, 1m 20%, 1m 30%, 1m 40%, 1m 50%, 1m 60%, 1m 70%, 1m 80%, 1m 90%, 1m 100%"
        );
    }

    #[test]
    fn a_custom_linear_configuration_ends_at_100_percent() {
        let shares = |percentage| {
            let steps = Routing::Linear {
                percentage,
                interval_minutes: 2,
            }
            .steps();
            steps
                .into_iter()
                .map(|step| step.green_percent)
                .collect::<Vec<_>>()
        };
        assert_eq!(shares(30), [30, 60, 90, 100]);
        assert_eq!(shares(100), [100]);
        assert_eq!(shares(99), [99, 100]);
    }
}
