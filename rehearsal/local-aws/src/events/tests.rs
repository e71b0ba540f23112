//! Deliveries to real functions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::lambda::tests::{function, start as start_lambda};

const FUNCTION: &str = "CodeDeployHook_greenlight_run-migration";

/// A bus with one rule, whose function answers at once.
async fn bus(change: impl FnOnce(&mut Rule), assumptions: &[Assumption]) -> (EventBus, Lambda) {
    let mut rule = Rule {
        name: "Push".to_owned(),
        trigger: Trigger::Pattern(Pattern::parse(&json!({"source": ["aws.ecr"]})).unwrap()),
        function: FUNCTION.to_owned(),
        input: None,
        retry: RetryPolicy {
            maximum_attempts: 4,
            maximum_event_age: Duration::from_secs(3600),
        },
        dead_letters: Some("UndeliveredEvents".to_owned()),
    };
    change(&mut rule);
    let (lambda, clock) = start_lambda(function()).await;
    let assumptions = assumptions.iter().copied().collect();
    let bus = EventBus::start(clock, vec![rule], lambda.clone(), &assumptions);
    (bus, lambda)
}

fn emit(bus: &EventBus, number: u32) {
    bus.emit(
        "aws.ecr",
        "ECR Image Action",
        Vec::new(),
        json!({ "number": number }),
    );
}

/// The numbers of the events that the function received, in order.
async fn arrived(lambda: &Lambda) -> Vec<Value> {
    lambda.idle().await;
    let number =
        |invocation: crate::lambda::Invocation| invocation.payload["detail"]["number"].clone();
    lambda.invocations().into_iter().map(number).collect()
}

#[tokio::test]
async fn events_arrive_once_or_by_assumption_twice() {
    let (bus, lambda) = bus(|_| {}, &[]).await;
    emit(&bus, 1);
    bus.emit("aws.ecs", "ECS Task State Change", Vec::new(), json!({}));
    assert_eq!(arrived(&lambda).await, [1]);
    assert_eq!(bus.delivered()[0].1, ["Push"]);
    assert_eq!(bus.delivered()[1].1, [""; 0]);
}

#[tokio::test]
async fn by_assumption_every_event_arrives_twice_with_the_same_id() {
    let (bus, lambda) = bus(|_| {}, &[Assumption::EventsComeTwice]).await;
    emit(&bus, 1);
    assert_eq!(arrived(&lambda).await, [1, 1]);
    let ids: Vec<Value> = lambda
        .invocations()
        .into_iter()
        .map(|i| i.payload["id"].clone())
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn injected_faults_lose_double_and_delay_deliveries_and_then_end() {
    let (bus, lambda) = bus(|_| {}, &[]).await;
    bus.inject(
        "Push",
        [
            Some(DeliveryFault::Lost),
            None,
            Some(DeliveryFault::Late(Duration::from_secs(60))),
        ],
    );
    bus.inject("Push", [Some(DeliveryFault::Twice)]);
    bus.inject("Another", [Some(DeliveryFault::Lost)]);
    (1..=2).for_each(|number| emit(&bus, number));
    assert_eq!(arrived(&lambda).await, [2]);
    emit(&bus, 3);
    assert_eq!(arrived(&lambda).await, [2, 3]);
    emit(&bus, 4);
    emit(&bus, 5);
    let mut all = arrived(&lambda).await;
    all.sort_by_key(Value::as_u64);
    assert_eq!(all, [2, 3, 4, 4, 5]);
    assert_eq!(bus.dead_letters(), []);
}

#[tokio::test]
async fn a_refused_event_is_retried_until_it_is_accepted() {
    let (bus, lambda) = bus(|_| {}, &[]).await;
    bus.inject(
        "Push",
        [Some(DeliveryFault::Refused(4, Refusal::Throttled))],
    );
    let before = bus.inner.clock.now();
    emit(&bus, 1);
    assert_eq!(arrived(&lambda).await, [1]);
    // 1, 2, 4 and 8 seconds, each shortened by up to a half.
    let took = bus.inner.clock.now().duration_since(before).unwrap();
    assert!(
        took >= Duration::from_millis(7500) && took < Duration::from_secs(30),
        "{took:?}"
    );
    assert_eq!(bus.dead_letters(), []);
}

async fn dead_letter(change: impl FnOnce(&mut Rule), fault: DeliveryFault) -> DeadLetter {
    let (bus, lambda) = bus(change, &[]).await;
    bus.inject("Push", [Some(fault)]);
    emit(&bus, 1);
    lambda.idle().await;
    assert_eq!(lambda.invocations().len(), 0);
    bus.dead_letters().pop().unwrap()
}

#[tokio::test]
async fn an_event_refused_too_often_or_for_too_long_becomes_a_dead_letter() {
    let letter = dead_letter(|_| {}, DeliveryFault::Refused(5, Refusal::TimedOut)).await;
    assert_eq!(letter.queue, "UndeliveredEvents");
    assert_eq!(letter.event["detail"]["number"], 1);
    let attributes = [
        ("ERROR_CODE", "TIMEOUT"),
        ("ERROR_MESSAGE", "The target did not answer in time."),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
        ("RETRY_ATTEMPTS", "4"),
        (
            "RULE_ARN",
            "arn:aws:events:eu-central-1:111122223333:rule/Push",
        ),
        (
            "TARGET_ARN",
            "arn:aws:lambda:eu-central-1:111122223333:function:CodeDeployHook_greenlight_run-migration",
        ),
    ];
    let attributes = attributes.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(letter.attributes, BTreeMap::from(attributes));

    let impatient = |rule: &mut Rule| {
        rule.retry = RetryPolicy {
            maximum_attempts: 185,
            maximum_event_age: Duration::from_secs(60),
        };
    };
    let letter = dead_letter(impatient, DeliveryFault::Refused(185, Refusal::Throttled)).await;
    assert_eq!(
        letter.attributes["EXHAUSTED_RETRY_CONDITION"],
        "MaximumEventAgeInSeconds"
    );
    assert_eq!(letter.attributes["ERROR_CODE"], "THROTTLING");
}

#[tokio::test]
async fn an_event_that_cannot_be_delivered_is_not_retried() {
    let letter = dead_letter(|_| {}, DeliveryFault::Refused(1, Refusal::NoPermissions)).await;
    assert_eq!(letter.attributes["ERROR_CODE"], "NO_PERMISSIONS");
    assert_eq!(letter.attributes.get("RETRY_ATTEMPTS"), None);
    let elsewhere = |rule: &mut Rule| rule.function = "missing".to_owned();
    let letter = dead_letter(elsewhere, DeliveryFault::Twice).await;
    assert_eq!(letter.attributes["ERROR_CODE"], "NO_RESOURCE");
}

#[tokio::test]
async fn the_default_policy_takes_185_attempts_within_a_day() {
    let day = |rule: &mut Rule| rule.retry = RetryPolicy::default();
    let letter = dead_letter(day, DeliveryFault::Refused(1000, Refusal::Throttled)).await;
    assert_eq!(
        letter.attributes["EXHAUSTED_RETRY_CONDITION"],
        "MaximumRetryAttempts"
    );
    assert_eq!(letter.attributes["RETRY_ATTEMPTS"], "185");
}

#[tokio::test(start_paused = true)]
async fn a_custom_event_states_the_rules_that_match_it() {
    let (bus, _lambda) = bus(|_| {}, &[]).await;
    let timeline = Timeline::new(bus.inner.clock.clone());
    let detail = json!({"a": 1});
    bus.deliver_custom(
        json!({"source": "aws.ecr", "detail-type": "T", "detail": detail}),
        &timeline,
    );
    bus.put(("my.app", "T"), Vec::new(), detail, &timeline);
    let arrived = |source: &str, rules: &[&str]| timeline::Event::EventArrived {
        source: source.to_owned(),
        detail_type: "T".to_owned(),
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
    };
    let entries = timeline.entries().into_iter().map(|entry| entry.event);
    assert_eq!(
        entries.collect::<Vec<_>>(),
        [arrived("aws.ecr", &["Push"]), arrived("my.app", &[])]
    );
    // What AWS emits by itself is mostly matched by no rule, and is no one's question.
    bus.emit("aws.ecs", "T", Vec::new(), json!({}));
    assert_eq!(timeline.entries().len(), 2);
}
