//! CloudWatch's operations on metric alarms. No metric is evaluated: an alarm is in the state that was set.

use serde_json::{Map, Value, json};

use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::api::validation::{Violations, member, not_null};
use crate::cloudwatch::{Alarm, AlarmState, State};
use crate::iam::Permission;
use crate::identity::arn;
use crate::stamp::epoch_seconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("DeleteAlarms", delete_alarms, on_alarms),
    Operation::new("DescribeAlarms", describe_alarms, on_alarms),
    Operation::new("PutMetricAlarm", put_metric_alarm, on_alarm),
    Operation::new("SetAlarmState", set_alarm_state, on_alarm),
];

/// The code of CloudWatch's Query protocol; that its JSON protocol answers the same is inferred.
pub(super) fn missing(member: &str) -> ApiError {
    invalid(not_null(member))
}

const INVALID: &str = "ValidationError";
const COMPARISONS: [&str; 7] = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(INVALID, message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFound", message).with_status(404)
}

fn put_metric_alarm(call: Call<'_>) -> Answer {
    let configuration = configuration(&call.input)?;
    let name = call.input.required_text("AlarmName")?;
    call.aws.cloudwatch.put_alarm(name, configuration);
    Ok(json!({}))
}

/// The alarm's configuration, as the request has it.
fn configuration(input: &Input<'_>) -> Result<Map<String, Value>, ApiError> {
    let name = input.required_text("AlarmName")?;
    Violations::new(INVALID)
        .length("alarmName", Some(name), 1, 255)
        .length("alarmDescription", input.text("AlarmDescription")?, 0, 1024)
        .range(
            "evaluationPeriods",
            input.integer("EvaluationPeriods")?,
            1,
            i64::MAX,
        )
        .range("period", input.integer("Period")?, 1, i64::MAX)
        .one_of(
            "comparisonOperator",
            input.text("ComparisonOperator")?,
            &COMPARISONS,
        )
        .check()?;
    if input.value("EvaluationPeriods").is_none() {
        return Err(input.missing("EvaluationPeriods"));
    }
    input.required_text("ComparisonOperator")?;
    match (input.text("MetricName")?, input.list("Metrics")?) {
        (Some(_), None) | (None, Some(_)) => {}
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid("Either MetricName or Metrics must be specified"));
        }
    }
    check_period(input)?;
    let kept = input.raw().iter().filter(|(member, value)| {
        !matches!(member.as_str(), "AlarmName" | "Tags") && !value.is_null()
    });
    Ok(kept
        .map(|(member, value)| (member.clone(), value.clone()))
        .collect())
}

/// An alarm has a period: its own, or that of a metric or an expression among its queries.
fn check_period(input: &Input<'_>) -> Result<(), ApiError> {
    let mut periods = vec![input.integer("Period")?];
    for query in input.structures("Metrics")? {
        periods.push(query.integer("Period")?);
        if let Some(metric) = query.structure("MetricStat")? {
            periods.push(metric.integer("Period")?);
        }
    }
    let mut given = periods.into_iter().flatten().peekable();
    if given.peek().is_none() {
        return Err(invalid("Period must not be null"));
    }
    // 20 is allowed too, though the recorded sentence does not say so.
    match given.all(|period| matches!(period, 10 | 20 | 30) || period % 60 == 0) {
        true => Ok(()),
        false => Err(invalid("Period must be 10, 30 or a multiple of 60")),
    }
}

fn state(input: &Input<'_>, named: &str) -> Result<Option<AlarmState>, ApiError> {
    let Some(name) = input.text(named)? else {
        return Ok(None);
    };
    Violations::new(INVALID)
        .one_of(
            &member(named),
            Some(name),
            &["INSUFFICIENT_DATA", "ALARM", "OK"],
        )
        .check()?;
    Ok(AlarmState::parse(name))
}

fn set_alarm_state(call: Call<'_>) -> Answer {
    let name = call.input.required_text("AlarmName")?;
    let state = state(&call.input, "StateValue")?.ok_or_else(|| missing("StateValue"))?;
    let reason = call.input.required_text("StateReason")?;
    Violations::new(INVALID)
        .length("stateReason", Some(reason), 0, 1023)
        .check()?;
    if let Some(data) = call.input.text("StateReasonData")?
        && serde_json::from_str::<Value>(data).is_err()
    {
        let message = "StateReasonData was not valid JSON";
        return Err(ApiError::new("InvalidFormatFault", message));
    }
    let set = call.aws.cloudwatch.set_alarm_because(name, state, reason);
    // The sentence is inferred.
    set.map_err(|_| not_found(format!("Alarm {name} does not exist")))?;
    Ok(json!({}))
}

fn delete_alarms(call: Call<'_>) -> Answer {
    let names = call.input.required_texts("AlarmNames")?;
    call.aws.cloudwatch.write(|state| {
        let unknown = |name: &&&str| !state.alarms.contains_key(**name);
        if let Some(name) = names.iter().find(unknown) {
            return Err(not_found(format!("Alarm {name} does not exist")));
        }
        state
            .alarms
            .retain(|name, _| !names.contains(&name.as_str()));
        Ok(json!({}))
    })
}

/// The filters of DescribeAlarms.
#[derive(Debug, Default)]
struct Filter<'a> {
    names: Vec<&'a str>,
    prefix: Option<&'a str>,
    state: Option<AlarmState>,
    types: Vec<&'a str>,
}

impl Filter<'_> {
    fn takes(&self, alarm: &Alarm) -> bool {
        (self.names.is_empty() || self.names.contains(&alarm.name.as_str()))
            && self
                .prefix
                .is_none_or(|prefix| alarm.name.starts_with(prefix))
            && self.state.is_none_or(|state| alarm.state == state)
            && (self.types.is_empty() || self.types.contains(&"MetricAlarm"))
    }
}

fn filter<'a>(input: &Input<'a>) -> Result<Filter<'a>, ApiError> {
    let filter = Filter {
        names: input.texts("AlarmNames")?,
        prefix: input.text("AlarmNamePrefix")?,
        state: state(input, "StateValue")?,
        types: input.texts("AlarmTypes")?,
    };
    if !filter.names.is_empty() && filter.prefix.is_some() {
        let message = "AlarmNames and AlarmNamePrefix can not be specified together";
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    Ok(filter)
}

fn describe_alarms(call: Call<'_>) -> Answer {
    let filter = filter(&call.input)?;
    let most = call.input.integer("MaxRecords")?;
    Violations::new(INVALID)
        .range("maxRecords", most, 1, 100)
        .check()?;
    let size = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(50);
    let found = call.aws.cloudwatch.read(|state: &State| {
        let found = state.alarms.values().filter(|alarm| filter.takes(alarm));
        found.map(describe).collect::<Vec<Value>>()
    });
    let part = page(found, size, call.input.text("NextToken")?)
        .map_err(|_| ApiError::new("InvalidNextToken", "The next token is not valid"))?;
    let mut answer = json!({ "CompositeAlarms": [], "MetricAlarms": part.items });
    if let Some(token) = part.next_token {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}

/// `MetricAlarm`.
fn describe(alarm: &Alarm) -> Value {
    let mut described = Map::from_iter([
        ("AlarmName".to_owned(), json!(alarm.name)),
        (
            "AlarmArn".to_owned(),
            json!(arn("cloudwatch", &format!("alarm:{}", alarm.name))),
        ),
        (
            "AlarmConfigurationUpdatedTimestamp".to_owned(),
            epoch_seconds(alarm.configured_at),
        ),
        ("StateValue".to_owned(), json!(alarm.state.as_str())),
        ("StateReason".to_owned(), json!(alarm.reason)),
        (
            "StateUpdatedTimestamp".to_owned(),
            epoch_seconds(alarm.state_updated_at),
        ),
        (
            "StateTransitionedTimestamp".to_owned(),
            epoch_seconds(alarm.state_updated_at),
        ),
        ("ActionsEnabled".to_owned(), json!(true)),
    ]);
    for actions in ["OKActions", "AlarmActions", "InsufficientDataActions"] {
        described.insert(actions.to_owned(), json!([]));
    }
    if !alarm.configuration.contains_key("Metrics") {
        described.insert("Dimensions".to_owned(), json!([]));
    }
    described.extend(alarm.configuration.clone());
    Value::Object(described)
}

/// SAR, Amazon CloudWatch: `alarm:NAME`.
fn on_alarm(call: Call<'_>) -> Vec<Permission> {
    vec![call.on(alarm_arn(call.named_or_any("AlarmName")))]
}

fn on_alarms(call: Call<'_>) -> Vec<Permission> {
    let named = call.on_each(call.all_named("AlarmNames").map(alarm_arn));
    match named.is_empty() {
        true => vec![call.on(alarm_arn("*"))],
        false => named,
    }
}

fn alarm_arn(name: &str) -> String {
    arn("cloudwatch", &format!("alarm:{name}"))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn metric() -> Value {
        json!({
            "AlarmName": "web-5xx", "MetricName": "HTTPCode_Target_5XX_Count", "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.5, "Tags": [], "Period": 60,
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut request = metric();
        request[member] = value;
        request
    }

    #[test]
    fn an_alarm_needs_a_metric_and_a_comparison() {
        let wrong = [
            with("AlarmName", json!(null)),
            with("AlarmName", json!("x".repeat(256))),
            with("EvaluationPeriods", json!(0)),
            with("EvaluationPeriods", json!(null)),
            with("ComparisonOperator", json!(null)),
            with("MetricName", json!(null)),
            with("Metrics", json!([])),
            with("Period", json!(null)),
            with("Period", json!(90)),
        ];
        for request in wrong {
            let input = Input::new(&request, missing).unwrap();
            let code = configuration(&input).unwrap_err().code;
            assert_eq!(code, "ValidationError", "{request}");
        }
        let request = metric();
        let kept = configuration(&Input::new(&request, missing).unwrap()).unwrap();
        assert_eq!(kept["Threshold"], 1.5);
        // The period of one query is enough, wherever it stands.
        for period in [
            json!({ "Expression": "a", "Period": 20 }),
            json!({ "MetricStat": { "Period": 120 } }),
        ] {
            let mut request = with("MetricName", json!(null));
            request["Period"] = json!(null);
            request["Metrics"] = json!([{ "Expression": "a" }, period]);
            configuration(&Input::new(&request, missing).unwrap()).unwrap();
        }
        assert!(!kept.contains_key("Tags") && !kept.contains_key("AlarmName"));
    }

    fn takes(request: Value) -> bool {
        let alarm = Alarm {
            name: "web-5xx".to_owned(),
            state: AlarmState::Alarm,
            reason: String::new(),
            state_updated_at: UNIX_EPOCH,
            configured_at: UNIX_EPOCH,
            configuration: Map::new(),
        };
        let input = Input::new(&request, missing).unwrap();
        filter(&input).unwrap().takes(&alarm)
    }

    #[test]
    fn alarms_are_found_by_name_prefix_state_and_type() {
        let cases = [
            (json!({}), true),
            (json!({ "AlarmNames": ["web-5xx", "other"] }), true),
            (json!({ "AlarmNames": ["other"] }), false),
            (json!({ "AlarmNamePrefix": "web" }), true),
            (json!({ "AlarmNamePrefix": "api" }), false),
            (json!({ "StateValue": "ALARM" }), true),
            (json!({ "StateValue": "OK" }), false),
            (json!({ "AlarmTypes": ["CompositeAlarm"] }), false),
        ];
        for (request, wanted) in cases {
            assert_eq!(takes(request.clone()), wanted, "{request}");
        }
    }
}
