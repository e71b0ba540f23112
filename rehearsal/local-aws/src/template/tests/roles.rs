//! Roles and policies: the shipped ones, and small ones that cannot be evaluated.

use super::*;
use crate::iam::{Iam, Permission};
use crate::identity::arn;

fn iam(template: &Template) -> Iam {
    let iam = Iam::new(template.principals.clone(), &[]).unwrap();
    iam.with_keys(template.keys.clone())
}

fn allows(iam: &Iam, holder: &str, permission: Permission) -> bool {
    iam.check(holder, &[permission]).is_ok()
}

#[test]
fn the_shipped_roles_are_those_of_the_functions_of_the_schedule_and_of_the_hooks() {
    let template = shipped(&[]);
    let roles: Vec<(&str, &str)> = template
        .principals
        .iter()
        .map(|principal| {
            (
                principal.holder.as_str(),
                principal.role_arn.rsplit('/').next().unwrap(),
            )
        })
        .collect();
    let of_functions: Vec<(&str, String)> = template
        .functions
        .iter()
        .map(|function| {
            (
                function.binary_name.as_str(),
                format!("greenlight-{}Role", function.logical_id),
            )
        })
        .collect();
    let of_functions = of_functions
        .iter()
        .map(|(name, role)| (*name, role.as_str()));
    let others = [
        ("ScheduleRole", "greenlight-ScheduleRole"),
        ("HookRole", "greenlight-HookRole"),
    ];
    let expected: Vec<(&str, &str)> = of_functions.chain(others).collect();
    assert_eq!(roles, expected);
    let iam = iam(&template);
    for function in &template.functions {
        let holder = &function.binary_name;
        assert_eq!(iam.check_on_failure(holder), Ok(()), "{holder}");
    }
    let role_of = |holder: &str| {
        let mut principals = template.principals.iter();
        let found = principals.find(|principal| principal.holder == holder);
        found.unwrap().role_arn.as_str()
    };
    let (role, function) = (
        role_of("ScheduleRole"),
        arn("lambda", "function:greenlight-finish-migration"),
    );
    assert!(iam.trusts_scheduler(role) && !iam.trusts_scheduler(&template.principals[0].role_arn));
    assert_eq!(iam.check_schedule(role, &function), Ok(()));
    assert!(
        iam.check_schedule(role, &arn("lambda", "function:other"))
            .is_err()
    );
}

#[test]
fn parameters_narrow_what_is_allowed() {
    let group =
        |application: &str| arn("codedeploy", &format!("deploymentgroup:{application}/web"));
    let create =
        |application: &str| Permission::new("codedeploy:CreateDeployment", group(application));
    let list =
        |application: &str| Permission::new("codedeploy:ListDeployments", group(application));
    let pass = |role: &str| {
        let role = format!("arn:aws:iam::111122223333:role/{role}");
        Permission::new("iam:PassRole", role).with("iam:PassedToService", "ecs-tasks.amazonaws.com")
    };
    let describe = |cluster: &str| {
        Permission::new(
            "ecs:DescribeServices",
            arn("ecs", &format!("service/{cluster}/web")),
        )
        .with("ecs:cluster", arn("ecs", &format!("cluster/{cluster}")))
    };
    let (wide, narrow) = (
        iam(&shipped(&[])),
        iam(&shipped(&[
            ("Applications", "shop-*"),
            ("Clusters", "prod"),
            ("TaskRoles", "shop/task-*"),
            ("ExecutionRoles", "ecsTaskExecutionRole"),
        ])),
    );
    for (permission, by_default, narrowed) in [
        (create("shop-web"), true, true),
        (create("bank"), true, false),
        (list("bank"), true, false),
        (pass("shop/task-web"), true, true),
        (pass("ecsTaskExecutionRole"), true, true),
        (pass("admin"), true, false),
        (describe("prod"), true, true),
        (describe("dev"), true, false),
    ] {
        assert_eq!(
            allows(&wide, "start-deployment", permission.clone()),
            by_default,
            "{permission:?}"
        );
        assert_eq!(
            allows(&narrow, "start-deployment", permission.clone()),
            narrowed,
            "{permission:?}"
        );
    }
}

/// AWS's references disagree on whether these actions support a resource; answering hooks and stopping deployments must
/// work under both, even if `Applications` is restricted.
#[test]
fn actions_on_one_deployment_are_allowed_under_both_readings() {
    let narrow = iam(&shipped(&[("Applications", "shop-*")]));
    for (holder, actions) in [
        (
            "start-deployment",
            &[
                "ContinueDeployment",
                "GetDeploymentTarget",
                "ListDeploymentTargets",
                "StopDeployment",
            ][..],
        ),
        ("run-migration", &["PutLifecycleEventHookExecutionStatus"]),
        (
            "finish-migration",
            &["PutLifecycleEventHookExecutionStatus"],
        ),
        (
            "check-test-traffic",
            &["PutLifecycleEventHookExecutionStatus"],
        ),
        (
            "report-outcome",
            &["GetDeploymentTarget", "ListDeploymentTargets"],
        ),
    ] {
        for action in actions {
            for resource in [
                arn("codedeploy", "deploymentgroup:shop-web/web"),
                "*".to_owned(),
            ] {
                let permission = Permission::new(format!("codedeploy:{action}"), resource);
                assert!(
                    allows(&narrow, holder, permission.clone()),
                    "{holder}: {permission:?}"
                );
            }
        }
    }
}

/// Every function publishes, and Lambda sends dead letters with its role: both require the key, if there is one.
#[test]
fn with_a_key_functions_may_use_that_key_and_no_other() {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/mine";
    let template = shipped(&[("KmsKey", key)]);
    assert_eq!(template.keys.len(), 4, "{:?}", template.keys);
    assert!(shipped(&[]).keys.is_empty());
    let publish = || Permission::new("sns:Publish", template.topic_arn.as_str());
    let with_key = iam(&template);
    for function in &template.functions {
        let holder = function.binary_name.as_str();
        assert!(allows(&with_key, holder, publish()), "{holder}");
        assert_eq!(with_key.check_on_failure(holder), Ok(()), "{holder}");
        let other = Permission::new("kms:Decrypt", key.replace("mine", "other"));
        assert!(!allows(&with_key, holder, other), "{holder}");
    }
    let without_grant = Iam::new(shipped(&[]).principals, &[])
        .unwrap()
        .with_keys(template.keys.clone());
    let refused = without_grant
        .check("report-outcome", &[publish()])
        .unwrap_err();
    assert_eq!(
        (refused.action.as_str(), refused.resource.as_str()),
        ("kms:GenerateDataKey", key)
    );
    assert!(without_grant.check_on_failure("report-outcome").is_err());
}

/// A boundary's policy is not part of the template.
#[test]
fn a_stack_with_a_permissions_boundary_is_not_evaluated_as_one_without() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let boundary = "arn:aws:iam::111122223333:policy/boundary";
    let given = [
        ("Architecture", "arm64"),
        ("Mode", "deploy"),
        ("PermissionsBoundary", boundary),
    ];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let error = Template::read(
        &file,
        &BTreeMap::from(given),
        Path::new("/b"),
        Path::new("/p"),
    );
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains("`PermissionsBoundary`"), "{error}");
}

#[test]
fn network_interfaces_are_allowed_only_in_a_vpc() {
    let attach = || Permission::new("ec2:CreateNetworkInterface", "*");
    assert!(!allows(&iam(&shipped(&[])), "check-test-traffic", attach()));
    let in_vpc = [
        ("CheckTestTrafficSubnets", "subnet-1"),
        ("CheckTestTrafficSecurityGroups", "sg-1"),
    ];
    assert!(allows(
        &iam(&shipped(&in_vpc)),
        "check-test-traffic",
        attach()
    ));
}

/// The small template, with additional properties of its function and additional resources.
fn with(properties: &str, resources: &str) -> anyhow::Result<Template> {
    let text = SMALL.replacen(
        "      MemorySize: 256\n",
        &format!("      MemorySize: 256\n{properties}"),
        1,
    );
    parse(&format!("{text}{resources}"))
}

const ROLE: &str = "
  Mine:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: sts:AssumeRole }]
      Policies:
        - { PolicyName: p, PolicyDocument: { Statement: { Effect: Allow, Action: sns:Publish, Resource: '*' } } }
";

#[test]
fn sam_adds_only_to_the_roles_that_it_generates() {
    let send = || Permission::new("sqs:SendMessage", arn("sqs", "greenlight-Dead"));
    let (log, attach) = (
        || Permission::new("logs:PutLogEvents", "*"),
        || Permission::new("ec2:CreateNetworkInterface", "*"),
    );
    let typed = SMALL.replacen("OnFailure: { Dest", "OnFailure: { Type: SQS, Dest", 1);
    for (template, expected) in [
        (parse(SMALL), [false, true, false]),
        (parse(&typed), [true, true, false]),
        (
            with("      VpcConfig: !Ref AWS::NoValue\n", ""),
            [false, true, true],
        ),
        (
            with("      Role: !GetAtt Mine.Arn\n", ROLE),
            [false, false, false],
        ),
    ] {
        let iam = iam(&template.unwrap());
        let found = [
            allows(&iam, "one", send()),
            allows(&iam, "one", log()),
            allows(&iam, "one", attach()),
        ];
        assert_eq!(found, expected);
    }
}

#[test]
fn a_functions_policies_are_read() {
    let publish = || Permission::new("sns:Publish", arn("sns", "outcomes"));
    let policies = "      Policies:\n        - AWSLambdaBasicExecutionRole\n        - Statement: [{ Effect: Allow, Action: sns:Publish, Resource: !Sub 'arn:aws:sns:*:${AWS::AccountId}:*' }]\n";
    assert!(allows(&iam(&with(policies, "").unwrap()), "one", publish()));
    let one = "      Policies: { Statement: { Effect: Deny, Action: '*', Resource: '*' } }\n";
    assert!(!allows(&iam(&with(one, "").unwrap()), "one", publish()));
    assert!(allows(
        &iam(&with("      Role: !GetAtt Mine.Arn\n", ROLE).unwrap()),
        "one",
        publish()
    ));
}

#[test]
fn what_cannot_be_evaluated_is_reported() {
    let managed = ROLE.replace(
        "      Policies:",
        "      ManagedPolicyArns: [arn:aws:iam::aws:policy/ReadOnlyAccess]\n      Policies:",
    );
    let boundary = ROLE.replace(
        "      Policies:",
        "      PermissionsBoundary: arn:aws:iam::aws:policy/x\n      Policies:",
    );
    let untrusted = ROLE.replace("lambda.amazonaws.com", "ecs.amazonaws.com");
    let condition = ROLE.replace(
        "Resource: '*'",
        "Resource: '*', Condition: { IpAddress: { aws:SourceIp: 10.0.0.1 } }",
    );
    let attached = "\n  More: { Type: AWS::IAM::Policy, Properties: { Roles: [!Ref Mine] } }\n";
    let role = "      Role: !GetAtt Mine.Arn\n";
    for (properties, resources, expected) in [
        (
            "      Policies: [{ SQSPollerPolicy: { QueueName: q } }]\n",
            "",
            "`One`: in `Policies[0]`: SAM's policy templates are not evaluated in the rehearsal: `SQSPollerPolicy` (hint:",
        ),
        (
            "      Policies: AmazonS3FullAccess\n",
            "",
            "does not know what the managed policy `AmazonS3FullAccess` allows",
        ),
        (
            "      PermissionsBoundary: arn:aws:iam::aws:policy/x\n",
            "",
            "the effect of `PermissionsBoundary`",
        ),
        (
            "      Role: arn:aws:iam::111122223333:role/elsewhere\n",
            "",
            "its role `arn:aws:iam::111122223333:role/elsewhere` is not one of the template",
        ),
        (
            role,
            &managed,
            "in `Resources.Mine`: the rehearsal does not know what the managed policy",
        ),
        (
            role,
            &boundary,
            "in `Resources.Mine`: `PermissionsBoundary` of a role is not evaluated",
        ),
        (role, &untrusted, "cannot be assumed by Lambda"),
        (
            role,
            &condition,
            "in the policy `p`: in statement 1: the rehearsal does not evaluate the condition operator `IpAddress`",
        ),
        (
            role,
            &format!("{ROLE}{attached}"),
            "what `More` (`AWS::IAM::Policy`) allows is not evaluated",
        ),
    ] {
        let error = format!("{:#}", with(properties, resources).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_secret_may_be_read_only_where_the_stack_names_it() {
    let named = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf";
    let other = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/database-AbCdEf";
    let read = |secret| Permission::new("secretsmanager:GetSecretValue", secret);
    for function in ["check-test-traffic", "check-production"] {
        assert!(!allows(&iam(&shipped(&[])), function, read(named)));
        let stack = shipped(&[("HeaderSecrets", named)]);
        assert!(allows(&iam(&stack), function, read(named)));
        assert!(!allows(&iam(&stack), function, read(other)));
    }
    let stack = shipped(&[("HeaderSecrets", named)]);
    assert!(!allows(&iam(&stack), "start-deployment", read(named)));
}

/// Neither who may do everything nor another role of the template: its policy decides, not the caller's alone.
#[test]
fn only_functions_put_events_on_the_shipped_bus() {
    let template = shipped(&[]);
    let [bus] = &template.custom_buses[..] else {
        panic!("{:?}", template.custom_buses);
    };
    assert_eq!(bus.arn(), arn("events", "event-bus/greenlight-outcomes"));
    let put = || Permission::new("events:PutEvents", bus.arn()).guarded(bus.guard());
    let elsewhere = || Permission::new("events:PutEvents", arn("events", "event-bus/default"));
    let iam = iam(&template);
    for function in &template.functions {
        let holder = &function.binary_name;
        assert!(allows(&iam, holder, put()), "{holder}");
        assert!(!allows(&iam, holder, elsewhere()), "{holder}");
    }
    assert!(!allows(&iam, "HookRole", put()));
    let denied = iam.check_administrator(&[put()]).unwrap_err();
    let sentence = denied.sentence();
    assert!(
        sentence.contains("with an explicit deny in a resource-based policy"),
        "{sentence}"
    );
}
