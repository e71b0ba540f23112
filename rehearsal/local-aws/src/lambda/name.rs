//! How a request names a function: by its name, a partial ARN or an ARN, each with a qualifier or without one.

use crate::api::validation::is_of;

/// The pattern in AWS's model.
pub const PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";

/// The parts of a function's name that are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionName<'a> {
    pub region: Option<&'a str>,
    pub account: Option<&'a str>,
    pub name: &'a str,
    pub qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    /// Returns `None` where the pattern does not match.
    pub fn parse(given: &'a str) -> Option<FunctionName<'a>> {
        let unprefixed = given.strip_prefix("arn:").and_then(|after| {
            let (partition, rest) = after.split_once(":lambda:")?;
            is_partition(partition).then_some(rest)
        });
        let rest: Vec<&str> = unprefixed.unwrap_or(given).split(':').collect();
        let mut rest = rest.as_slice();
        // Each of these parts is one only if a name follows.
        let mut take = |is_it: &dyn Fn(&str) -> bool| match rest {
            [first, after @ ..] if after.first().is_some_and(is_name) && is_it(first) => {
                rest = after;
                Some(*first)
            }
            _ => None,
        };
        let region = take(&is_region);
        let account = take(&|part| part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit()));
        take(&|part| part == "function");
        let (name, qualifier) = match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return None,
        };
        let latest = ["$LATEST", "$LATEST.PUBLISHED"];
        let fits = is_name(&name)
            && qualifier.is_none_or(|text| latest.contains(&text) || is_of(text, "-_"));
        fits.then_some(FunctionName {
            region,
            account,
            name,
            qualifier,
        })
    }
}

fn is_name(text: &&str) -> bool {
    is_of(text, "-_.")
}

/// `aws`, `aws-us-gov`; the pattern allows none, too.
fn is_partition(text: &str) -> bool {
    let plain = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    text.is_empty() || text.strip_prefix("aws").is_some_and(plain)
}

/// `eu-central-1`, `us-gov-west-1`, `us-isob-east-1`, `eusc-de-east-1`
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text
        .strip_prefix("eusc-")
        .unwrap_or(text)
        .split('-')
        .collect();
    let lower = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_kind = |kind: &str| {
        let isolated = kind.strip_prefix("iso");
        kind == "gov" || isolated.is_some_and(|letter| letter.len() <= 1 && lower(letter))
    };
    let (country, word, number) = match parts.as_slice() {
        [country, word, number] => (country, word, number),
        [country, kind, word, number] if is_kind(kind) => (country, word, number),
        _ => return false,
    };
    (country.len() == 2 && lower(country))
        && (!word.is_empty() && lower(word))
        && (number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_parsed_as_the_pattern_has_them() {
        let named = |region, account, name, qualifier| {
            Some(FunctionName {
                region,
                account,
                name,
                qualifier,
            })
        };
        let (region, account) = (Some("us-east-1"), Some("111122223333"));
        for (given, expected) in [
            ("shop-hook", named(None, None, "shop-hook", None)),
            (
                "shop_Hook.1:live",
                named(None, None, "shop_Hook.1", Some("live")),
            ),
            ("f:$LATEST", named(None, None, "f", Some("$LATEST"))),
            ("function:f", named(None, None, "f", None)),
            ("111122223333:function:f", named(None, account, "f", None)),
            ("111122223333", named(None, None, "111122223333", None)),
            (
                "arn:aws:lambda:us-east-1:111122223333:function:f",
                named(region, account, "f", None),
            ),
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:f:7",
                named(Some("us-gov-west-1"), account, "f", Some("7")),
            ),
            ("arn:live", named(None, None, "arn", Some("live"))),
            (
                "function:$LATEST",
                named(None, None, "function", Some("$LATEST")),
            ),
            (
                "us-isob-east-1:111122223333:function:f",
                named(Some("us-isob-east-1"), account, "f", None),
            ),
            (
                "eusc-de-east-1:function:f",
                named(Some("eusc-de-east-1"), None, "f", None),
            ),
            ("", None),
            ("us-a-b-c-1:111122223333:function:f", None),
            ("eusc-east-1:function:f", None),
            ("us-isobb-east-1:function:f", None),
            ("u1-east-1:function:f", None),
            ("us-east-11:function:f", None),
            ("arn:aws1:lambda:us-east-1:111122223333:function:f", None),
            ("f:", None),
            ("f:a:b", None),
            ("f:$OLDEST", None),
            ("a b", None),
            ("arn:aws:sqs:us-east-1:111122223333:queue", None),
            ("arn:aws:lambda:us-east-1:111122223333:function:f:a:b", None),
        ] {
            assert_eq!(FunctionName::parse(given), expected, "{given}");
        }
    }

    fn names() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("arn:aws:lambda"),
            Just("arn:aws-us-gov:lambda"),
            Just("arn::lambda"),
            Just("arn:aws1:lambda"),
            Just("arn"),
            Just("lambda"),
            Just("function"),
            Just("111122223333"),
            Just("11112222333"),
            Just("us-gov-west-1"),
            Just("us-iso-east-1"),
            Just("us-isobb-east-1"),
            Just("eusc-de-east-1"),
            Just("eusc-east-1"),
            Just("us-a-b-1"),
            Just("$LATEST"),
            Just("$LATEST.PUBLISHED"),
            Just("f.1"),
            Just("f"),
            Just(""),
        ];
        prop::collection::vec(part, 1..7).prop_map(|parts| parts.join(":"))
    }

    proptest! {
        #[test]
        fn what_the_pattern_matches_is_a_name(given in names()) {
            let pattern = regex_lite::Regex::new(&format!("^(?:{PATTERN})$")).unwrap();
            prop_assert_eq!(FunctionName::parse(&given).is_some(), pattern.is_match(&given));
        }
    }
}
