//! The calls to hooks, from the timeline.

use std::collections::BTreeSet;

use local_aws::timeline::{self, Entry};
use record::{HookAnswer, HookCall};

/// ECS names its deployments by ARN, CodeDeploy by id.
const OF_ECS: &str = "arn:";
/// The statuses with which a rollback by ECS begins.
const ROLLING_BACK: [&str; 2] = ["ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"];

pub(super) fn hooks(timeline: &[Entry]) -> Vec<HookCall> {
    let mut hooks: Vec<HookCall> = Vec::new();
    let mut rolling_back: BTreeSet<&str> = BTreeSet::new();
    for entry in timeline {
        if let timeline::Event::DeploymentStatus {
            deployment, status, ..
        } = &entry.event
            && ROLLING_BACK.contains(status)
        {
            rolling_back.insert(deployment);
        } else if let timeline::Event::HookCalled {
            deployment,
            lifecycle_event,
            function,
        } = &entry.event
        {
            let call = HookCall {
                deployment: deployment.clone(),
                lifecycle_event: (*lifecycle_event).to_owned(),
                function: deployment.starts_with(OF_ECS).then(|| function.clone()),
                rollback: rolling_back.contains(deployment.as_str()),
                called_at: entry.at,
                answers: Vec::new(),
            };
            if !is_repeated(&hooks, &call) {
                hooks.push(call);
            }
        } else {
            answered(&mut hooks, entry);
        }
    }
    hooks
}

/// Whether ECS calls a hook again whose last answer was that it is in progress.
fn is_repeated(hooks: &[HookCall], call: &HookCall) -> bool {
    let mut before = hooks.iter().rev();
    let last = before.find(|hook| {
        (&hook.deployment, &hook.lifecycle_event, &hook.function)
            == (&call.deployment, &call.lifecycle_event, &call.function)
    });
    call.function.is_some()
        && last.is_some_and(|hook| hook.rollback == call.rollback)
        && last.is_some_and(|hook| hook.verdicts().next().is_none())
}

fn answered(hooks: &mut [HookCall], entry: &Entry) {
    let timeline::Event::HookAnswered {
        deployment,
        lifecycle_event,
        status,
        function,
        wanted,
    } = &entry.event
    else {
        return;
    };
    let mut called = hooks.iter_mut().rev();
    let hook = called.find(|hook| {
        hook.deployment == *deployment
            && hook.lifecycle_event == *lifecycle_event
            && (hook.function.is_none() || hook.function == *function)
    });
    if let Some(hook) = hook {
        hook.answers.push(HookAnswer {
            at: entry.at,
            status: status.clone(),
            function: function.clone(),
            wanted: *wanted,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    const ARN: &str = "arn:aws:ecs:eu-central-1:1:service-deployment/prod/web/x";

    fn told(text: &str) -> Vec<Entry> {
        let event = |(second, line): (u64, &str)| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let event = match words.as_slice() {
                ["status", deployment, status] => timeline::Event::DeploymentStatus {
                    deployment: (*deployment).to_owned(),
                    status: match *status {
                        "ROLLBACK_IN_PROGRESS" => "ROLLBACK_IN_PROGRESS",
                        _ => "IN_PROGRESS",
                    },
                    error: None,
                },
                ["call", deployment, function] => timeline::Event::HookCalled {
                    deployment: (*deployment).to_owned(),
                    lifecycle_event: "PRE_SCALE_UP",
                    function: (*function).to_owned(),
                },
                [function, status, deployment] => timeline::Event::HookAnswered {
                    deployment: (*deployment).to_owned(),
                    lifecycle_event: "PRE_SCALE_UP",
                    status: (*status).to_owned(),
                    function: Some((*function).to_owned()),
                    wanted: None,
                },
                _ => panic!("{line}"),
            };
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            Entry { at, event }
        };
        let text = text.replace("ARN", ARN);
        (1..).zip(text.split("; ")).map(event).collect()
    }

    #[test]
    fn what_ecs_calls_again_is_one_hook_until_it_is_answered() {
        let timeline = told(
            "call ARN a; call ARN b; b SUCCEEDED ARN; a IN_PROGRESS ARN; call ARN a; a FAILED ARN; \
             status ARN ROLLBACK_IN_PROGRESS; call ARN a; a SUCCEEDED ARN",
        );
        let hooks = hooks(&timeline).into_iter().map(|hook| {
            let answers = hook.answers.iter().map(|answer| answer.status.as_str());
            let answers: Vec<&str> = answers.collect();
            let function = hook.function.unwrap_or_default();
            format!("{function} {} {}", answers.join(" "), hook.rollback)
        });
        let hooks: Vec<String> = hooks.collect();
        let expected = [
            "a IN_PROGRESS FAILED false",
            "b SUCCEEDED false",
            "a SUCCEEDED true",
        ];
        assert_eq!(hooks, expected);
    }

    /// CodeDeploy calls `run-migration`, and another function answers.
    #[test]
    fn what_codedeploy_calls_is_answered_by_any_function() {
        let hooks = hooks(&told("call d-1 run; finish Succeeded d-1"));
        assert_eq!(hooks[0].answers.len(), 1);
        assert_eq!(hooks[0].function, None);
    }
}
