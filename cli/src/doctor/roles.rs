//! Roles: their trust, and what the policy simulator says of all that they have to do.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use rules::doctor::{self, Checks, Needs, Read, Simulated};
use tokio::join;

use super::account::{Account, read};

/// A role that something names.
pub(super) struct Named<'a> {
    /// Its ARN, or its name.
    pub(super) role: &'a str,
    /// What names it.
    pub(super) by: String,
    /// The service that assumes it.
    pub(super) service: &'a str,
    /// Keys of conditions that AWS states in these calls.
    pub(super) context: &'a [(&'a str, &'a str)],
}

/// Checks a role, and that it may do all of this.
pub(super) async fn check(
    account: &Account<'_>,
    checks: &mut Checks,
    named: &Named<'_>,
    needs: &[Needs],
) {
    let arn = match named.role.starts_with("arn:") {
        true => named.role.to_owned(),
        false => account.arn("iam", &format!("role/{}", named.role)),
    };
    let of_account = arn.split(':').nth(4);
    let own = account.stack.started.settings.topic.account();
    if of_account != Some(own) {
        let sentence = format!(
            "the role `{arn}` of {} is not known: it is of another account",
            named.by
        );
        return checks.not_known("roles", &sentence);
    }
    let name = arn.rsplit('/').next().unwrap_or_default();
    let (trust, said) = join!(
        account.iam.get_role(name),
        simulate(account, &arn, named, needs)
    );
    let trust = read(trust);
    doctor::role(checks, &arn, &named.by, named.service, &trust, needs, &said);
    if trust == Read::Absent {
        account.note_absent(arn.split_once(":role/").map_or(name, |(_, path)| path));
    }
}

/// The same of several roles, side by side and told in their order.
pub(super) async fn check_each<'a>(
    account: &Account<'_>,
    all: impl IntoIterator<Item = (Named<'a>, Vec<Needs>)>,
) -> Checks {
    let each = all.into_iter().map(async |(named, needs)| {
        let mut checks = Checks::default();
        check(account, &mut checks, &named, &needs).await;
        checks
    });
    let mut checks = Checks::default();
    for of_role in join_all(each).await {
        checks.extend(of_role);
    }
    checks
}

/// One call an action: the simulator answers for every action on every resource of a call.
async fn simulate(
    account: &Account<'_>,
    arn: &str,
    named: &Named<'_>,
    needs: &[Needs],
) -> Read<Vec<Simulated>> {
    let mut by_action: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for need in needs {
        let resources = by_action.entry(need.action).or_default();
        for resource in [&need.resource].into_iter().chain(&need.or) {
            if !resources.contains(&resource.as_str()) {
                resources.push(resource);
            }
        }
    }
    let calls = by_action
        .iter()
        .map(|(action, resources)| account.iam.simulate(arn, action, resources, named.context));
    let mut all = Vec::new();
    for answer in join_all(calls).await {
        match read(answer) {
            Read::Found(found) => all.extend(found),
            Read::Absent => return Read::Absent,
            Read::NotKnown(why) => return Read::NotKnown(why),
        }
    }
    Read::Found(all)
}

/// AWS's managed policies, by the last part of their ARN (AWS Managed Policy Reference).
pub(super) mod managed {
    /// Of the role with which CodeDeploy deploys to ECS.
    pub(in super::super) const CODEDEPLOY: &str = "AWSCodeDeployRoleForECS";
    /// Of the execution role of tasks.
    pub(in super::super) const EXECUTION: &str = "service-role/AmazonECSTaskExecutionRolePolicy";
    /// Of the role with which ECS shifts traffic.
    pub(in super::super) const INFRASTRUCTURE: &str =
        "AmazonECSInfrastructureRolePolicyForLoadBalancers";
}

pub(super) fn need(
    action: &'static str,
    resource: impl Into<String>,
    what_for: impl Into<String>,
) -> Needs {
    Needs {
        action,
        resource: resource.into(),
        all: None,
        or: Vec::new(),
        managed: None,
        what_for: what_for.into(),
    }
}

/// What a managed policy allows.
pub(super) fn need_of(
    managed: &'static str,
    action: &'static str,
    resource: impl Into<String>,
    what_for: impl Into<String>,
) -> Needs {
    Needs {
        managed: Some(managed),
        ..need(action, resource, what_for)
    }
}

/// The same, where AWS may authorise the action on anything: its documents know no resource, or another one.
pub(super) fn need_anywhere(
    managed: &'static str,
    action: &'static str,
    resource: impl Into<String>,
    what_for: impl Into<String>,
) -> Needs {
    Needs {
        or: vec!["*".to_owned()],
        ..need_of(managed, action, resource, what_for)
    }
}
