//! The parts of ARNs of service deployments, service revisions and listener rules.

use super::TargetGroupArn;
use super::{ListenerArn, ListenerRuleArn, RevisionArn, ServiceDeploymentArn, ServiceRevisionArn};
use crate::names::DeploymentId;

/// Whether an ARN's resource is a kind, a cluster, a service and an id, none of them empty and the last one an id.
pub(super) fn has_three_parts(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split('/').collect();
    matches!(parts.as_slice(), [_, cluster, service, id]
        if !cluster.is_empty() && !service.is_empty() && id.parse::<DeploymentId>().is_ok())
}

/// A part of an ARN of three parts, which is there: nothing else is taken for one.
fn part(arn: &str, place: usize) -> &str {
    arn.split('/').nth(place).unwrap_or_default()
}

impl ServiceDeploymentArn {
    /// The name of its cluster.
    pub fn cluster(&self) -> &str {
        part(self.as_str(), 1)
    }

    /// The name of its service.
    pub fn service(&self) -> &str {
        part(self.as_str(), 2)
    }

    /// Its id, by which people know it: 21 or 22 characters of `A-Za-z0-9_-`.
    pub fn id(&self) -> DeploymentId {
        DeploymentId(part(self.as_str(), 3).to_owned())
    }
}

impl DeploymentId {
    /// What a deployment is called before ECS has given it an id: its revision, as `family-number`, or the end of that. The number is
    /// what tells two of them apart.
    pub fn of_revision(revision: &RevisionArn) -> Self {
        const CHARACTERS_AT_MOST: usize = 64;
        let of_id = |c: char| match c.is_ascii_alphanumeric() || c == '_' {
            true => c,
            false => '-',
        };
        let text: String = revision.short().chars().map(of_id).collect();
        let from = text.len().saturating_sub(CHARACTERS_AT_MOST);
        Self(text.get(from..).unwrap_or_default().to_owned())
    }
}

impl ServiceRevisionArn {
    /// The name of its cluster.
    pub fn cluster(&self) -> &str {
        part(self.as_str(), 1)
    }

    /// The name of its service.
    pub fn service(&self) -> &str {
        part(self.as_str(), 2)
    }

    /// Its digits, which a task's `startedBy` has behind `ecs-svc/` (seen in AWS's samples, not documented).
    pub fn digits(&self) -> &str {
        part(self.as_str(), 3)
    }
}

impl ListenerRuleArn {
    /// The listener that the rule belongs to; none of an ARN of another shape. DescribeRules does not name it, but the rule's ARN
    /// is the listener's with the rule's id behind it.
    pub fn listener(&self) -> Option<ListenerArn> {
        let (listener, _) = self.as_str().rsplit_once('/')?;
        let listener = listener.replacen(":listener-rule/", ":listener/", 1);
        listener.parse().ok()
    }
}

impl TargetGroupArn {
    /// `…:targetgroup/shop-blue/0123456789abcdef` is `shop-blue`.
    pub fn name(&self) -> &str {
        part(self.as_str(), 1)
    }
}

impl ListenerArn {
    /// Whether it is of an Application Load Balancer, which routes by rules.
    pub fn has_rules(&self) -> bool {
        self.as_str().contains(":listener/app/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "arn:aws:ecs:eu-central-1:111122223333";

    #[test]
    fn arns_of_deployments_and_revisions_come_apart() {
        let arn: ServiceDeploymentArn =
            format!("{HEAD}:service-deployment/prod/web/EZe5RNVLH6_PzHXINu-28")
                .parse()
                .unwrap();
        assert_eq!((arn.cluster(), arn.service()), ("prod", "web"));
        assert_eq!(arn.id().as_str(), "EZe5RNVLH6_PzHXINu-28");
        let arn: ServiceRevisionArn =
            format!("{HEAD}:service-revision/prod/web/9313423515462893900")
                .parse()
                .unwrap();
        assert_eq!((arn.cluster(), arn.service()), ("prod", "web"));
        assert_eq!(arn.digits(), "9313423515462893900");
        for wrong in [
            "service-deployment/prod/web",
            "service-deployment/prod//x",
            "service-deployment/prod/web/a b",
            "service-deployment/prod/web/a/b",
            "service-deployment/prod/web/",
            "service/prod/web/x",
        ] {
            let arn = format!("{HEAD}:{wrong}").parse::<ServiceDeploymentArn>();
            assert!(arn.is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rule_names_its_listener() {
        let head = "arn:aws:elasticloadbalancing:eu-central-1:111122223333";
        let rule: ListenerRuleArn = format!("{head}:listener-rule/app/web/0a1b/2c3d/4e5f")
            .parse()
            .unwrap();
        let listener = rule.listener().unwrap();
        assert_eq!(
            listener.as_str(),
            format!("{head}:listener/app/web/0a1b/2c3d")
        );
        assert!(listener.has_rules());
        let network: ListenerArn = format!("{head}:listener/net/web/0a1b/2c3d")
            .parse()
            .unwrap();
        assert!(!network.has_rules());
    }
}
