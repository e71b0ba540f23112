//! Roles: whether they exist, whom they trust, and what IAM's policy simulator says of them.

use serde_json::{Value, json};

use super::finding::{Checks, Read};
use super::trust::{Trust, trust, trusting};

/// The word of IAM's policy simulator for what policies allow (IAM API Reference, EvaluationResult).
const ALLOWED: &str = "allowed";

/// What the policy simulator says of an action on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// `lambda:InvokeFunction`
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// `allowed`, `implicitDeny`, `explicitDeny`.
    pub decision: String,
    /// The keys of conditions that were not given: without them the decision says nothing.
    pub missing_keys: Vec<String>,
}

/// What a role has to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// The action.
    pub action: &'static str,
    /// The resource; policies may also allow it on one of the others.
    pub resource: String,
    /// Resources on which AWS may authorise the action instead: its documents leave it open.
    pub or: Vec<String>,
    /// What for, as people say it: `to call the hook …`.
    pub what_for: String,
}

/// What a role's policies say.
type Said = Read<Vec<Simulated>>;

/// Checks a role: `trusted` is its trust policy, `said` what the simulator answered to all that it needs.
pub fn role(
    checks: &mut Checks,
    role: &str,
    named_by: &str,
    service: &str,
    trusted: &Read<Value>,
    needs: &[Needs],
    said: &Said,
) {
    const SUBJECT: &str = "roles";
    let name = name_of(role);
    let found = match trusted {
        Read::Found(policy) => policy,
        Read::Absent => {
            let sentence = format!(
                "{named_by} names the role `{role}`, which does not exist, expected one that `{service}` may assume"
            );
            let policy = trusting(&Value::Null, service);
            let remedy = format!(
                "aws iam create-role --role-name {name} --assume-role-policy-document {}",
                quoted(&policy)
            );
            return checks.wrong(SUBJECT, sentence, remedy);
        }
        Read::NotKnown(why) => {
            return checks.not_known(
                SUBJECT,
                &format!("the role `{role}` of {named_by} is not known: {why}"),
            );
        }
    };
    let names_role = format!("{named_by} names the role `{role}`");
    match trust(found, service) {
        Trust::Trusted => {}
        Trust::Others(others) => {
            let given = match others.as_slice() {
                [] => "which no service may assume".to_owned(),
                others => format!("which trusts `{}`", others.join("`, `")),
            };
            let policy = trusting(found, service);
            checks.wrong(
                SUBJECT,
                format!("{names_role}, {given}, expected one that `{service}` may assume"),
                format!("aws iam update-assume-role-policy --role-name {name} --policy-document {}", quoted(&policy)),
            );
        }
        Trust::Denied => checks.wrong(
            SUBJECT,
            format!("{names_role}, whose trust policy denies `{service}`, expected one that it may assume"),
            format!("take that statement out: aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument"),
        ),
        Trust::NotKnown => checks.not_known(
            SUBJECT,
            &format!("whether `{service}` may assume the role `{role}` is not known: its trust policy says whom it excludes"),
        ),
    }
    match said {
        Read::Found(said) => allowed(checks, &names_role, name, needs, said),
        // It was there a moment ago.
        Read::Absent => {}
        Read::NotKnown(_) if needs.is_empty() => {}
        Read::NotKnown(why) => {
            checks.not_known(
                SUBJECT,
                &format!("what the role `{role}` of {named_by} may do is not known: {why}"),
            );
        }
    }
}

/// All that is not allowed is one finding: one policy mends it.
fn allowed(checks: &mut Checks, names_role: &str, name: &str, needs: &[Needs], said: &[Simulated]) {
    let (mut missing, mut denied) = (Vec::new(), Vec::new());
    for need in needs {
        let resources: Vec<&str> = [&need.resource]
            .into_iter()
            .chain(&need.or)
            .map(String::as_str)
            .collect();
        let of_need: Vec<&Simulated> = said
            .iter()
            .filter(|one| one.action == need.action && resources.contains(&one.resource.as_str()))
            .collect();
        if of_need.is_empty() || of_need.iter().any(|one| one.decision == ALLOWED) {
            continue;
        }
        let keys = of_need.iter().flat_map(|one| &one.missing_keys);
        let mut keys: Vec<&str> = keys.map(String::as_str).collect();
        keys.sort_unstable();
        keys.dedup();
        match of_need.iter().any(|one| one.decision == "explicitDeny") {
            _ if !keys.is_empty() => checks.not_known(
                "roles",
                &format!(
                    "{names_role}, and whether it allows `{}` {} is not known: its policies have conditions on {}",
                    need.action,
                    need.what_for,
                    keys.join(", ")
                ),
            ),
            true => denied.push(need),
            false => missing.push(need),
        }
    }
    let listed = |needs: &[&Needs]| {
        let one =
            |need: &&Needs| format!("`{}` on `{}` {}", need.action, need.resource, need.what_for);
        needs.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    if !missing.is_empty() {
        let statements: Vec<Value> = missing
            .iter()
            .map(|need| json!({ "Effect": "Allow", "Action": need.action, "Resource": need.resource }))
            .collect();
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        checks.wrong(
            "roles",
            format!("{names_role}, whose policies do not allow {}", listed(&missing)),
            format!("aws iam put-role-policy --role-name {name} --policy-name greenlight-doctor --policy-document {}", quoted(&policy)),
        );
    }
    if !denied.is_empty() {
        checks.wrong(
            "roles",
            format!("{names_role}, whose policies deny {}", listed(&denied)),
            format!("take that out of its policies: aws iam list-role-policies --role-name {name}; aws iam list-attached-role-policies --role-name {name}"),
        );
    }
}

/// The shell would take an apostrophe for the end.
fn quoted(policy: &Value) -> String {
    format!("'{}'", policy.to_string().replace('\'', r"'\''"))
}

/// The role's name, without its path.
pub(super) fn name_of(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/team/deploys";

    fn need(action: &'static str, resource: &str, or: &[&str]) -> Needs {
        let or = or.iter().map(|one| (*one).to_owned()).collect();
        Needs {
            action,
            resource: resource.to_owned(),
            or,
            what_for: "to go on".to_owned(),
        }
    }

    fn said(action: &str, resource: &str, decision: &str, missing: &[&str]) -> Simulated {
        Simulated {
            action: action.to_owned(),
            resource: resource.to_owned(),
            decision: decision.to_owned(),
            missing_keys: missing.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn a_role_exists_trusts_the_service_and_is_allowed_what_it_does() {
        let needs = [
            need("lambda:InvokeFunction", "f", &[]),
            need("ecs:CreateTaskSet", "s", &["*"]),
        ];
        let good = Read::Found(trusting(&Value::Null, "codedeploy.amazonaws.com"));
        let other = Read::Found(trusting(&Value::Null, "ec2.amazonaws.com"));
        let invoke = |decision: &str, missing: &[&str]| {
            said("lambda:InvokeFunction", "f", decision, missing)
        };
        let create =
            |resource: &str, decision: &str| said("ecs:CreateTaskSet", resource, decision, &[]);
        let all = |invoke: Simulated| {
            Read::Found(vec![
                invoke,
                create("s", "implicitDeny"),
                create("*", "allowed"),
            ])
        };
        let table = [
            (&good, all(invoke("allowed", &[])), ""),
            (
                &good,
                all(invoke("implicitDeny", &[])),
                "wrong: the group names the role `R`, whose policies do not allow `lambda:InvokeFunction` on `f` to go on",
            ),
            (
                &good,
                all(invoke("explicitDeny", &[])),
                "wrong: the group names the role `R`, whose policies deny `lambda:InvokeFunction` on `f` to go on",
            ),
            (
                &good,
                all(invoke("implicitDeny", &["aws:SourceVpc"])),
                "not_known: the group names the role `R`, and whether it allows `lambda:InvokeFunction` to go on is not known: its policies have conditions on aws:SourceVpc",
            ),
            (
                &good,
                Read::Found(vec![
                    create("s", "implicitDeny"),
                    create("*", "implicitDeny"),
                ]),
                "wrong: the group names the role `R`, whose policies do not allow `ecs:CreateTaskSet` on `s` to go on",
            ),
            (
                &other,
                all(invoke("allowed", &[])),
                "wrong: the group names the role `R`, which trusts `ec2.amazonaws.com`, expected one that `codedeploy.amazonaws.com` may assume",
            ),
            (
                &Read::Absent,
                Read::Absent,
                "wrong: the group names the role `R`, which does not exist, expected one that `codedeploy.amazonaws.com` may assume",
            ),
            (
                &Read::NotKnown("denied".to_owned()),
                Read::Absent,
                "not_known: the role `R` of the group is not known: denied",
            ),
            (
                &good,
                Read::NotKnown("denied".to_owned()),
                "not_known: what the role `R` of the group may do is not known: denied",
            ),
        ];
        for (trusted, said, expected) in table {
            let mut checks = Checks::default();
            role(
                &mut checks,
                ROLE,
                "the group",
                "codedeploy.amazonaws.com",
                trusted,
                &needs,
                &said,
            );
            let found: Vec<String> = checks
                .findings
                .iter()
                .map(|one| {
                    format!(
                        "{}: {}",
                        one.severity.code(),
                        one.sentence.replace(ROLE, "R")
                    )
                })
                .collect();
            assert_eq!(found.join("; "), expected);
        }
    }

    #[test]
    fn a_remedy_can_be_pasted() {
        let mut checks = Checks::default();
        let policy = json!({"Statement": [{"Sid": "it's", "Effect": "Allow", "Principal": {"AWS": "a"}, "Action": "sts:AssumeRole"}]});
        role(
            &mut checks,
            ROLE,
            "x",
            "ecs.amazonaws.com",
            &Read::Found(policy),
            &[],
            &Read::Found(Vec::new()),
        );
        let remedy = checks.findings[0].remedy.as_deref().unwrap();
        assert!(
            remedy.starts_with(
                "aws iam update-assume-role-policy --role-name deploys --policy-document '{"
            ),
            "{remedy}"
        );
        assert!(remedy.contains(r"it'\''s"), "{remedy}");
    }
}
