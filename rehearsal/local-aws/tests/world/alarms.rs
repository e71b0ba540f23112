//! CloudWatch's alarms, as set and read by the AWS CLI and boto3.

use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{call, world};

async fn cloudwatch(world: &World, operation: &str, members: Value) -> (u16, Value) {
    let target = format!("GraniteServiceVersion20100801.{operation}");
    call(world, &target, members).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_created_set_read_and_deleted() {
    let world = world(|settings| {
        settings.services[0].desired_count = 0;
        settings.services[0].alarms = vec!["web-5xx".to_owned()];
    })
    .await;
    let alarm = json!({
        "AlarmName": "api-latency", "Namespace": "AWS/ApplicationELB", "MetricName": "TargetResponseTime",
        "ExtendedStatistic": "p99", "Period": 60, "EvaluationPeriods": 2, "Threshold": 0.5,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    assert_eq!(
        cloudwatch(&world, "PutMetricAlarm", alarm.clone()).await,
        (200, json!({}))
    );
    let (_, all) = cloudwatch(&world, "DescribeAlarms", json!({})).await;
    let states: Vec<_> = all["MetricAlarms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alarm| json!([alarm["AlarmName"], alarm["StateValue"]]))
        .collect();
    assert_eq!(
        states,
        [
            json!(["api-latency", "INSUFFICIENT_DATA"]),
            json!(["web-5xx", "OK"])
        ]
    );
    let set = json!({ "AlarmName": "api-latency", "StateValue": "ALARM", "StateReason": "slow" });
    assert_eq!(cloudwatch(&world, "SetAlarmState", set).await.0, 200);
    // An updated alarm keeps its state.
    cloudwatch(&world, "PutMetricAlarm", alarm).await;
    let in_alarm = json!({ "StateValue": "ALARM" });
    let (_, found) = cloudwatch(&world, "DescribeAlarms", in_alarm.clone()).await;
    let found = &found["MetricAlarms"][0];
    assert_eq!(
        (&found["StateReason"], &found["Threshold"]),
        (&json!("slow"), &json!(0.5))
    );

    let names = json!({ "AlarmNames": ["api-latency"] });
    assert_eq!(
        cloudwatch(&world, "DeleteAlarms", names.clone()).await.0,
        200
    );
    let (status, refused) = cloudwatch(&world, "DeleteAlarms", names).await;
    assert_eq!(
        (status, &refused["__type"]),
        (404, &json!("ResourceNotFound"))
    );
    let (_, none) = cloudwatch(&world, "DescribeAlarms", in_alarm).await;
    assert_eq!(none["MetricAlarms"], json!([]));
    world.shutdown().await;
}
