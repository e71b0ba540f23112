//! How a service of CodeDeploy's is moved to ECS: `blue-green, run-migration at PRE_SCALE_UP`.

use std::fmt::{Display, Formatter, Result};

use local_aws::service_deployment::configuration::Strategy;
use local_aws::service_deployment::stage::Stage;

use super::phrase::word;

const STRATEGIES: [(&str, Strategy); 3] = [
    ("blue-green", Strategy::BlueGreen),
    ("linear", Strategy::Linear),
    ("canary", Strategy::Canary),
];

/// What UpdateService brings a service that ECS deploys from then on, beside what its deployment group knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) strategy: Strategy,
    /// Functions of the template, by the name of their binary, and when they are called.
    pub(crate) hooks: Vec<(String, Stage)>,
}

impl Moved {
    pub(super) fn read(text: &str) -> Option<Moved> {
        let mut parts = text.split(", ");
        let named = parts.next()?;
        let (_, strategy) = STRATEGIES.into_iter().find(|(name, _)| *name == named)?;
        let hook = |text: &str| {
            let (function, stage) = text.split_once(" at ")?;
            let stage = Stage::parse(stage).filter(|stage| stage.takes_hooks())?;
            Some((word(function)?, stage))
        };
        Some(Moved {
            strategy,
            hooks: parts.map(hook).collect::<Option<_>>()?,
        })
    }
}

impl Display for Moved {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut strategies = STRATEGIES.iter();
        let found = strategies.find(|(_, strategy)| *strategy == self.strategy);
        f.write_str(found.map_or("", |(name, _)| name))?;
        for (function, stage) in &self.hooks {
            write!(f, ", {function} at {}", stage.as_str())?;
        }
        Ok(())
    }
}
