//! Roles: whether they exist, whom they trust, and what IAM's policy simulator says of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::finding::{Checks, Read};
use crate::trust::{Trust, trusted, trusting};

/// The word of IAM's policy simulator for what policies allow (IAM API Reference, EvaluationResult).
const ALLOWED: &str = "allowed";
/// Its word for what a policy denies, whatever else allows it.
const DENIED: &str = "explicitDeny";

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
    /// All resources of its kind, where `resource` is one of them that the simulator is asked about, such as a log stream.
    pub all: Option<String>,
    /// Resources on which AWS may authorise the action instead: its documents leave it open.
    pub or: Vec<String>,
    /// AWS's managed policy that allows it.
    pub managed: Option<&'static str>,
    /// What for, as people say it: `to call the hook …`.
    pub what_for: String,
}

impl Needs {
    /// What has to be allowed, as people see it and a policy says it.
    fn on(&self) -> &str {
        self.all.as_deref().unwrap_or(&self.resource)
    }
}

/// What a role's policies say.
type Said = Read<Vec<Simulated>>;

/// What is wrong with a role, and what mends it: one finding, since one role is meant by it.
#[derive(Default)]
struct Amiss {
    given: Vec<String>,
    remedies: Vec<String>,
}

impl Amiss {
    fn add(&mut self, given: String, remedy: String) {
        self.given.push(given);
        self.remedies.push(remedy);
    }
}

/// Checks a role: `trust` is its trust policy, `said` what the simulator answered to all that it needs.
pub fn role(
    checks: &mut Checks,
    role: &str,
    named_by: &str,
    service: &str,
    trust: &Read<Value>,
    needs: &[Needs],
    said: &Said,
) {
    const SUBJECT: &str = "roles";
    let name = name_of(role);
    let found = match trust {
        Read::Found(policy) => policy,
        Read::Absent => {
            let sentence = format!(
                "{named_by} names the role `{role}`, which does not exist, expected one that `{service}` may assume"
            );
            let policy = quoted(&trusting(&Value::Null, service));
            let remedy = iam(
                role,
                &format!("create-role --role-name {name} --assume-role-policy-document {policy}"),
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
    let mut amiss = Amiss::default();
    trusts(checks, &mut amiss, role, service, found);
    match said {
        Read::Found(said) => allows(checks, &mut amiss, role, needs, said),
        // It was there a moment ago.
        Read::Absent => {}
        Read::NotKnown(_) if needs.is_empty() => {}
        Read::NotKnown(why) => {
            let sentence =
                format!("what the role `{role}` of {named_by} may do is not known: {why}");
            checks.not_known(SUBJECT, &sentence);
        }
    }
    if !amiss.given.is_empty() {
        let given = amiss.given.join(", and ");
        checks.wrong(
            SUBJECT,
            format!("{named_by} names the role `{role}`, {given}"),
            amiss.remedies.join("\n"),
        );
    }
}

fn trusts(checks: &mut Checks, amiss: &mut Amiss, role: &str, service: &str, policy: &Value) {
    let name = name_of(role);
    match Trust::of(policy, service) {
        Trust::Given => {}
        Trust::NotGiven => {
            let given = match trusted(policy).as_slice() {
                [] => "which no service may assume".to_owned(),
                others => format!("which trusts `{}`", others.join("`, `")),
            };
            let mended = quoted(&trusting(policy, service));
            amiss.add(
                format!("{given}, expected one that `{service}` may assume"),
                iam(role, &format!("update-assume-role-policy --role-name {name} --policy-document {mended}")),
            );
        }
        Trust::Denied => amiss.add(
            format!("whose trust policy denies `{service}`, expected one that it may assume"),
            format!("take that statement out of its trust policy:\n{}", iam(role, &format!("get-role --role-name {name}"))),
        ),
        Trust::NotKnown => checks.not_known(
            "roles",
            &format!("whether `{service}` may assume the role `{role}` is not known: its trust policy says whom it excludes"),
        ),
    }
}

/// All that is not allowed goes into one policy.
fn allows(checks: &mut Checks, amiss: &mut Amiss, role: &str, needs: &[Needs], said: &[Simulated]) {
    let (mut missing, mut denied) = (Vec::new(), Vec::new());
    for need in needs {
        let is_of_it = |one: &&Simulated| {
            let is_its_resource = one.resource == need.resource || need.or.contains(&one.resource);
            one.action == need.action && is_its_resource
        };
        let of_need: Vec<&Simulated> = said.iter().filter(is_of_it).collect();
        if of_need.is_empty() || of_need.iter().any(|one| one.decision == ALLOWED) {
            continue;
        }
        let keys: BTreeSet<&str> = of_need
            .iter()
            .flat_map(|one| &one.missing_keys)
            .map(String::as_str)
            .collect();
        if !keys.is_empty() {
            let keys: Vec<&str> = keys.into_iter().collect();
            let sentence = format!(
                "whether the role `{role}` allows `{}` {} is not known: its policies have conditions on {}",
                need.action,
                need.what_for,
                keys.join(", ")
            );
            checks.not_known("roles", &sentence);
        } else if of_need.iter().any(|one| one.decision == DENIED) {
            denied.push(need);
        } else {
            missing.push(need);
        }
    }
    let name = name_of(role);
    if !missing.is_empty() {
        amiss.add(
            format!("whose policies do not allow {}", listed(&missing)),
            allowing(role, &missing),
        );
    }
    if !denied.is_empty() {
        amiss.add(
            format!("whose policies deny {}", listed(&denied)),
            format!(
                "take that out of its policies:\n{}\n{}",
                iam(role, &format!("list-role-policies --role-name {name}")),
                iam(
                    role,
                    &format!("list-attached-role-policies --role-name {name}")
                )
            ),
        );
    }
}

/// The commands that allow all of this: a managed policy where AWS has one, and one of the role's own for the rest.
fn allowing(role: &str, missing: &[&Needs]) -> String {
    let name = name_of(role);
    let partition = role.split(':').nth(1).unwrap_or("aws");
    let managed: BTreeSet<&str> = missing.iter().filter_map(|need| need.managed).collect();
    let mut commands: Vec<String> = managed
        .into_iter()
        .map(|policy| {
            let arn = format!("arn:{partition}:iam::aws:policy/{policy}");
            iam(
                role,
                &format!("attach-role-policy --role-name {name} --policy-arn {arn}"),
            )
        })
        .collect();
    let own: Vec<Value> = missing
        .iter()
        .filter(|need| need.managed.is_none())
        .map(|need| json!({ "Effect": "Allow", "Action": need.action, "Resource": need.on() }))
        .collect();
    if !own.is_empty() {
        let policy = json!({ "Version": "2012-10-17", "Statement": own });
        let (policy_name, document) = (digest_of(&policy), quoted(&policy));
        let put = format!(
            "put-role-policy --role-name {name} --policy-name greenlight-doctor-{policy_name} --policy-document {document}"
        );
        commands.push(iam(role, &put));
    }
    commands.join("\n")
}

/// IAM has one endpoint, whose calls are signed for `us-east-1`. The AWS CLI signs so by itself, unless it is given an endpoint, such as
/// that of a rehearsal.
fn iam(role: &str, command: &str) -> String {
    match role.starts_with("arn:aws:") {
        true => format!("aws iam {command} --region us-east-1"),
        false => format!("aws iam {command}"),
    }
}

/// PutRolePolicy replaces a policy of the same name, so that other statements get another name: FNV-1a of their text.
fn digest_of(policy: &Value) -> String {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    format!("{:08x}", policy.to_string().bytes().fold(0x811c_9dc5, step))
}

fn listed(needs: &[&Needs]) -> String {
    let one = |need: &&Needs| format!("`{}` on `{}` {}", need.action, need.on(), need.what_for);
    needs.iter().map(one).collect::<Vec<_>>().join(", ")
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
            all: None,
            or,
            managed: None,
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
    #[expect(clippy::too_many_lines, reason = "one table, a case a line")]
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
                "not_known: whether the role `R` allows `lambda:InvokeFunction` to go on is not known: its policies have conditions on aws:SourceVpc",
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

    fn remedy_of(needs: &[Needs]) -> String {
        let denied = needs
            .iter()
            .map(|need| said(need.action, &need.resource, "implicitDeny", &[]))
            .collect();
        let trust = Read::Found(trusting(&Value::Null, "ecs.amazonaws.com"));
        let mut checks = Checks::default();
        role(
            &mut checks,
            ROLE,
            "x",
            "ecs.amazonaws.com",
            &trust,
            needs,
            &Read::Found(denied),
        );
        checks.findings.remove(0).remedy.unwrap()
    }

    /// A policy for the one resource that the simulator was asked about would silence this command and mend nothing.
    #[test]
    fn a_remedy_allows_all_that_is_needed() {
        let stream = Needs {
            all: Some("log-group:/ecs/web:*".to_owned()),
            ..need(
                "logs:PutLogEvents",
                "log-group:/ecs/web:log-stream:one",
                &[],
            )
        };
        let remedy = remedy_of(std::slice::from_ref(&stream));
        assert!(
            remedy.contains(r#""Resource":"log-group:/ecs/web:*""#),
            "{remedy}"
        );
        let managed = Needs {
            managed: Some("service-role/Logs"),
            ..stream
        };
        assert_eq!(
            remedy_of(std::slice::from_ref(&managed)),
            "aws iam attach-role-policy --role-name deploys --policy-arn arn:aws:iam::aws:policy/service-role/Logs --region us-east-1"
        );
        let both = remedy_of(&[managed.clone(), need("iam:PassRole", "r", &[]), managed]);
        assert_eq!(both.matches("attach-role-policy").count(), 1, "{both}");
        assert!(both.contains(r#""Action":"iam:PassRole""#), "{both}");
        assert!(!both.contains("PutLogEvents"), "{both}");
    }

    #[test]
    fn a_remedy_leaves_what_an_earlier_one_allowed() {
        let named = |needs: &[Needs]| {
            let remedy = remedy_of(needs);
            let (_, name) = remedy.split_once("--policy-name ").unwrap();
            name.split(' ').next().unwrap().to_owned()
        };
        let (invoke, pass) = (
            need("lambda:InvokeFunction", "f", &[]),
            need("iam:PassRole", "r", &[]),
        );
        let of_invoke = named(&[invoke]);
        assert_ne!(of_invoke, named(&[pass]));
        assert_eq!(of_invoke, named(&[need("lambda:InvokeFunction", "f", &[])]));
    }
}
