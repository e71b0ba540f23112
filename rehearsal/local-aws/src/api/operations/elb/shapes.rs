//! The shapes of ELBv2's answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::elb::{
    Condition, Forward, ListenerDescription, LoadBalancerDescription, LoadBalancerKind, OwnAnswer,
    Protocol, RuleDescription, TargetGroupDescription, TargetHealth, default_rule, is_of_network,
};
use crate::identity::{arn, uuid_of};

/// The policy that the console gives a new HTTPS listener, with TLS 1.2 and 1.3 (Elastic Load Balancing User Guide, security
/// policies).
const SECURITY_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

pub(super) fn describe_load_balancer(load_balancer: &LoadBalancerDescription) -> Value {
    let mut described = json!({
        "LoadBalancerArn": load_balancer.arn,
        "DNSName": load_balancer.dns_name,
        "CanonicalHostedZoneId": "Z215JYRZR1TBD5",
        "LoadBalancerName": load_balancer.name,
        "Scheme": "internet-facing",
        "VpcId": "vpc-0rehearsal",
        "State": { "Code": "active" },
        "Type": load_balancer.kind.as_str(),
        "AvailabilityZones": [{ "ZoneName": "eu-central-1a", "SubnetId": "subnet-0rehearsala" }],
        "IpAddressType": "ipv4",
    });
    match load_balancer.kind {
        LoadBalancerKind::Application => described["SecurityGroups"] = json!(["sg-0rehearsal"]),
        // It was made without any.
        LoadBalancerKind::Network => {}
    }
    described
}

pub(super) fn describe_target_group(group: &TargetGroupDescription) -> Value {
    let settings = &group.settings;
    let mut described = json!({
        "TargetGroupArn": group.arn,
        "TargetGroupName": settings.name,
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": settings.port,
        "VpcId": settings.vpc_id,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": settings.interval.as_secs(),
        "HealthCheckTimeoutSeconds": settings.timeout.as_secs(),
        "HealthyThresholdCount": settings.healthy_threshold,
        "UnhealthyThresholdCount": settings.unhealthy_threshold,
        "HealthCheckPath": settings.health_check_path,
        "Matcher": { "HttpCode": settings.matcher },
        "LoadBalancerArns": group.load_balancer_arns,
        "TargetType": settings.target_type,
        "IpAddressType": "ipv4",
    });
    // Only a group of this protocol can be behind a Network Load Balancer; its targets are asked over HTTP all the same.
    if group
        .load_balancer_arns
        .iter()
        .any(|arn| is_of_network(arn))
    {
        described["Protocol"] = json!("TCP");
        described["ProtocolVersion"] = Value::Null;
    }
    described
}

pub(super) fn describe_listener(listener: &ListenerDescription) -> Value {
    let mut described = json!({
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.load_balancer_arn,
        "Port": listener.port,
        "Protocol": listener.protocol.as_str(),
        "DefaultActions": [default_action(listener)],
    });
    match listener.protocol {
        Protocol::Http | Protocol::Tcp => {}
        Protocol::Https => {
            let of_world = || {
                let certificate = format!("certificate/{}", uuid_of(&listener.load_balancer_arn));
                (arn("acm", &certificate), SECURITY_POLICY.to_owned())
            };
            let secured = listener.secured.clone();
            let (certificate, policy) = secured.map_or_else(of_world, |secured| {
                (secured.certificate_arn, secured.security_policy)
            });
            described["Certificates"] = json!([{ "CertificateArn": certificate }]);
            described["SslPolicy"] = json!(policy);
            described["MutualAuthentication"] = json!({ "Mode": "off" });
        }
    }
    described
}

fn default_action(listener: &ListenerDescription) -> Value {
    match &listener.own_answer {
        Some(OwnAnswer::FixedResponse(status)) => {
            json!({ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": status.to_string() } })
        }
        Some(OwnAnswer::Redirect(redirect)) => json!({
            "Type": "redirect",
            "RedirectConfig": {
                "Protocol": redirect.protocol,
                "Port": redirect.port,
                "Host": redirect.host,
                "Path": redirect.path,
                "Query": redirect.query,
                "StatusCode": format!("HTTP_{}", redirect.status),
            },
        }),
        None => action(&listener.forward, listener.sticks_for),
    }
}

/// A forward to one target group carries its ARN twice; a weighted one only in its list.
pub(super) fn action(forward: &[Forward], sticks_for: Option<Duration>) -> Value {
    let groups: Vec<Value> = forward
        .iter()
        .map(|part| json!({ "TargetGroupArn": part.target_group_arn, "Weight": part.weight }))
        .collect();
    let stickiness = match sticks_for {
        None => json!({ "Enabled": false }),
        Some(sticks_for) => json!({ "Enabled": true, "DurationSeconds": sticks_for.as_secs() }),
    };
    let config = json!({ "TargetGroups": groups, "TargetGroupStickinessConfig": stickiness });
    match forward {
        [only] => {
            json!({ "Type": "forward", "TargetGroupArn": only.target_group_arn, "ForwardConfig": config })
        }
        _ => json!({ "Type": "forward", "ForwardConfig": config }),
    }
}

/// A condition. A path or host stands in both of its members, as AWS answers it; the other kinds have only their own.
fn condition(condition: &Condition) -> Value {
    let field = condition.field();
    match condition {
        Condition::Path(values) => {
            json!({ "Field": field, "Values": values, "PathPatternConfig": { "Values": values } })
        }
        Condition::Host(values) => {
            json!({ "Field": field, "Values": values, "HostHeaderConfig": { "Values": values } })
        }
        Condition::Header { name, patterns } => {
            let config = json!({ "HttpHeaderName": name, "Values": patterns });
            json!({ "Field": field, "HttpHeaderConfig": config })
        }
        Condition::Method(values) => {
            json!({ "Field": field, "HttpRequestMethodConfig": { "Values": values } })
        }
        Condition::Query(pairs) => {
            let pairs: Vec<Value> = pairs
                .iter()
                .map(|pair| json!({ "Key": pair.key, "Value": pair.value }))
                .collect();
            json!({ "Field": field, "QueryStringConfig": { "Values": pairs } })
        }
    }
}

/// Every rule of a listener, by priority, the default one last.
pub(super) fn describe_rules_of(listener: &ListenerDescription) -> Vec<Value> {
    let describe = |rule: &RuleDescription| {
        json!({
            "RuleArn": rule.arn,
            "Priority": rule.priority.to_string(),
            "Conditions": rule.conditions.iter().map(condition).collect::<Vec<_>>(),
            "Actions": [action(&rule.forward, rule.sticks_for)],
            "IsDefault": false,
        })
    };
    let default = json!({
        "RuleArn": default_rule(&listener.arn),
        "Priority": "default",
        "Conditions": [],
        "Actions": [default_action(listener)],
        "IsDefault": true,
    });
    let rules = listener.rules.iter().map(describe);
    rules.chain([default]).collect()
}

pub(super) fn describe_health(target: &TargetHealth) -> Value {
    json!({
        "Target": { "Id": target.id, "Port": target.port },
        "HealthCheckPort": target.port.to_string(),
        "TargetHealth": { "State": target.state, "Reason": target.reason, "Description": target.description },
    })
}

/// A target that the group does not have. Without a port it is the group's (recorded).
pub(super) fn not_registered(id: &str, port: i64) -> Value {
    json!({
        "HealthCheckPort": port.to_string(),
        "Target": { "Id": id, "Port": port },
        "TargetHealth": {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_group_or_two_with_weights() {
        let forward = |weight| Forward {
            target_group_arn: format!("group-{weight}"),
            weight,
        };
        assert_eq!(action(&[forward(100)], None)["TargetGroupArn"], "group-100");
        let weighted = action(&[forward(90), forward(10)], None);
        assert_eq!(weighted.get("TargetGroupArn"), None);
        assert_eq!(weighted["ForwardConfig"]["TargetGroups"][1]["Weight"], 10);
    }
}
