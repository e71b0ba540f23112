use super::super::*;

fn record() -> Record {
    Record {
        deployment: "d-1".parse().unwrap(),
        group: Some(("shop".parse().unwrap(), "shop-web".parse().unwrap())),
        executions: vec!["eyJ1".parse().unwrap()],
        cluster: "prod".to_owned(),
        runs: Some(TaskRun {
            revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
                .parse()
                .unwrap(),
            alone_of: None,
            container: "web".parse().unwrap(),
            command: vec!["migrate".to_owned()],
        }),
        task: None,
        timeout_minutes: 30,
    }
}

#[test]
fn a_record_round_trips_with_and_without_a_task() {
    let mut record = record();
    assert_eq!(Record::read(&record.to_json()), Ok(record.clone()));
    record.task = "arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c"
        .parse()
        .ok();
    assert_eq!(Record::read(&record.to_json()), Ok(record.clone()));
    let runs = record.runs.as_mut().unwrap();
    runs.alone_of = Some(runs.revision.clone());
    assert_eq!(Record::read(&record.to_json()), Ok(record));
}

/// The revisions of an earlier call, green's and the one made of it; in which one a later call runs, with green `web:2` and as
/// configured by then.
#[test]
fn a_later_call_runs_in_the_revision_of_an_earlier_one() {
    let arn = |short: &str| -> RevisionArn {
        let start = "arn:aws:ecs:eu-central-1:111122223333:task-definition/";
        format!("{start}{short}").parse().unwrap()
    };
    let (alone, other) = (Some("web-migration:4"), Some("web-migration:5"));
    for (earlier, of, now, expected) in [
        (
            "web-migration:4",
            Some("web:2"),
            other,
            "web-migration:4 of web:2",
        ),
        (
            "web-migration:4",
            Some("web:2"),
            None,
            "web-migration:4 of web:2",
        ),
        ("web:2", None, alone, "web:2 of web:2"),
        ("web:2", None, None, "web:2 of web:2"),
        // It is another deployment's.
        (
            "web-migration:4",
            Some("web:1"),
            other,
            "web-migration:5 of web:2",
        ),
        ("web:1", None, None, "web:2 of web:2"),
    ] {
        let mut task = MigrationTask {
            revision: arn("web:2"),
            alone_of: None,
            placement: Placement::default(),
            started_by: String::new(),
            client_token: String::new(),
            container: "web".parse().unwrap(),
            command: Vec::new(),
        };
        if let Some(now) = now {
            task.run_alone_in(arn(now));
        }
        task.run_in_that_of(&TaskRun {
            revision: arn(earlier),
            alone_of: of.map(arn),
            container: "web".parse().unwrap(),
            command: Vec::new(),
        });
        let runs = format!("{} of {}", task.revision.short(), task.shipped().short());
        assert_eq!(runs, expected, "{earlier} {of:?} {now:?}");
        assert_eq!(TaskRun::from(&task).shipped(), task.shipped());
    }
}

/// Captured from version 0.1.0, which wrote the schedule when the task was there.
#[test]
fn a_record_of_an_older_version_is_read() {
    let input = r#"{"deployment_id":"d-8X2K4PLQ3","hook_execution_id":"eyJlbmM","cluster":"arn:aws:ecs:eu-central-1:111122223333:cluster/prod","task_arn":"arn:aws:ecs:eu-central-1:111122223333:task/prod/8f3c1a7c2d9a4f0e9b6d5c4b3a291807","timeout_minutes":30}"#;
    let record = Record::read(input).unwrap();
    assert_eq!(record.executions, ["eyJlbmM".parse().unwrap()]);
    assert_eq!(
        record.task.unwrap().id(),
        "8f3c1a7c2d9a4f0e9b6d5c4b3a291807"
    );
    assert_eq!((record.group, record.runs), (None, None));
}

#[test]
fn what_is_no_record_is_refused_without_its_content() {
    for input in [
        "",
        "[]",
        "{}",
        r#"{"deployment_id":"d-1","hook_execution_ids":[],"cluster":"prod","timeout_minutes":30}"#,
        r#"{"deployment_id":"d-1","hook_execution_ids":["hunter2 "],"cluster":"prod","timeout_minutes":30}"#,
    ] {
        let refused = Record::read(input).unwrap_err();
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

/// What a newer version adds must not keep an older one from answering, when somebody goes back.
#[test]
fn what_a_newer_version_adds_is_left_alone() {
    let mut newer: serde_json::Value = serde_json::from_str(&record().to_json()).unwrap();
    newer["tomorrow"] = serde_json::json!({"a": 1});
    assert_eq!(Record::read(&newer.to_string()), Ok(record()));
}

#[test]
fn every_call_of_the_hook_is_noted_until_there_is_no_room() {
    let mut record = record();
    assert_eq!(record.note(&"eyJ1".parse().unwrap()), Noted::Known);
    for number in 2..=EXECUTIONS_AT_MOST {
        let execution = format!("eyJ{number}").parse().unwrap();
        assert_eq!(record.note(&execution), Noted::Added);
    }
    assert_eq!(record.note(&"eyJ0".parse().unwrap()), Noted::Full);
    assert_eq!(record.note(&"eyJ1".parse().unwrap()), Noted::Known);
    assert_eq!(record.executions.len(), EXECUTIONS_AT_MOST);
}
