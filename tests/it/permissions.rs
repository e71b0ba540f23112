//! Every permission of `template.yaml` is asked for: without it some scenario fails, for nothing may be refused in one.
//!
//! What the rehearsal refuses it refuses as AWS would, so a permission that may be missing here is not needed there.

mod needed;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::needed::NEEDED;
use crate::scenarios::run::{Run, play, play_otherwise, side_by_side};

#[test]
fn the_table_has_every_permission_of_the_template() {
    // What a scenario's pipelines need beyond the template's defaults is granted in that scenario alone.
    let granted: BTreeSet<String> = ["nobody-follows", "publish"]
        .into_iter()
        .flat_map(|scenario| granted_in(&play(scenario)))
        .collect();
    let table: BTreeSet<String> = NEEDED
        .iter()
        .map(|(permission, _)| (*permission).to_owned())
        .collect();
    assert_eq!(
        granted, table,
        "template.yaml and this table are not of one mind: a permission needs a scenario that needs it"
    );
}

/// What the template grants in a run, as `--without` takes it.
fn granted_in(run: &Run) -> Vec<String> {
    let granted: Vec<&Value> = ["permissions_used", "permissions_unused"]
        .into_iter()
        .flat_map(|list| run.list(list))
        .collect();
    let name = |grant: &Value| format!("{}:{}", text(grant, "holder"), text(grant, "action"));
    let names: Vec<String> = granted.iter().map(|grant| name(grant)).collect();
    let is_granted_twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    granted
        .iter()
        .map(|grant| match name(grant) {
            name if is_granted_twice(&name) => {
                format!("{name}={}", grant["resources"][0].as_str().unwrap())
            }
            name => name,
        })
        .collect()
}

/// What one statement alone allows is refused without it, and no scenario goes as expected where anything else is refused than it
/// takes away itself: so one that asks for it needs it, which nobody has to take away to see. Where two statements allow the same
/// action, and once for each role, it is taken away.
#[test]
fn without_any_permission_of_the_template_some_scenario_fails() {
    let mut roles = BTreeSet::new();
    let (tried, used): (Vec<_>, Vec<_>) = NEEDED
        .iter()
        .partition(|(permission, _)| permission.contains('=') || roles.insert(role(permission)));
    let plays: Vec<[&str; 3]> = tried
        .iter()
        .map(|(permission, scenario)| [*scenario, "--without", *permission])
        .collect();
    let runs = play_otherwise(&plays);
    let tried = tried.into_iter().zip(&runs);
    let not_missed = tried.filter(|((permission, _), run)| !was_missed(permission, run));
    let scenarios: BTreeSet<&str> = used.iter().map(|(_, scenario)| *scenario).collect();
    let scenarios: Vec<&str> = scenarios.into_iter().collect();
    let asked = side_by_side(&scenarios, |scenario| asked_for(&play(scenario)));
    let asked: BTreeMap<&str, BTreeSet<String>> = scenarios.into_iter().zip(asked).collect();
    let not_asked = used
        .into_iter()
        .filter(|(permission, scenario)| !asked[scenario].contains(*permission));
    let idle: Vec<(&str, &str)> = not_missed
        .map(|(needed, _)| needed)
        .chain(not_asked)
        .collect();
    assert!(
        idle.is_empty(),
        "these permissions are not missed in these scenarios, do not grant them or name another scenario: {idle:#?}"
    );
}

/// The role or the function that has the permission.
fn role(permission: &str) -> &str {
    permission.split(':').next().unwrap()
}

/// What the template grants and a run has used.
fn asked_for(run: &Run) -> BTreeSet<String> {
    let used = run.list("permissions_used").iter();
    used.map(|grant| format!("{}:{}", text(grant, "holder"), text(grant, "action")))
        .collect()
}

#[test]
fn a_missing_permission_leaves_nothing_half_done() {
    let run = play("missing-permission");
    assert!(run.deployments().is_empty(), "{:?}", run.deployments());
    assert!(run.list("revisions").is_empty());
    run.says(&["refused", "iam:PassRole"]);
    assert_eq!(run.dead_letters(), 0, "it was told, and not kept as well");
    let missing = text(&run.list("permissions_missing")[0], "message");
    for word in [
        "start-deployment",
        "iam:PassRole",
        "arn:aws:iam::111122223333:role/",
    ] {
        assert!(missing.contains(word), "{missing}");
    }
}

#[test]
fn a_hook_that_may_not_answer_fails_its_deployment_and_is_kept() {
    let run = play("denied-answer");
    assert_eq!(run.deployments(), ["Failed", "Succeeded"]);
    assert_eq!(run.lifecycle_event("AfterAllowTestTraffic"), "Failed");
    assert_eq!(run.dead_letters(), 1, "the hook's call is lost");
}

/// By its time limit, by who could not set one, and by the end of the deployment where the limit may not act.
#[test]
fn no_migration_runs_for_ever() {
    for (scenario, reason) in [
        ("endless-migration", "did not end within its 20 minutes"),
        ("denied-record", "it could not be written down"),
        ("denied-schedule", "its deployment has ended"),
    ] {
        let run = play(scenario);
        assert_eq!(run.deployments(), ["Failed", "Succeeded"], "{scenario}");
        assert_eq!(run.lifecycle_event("AfterInstall"), "Failed", "{scenario}");
        let tasks = run.list("tasks");
        assert_eq!(tasks.len(), 1, "{scenario}: {tasks:?}");
        assert!(
            text(&tasks[0], "reason").contains(reason),
            "{scenario}: {tasks:?}"
        );
    }
}

/// Whether the run failed, and the permission was asked for.
fn was_missed(permission: &str, run: &Run) -> bool {
    let name = permission.split('=').next().unwrap();
    let missing = |missing: &Value| {
        format!("{}:{}", text(missing, "holder"), text(missing, "action")) == name
    };
    !run.is_as_expected() && run.list("permissions_missing").iter().any(missing)
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}
