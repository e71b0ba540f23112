mod due;
mod gated;

use std::fmt::Write as _;

use serde_json::json;
use time::{Duration, UtcDateTime};

use super::*;
use crate::config::{Config, Pipeline};
use crate::ecs::{
    Alarms, BreakerState, CircuitBreaker, Configuration, DeployedRevision, Listed,
    ResolvedTargetGroup, RevisionImage, Rollback, ServiceDeployment, ServiceRevision, Status, Step,
    Strategy, TriggeredAlarms,
};
use crate::engine::Engine;
use crate::names::{RevisionArn, ServiceDeploymentArn, ServiceRevisionArn, TargetGroupArn};
use crate::observed::{Placement, RunningRevision, Service, TaskDefinition};
use crate::outcome::Outcome;
use crate::rolling::GateState;

const HEAD: &str = "arn:aws:ecs:eu-central-1:111122223333";
const RULE: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/web/1/2/3";

fn digest(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

fn image(digit: &str) -> String {
    format!(
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{}",
        digest(digit)
    )
}

fn group(name: &str) -> TargetGroupArn {
    format!("arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/{name}/1")
        .parse()
        .unwrap()
}

fn service_revision(number: u32) -> ServiceRevisionArn {
    format!("{HEAD}:service-revision/prod/web/{number}")
        .parse()
        .unwrap()
}

fn task_revision(number: u32) -> RevisionArn {
    format!("{HEAD}:task-definition/web:{number}")
        .parse()
        .unwrap()
}

fn arn(id: &str) -> ServiceDeploymentArn {
    format!("{HEAD}:service-deployment/prod/web/{id}")
        .parse()
        .unwrap()
}

fn at(second: i64) -> UtcDateTime {
    UtcDateTime::UNIX_EPOCH + Duration::seconds(second)
}

fn pipelines(text: &str) -> Vec<Pipeline> {
    Config::parse(text).unwrap().pipelines
}

const WEB: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n";
const MIGRATION: &str = "[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n";

fn revision(number: u32, digit: &str) -> ServiceRevision {
    ServiceRevision {
        arn: service_revision(number),
        revision: task_revision(number),
        images: vec![RevisionImage {
            container: "web".parse().unwrap(),
            image: Some(image(digit)),
            digest: None,
        }],
        placement: Placement::default(),
        target_groups: Vec::new(),
        created_at: None,
    }
}

fn definition(number: u32, digit: &str, more: &[(&str, &str)]) -> TaskDefinition {
    let ours = [
        ("greenlight:digest", digest(digit)),
        ("greenlight:tag", "1.4.2".to_owned()),
        ("greenlight:service", "prod/web".to_owned()),
        ("greenlight:template", "web:1".to_owned()),
    ];
    let ours = ours
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}));
    let more = more
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}));
    TaskDefinition {
        task_definition: json!({
            "taskDefinitionArn": task_revision(number), "family": "web",
            "containerDefinitions": [{"name": "web", "image": image(digit)}],
        }),
        tags: ours.chain(more).collect(),
    }
}

/// `web:2` is deployed over `web:1`: one minute pending and rolled out, half a minute back.
fn observed(engine: Engine, status: Status) -> Observed {
    let deployed = |number, running_count| DeployedRevision {
        arn: service_revision(number),
        requested_count: 2,
        running_count,
        test_weight: None,
        production_weight: None,
    };
    let rolls_back = matches!(status, Status::RollbackSuccessful | Status::RollbackFailed);
    let current = |number| RunningRevision {
        arn: service_revision(number),
        requested_count: 2,
        running_count: 2,
    };
    Observed {
        engine,
        service: Service {
            deployment_controller: "ECS".to_owned(),
            configuration: Configuration {
                circuit_breaker: Some(CircuitBreaker {
                    enable: true,
                    rollback: true,
                }),
                ..Configuration::default()
            },
            current_revisions: vec![current(1), current(2)],
            ..Service::for_tests()
        },
        deployment: ServiceDeployment {
            arn: arn("EZe5RNVLH6PPzHXINuP28"),
            status,
            status_reason: None,
            stage: None,
            sources: vec![deployed(1, 2)],
            target: Some(deployed(2, 2)),
            rollback: rolls_back.then(|| Rollback {
                reason: None,
                started_at: Some(at(62)),
                revision: Some(service_revision(1)),
            }),
            hooks: Vec::new(),
            breaker: None,
            alarms: None,
            created_at: at(0),
            started_at: Some(at(2)),
            finished_at: Some(at(92)),
            stopped_at: None,
            updated_at: None,
        },
        newer: None,
        is_first: false,
        target: Target {
            revision: revision(2, "b"),
            definition: definition(2, "b", &[]),
        },
        source: Some(revision(1, "a")),
        back: rolls_back.then(|| revision(1, "a")),
        gate: GateState::Free,
        goes_back: false,
        production: None,
        why: None,
    }
}

const NATIVE: Engine = Engine::Native(Strategy::BlueGreen);

fn because(status: Status, reason: &str) -> Observed {
    let mut observed = observed(NATIVE, status);
    observed.deployment.status_reason = Some(reason.to_owned());
    observed
}

/// The outcome, after everything that is needed was given; nothing is needed twice.
fn decided(pipeline: &Pipeline, mut observed: Observed, what: &What) -> Outcome {
    let mut asked = Vec::new();
    loop {
        let need = match decide(pipeline, &observed, what) {
            Ok(outcome) => return outcome,
            Err(need) => need,
        };
        assert!(!asked.contains(&need), "{need:?} is needed twice");
        match need {
            Need::Production => {
                let rule = RuleTargets {
                    rule: RULE.to_owned(),
                    groups: vec![group("green")],
                };
                observed.production = Some(Production::Rules(vec![rule]));
            }
            Need::WhyFailed | Need::WhyDown => observed.why = Some(Why::default()),
        }
        asked.push(need);
    }
}

fn ended(observed: &Observed) -> What {
    What::Ended(End::of(&observed.deployment.status).unwrap())
}

fn said(outcome: &Outcome) -> String {
    let mut said = format!(
        "{} ({}): {}",
        outcome.event.code(),
        outcome.verdict.code(),
        outcome.summary
    );
    if let Some(reason) = &outcome.reason {
        let _ = write!(said, "\n    why: {reason}");
    }
    if let Some(next) = &outcome.next {
        let _ = write!(said, "\n    next: {next}");
    }
    let steps = outcome.steps.iter();
    let steps: Vec<String> = steps
        .map(|step| format!("{} {} s", step.name, step.seconds))
        .collect();
    if !steps.is_empty() {
        let _ = write!(said, "\n    steps: {}", steps.join(", "));
    }
    said
}

fn newer(status: Status) -> Option<Listed> {
    Some(Listed {
        arn: arn("NEWER5RNVLH6PPzHXINuP"),
        target: Some(service_revision(3)),
        status,
        created_at: at(50),
    })
}

fn with_rule(observed: &mut Observed) {
    observed.target.revision.target_groups = vec![ResolvedTargetGroup {
        target_group: group("green"),
        production_rule: Some(RULE.to_owned()),
    }];
}

/// Deployments that ended, by what is special about them.
fn ends() -> Vec<(&'static str, Observed)> {
    let shipped = observed(Engine::Rolling, Status::Successful);
    let mut in_rule = observed(NATIVE, Status::Successful);
    with_rule(&mut in_rule);
    let mut put_back = in_rule.clone();
    put_back.production = Some(Production::Rules(vec![RuleTargets {
        rule: RULE.to_owned(),
        groups: vec![group("blue")],
    }]));
    let mut unreadable = in_rule.clone();
    unreadable.production = Some(Production::Unreadable("denied".to_owned()));
    let mut shifting = put_back.clone();
    shifting.newer = newer(Status::InProgress);
    let mut replaced = shipped.clone();
    replaced.newer = newer(Status::Successful);
    let mut empty = shipped.clone();
    empty.service.desired_count = 0;
    let mut down = shipped.clone();
    down.service.current_revisions[1].running_count = 0;
    let mut handed_over = down.clone();
    handed_over.newer = newer(Status::InProgress);
    let mut unlisted = down.clone();
    unlisted.service.current_revisions[0].arn = service_revision(3);
    let mut first = shipped.clone();
    first.deployment.sources.clear();
    (first.is_first, first.source) = (true, None);
    let mut others = shipped.clone();
    (first.target.definition.tags, others.target.definition.tags) = (json!([]), json!([]));
    let mut settings = shipped.clone();
    settings.source = Some(revision(1, "b"));
    vec![
        ("rolling update", shipped),
        ("green in the rule", in_rule),
        ("the rule was put back", put_back),
        ("the rule cannot be read", unreadable),
        ("a newer one shifts", shifting),
        ("a newer one shipped", replaced),
        ("desired count 0", empty),
        ("nothing runs", down),
        ("a newer one has taken its tasks", handed_over),
        ("so has one that is not listed yet", unlisted),
        ("the service was created", first),
        ("by another tool", others),
        ("settings alone", settings),
    ]
}

/// Deployments that a hook did not let pass.
fn failed_hooks() -> Vec<(&'static str, Observed)> {
    let rolled_back = |reason: &str| because(Status::RollbackSuccessful, reason);
    let hook = "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed. Lifecycle hook target \
                arn:aws:lambda:eu-central-1:111122223333:function:f returned FAILED status.";
    let mut by_gate = rolled_back(hook);
    by_gate.target.definition = definition(
        2,
        "b",
        &[(
            "greenlight:gate",
            "failed migration EZe5RNVLH6PPzHXINuP28 the migration exited with code 3",
        )],
    );
    let mut by_older_gate = rolled_back(hook);
    by_older_gate.target.definition = definition(
        2,
        "b",
        &[("greenlight:gate", "failed migration older it failed")],
    );
    vec![
        ("a hook failed, and said why", by_gate),
        ("a hook failed, and an older one said why", by_older_gate),
    ]
}

fn by_alarms() -> Observed {
    let mut alarms = because(
        Status::RollbackSuccessful,
        "Service deployment rolled back because of an alarm.",
    );
    alarms.deployment.alarms = Some(TriggeredAlarms {
        status: "TRIGGERED".to_owned(),
        triggered: vec!["web-5xx".to_owned()],
    });
    alarms
}

/// Other deployments that did not ship.
fn other_bad_ends() -> Vec<(&'static str, Observed)> {
    let rolled_back = |reason: &str| because(Status::RollbackSuccessful, reason);
    let mut breaker = rolled_back(
        "Service deployment rolled back because the circuit breaker threshold was exceeded.",
    );
    breaker.deployment.breaker = Some(BreakerState {
        status: "TRIGGERED".to_owned(),
        failure_count: 3,
        threshold: 3,
    });
    breaker.why = Some(Why {
        causes: vec!["a task of revision web:2 stopped: exited with code 1".to_owned()],
        ..Why::default()
    });
    let mut without_rollback = breaker.clone();
    without_rollback.deployment.status = Status::Stopped;
    without_rollback.deployment.rollback = None;
    let mut superseded = observed(NATIVE, Status::Stopped);
    superseded.newer = newer(Status::InProgress);
    let mut triggered_and_newer = without_rollback.clone();
    triggered_and_newer.newer = newer(Status::InProgress);
    let mut both = rolled_back("Service deployment rolled back because a stage took too long.");
    if let Some(rollback) = &mut both.deployment.rollback {
        rollback.reason = Some("SCALE_UP took 24 hours".to_owned());
    }
    let mut failed_back = because(
        Status::RollbackFailed,
        "Service deployment rollback failed.",
    );
    failed_back.deployment.rollback = None;
    let network = "Service deployment rolled back because of invalid networking configuration";
    let more = format!(
        "{network}. productionListenerRule {RULE} should have exactly one target group serving traffic but found 2"
    );
    vec![
        ("the breaker", breaker),
        ("alarms", by_alarms()),
        (
            "a person",
            rolled_back("Service deployment rolled back because a rollback was requested."),
        ),
        (
            "no reason",
            observed(Engine::Rolling, Status::RollbackSuccessful),
        ),
        ("two reasons", both),
        ("the network", rolled_back(&more)),
        (
            "no candidate",
            because(
                Status::Stopped,
                "No rollback candidate was found to run the rollback.",
            ),
        ),
        ("breaker without rollback", without_rollback),
        ("a newer one", superseded),
        (
            "breaker without rollback, and a newer one",
            triggered_and_newer,
        ),
        ("the rollback failed", failed_back),
    ]
}

/// Rollbacks after which no task of what ran before runs.
fn without_tasks() -> Vec<(&'static str, Observed)> {
    let mut down = because(
        Status::RollbackSuccessful,
        "Service deployment rolled back because it was.",
    );
    down.service.current_revisions[0].running_count = 0;
    let mut handed_over = down.clone();
    handed_over.newer = newer(Status::InProgress);
    vec![
        ("nothing runs", down),
        ("a newer one has taken its tasks", handed_over),
    ]
}

/// Deployments that did not ship.
fn bad_ends() -> Vec<(&'static str, Observed)> {
    let ends = failed_hooks().into_iter().chain(other_bad_ends());
    ends.chain(without_tasks()).collect()
}

#[test]
fn every_end_is_told_as_what_it_is() {
    let pipeline = &pipelines(&format!("{WEB}{MIGRATION}"))[0];
    let mut all = String::new();
    for (name, observed) in ends().into_iter().chain(bad_ends()) {
        let what = ended(&observed);
        let outcome = decided(pipeline, observed, &what);
        let _ = writeln!(all, "{name}\n  {}", said(&outcome));
    }
    insta::assert_snapshot!(all);
}

/// Only `SUCCESSFUL` can be a success, and never of what does not serve.
#[test]
fn a_rollback_is_never_success() {
    let pipeline = &pipelines(WEB)[0];
    for (name, observed) in bad_ends() {
        let what = ended(&observed);
        let verdict = decided(pipeline, observed, &what).verdict.code();
        assert_ne!(verdict, "success", "{name}");
        assert_ne!(verdict, "pending", "{name}");
    }
}

/// Where a newer image replaces a deployment, Greenlight itself asks for the rollback.
#[test]
fn a_rollback_for_a_newer_image_is_superseded() {
    let replaces = &pipelines(&format!("{WEB}when_busy='replace'\n"))[0];
    for (reason, expected) in [
        (
            "Service deployment rolled back because a rollback was requested.",
            "superseded",
        ),
        ("", "superseded"),
        (
            "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed.",
            "failure",
        ),
    ] {
        let observed = because(Status::RollbackSuccessful, reason);
        let what = ended(&observed);
        let outcome = decided(replaces, observed, &what);
        assert_eq!(outcome.verdict.code(), expected, "{reason}");
    }
}

#[test]
fn a_start_says_who_answers_meanwhile() {
    let pipeline = &pipelines(WEB)[0];
    let started = |engine, change: &dyn Fn(&mut Configuration)| {
        let mut observed = observed(engine, Status::InProgress);
        change(&mut observed.service.configuration);
        said(&decided(pipeline, observed, &What::Started))
    };
    let step = |percent: &str, minutes| {
        Some(Step {
            percent: percent.to_owned(),
            minutes: Some(minutes),
        })
    };
    let all = [
        started(Engine::Rolling, &|_| {}),
        started(Engine::Rolling, &|it| it.circuit_breaker = None),
        started(NATIVE, &|it| it.bake_minutes = Some(10)),
        started(Engine::Native(Strategy::Linear), &|it| {
            it.step = step("10", 6)
        }),
        started(Engine::Native(Strategy::Canary), &|it| {
            it.step = step("0.5", 10)
        }),
        started(Engine::Native(Strategy::Canary), &|it| {
            it.circuit_breaker = None;
            it.alarms = Some(Alarms {
                enable: true,
                rollback: false,
                names: vec!["web-5xx".to_owned()],
            });
        }),
    ];
    insta::assert_snapshot!(all.join("\n"));
}
