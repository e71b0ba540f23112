//! Policies as people write them, and what they allow.

use serde_json::{Value, json};

use super::*;
use crate::identity::REGION;

const TASK: &str = "arn:aws:ecs:eu-central-1:111122223333:task/prod/1";
const ROLE: &str = "arn:aws:iam::111122223333:role/greenlight-OneRole";

fn principal(holder: &str, statements: Value) -> Principal {
    Principal {
        holder: holder.to_owned(),
        role_arn: ROLE.to_owned(),
        session: "greenlight-one".to_owned(),
        statements: identity_policy(&json!({ "Statement": statements }), Origin::Template).unwrap(),
        trust: Vec::new(),
        trust_document: Value::Null,
        on_failure: None,
    }
}

fn decide(statements: Value, permission: &Permission) -> Result<(), Why> {
    let iam = Iam::new(vec![principal("one", statements)], &[]).unwrap();
    iam.check("one", std::slice::from_ref(permission))
        .map_err(|refusal| refusal.why)
}

/// The simulator makes no call, so it has no key that a call carries.
#[test]
fn a_simulation_has_no_keys_and_names_those_that_it_lacks() {
    let of = |statements: Value| {
        let role = principal("one", statements);
        let (word, missing) = role.simulated("ecs:StopTask", TASK, &Keys::default());
        format!(
            "{word} {}",
            missing.into_iter().collect::<Vec<_>>().join(" ")
        )
    };
    let statement = |effect: &str, action: &str, condition: Value| json!({ "Effect": effect, "Action": action, "Resource": "*", "Condition": condition });
    let here = json!({ "StringEquals": { "aws:RequestedRegion": REGION } });
    let elsewhere = json!({ "StringNotEquals": { "aws:RequestedRegion": REGION }, "Null": { "ecs:cluster": "true" } });
    for (statements, expected) in [
        (json!([]), "implicitDeny "),
        (
            json!([{ "Effect": "Allow", "Action": "ecs:*", "Resource": "*" }]),
            "allowed ",
        ),
        (
            json!([statement("Allow", "ecs:*", here.clone())]),
            "implicitDeny aws:requestedregion",
        ),
        (
            json!([statement("Allow", "ecs:RunTask", here)]),
            "implicitDeny ",
        ),
        (
            json!([statement("Deny", "ecs:*", elsewhere)]),
            "explicitDeny aws:requestedregion ecs:cluster",
        ),
    ] {
        assert_eq!(of(statements.clone()), expected, "{statements}");
    }
}

#[test]
fn deny_wins_and_what_nothing_allows_is_denied() {
    let stop = Permission::new("ecs:StopTask", TASK).with(
        "ecs:cluster",
        "arn:aws:ecs:eu-central-1:111122223333:cluster/prod",
    );
    let allow = json!({ "Effect": "Allow", "Action": "ecs:*", "Resource": "*" });
    let deny = |change: &str, to: Value| {
        let mut deny = json!({ "Effect": "Deny", "Action": "ecs:StopTask", "Resource": "*" });
        deny[change] = to;
        deny
    };
    for (statements, expected) in [
        (json!([]), Err(Why::NothingAllows)),
        (json!(allow), Ok(())),
        (
            json!([allow, deny("Sid", json!("All"))]),
            Err(Why::ExplicitlyDenied),
        ),
        (
            json!([deny("Sid", json!("All")), allow]),
            Err(Why::ExplicitlyDenied),
        ),
        (json!([allow, deny("Action", json!("ecs:RunTask"))]), Ok(())),
        (
            json!([allow, deny("Resource", json!("arn:aws:ecs:*:*:task/dev/*"))]),
            Ok(()),
        ),
        (
            json!([
                allow,
                deny(
                    "Condition",
                    json!({ "ArnLike": { "ecs:cluster": "arn:*:*:*:*:cluster/d*" } })
                )
            ]),
            Ok(()),
        ),
        (
            json!([
                allow,
                deny(
                    "Condition",
                    json!({ "ArnLike": { "ecs:cluster": "arn:*:*:*:*:cluster/p*" } })
                )
            ]),
            Err(Why::ExplicitlyDenied),
        ),
        (
            json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" }),
            Ok(()),
        ),
        (
            json!({ "Effect": "Allow", "NotAction": "ecs:Stop*", "Resource": "*" }),
            Err(Why::NothingAllows),
        ),
        (
            json!({ "Effect": "Allow", "Action": "*", "NotResource": TASK }),
            Err(Why::NothingAllows),
        ),
        (
            json!({ "Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::*" }),
            Ok(()),
        ),
        (
            json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT } } }),
            Err(Why::NothingAllows),
        ),
        (
            json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "StringEquals": { "aws:RequestedRegion": REGION, "aws:PrincipalArn": ROLE } } }),
            Ok(()),
        ),
    ] {
        assert_eq!(decide(statements.clone(), &stop), expected, "{statements}");
    }
}

#[test]
fn an_action_that_knows_no_resource_is_allowed_by_the_star_alone() {
    let describe = Permission::new("ecs:DescribeTaskDefinition", "*");
    let on = |resource: &str| json!({ "Effect": "Allow", "Action": "ecs:DescribeTaskDefinition", "Resource": resource });
    assert_eq!(decide(on("*"), &describe), Ok(()));
    assert_eq!(
        decide(on("arn:aws:ecs:*:*:task-definition/*"), &describe),
        Err(Why::NothingAllows)
    );
}

#[test]
fn a_refusal_names_the_caller_the_action_and_the_resource() {
    let iam = Iam::new(vec![principal("one", json!([]))], &[]).unwrap();
    let mut refusal = iam
        .check("one", &[Permission::new("ecs:StopTask", TASK)])
        .unwrap_err();
    assert_eq!(
        refusal.sentence(),
        "User: arn:aws:sts::111122223333:assumed-role/greenlight-OneRole/greenlight-one is not authorized to perform: \
         ecs:StopTask on resource: arn:aws:ecs:eu-central-1:111122223333:task/prod/1 because no identity-based policy \
         allows the ecs:StopTask action"
    );
    refusal.why = Why::ExplicitlyDenied;
    assert!(
        refusal
            .sentence()
            .ends_with("task/prod/1 with an explicit deny in an identity-based policy")
    );
    assert!(
        iam.check("missing", &[Permission::new("ecs:StopTask", TASK)])
            .is_err()
    );
}

#[test]
fn grants_are_told_apart_into_used_and_unused() {
    let statements = json!([
        { "Effect": "Allow", "Action": ["ecs:StopTask", "ecs:RunTask"], "Resource": TASK },
        { "Effect": "Allow", "Action": "ecs:StopTask", "Resource": "*" },
        { "Effect": "Deny", "Action": "ecs:Tag*", "Resource": "*" },
    ]);
    let iam = Iam::new(vec![principal("one", statements)], &[]).unwrap();
    let grant = |action: &str, resource: &str| Grant {
        holder: "one".to_owned(),
        action: action.to_owned(),
        resources: vec![resource.to_owned()],
    };
    // A call that is refused for its second half has used nothing.
    let (stop, tag) = (
        Permission::new("ecs:StopTask", TASK),
        Permission::new("ecs:TagResource", TASK),
    );
    iam.check("one", &[stop.clone(), tag]).unwrap_err();
    assert_eq!(iam.used_grants(), []);
    iam.check("one", &[stop]).unwrap();
    assert_eq!(iam.used_grants(), [grant("ecs:StopTask", TASK)]);
    assert_eq!(
        iam.unused_grants(),
        [grant("ecs:RunTask", TASK), grant("ecs:StopTask", "*")]
    );
}

#[test]
fn a_permission_is_removed_by_its_name_and_must_have_been_there() {
    let statements = json!([
        { "Effect": "Allow", "Action": ["iam:PassRole", "ecs:RunTask"], "Resource": "*" },
        { "Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE },
    ]);
    let left = |removal: &str| {
        let removal = removal.parse()?;
        let iam = Iam::new(vec![principal("one", statements.clone())], &[removal])?;
        anyhow::Ok(
            iam.unused_grants()
                .iter()
                .map(|grant| grant.action.clone())
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    assert_eq!(
        left("one:ecs:RunTask").unwrap(),
        "iam:PassRole iam:PassRole"
    );
    assert_eq!(left("one:iam:passrole").unwrap(), "ecs:RunTask");
    assert_eq!(
        left(&format!("one:iam:PassRole={ROLE}")).unwrap(),
        "ecs:RunTask iam:PassRole"
    );
    for (removal, expected) in [
        ("ecs:RunTask", "`ecs:RunTask` is not a permission such as"),
        (
            "two:ecs:RunTask",
            "the template has no `two` with permissions, it has `one`",
        ),
        (
            "one:ecs:StopTask",
            "does not grant `one:ecs:StopTask`, it grants\n  one:iam:PassRole on *",
        ),
        ("one:ecs:RunTask=x", "does not grant `one:ecs:RunTask=x`"),
    ] {
        let error = left(removal).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_managed_policies_of_functions_are_known_and_no_others() {
    let logs =
        managed_policy("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").unwrap();
    let vpc = managed_policy(VPC_ACCESS).unwrap();
    let put = Permission::new(
        "logs:PutLogEvents",
        "arn:aws:logs:eu-central-1:111122223333:log-group:g:log-stream:s",
    );
    let attach = Permission::new("ec2:CreateNetworkInterface", "*");
    for (statements, permission, expected) in [
        (&logs, &put, true),
        (&logs, &attach, false),
        (&vpc, &put, true),
        (&vpc, &attach, true),
    ] {
        let found = statements.iter().any(|statement| {
            statement
                .matching_action(&permission.action, &permission.resource, &Keys::default())
                .is_some()
        });
        assert_eq!(found, expected, "{permission:?}");
    }
    let of = |path: &str| managed_policy(&format!("arn:aws:iam::aws:policy/{path}")).is_ok();
    for (with_path, path) in [
        (false, "AWSCodeDeployRoleForECS"),
        (false, "AWSCodeDeployRoleForECSLimited"),
        (false, "AmazonECSInfrastructureRolePolicyForLoadBalancers"),
        (true, "AmazonECSTaskExecutionRolePolicy"),
        (true, "AWSLambdaBasicExecutionRole"),
    ] {
        let found = (of(path), of(&format!("service-role/{path}")));
        assert_eq!(found, (!with_path, with_path), "{path}");
    }
    let error = managed_policy("AdministratorAccess")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(
            "the rehearsal does not know what the managed policy `AdministratorAccess` allows"
        ),
        "{error}"
    );
}
