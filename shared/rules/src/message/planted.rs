//! What others can write is planted into every place of every message that takes text, in every format.

use serde_json::Value;

use super::tests::{deployment, ending, pipeline, request, running, settings};
use super::*;
use crate::codedeploy::Deployment;
use crate::config::Pipeline;
use crate::ecs::Stage;
use crate::events::{DeploymentState, Pause, StateChange};
use crate::gate::Gate;
use crate::names::Image;
use crate::observed::ImageStatus;
use crate::outcome::{Command, Ending, Event, Subject, TestListener};
use crate::reasons::Migrated;
use crate::sanitize::is_hidden_mark;
use crate::start::{AskedBy, Skip};
use crate::task_log::TaskLog;

/// Mentions, links and tags of chats and mails, and what hides or breaks a line.
const PLANTED: [&str; 10] = [
    "<!channel> <!here|x> <@U123> <#C1|shop> <!subteam^S1>",
    "<https://evil.example/x|the console>",
    "<mailto:a@evil.example|b>",
    "[the console](https://evil.example)",
    "<script>alert(1)</script><img src=x onerror=y>",
    "&lt;!channel&gt;",
    "x\r\nOutcome    shipped\r\nSubject: shipped",
    "\u{202E}shipped\u{2028}\u{1b}[31m\u{0}\u{7f}\u{85}",
    "``` ` ```",
    "\",\"verdict\":\"success",
];

fn log(text: &str) -> TaskLog {
    TaskLog {
        of: "web".parse().ok(),
        lines: vec![text.to_owned(); 25],
        why_none: None,
    }
}

/// Every outcome there is, with the text wherever it comes from outside.
fn outcomes(text: &str) -> Vec<Outcome> {
    let mut failed = deployment();
    failed.error = Some((text.to_owned(), text.to_owned()));
    let pipeline = pipeline();
    let subject = failed.subject(&pipeline);
    let foreign = Subject {
        image: None,
        rolled_back_by: None,
        ..subject.clone()
    };
    let image: Image = subject.image.clone().unwrap();
    let of = |subject: &Subject, event| {
        Outcome::ended_badly(event, &pipeline, subject, planted_ending(text))
    };
    let (word, ended) = (|| text.to_owned(), || planted_ending(text));
    let id = &subject.id;
    let no_log = TaskLog::none(&"web".parse().unwrap(), word());
    let mut with_everything = of(&subject, Event::Failed);
    with_everything.summary = word();
    with_everything.next = Some(word());
    let mut outcomes = vec![
        Outcome::started(&pipeline, &subject),
        Outcome::waiting(&pipeline, &image, id, AskedBy::Event, None),
        Outcome::waiting(&pipeline, &image, id, AskedBy::Event, Some(request())),
        Outcome::skipped(
            &pipeline,
            Some(&image),
            &Skip::NoMatchingImage(word()),
            Some((text, Vec::new())),
        ),
        Outcome::skipped(&pipeline, None, &Skip::RunningUnknown(word()), None),
        Outcome::refused(
            &pipeline,
            Some(image.clone()),
            word(),
            AskedBy::Event,
            request(),
        ),
        Outcome::observed(&pipeline, &image, text),
        Outcome::ready(&pipeline, &subject),
        Outcome::migration_failed(&pipeline, &subject, word(), log(text)),
        Outcome::migration_failed(&pipeline, &subject, word(), no_log),
        Outcome::migration_did_not_run(&pipeline, &subject, word()),
        Outcome::test_traffic_failed(&pipeline, &subject, word()),
        Outcome::test_traffic_not_checked(&pipeline, &subject, word()),
        Outcome::production_traffic_failed(&pipeline, &subject, word()),
        Outcome::production_traffic_not_checked(&pipeline, &subject, word()),
        Outcome::gate_failed(Gate::Migration, id, word(), Some(log(text))),
        Outcome::gate_failed(Gate::TestTraffic, id, word(), None),
        Outcome::gate_failed(Gate::ProductionTraffic, id, word(), None),
        Outcome::shipped(&pipeline, &subject, running(2, 2), ended()),
        Outcome::shipped_unverified(&pipeline, &subject, ended()),
        Outcome::shipped_and_down(&pipeline, &subject, running(2, 0), ended()),
        Outcome::rolled_back(&pipeline, &subject, &subject, running(2, 2), ended()),
        Outcome::rolled_back_and_down(&pipeline, &subject, &subject, running(2, 0), ended()),
        Outcome::rollback_failed(Event::Failed, &pipeline, &subject, ended()),
        of(&foreign, Event::Stopped),
        with_everything,
    ];
    outcomes.extend(of_service_deployments(&pipeline, &subject, text));
    outcomes.extend(without_configuration(&image, &deployment(), text));
    for outcome in &mut outcomes {
        outcome.add_migration_left(&text);
    }
    outcomes
}

/// What only deployments of ECS's own come to, and what else is told of their end.
fn of_service_deployments(pipeline: &Pipeline, subject: &Subject, text: &str) -> Vec<Outcome> {
    let (word, ended) = (|| text.to_owned(), || planted_ending(text));
    let (id, revision) = (&subject.id, ended().revision.unwrap());
    let pause = Pause {
        deployment: "arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/EZe5RNVLH6PPzHXINuP28"
            .parse()
            .unwrap(),
        hook: "ecs-pause-1".parse().unwrap(),
        stage: Some(Stage::Unknown(word())),
        expires_at: None,
    };
    vec![
        Outcome::started(pipeline, subject).of_service(text),
        Outcome::migrating(pipeline, subject),
        Outcome::superseded_after_migration(pipeline, subject),
        Outcome::migration_unknown(pipeline, subject),
        Outcome::paused(pipeline, subject, &pause),
        Outcome::service_created(pipeline, subject, running(2, 2), ended()),
        Outcome::shipped_elsewhere(pipeline, subject, word(), ended()),
        Outcome::superseded(pipeline, subject, id, ended()),
        Outcome::went_back_badly(pipeline, subject, ended()),
        Outcome::replaced_since(pipeline, subject, id, ended()),
        Outcome::not_running(pipeline, subject, &revision, ended()),
    ]
}

/// What is told where the configuration is wrong: the mistakes quote it.
fn without_configuration(image: &Image, deployment: &Deployment, text: &str) -> Vec<Outcome> {
    let change = StateChange {
        application: deployment.application.clone(),
        deployment_group: deployment.deployment_group.clone(),
        deployment: deployment.id.clone(),
        state: DeploymentState::Ready,
    };
    vec![
        Outcome::push_without_configuration(image.clone(), text),
        Outcome::request_without_configuration(request(), text),
        Outcome::change_without_configuration(&change, text).unwrap(),
    ]
}

fn planted_ending(text: &str) -> Ending {
    let mut ending = ending();
    ending.causes = vec![text.to_owned(), text.to_owned()];
    ending.log = log(text);
    for step in &mut ending.steps {
        step.name = text.to_owned();
        step.message = Some(text.to_owned());
    }
    ending
}

/// Every text in a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[track_caller]
fn is_inert(text: &str, format: MessageFormat) {
    let hidden = |c: char| c != '\n' && (c.is_control() || is_hidden_mark(c));
    assert!(!text.contains(hidden), "{text:?}");
    assert!(!text.contains('<'), "{text}");
    let is_ours = text.starts_with("https://console.aws.amazon.com/");
    if format == MessageFormat::Chat && !is_ours {
        assert!(!text.contains(['>', '@', '&']), "{text}");
        assert!(!text.contains("://"), "{text}");
        // Within a block of code it is text.
        let outside = text.split("```").step_by(2);
        outside.for_each(|text| assert!(!text.contains("]("), "{text}"));
    }
}

#[test]
fn no_message_carries_what_others_plant_as_more_than_text() {
    for text in PLANTED {
        for outcome in outcomes(text) {
            for format in [
                MessageFormat::Text,
                MessageFormat::Json,
                MessageFormat::Chat,
            ] {
                let sent = render(&outcome, &settings(format));
                if let Some(subject) = &sent.subject {
                    is_inert(subject, format);
                    assert!(subject.is_ascii() && subject.len() < 100, "{subject}");
                }
                for (_, value) in &sent.attributes {
                    assert!(
                        value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                        "{value}"
                    );
                }
                match serde_json::from_str::<Value>(&sent.body) {
                    Ok(body) => texts(&body).iter().for_each(|text| is_inert(text, format)),
                    Err(_) => {
                        assert_eq!(format, MessageFormat::Text);
                        is_inert(&sent.body, format);
                        let ours = sent.body.lines();
                        let ours = ours.filter(|line| line.starts_with("Outcome "));
                        assert_eq!(ours.count(), 1, "{}", sent.body);
                    }
                }
            }
        }
    }
}

#[test]
fn attributes_let_a_team_subscribe_to_its_own() {
    let attributes = |outcome: &Outcome| {
        let sent = render(outcome, &settings(MessageFormat::Text)).attributes;
        let pairs: Vec<String> = sent
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    };
    let (pipeline, subject) = (pipeline(), deployment().subject(&pipeline()));
    let shipped = Outcome::shipped(&pipeline, &subject, running(2, 2), ending());
    assert_eq!(
        attributes(&shipped),
        "pipeline=shop-web outcome=shipped verdict=success"
    );
    let unknown = Outcome::gate_failed(Gate::Migration, &subject.id, String::new(), None);
    assert_eq!(
        attributes(&unknown),
        "outcome=migration-failed verdict=failure"
    );
    let unverified = Outcome::shipped_unverified(&pipeline, &subject, ending());
    assert_eq!(
        attributes(&unverified),
        "pipeline=shop-web outcome=shipped verdict=pending"
    );
    let image = subject.image.clone().unwrap();
    let skipped = |skip: Skip| attributes(&Outcome::skipped(&pipeline, Some(&image), &skip, None));
    assert_eq!(
        skipped(Skip::OlderThanRunning(image.clone())),
        "pipeline=shop-web outcome=skipped verdict=superseded"
    );
    assert_eq!(
        skipped(Skip::FailedBefore(subject.id.clone())),
        "pipeline=shop-web outcome=skipped verdict=failure"
    );
    let mut replaces = pipeline.clone();
    replaces.when_busy = crate::config::WhenBusy::Replace;
    let stopped = Subject {
        stopped_by_call: true,
        ..subject
    };
    let replaced = Outcome::ended_badly(Event::Stopped, &replaces, &stopped, ending());
    assert_eq!(
        attributes(&replaced),
        "pipeline=shop-web outcome=stopped verdict=superseded"
    );
}

#[test]
fn advice_is_a_command_where_one_exists_and_the_database_is_as_it_is() {
    let (pipeline, subject) = (pipeline(), deployment().subject(&pipeline()));
    let group = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/web-blue/0123456789abcdef";
    let listener = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop/0123456789abcdef/fedcba9876543210";
    let left = Ending {
        test_listener_left: Some(TestListener::LeftOnGreen {
            listener: listener.parse().unwrap(),
            target_group: group.parse().unwrap(),
        }),
        migrated: Some(Migrated::Done),
        ..ending()
    };
    let alone = Subject {
        rolled_back_by: None,
        ..subject
    };
    let outcome = Outcome::ended_badly(Event::Failed, &pipeline, &alone, left);
    assert!(matches!(
        outcome.commands[..],
        [Command::RestoreTestListener { .. }, Command::Request { .. }]
    ));
    let sent = render(&outcome, &settings(MessageFormat::Text)).body;
    let command = format!(
        "\n  aws elbv2 modify-listener --listener-arn {listener} --region eu-central-1 --default-actions Type=forward,TargetGroupArn={group}\n"
    );
    assert!(sent.contains(&command), "{sent}");
    assert!(
        sent.contains("Primary taskset target group must be behind listener"),
        "{sent}"
    );
    assert!(
        sent.contains("--function-name greenlight-start-deployment"),
        "{sent}"
    );
    assert!(sent.contains("Database   migrated"), "{sent}");
}

/// A reader's own default Region may be another one, with a stack of the same name.
#[test]
fn every_command_names_the_region() {
    let (pipeline, subject) = (pipeline(), deployment().subject(&pipeline()));
    let group =
        "arn:aws:elasticloadbalancing:ca-west-1:111122223333:targetgroup/web-blue/0123456789abcdef";
    let listener = "arn:aws:elasticloadbalancing:ca-west-1:111122223333:listener/app/shop/0123456789abcdef/fedcba9876543210";
    let mut outcome = Outcome::ready(&pipeline, &subject);
    outcome.request_again(&pipeline, None);
    outcome.commands.push(Command::RestoreTestListener {
        listener: listener.parse().unwrap(),
        target_group: group.parse().unwrap(),
    });
    outcome.commands.push(Command::RestoreImage {
        registry: pipeline.registry.clone(),
        repository: pipeline.repository.clone(),
        digest: subject.image.clone().unwrap().digest,
    });
    let settings = Settings {
        topic: "arn:aws:sns:ca-west-1:111122223333:outcomes"
            .parse()
            .unwrap(),
        ..settings(MessageFormat::Json)
    };
    let sent: Value = serde_json::from_str(&render(&outcome, &settings).body).unwrap();
    let commands = sent["commands"].as_array().unwrap();
    assert_eq!(commands.len(), 4);
    for command in commands {
        let command = command["command"].as_str().unwrap();
        assert!(command.contains(" --region ca-west-1 "), "{command}");
    }
}

#[test]
fn an_archived_image_is_restored_by_a_command_in_its_own_registry() {
    let (mut pipeline, subject) = (pipeline(), deployment().subject(&pipeline()));
    let image = subject.image.unwrap();
    let commands = |pipeline: &Pipeline, status| -> Vec<String> {
        let skip = Skip::ImageArchived(image.clone(), status);
        let request = request();
        let purpose = "to request it then";
        let again = Command::Request { purpose, request };
        let advice = Some(("request it", vec![again]));
        let outcome = Outcome::skipped(pipeline, Some(&image), &skip, advice);
        let sent = render(&outcome, &settings(MessageFormat::Json)).body;
        let sent: Value = serde_json::from_str(&sent).unwrap();
        let commands = sent["commands"].as_array().unwrap().iter();
        let texts = commands.map(|command| command["command"].as_str().unwrap().to_owned());
        texts.collect()
    };
    let (repository, digest) = (&image.repository, &image.digest);
    let restore = |place: &str| {
        format!(
            "aws ecr update-image-storage-class --repository-name {repository} --region {place} --image-id imageDigest={digest} \
             --target-storage-class STANDARD"
        )
    };
    let own = commands(&pipeline, ImageStatus::Archived);
    assert_eq!((own.len(), &own[0]), (2, &restore("eu-central-1")));
    assert!(own[1].starts_with("aws lambda invoke"), "{}", own[1]);
    pipeline.registry.account = Some("444455556666".parse().unwrap());
    pipeline.registry.region = Some("eu-west-1".parse().unwrap());
    assert_eq!(
        commands(&pipeline, ImageStatus::Archived)[0],
        restore("eu-west-1 --registry-id 444455556666")
    );
    // It is on its way already.
    assert_eq!(commands(&pipeline, ImageStatus::Activating), own[1..]);
}
