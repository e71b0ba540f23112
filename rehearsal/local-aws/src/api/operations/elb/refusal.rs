//! What Elastic Load Balancing refuses: identifiers of another form, and those of nothing that is there.

use crate::api::error::ApiError;
use crate::api::operation::Call;
use crate::elb::LoadBalancerDescription;
use crate::identity::arn;

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

/// Refuses values that do not have an ARN's form.
pub(super) fn are_arns(given: &[&str], kind: &str) -> Result<(), ApiError> {
    let form = arn("elasticloadbalancing", &format!("{kind}/"));
    let words = match kind {
        "loadbalancer" => "load balancer",
        "targetgroup" => "target group",
        other => other,
    };
    match given.iter().find(|given| !given.starts_with(&form)) {
        Some(given) => Err(invalid(format!("'{given}' is not a valid {words} ARN"))),
        None => Ok(()),
    }
}

pub(super) fn must_be_load_balancer(
    call: Call<'_>,
    wanted: &str,
) -> Result<LoadBalancerDescription, ApiError> {
    are_arns(&[wanted], "loadbalancer")?;
    let mut all = call.aws.load_balancers.load_balancers().into_iter();
    all.find(|known| known.arn == wanted).ok_or_else(|| {
        let message = format!("Load balancer '{wanted}' not found");
        ApiError::new("LoadBalancerNotFound", message)
    })
}

/// Recorded for one name; that several are all named, those that exist among them, is inferred.
pub(super) fn no_load_balancers(wanted: &[&str]) -> ApiError {
    let message = format!("Load balancers '[{}]' not found", wanted.join(", "));
    ApiError::new("LoadBalancerNotFound", message)
}

pub(super) fn no_target_group() -> ApiError {
    ApiError::new("TargetGroupNotFound", "One or more target groups not found")
}

pub(super) fn no_listener() -> ApiError {
    ApiError::new("ListenerNotFound", "One or more listeners not found")
}
