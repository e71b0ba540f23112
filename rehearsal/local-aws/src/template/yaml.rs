//! CloudFormation's YAML as plain data: `!Sub x` becomes `{"Fn::Sub": "x"}`, as CloudFormation itself reads it.

use anyhow::{Context, bail};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value, json};

/// The maximum number of references to anchors in a document: each repeats its target.
const MOST_REFERENCES: usize = 100;
/// The maximum depth of lists and maps in brackets, and the number that may begin in one line: each uses stack space.
const DEEPEST: usize = 200;
const MOST_IN_A_LINE: usize = 200;

/// Parses one YAML document. One that would need far more memory than it has bytes is refused before it is parsed.
pub(crate) fn read(text: &str) -> anyhow::Result<Value> {
    if is_hostile(text) {
        bail!("the YAML refers to itself or is nested far more often than any template");
    }
    let documents = Yaml::load_from_str(text).context("read YAML")?;
    match documents.as_slice() {
        [document] => plain(document),
        documents => bail!("expected one YAML document, found {}", documents.len()),
    }
}

fn is_hostile(text: &str) -> bool {
    let references = text.as_bytes().windows(3).filter(|three| {
        matches!(three, [before, b'*', first]
            if b" \t\n[{,:-".contains(before) && first.is_ascii_alphanumeric())
    });
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    let begun = |line: &str| line.matches("- ").count() + line.matches("? ").count();
    references.count() > MOST_REFERENCES
        || deepest > DEEPEST
        || text.lines().any(|line| begun(line) > MOST_IN_A_LINE)
}

fn plain(node: &Yaml<'_>) -> anyhow::Result<Value> {
    match node {
        Yaml::Value(scalar) => plain_scalar(scalar),
        Yaml::Sequence(members) => members
            .iter()
            .map(plain)
            .collect::<anyhow::Result<_>>()
            .map(Value::Array),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let Value::String(key) = plain(key)? else {
                    bail!("a key is not a string: `{key:?}`")
                };
                map.insert(key, plain(value)?);
            }
            Ok(Value::Object(map))
        }
        Yaml::Tagged(tag, node) => long_form(&tag.suffix, plain(node)?),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            bail!("cannot read `{node:?}`")
        }
    }
}

fn plain_scalar(scalar: &Scalar<'_>) -> anyhow::Result<Value> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::FloatingPoint(value) => {
            Number::from_f64(**value).map_or(Value::Null, Value::Number)
        }
        Scalar::String(value) => json!(value),
    })
}

fn long_form(tag: &str, argument: Value) -> anyhow::Result<Value> {
    let name = match tag {
        "Ref" | "Condition" => tag.to_owned(),
        "And" | "Base64" | "Cidr" | "Contains" | "Equals" | "FindInMap" | "GetAZs" | "GetAtt"
        | "If" | "ImportValue" | "Join" | "Not" | "Or" | "Select" | "Split" | "Sub"
        | "Transform" => {
            format!("Fn::{tag}")
        }
        _ => bail!("`!{tag}` is not one of CloudFormation's intrinsic functions"),
    };
    let argument = match (tag, &argument) {
        ("GetAtt", Value::String(text)) => match text.split_once('.') {
            Some((resource, attribute)) => json!([resource, attribute]),
            None => bail!("`!GetAtt {text}` is not `!GetAtt <resource>.<attribute>`"),
        },
        _ => argument,
    };
    Ok(json!({ name: argument }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_expands_excessively_is_refused_before_it_is_parsed() {
        let laughs: String = (1..20).fold("a0: &a0 x\n".to_owned(), |text, n| {
            let many = format!("*a{}, ", n - 1).repeat(9);
            format!("{text}a{n}: &a{n} [{many}]\n")
        });
        for text in [
            laughs,
            "[".repeat(100_000),
            "- ".repeat(100_000),
            "{a: ".repeat(5_000),
        ] {
            assert!(read(&text).is_err(), "{}", &text[..20]);
        }
    }

    #[test]
    fn short_forms_become_long_ones() {
        let text = "a: !Ref B\nc: !GetAtt D.Arn\ne: !If [F, !Sub \"${G}-x\", !Ref AWS::NoValue]\nh: [1, true, \"2\", ~, 1.5]\n";
        let expected = json!({
            "a": { "Ref": "B" },
            "c": { "Fn::GetAtt": ["D", "Arn"] },
            "e": { "Fn::If": ["F", { "Fn::Sub": "${G}-x" }, { "Ref": "AWS::NoValue" }] },
            "h": [1, true, "2", null, 1.5],
        });
        assert_eq!(read(text).unwrap(), expected);
        assert!(
            read("a: !Rref B")
                .unwrap_err()
                .to_string()
                .contains("`!Rref` is not one of")
        );
    }
}
