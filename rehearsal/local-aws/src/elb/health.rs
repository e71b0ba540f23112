//! Health checks: real requests to real processes.
//!
//! A function that waits for a target's health waits in real time, so the checks run faster than configured, by
//! `SPEED_UP`: an interval of 30 seconds becomes 600 milliseconds. A target that answers as before rests longer, by
//! `SETTLED`; a new one that passes rests shorter, by `SPEED_UP_OF_NEW`, because everything waits for it, and not one that
//! fails, because it may be starting. Thresholds and the time limit of one check are as configured; where the clock stands
//! still while anything real is in progress (`Pace::Still`, storms), a check may take `PATIENCE`: there real work takes no
//! simulated time, and a machine that is busy with other work is not a target that hangs. The clock does not jump while the
//! first decision about a new target is pending.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};

use crate::clock::{Busy, Pace};
use crate::elb::state::{Check, Inner};
use crate::elb::{TargetGroupSettings, TargetHealth, matcher};

/// The factor by which a target's checks run faster than configured.
pub const SPEED_UP: u32 = 50;
/// The same for a new target that passes: it is waited for.
const SPEED_UP_OF_NEW: u32 = 500;
/// How many intervals pass between two checks of a target that answers as its health says.
const SETTLED: u32 = 20;
/// ALB's shortest time limit of a check.
const SHORTEST: Duration = Duration::from_secs(2);
/// How long a check may take, in real time, where that is no simulated time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The health of a registered target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// Its group has no listener, so it is not checked.
    Unused,
    /// Not checked yet.
    Registering,
    /// Checked, not decided yet.
    Checking,
    Healthy,
    Unhealthy(Failure),
    /// It gets no new requests. `unhealthy.draining` is a state of Network Load Balancers only.
    Draining,
}

/// Why a check failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Status(u16),
    TimedOut,
    NoConnection,
}

/// Consecutive results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Streak {
    passed: u32,
    failed: u32,
}

impl Health {
    /// Whether the first decision is pending.
    pub(super) fn is_initial(&self) -> bool {
        match self {
            Health::Registering | Health::Checking => true,
            Health::Unused | Health::Healthy | Health::Unhealthy(_) | Health::Draining => false,
        }
    }

    /// The health after one more check.
    pub(super) fn after(
        &self,
        result: &Result<(), Failure>,
        streak: &mut Streak,
        settings: &TargetGroupSettings,
    ) -> Health {
        match result {
            Ok(()) => {
                *streak = Streak {
                    passed: streak.passed + 1,
                    failed: 0,
                }
            }
            Err(_) => {
                *streak = Streak {
                    passed: 0,
                    failed: streak.failed + 1,
                }
            }
        }
        let undecided = if self.is_initial() {
            Health::Checking
        } else {
            self.clone()
        };
        match (self, result) {
            (Health::Unused | Health::Draining, _) => self.clone(),
            (_, Ok(())) if streak.passed >= settings.healthy_threshold => Health::Healthy,
            (_, Err(failure)) if streak.failed >= settings.unhealthy_threshold => {
                Health::Unhealthy(failure.clone())
            }
            (_, Ok(()) | Err(_)) => undecided,
        }
    }

    /// The real time until the next check: a result that may change the health is followed by the next one soon.
    fn rest_after(&self, result: &Result<(), Failure>, interval: Duration) -> Duration {
        match (self, result) {
            (Health::Healthy, Ok(())) | (Health::Unhealthy(_), Err(_)) => {
                interval / SPEED_UP * SETTLED
            }
            (Health::Registering | Health::Checking, Ok(())) => interval / SPEED_UP_OF_NEW,
            (Health::Registering | Health::Checking | Health::Healthy, Err(_))
            | (Health::Unhealthy(_), Ok(()))
            | (Health::Unused | Health::Draining, Ok(()) | Err(_)) => interval / SPEED_UP,
        }
    }

    /// As DescribeTargetHealth returns it.
    pub(super) fn describe(&self, id: &str, port: u16) -> TargetHealth {
        let (state, reason, description) = match self {
            Health::Unused => {
                let why =
                    "Target group is not configured to receive traffic from the load balancer";
                ("unused", Some("Target.NotInUse"), Some(why.to_owned()))
            }
            Health::Registering => {
                let why = "Target registration is in progress";
                (
                    "initial",
                    Some("Elb.RegistrationInProgress"),
                    Some(why.to_owned()),
                )
            }
            Health::Checking => {
                let why = "Initial health checks in progress";
                (
                    "initial",
                    Some("Elb.InitialHealthChecking"),
                    Some(why.to_owned()),
                )
            }
            Health::Healthy => ("healthy", None, None),
            Health::Unhealthy(Failure::Status(status)) => {
                let why = format!("Health checks failed with these codes: [{status}]");
                ("unhealthy", Some("Target.ResponseCodeMismatch"), Some(why))
            }
            Health::Unhealthy(Failure::TimedOut) => (
                "unhealthy",
                Some("Target.Timeout"),
                Some("Request timed out".to_owned()),
            ),
            Health::Unhealthy(Failure::NoConnection) => (
                "unhealthy",
                Some("Target.FailedHealthChecks"),
                Some("Health checks failed".to_owned()),
            ),
            Health::Draining => {
                let why = "Target deregistration is in progress";
                (
                    "draining",
                    Some("Target.DeregistrationInProgress"),
                    Some(why.to_owned()),
                )
            }
        };
        TargetHealth {
            id: id.to_owned(),
            port,
            state,
            reason,
            description,
        }
    }
}

/// Checks one registered target for as long as it is registered.
pub(super) async fn watch(inner: Arc<Inner>, group: String, registration: u64) {
    let mut streak = Streak::default();
    let mut busy: Option<Busy> = None;
    loop {
        let used = inner.usage_changed.notified();
        let Some(check) = inner.check(&group, registration) else {
            return;
        };
        match check {
            Check::NotInUse => {
                streak = Streak::default();
                busy = None;
                used.await;
            }
            Check::Ask {
                target,
                health,
                settings,
            } => {
                busy = health
                    .is_initial()
                    .then(|| busy.unwrap_or_else(|| inner.clock.busy()));
                let result = ask(&inner, target, &settings).await;
                let decided = health.after(&result, &mut streak, &settings);
                let rest = decided.rest_after(&result, settings.interval);
                busy = busy.filter(|_| decided.is_initial());
                if health.is_initial() && !decided.is_initial() {
                    inner.clock.become_known(&group).await;
                }
                inner.set_health(&group, registration, decided);
                tokio::select! {
                    () = tokio::time::sleep(rest) => {}
                    () = used => {}
                }
            }
        }
    }
}

async fn ask(
    inner: &Inner,
    target: std::net::SocketAddr,
    settings: &TargetGroupSettings,
) -> Result<(), Failure> {
    let request = Request::get(format!("http://{target}{}", settings.health_check_path))
        .header(header::USER_AGENT, "ELB-HealthChecker/2.0")
        .header(header::CONNECTION, "close")
        .body(Body::empty())
        .map_err(|_| Failure::NoConnection)?;
    let at_least = match inner.clock.pace() {
        Pace::Real => SHORTEST,
        Pace::Still => PATIENCE,
    };
    let patience = settings.timeout.max(at_least);
    match tokio::time::timeout(patience, inner.client.request(request)).await {
        Ok(Ok(response)) if matcher::matches(&settings.matcher, response.status().as_u16()) => {
            Ok(())
        }
        Ok(Ok(response)) => Err(Failure::Status(response.status().as_u16())),
        Ok(Err(_)) => Err(Failure::NoConnection),
        Err(_) => Err(Failure::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_health_has_elbs_state_reason_and_description() {
        let described = |health: Health| {
            let described = health.describe("10.0.0.1", 80);
            let description = described.description.unwrap_or_default();
            format!("{} {:?} {description}", described.state, described.reason)
        };
        let cases = [
            (Health::Healthy, "healthy None "),
            (
                Health::Registering,
                "initial Some(\"Elb.RegistrationInProgress\") Target registration is in progress",
            ),
            (
                Health::Checking,
                "initial Some(\"Elb.InitialHealthChecking\") Initial health checks in progress",
            ),
            (
                Health::Unhealthy(Failure::Status(502)),
                "unhealthy Some(\"Target.ResponseCodeMismatch\") Health checks failed with these codes: [502]",
            ),
            (
                Health::Unhealthy(Failure::TimedOut),
                "unhealthy Some(\"Target.Timeout\") Request timed out",
            ),
            (
                Health::Unhealthy(Failure::NoConnection),
                "unhealthy Some(\"Target.FailedHealthChecks\") Health checks failed",
            ),
            (
                Health::Draining,
                "draining Some(\"Target.DeregistrationInProgress\") Target deregistration is in progress",
            ),
            (
                Health::Unused,
                "unused Some(\"Target.NotInUse\") Target group is not configured to receive traffic from the load \
                 balancer",
            ),
        ];
        for (health, wanted) in cases {
            assert_eq!(described(health), wanted);
        }
    }

    #[test]
    fn what_is_waited_for_is_checked_again_soon_and_what_is_settled_late() {
        let failed = || Err(Failure::Status(500));
        let unhealthy = || Health::Unhealthy(Failure::Status(500));
        for (health, result, milliseconds) in [
            (Health::Registering, Ok(()), 60),
            (Health::Checking, Ok(()), 60),
            // It may be starting.
            (Health::Registering, failed(), 600),
            (Health::Checking, failed(), 600),
            (Health::Healthy, Ok(()), 12_000),
            (Health::Healthy, failed(), 600),
            (unhealthy(), failed(), 12_000),
            (unhealthy(), Ok(()), 600),
        ] {
            let rest = health.rest_after(&result, Duration::from_secs(30));
            assert_eq!(rest.as_millis(), milliseconds, "{health:?} {result:?}");
        }
    }

    #[test]
    fn thresholds_decide() {
        let settings = crate::elb::tests::settings("/healthz");
        let check = |script: &str| {
            let (mut health, mut streak) = (Health::Registering, Streak::default());
            let mut states = Vec::new();
            for result in script.chars() {
                let result = if result == '+' {
                    Ok(())
                } else {
                    Err(Failure::Status(500))
                };
                health = health.after(&result, &mut streak, &settings);
                states.push(health.describe("10.0.0.1", 80).state);
            }
            states.join(" ")
        };
        assert_eq!(check("++"), "initial healthy");
        assert_eq!(
            check("+-+-++"),
            "initial initial initial initial initial healthy"
        );
        assert_eq!(check("---"), "initial initial unhealthy");
        assert_eq!(
            check("++--+-"),
            "initial healthy healthy healthy healthy healthy"
        );
        assert_eq!(
            check("++---++"),
            "initial healthy healthy healthy unhealthy unhealthy healthy"
        );
    }
}
