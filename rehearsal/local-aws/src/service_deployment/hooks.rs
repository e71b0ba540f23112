//! Runs the lifecycle hooks of a stage: all at once, and every one must succeed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::Value;

use super::announce;
use super::deployment::{HookCallRecord, HookRecord, HookStatus, ServiceDeployment};
use super::hook_answer::{HookAnswer, merged};
use super::hook_payload::{Shares, Subject, payload};
use super::lifecycle_hook::{HookAction, HookTarget, LifecycleHook};
use super::record::{Course, edit, read};
use super::service_deployments::ServiceDeployments;
use super::stage::Stage;
use crate::assumption::Assumption;
use crate::iam::Permission;
use crate::lambda::{Answer, Refused};
use crate::timeline;

/// The session in which ECS invokes hooks.
const SESSION: &str = "ECS-Lambda-Execution";
/// How long ECS would wait before it repeats a call that failed, if it does.
const BEFORE_RETRY: Duration = Duration::from_secs(30);

/// Runs the hooks of a stage; the error is what `rolled back because …` goes on with.
pub(super) async fn run(
    deployments: &Arc<ServiceDeployments>,
    arn: &str,
    stage: Stage,
    shares: Shares,
    course: Course,
) -> Result<(), String> {
    let Some((deployment, service)) = read(deployments, arn) else {
        return Ok(());
    };
    let two_groups = service.controller.two_groups();
    let mut tested = two_groups.iter().filter_map(|two| two.test_rule.as_ref());
    let has_test_rule = two_groups.is_empty() || tested.next().is_some();
    let is_of_test = stage == Stage::TestTrafficShift || stage == Stage::PostTestTrafficShift;
    let assumptions = &deployments.context.assumptions;
    if is_of_test && !has_test_rule && assumptions.hold(Assumption::TestHooksNeedATestRule) {
        return Ok(());
    }
    let subject = Subject {
        deployment_arn: deployment.arn.clone(),
        service_arn: deployment.service_arn(),
        target_arn: deployment.revision_arn(&deployment.target),
        source_arn: deployment
            .candidate
            .as_deref()
            .map(|blue| deployment.revision_arn(blue)),
        has_test_rule,
    };
    let hooks = deployment.configuration.hooks.clone();
    let due = hooks
        .into_iter()
        .filter(|hook| hook.stages.contains(&stage));
    let runs = due.map(|hook| {
        let run = Run {
            deployments: deployments.clone(),
            deployment: deployment.clone(),
            subject: subject.clone(),
            hook,
            stage,
            shares,
            course,
        };
        run.play()
    });
    try_join_all(runs).await.map(|_| ())
}

/// One hook that is due.
struct Run {
    deployments: Arc<ServiceDeployments>,
    deployment: ServiceDeployment,
    subject: Subject,
    hook: LifecycleHook,
    stage: Stage,
    shares: Shares,
    course: Course,
}

impl Run {
    async fn play(self) -> Result<(), String> {
        let id = self.begin();
        let clock = &self.deployments.context.clock;
        let timed_out = clock.sleep(self.hook.timeout);
        let (status, outcome) = match &self.hook.target {
            HookTarget::Pause => tokio::select! {
                biased;
                action = self.answered(&id) => match action {
                    HookAction::Continue => (HookStatus::Succeeded, Ok(())),
                    HookAction::RollBack => (HookStatus::Failed, Err("pause hook was answered with ROLLBACK.".to_owned())),
                },
                () = timed_out => self.timed_out("pause hook timed out."),
            },
            HookTarget::Lambda {
                function_arn,
                role_arn,
                details,
            } => tokio::select! {
                biased;
                called = self.call(&id, function_arn, role_arn.as_deref(), details.clone()) => match called {
                    Ok(()) => (HookStatus::Succeeded, Ok(())),
                    Err(why) => (HookStatus::Failed, Err(format!("lifecycle hook(s) failed. {why}"))),
                },
                () = timed_out => self.timed_out("lifecycle hook(s) timed out."),
            },
        };
        self.set_status(&id, status);
        outcome.map_err(|why| format!("{} {why}", self.stage.as_str()))
    }

    fn timed_out(&self, why: &str) -> (HookStatus, Result<(), String>) {
        let outcome = match self.hook.on_timeout {
            HookAction::Continue => Ok(()),
            HookAction::RollBack => Err(why.to_owned()),
        };
        (HookStatus::TimedOut, outcome)
    }

    /// Records the hook, and returns its id.
    fn begin(&self) -> String {
        let context = &self.deployments.context;
        let (now, number) = (context.clock.now(), context.ids.hexadecimal());
        let (word, status, target_arn) = match &self.hook.target {
            HookTarget::Pause => ("pause", HookStatus::AwaitingAction, None),
            HookTarget::Lambda { function_arn, .. } => {
                ("lambda", HookStatus::InProgress, Some(function_arn.clone()))
            }
        };
        let record = HookRecord {
            id: format!("ecs-{word}-{}", &number[..21]),
            kind: self.hook.target.kind(),
            target_arn,
            stage: self.stage,
            is_rollback: self.course == Course::RollingBack,
            status,
            due_at: now,
            expires_at: now + self.hook.timeout,
            on_timeout: self.hook.on_timeout,
            action: None,
            calls: Vec::new(),
        };
        edit(&self.deployments, &self.deployment.arn, |deployment| {
            deployment.hooks.push(record.clone());
        });
        announce::hook_change(&self.deployments, &self.deployment, &record);
        record.id
    }

    fn set_status(&self, id: &str, status: HookStatus) {
        let mut changed = None;
        edit(&self.deployments, &self.deployment.arn, |deployment| {
            if let Some(hook) = deployment.hooks.iter_mut().find(|hook| hook.id == id) {
                hook.status = status;
                changed = Some(hook.clone());
            }
        });
        if let Some(hook) = changed {
            announce::hook_change(&self.deployments, &self.deployment, &hook);
        }
    }

    /// Waits for ContinueServiceDeployment.
    async fn answered(&self, id: &str) -> HookAction {
        let answer = |state: &super::deployment::State| {
            let mut hooks = state.deployment(&self.deployment.arn)?.hooks.iter();
            hooks.find(|hook| hook.id == id)?.action
        };
        self.deployments.until(answer).await
    }

    /// Calls the function until it succeeds or fails.
    async fn call(
        &self,
        id: &str,
        function_arn: &str,
        role_arn: Option<&str>,
        mut details: Option<Value>,
    ) -> Result<(), String> {
        let context = &self.deployments.context;
        let mut execution_id = context.ids.uuid();
        loop {
            self.check_role(function_arn, role_arn)?;
            let told = payload(
                &self.subject,
                self.stage,
                self.shares,
                &execution_id,
                details.as_ref(),
                &context.assumptions,
            );
            let answer = match self.invoke(id, function_arn, told).await {
                Ok(answer) => answer,
                Err(NoAnswer::Repeatable(_))
                    if context
                        .assumptions
                        .hold(Assumption::ServiceHookErrorsAreRetried) =>
                {
                    context.clock.sleep(BEFORE_RETRY).await;
                    continue;
                }
                Err(NoAnswer::Repeatable(why) | NoAnswer::Unreadable(why)) => return Err(why),
            };
            match answer {
                HookAnswer::Succeeded => return Ok(()),
                // Never the function's own reason.
                HookAnswer::Failed => {
                    return Err(format!(
                        "Lifecycle hook target {function_arn} returned FAILED status."
                    ));
                }
                HookAnswer::InProgress {
                    call_back,
                    details: answered,
                } => {
                    details = merged(details, answered);
                    context.clock.sleep(call_back).await;
                }
            }
            if context
                .assumptions
                .hold(Assumption::ExecutionIdChangesEachCall)
            {
                execution_id = context.ids.uuid();
            }
        }
    }

    /// ECS assumes the hook's role to invoke the function. It notices what is missing only when the hook is due.
    fn check_role(&self, function_arn: &str, role_arn: Option<&str>) -> Result<(), String> {
        let role = role_arn.unwrap_or_default();
        let iam = &self.deployments.iam;
        if role.is_empty() || !iam.trusts(role, "ecs.amazonaws.com", &self.subject.service_arn) {
            return Err(format!("ECS was unable to assume role {role}"));
        }
        let needed = [Permission::new("lambda:InvokeFunction", function_arn)];
        iam.check_role(role, SESSION, &needed).map_err(|refusal| {
            self.deployments.context.timeline.record(refusal.event());
            format!(
                "ECS was unable to invoke hook target {function_arn} due to {}",
                refusal.sentence()
            )
        })
    }

    /// One synchronous call, recorded with its answer.
    async fn invoke(
        &self,
        id: &str,
        function_arn: &str,
        told: Value,
    ) -> Result<HookAnswer, NoAnswer> {
        let deployments = &self.deployments;
        let context = &deployments.context;
        let at = context.clock.now();
        let function = deployments
            .lambda
            .find(function_arn)
            .map(|found| found.binary_name);
        context.timeline.record(timeline::Event::HookCalled {
            deployment: self.deployment.arn.clone(),
            lifecycle_event: self.stage.as_str(),
            function: function.clone().unwrap_or_else(|| function_arn.to_owned()),
        });
        let Some(response) = self.response(function_arn, told.clone()).await else {
            return std::future::pending().await;
        };
        context.clock.become_known(id).await;
        let (outcome, answer) = match response {
            Err(refused) => {
                let why =
                    format!("ECS was unable to invoke hook target {function_arn} due to {refused}");
                (Err(refused.to_string()), Err(NoAnswer::Repeatable(why)))
            }
            Ok(Answer::Error {
                error_type,
                error_message,
            }) => {
                // What ECS gets is the error's document, which has no status.
                let why = unreadable(function_arn, "HookStatus must not be null");
                (
                    Err(format!("{error_type}: {error_message}")),
                    Err(NoAnswer::Repeatable(why)),
                )
            }
            Ok(Answer::Response(response)) => {
                let answer = HookAnswer::parse(&response, &context.assumptions);
                let answer =
                    answer.map_err(|why| NoAnswer::Unreadable(unreadable(function_arn, &why)));
                (Ok(response), answer)
            }
        };
        let call = HookCallRecord {
            at,
            answered_at: context.clock.now(),
            payload: told,
            outcome,
        };
        edit(deployments, &self.deployment.arn, |deployment| {
            if let Some(hook) = deployment.hooks.iter_mut().find(|hook| hook.id == id) {
                hook.calls.push(call);
            }
        });
        let status = match &answer {
            Ok(answer) => Some(answer.as_str()),
            Err(NoAnswer::Unreadable(_)) => Some(HookAnswer::Failed.as_str()),
            // The function has not answered, whatever ECS makes of that.
            Err(NoAnswer::Repeatable(_)) => None,
        };
        if let Some(status) = status {
            self.tell(function, status);
        }
        answer
    }

    /// Invokes the function. Once it is called it runs to its end, even if its deployment is stopped meanwhile. `None` if the
    /// world ends first.
    async fn response(&self, function_arn: &str, told: Value) -> Option<Result<Answer, Refused>> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let (lambda, function) = (self.deployments.lambda.clone(), function_arn.to_owned());
        self.deployments.context.background.spawn(async move {
            let response = lambda.invoke(&function, told).await;
            // Nobody hears the answer of a hook whose deployment was stopped.
            let _ = sender.send(response);
        });
        receiver.await.ok()
    }

    fn tell(&self, function: Option<String>, status: &str) {
        let (cluster, service) = (&self.deployment.cluster, &self.deployment.service);
        let wanted = self.deployments.ecs.read(|state| {
            let service = state.service(cluster, service)?;
            Some(service.desired_count)
        });
        self.deployments
            .context
            .timeline
            .record(timeline::Event::HookAnswered {
                deployment: self.deployment.arn.clone(),
                lifecycle_event: self.stage.as_str(),
                status: status.to_owned(),
                function,
                wanted,
            });
    }
}

/// A call without an answer that says what to do.
enum NoAnswer {
    /// A function error or a throttle, which might be repeated.
    Repeatable(String),
    Unreadable(String),
}

fn unreadable(function_arn: &str, why: &str) -> String {
    format!("ECS was unable to parse the response from {function_arn} due to {why}")
}
