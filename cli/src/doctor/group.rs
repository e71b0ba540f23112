//! A service that CodeDeploy deploys to: its deployment group, with all that the group names.

use aws::codedeploy::{Deployments, WholeGroup};
use futures_util::future::join_all;
use rules::config::Pipeline;
use rules::doctor::{self, Checks, Leads, Needs};
use rules::names::TargetGroupArn;
use rules::observed::{Service, TaskDefinition};
use rules::test_traffic::Through;
use serde_json::{Value, json};
use tokio::join;

use super::account::{Account, read, why};
use super::roles::managed::CODEDEPLOY;
use super::roles::{self, Named, need, need_anywhere};
use super::{hooks, revision, traffic};

/// Checks the group of a service, where it is there; `pipelines` are all of the service.
pub(super) async fn check(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    service: &Service,
    definition: Option<&TaskDefinition>,
) -> Checks {
    let mut checks = Checks::default();
    let first = pipelines[0];
    let deploys = &first.codedeploy;
    let (application, name) = (&deploys.application, &deploys.deployment_group);
    let whole = read(account.codedeploy.get_whole_group(application, name).await);
    let absent = || {
        account.note_absent(application.as_str());
        (
            format!(
                "service `{}` is deployed by CodeDeploy, and there is no deployment group `{name}` of an application `{application}`",
                first.place()
            ),
            format!(
                "correct `application` and `deployment_group` of pipeline `{}`; those that there are:\naws deploy list-applications",
                first.name
            ),
        )
    };
    let what = format!("deployment group `{name}`");
    let Some(whole) = whole.or_tell(&mut checks, "deployment-group", &what, absent) else {
        return checks;
    };
    for pipeline in pipelines {
        doctor::fits_codedeploy(&mut checks, pipeline, &whole.group);
    }
    doctor::group(&mut checks, first, &whole.group, &whole.settings);
    let (wired, others) = join!(
        wired(account, pipelines, service, definition, &whole),
        join_all_of([
            Box::pin(alarms(account, first, &whole)) as Part<'_>,
            Box::pin(config(account, first, &whole)),
            Box::pin(deployer(account, pipelines, &whole)),
            Box::pin(service_role(account, pipelines, definition, &whole)),
            Box::pin(hooks::own(account, first)),
        ])
    );
    checks.extend(wired);
    checks.extend(others);
    checks.checked(format!(
        "deployment group {name}, its alarms, target groups, listeners and role"
    ));
    checks
}

type Part<'a> = std::pin::Pin<Box<dyn Future<Output = Checks> + 'a>>;

/// Parts side by side, in their order.
async fn join_all_of<const N: usize>(parts: [Part<'_>; N]) -> Checks {
    let mut checks = Checks::default();
    for part in join_all(parts).await {
        checks.extend(part);
    }
    checks
}

/// The group's target groups and listeners.
async fn wired(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    service: &Service,
    definition: Option<&TaskDefinition>,
    whole: &WholeGroup,
) -> Checks {
    let mut checks = Checks::default();
    let deploys = &pipelines[0].codedeploy;
    let named_by = format!("deployment group `{}`", deploys.deployment_group);
    let group = &whole.group;
    let pair = join_all(group.target_groups.iter().map(async |name| {
        (
            name.clone(),
            read(account.elb.describe_target_group_named(name).await),
        )
    }));
    let (pair, active) = join!(
        pair,
        account.codedeploy.list_deployments(
            &deploys.application,
            &deploys.deployment_group,
            Deployments::Active
        )
    );
    let serving = service.primary_target_group();
    let network =
        definition.and_then(|definition| definition.task_definition["networkMode"].as_str());
    doctor::target_groups(&mut checks, &named_by, &pair, serving, network);
    let is_in_pair = |serving: &&TargetGroupArn| {
        let mut found = pair.iter().filter_map(|(_, read)| read.found());
        found.any(|one| one.arn == **serving)
    };
    // During a deployment the listeners are where they should not be at its start.
    let is_at_rest = active.is_ok_and(|active| active.is_empty());
    let serving = serving.filter(is_in_pair).filter(|_| is_at_rest);
    for (through, arn) in [
        (
            Through::ProductionListener,
            group.production_listener.as_ref(),
        ),
        (Through::TestListener, group.test_listener.as_ref()),
    ] {
        let Some(arn) = arn else {
            continue;
        };
        let Some(found) = traffic::named(account, &mut checks, &named_by, through, arn).await
        else {
            continue;
        };
        let mut is_behind = true;
        if let Some(serving) = serving {
            let before = checks.findings.len();
            doctor::listener_serves(&mut checks, &named_by, through, arn, &found.rules, serving);
            is_behind = checks.findings.len() == before;
        }
        for pipeline in pipelines {
            let leads = serving.filter(|_| is_behind).map(Leads::ToGroup);
            checks.extend(traffic::requests(account, pipeline, through, &found, leads).await);
        }
    }
    if let (Some(production), Some(test)) = (&group.production_listener, &group.test_listener)
        && production == test
    {
        checks.wrong(
            "listeners",
            format!("{named_by} has one listener for production and for test traffic, expected two"),
            "make one for test traffic (`aws elbv2 create-listener`), and name it as the group's test traffic route",
        );
    }
    checks
}

async fn alarms(account: &Account<'_>, pipeline: &Pipeline, whole: &WholeGroup) -> Checks {
    let mut checks = Checks::default();
    let names = &whole.group.alarms;
    if !names.is_empty() {
        let deploys = &pipeline.codedeploy;
        let named_by = format!("deployment group `{}`", deploys.deployment_group);
        let found = read(account.cloudwatch.describe_alarms(names).await);
        let exists = |name: &&String| {
            let mut all = found.found().into_iter().flatten();
            all.any(|alarm| alarm.name == **name)
        };
        let kept: Vec<Value> = names
            .iter()
            .filter(exists)
            .map(|name| json!({ "name": name }))
            .collect();
        let remedy = format!(
            "aws deploy update-deployment-group --application-name {} --current-deployment-group-name {} --alarm-configuration '{}'",
            deploys.application,
            deploys.deployment_group,
            json!({ "enabled": !kept.is_empty(), "alarms": kept })
        );
        doctor::alarms(&mut checks, &named_by, names, &found, &remedy);
    }
    checks
}

/// The deployment configuration of the pipeline, or of the group.
async fn config(account: &Account<'_>, pipeline: &Pipeline, whole: &WholeGroup) -> Checks {
    let mut checks = Checks::default();
    let own = pipeline.codedeploy.deployment_config.as_ref();
    if let Some(name) = own.or(whole.group.deployment_config.as_ref()) {
        match account.codedeploy.has_deployment_config(name).await {
            Ok(true) => {}
            Ok(false) => checks.wrong(
                "deployment-group",
                format!(
                    "the deployment configuration `{name}` of pipeline `{}` does not exist",
                    pipeline.name
                ),
                "correct `deployment_config` of the pipeline; those that there are:\naws deploy list-deployment-configs",
            ),
            Err(failed) => checks.not_known(
                "deployment-group",
                &format!(
                    "whether the deployment configuration `{name}` exists is not known: {}",
                    why(&failed)
                ),
            ),
        }
    }
    checks
}

/// Whoever else deploys to the service. Another group cannot: CodeDeploy takes one for a service (`ECSServiceMappingLimitExceeded`).
async fn deployer(account: &Account<'_>, pipelines: &[&Pipeline], whole: &WholeGroup) -> Checks {
    let mut checks = Checks::default();
    let Some(id) = &whole.last_attempted else {
        return checks;
    };
    let Ok(mut newest) = account.codedeploy.get_deployment(id).await else {
        return checks;
    };
    if let Some(id) = &newest.rolls_back
        && let Ok(rolled_back) = account.codedeploy.get_deployment(id).await
    {
        newest = rolled_back;
    }
    doctor::foreign_deployment(&mut checks, pipelines, &newest);
    checks
}

/// The role with which CodeDeploy acts, and calls the hooks.
async fn service_role(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    definition: Option<&TaskDefinition>,
    whole: &WholeGroup,
) -> Checks {
    let mut checks = Checks::default();
    let first = pipelines[0];
    let Some(role) = &whole.settings.service_role else {
        return checks;
    };
    let mut needs = revision::deploy_needs(account, first, !whole.group.alarms.is_empty());
    let listeners = [&whole.group.production_listener, &whole.group.test_listener];
    for listener in listeners.into_iter().flatten() {
        let shifts = |action, arn: &str| need_anywhere(CODEDEPLOY, action, arn, "to shift traffic");
        let listener = listener.as_str();
        needs.push(shifts("elasticloadbalancing:ModifyListener", listener));
        // A Network Load Balancer's listener has no rules.
        if let Some((before, of_alb)) = listener.split_once(":listener/app/") {
            let rules = |id: &str| format!("{before}:listener-rule/app/{of_alb}/{id}");
            needs.push(Needs {
                all: Some(rules("*")),
                ..shifts(
                    "elasticloadbalancing:ModifyRule",
                    &rules("0000000000000000"),
                )
            });
        }
    }
    let topic = &account.stack.started.settings.topic;
    for name in called(account, first) {
        needs.push(need(
            "lambda:InvokeFunction",
            topic.function(&name),
            format!("to call the hook `{name}`"),
        ));
    }
    if let Some(definition) = definition {
        needs.extend(revision::pass_needs(account, definition));
    }
    let named = Named {
        role,
        by: format!("deployment group `{}`", first.codedeploy.deployment_group),
        service: "codedeploy.amazonaws.com",
        context: &[("iam:PassedToService", "ecs-tasks.amazonaws.com")],
    };
    roles::check(account, &mut checks, &named, &needs).await;
    checks
}

/// The functions that CodeDeploy calls in a deployment of the pipeline's service.
fn called(account: &Account<'_>, pipeline: &Pipeline) -> Vec<String> {
    let hooks = &account.stack.started.extra.hooks;
    let mut names = vec![hooks.after_allow_test_traffic.to_string()];
    if pipeline.migration.is_some() {
        names.push(hooks.after_install.to_string());
    }
    if pipeline.production_traffic.is_some() {
        names.push(hooks.after_allow_traffic.to_string());
    }
    names.extend(pipeline.hooks.values().map(ToString::to_string));
    names
}
