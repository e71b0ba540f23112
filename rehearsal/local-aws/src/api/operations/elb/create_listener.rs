//! CreateListener: a person sets up what clients reach.
//!
//! Limits and defaults are those of the API reference; sentences are inferred unless they say otherwise.

use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::json;

use super::modify_listener::{check_association, forward, stickiness};
use super::refusal::{invalid, must_be_load_balancer};
use super::shapes::describe_listener;
use crate::acm::Certificate;
use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Call, Operation, Outcome, Reply};
use crate::api::validation::Violations;
use crate::elb::{
    DefaultAction, ListenerDescription, ListenerPort, ListenerPorts, LoadBalancerKind, OwnAnswer,
    Protocol, Redirect, is_security_policy, whole_listener,
};
use crate::iam::Permission;
use crate::identity::arn;

/// What a listener has that is made by the API or by CloudFormation without `SslPolicy` (Elastic Load Balancing User Guide, security
/// policies).
const USUAL_POLICY: &str = "ELBSecurityPolicy-2016-08";

pub(super) const OPERATIONS: &[Operation] = &[Operation::new_async(
    "CreateListener",
    |call| create_listener(call).boxed(),
    on_new_listener,
)];

/// How a listener speaks.
enum Spoken {
    Http,
    Https {
        certificate: Arc<Certificate>,
        security_policy: String,
    },
}

impl Spoken {
    fn protocol(&self) -> &'static str {
        match self {
            Spoken::Http => Protocol::Http.as_str(),
            Spoken::Https { .. } => Protocol::Https.as_str(),
        }
    }
}

async fn create_listener(call: Call<'_>) -> Outcome {
    let load_balancer = call.input.required_text("LoadBalancerArn")?;
    let kind = must_be_load_balancer(call, load_balancer)?.kind;
    let spoken = spoken(call, kind)?;
    let port = free_port(call, load_balancer)?;
    let actions = call.input.structures("DefaultActions")?;
    let (action, sticks_for) = match actions.as_slice() {
        [] => return Err(call.input.missing("defaultActions")),
        [action] => (default_action(action)?, stickiness(action)?),
        [_, _, ..] => {
            return Err(invalid(not_simulated(
                "several actions of a listener, only one",
            )));
        }
    };
    check_redirect(&action, &spoken, port)?;
    check_association(call, action.forward(), load_balancer)?;
    // All load balancers have one machine's ports here.
    let wanted = match call.aws.listener_ports {
        ListenerPorts::AsAsked => ListenerPort::Exactly(port),
        ListenerPorts::Free => ListenerPort::AnyFor(port),
    };
    let balancers = &call.aws.load_balancers;
    let created = match &spoken {
        Spoken::Http => {
            balancers
                .listen_at(wanted, Protocol::Http, load_balancer, action)
                .await
        }
        Spoken::Https {
            certificate,
            security_policy,
        } => {
            balancers
                .listen_securely(wanted, certificate, security_policy, load_balancer, action)
                .await
        }
    };
    let mut created = created.map_err(|error| {
        let what = format!("a listener at port {port} of this machine ({error:#})");
        invalid(not_simulated(&what))
    })?;
    let rule = whole_listener(&created.arn);
    balancers.set_stickiness(&rule, sticks_for);
    created.sticks_for = sticks_for;
    Ok(Reply::from(
        json!({ "Listeners": [describe_listener(&created)] }),
    ))
}

/// The port, if the load balancer has no listener there.
fn free_port(call: Call<'_>, load_balancer: &str) -> Result<u16, ApiError> {
    let port = call.input.integer("Port")?;
    let port = port.ok_or_else(|| invalid("A listener port must be specified"))?;
    Violations::new("ValidationError")
        .range("port", Some(port), 1, 65_535)
        .check()?;
    let port = u16::try_from(port).unwrap_or(u16::MAX);
    let of_balancer = |known: &ListenerDescription| known.load_balancer_arn == load_balancer;
    let mut known = call.aws.load_balancers.listeners().into_iter();
    if known.any(|known| of_balancer(&known) && known.asked_port == port) {
        // AWS's sentence.
        let message = "A listener already exists on this port for this load balancer";
        return Err(ApiError::new("DuplicateListener", message));
    }
    Ok(port)
}

/// The protocol, with the certificate that HTTPS needs and HTTP must not have. The sentences about certificates and policies are AWS's
/// (public reports quote them), but for the number of certificates.
fn spoken(call: Call<'_>, kind: LoadBalancerKind) -> Result<Spoken, ApiError> {
    let protocol = call.input.text("Protocol")?;
    if let (Some(other @ ("HTTP" | "HTTPS")), LoadBalancerKind::Network) = (protocol, kind) {
        // AWS's sentence.
        let message =
            format!("Listener protocol '{other}' must be one of 'TLS, TCP, TCP_UDP, UDP'");
        return Err(invalid(message));
    }
    let certificates = call.input.structures("Certificates")?;
    let policy = call.input.text("SslPolicy")?;
    match (protocol, certificates.as_slice()) {
        (Some("HTTP"), [_, ..]) => Err(invalid(
            "A certificate cannot be specified for HTTP listeners",
        )),
        (Some("HTTP"), []) if policy.is_some() => Err(invalid(
            "An SSL policy cannot be specified for HTTP listeners",
        )),
        (Some("HTTP"), []) => Ok(Spoken::Http),
        (Some("HTTPS"), []) => Err(invalid(
            "A certificate must be specified for HTTPS listeners",
        )),
        (Some("HTTPS"), [given]) => Ok(Spoken::Https {
            certificate: certificate(call, given)?,
            security_policy: security_policy(policy)?,
        }),
        (Some("HTTPS"), [_, _, ..]) => Err(invalid(
            "You must specify exactly one certificate for a listener",
        )),
        (None, _) => Err(invalid("A listener protocol must be specified")),
        (Some(other), _) => {
            let what =
                format!("CreateListener with the protocol `{other}`, only `HTTP` and `HTTPS`");
            Err(invalid(not_simulated(&what)))
        }
    }
}

/// The certificate, which must be ACM's, in the load balancer's own Region.
fn certificate(call: Call<'_>, given: &Input<'_>) -> Result<Arc<Certificate>, ApiError> {
    let wanted = given.required_text("CertificateArn")?;
    if given.value("IsDefault").is_some() {
        return Err(invalid(
            "You cannot set the isDefault parameter for a certificate",
        ));
    }
    if wanted.starts_with("arn:aws:iam::") {
        return Err(invalid(not_simulated("a server certificate of IAM's")));
    }
    if !wanted.starts_with(&arn("acm", "certificate/")) {
        return Err(invalid(format!("Certificate ARN '{wanted}' is not valid")));
    }
    call.aws.certificates.find(wanted).ok_or_else(|| {
        let message = format!("Certificate '{wanted}' not found");
        ApiError::new("CertificateNotFound", message)
    })
}

fn security_policy(given: Option<&str>) -> Result<String, ApiError> {
    let policy = given.unwrap_or(USUAL_POLICY);
    match is_security_policy(policy) {
        true => Ok(policy.to_owned()),
        false => Err(ApiError::new(
            "SSLPolicyNotFound",
            format!("SSL policy '{policy}' not found"),
        )),
    }
}

/// The action of a new listener. Of the limits of a fixed response only its status is checked (API Reference,
/// FixedResponseActionConfig).
fn default_action(action: &Input<'_>) -> Result<DefaultAction, ApiError> {
    match action.text("Type")? {
        Some("fixed-response") => fixed_response(action).map(DefaultAction::Own),
        Some("redirect") => redirect(action).map(DefaultAction::Own),
        Some(_) | None => forward(action).map(DefaultAction::Forward),
    }
}

fn fixed_response(action: &Input<'_>) -> Result<OwnAnswer, ApiError> {
    let config = action.required_structure("FixedResponseConfig")?;
    let status = config.required_text("StatusCode")?;
    if let Some(member) = ["ContentType", "MessageBody"]
        .iter()
        .find(|member| config.value(member).is_some())
    {
        let what = format!("{member} of a fixed response, only its StatusCode");
        return Err(invalid(not_simulated(&what)));
    }
    let number = status.parse::<u16>().ok();
    let number = number.filter(|status| [2, 4, 5].contains(&(status / 100)));
    match number {
        Some(status) => Ok(OwnAnswer::FixedResponse(status)),
        None => Err(invalid(format!(
            "'{status}' is not a status of a fixed response, 2XX, 4XX or 5XX"
        ))),
    }
}

/// Forms and limits: API Reference, RedirectActionConfig.
fn redirect(action: &Input<'_>) -> Result<OwnAnswer, ApiError> {
    let config = action.required_structure("RedirectConfig")?;
    let usual = Redirect::default();
    let part = |member: &str, usual: String| {
        let given = config.text(member)?;
        Ok::<_, ApiError>(given.map_or(usual, str::to_owned))
    };
    let redirect = Redirect {
        status: match config.required_text("StatusCode")? {
            "HTTP_301" => 301,
            "HTTP_302" => 302,
            other => {
                let message = format!("'{other}' must be one of 'HTTP_301, HTTP_302'");
                return Err(invalid(message));
            }
        },
        protocol: part("Protocol", usual.protocol)?,
        port: part("Port", usual.port)?,
        host: part("Host", usual.host)?,
        path: part("Path", usual.path)?,
        query: part("Query", usual.query)?,
    };
    let wrong = |member: &str, given: &str| {
        Err(ApiError::new(
            "InvalidLoadBalancerAction",
            format!("The {member} '{given}' of the redirect configuration is not valid"),
        ))
    };
    if !["HTTP", "HTTPS", "#{protocol}"].contains(&redirect.protocol.as_str()) {
        return wrong("protocol", &redirect.protocol);
    }
    if redirect.port != "#{port}" && !redirect.port.parse().is_ok_and(|port: u16| port > 0) {
        return wrong("port", &redirect.port);
    }
    if redirect.host.is_empty() || redirect.host.contains(['/', ':']) {
        return wrong("host", &redirect.host);
    }
    if !redirect.path.starts_with('/') {
        return wrong("path", &redirect.path);
    }
    Ok(OwnAnswer::Redirect(redirect))
}

/// A redirect must lead elsewhere, and not from HTTPS to HTTP (API Reference, RedirectActionConfig).
fn check_redirect(action: &DefaultAction, spoken: &Spoken, port: u16) -> Result<(), ApiError> {
    let Some(OwnAnswer::Redirect(redirect)) = action.own_answer() else {
        return Ok(());
    };
    let refused = |why: &str| {
        let message = format!("The redirect configuration is not valid because {why}");
        Err(ApiError::new("InvalidLoadBalancerAction", message))
    };
    match spoken {
        // The first one is AWS's sentence.
        Spoken::Http | Spoken::Https { .. } if redirect.is_loop(spoken.protocol(), port) => {
            refused("it creates a loop")
        }
        Spoken::Https { .. } if redirect.protocol == "HTTP" => {
            refused("it redirects from HTTPS to HTTP")
        }
        Spoken::Http | Spoken::Https { .. } => Ok(()),
    }
}

/// SAR, Elastic Load Balancing V2: the load balancer.
fn on_new_listener(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(call.named_or_any("LoadBalancerArn"))]
}
