//! EventBridge Scheduler over HTTP, with a function that exits as soon as it is started.

use std::time::{Duration, UNIX_EPOCH};

use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::signed;
use crate::functions::with_function;

/// Creates a schedule; returns the HTTP status and AWS's code of an error.
async fn create(world: &World, name: &str, change: &dyn Fn(&mut Value)) -> (u16, String) {
    let (status, error, _) = send(world, "POST", name, change).await;
    (status, error)
}

/// Creates or updates a schedule; returns the HTTP status, AWS's code of an error, and the body.
async fn send(
    world: &World,
    method: &str,
    name: &str,
    change: &dyn Fn(&mut Value),
) -> (u16, String, String) {
    let mut request = json!({
        "ScheduleExpression": "at(2001-01-01T00:00:00)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "ActionAfterCompletion": "DELETE",
        "ClientToken": "1",
        "Target": {
            "Arn": "arn:aws:lambda:eu-central-1:111122223333:function:shop-hook",
            "RoleArn": "arn:aws:iam::111122223333:role/greenlight-ScheduleRole",
            "Input": "{\"late\": true}",
        },
    });
    change(&mut request);
    let path = format!("/schedules/{name}");
    let (status, head, body) = signed(world, method, &path, "", &request.to_string()).await;
    let error = head
        .lines()
        .find_map(|line| line.strip_prefix("x-amzn-errortype: ").map(str::to_owned));
    (status, error.unwrap_or_default(), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_schedules_fire_once_and_are_deleted() {
    let world = with_function().await;
    let later =
        |request: &mut Value| request["ScheduleExpression"] = json!("at(2101-01-01T00:00:00)");
    assert_eq!(create(&world, "later", &later).await.0, 200);
    // The same request again, as a client repeats it after an ambiguous failure.
    assert_eq!(create(&world, "later", &later).await.0, 200);
    assert_eq!(
        create(&world, "later", &|_| {}).await,
        (409, "conflictexception".to_owned())
    );
    let invalid: [(&str, Value); 7] = [
        ("/ScheduleExpression", json!("rate(1 day) ")),
        ("/ScheduleExpression", json!("at(2101-02-30T00:00:00)")),
        ("/FlexibleTimeWindow/Mode", json!("FLEXIBLE")),
        ("/ActionAfterCompletion", json!("FORGET")),
        ("/Target/RoleArn", json!("greenlight-ScheduleRole")),
        ("/Target/Input", json!("{")),
        (
            "/Target/Arn",
            json!("arn:aws:sqs:eu-central-1:111122223333:queue"),
        ),
    ];
    for (member, value) in invalid {
        let change = |request: &mut Value| *request.pointer_mut(member).unwrap() = value.clone();
        assert_eq!(
            create(&world, "wrong", &change).await,
            (400, "validationexception".to_owned()),
            "{member}"
        );
    }
    let (_, _, listed) = signed(&world, "GET", "/schedules?NamePrefix=la", "", "").await;
    assert!(listed.contains("\"Name\":\"later\""), "{listed}");
    assert_eq!(
        signed(&world, "DELETE", "/schedules/later", "", "").await.0,
        200
    );
    assert_eq!(
        signed(&world, "DELETE", "/schedules/later", "", "").await.0,
        404
    );

    assert_eq!(create(&world, "now", &|_| {}).await.0, 200);
    let input = json!({ "late": true });
    world.lambda.first_answer("shop-hook", &input).await;
    assert_eq!(signed(&world, "GET", "/schedules/now", "", "").await.0, 404);
    world.shutdown().await;
}

/// `StartDate` and `EndDate` are given in seconds from now.
#[tokio::test(flavor = "multi_thread")]
async fn schedules_call_from_their_start_to_their_end() {
    for (expression, start, end, calls) in [
        ("at(2001-01-01T00:00:00)", None, Some(-60), 1),
        ("at(2001-01-01T00:00:00)", Some(600), None, 1),
        ("rate(5 minutes)", None, Some(630), 3),
        ("rate(5 minutes)", Some(240), Some(630), 2),
        ("rate(5 minutes)", Some(900), Some(630), 0),
        ("rate(5 minutes)", None, Some(-60), 0),
        ("cron(* * * * ? *)", None, Some(600), 10),
        ("cron(* * * * ? *)", Some(300), Some(600), 5),
        ("cron(0 0 1 1 ? 2001)", None, None, 0),
    ] {
        let mut world = with_function().await;
        // The middle of a minute, far from every occurrence of the cron expressions.
        let since = world.clock.now().duration_since(UNIX_EPOCH).unwrap();
        world
            .pass(Duration::from_secs(90 - since.as_secs() % 60))
            .await;
        let now = world.clock.now().duration_since(UNIX_EPOCH).unwrap();
        let dates = |request: &mut Value| {
            request["ScheduleExpression"] = json!(expression);
            for (member, offset) in [("StartDate", start), ("EndDate", end)] {
                request[member] =
                    json!(offset.map(|offset: i64| now.as_secs_f64() + offset as f64));
            }
        };
        assert_eq!(create(&world, "some", &dates).await.0, 200, "{expression}");
        for _ in 0..20 {
            world.settled().await;
            world.pass(Duration::from_secs(60)).await;
        }
        let found = world.lambda.invocations().len();
        assert_eq!(found, calls, "{expression} {start:?} {end:?}");
        world.shutdown().await;
    }
}

/// AWS documents that a new schedule with a rate and without `StartDate` calls at once, and nothing of an updated one.
#[tokio::test(flavor = "multi_thread")]
async fn an_updated_rate_counts_from_the_update() {
    let mut world = with_function().await;
    let with = |rate: &'static str, start: Option<f64>| {
        move |request: &mut Value| {
            request["ScheduleExpression"] = json!(rate);
            request["StartDate"] = json!(start);
        }
    };
    let since = world.clock.now().duration_since(UNIX_EPOCH).unwrap();
    let hour = Some(since.as_secs_f64() + 3600.0);
    assert_eq!(
        create(&world, "some", &with("rate(1 day)", hour)).await.0,
        200
    );
    // The calls so far, 0 to 5 minutes after each update.
    for (rate, calls) in [
        ("rate(5 minutes)", [0, 0, 0, 0, 0, 1]),
        ("rate(3 minutes)", [1, 1, 1, 2, 2, 2]),
    ] {
        let (status, _, body) = send(&world, "PUT", "some", &with(rate, None)).await;
        assert_eq!(status, 200, "{body}");
        for (minute, calls) in calls.into_iter().enumerate() {
            world.settled().await;
            let found = world.lambda.invocations().len();
            assert_eq!(found, calls, "{rate}, minute {minute}");
            world.pass(Duration::from_secs(60)).await;
        }
    }
    world.shutdown().await;
}

/// A schedule that will never call has completed.
#[tokio::test(flavor = "multi_thread")]
async fn schedules_that_will_never_call_are_deleted_if_they_say_so() {
    let world = with_function().await;
    let now = world.clock.now().duration_since(UNIX_EPOCH).unwrap();
    let recent = now.as_secs_f64() - 240.0;
    for (expression, end) in [
        ("cron(0 0 1 1 ? 2001)", None),
        // Its first time after a past `StartDate` is beyond every clock.
        ("rate(200000000000000 days)", None),
        ("rate(1 day)", Some(1)),
    ] {
        for (after, status) in [("DELETE", 404), ("NONE", 200)] {
            let change = |request: &mut Value| {
                request["ScheduleExpression"] = json!(expression);
                request["ActionAfterCompletion"] = json!(after);
                request["StartDate"] = json!(recent);
                request["EndDate"] = json!(end);
            };
            assert_eq!(create(&world, after, &change).await.0, 200, "{expression}");
            let path = format!("/schedules/{after}");
            let found = signed(&world, "GET", &path, "", "").await.0;
            assert_eq!(found, status, "{expression} {after}");
            signed(&world, "DELETE", &path, "", "").await;
        }
    }
    assert_eq!(world.lambda.invocations().len(), 0);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_past_is_refused_of_new_schedules_that_recur() {
    for (expression, start, status) in [
        ("rate(1 day)", Some(-290), 200),
        ("rate(1 day)", Some(-310), 400),
        ("cron(0 12 * * ? *)", Some(-310), 400),
        ("cron(0 12 * * ? *)", Some(310), 200),
        // Scheduler ignores it of a one-time schedule.
        ("at(2101-01-01T00:00:00)", Some(-310), 200),
        ("at(2001-01-01T00:00:00)", None, 200),
        ("rate(1 day)", None, 200),
    ] {
        let world = with_function().await;
        let now = world.clock.now().duration_since(UNIX_EPOCH).unwrap();
        let start = start.map(|seconds| now.as_secs_f64() + f64::from(seconds));
        let change = |request: &mut Value| {
            request["ScheduleExpression"] = json!(expression);
            request["StartDate"] = json!(start);
        };
        let (found, _, body) = send(&world, "POST", "some", &change).await;
        assert_eq!(found, status, "{expression} {start:?} {body}");
        world.shutdown().await;
    }
}

/// A date in milliseconds is beyond the year 9999.
#[tokio::test(flavor = "multi_thread")]
async fn dates_that_are_none_are_refused() {
    let world = with_function().await;
    let limit = |limit| Some(format!("Member must have value {limit}"));
    let (most, least) = (
        limit("less than or equal to 253402300799"),
        limit("greater than or equal to 0"),
    );
    for (name, at) in [("StartDate", "startDate"), ("EndDate", "endDate")] {
        for (date, refused) in [
            (json!(253_402_300_799_u64), &None),
            (json!(253_402_300_800_u64), &most),
            (json!(1_791_970_682_117_u64), &most),
            (json!(1e300), &most),
            (json!(-1), &least),
        ] {
            for expression in [
                "cron(0 12 * * ? *)",
                "rate(1 day)",
                "at(2101-01-01T00:00:00)",
            ] {
                let change = |request: &mut Value| {
                    request["ScheduleExpression"] = json!(expression);
                    request[name] = date.clone();
                };
                let (status, error, body) = send(&world, "POST", "dated", &change).await;
                signed(&world, "DELETE", "/schedules/dated", "", "").await;
                let Some(limit) = refused else {
                    assert_eq!(status, 200, "{expression} {name} {date} {body}");
                    continue;
                };
                assert_eq!((status, error.as_str()), (400, "validationexception"));
                let given = date.as_f64().unwrap();
                let sentence = format!(
                    "1 validation error detected: Value '{given}' at '{at}' failed to satisfy constraint: {limit}"
                );
                assert!(
                    body.contains(&sentence),
                    "{expression} {name} {date} {body}"
                );
            }
        }
    }
    world.shutdown().await;
}
