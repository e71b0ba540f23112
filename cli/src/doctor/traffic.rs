//! Listeners and rules, and whether the gates' requests get through them.

use std::collections::BTreeSet;

use aws::CallFailed;
use rules::config::{HeaderValue, Pipeline, Traffic};
use rules::counted::counted;
use rules::doctor::{self, Checks, Leads};
use rules::ecs::TrafficRule;
use rules::listener_rule;
use rules::names::ListenerArn;
use rules::observed::{Listener, ListenerRule};
use rules::test_traffic::Through;

use super::account::{Account, read, why};

/// A listener with its rules.
pub(super) struct WithRules {
    pub(super) listener: Listener,
    pub(super) rules: Vec<ListenerRule>,
}

/// The listener; a Network Load Balancer's has no rules but its default action.
pub(super) async fn listener(
    account: &Account<'_>,
    arn: &ListenerArn,
) -> Result<WithRules, CallFailed> {
    let listener = account.elb.describe_listener(arn).await?;
    let rules = match listener.has_rules() {
        true => account.elb.describe_rules(arn).await?,
        false => vec![listener_rule::default_of(&listener)],
    };
    Ok(WithRules { listener, rules })
}

/// A listener that something names; none where it is not there.
pub(super) async fn named(
    account: &Account<'_>,
    checks: &mut Checks,
    named_by: &str,
    through: Through,
    arn: &ListenerArn,
) -> Option<WithRules> {
    let what = format!("the {} of {named_by}", through.words());
    let absent = || {
        (
            format!(
                "{named_by} names the {} `{arn}`, which does not exist",
                through.words()
            ),
            "name one of what `aws elbv2 describe-listeners` lists of the load balancer there"
                .to_owned(),
        )
    };
    read(listener(account, arn).await).or_tell(checks, "listeners", &what, absent)
}

/// The table of a gate, where the pipeline has requests in it.
fn asked(pipeline: &Pipeline, through: Through) -> Option<&Traffic> {
    let traffic = match through {
        Through::TestListener => Some(&pipeline.test_traffic.checks),
        Through::ProductionListener => pipeline.production_traffic.as_ref(),
    };
    traffic.filter(|traffic| !traffic.requests.is_empty())
}

/// The requests of a gate, through a listener; `leads` is how they get from there to the service, where that is known.
pub(super) async fn requests(
    account: &Account<'_>,
    pipeline: &Pipeline,
    through: Through,
    found: &WithRules,
    leads: Option<Leads<'_>>,
) -> Checks {
    let mut checks = Checks::default();
    let Some(traffic) = asked(pipeline, through) else {
        return checks;
    };
    address(account, &mut checks, pipeline, through, &found.listener).await;
    if let (Some(leads), None) = (leads, &traffic.base_url) {
        doctor::requests_reach(
            &mut checks,
            pipeline.name.as_str(),
            traffic,
            through,
            &found.listener,
            &found.rules,
            &leads,
        );
    }
    checks.checked(format!(
        "{} through the {}",
        counted(traffic.requests.len(), "request", "requests"),
        through.words()
    ));
    checks
}

/// A rule that ECS points at green, with its listener; none where it is not there, or not known.
pub(super) async fn rule(
    account: &Account<'_>,
    checks: &mut Checks,
    place: &str,
    through: Through,
    rule: &TrafficRule,
) -> Option<(WithRules, ListenerRule)> {
    let named_by = format!("service `{place}`");
    let listener = rule.listener()?;
    let found = named(account, checks, &named_by, through, &listener).await?;
    let rule = match rule {
        TrafficRule::Rule(arn) => {
            let absent = || {
                (
                    format!(
                        "{named_by} names the rule `{arn}` for its {}, which does not exist",
                        through.words()
                    ),
                    format!(
                        "name one of these in `AdvancedConfiguration`:\naws elbv2 describe-rules --listener-arn {listener} --query \
                         'Rules[].RuleArn'"
                    ),
                )
            };
            let read = read(account.elb.describe_rule(arn).await);
            read.or_tell(
                checks,
                "listeners",
                &format!("a rule of {named_by}"),
                absent,
            )?
        }
        TrafficRule::Listener(_) => listener_rule::default_of(&found.listener),
    };
    Some((found, rule))
}

/// Whether the function that asks gets to the listener.
pub(super) async fn address(
    account: &Account<'_>,
    checks: &mut Checks,
    pipeline: &Pipeline,
    through: Through,
    listener: &Listener,
) {
    let Some(traffic) = asked(pipeline, through) else {
        return;
    };
    let hooks = &account.stack.started.extra.hooks;
    let function = match through {
        Through::TestListener => &hooks.after_allow_test_traffic,
        Through::ProductionListener => &hooks.after_allow_traffic,
    };
    let function = read(account.lambda.get_function(function.as_str()).await);
    doctor::gate_address(
        checks,
        pipeline.name.as_str(),
        traffic,
        through,
        listener,
        &function,
    );
}

/// The secrets that headers of the pipeline's requests are filled from.
pub(super) async fn secrets(account: &Account<'_>, pipeline: &Pipeline) -> Checks {
    let mut checks = Checks::default();
    for secret in header_secrets(pipeline) {
        match account.secrets_manager.has_secret(secret).await {
            Ok(true) => {}
            Ok(false) => checks.wrong(
                "secrets",
                format!("a header of the requests of pipeline `{}` is filled from the secret `{secret}`, which does not exist", pipeline.name),
                doctor::missing_secret(secret),
            ),
            Err(failed) => checks.not_known("secrets", &format!("whether the secret `{secret}` exists is not known: {}", why(&failed))),
        }
    }
    checks
}

/// The secrets that headers of a pipeline's requests are filled from.
pub(super) fn header_secrets(pipeline: &Pipeline) -> BTreeSet<&str> {
    let gates = pipeline
        .production_traffic
        .iter()
        .chain([&pipeline.test_traffic.checks]);
    let headers = gates.flat_map(|gate| {
        gate.headers
            .iter()
            .chain(gate.requests.iter().flat_map(|one| &one.headers))
    });
    let secrets = headers.filter_map(|header| match &header.value {
        HeaderValue::Secret { secret, .. } => Some(secret.as_str()),
        HeaderValue::Literal(_) => None,
    });
    secrets.collect()
}
