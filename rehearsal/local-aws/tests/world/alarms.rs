//! CloudWatch's alarms, as set and read by the AWS CLI and boto3.

use local_aws::world::World;
use serde_json::{Value, json};

use crate::aws::{call, signed_bytes, world};

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

/// As SDKs call CloudWatch that prefer RPC v2 with CBOR. Text in CBOR is legible, so this needs no reader of it.
#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_read_in_cbor() {
    let world = world(|settings| {
        settings.services[0].desired_count = 0;
        settings.services[0].alarms = vec!["web-5xx".to_owned()];
    })
    .await;
    let call = async |operation: &str, body: &str| {
        let path = format!("/service/GraniteServiceVersion20100801/operation/{operation}");
        let headers = "Smithy-Protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n";
        signed_bytes(&world, "POST", &path, headers, body).await
    };
    let (status, head, body) = call("DescribeAlarms", "").await;
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("smithy-protocol: rpc-v2-cbor"), "{head}");
    assert!(head.contains("content-type: application/cbor"), "{head}");
    let has = |text: &[u8]| body.windows(text.len()).any(|part| part == text);
    // A text of seven bytes, and a tagged number.
    assert!(has(b"\x69AlarmName\x67web-5xx"), "{body:x?}");
    assert!(has(b"StateUpdatedTimestamp\xc1\xfb"), "{body:x?}");
    // A number is not a map.
    let (status, head, body) = call("DeleteAlarms", "\u{0}").await;
    assert_eq!(status, 400, "{head} {body:x?}");
    let (status, head, body) = call("ForgetAlarms", "").await;
    let text = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 400, "{head}");
    assert!(text.contains("UnknownOperationException"), "{text}");
    world.shutdown().await;
}
