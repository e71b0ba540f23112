//! ARNs of load balancers, listeners and rules: one follows from the other.

/// The beginning of the ARNs of a listener's rules.
pub(super) fn rule_prefix(listener_arn: &str) -> String {
    listener_arn.replacen(":listener/", ":listener-rule/", 1)
}

/// ARN of a listener's default rule.
pub fn default_rule(listener_arn: &str) -> String {
    format!("{}/default", rule_prefix(listener_arn))
}

/// What ECS names to shift the traffic of a whole listener: its default rule, or itself at a Network Load Balancer, which has no
/// rules (ECS API Reference, AdvancedConfiguration).
pub fn whole_listener(listener_arn: &str) -> String {
    match is_of_network(listener_arn) {
        true => listener_arn.to_owned(),
        false => default_rule(listener_arn),
    }
}

/// ARN of the listener of a rule; a listener is its own.
pub fn listener_of(rule_arn: &str) -> String {
    if !rule_arn.contains(":listener-rule/") {
        return rule_arn.to_owned();
    }
    let listener = rule_arn.replacen(":listener-rule/", ":listener/", 1);
    listener
        .rsplit_once('/')
        .map_or_else(String::new, |(listener, _)| listener.to_owned())
}

/// Whether a load balancer, a listener or a rule is a Network Load Balancer's.
pub fn is_of_network(arn: &str) -> bool {
    arn.split_once('/')
        .is_some_and(|(_, rest)| rest.starts_with("net/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_load_balancer_has_listeners_and_no_rules() {
        let head = "arn:aws:elasticloadbalancing:eu-central-1:111122223333";
        for (listener, whole) in [
            ("listener/app/web/1/2", "listener-rule/app/web/1/2/default"),
            ("listener/net/web/1/2", "listener/net/web/1/2"),
        ] {
            let (listener, whole) = (format!("{head}:{listener}"), format!("{head}:{whole}"));
            assert_eq!(whole_listener(&listener), whole);
            assert_eq!(listener_of(&whole), listener);
        }
        assert!(!is_of_network(&format!("{head}:loadbalancer/app/net/1")));
    }
}
