//! The stack's parameters: documented, narrow, and each said in one place.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use rules::config::Config;
use rules::policy;
use serde_json::{Map, Value, json};

use super::read::{alternatives, resources, template};
use crate::repository;

/// The first SAM CLI to which Rust is no experiment.
const OLDEST_SAM: (u32, u32) = (1, 155);
/// Members by which a resource gets a name that is not AWS's own choice.
const NAMES: [&str; 10] = [
    "AlarmName",
    "FunctionName",
    "GroupName",
    "LayerName",
    "LogGroupName",
    "Name",
    "QueueName",
    "RoleName",
    "RuleName",
    "TopicName",
];

fn parameters() -> Map<String, Value> {
    template()["Parameters"].as_object().unwrap().clone()
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Calls `visit` with every object of a value, the innermost ones included.
fn objects(value: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|member| objects(member, visit));
        }
        Value::Array(members) => members.iter().for_each(|member| objects(member, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Everything outside of `Parameters` that `Ref` or `Fn::Sub` names.
fn referred() -> BTreeSet<String> {
    let mut template = template().clone();
    template.as_object_mut().unwrap().remove("Parameters");
    let mut names = BTreeSet::new();
    objects(&template, &mut |object| {
        names.extend(object.get("Ref").map(text_of));
        let written = match object.get("Fn::Sub") {
            Some(Value::Array(parts)) => text_of(&parts[0]),
            Some(text) => text_of(text),
            None => String::new(),
        };
        let after = written.split("${").skip(1);
        names.extend(after.map(|rest| rest.split('}').next().unwrap().to_owned()));
    });
    names
}

/// The reference's table: each parameter with its default, as it stands there.
fn documented() -> BTreeMap<String, String> {
    let reference = repository::text("docs/reference.md");
    let (_, table) = reference.split_once("| parameter | default | |\n").unwrap();
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .map(|cells| (cells[1].trim_matches('`').to_owned(), cells[2].to_owned()))
        .collect()
}

#[test]
fn the_reference_has_every_parameter_with_its_default() {
    let default = |parameter: &Value| match parameter.get("Default").map(text_of) {
        None => "–".to_owned(),
        Some(text) if text.is_empty() => text,
        Some(text) => format!("`{text}`"),
    };
    let declared: BTreeMap<String, String> = parameters()
        .iter()
        .map(|(name, parameter)| (name.clone(), default(parameter)))
        .collect();
    assert_eq!(
        documented(),
        declared,
        "the table of parameters in docs/reference.md is not that of template.yaml, make them agree"
    );
}

/// What narrows by default nothing is what `greenlight policy` says for every file; the others it says where a file needs them.
#[test]
fn the_command_knows_every_parameter_that_narrows() {
    let all = parameters();
    let narrows = all.iter().filter(|(_, one)| one["Default"] == "*");
    let narrows: BTreeSet<&str> = narrows.map(|(name, _)| name.as_str()).collect();
    let file = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n";
    let known = |more: &str| {
        let config = Config::parse(&format!("{file}{more}")).unwrap();
        let known = policy::parameters(&config, &[]).into_iter();
        known.map(|one| one.name).collect::<BTreeSet<_>>()
    };
    assert_eq!(known(""), narrows, "rules/src/policy.rs and template.yaml");
    for name in known("registry_account='444455556666'\nregistry_region='eu-west-1'\n") {
        assert!(all.contains_key(name), "{name} is no parameter");
    }
}

#[test]
fn every_parameter_and_condition_is_used_and_declared() {
    let referred = referred();
    for (name, parameter) in parameters() {
        assert!(referred.contains(&name), "{name} changes nothing, drop it");
        let described = parameter["Description"].as_str().is_some();
        assert!(described, "{name} is without a description, add one");
    }
    let template = template();
    let declared: BTreeSet<String> = template["Conditions"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let mut used = BTreeSet::new();
    objects(template, &mut |object| {
        used.extend(object.get("Fn::If").map(|parts| text_of(&parts[0])));
        used.extend(object.get("Fn::Condition").map(text_of));
        let condition = object
            .get("Condition")
            .filter(|condition| condition.is_string());
        used.extend(condition.map(text_of));
    });
    assert_eq!(
        used, declared,
        "conditions that are used, and those that there are"
    );
}

/// A text that CloudFormation takes as it is may grant nothing, or everything.
#[test]
fn every_free_text_has_a_pattern_and_a_sentence() {
    for (name, parameter) in parameters() {
        if parameter["Type"] != "String" || parameter["AllowedValues"].is_array() {
            continue;
        }
        let pattern = parameter["AllowedPattern"].as_str();
        let pattern = pattern.unwrap_or_else(|| panic!("{name} is free of any pattern, add one"));
        let is_whole = pattern.starts_with('^') && pattern.ends_with('$');
        assert!(
            is_whole,
            "`{pattern}` of {name} is met by a part, anchor it"
        );
        let default = parameter["Default"].as_str().unwrap();
        let pattern = Regex::new(pattern).unwrap();
        assert!(
            pattern.is_match(default),
            "the default of {name} is refused"
        );
        let sentence = parameter["ConstraintDescription"].as_str();
        assert!(
            sentence.is_some(),
            "{name} is refused without a sentence, add one"
        );
    }
}

#[test]
fn what_is_no_single_pattern_of_names_is_refused() {
    let arn = "arn:aws:iam::111122223333:role/shop";
    for (parameter, taken, refused) in [
        (
            "Repositories",
            &["*", "shop/*", "a-b_c.d/e"][..],
            &[
                "",
                "Shop",
                "a,b",
                "a b",
                "r.dkr.ecr.eu-central-1.amazonaws.com:a",
            ][..],
        ),
        (
            "RegistryAccount",
            &["", "444455556666"],
            &["*", "44445555666", "arn:aws:iam::444455556666:root"],
        ),
        (
            "RegistryRegion",
            &["", "eu-west-1", "us-gov-east-1"],
            &["*", "eu-west", "eu-west-1a", "Europe"],
        ),
        (
            "Clusters",
            &["*", "prod", "prod-?"],
            &[
                "",
                "prod,dev",
                "arn:aws:ecs:eu-central-1:111122223333:cluster/prod",
                "a/b",
            ],
        ),
        (
            "TaskDefinitionFamilies",
            &["*", "shop-*"],
            &["", "shop:1", "a b", "${x}"],
        ),
        (
            "TaskRoles",
            &["*", "shop-*", "service-role/shop"],
            &["", arn, "/shop", "a,b", "${aws:username}"],
        ),
        (
            "ExecutionRoles",
            &["*", "ecsTaskExecutionRole"],
            &["", arn, "/shop", "a b"],
        ),
        (
            "HookRoles",
            &["*", "ecs-hooks-*", "team/hooks"],
            &["", arn, "/hooks", "a,b"],
        ),
        (
            "Applications",
            &["*", "AppECS-prod-*", "my.app+1"],
            &["", "app/group", "a,b", "a:b"],
        ),
        (
            "TaskLogGroups",
            &["*", "/ecs/shop-*", "a#b"],
            &[
                "",
                "arn:aws:logs:eu-central-1:111122223333:log-group:a",
                "a b",
            ],
        ),
        (
            "PermissionsBoundary",
            &[
                "",
                "arn:aws:iam::111122223333:policy/team/limit",
                "arn:aws-cn:iam::aws:policy/ReadOnlyAccess",
            ],
            &["limit", arn, "*"],
        ),
        (
            "KmsKey",
            &[
                "",
                "arn:aws:kms:eu-central-1:111122223333:key/1-a",
                "arn:aws:kms:eu-central-1:111122223333:key/mrk-1",
            ],
            &[
                "alias/mine",
                "1-a",
                "arn:aws:kms:eu-central-1:111122223333:alias/mine",
                "*",
            ],
        ),
        (
            "ConfigurationFile",
            &["pipelines.toml", "dev.toml"],
            &["", "config/dev.toml", "../dev.toml", "dev.yaml", ".toml"],
        ),
        (
            "HeaderSecrets",
            &[
                "",
                "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf",
                "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/*",
            ],
            &[
                "*",
                "shop/token",
                "arn:aws:ssm:eu-central-1:111122223333:parameter/shop/token",
                "arn:aws:secretsmanager:*:*:secret:*",
            ],
        ),
        (
            "PublishedParameters",
            &["", "/", "/shop/", "/shop/web/", "/shop/*/", "/s?op.v2/"],
            &[
                "*",
                "/shop",
                "shop/",
                "//",
                "/shop/web/*",
                "/a b/",
                "/${x}/",
            ],
        ),
        (
            "Email",
            &["", "team@example.com"],
            &["team", "a@b c@d", "a@b@c"],
        ),
    ] {
        let pattern =
            Regex::new(parameters()[parameter]["AllowedPattern"].as_str().unwrap()).unwrap();
        for value in taken {
            assert!(pattern.is_match(value), "{parameter} refuses `{value}`");
        }
        for value in refused {
            assert!(!pattern.is_match(value), "{parameter} takes `{value}`");
        }
    }
}

/// What is built for one processor and deployed for another fails when it is invoked.
#[test]
fn the_processor_is_said_in_one_place() {
    let default = &parameters()["Architecture"]["Default"];
    assert!(
        default.is_null(),
        "the template has a second opinion on the processor: {default}"
    );
    let settings: toml::Table = toml::from_str(&repository::text("samconfig.toml")).unwrap();
    for (environment, commands) in &settings {
        for (command, table) in commands.as_table().into_iter().flatten() {
            let list = table
                .get("parameters")
                .and_then(|table| table.get("parameter_overrides"));
            let values: Vec<&str> = list
                .and_then(toml::Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(toml::Value::as_str)
                .filter(|value| value.starts_with("Architecture="))
                .collect();
            match command.as_str() {
                "global" => assert_eq!(
                    values.len(),
                    1,
                    "{environment}.global names no processor, or two"
                ),
                _ => assert!(
                    list.is_none(),
                    "{environment}.{command} replaces the parameters of {environment}.global"
                ),
            }
        }
    }
    let words = [
        "--parameter-overrides Architecture",
        "sam deploy --guided\n",
    ];
    for file in repository::files("")
        .iter()
        .filter(|file| file.ends_with(".md") || file.starts_with(".ci/"))
    {
        let text = repository::text(file);
        assert!(
            !words.iter().any(|word| text.contains(word)),
            "{file} makes a second list of parameters"
        );
    }
}

#[test]
fn the_oldest_sam_that_will_do_is_named_and_the_one_of_ci_is_not_older() {
    let (major, minor) = OLDEST_SAM;
    for file in ["README.md", "docs/deploying.md"] {
        let text = repository::text(file);
        assert!(
            text.contains(&format!("{major}.{minor} or newer")),
            "{file} names no oldest SAM CLI"
        );
    }
    let script = repository::text(".ci/run");
    let version = script
        .lines()
        .find_map(|line| line.strip_prefix("readonly sam_version="));
    let mut numbers = version
        .unwrap()
        .split('.')
        .map(|number| number.parse::<u32>().unwrap());
    let of_ci = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!(
        of_ci >= OLDEST_SAM,
        "{of_ci:?} is older than what README asks for"
    );
}

/// Two stacks in one account must not meet in a name.
#[test]
fn every_name_that_is_given_by_hand_holds_the_stacks() {
    for (id, resource) in template()["Resources"].as_object().unwrap() {
        for name in NAMES {
            let given = &resource["Properties"][name];
            let of_stack = given["Fn::Sub"]
                .as_str()
                .unwrap_or_default()
                .contains("${AWS::StackName}");
            assert!(
                given.is_null() || of_stack,
                "{name} of {id} is {given}, two stacks would share it"
            );
        }
    }
    for (id, layer) in resources("AWS::Serverless::LayerVersion") {
        assert!(
            !layer["LayerName"].is_null(),
            "SAM names the layer {id} after its logical id, in every stack"
        );
    }
    for (_, function) in resources("AWS::Serverless::Function") {
        for (event, declared) in function["Events"].as_object().into_iter().flatten() {
            let named = ["Name", "RuleName"]
                .iter()
                .any(|name| !declared["Properties"][name].is_null());
            assert!(!named, "the rule of {event} has a name, leave that to SAM");
        }
    }
}

#[test]
fn every_role_has_the_boundary() {
    let boundary =
        json!({"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]});
    assert_eq!(
        template()["Globals"]["Function"]["PermissionsBoundary"],
        boundary
    );
    for (id, role) in resources("AWS::IAM::Role") {
        assert_eq!(
            role["PermissionsBoundary"], boundary,
            "{id} is without the boundary"
        );
    }
    for (id, function) in resources("AWS::Serverless::Function") {
        assert!(
            function["PermissionsBoundary"].is_null(),
            "{id} has a boundary of its own"
        );
    }
}

/// With a key, everything that holds messages or logs is encrypted with it; without one, by what AWS has for nothing.
#[test]
fn the_key_encrypts_everything_that_is_kept() {
    let (key, none) = (json!({"Ref": "KmsKey"}), json!({"Ref": "AWS::NoValue"}));
    let either = |without: &Value| json!({"Fn::If": ["HasKey", key, without]});
    for (id, log) in resources("AWS::Logs::LogGroup") {
        assert_eq!(log["KmsKeyId"], either(&none), "{id}");
    }
    for (id, queue) in resources("AWS::SQS::Queue") {
        assert_eq!(queue["KmsMasterKeyId"], either(&none), "{id}");
        let managed = json!({"Fn::If": ["HasKey", none, true]});
        assert_eq!(
            queue["SqsManagedSseEnabled"], managed,
            "{id}: a queue takes one of the two"
        );
    }
    for (id, topic) in resources("AWS::SNS::Topic") {
        let keys = alternatives(&topic["KmsMasterKeyId"]);
        assert!(keys.contains(&key), "{id} is without the key: {keys:?}");
    }
}

/// They are what the stack costs while nothing happens.
#[test]
fn the_alarms_cost_what_the_documents_say() {
    let cents = 10 * resources("AWS::CloudWatch::Alarm").len();
    assert!(
        cents < 100,
        "the alarms are {cents} cents a month, say so in README.md and docs/deploying.md"
    );
    for (file, said) in [
        ("README.md", "less than a dollar a month"),
        ("docs/deploying.md", "less than $1"),
    ] {
        assert!(
            repository::text(file).contains(said),
            "{file} is without `{said}`, say what the alarms cost"
        );
    }
}
