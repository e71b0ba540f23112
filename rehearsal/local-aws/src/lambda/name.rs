//! How a request names a function: by its name, a partial ARN or an ARN, each with a qualifier or without one.

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
        let mut parts = given.split(':').peekable();
        if parts.next_if_eq(&"arn").is_some() {
            parts
                .next()
                .filter(|partition| partition.starts_with("aws"))?;
            parts.next().filter(|service| *service == "lambda")?;
        }
        let rest: Vec<&str> = parts.collect();
        let mut rest = rest.as_slice();
        // Each of these parts is one only if another one follows.
        let mut take = |is_it: &dyn Fn(&str) -> bool| match rest {
            [first, after @ ..] if !after.is_empty() && is_it(first) => {
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
        let plain = |text: &str, others: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
            !text.is_empty() && text.chars().all(fits)
        };
        let latest = ["$LATEST", "$LATEST.PUBLISHED"];
        let fits = plain(name, "-_.")
            && qualifier.is_none_or(|text| latest.contains(&text) || plain(text, "-_"));
        fits.then_some(FunctionName {
            region,
            account,
            name,
            qualifier,
        })
    }
}

/// `eu-central-1`, `us-gov-west-1`
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [first, .., word, number] => {
            (first.len() == 2 || *first == "eusc")
                && parts[..parts.len() - 1]
                    .iter()
                    .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
                && !word.is_empty()
                && number.len() == 1
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
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
            ("", None),
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
}
