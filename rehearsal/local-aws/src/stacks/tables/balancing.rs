//! Elastic Load Balancing.

use crate::stacks::shape::{
    Property, Shape, boolean, list, no_effect, number, structure, text, texts,
};

const TAGS: &str = "nothing here reads these tags";

pub(super) const LOAD_BALANCER: &[Property] = &[
    text("Name"),
    text("Type"),
    texts("Subnets"),
    no_effect(
        "IpAddressType",
        "clients reach it on this machine's loopback",
    ),
    no_effect(
        "LoadBalancerAttributes",
        "what they change is not simulated: logs, header handling, time-outs",
    ),
    no_effect("Scheme", "clients reach it on this machine's loopback"),
    no_effect(
        "SecurityGroups",
        "no network is simulated: everything reaches everything",
    ),
    no_effect("Tags", TAGS),
];

pub(super) const TARGET_GROUP: &[Property] = &[
    text("Name"),
    text("VpcId"),
    text("Protocol"),
    text("ProtocolVersion"),
    number("Port"),
    text("TargetType"),
    boolean("HealthCheckEnabled"),
    text("HealthCheckPath"),
    text("HealthCheckPort"),
    text("HealthCheckProtocol"),
    number("HealthCheckIntervalSeconds"),
    number("HealthCheckTimeoutSeconds"),
    number("HealthyThresholdCount"),
    number("UnhealthyThresholdCount"),
    structure("Matcher", &[text("HttpCode")]),
    list("TargetGroupAttributes", &Shape::Structure(ATTRIBUTE)),
    no_effect("Tags", TAGS),
];

const ATTRIBUTE: &[Property] = &[text("Key"), text("Value")];

const FORWARD: &[Property] = &[
    list(
        "TargetGroups",
        &Shape::Structure(&[text("TargetGroupArn"), number("Weight")]),
    ),
    structure(
        "TargetGroupStickinessConfig",
        &[boolean("Enabled"), number("DurationSeconds")],
    ),
];

const REDIRECT: &[Property] = &[
    text("Protocol"),
    text("Port"),
    text("Host"),
    text("Path"),
    text("Query"),
    text("StatusCode"),
];

const ACTION: &[Property] = &[
    text("Type"),
    number("Order"),
    text("TargetGroupArn"),
    structure("ForwardConfig", FORWARD),
    structure("RedirectConfig", REDIRECT),
    structure(
        "FixedResponseConfig",
        &[
            text("StatusCode"),
            no_effect(
                "ContentType",
                "nobody here reads the page of a fixed response",
            ),
            no_effect(
                "MessageBody",
                "nobody here reads the page of a fixed response",
            ),
        ],
    ),
];

pub(super) const LISTENER: &[Property] = &[
    text("LoadBalancerArn"),
    text("Protocol"),
    number("Port"),
    list("Certificates", &Shape::Structure(&[text("CertificateArn")])),
    text("SslPolicy"),
    list("DefaultActions", &Shape::Structure(ACTION)),
];

const ISSUED: &str = "certificates are issued at once: nobody is asked whether a name is his";

pub(super) const CERTIFICATE: &[Property] = &[
    text("DomainName"),
    texts("SubjectAlternativeNames"),
    no_effect("CertificateTransparencyLoggingPreference", ISSUED),
    no_effect("DomainValidationOptions", ISSUED),
    no_effect("KeyAlgorithm", "clients here know every algorithm"),
    no_effect("Tags", TAGS),
    no_effect("ValidationMethod", ISSUED),
];

const VALUES: &[Property] = &[texts("Values")];

const CONDITION: &[Property] = &[
    text("Field"),
    texts("Values"),
    structure("HostHeaderConfig", VALUES),
    structure("PathPatternConfig", VALUES),
    structure("HttpRequestMethodConfig", VALUES),
    structure(
        "HttpHeaderConfig",
        &[text("HttpHeaderName"), texts("Values")],
    ),
    structure(
        "QueryStringConfig",
        &[list(
            "Values",
            &Shape::Structure(&[text("Key"), text("Value")]),
        )],
    ),
];

pub(super) const LISTENER_RULE: &[Property] = &[
    text("ListenerArn"),
    number("Priority"),
    list("Conditions", &Shape::Structure(CONDITION)),
    list("Actions", &Shape::Structure(ACTION)),
];
