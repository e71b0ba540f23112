//! What people are told of an event that meets a wrong configuration. Nothing is decided then, and the invocation fails; but whoever
//! pushed, requested or waits for a deployment must not wait for ever.

use serde_json::Value;

use crate::events::{Origin, StartEvent, StateChange, other_account};
use crate::names::TopicArn;
use crate::outcome::Outcome;

/// The outcome of a push or a request; none where nobody is to be told. `file` is the configuration file as it is, where it can be
/// read: what it does not name in any way is none of Greenlight's. `problems` says what is wrong with it.
pub fn of_order(
    event: &Value,
    topic: &TopicArn,
    file: Option<&str>,
    problems: &str,
) -> Option<Outcome> {
    match StartEvent::parse(event).ok()? {
        StartEvent::Pushed { image, .. } => {
            let is_followed = match file {
                // The registry of another account is known by the file alone.
                Some(file) => names(file, image.repository.as_str()),
                None => Origin::of(event, topic).elsewhere().is_none(),
            };
            is_followed.then(|| Outcome::push_without_configuration(image, problems))
        }
        StartEvent::Asked(request) if !request.dry_run => {
            Some(Outcome::request_without_configuration(request, problems))
        }
        StartEvent::Asked(_)
        | StartEvent::DeploymentEnded { .. }
        | StartEvent::ServiceChanged { .. }
        | StartEvent::Routine
        | StartEvent::Ignored(_)
        | StartEvent::Unreadable { .. } => None,
    }
}

/// The outcome of a deployment that began, waits for a person or has ended; none where it is none of Greenlight's. As in
/// [`of_order`].
pub fn of_change(
    event: &Value,
    topic: &TopicArn,
    file: Option<&str>,
    problems: &str,
) -> Option<Outcome> {
    let change = StateChange::parse(event).ok()?;
    if other_account(event, topic).is_some() {
        return None;
    }
    let (application, group) = (
        change.application.as_str(),
        change.deployment_group.as_str(),
    );
    let is_ours = file.is_none_or(|file| {
        // The console's names are those of a pipeline that names none.
        let is_default = |name: &str, prefix| name.starts_with(prefix);
        (names(file, application) || is_default(application, "AppECS-"))
            && (names(file, group) || is_default(group, "DgpECS-"))
    });
    match is_ours {
        true => Outcome::change_without_configuration(&change, problems),
        false => None,
    }
}

/// A file with mistakes is searched as text: a mistake may be anywhere in it.
fn names(file: &str, name: &str) -> bool {
    file.contains(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\nnonsense=1\ntag='latest'\ncluster='prod'\nservice='web'\n\
                        application='shop'\ndeployment_group='blue-green'";
    const PROBLEMS: &str = "the configuration is wrong\nat `pipeline[0].nonsense`: unknown";

    fn topic() -> TopicArn {
        "arn:aws:sns:eu-central-1:111122223333:outcomes"
            .parse()
            .unwrap()
    }

    fn push(repository: &str, account: &str) -> Value {
        json!({
            "source": "aws.ecr", "detail-type": "ECR Image Action", "account": account, "region": "eu-central-1",
            "time": "2026-10-14T09:21:47Z", "detail": {
                "action-type": "PUSH", "result": "SUCCESS", "repository-name": repository, "image-tag": "1.0.0",
                "image-digest": format!("sha256:{}", "4c".repeat(32))
            }
        })
    }

    fn end(application: &str, group: &str, state: &str, account: &str) -> Value {
        json!({
            "source": "aws.codedeploy", "detail-type": "CodeDeploy Deployment State-change Notification",
            "account": account, "region": "eu-central-1", "detail": {
                "application": application, "deploymentGroup": group, "deploymentId": "d-1", "state": state
            }
        })
    }

    #[track_caller]
    fn check(outcome: Option<Outcome>, expected: &str) {
        let said = outcome.map_or("nothing".to_owned(), |outcome| {
            assert_eq!(outcome.reason.as_deref(), Some(PROBLEMS));
            let of = outcome.deployment.map(|id| id.to_string());
            let of = of.or(outcome.image.map(|image| image.to_string()));
            let of = of.or(outcome.pipeline.map(|name| name.to_string()));
            let (event, verdict) = (outcome.event.code(), outcome.verdict.code());
            format!("{event} ({verdict}) {}", of.unwrap_or_default())
        });
        assert_eq!(said, expected);
    }

    #[test]
    fn an_order_is_refused_where_the_file_may_mean_it() {
        let order = |event: &Value, file| of_order(event, &topic(), file, PROBLEMS);
        let (own, other) = ("111122223333", "444455556666");
        let refused = "refused (failure) shop/web:1.0.0 (sha256:4c4c4c4c4c4c)";
        check(order(&push("shop/web", own), Some(FILE)), refused);
        check(order(&push("shop/web", other), Some(FILE)), refused);
        check(order(&push("shop/web", own), None), refused);
        check(order(&push("shop/web", other), None), "nothing");
        check(order(&push("shop/api", own), Some(FILE)), "nothing");
        let mut request = json!({"pipeline": "web", "tag": "1.0.0"});
        check(order(&request, Some(FILE)), "refused (failure) web");
        request["dry_run"] = true.into();
        check(order(&request, Some(FILE)), "nothing");
        let ended = end("shop", "blue-green", "FAILURE", own);
        check(order(&ended, Some(FILE)), "nothing");
        let hour = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        check(order(&hour, Some(FILE)), "nothing");
    }

    #[test]
    fn a_deployments_change_is_told_as_its_event_states_it() {
        let told = |event: &Value, file| of_change(event, &topic(), file, PROBLEMS);
        let (own, other) = ("111122223333", "444455556666");
        for (state, expected) in [
            ("FAILURE", "failed (failure) d-1"),
            ("STOP", "stopped (failure) d-1"),
            // Whether production runs it was not checked.
            ("SUCCESS", "shipped (pending) d-1"),
            ("START", "started (pending) d-1"),
            ("READY", "ready (pending) d-1"),
            ("OF_TOMORROW", "nothing"),
        ] {
            check(
                told(&end("shop", "blue-green", state, own), Some(FILE)),
                expected,
            );
            check(told(&end("shop", "blue-green", state, own), None), expected);
            let of_console = end("AppECS-prod-web", "DgpECS-prod-web", state, own);
            check(told(&of_console, Some(FILE)), expected);
            check(
                told(&end("lambdas", "all", state, own), Some(FILE)),
                "nothing",
            );
            check(
                told(&end("shop", "blue-green", state, other), Some(FILE)),
                "nothing",
            );
        }
        check(told(&json!({"source": "other"}), Some(FILE)), "nothing");
    }
}
