//! What helps against a denied call: AWS names the kind of policy that denies it, and the function's own role is only one of them.

/// A policy that denies a call, as AWS names it (IAM User Guide, "Troubleshoot access denied error messages").
#[derive(Debug, PartialEq, Eq)]
enum By<'a> {
    /// None of this kind allows it: `because no permissions boundary allows the ecs:RunTask action`.
    NoneAllows(&'a str),
    /// One of this kind denies it: `with an explicit deny in a service control policy`, article included.
    Denies(&'a str),
    /// One denies it, and AWS does not say which.
    DeniesSomewhere,
}

/// The longest name of a kind of policy is `service control policy`; what is much longer is none.
const KIND_CHARACTERS_AT_MOST: usize = 40;

fn by(message: &str) -> Option<By<'_>> {
    if let Some((_, rest)) = message.split_once("explicit deny") {
        let place = rest.strip_prefix(" in ").unwrap_or_default();
        // An ARN of the policy may follow.
        let end = place.find(['.', ',', ':', ';', '(', '`', '\n']);
        let place = place[..end.unwrap_or(place.len())].trim();
        return Some(match is_kind(place) {
            true => By::Denies(place),
            false => By::DeniesSomewhere,
        });
    }
    let (_, rest) = message.split_once("because no ")?;
    let (kind, _) = rest.split_once(" allows")?;
    is_kind(kind).then_some(By::NoneAllows(kind))
}

fn is_kind(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphabetic() || c == ' ' || c == '-';
    (1..=KIND_CHARACTERS_AT_MOST).contains(&text.len()) && text.chars().all(is_word)
}

/// What helps, in a sentence; `action` is what is denied, which is not always the call's own operation (`iam:PassRole`).
pub(crate) fn remedy(operation: &str, action: &str, message: Option<&str>) -> String {
    match message.and_then(by) {
        None | Some(By::NoneAllows("identity-based policy")) => {
            of_the_role(operation, action, message.unwrap_or_default())
        }
        // So AWS says it of a resource of another account.
        Some(By::NoneAllows("resource-based policy")) => {
            format!("the resource's own policy must allow `{action}`, in the account that it is in")
        }
        Some(By::NoneAllows("permissions boundary")) => format!(
            "the permissions boundary of the function's role, the stack's `PermissionsBoundary`, must allow `{action}`"
        ),
        Some(By::NoneAllows(kind)) => format!("no {kind} allows `{action}`: one has to"),
        Some(By::Denies(kind)) => format!(
            "there is an explicit deny of `{action}` in {kind}: it has to go, for no permission outweighs it"
        ),
        Some(By::DeniesSomewhere) => format!(
            "a policy denies `{action}` explicitly: that has to go, for no permission outweighs it"
        ),
    }
}

/// What the function's own role lacks. Where a parameter of the stack narrows it, that is the remedy.
fn of_the_role(operation: &str, action: &str, message: &str) -> String {
    match (operation, action) {
        // Secrets Manager reports a key that may not be used as "Access to KMS is not allowed".
        ("secretsmanager:GetSecretValue", _) if message.contains("KMS") => {
            "the function's role needs `kms:Decrypt` on the secret's key, which it has for the stack's `KmsKey`"
                .to_owned()
        }
        ("ssm:GetParameter" | "ssm:PutParameter", "ssm:GetParameter" | "ssm:PutParameter") => format!(
            "the stack's parameter `PublishedParameters` must be a folder above the parameter; the function's role has `{action}` below \
             that alone"
        ),
        ("secretsmanager:GetSecretValue", _) => {
            "add the secret's ARN to the stack's parameter `HeaderSecrets`".to_owned()
        }
        ("logs:GetLogEvents", "logs:GetLogEvents") => {
            "the stack's parameter `TaskLogGroups` must match the log group; the function's role has `logs:GetLogEvents` for those alone"
                .to_owned()
        }
        ("ecs:RunTask" | "ecs:RegisterTaskDefinition", "iam:PassRole") => {
            "the function's role needs `iam:PassRole` on the revision's roles: the stack's parameters `TaskRoles` and \
             `ExecutionRoles` must match them"
                .to_owned()
        }
        ("iam:GetRole" | "iam:SimulatePrincipalPolicy", _) => format!(
            "the stack's parameter `HookRoles` must match the role; the function's role has `{action}` for those alone"
        ),
        _ => format!("the function's role needs `{action}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(why: &str) -> String {
        format!(
            "User: arn:aws:sts::111122223333:assumed-role/run/f is not authorized to perform: ecs:RunTask on resource: \
             arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2 {why}"
        )
    }

    #[track_caller]
    fn check(why: &str, expected: &str) {
        let found = remedy("ecs:RunTask", "ecs:RunTask", Some(&said(why)));
        assert_eq!(found, expected, "{why}");
    }

    /// IAM's own wordings.
    #[test]
    fn the_policy_that_denies_is_named_as_aws_names_it() {
        let role = "the function's role needs `ecs:RunTask`";
        check("", role);
        check(
            "because no identity-based policy allows the ecs:RunTask action",
            role,
        );
        check(
            "because no permissions boundary allows the ecs:RunTask action",
            "the permissions boundary of the function's role, the stack's `PermissionsBoundary`, must allow `ecs:RunTask`",
        );
        check(
            "because no resource-based policy allows the ecs:RunTask action",
            "the resource's own policy must allow `ecs:RunTask`, in the account that it is in",
        );
        for kind in [
            "service control policy",
            "resource control policy",
            "session policy",
            "VPC endpoint policy",
        ] {
            check(
                &format!("because no {kind} allows the ecs:RunTask action"),
                &format!("no {kind} allows `ecs:RunTask`: one has to"),
            );
        }
        for kind in [
            "a service control policy",
            "a resource control policy",
            "a session policy",
            "a permissions boundary",
            "a VPC endpoint policy",
            "a resource-based policy",
            "an identity-based policy",
        ] {
            let expected = format!(
                "there is an explicit deny of `ecs:RunTask` in {kind}: it has to go, for no permission outweighs it"
            );
            check(&format!("with an explicit deny in {kind}"), &expected);
            check(&format!("with an explicit deny in {kind}."), &expected);
            let with_arn =
                "arn:aws:organizations::444455556666:policy/o-1/service_control_policy/p-1";
            check(
                &format!("with an explicit deny in {kind}: {with_arn}"),
                &expected,
            );
        }
        check(
            "with an explicit deny",
            "a policy denies `ecs:RunTask` explicitly: that has to go, for no permission outweighs it",
        );
    }

    #[test]
    fn what_a_parameter_of_the_stack_narrows_is_widened_there() {
        let logs = "logs:GetLogEvents";
        assert!(remedy(logs, logs, None).contains("`TaskLogGroups`"));
        let secret = "secretsmanager:GetSecretValue";
        assert!(remedy(secret, secret, None).contains("`HeaderSecrets`"));
        let kms = Some("Access to KMS is not allowed");
        assert!(remedy(secret, secret, kms).contains("`KmsKey`"));
        let scp = Some("with an explicit deny in a service control policy");
        for operation in [logs, secret] {
            let found = remedy(operation, operation, scp);
            assert!(found.contains("in a service control policy"), "{found}");
        }
        let found = remedy("ecs:RegisterTaskDefinition", "iam:PassRole", None);
        assert!(found.contains("`ExecutionRoles`"), "{found}");
        let schedule = remedy("scheduler:CreateSchedule", "iam:PassRole", None);
        assert_eq!(schedule, "the function's role needs `iam:PassRole`");
    }
}
