//! `template.yaml` agrees with the code, grants no more than is needed, and loses nothing silently.

mod parameters;
mod permissions;
pub(crate) mod read;

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::repository;
use read::{logical_id, resources, template, triggers};

/// The longest stack name that `template.yaml` allows, in its description.
const LONGEST_STACK_NAME: usize = 30;

fn functions() -> Vec<(String, Value)> {
    resources("AWS::Serverless::Function")
}

/// The names of a function's environment variables, without those that every function gets.
fn variables_of_its_own(function: &Value) -> Vec<&str> {
    function["Environment"]["Variables"]
        .as_object()
        .map(|variables| variables.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

#[test]
fn every_function_is_in_the_template_the_events_and_the_architecture() {
    let template = template();
    let architecture = repository::text("ARCHITECTURE.md");
    let built: BTreeSet<String> = functions().into_iter().map(|(id, _)| id).collect();
    let wanted: BTreeSet<String> = repository::functions()
        .iter()
        .map(|name| logical_id(name))
        .collect();
    assert_eq!(
        built, wanted,
        "the functions of template.yaml are not the folders of functions/, make them agree"
    );
    for name in repository::functions() {
        let metadata = &template["Resources"][logical_id(&name)]["Metadata"];
        assert_eq!(
            *metadata,
            json!({"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}}),
            "the build of {name} is not that of its binary, set BuildMethod and Binary"
        );
        let events = repository::files(&format!("events/{name}"));
        assert!(
            !events.is_empty(),
            "events/{name} is empty, add every event that the function can get"
        );
        let row = architecture
            .lines()
            .any(|line| line.starts_with(&format!("| `{name}`")));
        assert!(
            row,
            "ARCHITECTURE.md's table of functions is without `{name}`, add a row for it"
        );
    }
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
    let functions = functions();
    let mut set: BTreeSet<&str> = variables_of_its_own(&template["Globals"]["Function"])
        .into_iter()
        .collect();
    set.extend(
        functions
            .iter()
            .flat_map(|(_, function)| variables_of_its_own(function)),
    );
    assert_eq!(
        set, documented,
        "template.yaml and shared/rules/src/environment.rs are not of one mind, make them agree"
    );
}

#[test]
fn a_variable_is_set_only_where_it_is_read() {
    let own: Vec<(String, Value)> = functions()
        .iter()
        .map(|(id, function)| (id.clone(), json!(variables_of_its_own(function))))
        .filter(|(_, variables)| *variables != json!([]))
        .collect();
    let wanted = [
        (
            "StartDeployment",
            json!([
                "GREENLIGHT_MODE",
                "GREENLIGHT_STACK",
                "GREENLIGHT_HOOK_AFTER_INSTALL",
                "GREENLIGHT_HOOK_AFTER_ALLOW_TEST_TRAFFIC"
            ]),
        ),
        (
            "RunMigration",
            json!([
                "GREENLIGHT_FINISH_MIGRATION_ARN",
                "GREENLIGHT_SCHEDULE_ROLE_ARN"
            ]),
        ),
    ];
    assert_eq!(
        own,
        wanted.map(|(id, variables)| (id.to_owned(), variables))
    );
}

/// Both policies for CodeDeploy's role let it call these: the limited one only functions whose name begins so.
#[test]
fn hooks_have_names_that_codedeploy_may_call_and_lambda_takes() {
    for (id, function) in functions() {
        let name = function["FunctionName"]["Fn::Sub"]
            .as_str()
            .unwrap()
            .to_owned();
        let is_hook = ["RunMigration", "CheckTestTraffic"].contains(&id.as_str());
        assert_eq!(
            name.starts_with("CodeDeployHook_${AWS::StackName}_"),
            is_hook,
            "the name of {id} is {name}"
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
    let functions = functions().into_iter().map(|(id, _)| json!({"Ref": id}));
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

#[test]
fn every_function_logs_where_its_log_is_kept() {
    let template = template();
    assert_eq!(
        template["Globals"]["Function"]["LoggingConfig"]["LogFormat"],
        "JSON"
    );
    for (id, function) in functions() {
        let group = function["LoggingConfig"]["LogGroup"]["Ref"]
            .as_str()
            .unwrap();
        let group = &template["Resources"][group]["Properties"];
        let name = function["FunctionName"]["Fn::Sub"].as_str().unwrap();
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
    for (id, function) in functions() {
        let seconds = function["Timeout"]
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
