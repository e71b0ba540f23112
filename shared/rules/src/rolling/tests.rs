use time::{Duration, UtcDateTime};

use super::*;
use crate::config::Config;
use crate::migration::TaskRun;
use crate::names::DeploymentId;
use crate::names::Image;
use crate::observed::{Task, TaskDefinition};
use crate::start::tests::{detail, digest};
use crate::start::{
    AskedBy, Candidate, Chosen, Decision, End, Force, Observed, Phase, Running, RunningImage,
};
use serde_json::json;

mod beside;

fn id(before: &str) -> MigrationId {
    let service = ServiceKey::of(
        &"greenlight".parse().unwrap(),
        &"prod".parse().unwrap(),
        &"web".parse().unwrap(),
    );
    MigrationId {
        service,
        before: Some(before.parse().unwrap()),
    }
}

fn at(minutes: i64) -> UtcDateTime {
    UtcDateTime::UNIX_EPOCH + Duration::days(20_000) + Duration::minutes(minutes)
}

fn record() -> Record {
    Record {
        id: id("d0"),
        cluster: "prod".parse().unwrap(),
        service: "web".parse().unwrap(),
        pipeline: "web".parse().unwrap(),
        digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
        tag: Some("latest".parse().unwrap()),
        ordered_at: at(0),
        runs: TaskRun {
            revision: arn(3),
            alone_of: None,
            container: "web".parse().unwrap(),
            command: vec!["migrate".to_owned()],
        },
        task: None,
        timeout_minutes: 30,
    }
}

fn candidate(digit: char) -> Candidate {
    let mut detail = detail(digit, 0);
    detail.pushed_at = at(0);
    Candidate {
        image: Image {
            repository: "shop/web".parse().unwrap(),
            digest: digest(digit),
            tag: Some("latest".parse().unwrap()),
        },
        detail,
        ordered_at: at(0),
        chosen: Chosen::First,
    }
}

fn observed(runs: char, due: char) -> Observed {
    Observed {
        asked_by: AskedBy::Event,
        force: Force::No,
        missing: String::new(),
        candidate: Some(candidate(due)),
        running: RunningImage::Known(digest(runs)),
        service: Running {
            revision: arn(2),
            tasks: None,
            active: None,
        },
        compared: None,
        attempts: None,
        shipped_before: None,
        template: None,
        rank: None,
        attempts_since_push: Some(Vec::new()),
    }
}

fn arn(number: u32) -> crate::names::RevisionArn {
    format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/web:{number}")
        .parse()
        .unwrap()
}

fn task(status: &str) -> Task {
    let mut task = Task::for_tests(&[("web", (status == "STOPPED").then_some(0))]);
    task.last_status = status.to_owned();
    task
}

fn marked(number: u32, mark: &str) -> TaskDefinition {
    let digest = format!("sha256:{}", "a".repeat(64));
    let image = format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{digest}");
    let tag = |key: &str, value: &str| json!({"key": format!("greenlight:{key}"), "value": value});
    TaskDefinition {
        task_definition: json!({
            "taskDefinitionArn": arn(number), "family": "web",
            "containerDefinitions": [{"name": "web", "image": image}]
        }),
        tags: json!([
            tag("digest", &digest),
            tag("service", "prod/web"),
            tag("stack", "greenlight"),
            tag("ordered-at", "2024-10-04T00:00:00Z"),
            tag("migration", mark)
        ]),
    }
}

#[test]
fn names_fit_and_are_read_back() {
    let id = id(&"x".repeat(64));
    assert_eq!(id.to_string().parse(), Ok(id.clone()));
    assert!(id.started_by().len() <= 128);
    assert!(id.client_token(Some(u32::MAX)).len() <= 64);
    assert!(id.service.schedule_name().len() <= 64);
    let first = MigrationId {
        before: None,
        ..id.clone()
    };
    assert_eq!(first.to_string().parse(), Ok(first));
    for wrong in [
        "",
        "0123456789abcdef",
        "0123456789ABCDEF-d0",
        "0123-d0",
        "0123456789abcdef-",
    ] {
        assert!(wrong.parse::<MigrationId>().is_err(), "{wrong}");
    }
    let text = record().to_json();
    assert_eq!(Record::read(&text), Ok(record()));
    assert!(Record::read(r#"{"deployment_id": "d-1"}"#).is_err());
}

#[test]
fn the_token_is_that_of_the_state_that_is_replaced() {
    let token = id("d0").client_token(Some(3));
    assert_eq!(token, id("d0").client_token(Some(3)));
    for other in [
        id("d1").client_token(Some(3)),
        id("d0").client_token(Some(4)),
        id("d0").client_token(None),
    ] {
        assert_ne!(token, other);
    }
}

#[test]
fn marks_are_read_back_and_fit_into_a_tag() {
    for (text, ended) in [
        ("succeeded 8f3c 2026-10-14T09:30:00Z d0", Ended::Succeeded),
        ("superseded 8f3c 2026-10-14T09:30:00Z d0", Ended::Superseded),
        (
            "failed 8f3c 3 2026-10-14T09:30:00Z d0",
            Ended::Failed(Some(3)),
        ),
        ("failed - - 2026-10-14T09:30:00Z none", Ended::Failed(None)),
        ("unknown 8f3c 2026-10-14T09:30:00.5Z d0", Ended::Unknown),
    ] {
        let mark: MigrationMark = text.parse().unwrap();
        assert_eq!((mark.ended, mark.to_string().as_str()), (ended, text));
        assert!(
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c))
        );
    }
    for wrong in [
        "",
        "succeeded",
        "succeeded t",
        "succeeded t yesterday d0",
        "failed t 2026-10-14T09:30:00Z d0",
    ] {
        assert!(wrong.parse::<MigrationMark>().is_err(), "{wrong}");
    }
}

#[test]
fn a_success_counts_where_the_stacks_own_role_registered_the_revision() {
    let stack = "greenlight".parse().unwrap();
    let table = [
        (None, Ended::Succeeded),
        (
            Some(
                "arn:aws:sts::1:assumed-role/greenlight-StartDeploymentRole-1A/greenlight-start-deployment",
            ),
            Ended::Succeeded,
        ),
        (
            Some("arn:aws:iam::1:role/path/greenlight-StartDeploymentRole-1A"),
            Ended::Succeeded,
        ),
        (
            Some("arn:aws:sts::1:assumed-role/Admin/greenlight-StartDeploymentRole-1A"),
            Ended::Unknown,
        ),
        (
            Some("arn:aws:iam::1:user/greenlight-StartDeploymentRole-1A"),
            Ended::Unknown,
        ),
    ];
    for (by, expected) in table {
        let mut definition = marked(3, "succeeded 8f3c 2026-10-14T09:30:00Z d0");
        if let Some(by) = by {
            definition.task_definition["registeredBy"] = json!(by);
        }
        let mark = mark_of(&definition, &stack).unwrap();
        assert_eq!(mark.ended, expected, "{by:?}");
    }
    let other = "other".parse().unwrap();
    let definition = marked(3, "succeeded 8f3c 2026-10-14T09:30:00Z d0");
    assert_eq!(mark_of(&definition, &other).unwrap().ended, Ended::Unknown);
    assert_eq!(
        mark_of(&marked(3, "done"), &stack).unwrap().ended,
        Ended::Unknown
    );
}

/// The schedule's time is up at minute 30: `now`, whether a task is written down, and the task that is found.
#[test]
fn a_schedule_tells_whether_a_migration_is_under_way() {
    let table = [
        (1, true, None, Underway::Yes),
        (1, false, Some("PROVISIONING"), Underway::Yes),
        (1, false, Some("STOPPED"), Underway::Yes),
        (1, false, None, Underway::Starting),
        (7, false, None, Underway::Abandoned),
        (89, true, Some("STOPPED"), Underway::Yes),
        (90, true, Some("RUNNING"), Underway::Yes),
        (90, true, Some("STOPPED"), Underway::Lost),
        (90, true, None, Underway::Lost),
        (90, false, Some("STOPPED"), Underway::Lost),
        (90, false, None, Underway::Abandoned),
    ];
    for (now, is_written, found, expected) in table {
        let mut record = record();
        record.task = is_written.then(|| task("RUNNING").arn);
        let scheduled = Scheduled {
            record,
            due: Some(at(30)),
            now: Some(at(now)),
        };
        let found = found.map(task);
        let underway = scheduled.underway(found.as_ref());
        assert_eq!(underway, expected, "{now} {is_written} {found:?}");
    }
}

const PIPELINE: &str = "[[pipeline]]\nname = 'web'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = 'prod'\nservice = 'web'\n\
                        [pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n";

/// What a mark says: whether its revision goes on, and what speaks against another attempt.
#[test]
fn a_mark_says_what_becomes_of_its_revision() {
    let pipeline = Config::parse(PIPELINE).unwrap().pipelines.remove(0);
    let candidate = candidate('a');
    let stack = "greenlight".parse().unwrap();
    let with = |mark: &str, deployed: &[u32], newest_of_ours: Option<u32>| {
        let mut migrations = Migrations::new(id("d0"));
        migrations.deployed = deployed.iter().map(|number| arn(*number)).collect();
        migrations.newest_of_ours = newest_of_ours.map(arn);
        migrations.read(&pipeline, &stack, vec![marked(3, mark)]);
        let attempts = migrations.attempts(&pipeline, &candidate);
        let ends: Vec<Option<End>> = attempts.iter().map(|attempt| attempt.end).collect();
        (migrations.migrated().is_some(), ends)
    };
    let succeeded = "succeeded 8f3c 2026-10-14T09:30:00Z";
    let superseded = "superseded 8f3c 2026-10-14T09:30:00Z gone";
    let of_before = format!("{succeeded} d0");
    // What was deployed after its end tells nobody that it took its place: nothing speaks against another attempt.
    let of_gone = format!("{succeeded} gone");
    let failed = "failed 8f3c 1 2026-10-14T09:30:00Z d0";
    let unknown = "unknown 8f3c 2026-10-14T09:30:00Z d0";
    let table = [
        (&*of_before, &[2][..], None, true, None),
        (&of_before, &[2, 3], None, false, None),
        (&of_gone, &[2], None, false, None),
        (&of_gone, &[2], Some(2), false, None),
        (&of_gone, &[4], Some(4), false, None),
        (superseded, &[2], None, false, Some(End::Superseded)),
        (superseded, &[2], Some(2), false, Some(End::Superseded)),
        (superseded, &[2, 3], None, false, None),
        (superseded, &[4], Some(4), false, None),
        (failed, &[2], None, false, Some(End::Failed)),
        (unknown, &[2], None, false, Some(End::MigrationUnknown)),
    ];
    for (mark, deployed, newest_of_ours, goes_on, end) in table {
        let ends: Vec<Option<End>> = end.into_iter().map(Some).collect();
        let found = with(mark, deployed, newest_of_ours);
        assert_eq!(
            found,
            (goes_on, ends),
            "{mark} {deployed:?} {newest_of_ours:?}"
        );
    }
}

#[test]
fn what_was_tried_out_of_sight_is_not_known() {
    let pipeline = Config::parse(PIPELINE).unwrap().pipelines.remove(0);
    let candidate = candidate('a');
    let mut migrations = Migrations::new(id("d0"));
    migrations.deployed = vec![arn(2)];
    assert!(migrations.attempts(&pipeline, &candidate).is_empty());
    migrations.seen_since = Some(candidate.ordered_at + Duration::minutes(1));
    let attempts = migrations.attempts(&pipeline, &candidate);
    assert_eq!(attempts[0].end, Some(End::MigrationUnknown));
    migrations.seen_since = Some(candidate.ordered_at);
    assert!(migrations.attempts(&pipeline, &candidate).is_empty());
}

/// Who asks, `when_busy`, and whether a newer image is due: which image is deployed after the migration of `a`.
#[test]
fn what_is_migrated_goes_first_unless_it_is_replaced() {
    let table = [
        (AskedBy::Event, "wait", 'a', 'a'),
        (AskedBy::Event, "wait", 'c', 'a'),
        (AskedBy::Event, "wait", 'b', 'a'),
        (AskedBy::Event, "replace", 'a', 'a'),
        (AskedBy::Event, "replace", 'c', 'c'),
        (AskedBy::Event, "replace", 'b', 'a'),
        (AskedBy::PersonForThisImage, "wait", 'c', 'c'),
    ];
    for (asked_by, when_busy, candidate, expected) in table {
        let text = PIPELINE.replace(
            "[pipeline.m",
            &format!("when_busy = '{when_busy}'\n[pipeline.m"),
        );
        let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        let mut observed = observed('b', candidate);
        observed.asked_by = asked_by;
        observed.attempts = Some(Vec::new());
        let mut migrations = Migrations::new(id("d0"));
        let mark = "succeeded 8f3c 2020-10-14T09:30:00Z d0";
        migrations.read(
            &pipeline,
            &"greenlight".parse().unwrap(),
            vec![marked(3, mark)],
        );
        let waiting = migrations.waiting(&pipeline).unwrap();
        assert_eq!(
            (waiting.phase, waiting.id.as_str()),
            (Phase::Migrated, "web-3")
        );
        observed.service.active = Some(waiting);
        match crate::start::decide(&pipeline, &observed) {
            Ok(Decision::Start(image)) => {
                let digit = image.digest.as_str().chars().last();
                assert_eq!(
                    digit,
                    Some(expected),
                    "{asked_by:?} {when_busy} {candidate}"
                );
            }
            other => panic!("{asked_by:?} {when_busy} {candidate}: {other:?}"),
        }
    }
}

/// Whatever is due meanwhile, a migration is never stopped.
#[test]
fn a_migration_is_never_stopped_for_another_image() {
    for when_busy in ["wait", "replace"] {
        let text = PIPELINE.replace(
            "[pipeline.m",
            &format!("when_busy = '{when_busy}'\n[pipeline.m"),
        );
        let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        for (candidate, expected) in [('a', "already-in-progress"), ('c', "waiting")] {
            let mut observed = observed('b', candidate);
            observed.attempts = Some(Vec::new());
            let mut migrations = Migrations::new(id("d0"));
            let scheduled = Scheduled {
                record: record(),
                due: Some(at(30)),
                now: Some(at(1)),
            };
            migrations.running = Some((scheduled, marked(3, ""), Underway::Yes));
            observed.service.active = migrations.running(&pipeline, observed.candidate.as_ref());
            let decision = crate::start::decide(&pipeline, &observed).unwrap();
            assert_eq!(decision.code(), expected, "{when_busy} {candidate}");
        }
    }
    let id: DeploymentId = record().deployment();
    assert_eq!(id.as_str(), "web-3");
}

/// What people know, what is marked and what is deployed is the shipped revision, not the one that was made for the migration.
#[test]
fn a_migration_that_runs_alone_is_the_shipped_revisions() {
    let mut record = record();
    let own: crate::names::RevisionArn =
        "arn:aws:ecs:eu-central-1:111122223333:task-definition/web-migration:9"
            .parse()
            .unwrap();
    let beside = record.deployment();
    record.runs.alone_of = Some(record.runs.revision.clone());
    record.runs.revision = own;
    assert_eq!(record.deployment(), beside);
    assert_eq!(Record::read(&record.to_json()).unwrap(), record);
    let mut migrations = Migrations::new(id("d0"));
    migrations.leftover = Some(Leftover {
        record: record.clone(),
        lost_at: Some(at(5)),
    });
    assert_eq!(migrations.last(), Some(&arn(3)));
    assert!(!migrations.is_untried(&arn(3)) && migrations.is_untried(&arn(4)));
    // Two starts may each have registered a revision for it; with one of the shipped itself it is another migration.
    let mut again = record.runs.clone();
    again.revision = again.revision.sibling(10);
    assert!(record.runs.is_of_same(&again));
    again.alone_of = None;
    again.revision = arn(3);
    assert!(!record.runs.is_of_same(&again));
}
