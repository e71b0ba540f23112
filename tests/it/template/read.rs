//! `template.yaml` as JSON, in CloudFormation's long form, and the parts of it that tests ask for. It is the one list of the
//! functions: tests take their names, hooks, rules and permissions from here.

use std::sync::LazyLock;

use saphyr::{LoadableYamlNode, ScalarOwned, YamlOwned};
use serde_json::{Map, Value, json};

use crate::repository;

/// A function that is deployed.
pub(crate) struct Function {
    /// `StartDeployment`
    pub(crate) id: String,
    /// Its folder, package and binary: `start-deployment`.
    pub(crate) name: String,
    /// `AfterInstall`, where the AppSpec names it for that.
    pub(crate) hook: Option<String>,
    pub(crate) properties: Value,
}

/// What of an event makes a function run.
pub(crate) struct Trigger {
    /// `StartDeployment.Push`
    pub(crate) name: String,
    /// `EventBridgeRule` or `Schedule`
    pub(crate) kind: String,
    pub(crate) properties: Value,
}

/// The whole template.
pub(crate) fn template() -> &'static Value {
    static TEMPLATE: LazyLock<Value> = LazyLock::new(read);
    &TEMPLATE
}

fn read() -> Value {
    let documents = YamlOwned::load_from_str(&repository::text("template.yaml")).unwrap();
    let [document] = documents.as_slice() else {
        panic!(
            "template.yaml is {} documents, make it one",
            documents.len()
        );
    };
    to_json(document)
}

/// The resources of a type, as (logical id, properties), in the order of the template.
pub(crate) fn resources(of_type: &str) -> Vec<(String, Value)> {
    let resources = template()["Resources"].as_object().unwrap().iter();
    resources
        .filter(|(_, resource)| resource["Type"] == of_type)
        .map(|(id, resource)| (id.clone(), resource["Properties"].clone()))
        .collect()
}

/// The functions, in the order of the template.
pub(crate) fn functions() -> &'static [Function] {
    static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
        let functions = resources("AWS::Serverless::Function");
        let hooks = hooks(&functions);
        let function = |(id, properties): (String, Value)| {
            let binary = &template()["Resources"][&id]["Metadata"]["BuildProperties"]["Binary"];
            let binary = binary.as_str().unwrap_or_else(|| {
                panic!("{id} of template.yaml is without `BuildProperties.Binary`, name its folder")
            });
            let hook = hooks.iter().find(|(_, function)| *function == id);
            Function {
                name: binary.to_owned(),
                hook: hook.map(|(event, _)| event.clone()),
                id,
                properties,
            }
        };
        functions.into_iter().map(function).collect()
    });
    &FUNCTIONS
}

/// (lifecycle event, logical id) of the functions that some function is told to name in the AppSpec.
fn hooks(functions: &[(String, Value)]) -> Vec<(String, String)> {
    let variables = functions
        .iter()
        .filter_map(|(_, function)| function["Environment"]["Variables"].as_object())
        .flatten();
    variables
        .filter_map(|(variable, value)| {
            let event = variable.strip_prefix("GREENLIGHT_HOOK_")?;
            let function = value["Ref"].as_str()?;
            Some((camel_case(&event.to_lowercase(), '_'), function.to_owned()))
        })
        .collect()
}

/// `start-deployment` is `StartDeployment`.
pub(crate) fn camel_case(words: &str, between: char) -> String {
    words
        .split(between)
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

/// What makes functions run, in the order of the template.
pub(crate) fn triggers() -> Vec<Trigger> {
    let mut triggers = Vec::new();
    for function in functions() {
        let events = function.properties["Events"].as_object();
        for (event, definition) in events.unwrap_or(&Map::new()) {
            triggers.push(Trigger {
                name: format!("{}.{event}", function.id),
                kind: definition["Type"].as_str().unwrap().to_owned(),
                properties: definition["Properties"].clone(),
            });
        }
    }
    triggers
}

/// The statements that a function's role has, from its `Policies` or from the role that it names.
pub(crate) fn statements(function: &Value) -> Vec<Value> {
    let inline =
        |policies: &Value| -> Vec<Value> { policies.as_array().cloned().unwrap_or_default() };
    let documents = match function["Role"]["Fn::GetAtt"].as_str() {
        Some(role) => {
            let role = role.strip_suffix(".Arn").unwrap();
            let policies = template()["Resources"][role]["Properties"]["Policies"].clone();
            inline(&policies)
                .iter()
                .flat_map(alternatives)
                .map(|policy| policy["PolicyDocument"].clone())
                .collect()
        }
        None => inline(&function["Policies"]),
    };
    documents
        .iter()
        .flat_map(alternatives)
        .flat_map(|document| document["Statement"].as_array().unwrap().clone())
        .flat_map(|statement| alternatives(&statement))
        .collect()
}

/// What a value may become: both branches of a condition, without those that leave it out.
pub(crate) fn alternatives(value: &Value) -> Vec<Value> {
    match value["Fn::If"].as_array().map(Vec::as_slice) {
        Some([_, yes, no]) => [yes, no].into_iter().flat_map(alternatives).collect(),
        Some(_) | None if *value == json!({"Ref": "AWS::NoValue"}) => Vec::new(),
        Some(_) | None => vec![value.clone()],
    }
}

/// The actions of a statement, one or many.
pub(crate) fn actions(statement: &Value) -> Vec<String> {
    let action = &statement["Action"];
    let actions = action
        .as_array()
        .map_or(std::slice::from_ref(action), Vec::as_slice);
    actions
        .iter()
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

fn to_json(yaml: &YamlOwned) -> Value {
    match yaml {
        YamlOwned::Value(ScalarOwned::Null) => Value::Null,
        YamlOwned::Value(ScalarOwned::Boolean(boolean)) => json!(boolean),
        YamlOwned::Value(ScalarOwned::Integer(integer)) => json!(integer),
        YamlOwned::Value(ScalarOwned::FloatingPoint(number)) => json!(number.into_inner()),
        YamlOwned::Value(ScalarOwned::String(text)) => json!(text),
        YamlOwned::Sequence(items) => items.iter().map(to_json).collect(),
        YamlOwned::Mapping(mapping) => Value::Object(
            mapping
                .iter()
                .map(|(key, value)| (key_text(key), to_json(value)))
                .collect(),
        ),
        // `!Ref X` is `{Ref: X}`, every other short form gets `Fn::` in front.
        YamlOwned::Tagged(tag, value) => {
            let name = if tag.suffix == "Ref" {
                "Ref".to_owned()
            } else {
                format!("Fn::{}", tag.suffix)
            };
            json!({ name: to_json(value) })
        }
        YamlOwned::Representation(..) | YamlOwned::Alias(_) | YamlOwned::BadValue => {
            panic!("template.yaml is not plain YAML, write it without anchors: {yaml:?}")
        }
    }
}

fn key_text(key: &YamlOwned) -> String {
    key.as_str()
        .unwrap_or_else(|| panic!("a key of template.yaml is not text, quote it: {key:?}"))
        .to_owned()
}
