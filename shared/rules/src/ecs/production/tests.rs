use super::*;
use crate::ecs::Rollback;
use crate::observed::RunningRevision;
use time::UtcDateTime;

fn arn(digits: u32) -> ServiceRevisionArn {
    format!("arn:aws:ecs:eu-central-1:111122223333:service-revision/prod/web/{digits}")
        .parse()
        .unwrap()
}

fn deployed(digits: u32, weight: Option<f64>) -> DeployedRevision {
    DeployedRevision {
        arn: arn(digits),
        requested_count: 2,
        running_count: 2,
        test_weight: None,
        production_weight: weight,
    }
}

/// From revision 1 to revision 2.
fn deployment(status: &str, stage: Option<&str>, weight: Option<f64>) -> ServiceDeployment {
    ServiceDeployment {
        arn: "arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/one"
            .parse()
            .unwrap(),
        status: Status::of(status),
        status_reason: None,
        stage: stage.map(Stage::of),
        sources: vec![deployed(1, weight.map(|weight| 100.0 - weight))],
        target: Some(deployed(2, weight)),
        rollback: None,
        hooks: Vec::new(),
        breaker: None,
        alarms: None,
        created_at: UtcDateTime::UNIX_EPOCH,
        started_at: None,
        finished_at: None,
        stopped_at: None,
        updated_at: None,
    }
}

fn back_to(digits: u32, status: &str) -> ServiceDeployment {
    ServiceDeployment {
        rollback: Some(Rollback {
            reason: None,
            started_at: None,
            revision: Some(arn(digits)),
        }),
        ..deployment(status, None, None)
    }
}

/// The digits of what serves.
fn serves(deployments: &[ServiceDeployment]) -> String {
    said(serving(&Service::for_tests(), deployments))
}

fn said(serving: Option<Serving>) -> String {
    match serving {
        Some(Serving::ServiceRevision(arn)) => arn.digits().to_owned(),
        Some(Serving::TaskDefinition(arn)) => arn.short().to_owned(),
        None => "nothing".to_owned(),
    }
}

#[test]
fn the_newest_deployment_that_ended_with_a_revision_says_what_serves() {
    let table = [
        (vec![deployment("SUCCESSFUL", None, None)], "2"),
        (vec![back_to(7, "ROLLBACK_SUCCESSFUL")], "7"),
        (vec![deployment("ROLLBACK_SUCCESSFUL", None, None)], "1"),
        // A deployment that ended without one leaves what was there.
        (
            vec![
                deployment("STOPPED", None, None),
                deployment("ROLLBACK_FAILED", None, None),
                back_to(7, "ROLLBACK_SUCCESSFUL"),
            ],
            "7",
        ),
        (vec![deployment("STOPPED", None, None)], "nothing"),
        (vec![], "nothing"),
    ];
    for (deployments, expected) in table {
        assert_eq!(serves(&deployments), expected, "{deployments:?}");
    }
}

#[test]
fn while_one_is_under_way_blue_serves_until_all_traffic_is_greens() {
    let table = [
        ("PENDING", None, None, "1"),
        ("IN_PROGRESS", Some("PRE_SCALE_UP"), None, "1"),
        (
            "IN_PROGRESS",
            Some("PRODUCTION_TRAFFIC_SHIFT"),
            Some(10.0),
            "1",
        ),
        (
            "IN_PROGRESS",
            Some("PRODUCTION_TRAFFIC_SHIFT"),
            Some(100.0),
            "2",
        ),
        ("IN_PROGRESS", Some("A_STAGE_TO_COME"), Some(100.0), "2"),
        ("IN_PROGRESS", Some("BAKE_TIME"), None, "2"),
        ("IN_PROGRESS", Some("CLEAN_UP"), Some(100.0), "2"),
        // A rolling update has no stage, and its weights say nothing.
        ("IN_PROGRESS", None, Some(100.0), "1"),
        ("A_STATE_TO_COME", Some("SCALE_UP"), None, "1"),
        ("STOP_REQUESTED", Some("SCALE_UP"), None, "1"),
    ];
    for (status, stage, weight, expected) in table {
        let settled = back_to(9, "ROLLBACK_SUCCESSFUL");
        let deployments = [deployment(status, stage, weight), settled];
        assert_eq!(
            serves(&deployments),
            expected,
            "{status} {stage:?} {weight:?}"
        );
    }
    assert_eq!(serves(&[back_to(7, "ROLLBACK_IN_PROGRESS")]), "7");
    assert_eq!(
        serves(&[deployment(
            "ROLLBACK_REQUESTED",
            Some("BAKE_TIME"),
            Some(100.0)
        )]),
        "1"
    );
}

#[test]
fn the_first_deployment_of_a_service_has_no_blue() {
    let first = ServiceDeployment {
        sources: Vec::new(),
        ..deployment("IN_PROGRESS", Some("SCALE_UP"), None)
    };
    assert_eq!(serves(&[first]), "2");
}

#[test]
fn of_several_sources_the_one_with_most_traffic_serves() {
    let mut under_way = deployment("IN_PROGRESS", Some("RECONCILE_SERVICE"), Some(0.0));
    under_way.sources = vec![deployed(3, Some(10.0)), deployed(4, Some(90.0))];
    assert_eq!(serves(&[under_way]), "4");
}

#[test]
fn a_service_that_was_quiet_for_90_days_is_known_by_its_tasks() {
    let running = |digits, requested_count, running_count| RunningRevision {
        arn: arn(digits),
        requested_count,
        running_count,
    };
    let check = |revisions: Vec<RunningRevision>, expected: &str| {
        let service = Service {
            current_revisions: revisions,
            revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:5"
                .parse()
                .ok(),
            ..Service::for_tests()
        };
        assert_eq!(said(serving(&service, &[])), expected);
    };
    check(vec![running(1, 2, 2)], "1");
    check(vec![running(1, 0, 0), running(2, 2, 1)], "2");
    check(vec![running(1, 0, 0), running(2, 2, 0)], "2");
    // Desired count 0.
    check(vec![running(1, 0, 0)], "1");
    check(vec![], "web:5");
}

fn image(container: &str, image: Option<&str>, digest: Option<char>) -> RevisionImage {
    RevisionImage {
        container: container.parse().unwrap(),
        image: image.map(str::to_owned),
        digest: digest.map(sha),
    }
}

fn sha(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64))
        .parse()
        .unwrap()
}

#[test]
fn the_service_revision_tells_the_digest_of_a_tag() {
    let check = |images: &[RevisionImage], containers: &[&str], expected: &str| {
        let revision = ServiceRevision {
            arn: arn(1),
            revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:5"
                .parse()
                .unwrap(),
            images: images.to_vec(),
            placement: crate::observed::Placement::default(),
            target_groups: Vec::new(),
            created_at: None,
        };
        let said = match running_image("a tag", &revision, containers) {
            RunningImage::Known(digest) => digest.as_str()[7..8].to_owned(),
            RunningImage::Mixed => "mixed".to_owned(),
            RunningImage::Unknown(why) => why,
        };
        assert_eq!(said, expected);
    };
    let web = image("web", Some("shop/web:latest"), Some('a'));
    let log = image("log", None, None);
    check(&[web.clone(), log.clone()], &["web"], "a");
    let none = "a tag, and ECS states no digest for its service revision";
    // Version consistency is off, or no task has begun.
    check(&[web.clone(), log], &["web", "log"], none);
    check(std::slice::from_ref(&web), &["other"], none);
    let other = image("log", Some("shop/web:1"), Some('b'));
    let different = "a tag, and its service revision runs different images";
    check(&[web.clone(), other], &["web", "log"], different);
    check(
        &[web],
        &[],
        "a tag, and its service revision has no such container",
    );
    // The pin is the index; what ECS resolved may be the manifest of a platform.
    let pinned = format!("shop/web@{}", sha('c'));
    check(&[image("web", Some(&pinned), Some('d'))], &["web"], "c");
}
