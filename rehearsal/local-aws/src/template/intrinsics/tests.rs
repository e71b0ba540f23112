//! Values that resolve, and those that are refused.

use super::*;

fn scope() -> Scope {
    let template = json!({
        "Parameters": {
            "Email": { "Type": "String", "Default": "" },
            "Days": { "Type": "Number", "Default": 30 },
            "Subnets": { "Type": "CommaDelimitedList", "Default": "a,b" },
        },
        "Conditions": {
            "HasEmail": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "Email" }, ""] }] },
            "HasSubnets": { "Fn::Not": [{ "Fn::Equals": [{ "Fn::Join": ["", { "Ref": "Subnets" }] }, ""] }] },
            "Both": { "Fn::And": [{ "Condition": "HasEmail" }, { "Condition": "HasSubnets" }] },
            "Either": { "Fn::Or": [{ "Condition": "HasEmail" }, { "Condition": "HasSubnets" }] },
        },
        "Resources": {
            "Unmade": { "Type": "AWS::SNS::Topic", "Condition": "HasEmail" },
            "Topic": { "Type": "AWS::SNS::Topic" },
            "Dead": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": { "Fn::Sub": "${AWS::StackName}-dead" } } },
            "Start": { "Type": "AWS::Serverless::Function", "Properties": { "FunctionName": "start" } },
            "Role": { "Type": "AWS::IAM::Role" },
            "Vpc": { "Type": "AWS::EC2::VPC" },
        },
    });
    Scope::new(template, &BTreeMap::new()).unwrap()
}

#[test]
fn supported_functions_resolve_as_in_cloudformation() {
    let scope = scope();
    for (written, expected) in [
        (json!({"Ref": "AWS::Region"}), json!("eu-central-1")),
        (json!({"Ref": "Days"}), json!("30")),
        (json!({"Ref": "Subnets"}), json!(["a", "b"])),
        (
            json!({"Ref": "Topic"}),
            json!("arn:aws:sns:eu-central-1:111122223333:greenlight-Topic"),
        ),
        (json!({"Ref": "Start"}), json!("start")),
        (
            json!({"Ref": "Dead"}),
            json!("https://sqs.eu-central-1.amazonaws.com/111122223333/greenlight-dead"),
        ),
        (
            json!({"Fn::GetAtt": ["Dead", "Arn"]}),
            json!("arn:aws:sqs:eu-central-1:111122223333:greenlight-dead"),
        ),
        (
            json!({"Fn::GetAtt": ["Role", "Arn"]}),
            json!("arn:aws:iam::111122223333:role/greenlight-Role"),
        ),
        (
            json!({"Fn::Sub": "${Start.Arn}:x"}),
            json!("arn:aws:lambda:eu-central-1:111122223333:function:start:x"),
        ),
        (
            json!({"Fn::Sub": "${!Literal}-${Days}"}),
            json!("${Literal}-30"),
        ),
        (
            json!({"Fn::Sub": ["${A}-${AWS::StackName}", {"A": {"Ref": "Days"}}]}),
            json!("30-greenlight"),
        ),
        (
            json!({"Fn::Join": ["/", ["x", {"Ref": "Days"}]]}),
            json!("x/30"),
        ),
        (json!({"Fn::If": ["HasSubnets", "yes", "no"]}), json!("yes")),
        (json!({"Fn::If": ["HasEmail", "yes", "no"]}), json!("no")),
        (json!({"Fn::If": ["Both", "yes", "no"]}), json!("no")),
        (json!({"Fn::If": ["Either", "yes", "no"]}), json!("yes")),
        (
            json!([1, {"Fn::If": ["HasEmail", 2, {"Ref": "AWS::NoValue"}]}, {"Fn::If": ["HasSubnets", [3], 4]}]),
            json!([1, [3]]),
        ),
        (
            json!({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}),
            json!({"b": [1]}),
        ),
    ] {
        assert_eq!(
            scope.resolve(&written, "here").unwrap(),
            Some(expected),
            "{written}"
        );
    }
}

#[test]
fn an_unresolvable_value_is_an_error_with_its_path() {
    let scope = scope();
    for (written, expected) in [
        (
            json!({"Ref": "Nothing"}),
            "at `here.a`: the template has neither a resource nor a parameter `Nothing`",
        ),
        (
            json!({"Fn::GetAtt": ["Vpc", "CidrBlock"]}),
            "at `here.a`: the rehearsal does not support `CidrBlock` of `Vpc` (`AWS::EC2::VPC`)",
        ),
        (
            json!({"Fn::ImportValue": "x"}),
            "at `here.a`: no template before this one exports `x`",
        ),
        (
            json!({"Fn::FindInMap": ["a", "b", "c"]}),
            "at `here.a`: the rehearsal does not support `Fn::FindInMap` of",
        ),
        (
            json!({"Fn::If": ["Unheard", 1, 2]}),
            "at `here.a`: the template has no condition `Unheard`",
        ),
        (
            json!({"Ref": "Unmade"}),
            "at `here.a`: `Unmade` is not created: its condition is false",
        ),
        (
            json!({"Fn::Sub": "${Start"}),
            "at `here.a`: `${Start` lacks a `}`",
        ),
    ] {
        let error = format!(
            "{:#}",
            scope.resolve(&json!({ "a": written }), "here").unwrap_err()
        );
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_parameter_that_the_template_does_not_have_is_refused() {
    let given = BTreeMap::from([("Emial".to_owned(), "a@b".to_owned())]);
    let Err(error) = Scope::new(json!({ "Parameters": {} }), &given) else {
        panic!("it was accepted")
    };
    assert_eq!(error.to_string(), "the template has no parameter `Emial`");
}

#[test]
fn an_invalid_parameter_value_is_refused() {
    let pattern = json!({ "Type": "String", "Default": "a*", "AllowedPattern": "[a-z*]+" });
    let mut sentence = pattern.clone();
    sentence["ConstraintDescription"] = json!("one pattern");
    let values = json!({ "Type": "Number", "Default": 1, "AllowedValues": [1, 3] });
    let mut list = pattern.clone();
    list["Type"] = json!("CommaDelimitedList");
    for (parameter, given, expected) in [
        (&list, Some("a,b"), ""),
        (
            &list,
            Some("a,1"),
            "the parameter `It` is `a,1`: must be `[a-z*]+`",
        ),
        (&pattern, None, ""),
        (&pattern, Some("b"), ""),
        (
            &pattern,
            Some("a,b"),
            "the parameter `It` is `a,b`: must be `[a-z*]+`",
        ),
        (
            &sentence,
            Some("a,b"),
            "the parameter `It` is `a,b`: must be one pattern",
        ),
        (&values, Some("3"), ""),
        (
            &values,
            Some("2"),
            "the parameter `It` is `2`: must be one of `1`, `3`",
        ),
        (
            &json!({ "Type": "String" }),
            None,
            "the template's parameter `It` has no default, and no value was given",
        ),
        (
            &json!({ "Type": "String", "Default": "", "MinLength": 1 }),
            None,
            "`MinLength` of the parameter `It` is not evaluated in the rehearsal",
        ),
        (
            &json!({ "Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a" }),
            None,
            "the parameter `It` names the SSM parameter `/a`, which has no value here",
        ),
        (
            &json!({ "Type": "AWS::Route53::HostedZone::Id", "Default": "a" }),
            None,
            "the parameter `It` has the type `AWS::Route53::HostedZone::Id`, which is not evaluated in the rehearsal",
        ),
    ] {
        check_parameter(parameter, given, expected);
    }
}

#[track_caller]
fn check_parameter(parameter: &Value, given: Option<&str>, expected: &str) {
    let given = given.map(|value| ("It".to_owned(), value.to_owned()));
    let template = json!({ "Parameters": { "It": parameter } });
    let scope = Scope::new(template, &given.into_iter().collect());
    let error = scope.err().map(|error| error.to_string());
    assert_eq!(error.unwrap_or_default(), expected);
}

#[test]
fn a_number_is_one_and_within_its_limits() {
    let range = json!({ "Type": "Number", "Default": 1, "MinValue": 1, "MaxValue": 4 });
    for (parameter, given, expected) in [
        (&range, Some("2"), ""),
        (
            &range,
            Some("5"),
            "the parameter `It` is `5`: must be within its `MaxValue`, 4",
        ),
        (
            &range,
            Some("0"),
            "the parameter `It` is `0`: must be within its `MinValue`, 1",
        ),
        (
            &range,
            Some("two"),
            "the parameter `It` is `two`: must be a number",
        ),
    ] {
        check_parameter(parameter, given, expected);
    }
}
