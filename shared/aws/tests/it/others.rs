//! The services that Greenlight asks one or two things: load balancing, SNS, logs, the scheduler.

use aws::Kind;
use aws::elb::Elb;
use aws::logs::Logs;
use aws::scheduler::{Created, FoundSchedule, Schedule, Scheduler};
use aws::sns::Sns;
use rules::message::Message;
use rules::names::{ListenerArn, TargetGroupArn, TopicArn};
use rules::observed::{Listener, RuleAction, TargetHealth};
use serde_json::json;
use time::macros::utc_datetime;

use crate::server::{Server, error, json as answer, text};

pub(crate) const TARGET_GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/green/0123456789abcdef";
pub(crate) const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop/0123/4567";
const LOAD_BALANCER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/shop/0123";
const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:outcomes";

pub(crate) fn xml(status: u16, body: &str) -> crate::server::Answer {
    text(status, "text/xml", body)
}

fn xml_error(status: u16, code: &str, message: &str) -> crate::server::Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    );
    xml(status, &body)
}

/// A form as AWS Query has it, decoded.
pub(crate) fn form(body: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        pair.split_once('=')
            .map(|(name, value)| (decoded(name), decoded(value)))
            .unwrap()
    };
    body.split('&').map(pair).collect()
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn health(
    target: &str,
    state: &str,
    reason: Option<&str>,
    description: Option<&str>,
) -> TargetHealth {
    TargetHealth {
        target: target.to_owned(),
        state: state.to_owned(),
        reason: reason.map(str::to_owned),
        description: description.map(str::to_owned),
    }
}

#[tokio::test]
async fn targets_say_how_they_are() {
    let body = "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>\
        <member><Target><Id>10.0.12.41</Id><Port>8080</Port></Target><HealthCheckPort>8080</HealthCheckPort>\
        <TargetHealth><State>healthy</State></TargetHealth></member>\
        <member><Target><Id>10.0.12.42</Id><Port>8080</Port></Target><TargetHealth><State>unhealthy</State>\
        <Reason>Target.ResponseCodeMismatch</Reason><Description>Health checks failed with these codes: [500]\
        </Description></TargetHealth></member>\
        <member><Target><Id>i-0a</Id></Target><TargetHealth><State>of-tomorrow</State><Reason>Elb.New</Reason>\
        </TargetHealth></member>\
        </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>";
    let empty = "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions/>\
        </DescribeTargetHealthResult></DescribeTargetHealthResponse>";
    let server = Server::answering([xml(200, body), xml(200, empty)]).await;
    let elb = Elb::new(&server.session());
    let group: TargetGroupArn = TARGET_GROUP.parse().unwrap();
    let found = elb.describe_target_health(&group).await.unwrap();
    let asked = [
        ("Action", "DescribeTargetHealth"),
        ("Version", "2015-12-01"),
        ("TargetGroupArn", TARGET_GROUP),
    ];
    assert_eq!(form(&server.request().body), pairs(&asked));
    let expected = [
        health("10.0.12.41:8080", "healthy", None, None),
        health(
            "10.0.12.42:8080",
            "unhealthy",
            Some("Target.ResponseCodeMismatch"),
            Some("Health checks failed with these codes: [500]"),
        ),
        health("i-0a", "of-tomorrow", Some("Elb.New"), None),
    ];
    assert_eq!(found.targets, expected);
    let empty = elb.describe_target_health(&group).await.unwrap();
    assert_eq!(empty.targets, []);
}

#[tokio::test]
async fn a_listener_is_reached_at_its_load_balancer() {
    let listeners = format!(
        "<DescribeListenersResponse><DescribeListenersResult><Listeners><member>\
         <ListenerArn>{LISTENER}</ListenerArn><LoadBalancerArn>{LOAD_BALANCER}</LoadBalancerArn><Port>8443</Port>\
         <Protocol>HTTPS</Protocol><DefaultActions><member><Type>of-tomorrow</Type></member></DefaultActions>\
         </member></Listeners></DescribeListenersResult></DescribeListenersResponse>"
    );
    let balancers = "<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member>\
        <DNSName>shop-1.eu-central-1.elb.amazonaws.com</DNSName><Scheme>internal</Scheme></member></LoadBalancers>\
        </DescribeLoadBalancersResult></DescribeLoadBalancersResponse>";
    let server = Server::answering([xml(200, &listeners), xml(200, balancers)]).await;
    let arn: ListenerArn = LISTENER.parse().unwrap();
    let found = Elb::new(&server.session()).describe_listener(&arn).await;
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|request| form(&request.body))
        .collect();
    let expected = [
        pairs(&[
            ("Action", "DescribeListeners"),
            ("Version", "2015-12-01"),
            ("ListenerArns.member.1", LISTENER),
        ]),
        pairs(&[
            ("Action", "DescribeLoadBalancers"),
            ("Version", "2015-12-01"),
            ("LoadBalancerArns.member.1", LOAD_BALANCER),
        ]),
    ];
    assert_eq!(asked, expected);
    let dns_name = "shop-1.eu-central-1.elb.amazonaws.com".to_owned();
    assert_eq!(
        found,
        Ok(Listener {
            protocol: "HTTPS".to_owned(),
            port: 8443,
            dns_name,
            is_internal: true,
            default_actions: vec![RuleAction::Other("of-tomorrow".to_owned())],
        })
    );
}

#[tokio::test]
async fn query_errors_have_their_kind_and_sentence() {
    let denied = "User: arn:aws:sts::111122223333:assumed-role/f/f is not authorized to perform: \
        elasticloadbalancing:DescribeTargetHealth because no identity-based policy allows it";
    for (status, code, message, kind, sentence) in [
        (
            400,
            "TargetGroupNotFound",
            "One or more target groups not found",
            Kind::NotFound,
            "not found: TargetGroupNotFound, One or more target groups not found",
        ),
        (
            403,
            "AccessDenied",
            denied,
            Kind::Denied,
            "access denied (hint: the function's role needs `elasticloadbalancing:DescribeTargetHealth`)",
        ),
        (
            400,
            "ValidationError",
            "1 validation error detected.",
            Kind::Invalid,
            "refused: ValidationError, 1 validation error detected",
        ),
    ] {
        let server = Server::answering([xml_error(status, code, message)]).await;
        let group: TargetGroupArn = TARGET_GROUP.parse().unwrap();
        let failed = Elb::new(&server.session())
            .describe_target_health(&group)
            .await
            .unwrap_err();
        assert_eq!(failed.kind, kind);
        assert_eq!(
            failed.to_string(),
            format!("describe target health `{TARGET_GROUP}`: {sentence}")
        );
    }
    let server = Server::answering([
        xml_error(400, "Throttling", "Rate exceeded"),
        xml_error(400, "Throttling", "Rate exceeded"),
        xml_error(400, "Throttling", "Rate exceeded"),
    ])
    .await;
    let group: TargetGroupArn = TARGET_GROUP.parse().unwrap();
    let failed = Elb::new(&server.session())
        .describe_target_health(&group)
        .await
        .unwrap_err();
    assert_eq!((failed.kind, server.requests().len()), (Kind::Throttled, 3));
}

fn publication(subject: Option<&str>) -> Message {
    Message {
        subject: subject.map(str::to_owned),
        body: "two\nlines & möre".to_owned(),
        attributes: vec![("verdict", "success".to_owned())],
    }
}

#[tokio::test]
async fn a_message_is_published_as_it_was_rendered() {
    let published = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>";
    let topic: TopicArn = TOPIC.parse().unwrap();
    for subject in [Some("shop-web: shipped shop/web:1.4.2"), None] {
        let server = Server::answering([xml(200, published)]).await;
        Sns::new(&server.session())
            .publish(&topic, &publication(subject))
            .await
            .unwrap();
        let mut expected = pairs(&[
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("TopicArn", TOPIC),
            ("Message", "two\nlines & möre"),
            ("MessageAttributes.entry.1.Name", "verdict"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "success"),
        ]);
        expected.extend(subject.map(|subject| ("Subject".to_owned(), subject.to_owned())));
        let mut asked = form(&server.request().body);
        asked.sort();
        expected.sort();
        assert_eq!(asked, expected);
    }
}

#[tokio::test]
async fn a_denied_publication_names_what_is_missing() {
    let message = "User: x is not authorized to perform: kms:GenerateDataKey on resource: y";
    for (code, message, hint) in [
        ("AuthorizationError", "", "sns:Publish"),
        ("KMSAccessDenied", message, "kms:GenerateDataKey"),
    ] {
        let server = Server::answering([xml_error(400, code, message)]).await;
        let topic: TopicArn = TOPIC.parse().unwrap();
        let failed = Sns::new(&server.session())
            .publish(&topic, &publication(None))
            .await
            .unwrap_err();
        let sentence =
            format!("publish `{TOPIC}`: access denied (hint: the function's role needs `{hint}`)");
        assert_eq!((failed.kind, failed.to_string()), (Kind::Denied, sentence));
    }
}

#[tokio::test]
async fn the_last_lines_of_a_log_come_oldest_first() {
    let body = json!({"events": [
        {"timestamp": 1, "message": "first", "ingestionTime": 2}, {"timestamp": 2, "message": "second"}
    ], "nextForwardToken": "f/1", "nextBackwardToken": "b/1"});
    let server = Server::answering([answer(200, &body)]).await;
    let lines = Logs::new(&server.session())
        .get_log_events("/shop/web", "web/web/1", 20)
        .await;
    let asked = json!({"logGroupName": "/shop/web", "logStreamName": "web/web/1", "limit": 20, "startFromHead": false});
    server.was_asked("Logs_20140328.GetLogEvents", &asked);
    assert_eq!(lines, Ok(vec!["first".to_owned(), "second".to_owned()]));
}

#[tokio::test]
async fn a_log_that_is_not_there_is_empty() {
    let missing = "The specified log stream does not exist.";
    let server = Server::answering([error(400, "ResourceNotFoundException", missing)]).await;
    assert_eq!(
        Logs::new(&server.session())
            .get_log_events("g", "s", 20)
            .await,
        Ok(vec![])
    );
}

fn schedule() -> Schedule {
    Schedule {
        name: "greenlight-d-8X2K4PLQ3".to_owned(),
        at: utc_datetime!(2026-10-14 09:02:01.999),
        target_arn: "arn:aws:lambda:eu-central-1:111122223333:function:finish-migration".to_owned(),
        role_arn: "arn:aws:iam::111122223333:role/scheduler".to_owned(),
        input: "{\"timed_out\":true}".to_owned(),
        description: "ends a migration".to_owned(),
    }
}

#[tokio::test]
async fn a_schedule_runs_once_and_stays() {
    let created =
        json!({"ScheduleArn": "arn:aws:scheduler:eu-central-1:111122223333:schedule/default/x"});
    let server = Server::answering([text(200, "application/json", &created.to_string())]).await;
    assert_eq!(
        Scheduler::new(&server.session())
            .create_schedule(&schedule())
            .await,
        Ok(Created::New)
    );
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/schedules/greenlight-d-8X2K4PLQ3")
    );
    let mut body = request.json();
    assert!(
        body.as_object_mut()
            .unwrap()
            .remove("ClientToken")
            .is_some_and(|token| token.is_string())
    );
    let expected = json!({
        "ScheduleExpression": "at(2026-10-14T09:02:01)", "ScheduleExpressionTimezone": "UTC",
        "ActionAfterCompletion": "NONE", "FlexibleTimeWindow": {"Mode": "OFF"}, "Description": "ends a migration",
        "Target": {"Arn": schedule().target_arn, "RoleArn": schedule().role_arn, "Input": schedule().input}
    });
    assert_eq!(body, expected);
}

/// UpdateSchedule replaces all: what CreateSchedule sent is sent again.
#[tokio::test]
async fn a_schedule_is_written_anew_as_a_whole() {
    let written =
        json!({"ScheduleArn": "arn:aws:scheduler:eu-central-1:111122223333:schedule/default/x"});
    let answers = [(); 2].map(|()| text(200, "application/json", &written.to_string()));
    let server = Server::answering(answers).await;
    let scheduler = Scheduler::new(&server.session());
    scheduler.create_schedule(&schedule()).await.unwrap();
    assert_eq!(scheduler.update_schedule(&schedule()).await, Ok(true));
    let requests = server.requests();
    let bodies = requests.iter().map(|request| {
        let mut body = request.json();
        body.as_object_mut().unwrap().remove("ClientToken");
        body
    });
    let bodies: Vec<serde_json::Value> = bodies.collect();
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(requests[1].method, "PUT");
    let gone = error(
        404,
        "ResourceNotFoundException",
        "Schedule x does not exist.",
    );
    let server = Server::answering([gone]).await;
    let scheduler = Scheduler::new(&server.session());
    assert_eq!(scheduler.update_schedule(&schedule()).await, Ok(false));
}

#[tokio::test]
async fn a_schedule_says_what_it_carries_and_when_it_is_due() {
    let body = json!({
        "Name": "greenlight-d-8X2K4PLQ3", "ScheduleExpression": "at(2026-10-14T09:02:01)",
        "Target": {"Arn": schedule().target_arn, "RoleArn": schedule().role_arn, "Input": schedule().input}
    });
    let gone = error(
        404,
        "ResourceNotFoundException",
        "Schedule x does not exist.",
    );
    let server = Server::answering([text(200, "application/json", &body.to_string()), gone]).await;
    let scheduler = Scheduler::new(&server.session());
    let found = scheduler
        .get_schedule("greenlight-d-8X2K4PLQ3")
        .await
        .unwrap();
    let expected = FoundSchedule {
        input: schedule().input,
        at: Some(utc_datetime!(2026-10-14 09:02:01)),
    };
    assert_eq!(found.schedule, Some(expected));
    let found = scheduler
        .get_schedule("greenlight-d-8X2K4PLQ3")
        .await
        .unwrap();
    assert_eq!(found.schedule, None);
}

#[tokio::test]
async fn a_schedule_that_exists_is_fine_and_one_that_is_denied_is_not() {
    let conflict = json!({"Message": "Schedule greenlight-d-8X2K4PLQ3 already exists."});
    let server = Server::answering([
        error(409, "ConflictException", &conflict.to_string()),
        error(
            403,
            "AccessDeniedException",
            "User: x is not authorized to perform: iam:PassRole on resource: y",
        ),
        error(
            404,
            "ResourceNotFoundException",
            "Schedule group default does not exist.",
        ),
    ])
    .await;
    let scheduler = Scheduler::new(&server.session());
    assert_eq!(
        scheduler.create_schedule(&schedule()).await,
        Ok(Created::Exists)
    );
    assert_eq!(
        scheduler
            .create_schedule(&schedule())
            .await
            .unwrap_err()
            .to_string(),
        "create schedule `greenlight-d-8X2K4PLQ3`: access denied (hint: the function's role needs `iam:PassRole`)"
    );
    assert_eq!(
        scheduler
            .create_schedule(&schedule())
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
}

#[tokio::test]
async fn a_schedule_that_is_gone_is_as_good_as_deleted() {
    let server = Server::answering([
        text(200, "application/json", "{}"),
        error(
            404,
            "ResourceNotFoundException",
            "Schedule x does not exist.",
        ),
        error(403, "AccessDeniedException", "not authorized"),
    ])
    .await;
    let scheduler = Scheduler::new(&server.session());
    assert_eq!(scheduler.delete_schedule("x").await, Ok(()));
    let sent = server.request();
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("DELETE", "/schedules/x")
    );
    assert_eq!(scheduler.delete_schedule("x").await, Ok(()));
    assert_eq!(
        scheduler.delete_schedule("x").await.unwrap_err().kind,
        Kind::Denied
    );
}
