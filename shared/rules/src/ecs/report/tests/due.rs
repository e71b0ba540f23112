//! What is due of a deployment, and whose pipelines are told.

use serde_json::json;

use super::super::*;
use super::{
    NATIVE, WEB, arn, at, decided, definition, digest, image, observed, pipelines, revision, said,
};
use crate::config::Pipeline;
use crate::ecs::{RevisionImage, ServiceRevision, Stage, Status};
use crate::engine::Engine;
use crate::events::Pause;
use crate::outcome::Command;

fn pause(deployment: &str) -> Pause {
    Pause {
        deployment: arn(deployment),
        hook: "ecs-pause-1".parse().unwrap(),
        stage: Some(Stage::PostTestTrafficShift),
        expires_at: Some(at(3600)),
    }
}

#[test]
fn a_pause_is_told_with_the_commands_of_both_ways() {
    let pipeline = &pipelines(WEB)[0];
    let observed = observed(NATIVE, Status::InProgress);
    let what = What::Waits(pause("EZe5RNVLH6PPzHXINuP28"));
    let outcome = decided(pipeline, observed, &what);
    assert_eq!(
        said(&outcome),
        "ready (pending): shop/web:1.4.2 (sha256:bbbbbbbbbbbb) to prod/web waits at `POST_TEST_TRAFFIC_SHIFT` for a person to \
         continue it\n    next: continue the deployment or let it roll back before 1970-01-01 01:00 UTC; then ECS does what the pause \
         hook is configured to do"
    );
    let ways: Vec<&str> = outcome
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Continue { way, .. } => Some(way.as_str()),
            Command::Request { .. }
            | Command::Reroute(_)
            | Command::RestoreImage { .. }
            | Command::RestoreTestListener { .. } => None,
        })
        .collect();
    assert_eq!(ways, ["CONTINUE", "ROLLBACK"]);
}

/// What is due, by the words of it.
fn words(status: Status, is_newest: bool, waits: Option<&Pause>, tags: &[(&str, &str)]) -> String {
    let mut observed = observed(NATIVE, status);
    observed.target.definition = definition(2, "b", tags);
    let told = Told::of(&observed.target.definition, &"greenlight".parse().unwrap());
    let due = due(&observed.deployment, is_newest, waits, &told);
    let words: Vec<&str> = due.iter().map(What::word).collect();
    words.join(" ")
}

#[test]
fn everything_is_due_once_and_in_order() {
    const ID: &str = "greenlight:EZe5RNVLH6PPzHXINuP28";
    let own = pause("EZe5RNVLH6PPzHXINuP28");
    let other = pause("OTHER5RNVLH6PPzHXINuP");
    let started = ("greenlight:told-started", ID);
    let ended = ("greenlight:told-ended", ID);
    let waiting = ("greenlight:told-waiting", "greenlight:ecs-pause-1");
    let of_other_stack = ("greenlight:told-ended", "observer:EZe5RNVLH6PPzHXINuP28");
    for (status, is_newest, waits, tags, expected) in [
        (Status::Pending, true, None, &[][..], "started"),
        (Status::InProgress, true, None, &[], "started"),
        (Status::Unknown("X".to_owned()), true, None, &[], "started"),
        (Status::InProgress, true, None, &[started], ""),
        (Status::InProgress, true, Some(&own), &[], "started waiting"),
        (Status::InProgress, true, Some(&own), &[started], "waiting"),
        (
            Status::InProgress,
            true,
            Some(&own),
            &[started, waiting],
            "",
        ),
        (Status::InProgress, true, Some(&other), &[started], ""),
        // It says nothing that its end does not say better.
        (Status::RollbackInProgress, true, None, &[], ""),
        (Status::StopRequested, true, None, &[], ""),
        // An older one is under way only until it is stopped.
        (Status::InProgress, false, None, &[], ""),
        (Status::Successful, true, None, &[], "ended"),
        (Status::Successful, true, Some(&own), &[started], "ended"),
        (Status::Successful, true, None, &[ended], ""),
        (Status::Successful, true, None, &[of_other_stack], "ended"),
        (Status::Stopped, false, None, &[started], "ended"),
        (Status::Stopped, false, None, &[started, ended], ""),
        // It was before this stack, or is long told.
        (Status::Successful, false, None, &[], ""),
    ] {
        assert_eq!(
            words(status.clone(), is_newest, waits, tags),
            expected,
            "{status:?} {is_newest} {tags:?}"
        );
    }
}

#[test]
fn an_outcome_is_told_to_those_whose_image_is_new() {
    let nginx = "[[pipeline]]\nname='nginx'\nrepository='shop/nginx'\ntag='latest'\ncluster='prod'\nservice='web'\n";
    let all = pipelines(&format!("{WEB}{nginx}"));
    let all: Vec<&Pipeline> = all.iter().collect();
    let told = |observed: &Observed| {
        let told = concerned(&all, observed);
        let names = told.iter().map(|pipeline| pipeline.name.as_str());
        names.collect::<Vec<_>>().join(" ")
    };
    let registry = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    let proxy = |digit: &str| format!("{registry}/shop/nginx@{}", digest(digit));
    let both = |web: &str, nginx: &str| {
        let mut it = observed(Engine::Rolling, Status::Successful);
        let marks: Vec<(String, String)> = all
            .iter()
            .zip([web, nginx])
            .map(|(pipeline, digit)| {
                let key = format!("greenlight:image:{}", pipeline.mark);
                (
                    key,
                    format!("{} 2026-10-14T09:21:47Z latest", digest(digit)),
                )
            })
            .collect();
        let marks: Vec<(&str, &str)> = marks
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        it.target.definition = definition(2, web, &marks);
        it.target.definition.task_definition["containerDefinitions"] = json!([
            {"name": "web", "image": image(web)}, {"name": "nginx", "image": proxy(nginx)}
        ]);
        let with_proxy = |mut revision: ServiceRevision, digit: &str| {
            revision.images.push(RevisionImage {
                container: "nginx".parse().unwrap(),
                image: Some(proxy(digit)),
                digest: None,
            });
            revision
        };
        it.target.revision = with_proxy(revision(2, web), nginx);
        it.source = Some(with_proxy(revision(1, "a"), "c"));
        it
    };
    assert_eq!(told(&both("b", "c")), "web");
    assert_eq!(told(&both("a", "d")), "nginx");
    assert_eq!(told(&both("b", "d")), "web nginx");
    // Settings, or the same once more.
    assert_eq!(told(&both("a", "c")), "web nginx");
    let mut others = both("b", "d");
    others.target.definition.tags = json!([]);
    assert_eq!(told(&others), "web");
}
