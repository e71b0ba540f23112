//! The documents name what the code names, and every link between them leads somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use regex_lite::Regex;

use crate::repository;
use crate::template::read::{actions, functions, resources, statements};

/// The words between quotes in the body of this function: the codes that it gives.
fn codes(file: &str, function: &str) -> BTreeSet<String> {
    let source = repository::text(file);
    let (_, body) = source.split_once(function).unwrap();
    let (body, _) = body.split_once("\n    }\n").unwrap();
    let quoted = body.split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// The first cells of the table behind this head, of which some name several codes.
fn table(head: &str) -> BTreeSet<String> {
    let reference = repository::text("docs/reference.md");
    let (_, table) = reference.split_once(head).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let cell = row.split('|').nth(1).unwrap();
        let names = cell.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn the_reference_has_every_code() {
    let skips = codes("shared/rules/src/start/skip.rs", "pub fn code");
    assert_eq!(table("| reason | meaning |"), skips);
    let errors = codes("shared/lambda/src/failure.rs", "pub fn error_type");
    assert_eq!(table("| errorType | meaning |"), errors);
    let outcomes = codes("shared/rules/src/outcome/event.rs", "pub fn code");
    assert_eq!(table("| outcome | when |"), outcomes);
}

/// A heading's anchor, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .replace(|c: char| !c.is_alphanumeric() && c != ' ' && c != '-', "");
    kept.replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#]*)(?:#([^)]*))?\)").unwrap();
    let documents = repository::files("").into_iter();
    let mut seen = 0;
    for document in documents.filter(|file| file.ends_with(".md")) {
        let text = repository::text(&document);
        let folder = Path::new(&document).parent().unwrap();
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            seen += 1;
            let path = if target.is_empty() {
                document.clone()
            } else {
                let path = repository::root().join(folder).join(target);
                assert!(
                    path.exists(),
                    "{document} links {target}, which is not there"
                );
                path.to_str().unwrap().to_owned()
            };
            let Some(part) = found.get(2) else { continue };
            let linked = repository::text(&path);
            let mut headings = linked.lines().filter(|line| line.starts_with('#'));
            assert!(
                headings.any(|line| anchor(line.trim_start_matches('#').trim()) == part.as_str()),
                "{document} links #{} of {path}, which has no such heading",
                part.as_str()
            );
        }
    }
    assert!(seen > 10, "{seen} links were found");
}

/// Code that moved takes its place in the documents along.
#[test]
fn every_path_in_the_documents_is_there() {
    let path =
        Regex::new(r"`((?:shared|functions|rehearsal|tests/it|tests/outside|fuzz)/[\w./-]+)`")
            .unwrap();
    let mut seen = 0;
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/decisions.md",
        "docs/deploying.md",
        "docs/invariants.md",
        "docs/moving-to-ecs-deployments.md",
        "docs/reference.md",
        "docs/rehearsal.md",
    ] {
        for found in path.captures_iter(&repository::text(document)) {
            seen += 1;
            let path = &found[1];
            assert!(
                repository::root().join(path).exists(),
                "{document} names {path}, which is not there, correct it"
            );
        }
    }
    assert!(seen > 30, "{seen} paths were found");
}

/// A command of the reference that names a resource of the stack finds it, and what the text says of it is so.
#[test]
fn the_commands_for_dead_letters_name_queues_of_the_template() {
    let reference = repository::text("docs/reference.md");
    let named = Regex::new(r"--logical-resource-id (\w+)").unwrap();
    let named: BTreeSet<String> = named
        .captures_iter(&reference)
        .map(|found| found[1].to_owned())
        .collect();
    assert!(!named.is_empty(), "no command reads the dead letters");
    let queues: BTreeSet<String> = resources("AWS::SQS::Queue")
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let missing: Vec<_> = named.difference(&queues).collect();
    assert!(missing.is_empty(), "{missing:?} are no queues");
    for queue in &queues {
        assert!(
            reference.contains(&format!("`{queue}`")),
            "{queue} is not explained"
        );
    }
    for action in ["receive-message", "purge-queue"] {
        let command = format!("aws sqs {action} --queue-url \"$queue\"");
        assert!(reference.contains(&command), "`{command}` is not there");
    }
    let again =
        "aws lambda invoke --region REGION --function-name FUNCTION --invocation-type Event";
    assert!(reference.contains(again), "no command runs an event again");
}

/// Without one of them a check in a VPC cannot even answer that it failed.
#[test]
fn the_endpoints_of_a_vpc_are_those_of_the_services_that_the_checks_call() {
    let of_checks = functions().iter().filter(|function| {
        let subnets = function.properties["VpcConfig"].to_string();
        subnets.contains("CheckTestTrafficSubnets")
    });
    let statements = of_checks.flat_map(|function| statements(&function.properties));
    let called: Vec<String> = statements
        .flat_map(|statement| actions(&statement))
        .collect();
    // Scheduler asks IAM whether a role may be passed, the function does not.
    let called = called.iter().filter(|action| *action != "iam:PassRole");
    let called = called.map(|action| action.split(':').next().unwrap());
    // Topics use the key, and Lambda sends what was given up, on the function's behalf.
    let by_others = ["kms", "sqs"];
    let called: BTreeSet<&str> = called
        .filter(|service| !by_others.contains(service))
        .collect();
    assert!(called.contains("codedeploy"), "{called:?}");
    let deploying = repository::text("docs/deploying.md");
    let endpoint = Regex::new(r"`com\.amazonaws\.<region>\.(\w+)(?:\.api)?`").unwrap();
    let documented: BTreeSet<&str> = endpoint
        .captures_iter(&deploying)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    assert_eq!(documented, called);
}
