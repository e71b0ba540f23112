//! Names of parameters of Systems Manager's Parameter Store.

/// With the ARN's beginning a name has at most 1011 characters (SSM API Reference, PutParameter). The longest beginning has 55:
/// `arn:aws-us-gov:ssm:us-gov-west-1:111122223333:parameter`.
const CHARACTERS_AT_MOST: usize = 1011 - 55;
/// A hierarchy has at most so many levels (as above, HierarchyLevelLimitExceededException).
const LEVELS_AT_MOST: usize = 15;
/// Below it people write what Greenlight obeys. Names distinguish capitals, and so do policies.
const OWN: &str = "greenlight";
/// A first level that begins with one of these is AWS's, in capitals too (as above).
const RESERVED: [&str; 2] = ["aws", "ssm"];

/// One level alone would be in no folder that a policy could name.
pub(super) fn is_name(text: &str) -> bool {
    let Some(path) = text.strip_prefix('/') else {
        return false;
    };
    let levels: Vec<&str> = path.split('/').collect();
    let is_level = |level: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !level.is_empty() && level.bytes().all(plain)
    };
    let first = levels[0].to_ascii_lowercase();
    text.len() <= CHARACTERS_AT_MOST
        && (2..=LEVELS_AT_MOST).contains(&levels.len())
        && levels.iter().all(is_level)
        && levels[0] != OWN
        && !RESERVED.iter().any(|reserved| first.starts_with(reserved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_below_a_folder_that_is_nobody_elses() {
        let deep = |levels: usize| "/a".repeat(levels);
        let long = |characters: usize| format!("/a/{}", "x".repeat(characters - 3));
        for name in [
            "/shop/web/image",
            "/Shop.v2/web_1-a",
            "/Greenlight/web",
            "/greenlights/web",
            "/my/aws",
            &deep(15),
            &long(956),
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "/",
            "/image",
            "shop/web/image",
            "/shop/web/",
            "/shop//image",
            "/shop/web image",
            "/shop/web:1",
            "/shop/*",
            "/shop/ümlaut",
            "/aws/image",
            "/AWSome/image",
            "/ssm-/image",
            "/greenlight/hold",
            "/greenlight/shop/hold",
            &deep(16),
            &long(957),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
