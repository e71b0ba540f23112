//! `greenlight doctor` in worlds that are right, and in worlds with one mistake each: it names that one, and nothing else.

mod denied;
mod of_ecs;
mod of_group;
mod of_revision;
mod of_roles;
mod of_service;

use std::fs;

use serde_json::{Value, json};

use self::of_ecs::{hooks, rules, set_breaker};
use self::of_group::{groups, pairs, update_group};
use self::of_revision::{images, revisions};
use self::of_roles::{deny, roles};
use self::of_service::{files, services, stacks};
use super::fits_80_columns;
use super::local::{Local, steady};
use crate::scenarios::run::side_by_side;

/// Parameters that narrow the stack to what the worlds have.
const NARROW: [&str; 8] = [
    "Repositories=shop/*",
    "Clusters=prod",
    "TaskDefinitionFamilies=shop-*",
    "TaskRoles=*-task",
    "ExecutionRoles=ecsTaskExecutionRole",
    "HookRoles=ecs-*",
    "Applications=AppECS-*",
    "TaskLogGroups=/ecs/*",
];

/// A world with one mistake.
struct Wrong {
    name: &'static str,
    world: &'static str,
    /// In place of the narrowing one of that name.
    parameter: Option<&'static str>,
    /// What the file says instead.
    file: (&'static str, &'static str),
    /// What is done in the account.
    made: fn(&Local),
    /// Severity and subject of the one finding.
    found: &'static str,
    /// What its sentence says.
    says: &'static str,
}

const AS_IT_IS: (&str, &str) = ("", "");
const LATEST: (&str, &str) = (
    "tag = \"latest\"",
    "tag = \"latest\"\nrevision_from = \"latest\"",
);

fn nothing(_: &Local) {}

fn in_file(
    name: &'static str,
    from: &'static str,
    to: &'static str,
    found: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong {
        name,
        world: "ship",
        parameter: None,
        file: (from, to),
        made: nothing,
        found,
        says,
    }
}

fn in_account(
    name: &'static str,
    world: &'static str,
    made: fn(&Local),
    found: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong {
        name,
        world,
        parameter: None,
        file: AS_IT_IS,
        made,
        found,
        says,
    }
}

fn in_latest(
    name: &'static str,
    made: fn(&Local),
    found: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong {
        file: LATEST,
        ..in_account(name, "ship", made, found, says)
    }
}

fn in_stack(name: &'static str, parameter: &'static str, says: &'static str) -> Wrong {
    let of = in_account(name, "ship", nothing, "wrong parameters", says);
    Wrong {
        parameter: Some(parameter),
        ..of
    }
}

fn serve(world: &str, parameter: Option<&str>) -> Local {
    let name = |given: &str| given.split_once('=').map(|(name, _)| name.to_owned());
    let kept = NARROW
        .into_iter()
        .filter(|one| parameter.is_none_or(|other| name(one) != name(other)));
    let options: Vec<&str> = kept
        .chain(parameter)
        .flat_map(|one| ["--parameter", one])
        .collect();
    let local = Local::with(world, &options);
    // The scenarios' native services have no circuit breaker.
    if world.starts_with("native-") {
        set_breaker(&local, true);
    }
    local
}

/// Severity, subject and sentence of each finding, and the exit status.
fn findings(local: &Local) -> (Vec<String>, i32) {
    let printed = local.run("doctor --json");
    let answer: Value = serde_json::from_str(&printed.stdout).expect(&printed.stderr);
    let pipelines = answer["pipelines"].as_array().into_iter().flatten();
    let all = pipelines
        .chain([&answer])
        .flat_map(|one| one["findings"].as_array().into_iter().flatten());
    let text = |one: &Value, member: &str| one[member].as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| {
        assert!(
            one["severity"] == "not_known" || !text(one, "remedy").is_empty(),
            "{one}"
        );
        format!(
            "{} {}: {}",
            text(one, "severity"),
            text(one, "subject"),
            text(one, "sentence")
        )
    };
    (all.map(line).collect(), printed.status)
}

#[test]
fn a_right_world_has_no_finding() {
    let worlds = [
        "ship",
        "ec2-dynamic-ports",
        "native-ship",
        "native-canary",
        "native-linear",
        "native-nlb",
        "rolling-migration",
        "rolling-production-gate-fails",
    ];
    let found = side_by_side(&worlds, |world| findings(&serve(world, None)));
    for (world, found) in worlds.iter().zip(found) {
        assert_eq!(found, (Vec::new(), 0), "{world}");
    }
}

#[test]
fn a_wrong_world_has_its_mistake_and_no_other() {
    let all: Vec<Wrong> = [
        files(),
        groups(),
        pairs(),
        roles(),
        images(),
        revisions(),
        services(),
        hooks(),
        rules(),
        stacks(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(all.len() >= 30, "{}", all.len());
    let found = side_by_side(&all, |wrong| {
        let local = serve(wrong.world, wrong.parameter);
        let path = local.folder.0.join("pipelines.toml");
        let text = fs::read_to_string(&path).unwrap();
        let (from, to) = wrong.file;
        assert!(text.contains(from), "{}: {text}", wrong.name);
        let text = if from.is_empty() {
            format!("{text}{to}")
        } else {
            text.replacen(from, to, 1)
        };
        fs::write(&path, text).unwrap();
        (wrong.made)(&local);
        findings(&local)
    });
    for (wrong, (found, status)) in all.iter().zip(found) {
        let name = wrong.name;
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!(
            found[0].starts_with(&format!("{}: ", wrong.found)),
            "{name}: {found:#?}"
        );
        assert!(found[0].contains(wrong.says), "{name}: {found:#?}");
        assert_eq!(
            status,
            i32::from(wrong.found.starts_with("wrong")),
            "{name}"
        );
    }
}

#[test]
fn a_mistake_is_told_with_what_mends_it() {
    let local = serve("ship", None);
    let right = local.transcript(&["doctor"]);
    update_group(
        &local,
        "alarmConfiguration",
        &json!({ "enabled": true, "alarms": [{ "name": "gone" }] }),
    );
    deny(&local, "CodeDeployRoleForECS", "lambda:InvokeFunction");
    let wrong = local.transcript(&["doctor shop-web"]);
    let other = local.transcript(&["--stack other doctor"]);
    let printed = local.run("doctor --json");
    let object: Value = serde_json::from_str(&printed.stdout).unwrap();
    let object = serde_json::to_string_pretty(&object).unwrap();
    insta::assert_snapshot!("doctor_finds_nothing", right);
    insta::assert_snapshot!("doctor_finds_mistakes", wrong);
    insta::assert_snapshot!("doctor_finds_no_stack", other);
    insta::assert_snapshot!("doctor_for_programs", steady(&object));
    for text in [right, wrong] {
        fits_80_columns(&text);
    }
}
