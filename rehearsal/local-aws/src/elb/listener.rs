//! A listener as the API describes it, and what it leads to.

use super::description::ListenerDescription;
use super::rule::Rule;
use super::state::Listener;

impl Listener {
    /// Whether any of its rules forwards to the group, with any weight.
    pub(super) fn names(&self, group: &str) -> bool {
        let rules = self.rules.iter().map(|rule| &rule.distribution);
        rules
            .chain([&self.distribution])
            .any(|distribution| distribution.names(group))
    }

    pub(super) fn describe(&self) -> ListenerDescription {
        ListenerDescription {
            arn: self.arn.clone(),
            load_balancer_arn: self.load_balancer_arn.clone(),
            port: self.port,
            asked_port: self.asked_port,
            protocol: self.protocol,
            forward: self.distribution.forward(),
            sticks_for: self.sticks_for,
            own_answer: self.own_answer.clone(),
            secured: self.secured.clone(),
            rules: self.rules.iter().map(Rule::describe).collect(),
        }
    }
}
