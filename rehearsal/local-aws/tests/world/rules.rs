//! The rules of a template, as EventBridge lists them.

use std::time::Duration;

use local_aws::events::{CustomBus, Pattern, RetryPolicy, Rule, Schedule, Trigger};
use serde_json::{Value, json};

use crate::aws::{call, world};

fn rule(name: &str, trigger: Trigger, function: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        trigger,
        function: function.to_owned(),
        input: None,
        retry: RetryPolicy {
            maximum_attempts: 4,
            maximum_event_age: Duration::from_secs(3600),
        },
        dead_letters: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_listed_and_described() {
    let pushes = Trigger::Pattern(Pattern::parse(&json!({ "source": ["aws.ecr"] })).unwrap());
    let hourly = Trigger::Schedule(Schedule::parse("rate(1 hour)").unwrap());
    let world = world(|settings| {
        settings.template.rules = vec![
            rule("Push", pushes.clone(), "start"),
            rule("Hourly", hourly, "start"),
            rule("Report", pushes, "report"),
        ];
    })
    .await;
    let events = async |operation: &str, members: Value| {
        call(&world, &format!("AWSEvents.{operation}"), members).await
    };
    let (_, listed) = events("ListRules", json!({ "NamePrefix": "Hour" })).await;
    assert_eq!(listed["Rules"][0]["ScheduleExpression"], "rate(1 hour)");
    assert_eq!(listed["Rules"].as_array().unwrap().len(), 1);

    let (_, described) = events("DescribeRule", json!({ "Name": "Push" })).await;
    assert_eq!(described["CreatedBy"], "111122223333");
    for (operation, members, message) in [
        (
            "DescribeRule",
            json!({ "Name": "Push", "EventBusName": "none" }),
            "Event bus none does not exist.",
        ),
        (
            "ListRules",
            json!({ "EventBusName": "none" }),
            "Event bus none does not exist.",
        ),
        (
            "ListTargetsByRule",
            json!({ "Rule": "Pull" }),
            "Rule Pull does not exist on EventBus default.",
        ),
        (
            "DescribeRule",
            json!({ "Name": "a b" }),
            "1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [\\.\\-_A-Za-z0-9]+",
        ),
        (
            "ListRules",
            json!({ "Limit": 101 }),
            "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value less \
             than or equal to 100",
        ),
    ] {
        let (_, refused) = events(operation, members.clone()).await;
        assert_eq!(refused["message"], message, "{operation} {members}");
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_found_by_their_target() {
    let pushes = Trigger::Pattern(Pattern::parse(&json!({ "source": ["aws.ecr"] })).unwrap());
    let hourly = Trigger::Schedule(Schedule::parse("rate(1 hour)").unwrap());
    let world = world(|settings| {
        settings.template.rules = vec![
            rule("Push", pushes.clone(), "start"),
            rule("Hourly", hourly, "start"),
            rule("Report", pushes, "report"),
        ];
    })
    .await;
    let events = async |operation: &str, members: Value| {
        call(&world, &format!("AWSEvents.{operation}"), members).await
    };
    let start = "arn:aws:lambda:eu-central-1:111122223333:function:start";
    let by_target = async |members: Value| events("ListRuleNamesByTarget", members).await.1;
    let all = by_target(json!({ "TargetArn": start })).await;
    assert_eq!(all, json!({ "RuleNames": ["Push", "Hourly"] }));
    let first = by_target(json!({ "TargetArn": start, "Limit": 1 })).await;
    assert_eq!(first["RuleNames"], json!(["Push"]));
    let token = &first["NextToken"];
    let second = by_target(json!({ "TargetArn": start, "Limit": 1, "NextToken": token })).await;
    assert_eq!(second, json!({ "RuleNames": ["Hourly"] }));
    let none = by_target(json!({ "TargetArn": "arn:aws:sns:eu-central-1:1:t" })).await;
    assert_eq!(none, json!({ "RuleNames": [] }));
    for members in [
        json!({}),
        json!({ "TargetArn": start, "Limit": 0 }),
        json!({ "TargetArn": start, "NextToken": "x" }),
    ] {
        let (status, body) = events("ListRuleNamesByTarget", members).await;
        assert_eq!(
            (status, &body["__type"]),
            (400, &json!("ValidationException"))
        );
    }
    world.shutdown().await;
}

/// Its rules are others' and not here; what is put on it is kept, by name and by ARN.
#[tokio::test(flavor = "multi_thread")]
async fn a_bus_of_the_stacks_own_keeps_its_events() {
    let pushes = Trigger::Pattern(Pattern::parse(&json!({ "source": ["shop"] })).unwrap());
    let world = world(|settings| {
        settings.template.rules = vec![rule("Push", pushes, "start")];
        settings.template.custom_buses = vec![CustomBus {
            name: "outcomes".to_owned(),
            ..CustomBus::default()
        }];
    })
    .await;
    let events = async |operation: &str, members: Value| {
        call(&world, &format!("AWSEvents.{operation}"), members).await
    };
    let entry = |bus: &str, detail: &str| json!({ "Source": "shop", "DetailType": "t", "Detail": detail, "EventBusName": bus });
    let arn = "arn:aws:events:eu-central-1:111122223333:event-bus/outcomes";
    let entries = [
        entry("outcomes", r#"{"a": 1}"#),
        entry(arn, r#"{"a": 2}"#),
        entry("outcomes", "[]"),
        entry("other", "{}"),
    ];
    let (_, put) = events("PutEvents", json!({ "Entries": entries })).await;
    assert_eq!(put["FailedEntryCount"], 1);
    assert_eq!(put["Entries"][2]["ErrorCode"], "MalformedDetail");
    let kept = world.custom_buses.events();
    let details: Vec<&Value> = kept.iter().map(|one| &one.event["detail"]["a"]).collect();
    assert_eq!(details, [&json!(1), &json!(2)]);
    assert_eq!(kept[0].bus, "outcomes");
    assert_eq!(kept[0].event["id"], put["Entries"][0]["EventId"]);
    assert_eq!(kept[0].event["detail-type"], "t");
    assert!(
        world.events.delivered().is_empty(),
        "the default bus has another rule"
    );
    let (_, listed) = events("ListRules", json!({ "EventBusName": "outcomes" })).await;
    assert_eq!(listed["Rules"], json!([]));
    let (_, missing) = events(
        "DescribeRule",
        json!({ "EventBusName": "outcomes", "Name": "Push" }),
    )
    .await;
    assert_eq!(
        missing["message"],
        "Rule Push does not exist on EventBus outcomes."
    );
    world.shutdown().await;
}
