//! Rules of a listener beside its default one: a path, and where requests for it go. CodeDeploy changes the listener's own
//! action only; whether AWS's changes other rules as well is not known.

use crate::elb::Forward;
use crate::elb::forward::Distribution;

/// As DescribeRules shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDescription {
    pub arn: String,
    pub priority: u32,
    /// With `*` for any text and `?` for any character.
    pub path: String,
    pub forward: Vec<Forward>,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) arn: String,
    pub(super) priority: u32,
    pub(super) path: String,
    pub(super) distribution: Distribution,
}

impl Rule {
    pub(super) fn describe(&self) -> RuleDescription {
        RuleDescription {
            arn: self.arn.clone(),
            priority: self.priority,
            path: self.path.clone(),
            forward: self.distribution.forward(),
        }
    }

    pub(super) fn is_met(&self, path: &str) -> bool {
        fits(self.path.as_bytes(), path.as_bytes())
    }
}

/// Goes back to the last `*` only, so that no pattern takes longer than both lengths multiplied.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read, mut retry) = (0, 0, None);
    while let Some(&byte) = text.get(read) {
        match (pattern.get(at), retry) {
            (Some(b'*'), _) => {
                at += 1;
                retry = Some((at, read));
            }
            (Some(&wanted), _) if wanted == b'?' || wanted == byte => {
                at += 1;
                read += 1;
            }
            (_, Some((behind, from))) => {
                (at, read, retry) = (behind, from + 1, Some((behind, from + 1)));
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|&rest| rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_met_with_wildcards_and_with_their_case() {
        for (pattern, path, expected) in [
            ("/orders", "/orders", true),
            ("/orders", "/orders/", false),
            ("/Orders", "/orders", false),
            ("/o*s", "/orders", true),
            ("/o?ders*", "/orders", true),
            ("*", "/", true),
            ("/*/b", "/a/c/b", true),
            ("/*/b", "/a/c", false),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), path.as_bytes()),
                expected,
                "{pattern} {path}"
            );
        }
    }
}
