//! What wakes the functions: every one of them reads any JSON, or refuses it with a reason.

use rules::events::{
    FinishEvent, HookCall, Request, StartEvent, StateChange, Subject, TaskChanged, UnreadableEvent,
    Wanted, Way,
};
use rules::start::Force;
use rules::{events, migration};
use serde_json::{Value, json};

/// Reads `text` as an event, where it is JSON at all: what is not, Lambda does not hand on.
pub fn holds(text: &str) {
    if let Ok(event) = serde_json::from_str(text) {
        is_read_or_refused(&event);
    }
}

/// Everybody reads an event, or says what is wrong with it.
pub fn is_read_or_refused(event: &Value) {
    is_read_the_same_with_more_in_it(event);
    repeats_nothing_secret(event);
    match StartEvent::parse(event) {
        Ok(read) => is_what_is_there(event, &read),
        Err(refused) => names_a_place(event, &refused),
    }
    match FinishEvent::parse(event) {
        Ok(FinishEvent::Ignored(reason)) => is_a_reason(&reason),
        Ok(FinishEvent::Changed(change)) => is_ours(event, &change),
        Ok(FinishEvent::TimedOut(time_out)) => {
            assert_eq!(event["deployment_id"], time_out.deployment.as_str());
            if let Some((execution, task)) = time_out.older {
                assert_eq!(event["hook_execution_id"], execution.as_str());
                assert_eq!(event["task_arn"], task.as_str());
            }
        }
        Err(refused) => names_a_place(event, &refused),
    }
    match HookCall::parse(event) {
        Ok(HookCall::Ecs(call)) => {
            let execution = &event["executionDetails"];
            assert_eq!(event["resourceArn"], call.deployment.as_str());
            assert_eq!(event["lifecycleStage"], call.stage.as_str());
            assert_eq!(execution["serviceArn"], call.service);
            assert_eq!(execution["targetServiceRevisionArn"], call.target.as_str());
        }
        Ok(HookCall::CodeDeploy(call)) => {
            assert_eq!(event["DeploymentId"], call.deployment_id.as_str());
            assert_eq!(
                event["LifecycleEventHookExecutionId"],
                call.execution_id.as_str()
            );
        }
        Err(refused) => names_a_place(event, &refused),
    }
    match StateChange::parse(event) {
        Ok(change) => {
            assert_eq!(event["detail"]["deploymentId"], change.deployment.as_str());
            assert_eq!(
                event["detail"]["deploymentGroup"],
                change.deployment_group.as_str()
            );
        }
        Err(refused) => names_a_place(event, &refused),
    }
    let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes"
        .parse()
        .expect("a topic");
    if let Some(reason) = events::other_account(event, &topic) {
        is_a_reason(&reason);
    }
}

/// A reason fits in a log line, in one piece.
pub fn is_a_reason(reason: &str) {
    assert!(!reason.is_empty());
    assert!(reason.chars().count() < 1100, "{} characters", reason.len());
    assert!(!reason.contains(char::is_control), "{reason:?}");
}

fn names_a_place(event: &Value, refused: &UnreadableEvent) {
    is_a_reason(&refused.to_string());
    let path = refused.path.as_str();
    // A name that nobody knows may be any text, and is then told as any other text is.
    if refused.reason.starts_with("unknown field") {
        return;
    }
    let is_whole = path.chars().count() < 500 && !path.contains(['?', ' ', '\u{FFFD}']);
    assert!(
        !is_whole || path == "." || leads_into(event, path),
        "`{path}` of {event}"
    );
}

/// Whether a path leads to something, or to what is missing from something that is there.
fn leads_into(value: &Value, path: &str) -> bool {
    // A name may hold what separates names.
    let is_there = |path: &str, name: &str, member: &Value| {
        path.strip_prefix(name).is_some_and(|rest| {
            rest.is_empty() || (rest.starts_with(['.', '[']) && leads_into(member, rest))
        })
    };
    let inside = path.strip_prefix('.').unwrap_or(path);
    match value {
        Value::Object(members) => {
            let leads = |(name, member): (&String, &Value)| {
                is_there(path, name, member) || is_there(inside, name, member)
            };
            members.iter().any(leads) || !inside.contains(['.', '['])
        }
        Value::Array(items) => path.strip_prefix('[').is_some_and(|path| {
            let item = path.split_once(']').and_then(|(index, rest)| {
                let index: usize = index.parse().ok()?;
                Some((items.get(index)?, rest))
            });
            item.is_some_and(|(item, rest)| rest.is_empty() || leads_into(item, rest))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// AWS adds fields to its events. A request is ours, and there one is a typing mistake.
fn is_read_the_same_with_more_in_it(event: &Value) {
    let Value::Object(members) = event else {
        return;
    };
    let is_ours = !members.contains_key("source") || !members.contains_key("detail-type");
    let mut more = members.clone();
    more.insert("a-field-of-tomorrow".to_owned(), json!({"source": 1}));
    if let Some(Value::Object(detail)) = more.get_mut("detail") {
        detail.insert("aFieldOfTomorrow".to_owned(), json!([null]));
    }
    let more = Value::Object(more);
    assert_eq!(HookCall::parse(event), HookCall::parse(&more));
    assert_eq!(StateChange::parse(event), StateChange::parse(&more));
    if !is_ours {
        assert_eq!(StartEvent::parse(event), StartEvent::parse(&more));
        assert_eq!(FinishEvent::parse(event), FinishEvent::parse(&more));
    } else if StartEvent::parse(event).is_ok() {
        let refused = StartEvent::parse(&more).expect_err("nothing in a request has that name");
        assert!(
            refused.to_string().contains("a-field-of-tomorrow"),
            "{refused}"
        );
    }
}

/// A refusal quotes what it refuses, but neither an environment nor what answers a hook.
fn repeats_nothing_secret(event: &Value) {
    const PLANTED: &str = "planted-value-4711";
    let mut event = event.clone();
    plant(&mut event, PLANTED, false);
    let of_start = match StartEvent::parse(&event) {
        Ok(StartEvent::Unreadable { error, .. }) | Err(error) => Some(error),
        Ok(_) => None,
    };
    let refusals = [
        of_start,
        FinishEvent::parse(&event).err(),
        HookCall::parse(&event).err(),
        StateChange::parse(&event).err(),
    ];
    for refused in refusals.into_iter().flatten() {
        assert!(!refused.to_string().contains(PLANTED), "{refused}");
    }
}

fn plant(value: &mut Value, planted: &str, is_secret: bool) {
    match value {
        Value::String(text) if is_secret => *text = planted.to_owned(),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| plant(item, planted, is_secret)),
        Value::Object(members) => members.iter_mut().for_each(|(name, member)| {
            let names_one = [
                "environment",
                "LifecycleEventHookExecutionId",
                "hook_execution_id",
            ];
            plant(
                member,
                planted,
                is_secret || names_one.contains(&name.as_str()),
            );
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Nothing is made up: what was read is what the event holds.
fn is_what_is_there(event: &Value, read: &StartEvent) {
    let detail = &event["detail"];
    match read {
        StartEvent::Pushed { image, tag, at } => {
            assert_eq!(image.tag.as_ref(), Some(tag));
            assert_eq!(detail["image-tag"], tag.as_str());
            assert_eq!(detail["image-digest"], image.digest.as_str());
            assert_eq!(detail["repository-name"], image.repository.as_str());
            let is_pull_through = event["detail-type"] == "ECR Pull Through Cache Action";
            assert_eq!(at.is_none(), is_pull_through);
            for outcome in ["result", "sync-status"] {
                let given = detail[outcome].as_str();
                let is_its_own = (outcome == "sync-status") == is_pull_through;
                assert!(!is_its_own || given.is_none_or(|given| given == "SUCCESS"));
            }
            let action = detail["action-type"].as_str();
            assert!(is_pull_through || action.is_none_or(|action| action != "DELETE"));
        }
        StartEvent::DeploymentEnded {
            application,
            deployment_group,
        } => {
            assert_eq!(detail["application"], application.as_str());
            assert_eq!(detail["deploymentGroup"], deployment_group.as_str());
        }
        StartEvent::ServiceChanged { cluster, service } => {
            let text = event.to_string();
            assert!(text.contains(cluster.as_str()) && text.contains(service.as_str()));
        }
        StartEvent::Asked(Request {
            pipeline,
            wanted,
            force,
            way,
            dry_run,
        }) => {
            assert_eq!(event["pipeline"], pipeline.as_str());
            let asked = |member: &str| event.get(member).and_then(Value::as_bool) == Some(true);
            assert_eq!(asked("dry_run"), *dry_run);
            assert_eq!(asked("force"), *force == Force::Yes);
            assert_eq!(asked("rollback"), *way == Way::Back);
            assert!(*way == Way::Forward || *wanted != Wanted::Due);
            match wanted {
                Wanted::Due => assert!(event["tag"].is_null() && event["digest"].is_null()),
                Wanted::Tag(tag) => assert_eq!(event["tag"], tag.as_str()),
                Wanted::Digest(digest) => assert_eq!(event["digest"], digest.as_str()),
            }
        }
        StartEvent::Routine => assert_eq!(event["detail-type"], "Scheduled Event"),
        StartEvent::Ignored(reason) => is_a_reason(reason),
        StartEvent::Unreadable { subject, error } => {
            names_a_place(event, error);
            match subject {
                Subject::Repository(repository) => {
                    assert_eq!(detail["repository-name"], repository.as_str());
                }
                Subject::DeploymentGroup {
                    application,
                    deployment_group,
                } => {
                    assert_eq!(detail["application"], application.as_str());
                    assert_eq!(detail["deploymentGroup"], deployment_group.as_str());
                }
            }
        }
    }
}

/// A task event is taken for its ids alone.
fn is_ours(event: &Value, change: &TaskChanged) {
    let detail = &event["detail"];
    assert_eq!(detail["taskArn"], change.task.as_str());
    assert_eq!(
        detail["startedBy"],
        migration::started_by(&change.deployment).as_str()
    );
    assert_eq!(
        detail["lastStatus"] == migration::STOPPED,
        change.has_stopped
    );
    assert!(change.has_stopped || !change.ended.is_empty());
}
