//! Rules of a listener beside its default one: a path, and where requests for it go. Whether CodeDeploy
//! changes them with the listener's own action is not known.

use crate::elb::RuleDescription;
use crate::elb::forward::Distribution;
use crate::wildcard::like;

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) arn: String,
    pub(super) priority: u32,
    pub(super) path: String,
    pub(super) distribution: Distribution,
}

impl Rule {
    pub(super) fn describe(&self) -> RuleDescription {
        RuleDescription {
            arn: self.arn.clone(),
            priority: self.priority,
            path: self.path.clone(),
            forward: self.distribution.forward(),
        }
    }

    pub(super) fn is_met(&self, path: &str) -> bool {
        like(&self.path, path)
    }
}
