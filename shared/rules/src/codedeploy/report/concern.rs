//! Whether an event is about a pipeline at all: asked before anything else is expected of it.

use serde_json::Value;

use crate::config::{Config, Pipeline};
use crate::events::{self, StateChange, UnreadableEvent};
use crate::names::{TopicArn, shortened};

/// What an event is about.
#[derive(Debug, Clone)]
pub enum Concern<'a> {
    /// A deployment of these pipelines' group; at least one.
    Pipelines(Vec<&'a Pipeline>, StateChange),
    /// Nothing of ours, for this reason.
    Nothing(String),
}

/// What an event is about, for the stack of this topic.
///
/// # Errors
/// It is about a pipeline's deployment group, or does not say about which, and cannot be read.
pub fn concern<'a>(
    config: &'a Config,
    event: &Value,
    topic: &TopicArn,
) -> Result<Concern<'a>, UnreadableEvent> {
    if let Some(reason) = events::other_account(event, topic) {
        return Ok(Concern::Nothing(reason));
    }
    let error = match StateChange::parse(event) {
        Ok(change) => {
            let (application, group) = (&change.application, &change.deployment_group);
            let pipelines: Vec<&Pipeline> = config.of_group(application, group).collect();
            return Ok(match pipelines.is_empty() {
                true => no_such_group(application.as_str(), group.as_str()),
                false => Concern::Pipelines(pipelines, change),
            });
        }
        Err(error) => error,
    };
    let named = |field: &str| event["detail"][field].as_str();
    let Some((application, group)) = named("application").zip(named("deploymentGroup")) else {
        return Err(error);
    };
    let mut groups = config.pipelines.iter().map(|pipeline| &pipeline.codedeploy);
    match groups.any(|ours| {
        ours.application.as_str() == application && ours.deployment_group.as_str() == group
    }) {
        true => Err(error),
        false => Ok(no_such_group(application, group)),
    }
}

fn no_such_group<'a>(application: &str, group: &str) -> Concern<'a> {
    Concern::Nothing(format!(
        "no pipeline has the deployment group `{}` of `{}`",
        shortened(group),
        shortened(application)
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TYPE: &str = "CodeDeploy Deployment State-change Notification";

    fn event(detail: Value) -> Value {
        json!({
            "version": "0", "id": "1", "detail-type": TYPE, "source": "aws.codedeploy", "account": "111122223333",
            "time": "2026-10-14T09:21:47Z", "region": "eu-central-1", "resources": [], "detail": detail
        })
    }

    fn detail(application: &str, group: &str, id: &str) -> Value {
        json!({"application": application, "deploymentGroup": group, "deploymentId": id, "state": "SUCCESS"})
    }

    #[track_caller]
    fn check(event: &Value, expected: &str) {
        let text = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'";
        let config = Config::parse(text).unwrap();
        let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes".parse();
        let said = match concern(&config, event, &topic.unwrap()) {
            Ok(Concern::Pipelines(pipelines, change)) => {
                format!("{} of {}", change.deployment, pipelines[0].name)
            }
            Ok(Concern::Nothing(reason)) => reason,
            Err(error) => format!("unreadable at {}", error.path),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn an_event_is_judged_only_where_a_pipeline_is_concerned() {
        let (application, group) = ("AppECS-prod-web", "DgpECS-prod-web");
        let ours = event(detail(application, group, "d-4F7H2K9QZ"));
        check(&ours, "d-4F7H2K9QZ of web");
        let long = "x".repeat(300);
        let none = "no pipeline has the deployment group `other` of `shop`";
        check(&event(detail("shop", "other", "d-1")), none);
        // Whatever else is in it is none of our business.
        check(&event(detail("shop", "other", &long)), none);
        check(&event(detail("shop", "other", "")), none);
        let others = json!({"application": "shop", "deploymentGroup": "other"});
        check(&event(others.clone()), none);
        let mut late = event(others);
        late["time"] = json!("yesterday");
        check(&late, none);
        let shown = shortened(&long);
        check(
            &event(detail(&long, group, "d-1")),
            &format!("no pipeline has the deployment group `{group}` of `{shown}`"),
        );
        check(
            &event(detail(application, "a group\n", "d-1")),
            &format!("no pipeline has the deployment group `a group\\n` of `{application}`"),
        );
        let mut elsewhere = event(json!(null));
        elsewhere["account"] = json!("444455556666");
        check(
            &elsewhere,
            "an event of the account `444455556666`, not `111122223333`",
        );
        // Ours, or perhaps ours.
        check(
            &event(detail(application, group, &long)),
            "unreadable at detail.deploymentId",
        );
        check(
            &event(json!({"application": application, "deploymentGroup": group})),
            "unreadable at detail",
        );
        check(&event(json!({})), "unreadable at detail");
        check(&event(json!(null)), "unreadable at detail");
        check(&json!({"pipeline": "web"}), "unreadable at .");
        let mut other_type = ours;
        other_type["detail-type"] = json!("CodeDeploy Instance State-change Notification");
        check(&other_type, "unreadable at detail-type");
    }
}
