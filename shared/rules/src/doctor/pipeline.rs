//! What the functions judge of a pipeline, asked until nothing more is found: a function stops at the first mistake.

use super::finding::{Checks, Severity, apart};
use crate::codedeploy::{self, Creator, Deployment, DeploymentGroup};
use crate::config::{Pipeline, WithoutRollback};
use crate::ecs::{self, GateFunctions};
use crate::observed::{Service, TaskDefinition};
use crate::revision::Matching;
use crate::{migration as gate, names::RevisionArn};

/// Refusals of a pipeline at most: each is about one table of the file, or one rule of the service.
const AT_MOST: usize = 16;

/// Whether the pipeline fits its deployment group.
pub fn fits_codedeploy(checks: &mut Checks, pipeline: &Pipeline, group: &DeploymentGroup) {
    let mut pipeline = pipeline.clone();
    let mut group = group.clone();
    for _ in 0..AT_MOST {
        let Err(mismatch) = codedeploy::fits(&pipeline, &group) else {
            return;
        };
        checks.refused("deployment-group", &mismatch.to_string());
        match mismatch {
            codedeploy::Mismatch::Group { .. } => {
                group.service = Some((pipeline.cluster.clone(), pipeline.service.clone()));
            }
            codedeploy::Mismatch::NoTestListener { .. } => {
                pipeline.test_traffic.checks.requests.clear()
            }
            codedeploy::Mismatch::NoSuchTargetGroup { .. } => {
                pipeline.test_traffic.checks.target_group = None;
                if let Some(traffic) = &mut pipeline.production_traffic {
                    traffic.target_group = None;
                }
            }
        }
    }
}

/// Whether the pipeline fits its service of a native strategy.
pub fn fits_native(
    checks: &mut Checks,
    pipeline: &Pipeline,
    service: &Service,
    functions: &GateFunctions,
) {
    until_it_fits(checks, pipeline, service, functions, |pipeline, service| {
        ecs::fits_native(pipeline, service, functions)
    });
}

/// Whether something ends a deployment of a native strategy whose green does not start. ECS itself ends a stage after 24 hours (ECS
/// Developer Guide, "Amazon ECS blue/green service deployments workflow"), so that it may be meant so.
pub fn ends_natively(checks: &mut Checks, pipeline: &Pipeline, service: &Service) {
    match pipeline.without_rollback {
        WithoutRollback::Refused if !service.configuration.rolls_back() => checks.doubt(
            "service",
            format!(
                "service `{}` has neither a circuit breaker nor alarms that roll back: a green whose tasks do not start is tried until ECS \
                 ends the stage, after 24 hours",
                pipeline.place()
            ),
            "`DeploymentCircuitBreaker: {Enable: true, Rollback: true}` in the service's `DeploymentConfiguration`, or `without_rollback = \
             true` in the pipeline",
        ),
        WithoutRollback::Refused | WithoutRollback::Accepted => {}
    }
}

/// Whether the pipeline fits its service of rolling updates.
pub fn fits_rolling(
    checks: &mut Checks,
    pipeline: &Pipeline,
    service: &Service,
    functions: &GateFunctions,
) {
    until_it_fits(checks, pipeline, service, functions, ecs::fits_rolling);
}

fn until_it_fits(
    checks: &mut Checks,
    pipeline: &Pipeline,
    service: &Service,
    functions: &GateFunctions,
    fits: impl Fn(&Pipeline, &Service) -> Result<(), ecs::Mismatch>,
) {
    let (mut pipeline, mut service) = (pipeline.clone(), service.clone());
    for _ in 0..AT_MOST {
        let Err(mismatch) = fits(&pipeline, &service) else {
            return;
        };
        checks.refused("service", &mismatch.to_string());
        if !without(&mismatch, &mut pipeline, &mut service, functions) {
            return;
        }
    }
}

/// Takes away what was refused, so that the next refusal is about something else. Whether there was something to take away.
fn without(
    mismatch: &ecs::Mismatch,
    pipeline: &mut Pipeline,
    service: &mut Service,
    functions: &GateFunctions,
) -> bool {
    use ecs::Mismatch;
    match mismatch {
        Mismatch::NoHook { function, .. } | Mismatch::NoRole { function, .. } => {
            if *function == functions.migration {
                pipeline.migration = None;
            } else if *function == functions.test_traffic {
                pipeline.test_traffic.checks.requests.clear();
            } else {
                pipeline.production_traffic = None;
            }
        }
        Mismatch::NothingToAsk { gate, .. } | Mismatch::UnclearToAsk { gate, .. } => match *gate {
            "test_traffic" => pipeline.test_traffic.checks.requests.clear(),
            _ => pipeline.production_traffic = None,
        },
        Mismatch::ListenerForRule { given, .. } => {
            let all = service.load_balancers.iter_mut();
            for advanced in all.filter_map(|one| one.advanced.as_mut()) {
                for rule in [&mut advanced.production_rule, &mut advanced.test_rule] {
                    if rule
                        .as_ref()
                        .is_some_and(|rule| rule.as_str() == given.as_str())
                    {
                        *rule = None;
                    }
                }
            }
        }
        Mismatch::OwnHooks { .. } => pipeline.hooks.clear(),
        Mismatch::NoTestTraffic { .. } => pipeline.test_traffic.checks.requests.clear(),
        Mismatch::NoRoom { .. } => service.configuration.maximum_percent = Some(200),
        Mismatch::NothingRollsBack { .. } => pipeline.without_rollback = WithoutRollback::Accepted,
        Mismatch::CannotInvoke(_) | Mismatch::OtherStack { .. } => return false,
    }
    true
}

/// Whether the migration would run what is configured, in a revision with the containers of this one.
pub fn migration(
    checks: &mut Checks,
    pipeline: &Pipeline,
    definition: &TaskDefinition,
    matching: &Matching,
) {
    let Some(migration) = &pipeline.migration else {
        return;
    };
    match gate::check(migration, &definition.task_definition, matching) {
        Ok(_) => checks.checked(format!(
            "the migration in container `{}`",
            migration.container
        )),
        Err(unfit) => checks.refused("migration", &unfit.to_string()),
    }
}

/// What a dry run refuses. Where a call of it was denied, whoever runs the command lacks the permission, not the function: it asks with
/// other credentials. It is told once.
pub fn plan(checks: &mut Checks, reason: &str) {
    const OF_FUNCTION: &str = "the function's role needs";
    if !reason.contains(OF_FUNCTION) {
        return checks.refused("plan", reason);
    }
    let reason = reason.replace(OF_FUNCTION, "your credentials need");
    let (_, remedy) = apart(&reason);
    let is_it = |one: &super::Finding| one.severity == Severity::NotKnown && one.remedy == remedy;
    if !checks.findings.iter().any(is_it) {
        checks.not_known(
            "plan",
            &format!("what the function would do is not known: {reason}"),
        );
    }
}

/// Whether the group's newest deployment is somebody else's: then somebody else deploys to the service, too. `pipelines` are all of the
/// service. A rollback is CodeDeploy's: whose deployment it rolled back is asked in its place.
pub fn foreign_deployment(checks: &mut Checks, pipelines: &[&Pipeline], newest: &Deployment) {
    let mut all = pipelines.iter();
    let is_ours = all.any(|pipeline| codedeploy::shipped(pipeline, newest).is_some());
    if is_ours || newest.creator == Creator::Rollback {
        return;
    }
    let place = pipelines
        .first()
        .map(|pipeline| pipeline.place())
        .unwrap_or_default();
    let says = match newest.description.as_deref().unwrap_or_default() {
        "" => "it has no description".to_owned(),
        text => format!(
            "it is described as `{}`",
            text.chars().take(60).collect::<String>()
        ),
    };
    checks.doubt(
        "second-deployer",
        format!("the newest deployment of service `{place}`, `{}`, is not Greenlight's: {says}", newest.id),
        "let one of them deploy: a CI job, CodePipeline or infrastructure code that deploys the same service undoes what Greenlight shipped",
    );
}

/// The same where ECS deploys: `newest_first` are what the service's newest deployments shipped, and whether Greenlight registered it. Before
/// the first one of Greenlight's nothing is said: somebody else made the service.
pub fn foreign_revisions(
    checks: &mut Checks,
    pipeline: &Pipeline,
    newest_first: &[(RevisionArn, bool)],
) {
    let is_adopted = newest_first.iter().any(|(_, is_ours)| *is_ours);
    let newest = newest_first.first();
    if let Some((revision, false)) = newest.filter(|_| is_adopted) {
        checks.doubt(
            "second-deployer",
            format!("service `{}` was deployed to `{}`, which is not Greenlight's, after Greenlight had deployed to it", pipeline.place(), revision.short()),
            "let one of them deploy: a CI job, CodePipeline or infrastructure code that deploys the same service undoes what Greenlight shipped",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ecs::CircuitBreaker;

    #[test]
    fn a_denied_call_is_the_callers_and_told_once() {
        let denied = "list deployments `a/g`: access denied (hint: the function's role needs `codedeploy:ListDeployments`)";
        let mut checks = Checks::default();
        plan(&mut checks, denied);
        plan(&mut checks, denied);
        let found = [(
            Severity::NotKnown,
            "what the function would do is not known: list deployments `a/g`: access denied",
            Some("your credentials need `codedeploy:ListDeployments`"),
        )];
        let all = checks.findings.iter();
        let all = all.map(|one| (one.severity, one.sentence.as_str(), one.remedy.as_deref()));
        assert_eq!(all.collect::<Vec<_>>(), found);
        plan(&mut checks, "the service is gone");
        assert!(checks.is_wrong());
    }

    #[test]
    fn something_ends_a_native_deployment_or_that_is_meant_so() {
        let doubts = |more: &str, breaker: Option<CircuitBreaker>| {
            let file = format!(
                "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n{more}"
            );
            let pipeline = Config::parse(&file).unwrap().pipelines.remove(0);
            let mut service = Service::for_tests();
            service.configuration.circuit_breaker = breaker;
            let mut checks = Checks::default();
            ends_natively(&mut checks, &pipeline, &service);
            assert!(!checks.is_wrong());
            checks.findings.len()
        };
        let breaker = |enable| {
            Some(CircuitBreaker {
                enable,
                rollback: true,
            })
        };
        assert_eq!(doubts("", None), 1);
        assert_eq!(doubts("", breaker(false)), 1);
        assert_eq!(doubts("", breaker(true)), 0);
        assert_eq!(doubts("without_rollback=true\n", None), 0);
    }

    #[test]
    fn every_refusal_is_found() {
        let file = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
                    [pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n\
                    [pipeline.hooks]\nBeforeAllowTraffic='warm-up'\n\
                    [[pipeline.test_traffic.request]]\npath='/'\n[[pipeline.production_traffic.request]]\npath='/'\n";
        let pipeline = Config::parse(file).unwrap().pipelines.remove(0);
        let functions = GateFunctions {
            migration: "arn:1".to_owned(),
            test_traffic: "arn:2".to_owned(),
            production_traffic: "arn:3".to_owned(),
        };
        let service = Service::for_tests();
        let count = |fits: fn(&mut Checks, &Pipeline, &Service, &GateFunctions)| {
            let mut checks = Checks::default();
            fits(&mut checks, &pipeline, &service, &functions);
            let first_words = checks.findings.iter().map(|one| {
                one.sentence
                    .split_whitespace()
                    .take(4)
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            first_words.collect::<Vec<_>>()
        };
        assert_eq!(
            count(fits_native),
            [
                "pipeline `web` has `hooks`,",
                "service `prod/web` has no",
                "service `prod/web` has no",
                "service `prod/web` has no"
            ]
        );
        assert_eq!(
            count(fits_rolling),
            [
                "pipeline `web` has `hooks`,",
                "pipeline `web` has `test_traffic`,",
                "pipeline `web` has requests",
                "service `prod/web` has neither"
            ]
        );
    }
}
