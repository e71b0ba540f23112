//! The revision that the next one is made of: its containers, secrets, logs and roles.

use futures_util::future::join_all;
use rules::config::Pipeline;
use rules::counted::counted;
use rules::doctor::{self, Checks, LogGroup, Needs, Secret};
use rules::observed::TaskDefinition;
use rules::revision;

use super::account::{Account, why};
use super::roles::managed::{CODEDEPLOY, EXECUTION};
use super::roles::{self, Named, need, need_anywhere, need_of};

/// What has to be there for a task of the revision to start.
pub(super) async fn check(
    account: &Account<'_>,
    pipeline: &Pipeline,
    definition: &TaskDefinition,
) -> Checks {
    let mut checks = Checks::default();
    let (secrets, groups) = (doctor::secrets(definition), doctor::log_groups(definition));
    let short =
        revision::arn(definition).map_or_else(|| "?".to_owned(), |arn| arn.short().to_owned());
    for missing in join_all(secrets.iter().map(|one| secret(account, &short, one))).await {
        checks.extend(missing);
    }
    let region = account.stack.started.settings.topic.region();
    let is_here = |group: &&LogGroup| group.region.as_deref().is_none_or(|one| one == region);
    let here = groups.iter().filter(|group| !group.is_made).filter(is_here);
    for elsewhere in groups.iter().filter(|group| !is_here(group)) {
        let (name, of) = (
            &elsewhere.name,
            elsewhere.region.as_deref().unwrap_or_default(),
        );
        checks.not_known(
            "logs",
            &format!("whether the log group `{name}` of revision `{short}` exists is not known: it is of the Region `{of}`, and {region} is asked"),
        );
    }
    for missing in join_all(here.map(|group| log_group(account, &short, &group.name))).await {
        checks.extend(missing);
    }
    let roles = doctor::role_names(definition).into_iter();
    let roles = roles.map(|(what, role)| {
        let needs = match what {
            "execution role" => start_needs(account, pipeline, definition, &secrets),
            _ => Vec::new(),
        };
        let named = Named {
            role,
            by: format!("revision `{short}`, as its {what},"),
            service: "ecs-tasks.amazonaws.com",
            context: &[],
        };
        (named, needs)
    });
    checks.extend(roles::check_each(account, roles).await);
    needs_execution_role(&mut checks, &short, definition, &secrets);
    checks.checked(format!(
        "revision {short}: {}, {}, its roles",
        counted(secrets.len(), "secret", "secrets"),
        counted(groups.len(), "log group", "log groups")
    ));
    checks
}

/// Secrets are read with the execution role, on instances as well (ECS Developer Guide, task execution IAM role).
fn needs_execution_role(
    checks: &mut Checks,
    short: &str,
    definition: &TaskDefinition,
    secrets: &[Secret],
) {
    let has_role = definition.task_definition["executionRoleArn"].is_string();
    if !has_role && !secrets.is_empty() {
        checks.wrong(
            "roles",
            format!("revision `{short}` reads secrets and has no execution role, with which ECS would read them"),
            "`ExecutionRoleArn` in the task definition",
        );
    }
}

/// What ECS does with the execution role before a task's containers start.
fn start_needs(
    account: &Account<'_>,
    pipeline: &Pipeline,
    definition: &TaskDefinition,
    secrets: &[Secret],
) -> Vec<Needs> {
    let mut needs = Vec::new();
    let region = account.stack.started.settings.topic.region();
    let of_own_registry = pipeline.registry.account.is_none() && pipeline.registry.region.is_none();
    if of_own_registry {
        let repository = account.arn("ecr", &format!("repository/{}", pipeline.repository));
        for (action, resource) in [
            ("ecr:GetAuthorizationToken", "*"),
            ("ecr:BatchCheckLayerAvailability", repository.as_str()),
            ("ecr:BatchGetImage", repository.as_str()),
            ("ecr:GetDownloadUrlForLayer", repository.as_str()),
        ] {
            needs.push(need_of(EXECUTION, action, resource, "to pull the image"));
        }
    }
    for group in doctor::log_groups(definition) {
        // Of another Region nothing is known.
        if group.region.as_deref().is_some_and(|of| of != region) {
            continue;
        }
        let of_group =
            |what: &str| account.arn("logs", &format!("log-group:{}:{what}", group.name));
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
            let stream = of_group("log-stream:greenlight");
            needs.push(Needs {
                all: Some(of_group("*")),
                ..need_of(EXECUTION, action, stream, "to write the log")
            });
        }
    }
    for secret in secrets {
        match secret {
            Secret::SecretsManager(arn) if arn.starts_with("arn:") => {
                needs.push(secret_need(arn));
            }
            Secret::SecretsManager(_) => {}
            Secret::Parameter { name, arn } => {
                let arn = arn.clone();
                let arn = arn.unwrap_or_else(|| {
                    account.arn(
                        "ssm",
                        &format!("parameter/{}", name.trim_start_matches('/')),
                    )
                });
                needs.push(need("ssm:GetParameters", arn, "to read the parameter"));
            }
        }
    }
    needs
}

/// Secrets Manager adds a hyphen and six characters to a secret's name in its ARN, which a revision may leave out and a policy may not
/// (Secrets Manager User Guide, "What's in a Secrets Manager secret?").
fn secret_need(arn: &str) -> Needs {
    let of = |arn: String| need("secretsmanager:GetSecretValue", arn, "to read the secret");
    let is_whole = arn.rsplit_once('-').is_some_and(|(_, last)| {
        last.len() == 6 && last.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    match is_whole {
        true => of(arn.to_owned()),
        false => Needs {
            all: Some(format!("{arn}-??????")),
            ..of(format!("{arn}-AbCdEf"))
        },
    }
}

async fn secret(account: &Account<'_>, short: &str, secret: &Secret) -> Checks {
    let mut checks = Checks::default();
    let (what, name, is_there) = match secret {
        Secret::SecretsManager(id) => ("secret", id, account.secrets_manager.has_secret(id).await),
        Secret::Parameter { name, .. } => {
            ("parameter", name, account.ssm.has_parameter(name).await)
        }
    };
    match is_there {
        Ok(true) => {}
        Ok(false) => checks.wrong(
            "secrets",
            format!("revision `{short}` reads the {what} `{name}`, which does not exist: no task of it could start"),
            match secret {
                Secret::SecretsManager(_) => doctor::missing_secret(name),
                Secret::Parameter { .. } => format!("aws ssm put-parameter --name {name} --type SecureString --value <its value>"),
            },
        ),
        Err(failed) => checks.not_known("secrets", &format!("whether the {what} `{name}` exists is not known: {}", why(&failed))),
    }
    checks
}

async fn log_group(account: &Account<'_>, short: &str, name: &str) -> Checks {
    let mut checks = Checks::default();
    match account.logs.has_log_group(name).await {
        Ok(true) => {}
        Ok(false) => {
            account.note_absent(name);
            checks.wrong(
                "logs",
                format!("revision `{short}` logs to the group `{name}`, which does not exist: no task of it could start"),
                format!("aws logs create-log-group --log-group-name {name}"),
            );
        }
        Err(failed) => checks.not_known(
            "logs",
            &format!(
                "whether the log group `{name}` exists is not known: {}",
                why(&failed)
            ),
        ),
    }
    checks
}

/// What CodeDeploy and the functions hand to a revision's tasks.
pub(super) fn pass_needs(account: &Account<'_>, definition: &TaskDefinition) -> Vec<Needs> {
    let roles = doctor::role_names(definition).into_iter();
    let arn = |role: &str| match role.starts_with("arn:") {
        true => role.to_owned(),
        false => account.arn("iam", &format!("role/{role}")),
    };
    roles
        .map(|(what, role)| {
            need(
                "iam:PassRole",
                arn(role),
                format!("to start tasks with their {what}"),
            )
        })
        .collect()
}

/// What CodeDeploy does with its role in a deployment of the service.
pub(super) fn deploy_needs(
    account: &Account<'_>,
    pipeline: &Pipeline,
    has_alarms: bool,
) -> Vec<Needs> {
    let (cluster, service) = (&pipeline.cluster, &pipeline.service);
    let place = account.arn("ecs", &format!("service/{cluster}/{service}"));
    let task_sets = |id: &str| account.arn("ecs", &format!("task-set/{cluster}/{service}/{id}"));
    let deploys = |action, place: &str| need_anywhere(CODEDEPLOY, action, place, "to deploy");
    let mut needs = vec![
        deploys("ecs:DescribeServices", &place),
        deploys("ecs:UpdateServicePrimaryTaskSet", &place),
    ];
    for action in ["ecs:CreateTaskSet", "ecs:DeleteTaskSet"] {
        needs.push(Needs {
            all: Some(task_sets("*")),
            or: vec![place.clone(), "*".to_owned()],
            ..deploys(action, &task_sets("ecs-svc/0"))
        });
    }
    for action in [
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeRules",
    ] {
        needs.push(need_of(
            CODEDEPLOY,
            action,
            "*",
            "to see where traffic goes",
        ));
    }
    if has_alarms {
        let see = "to see the group's alarms";
        needs.push(need_of(CODEDEPLOY, "cloudwatch:DescribeAlarms", "*", see));
    }
    needs
}
