//! Rules of a listener besides its default one: a path pattern and its target groups. It is not known whether
//! CodeDeploy changes them together with the default action.

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
