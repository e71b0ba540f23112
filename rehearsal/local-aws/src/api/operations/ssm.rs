//! Systems Manager's operations, as far as Parameter Store's standard tier has them.

use serde_json::{Value, json};

use crate::api::error::{ApiError, not_simulated};
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::validation::{Violations, member, not_null};
use crate::iam::Permission;
use crate::identity::arn;
use crate::ssm::{Kind, Overwrite, Refused};
use crate::stamp::epoch_seconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("GetParameter", get_parameter, on_parameter),
    Operation::new("PutParameter", put_parameter, on_parameter),
];

const TYPES: [&str; 3] = ["SecureString", "StringList", "String"];
const TIERS: [&str; 3] = ["Advanced", "Intelligent-Tiering", "Standard"];
/// The longest value of the standard tier (SSM API Reference, PutParameter).
const CHARACTERS_AT_MOST: usize = 4096;
/// The longest name, with the ARN's beginning (as above).
const WITH_ARN_AT_MOST: usize = 1011;
const LEVELS_AT_MOST: usize = 15;
/// Members that are not simulated, because they need a key, a permission more or another tier.
const NOT_SIMULATED: [&str; 5] = ["AllowedPattern", "KeyId", "Policies", "Tags", "DataType"];

/// The error for a required member. The message is the common one of the model's validation.
pub(super) fn missing(name: &str) -> ApiError {
    invalid(not_null(&member(name)))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn refusal(refused: &Refused) -> ApiError {
    ApiError::new(refused.code(), refused.to_string())
}

fn get_parameter(call: Call<'_>) -> Answer {
    call.input.boolean("WithDecryption")?;
    let given = name(&call.input)?;
    let (name, number) = parts(given);
    let (parameter, version) = call
        .aws
        .ssm
        .parameter(name, number)
        .map_err(|refused| refusal(&refused))?;
    let mut answer = json!({
        "Name": parameter.name,
        "Type": parameter.kind.as_str(),
        "Value": version.value,
        "Version": version.number,
        "LastModifiedDate": epoch_seconds(version.at),
        "ARN": arn_of(&parameter.name),
        "DataType": "text",
    });
    if let Some(number) = number {
        answer["Selector"] = json!(format!(":{number}"));
    }
    Ok(json!({ "Parameter": answer }))
}

fn put_parameter(call: Call<'_>) -> Answer {
    let input = &call.input;
    let name = name(input)?;
    let value = input.value("Value").and(input.text("Value")?);
    let value = value.ok_or_else(|| missing("Value"))?;
    let (kind, tier) = (input.text("Type")?, input.text("Tier")?);
    Violations::new("ValidationException")
        .one_of("type", kind, &TYPES)
        .one_of("tier", tier, &TIERS)
        .check()?;
    // The value is marked as sensitive in the model, and so it is not quoted.
    if value.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or \
             equal to 1",
        ));
    }
    let overwrite = match input.boolean("Overwrite")? {
        Some(true) => Overwrite::Yes,
        Some(false) | None => Overwrite::No,
    };
    if overwrite == Overwrite::Yes && input.value("Tags").is_some() {
        return Err(invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. \
             To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
        ));
    }
    must_be_simulated(input, kind, tier)?;
    must_be_name(name)?;
    if value.chars().count() > CHARACTERS_AT_MOST {
        return Err(invalid(format!(
            "Standard tier parameters support a maximum parameter value of {CHARACTERS_AT_MOST} characters. To create a larger parameter \
             value, upgrade the parameter to use the advanced-parameter tier. For more information, see \
             https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
        )));
    }
    let kind = kind.map(|kind| match kind {
        "StringList" => Kind::StringList,
        _ => Kind::String,
    });
    let version = call
        .aws
        .ssm
        .put(name, value, kind, overwrite)
        .map_err(|refused| refusal(&refused))?;
    Ok(json!({ "Version": version, "Tier": "Standard" }))
}

fn must_be_simulated(
    input: &Input<'_>,
    kind: Option<&str>,
    tier: Option<&str>,
) -> Result<(), ApiError> {
    let others = NOT_SIMULATED.into_iter();
    let mut others = others.filter(|member| {
        let value = input.value(member);
        value.is_some_and(|value| *member != "DataType" || value != "text")
    });
    let what = others
        .next()
        .or(kind.filter(|kind| *kind == "SecureString"))
        .or(tier.filter(|tier| *tier != "Standard"));
    match what {
        Some(what) => Err(invalid(not_simulated(&format!("`{what}` of PutParameter")))),
        None => Ok(()),
    }
}

/// What the model says of a name.
fn name<'a>(input: &Input<'a>) -> Result<&'a str, ApiError> {
    let name = input.text("Name")?.ok_or_else(|| missing("Name"))?;
    Violations::new("ValidationException")
        .length("name", Some(name), 1, 2048)
        .check()?;
    Ok(name)
}

/// What PutParameter says of a name beyond the model: observed sentences, but for those about lengths, which are not published.
fn must_be_name(name: &str) -> Result<(), ApiError> {
    const SYNTAX: &str = "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of \
                          sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
                          following 3 symbols .-_";
    let path = name.strip_prefix('/');
    if path.is_none() && name.contains('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if name.ends_with('/') {
        return Err(invalid("Parameter name must not end with slash."));
    }
    let levels: Vec<&str> = path.unwrap_or(name).split('/').collect();
    let first = levels[0].to_ascii_lowercase();
    match path {
        Some(_) if first.starts_with("aws") => {
            let message = format!("No access to reserved parameter name: {name}.");
            return Err(ApiError::new("AccessDeniedException", message));
        }
        None if first.starts_with("aws") || first.starts_with("ssm") => {
            return Err(invalid(
                "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
            ));
        }
        Some(_) | None => {}
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_level = |level: &&str| !level.is_empty() && level.bytes().all(plain);
    if first.starts_with("ssm") || !levels.iter().all(is_level) {
        return Err(invalid(SYNTAX));
    }
    if levels.len() > LEVELS_AT_MOST {
        let message = format!("A hierarchy can have a maximum of {LEVELS_AT_MOST} levels.");
        return Err(ApiError::new(
            "HierarchyLevelLimitExceededException",
            message,
        ));
    }
    if arn_of(name).len() > WITH_ARN_AT_MOST {
        return Err(invalid(format!(
            "The maximum length of a parameter name, with its ARN, is {WITH_ARN_AT_MOST} characters."
        )));
    }
    Ok(())
}

/// The name, and the version behind a colon. GetParameter takes an ARN, too.
fn parts(given: &str) -> (&str, Option<&str>) {
    let beginning = arn_of("");
    let name = given.strip_prefix(&beginning).unwrap_or(given);
    match name.split_once(':') {
        Some((name, number)) if !given.starts_with("arn:") || name.starts_with('/') => {
            (name, Some(number))
        }
        Some(_) | None => (name, None),
    }
}

/// `arn:aws:ssm:eu-central-1:111122223333:parameter/shop/image`; a name without a slash in front has one there.
fn arn_of(name: &str) -> String {
    let slash = match name {
        "" => "",
        name if name.starts_with('/') => "",
        _ => "/",
    };
    arn("ssm", &format!("parameter{slash}{name}"))
}

/// SAR, AWS Systems Manager: the parameter.
fn on_parameter(call: Call<'_>) -> Vec<Permission> {
    let given = call.input.value("Name").and_then(Value::as_str);
    let (name, _) = parts(given.unwrap_or("*"));
    vec![call.on(arn_of(name))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> String {
        let refused = must_be_name(name).err();
        refused.map_or_else(String::new, |error| {
            format!("{}: {}", error.code, error.message)
        })
    }

    #[test]
    fn names_are_refused_in_aws_words() {
        let syntax = "ValidationException: Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it \
                      can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and \
                      the following 3 symbols .-_";
        let either = "ValidationException: Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).";
        let (deep, deeper) = ("/a".repeat(15), "/a".repeat(16));
        let (long, longer) = ("x".repeat(1011 - 48), "x".repeat(1011 - 47));
        for (name, expected) in [
            ("/shop/web/image", ""),
            ("image", ""),
            (&deep, ""),
            (&long, ""),
            (
                "shop/web",
                "ValidationException: Parameter name must be a fully qualified name.",
            ),
            (
                "/shop/",
                "ValidationException: Parameter name must not end with slash.",
            ),
            (
                "/AWS/image",
                "AccessDeniedException: No access to reserved parameter name: /AWS/image.",
            ),
            ("/SSM/image", syntax),
            ("/shop//image", syntax),
            ("/shop/a b", syntax),
            ("arn:aws:x", syntax),
            ("awsImage", either),
            ("ssm-image", either),
            (
                &deeper,
                "HierarchyLevelLimitExceededException: A hierarchy can have a maximum of 15 levels.",
            ),
            (
                &longer,
                "ValidationException: The maximum length of a parameter name, with its ARN, is 1011 characters.",
            ),
        ] {
            assert_eq!(said(name), expected, "{name}");
        }
    }

    #[test]
    fn a_parameter_is_named_by_its_arn_or_name_and_a_version() {
        let arn = arn_of("/shop/image");
        for (given, expected) in [
            ("/shop/image", ("/shop/image", None)),
            ("/shop/image:3", ("/shop/image", Some("3"))),
            (&arn, ("/shop/image", None)),
            (&format!("{arn}:3"), ("/shop/image", Some("3"))),
            ("image", ("image", None)),
        ] {
            assert_eq!(parts(given), expected, "{given}");
        }
        assert_eq!(arn_of("image"), arn_of("/image"));
    }
}
