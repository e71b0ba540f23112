//! A deployment of ECS's own: green is a service revision, and the service names the rules or listeners that ECS points at it.

use std::cell::Cell;

use lambda::{Deadline, EcsHook, Failure, Ran};
use rules::config::Traffic;
use rules::ecs::TrafficRule;
use rules::events::EcsCall;
use rules::gate::Verdict;
use rules::listener_rule;
use rules::names::TargetGroupArn;
use rules::native::{self, Entry, Known, Step};
use rules::observed::Service;
use rules::test_traffic::{self, Health, Wanted};
use serde_json::Value;

use crate::check::{Check, PAUSE, failed};
use crate::handler::Handler;
use crate::prepared::Prepared;
use crate::stopwatch::{Settling, Stopwatch};

/// What became of the wait for green.
enum Green {
    /// So many tasks of it run, and all of their targets are healthy.
    Healthy(usize),
    Unhealthy(String),
    /// The desired count is 0.
    NotWanted,
}

impl<T> Handler<T> {
    pub(crate) async fn answer_ecs(&self, call: &EcsCall, deadline: Deadline) -> Value {
        let hook = EcsHook {
            gate: self.through.gate(),
            ecs: &self.ecs,
            call,
            messenger: &self.messenger,
            deadline,
        };
        // Before the first request nothing is known against green.
        let ran = Cell::new(Ran::Unknown);
        // On the heap: the compiler computes the layout of what is nested in one another to a limited depth.
        let check = async |known: Known| {
            let verdict = self.check_natively(&known, &ran).await;
            verdict.map(Step::Decided)
        };
        Box::pin(hook.answer(&self.start, &ran, check)).await
    }

    async fn check_natively(&self, known: &Known, ran: &Cell<Ran>) -> Result<Verdict, Failure> {
        let Some(traffic) = self.traffic(&known.pipeline) else {
            return Ok(self.not_configured());
        };
        // First, because a secret that cannot be read is no reason to wait.
        let requests = Prepared::all(traffic, &self.secrets).await?;
        let entries = native::entries(&known.service, &known.target, traffic, self.through)
            .map_err(Failure::Refused)?;
        self.check_entries(known, traffic, &requests, &entries, ran)
            .await
    }

    /// Green must be healthy, and answer through each of these.
    pub(crate) async fn check_entries(
        &self,
        known: &Known,
        traffic: &Traffic,
        requests: &[Prepared<'_>],
        entries: &[Entry<'_>],
        ran: &Cell<Ran>,
    ) -> Result<Verdict, Failure> {
        // Where nothing served before, no answer can be another revision's.
        let mut settling = Settling::from_now_on(match known.deployment.sources.is_empty() {
            true => std::time::Duration::ZERO,
            false => traffic.settle,
        });
        let groups: Vec<&TargetGroupArn> = entries.iter().map(|entry| entry.green).collect();
        let tasks = match self
            .wait_until_all_healthy(known, &groups, &mut settling)
            .await?
        {
            Green::Healthy(tasks) => tasks,
            Green::Unhealthy(why) => {
                let seconds = known.pipeline.test_traffic.healthy_within.as_secs();
                return Ok(failed(format!(
                    "green was not healthy within {seconds} seconds: {why}"
                )));
            }
            Green::NotWanted => {
                return Ok(Verdict::Succeeded(
                    "nothing was checked: the service's desired count is 0".to_owned(),
                ));
            }
        };
        // A gate passes only on evidence.
        if entries.is_empty() && !requests.is_empty() {
            return Ok(failed(format!(
                "{tasks} tasks of green run, and nothing could be asked: the service has no load balancer"
            )));
        }
        if entries.is_empty() {
            return Ok(Verdict::Succeeded(format!(
                "{tasks} tasks of green run; nothing was asked: the service has no load balancer"
            )));
        }
        let (mut answered, mut led) = (Vec::new(), Vec::new());
        for entry in entries {
            let Some(rule) = entry.rule else { continue };
            let requests = match entry.is_asked {
                true => requests,
                false => &[],
            };
            let check = self
                .ask_through(rule, entry.green, traffic, requests, &mut settling, ran)
                .await?;
            match check {
                Verdict::Succeeded(reason) if entry.is_asked => answered.push(reason),
                Verdict::Succeeded(_) => led.push(format!("`{}`", entry.green.name())),
                other @ (Verdict::Failed { .. }
                | Verdict::NothingRan(_)
                | Verdict::KeptFromRunning { .. }
                | Verdict::TooLate(_)
                | Verdict::Later(_)
                | Verdict::Ignored(_)) => return Ok(other),
            }
        }
        if answered.is_empty() && !requests.is_empty() {
            return Ok(failed(format!(
                "green is healthy, and nothing could be asked: the service has no {} rule",
                self.through.words()
            )));
        }
        Ok(Verdict::Succeeded(self.passed(&answered, &led)))
    }

    /// What is said of a gate that passed: what was asked, and which further target groups of green the rules lead to.
    fn passed(&self, answered: &[String], led: &[String]) -> String {
        let (words, led_to) = (self.through.words(), led.join(" and "));
        match (answered, led) {
            ([], []) => {
                format!("green is healthy; nothing was asked: the service has no {words} rule")
            }
            ([], [_, ..]) => "green is healthy; the pipeline asks for no requests".to_owned(),
            ([_, ..], []) => answered.join("; "),
            ([_, ..], [_, ..]) => format!(
                "{}; the {words} rules of the other load balancers lead to green, in {led_to}",
                answered.join("; ")
            ),
        }
    }

    /// Asks through one load balancer. Where the pipeline asks nothing, the rule must be at green all the same.
    async fn ask_through(
        &self,
        rule: &TrafficRule,
        green: &TargetGroupArn,
        traffic: &Traffic,
        requests: &[Prepared<'_>],
        settling: &mut Settling,
        ran: &Cell<Ran>,
    ) -> Result<Verdict, Failure> {
        let listener = rule.listener().ok_or_else(|| {
            Failure::Refused(format!("`{}` is not the ARN of a rule", rule.as_str()))
        })?;
        let arn = match rule {
            TrafficRule::Rule(arn) => Some(arn),
            TrafficRule::Listener(_) => None,
        };
        if requests.is_empty() {
            let rule = match arn {
                Some(arn) => self.elb.describe_rule(arn).await?,
                None => listener_rule::default_of(&self.elb.describe_listener(&listener).await?),
            };
            return Ok(
                match listener_rule::is_at_green(&rule, green, None, self.through) {
                    Ok(()) => Verdict::Succeeded(
                        "green is healthy; the pipeline asks for no requests".to_owned(),
                    ),
                    Err(elsewhere) => failed(elsewhere),
                },
            );
        }
        let check = Check {
            elb: &self.elb,
            through: self.through,
            traffic,
            requests,
            authorities: self.authorities(traffic),
            green,
            listener: &listener,
            rule: arn,
            ran,
        };
        check.wait_until_settled(settling).await?;
        check.ask().await
    }

    /// Reads service and deployment anew each time: the service may be scaled meanwhile. More targets than green has tasks would
    /// answer for it, as where a rule that was put back let both revisions have one group (aws/containers-roadmap #2853).
    async fn wait_until_all_healthy(
        &self,
        known: &Known,
        groups: &[&TargetGroupArn],
        settling: &mut Settling,
    ) -> Result<Green, Failure> {
        let pipeline = &known.pipeline;
        let (cluster, service) = (&pipeline.cluster, &pipeline.service);
        let mut stopwatch = Stopwatch::start();
        loop {
            let service = self.ecs.describe_service(cluster, service).await?;
            let wanted = match known.deployment.status.has_ended() {
                true => native::wanted_after(&service, &known.target.arn),
                false => self.wanted(known, &service).await?,
            };
            let (mut health, mut now, mut tasks) = (Health::Healthy, None, 0);
            match wanted {
                Wanted::Nothing => return Ok(Green::NotWanted),
                Wanted::NotYet(why) => health = Health::NotYet(why),
                Wanted::Targets(wanted) => tasks = wanted,
            }
            for group in groups {
                let seen = self.elb.describe_target_health(group).await?;
                now = seen.answered_at.or(now);
                if health == Health::Healthy {
                    health = test_traffic::health(&seen.targets, tasks);
                }
            }
            settling.observe(now);
            let passed = stopwatch.passed(now);
            match health {
                Health::Healthy => return Ok(Green::Healthy(tasks)),
                Health::NotYet(why) if passed + PAUSE > pipeline.test_traffic.healthy_within => {
                    return Ok(Green::Unhealthy(why));
                }
                Health::NotYet(why) => {
                    let id = known.deployment.arn.id();
                    tracing::debug!(deployment_id = %id, why, "green is not healthy yet");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn wanted(&self, known: &Known, service: &Service) -> Result<Wanted, Failure> {
        let arn = std::slice::from_ref(&known.deployment.arn);
        let deployment = self.ecs.describe_service_deployments(arn).await?;
        let target = deployment.into_iter().next().and_then(|one| one.target);
        let target = target.filter(|target| target.arn == known.target.arn);
        Ok(match &target {
            Some(target) => native::wanted(service, target),
            None => Wanted::NotYet("ECS does not state how many tasks green has".to_owned()),
        })
    }
}
