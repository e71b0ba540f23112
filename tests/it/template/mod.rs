//! `template.yaml` agrees with the code, grants no more than is needed, and loses nothing silently.

mod named;
mod parameters;
mod permissions;
pub(crate) mod read;

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::repository;
use read::{Function, functions, resources, template, triggers};

/// The longest stack name that `template.yaml` allows, in its description.
const LONGEST_STACK_NAME: usize = 30;

/// The names of a function's environment variables, without those that every function gets.
fn variables_of_its_own(function: &Value) -> Vec<&str> {
    function["Environment"]["Variables"]
        .as_object()
        .map(|variables| variables.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

#[test]
fn the_variables_are_the_documented_ones() {
    let code = repository::text("shared/rules/src/environment.rs");
    let documented: BTreeSet<&str> = code
        .lines()
        .filter(|line| line.starts_with("pub const "))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    let template = template();
    let mut set: BTreeSet<&str> = variables_of_its_own(&template["Globals"]["Function"])
        .into_iter()
        .collect();
    set.extend(
        functions()
            .iter()
            .flat_map(|function| variables_of_its_own(&function.properties)),
    );
    assert_eq!(
        set, documented,
        "template.yaml and shared/rules/src/environment.rs are not of one mind, make them agree"
    );
}

/// `environment.rs` says in brackets which variables only some functions read.
#[test]
fn a_variable_is_set_only_where_it_is_read() {
    let code = repository::text("shared/rules/src/environment.rs");
    let mut documented = BTreeSet::new();
    let mut readers = Vec::new();
    for line in code.lines() {
        if line.starts_with("/// ") {
            let only = line.split_once(" only)");
            let brackets = only.and_then(|(before, _)| before.rsplit_once('('));
            let names = brackets.map(|(_, names)| names.split('`').skip(1).step_by(2));
            readers = names.into_iter().flatten().collect();
        } else if line.starts_with("pub const ") {
            for reader in readers.drain(..) {
                documented.insert((reader, line.split('"').nth(1).unwrap()));
            }
        }
    }
    let set: BTreeSet<(&str, &str)> = functions()
        .iter()
        .flat_map(|function| {
            let variables = variables_of_its_own(&function.properties);
            variables
                .into_iter()
                .map(|variable| (function.name.as_str(), variable))
        })
        .collect();
    assert_eq!(
        set, documented,
        "template.yaml and the brackets in shared/rules/src/environment.rs differ in who reads what, make them agree"
    );
}

/// Both policies for CodeDeploy's role let it call these: the limited one only functions whose name begins so.
#[test]
fn hooks_have_names_that_codedeploy_may_call_and_lambda_takes() {
    for function in functions() {
        let name = function.properties["FunctionName"]["Fn::Sub"]
            .as_str()
            .unwrap();
        let expected = match function.hook {
            Some(_) => format!("CodeDeployHook_${{AWS::StackName}}_{}", function.name),
            None => format!("${{AWS::StackName}}-{}", function.name),
        };
        assert_eq!(
            name,
            expected,
            "the name of {} is not that of a {}, correct it or the variables `GREENLIGHT_HOOK_…`",
            function.id,
            match function.hook {
                Some(_) => "hook",
                None => "function that is no hook",
            }
        );
        let length = name
            .replace("${AWS::StackName}", &"x".repeat(LONGEST_STACK_NAME))
            .len();
        assert!(
            length <= 64,
            "{name} is up to {length} characters long, shorten it to 64"
        );
    }
    let said = format!("at most {LONGEST_STACK_NAME} characters");
    let description = template()["Description"].as_str().unwrap().to_owned();
    assert!(
        description.contains(&said),
        "the template's description is without `{said}`, say it"
    );
}

#[test]
fn triggers_are_as_narrow_as_they_can_be() {
    let mut said = String::new();
    for trigger in triggers() {
        let when = match trigger.kind.as_str() {
            "Schedule" => trigger.properties["Schedule"].as_str().unwrap().to_owned(),
            _ => trigger.properties["Pattern"].to_string(),
        };
        writeln!(said, "{}: {when}", trigger.name).unwrap();
    }
    insta::assert_snapshot!(said);
}

#[test]
fn nothing_is_lost_silently() {
    let template = template();
    let invocations = &template["Globals"]["Function"]["EventInvokeConfig"];
    assert_eq!(invocations["MaximumRetryAttempts"], 2);
    assert_eq!(
        invocations["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"],
        "FailedInvocations.Arn"
    );
    for trigger in triggers() {
        let queue = &trigger.properties["DeadLetterConfig"]["Arn"]["Fn::GetAtt"];
        assert_eq!(
            *queue, "UndeliveredEvents.Arn",
            "{} is without the dead-letter queue, name it",
            trigger.name
        );
        let attempts = trigger.properties["RetryPolicy"]["MaximumRetryAttempts"].as_u64();
        assert!(
            attempts.is_some(),
            "{} is without a retry policy, decide one",
            trigger.name
        );
    }
    for (id, queue) in resources("AWS::SQS::Queue") {
        assert_eq!(
            queue["MessageRetentionPeriod"],
            14 * 24 * 3600,
            "{id} is not kept for 14 days, set that"
        );
    }
}

/// EventBridge drops a dead letter that the queue's policy refuses.
#[test]
fn every_rule_may_write_to_the_dead_letter_queue() {
    let (_, policy) = resources("AWS::SQS::QueuePolicy").remove(0);
    let allowed =
        &policy["PolicyDocument"]["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"];
    let allowed: Vec<&str> = allowed
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|arn| arn["Fn::GetAtt"].as_str())
        .collect();
    // SAM names a rule after its function and event.
    let rules: Vec<String> = triggers()
        .iter()
        .map(|trigger| format!("{}.Arn", trigger.name.replace('.', "")))
        .collect();
    let (allowed, rules): (BTreeSet<&str>, BTreeSet<&str>) = (
        allowed.into_iter().collect(),
        rules.iter().map(String::as_str).collect(),
    );
    assert_eq!(
        allowed, rules,
        "the queue's policy is not that of the rules, name each rule"
    );
}

#[test]
fn everything_that_goes_wrong_raises_an_alarm() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let watched: Vec<&Value> = alarms
        .iter()
        .map(|(_, alarm)| &alarm["Dimensions"][0]["Value"])
        .collect();
    let queues = resources("AWS::SQS::Queue")
        .into_iter()
        .map(|(id, _)| json!({"Fn::GetAtt": format!("{id}.QueueName")}));
    let functions = functions()
        .iter()
        .map(|function| json!({"Ref": function.id}));
    for wanted in queues.chain(functions) {
        assert!(
            watched.contains(&&wanted),
            "{wanted} is without an alarm, add one"
        );
    }
    for (id, alarm) in &alarms {
        assert_eq!(
            alarm["AlarmActions"],
            json!([{"Ref": "AlarmTopic"}]),
            "{id} is not sent to the alarm topic, send it"
        );
    }
}

/// The metrics of a queue that was inactive start up to 15 minutes late (SQS Developer Guide, available CloudWatch metrics), and
/// both queues are inactive until something goes wrong.
#[test]
fn the_alarm_of_a_queue_waits_for_numbers_that_come_late() {
    for (id, alarm) in resources("AWS::CloudWatch::Alarm") {
        if alarm["Namespace"] != "AWS/SQS" {
            continue;
        }
        // How many it holds would stay above 0 for 14 days, and hide the next failure.
        assert_eq!(alarm["MetricName"], "NumberOfMessagesSent", "{id}");
        let of = |name: &str| alarm[name].as_u64().unwrap();
        let seen = of("Period") * of("EvaluationPeriods");
        assert!(
            seen >= 900 + of("Period"),
            "{id} looks back {seen} s, evaluate more periods"
        );
        assert_eq!(
            of("DatapointsToAlarm"),
            1,
            "{id} wants more than one period to breach"
        );
    }
}

#[test]
fn every_function_logs_where_its_log_is_kept() {
    let template = template();
    assert_eq!(
        template["Globals"]["Function"]["LoggingConfig"]["LogFormat"],
        "JSON"
    );
    for Function { id, properties, .. } in functions() {
        let group = properties["LoggingConfig"]["LogGroup"]["Ref"]
            .as_str()
            .unwrap();
        let group = &template["Resources"][group]["Properties"];
        let name = properties["FunctionName"]["Fn::Sub"].as_str().unwrap();
        assert_eq!(
            group["LogGroupName"]["Fn::Sub"],
            format!("/aws/lambda/{name}"),
            "the log of {id} is not its own"
        );
        assert_eq!(
            group["RetentionInDays"]["Ref"], "LogRetentionDays",
            "the log of {id} is kept for ever, limit it"
        );
    }
}

/// CodeDeploy waits an hour for a hook; Lambda pauses one and two minutes between attempts.
#[test]
fn a_hook_that_fails_twice_can_still_answer_in_time() {
    let globals = template()["Globals"]["Function"].clone();
    let attempts = 1 + globals["EventInvokeConfig"]["MaximumRetryAttempts"]
        .as_u64()
        .unwrap();
    for Function { id, properties, .. } in functions() {
        let seconds = properties["Timeout"]
            .as_u64()
            .or(globals["Timeout"].as_u64())
            .unwrap();
        let all = attempts * seconds + 60 + 120;
        assert!(
            all < 3600,
            "{id} is busy for {all} s in {attempts} attempts, stay below CodeDeploy's 3600 s"
        );
    }
}

/// Partitions differ in their ARNs and in what hosts end with, and there will be more of them.
#[test]
fn nothing_is_of_one_partition() {
    let registry = functions().iter().find_map(|function| {
        let variables = &function.properties["Environment"]["Variables"];
        variables["GREENLIGHT_REGISTRY"]["Fn::Sub"].as_str()
    });
    let expected = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}";
    assert_eq!(registry, Some(expected));
    let mut template = template().clone();
    template.as_object_mut().unwrap().remove("Parameters");
    let text = template.to_string();
    assert!(
        !text.contains("arn:aws"),
        "an ARN names its partition, write `arn:${{AWS::Partition}}`"
    );
    // The names of services are the same everywhere.
    let hosts = text.rsplit(".amazonaws.com").skip(1);
    let hosts = hosts.map(|before| before.rsplit('"').next().unwrap_or_default());
    let hosts: BTreeSet<&str> = hosts.collect();
    let services = ["ecs", "ecs-tasks", "events", "lambda", "scheduler"];
    let others: Vec<_> = hosts
        .into_iter()
        .filter(|host| !services.contains(host))
        .collect();
    assert!(
        others.is_empty(),
        "{others:?} end with one partition's suffix"
    );
}
