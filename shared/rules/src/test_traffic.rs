//! The test traffic gate: are green's targets healthy, and is this answer well?

use std::fmt;
use std::time::Duration;

use crate::config::Request;
use crate::observed::{Listener, TargetHealth};
use crate::secrecy;

/// How often a request may fail before the gate does: a listener's new weights take seconds to reach every node of a load
/// balancer, so a single wrong answer right after the switch says nothing.
pub const FAILURES_TOLERATED: u32 = 2;

/// What green's targets are, all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All of them are healthy.
    Healthy,
    /// Not yet; the sentence says which and why.
    NotYet(String),
}

/// Judges green's targets. Targets that drain are none of green's any more; none at all is not healthy.
pub fn health(targets: &[TargetHealth], wanted: usize) -> Health {
    let counted: Vec<&TargetHealth> = targets
        .iter()
        .filter(|target| !target.state.ends_with("draining"))
        .collect();
    let unwell: Vec<String> = counted
        .iter()
        .filter(|target| target.state != "healthy")
        .map(|target| describe(target))
        .collect();
    if !unwell.is_empty() {
        return Health::NotYet(unwell.join("; "));
    }
    if counted.len() < wanted.max(1) {
        return Health::NotYet(format!(
            "{} of {} targets are registered",
            counted.len(),
            wanted.max(1)
        ));
    }
    Health::Healthy
}

fn describe(target: &TargetHealth) -> String {
    let why = [&target.reason, &target.description]
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let why = if why.is_empty() {
        why
    } else {
        format!(" ({why})")
    };
    format!("target {} is {}{why}", target.target, target.state)
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP answer.
    Answered {
        /// Its status.
        status: u16,
        /// Its body, as text.
        body: String,
        /// From sending the request to the end of the body.
        after: Duration,
    },
    /// None; the sentence says why.
    Unanswered(String),
}

/// An answer that is not well: the path, what was wanted, and what was got. Of the answer itself nothing is told but its
/// status, its length and its time: error pages print environments, and headers carry sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwell {
    path: String,
    wanted: String,
    got: String,
}

impl fmt::Display for Unwell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = format!("`{}`: wanted {}, got {}", self.path, self.wanted, self.got);
        formatter.write_str(&secrecy::told(&said))
    }
}

/// Judges one answer.
///
/// # Errors
/// What was wanted and what was got.
pub fn judge(request: &Request, answer: &Answer) -> Result<(), Unwell> {
    let unwell = |wanted: String, got: String| {
        Err(Unwell {
            path: request.path.clone(),
            wanted,
            got,
        })
    };
    let (status, body, after) = match answer {
        Answer::Answered {
            status,
            body,
            after,
        } => (status, body, after),
        Answer::Unanswered(reason) => {
            return unwell(
                format!("status {}", request.status),
                format!("no answer: {reason}"),
            );
        }
    };
    if !request.status.matches(*status) {
        return unwell(
            format!("status {}", request.status),
            format!("status {status}"),
        );
    }
    if let Some(text) = request
        .contains
        .as_ref()
        .filter(|text| !body.contains(text.as_str()))
    {
        return unwell(
            format!("a body that holds `{text}`"),
            format!("{} characters without it", body.chars().count()),
        );
    }
    if let Some(within) = request.within.filter(|within| after > within) {
        return unwell(
            format!("an answer within {} ms", within.as_millis()),
            format!("one after {} ms", after.as_millis()),
        );
    }
    Ok(())
}

/// The address at which a listener is reached.
pub fn url(listener: &Listener) -> String {
    let scheme = if listener.protocol.eq_ignore_ascii_case("https") {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{}:{}", listener.dns_name, listener.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn target(state: &str, reason: &str) -> TargetHealth {
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        TargetHealth {
            target: "10.0.0.1:80".to_owned(),
            state: state.to_owned(),
            reason,
            description: None,
        }
    }

    #[test]
    fn all_targets_must_be_healthy_and_there_must_be_enough() {
        let check = |targets: &[(&str, &str)], wanted, expected: &str| {
            let targets: Vec<TargetHealth> = targets
                .iter()
                .map(|(state, reason)| target(state, reason))
                .collect();
            let said = match health(&targets, wanted) {
                Health::Healthy => "healthy".to_owned(),
                Health::NotYet(why) => why,
            };
            assert_eq!(said, expected);
        };
        check(&[("healthy", ""), ("healthy", "")], 2, "healthy");
        check(&[("healthy", ""), ("draining", "")], 1, "healthy");
        check(&[], 0, "0 of 1 targets are registered");
        check(&[("healthy", "")], 2, "1 of 2 targets are registered");
        check(
            &[("unhealthy.draining", "")],
            1,
            "0 of 1 targets are registered",
        );
        check(
            &[("healthy", ""), ("initial", "Elb.InitialHealthChecking")],
            2,
            "target 10.0.0.1:80 is initial (Elb.InitialHealthChecking)",
        );
        check(
            &[("unused", "Target.NotInUse")],
            1,
            "target 10.0.0.1:80 is unused (Target.NotInUse)",
        );
    }

    fn request(lines: &str) -> Request {
        let text = format!(
            "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
             [[pipeline.test_traffic.request]]\npath='/orders'\n{lines}"
        );
        Config::parse(&text)
            .unwrap()
            .pipelines
            .remove(0)
            .test_traffic
            .requests
            .remove(0)
    }

    #[test]
    fn an_answer_is_judged_by_status_body_and_time() {
        let answered = |status, body: &str, milliseconds| Answer::Answered {
            status,
            body: body.to_owned(),
            after: Duration::from_millis(milliseconds),
        };
        let check = |lines: &str, answer: Answer, expected: &str| {
            let said = judge(&request(lines), &answer)
                .map_or_else(|unwell| unwell.to_string(), |()| "well".to_owned());
            assert_eq!(said, expected);
        };
        check("", answered(200, "", 1), "well");
        check("status='301'", answered(301, "", 1), "well");
        check(
            "",
            answered(500, "", 1),
            "`/orders`: wanted status 200, got status 500",
        );
        check(
            "",
            Answer::Unanswered("connection refused".to_owned()),
            "`/orders`: wanted status 200, got no answer: connection refused",
        );
        check(
            "contains='orders'",
            answered(200, "no luck", 1),
            "`/orders`: wanted a body that holds `orders`, got 7 characters without it",
        );
        check("within_milliseconds=500", answered(200, "", 500), "well");
        check(
            "within_milliseconds=500",
            answered(200, "", 501),
            "`/orders`: wanted an answer within 500 ms, got one after 501 ms",
        );
    }

    #[test]
    fn what_is_told_of_an_answer_holds_no_credential() {
        let mut request = request("contains='signed in'");
        request.path = "/orders?token=hunter2&page=2".to_owned();
        let answered = |status| Answer::Answered {
            status,
            body: "DB_URL=postgres://shop:hunter2@db".to_owned(),
            after: Duration::ZERO,
        };
        let refused = "https://shop:hunter2@test.example.com refused".to_owned();
        for answer in [answered(500), answered(200), Answer::Unanswered(refused)] {
            let said = judge(&request, &answer).unwrap_err().to_string();
            assert!(
                said.starts_with("`/orders?token=…&page=2`: wanted "),
                "{said}"
            );
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn the_address_is_the_listeners() {
        let mut listener = Listener {
            protocol: "HTTPS".to_owned(),
            port: 8443,
            dns_name: "shop-1.elb.amazonaws.com".to_owned(),
        };
        assert_eq!(url(&listener), "https://shop-1.elb.amazonaws.com:8443");
        listener.protocol = "HTTP".to_owned();
        assert_eq!(url(&listener), "http://shop-1.elb.amazonaws.com:8443");
    }
}
