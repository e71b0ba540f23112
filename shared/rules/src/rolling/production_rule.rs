//! Where production's requests come to a rolling service. The service names its target group alone: the listener is found by what
//! forwards to that.

use crate::ecs::TrafficRule;
use crate::names::TargetGroupArn;

/// A rule, or a listener without rules, that forwards to the target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leads {
    /// The rule or listener.
    pub rule: TrafficRule,
    /// `HTTP`, `HTTPS`, `TCP` …: the listener's.
    pub protocol: String,
    /// The listener's.
    pub port: u16,
    /// Whether it is the one that a request meets which meets no other.
    pub is_default: bool,
}

/// The rule that production is asked through: on the port of `base_url` where one is configured, else on a listener of TLS before another
/// one, on the lowest port; of several rules there the default one, else the first. Whether requests that meet it reach the target group
/// alone is checked as in every gate.
///
/// # Errors
/// Nothing forwards to the target group.
pub fn production_rule<'a>(
    group: &TargetGroupArn,
    leads: &'a [Leads],
    port: Option<u16>,
) -> Result<&'a TrafficRule, String> {
    let is_plain = |one: &Leads| !matches!(one.protocol.as_str(), "HTTPS" | "TLS");
    let of_port = || leads.iter().filter(|one| Some(one.port) == port);
    let mut found: Vec<&Leads> = match of_port().next() {
        Some(_) => of_port().collect(),
        None => leads.iter().collect(),
    };
    // Rules come in the order in which ELB lists them, by their priorities: the sort keeps that.
    found.sort_by_key(|one| (is_plain(one), one.port, !one.is_default));
    let found = found.first().ok_or_else(|| {
        let name = group.as_str().split('/').nth(1);
        format!(
            "no listener forwards to the service's target group `{}`, so production cannot be asked (hint: add a listener or a rule \
             that does, or take `production_traffic` out)",
            name.unwrap_or(group.as_str())
        )
    })?;
    Ok(&found.rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `listener:HTTPS:443:default`
    fn leads(text: &str) -> Leads {
        let parts: Vec<&str> = text.split(':').collect();
        let arn = format!(
            "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/web/0123456789abcdef/{}",
            parts[0]
        );
        Leads {
            rule: TrafficRule::Listener(arn.parse().unwrap()),
            protocol: parts[1].to_owned(),
            port: parts[2].parse().unwrap(),
            is_default: parts[3] == "default",
        }
    }

    #[test]
    fn production_is_asked_where_people_ask_it() {
        let group: TargetGroupArn =
            "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/web/0123456789abcdef"
                .parse()
                .unwrap();
        let all = "aaaaaaaaaaaaaaa1:HTTP:80:default aaaaaaaaaaaaaaa2:HTTPS:443:host \
                   aaaaaaaaaaaaaaa3:HTTPS:443:default aaaaaaaaaaaaaaa4:HTTPS:8443:default";
        for (given, port, expected) in [
            (all, None, "3"),
            (all, Some(80), "1"),
            (all, Some(8443), "4"),
            (all, Some(9999), "3"),
            (
                "aaaaaaaaaaaaaaa1:HTTP:8080:default aaaaaaaaaaaaaaa2:HTTP:80:host",
                None,
                "2",
            ),
            (
                "aaaaaaaaaaaaaaa1:HTTP:80:host aaaaaaaaaaaaaaa2:HTTP:80:path",
                None,
                "1",
            ),
        ] {
            let given: Vec<Leads> = given.split_whitespace().map(leads).collect();
            let found = production_rule(&group, &given, port).unwrap();
            assert!(found.as_str().ends_with(expected), "{port:?}: {found:?}");
        }
        let nothing = production_rule(&group, &[], None).unwrap_err();
        assert!(nothing.contains("`web`"), "{nothing}");
    }
}
