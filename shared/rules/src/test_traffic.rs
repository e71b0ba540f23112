//! The traffic gates: are green's targets healthy, and is this answer well?

pub mod health;

use std::fmt;
use std::time::Duration;

use time::UtcDateTime;

use crate::config::Request;
use crate::ecs::{LoadBalancer, TrafficRule};
use crate::gate::Gate;
use crate::observed::{Listener, Service, TargetHealth, TaskSet};
use crate::redact;
use health::HealthAnswer;

/// How often a request may fail before the gate does: a single lost connection proves nothing about green.
pub const FAILURES_TOLERATED: u32 = 2;

/// Whether a load balancer has had its time to learn new weights: from the start of its lifecycle event until now, both by AWS's
/// clock, or, where AWS does not state either, while this check has been at work.
pub fn is_settled(
    since: Option<UtcDateTime>,
    settle: Duration,
    now: Option<UtcDateTime>,
    at_work: Duration,
) -> bool {
    match since.zip(now) {
        Some((since, now)) => now - since >= settle,
        None => at_work >= settle,
    }
}

/// How many healthy targets green must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// None: the desired count is 0, so there is nothing to check.
    Nothing,
    /// One a task.
    Targets(usize),
    /// The task set does not follow the service yet; the sentence says so.
    NotYet(String),
}

/// What the service wants of green at this moment. It may be scaled at any time.
pub fn wanted(service: &Service, green: &TaskSet) -> Wanted {
    wanted_of(
        service.desired_count,
        green.computed_desired_count,
        green.running_count,
        "task set",
    )
}

/// The same of a green that its engine calls so, by how many tasks the service and green want, and how many of green's run.
pub fn wanted_of(desired: i32, computed: i32, running: i32, green: &str) -> Wanted {
    match usize::try_from(computed) {
        // Healthy targets behind which no task of green stands are another one's.
        Ok(1..) if running < computed => {
            Wanted::NotYet(format!("{running} of {computed} tasks run"))
        }
        Ok(tasks @ 1..) => Wanted::Targets(tasks),
        Ok(_) | Err(_) if desired == 0 => Wanted::Nothing,
        Ok(_) | Err(_) => Wanted::NotYet(format!(
            "the service wants {desired} tasks, and its {green} of this deployment wants {computed}"
        )),
    }
}

/// What green's targets are, all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All of them are healthy.
    Healthy,
    /// Not yet; the sentence says which and why.
    NotYet(String),
}

/// Judges the targets of green's target group. Targets that drain are none of green's any more. More than green has tasks
/// are not all green's: what a deployment left there would answer as well.
pub fn health(targets: &[TargetHealth], wanted: usize) -> Health {
    let counted: Vec<&TargetHealth> = targets
        .iter()
        .filter(|target| !target.state.ends_with("draining"))
        .collect();
    let unhealthy: Vec<String> = counted
        .iter()
        .filter(|target| target.state != "healthy")
        .map(|target| describe(target))
        .collect();
    if !unhealthy.is_empty() {
        return Health::NotYet(unhealthy.join("; "));
    }
    match counted.len() {
        few if few < wanted => Health::NotYet(format!("{few} of {wanted} targets are registered")),
        many if many > wanted => Health::NotYet(format!(
            "{many} targets are registered, and {wanted} tasks are wanted (hint: deregister what is not green's from its \
             target group)"
        )),
        _ => Health::Healthy,
    }
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
    /// The answer to a gRPC health check.
    Health(HealthAnswer),
    /// None; the sentence says why.
    Unanswered(String),
}

/// An answer that is not well: the path, what was wanted, and what was got. Of the answer itself nothing is reported but its
/// status, its length and its time: error pages print environments, and headers carry sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailed {
    path: String,
    wanted: String,
    got: String,
}

impl fmt::Display for CheckFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = format!("`{}`: wanted {}, got {}", self.path, self.wanted, self.got);
        formatter.write_str(&redact::redact(&said))
    }
}

/// Judges one answer.
///
/// # Errors
/// What was wanted and what was got.
pub fn judge(request: &Request, answer: &Answer) -> Result<(), CheckFailed> {
    let check_failed = |wanted: String, got: String| {
        Err(CheckFailed {
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
        Answer::Health(answer) => return health::judge(request, answer),
        Answer::Unanswered(reason) => {
            return check_failed(health::wanted(request), format!("no answer: {reason}"));
        }
    };
    if !request.status.matches(*status) {
        return check_failed(
            health::wanted(request),
            format!("status {status}{}", health::explained(*status, request)),
        );
    }
    if let Some(text) = request
        .contains
        .as_ref()
        .filter(|text| !body.contains(text.as_str()))
    {
        return check_failed(
            format!("a body that holds `{text}`"),
            format!("{} characters without it", body.chars().count()),
        );
    }
    if let Some(within) = request.within.filter(|within| after > within) {
        return check_failed(
            format!("an answer within {} ms", within.as_millis()),
            format!("one after {} ms", after.as_millis()),
        );
    }
    Ok(())
}

/// The listener that a gate asks green through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// The test listener, before the shift.
    TestListener,
    /// The production listener, after it.
    ProductionListener,
}

impl Through {
    /// The rule or listener of a load balancer that ECS points at green; none where it has none.
    pub fn rule_of(self, balancer: &LoadBalancer) -> Option<&TrafficRule> {
        let advanced = balancer.advanced.as_ref()?;
        match self {
            Self::TestListener => advanced.test_rule.as_ref(),
            Self::ProductionListener => advanced.production_rule.as_ref(),
        }
    }

    /// As people call it.
    pub fn words(self) -> &'static str {
        match self {
            Self::TestListener => "test listener",
            Self::ProductionListener => "production listener",
        }
    }

    /// The gate that asks through it.
    pub fn gate(self) -> Gate {
        match self {
            Self::TestListener => Gate::TestTraffic,
            Self::ProductionListener => Gate::ProductionTraffic,
        }
    }

    /// The pipeline's table of the gate.
    pub fn setting(self) -> &'static str {
        match self {
            Self::TestListener => "test_traffic",
            Self::ProductionListener => "production_traffic",
        }
    }
}

/// What to do where a listener gives no answer.
pub fn unreachable(listener: &Listener) -> String {
    let port = listener.port;
    if listener.is_internal {
        format!(
            "hint: the load balancer is internal, only its VPC reaches it; give the stack's `CheckTestTrafficSubnets` and \
             `CheckTestTrafficSecurityGroups` what reaches its port {port}"
        )
    } else {
        format!(
            "hint: where its security group does not admit the internet to port {port}, give the stack's `CheckTestTrafficSubnets` and \
             `CheckTestTrafficSecurityGroups` what it admits"
        )
    }
}

/// The address at which a listener is reached.
///
/// # Errors
/// Its protocol leaves open how requests are sent to its targets.
pub fn url(listener: &Listener, through: Through) -> Result<String, String> {
    let (name, port) = (&listener.dns_name, listener.port);
    match listener.protocol.as_str() {
        "HTTP" => Ok(format!("http://{name}:{port}")),
        "HTTPS" => Ok(format!("https://{name}:{port}")),
        protocol => Err(format!(
            "the {}'s protocol is {protocol}, which does not say whether its targets speak HTTP or HTTPS (hint: say \
             it in `{}.base_url`, such as `https://{name}:{port}`)",
            through.words(),
            through.setting()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::names::RevisionArn;
    use crate::observed::{Placement, TaskSetStatus};

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
        check(&[], 1, "0 of 1 targets are registered");
        check(
            &[("healthy", ""), ("healthy", ""), ("healthy", "")],
            2,
            "3 targets are registered, and 2 tasks are wanted (hint: deregister what is not green's from its target group)",
        );
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
            .checks
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
                .map_or_else(|failed| failed.to_string(), |()| "well".to_owned());
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
    fn the_address_is_the_listeners_and_is_not_guessed() {
        let check = |protocol: &str, expected: &str| {
            let listener = Listener {
                protocol: protocol.to_owned(),
                port: 8443,
                dns_name: "shop-1.elb.amazonaws.com".to_owned(),
                is_internal: false,
                default_actions: Vec::new(),
            };
            let said = url(&listener, Through::TestListener).unwrap_or_else(|why| why);
            assert_eq!(said, expected);
        };
        check("HTTPS", "https://shop-1.elb.amazonaws.com:8443");
        check("HTTP", "http://shop-1.elb.amazonaws.com:8443");
        for protocol in ["TLS", "TCP", "UDP", "TCP_UDP", "QUIC", "GENEVE"] {
            check(
                protocol,
                &format!(
                    "the test listener's protocol is {protocol}, which does not say whether its targets speak HTTP or HTTPS \
                     (hint: say it in `test_traffic.base_url`, such as `https://shop-1.elb.amazonaws.com:8443`)"
                ),
            );
        }
    }

    #[test]
    fn a_load_balancer_has_settled_by_the_clock_that_says_when_it_began() {
        let at = |seconds| UtcDateTime::from_unix_timestamp(seconds).unwrap();
        let check = |since: Option<i64>, now: Option<i64>, at_work, expected| {
            let settle = Duration::from_secs(15);
            let said = is_settled(
                since.map(at),
                settle,
                now.map(at),
                Duration::from_secs(at_work),
            );
            assert_eq!(said, expected, "{since:?} {now:?} {at_work}");
        };
        check(Some(100), Some(114), 0, false);
        check(Some(100), Some(115), 0, true);
        check(Some(100), Some(90), 0, false);
        check(Some(100), None, 14, false);
        check(None, Some(200), 14, false);
        check(None, None, 15, true);
        check(Some(100), Some(101), 15, false);
    }

    #[test]
    fn what_is_wanted_of_green_is_never_invented() {
        let check = |desired, computed, running, expected: Wanted| {
            let revision: RevisionArn =
                "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
                    .parse()
                    .unwrap();
            let green = TaskSet {
                id: "ecs-svc/2".to_owned(),
                status: TaskSetStatus::Active,
                created_at: None,
                deployment: None,
                revision,
                placement: Placement::default(),
                load_balancer: None,
                computed_desired_count: computed,
                running_count: running,
            };
            let service = Service {
                desired_count: desired,
                running_count: running,
                task_sets: vec![green.clone()],
                ..Service::for_tests()
            };
            assert_eq!(wanted(&service, &green), expected);
        };
        let not_yet = |why: &str| Wanted::NotYet(why.to_owned());
        check(2, 2, 2, Wanted::Targets(2));
        check(2, 2, 3, Wanted::Targets(2));
        check(2, 2, 1, not_yet("1 of 2 tasks run"));
        check(2, 2, 0, not_yet("0 of 2 tasks run"));
        check(0, 2, 2, Wanted::Targets(2));
        check(0, 0, 0, Wanted::Nothing);
        let behind = "the service wants 2 tasks, and its task set of this deployment wants 0";
        check(2, 0, 0, not_yet(behind));
    }
}
