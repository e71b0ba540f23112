//! The schedule that looks at a service again while a deployment of it is under way: no event of ECS is certain.

use serde_json::Value;
use time::{Duration, UtcDateTime};

use crate::config::Pipeline;
use crate::events::ServiceChange;
use crate::fnv;
use crate::names::{ServiceDeploymentArn, StackName, TopicArn};
use crate::start::Decision;

/// What a schedule needs beside the role with which it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Its name: one for each stack and service.
    pub name: String,
    /// The function that it calls, `start-deployment`.
    pub function_arn: String,
    /// The event that the function gets.
    pub event: Value,
    /// What people read.
    pub description: String,
    /// When it ends by itself, should nothing delete it.
    pub until: UtcDateTime,
}

/// ECS ends a service deployment after 30 days (ECS Developer Guide, "Amazon ECS blue/green deployments workflow").
const DEPLOYMENT_LASTS_AT_MOST: Duration = Duration::days(30);

impl Look {
    /// The schedule of a pipeline's service, made at this time.
    pub fn of(pipeline: &Pipeline, stack: &StackName, topic: &TopicArn, now: UtcDateTime) -> Self {
        let (cluster, service) = (&pipeline.cluster, &pipeline.service);
        Self {
            name: Self::name(pipeline, stack),
            function_arn: topic.function(&format!("{stack}-start-deployment")),
            event: ServiceChange::input(cluster, service, None),
            description: format!(
                "Looks at {} while a deployment is under way",
                pipeline.place()
            ),
            until: now + DEPLOYMENT_LASTS_AT_MOST,
        }
    }

    /// Its name alone. Of a cluster and a service of 255 characters each a name of 64 takes a hash.
    pub fn name(pipeline: &Pipeline, stack: &StackName) -> String {
        // Neither name has a blank.
        let text = format!("{stack} {} {}", pipeline.cluster, pipeline.service);
        format!("greenlight-under-way-{:016x}", fnv::hash(&text))
    }

    /// The name of the schedule by which an invocation claims to start a deployment after this one: only one can create it.
    pub fn claim(
        pipeline: &Pipeline,
        stack: &StackName,
        newest: Option<&ServiceDeploymentArn>,
    ) -> String {
        let newest = newest.map_or("none", ServiceDeploymentArn::as_str);
        let text = format!("{stack} {} {} {newest}", pipeline.cluster, pipeline.service);
        format!("greenlight-start-{:016x}", fnv::hash(&text))
    }
}

/// Whether a deployment of the service is under way once these decisions are carried out.
pub fn is_under_way<'a>(
    is_active: bool,
    decisions: impl IntoIterator<Item = &'a Decision>,
) -> bool {
    let mut decisions = decisions.into_iter();
    is_active || decisions.any(|decision| matches!(decision, Decision::Start(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::events::StartEvent;

    fn pipeline(cluster: &str, service: &str) -> Pipeline {
        let text = format!(
            "[[pipeline]]\nname = 'p'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = '{cluster}'\nservice = '{service}'\n\
             application = 'shop'\ndeployment_group = 'web'\n"
        );
        Config::parse(&text).unwrap().pipelines.remove(0)
    }

    #[test]
    fn a_schedule_is_named_by_stack_and_service_and_never_too_long() {
        let name = |stack: &str, cluster: &str, service: &str| {
            Look::name(&pipeline(cluster, service), &stack.parse().unwrap())
        };
        let long = "x".repeat(255);
        let names = [
            name("greenlight", "prod", "web"),
            name("other", "prod", "web"),
            name("greenlight", "prod", "api"),
            name("greenlight", "test", "web"),
            name("greenlight", &long, &long),
        ];
        assert_eq!(names[0], name("greenlight", "prod", "web"));
        for (index, one) in names.iter().enumerate() {
            assert!(one.len() <= 64, "{one}");
            assert!(!names[..index].contains(one), "{one}");
        }
    }

    #[test]
    fn it_calls_start_deployment_with_an_event_of_the_service_and_ends() {
        let topic = "arn:aws-cn:sns:cn-north-1:111122223333:outcomes";
        let look = Look::of(
            &pipeline("prod", "web"),
            &"greenlight".parse().unwrap(),
            &topic.parse().unwrap(),
            UtcDateTime::UNIX_EPOCH,
        );
        assert_eq!(
            look.function_arn,
            "arn:aws-cn:lambda:cn-north-1:111122223333:function:greenlight-start-deployment"
        );
        assert_eq!(
            StartEvent::parse(&look.event),
            Ok(StartEvent::ServiceChanged {
                cluster: "prod".parse().unwrap(),
                service: "web".parse().unwrap(),
            })
        );
        assert_eq!(look.until, UtcDateTime::UNIX_EPOCH + Duration::days(30));
    }
}
