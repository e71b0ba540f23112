//! Stickiness between the target groups of an action: a cookie comes before the weights, weight 0 included, and before the health of
//! targets (ELB User Guide, "Sticky sessions for your Application Load Balancer"; AWS re:Post, "alb to automatically redirect traffic").
//! AWS encrypts what the cookie says. That each answer renews it is inferred from the cookie of a target group's own stickiness. What
//! ECS and CodeDeploy make of it when they write weights is not documented: here it stays.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, header};

use crate::elb::forward::Distribution;
use crate::identity::sha256_hex;

/// The cookie of an action with several target groups.
const COOKIE: &str = "AWSALBTG";

/// The target group of an action that the request's cookie names; `None` where the weights decide.
pub(super) fn kept(
    headers: &HeaderMap,
    distribution: &Distribution,
    now: SystemTime,
) -> Option<String> {
    let given = headers.get_all(header::COOKIE).iter();
    let mut cookies = given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split("; "));
    let value = cookies.find_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='))?;
    let (named, until) = value.split_once('-')?;
    let until = UNIX_EPOCH + Duration::from_secs(until.parse().ok()?);
    let groups = distribution.forward();
    let mut groups = groups.into_iter().map(|part| part.target_group_arn);
    groups.find(|group| now < until && sha256_hex(group) == named)
}

/// What keeps the client at this target group.
pub(super) fn cookie(group: &str, sticks_for: Duration, now: SystemTime) -> Option<HeaderValue> {
    let until = (now + sticks_for).duration_since(UNIX_EPOCH).ok()?;
    let value = format!(
        "{COOKIE}={}-{}; Path=/; Max-Age={}",
        sha256_hex(group),
        until.as_secs(),
        sticks_for.as_secs()
    );
    HeaderValue::from_str(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::Forward;

    #[test]
    fn a_cookie_counts_until_it_is_too_old_and_for_a_group_of_the_action() {
        let forward = |group: &str| Forward {
            target_group_arn: group.to_owned(),
            weight: 0,
        };
        let action = Distribution::new(vec![forward("blue"), forward("green")]);
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let hour = Duration::from_secs(3_600);
        for (group, after, expected) in [
            ("blue", Duration::ZERO, Some("blue")),
            ("green", hour - Duration::from_secs(1), Some("green")),
            ("blue", hour, None),
            ("other", Duration::ZERO, None),
        ] {
            let given = cookie(group, hour, now).unwrap();
            let given = given.to_str().unwrap().split(';').next().unwrap();
            let mut headers = HeaderMap::new();
            let value = format!("session=1; {given}");
            headers.insert(header::COOKIE, value.parse().unwrap());
            let found = kept(&headers, &action, now + after);
            assert_eq!(found.as_deref(), expected, "{group} {after:?}");
        }
        assert_eq!(kept(&HeaderMap::new(), &action, now), None);
    }
}
