//! The stack: its state, and the parameters that narrow what its functions may touch.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Checks;
use super::like::like;
use crate::policy::Parameter;

/// A stack, as CloudFormation describes it (DescribeStacks).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackFacts {
    /// `UPDATE_COMPLETE`, …
    pub status: String,
    /// Why, where CloudFormation says it.
    pub reason: Option<String>,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
}

/// Any text.
const ANY: &str = "*";

/// Whether the stack is as its template says (CloudFormation User Guide, "Stack status codes"). One whose update was rolled back is what it
/// was before.
pub fn status(checks: &mut Checks, stack: &str, facts: &StackFacts) {
    let StackFacts { status, reason, .. } = facts;
    let is_half_way = status.ends_with("_FAILED")
        || status == "ROLLBACK_COMPLETE"
        || status.starts_with("DELETE_");
    if is_half_way {
        let why = reason
            .as_ref()
            .map(|why| format!(" ({why})"))
            .unwrap_or_default();
        checks.wrong(
            "stack",
            format!("stack `{stack}` is `{status}`{why}, expected `CREATE_COMPLETE` or `UPDATE_COMPLETE`"),
            format!("aws cloudformation describe-stack-events --stack-name {stack}\nthen sam deploy"),
        );
    }
}

/// The narrowing parameters that still allow everything, in one finding; `needed` is what the pipelines need.
pub fn open_parameters(checks: &mut Checks, stack: &str, facts: &StackFacts, needed: &[Parameter]) {
    // Where nothing narrows it, it stays as it is.
    let is_open = |one: &&Parameter| {
        let value = facts.parameters.get(one.name);
        one.value != ANY && value.is_some_and(|value| value == ANY)
    };
    let open: Vec<&str> = needed.iter().filter(is_open).map(|one| one.name).collect();
    if open.is_empty() {
        return;
    }
    checks.doubt(
        "parameters",
        format!("stack `{stack}` may touch more than its pipelines need: {} {} still `*`", listed(&open), are(&open)),
        "`greenlight policy --services` prints what narrows them, for samconfig.toml; then sam deploy",
    );
}

/// Whether a parameter's pattern covers these names; a parameter that the stack does not have says nothing. An empty one covers none; of
/// several, with commas between them, one has to.
pub fn cover(
    checks: &mut Checks,
    facts: &StackFacts,
    parameter: &str,
    names: &BTreeSet<String>,
    needed: &[Parameter],
) {
    let Some(pattern) = facts.parameters.get(parameter) else {
        return;
    };
    let covers = |name: &String| {
        let mut patterns = pattern.split(',');
        patterns.any(|one| match parameter {
            // It is a folder.
            "PublishedParameters" if !one.is_empty() => like(&format!("{one}*"), name),
            _ => like(one.trim(), name),
        })
    };
    let uncovered: Vec<&str> = names
        .iter()
        .filter(|name| !covers(name))
        .map(String::as_str)
        .collect();
    if uncovered.is_empty() {
        return;
    }
    let needed = needed.iter().find(|one| one.name == parameter);
    let value = needed.map_or(ANY, |one| &one.value);
    let given = match pattern.as_str() {
        "" => "empty".to_owned(),
        pattern => format!("`{pattern}`"),
    };
    checks.wrong(
        "parameters",
        format!(
            "the stack's parameter `{parameter}` is {given}, which does not cover {}: the functions may not touch {}",
            listed(&uncovered),
            if uncovered.len() == 1 { "it" } else { "them" }
        ),
        format!("\"{parameter}={value}\" in `parameter_overrides` of samconfig.toml, then sam deploy"),
    );
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn are(names: &[&str]) -> &'static str {
    if names.len() == 1 { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(status: &str, parameters: &[(&str, &str)]) -> StackFacts {
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        StackFacts {
            status: status.to_owned(),
            reason: None,
            parameters: parameters.collect(),
        }
    }

    fn needed(name: &'static str, value: &str) -> Parameter {
        Parameter {
            name,
            value: value.to_owned(),
            note: None,
        }
    }

    #[track_caller]
    fn check(found: &Checks, expected: &[&str]) {
        let sentences: Vec<&str> = found
            .findings
            .iter()
            .map(|one| one.sentence.as_str())
            .collect();
        assert_eq!(sentences, expected);
    }

    #[test]
    fn a_stack_that_is_half_way_is_named() {
        for (state, is_wrong) in [
            ("CREATE_COMPLETE", false),
            ("UPDATE_COMPLETE", false),
            ("UPDATE_IN_PROGRESS", false),
            ("UPDATE_ROLLBACK_COMPLETE", false),
            ("IMPORT_COMPLETE", false),
            ("ROLLBACK_COMPLETE", true),
            ("UPDATE_ROLLBACK_FAILED", true),
            ("DELETE_FAILED", true),
            ("DELETE_IN_PROGRESS", true),
        ] {
            let mut checks = Checks::default();
            status(&mut checks, "greenlight", &facts(state, &[]));
            assert_eq!(checks.is_wrong(), is_wrong, "{state}");
        }
    }

    #[test]
    fn open_parameters_are_one_doubt() {
        let needed = [
            needed("Repositories", "shop/web"),
            needed("Clusters", "prod"),
            needed("TaskRoles", "*"),
        ];
        let mut checks = Checks::default();
        let open = facts(
            "",
            &[
                ("Repositories", "*"),
                ("Clusters", "prod"),
                ("TaskRoles", "*"),
                ("Other", "*"),
            ],
        );
        open_parameters(&mut checks, "greenlight", &open, &needed);
        check(
            &checks,
            &[
                "stack `greenlight` may touch more than its pipelines need: `Repositories` is still `*`",
            ],
        );
        assert!(!checks.is_wrong());
        let mut checks = Checks::default();
        open_parameters(
            &mut checks,
            "greenlight",
            &facts("", &[("Clusters", "prod")]),
            &needed,
        );
        check(&checks, &[]);
    }

    #[test]
    fn a_pattern_covers_what_the_pipelines_name() {
        let check_one = |pattern: &str, names: &[&str], expected: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let mut checks = Checks::default();
            cover(
                &mut checks,
                &facts("", &[("Repositories", pattern)]),
                "Repositories",
                &names,
                &[needed("Repositories", "shop/*")],
            );
            check(&checks, expected);
        };
        check_one("*", &["shop/web"], &[]);
        check_one("shop/*", &["shop/web", "shop/api"], &[]);
        check_one("pay/*, shop/*", &["shop/web"], &[]);
        check_one("shop/*", &[], &[]);
        check_one(
            "pay/*",
            &["shop/web", "shop/api", "pay/x"],
            &[
                "the stack's parameter `Repositories` is `pay/*`, which does not cover `shop/api`, `shop/web`: the functions may not touch them",
            ],
        );
        check_one(
            "",
            &["s"],
            &[
                "the stack's parameter `Repositories` is empty, which does not cover `s`: the functions may not touch it",
            ],
        );
        let mut checks = Checks::default();
        cover(
            &mut checks,
            &facts("", &[]),
            "Repositories",
            &BTreeSet::from(["a".to_owned()]),
            &[],
        );
        check(&checks, &[]);
    }

    #[test]
    fn a_folder_covers_what_is_below_it() {
        let check_one = |folder: &str, is_covered: bool| {
            let names = ["/shop/web/image".to_owned()].into();
            let mut checks = Checks::default();
            let (facts, needed) = (
                facts("", &[("PublishedParameters", folder)]),
                needed("PublishedParameters", "/shop/web/"),
            );
            cover(
                &mut checks,
                &facts,
                "PublishedParameters",
                &names,
                &[needed],
            );
            assert_eq!(checks.is_wrong(), !is_covered, "{folder}");
        };
        for folder in ["/", "/shop/", "/shop/web/", "/*/web/"] {
            check_one(folder, true);
        }
        for folder in ["", "/pay/", "/shop/api/", "/shop/web/image/"] {
            check_one(folder, false);
        }
    }
}
