use super::*;
use crate::ecs::{Hook, Stage};

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:migrate";
const OWN: &str = "arn:aws:iam::111122223333:role/greenlight-HookRole";
const OTHER: &str = "arn:aws:iam::111122223333:role/team/hooks";

fn trust(effect: &str, services: Value) -> Value {
    json!({ "Statement": [{ "Effect": effect, "Principal": { "Service": services }, "Action": "sts:AssumeRole" }] })
}

fn judged(trust: Said<Value>, decision: Said<&str>) -> String {
    let decision = match decision {
        Said::Known(word) => Said::Known(word.to_owned()),
        Said::NoRole => Said::NoRole,
        Said::NotKnown(why) => Said::NotKnown(why),
    };
    let invoker = Invoker {
        role: OTHER.to_owned(),
        function: FUNCTION.to_owned(),
    };
    match can_invoke("prod/web", &invoker, &Facts { trust, decision }, OWN) {
        Ok(not_known) if not_known.is_empty() => "can".to_owned(),
        Ok(not_known) => not_known.join("; "),
        Err(cannot) => format!("{}: {}", cannot.given, cannot.remedy),
    }
}

#[test]
fn a_role_that_ecs_may_assume_and_that_may_invoke_is_accepted() {
    let allowed = || Said::Known("allowed");
    for policy in [
        trust("Allow", json!("ecs.amazonaws.com")),
        trust(
            "Allow",
            json!(["lambda.amazonaws.com", "ecs.amazonaws.com"]),
        ),
        json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": ["sts:TagSession", "sts:*"] } }),
        json!({ "Statement": [
            { "Effect": "Allow", "Principal": { "Service": "ecs.amazonaws.com" }, "Action": "sts:AssumeRole",
              "Condition": { "StringEquals": { "aws:SourceAccount": "111122223333" } } },
            { "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": { "Bool": { "a:b": "true" } } },
        ] }),
        trust_of("sts:Assume*"),
        trust_of("STS:assume?ole"),
        trust_of("*:*Role"),
    ] {
        assert_eq!(
            judged(Said::Known(policy.clone()), allowed()),
            "can",
            "{policy}"
        );
    }
}

fn trust_of(action: &str) -> Value {
    json!({ "Statement": {
        "Effect": "Allow", "Principal": { "Service": "ecs.amazonaws.com" }, "Action": action,
    } })
}

/// What a policy leaves out is not evaluated, so it never refuses.
#[test]
fn a_trust_that_names_what_it_leaves_out_is_not_known() {
    let allow = trust("Allow", json!("ecs.amazonaws.com"))["Statement"][0].clone();
    for policy in [
        json!({ "Effect": "Allow", "Principal": "*", "NotAction": "sts:TagSession" }),
        json!({ "Effect": "Allow", "NotPrincipal": { "AWS": "111122223333" }, "Action": "sts:AssumeRole" }),
        json!([allow, { "Effect": "Deny", "Principal": "*", "NotAction": "sts:AssumeRole" }]),
    ] {
        let found = judged(
            Said::Known(json!({ "Statement": policy })),
            Said::Known("allowed"),
        );
        assert!(
            found.ends_with("is not known: its trust policy has `NotAction` or `NotPrincipal`"),
            "{found}"
        );
    }
    for action in [
        "sts:AssumeRoleWith*",
        "sts:Tag*",
        "sts:AssumeRol",
        "ssts:AssumeRole",
        "sts:AssumeRole?",
    ] {
        let found = judged(Said::Known(trust_of(action)), Said::Known("allowed"));
        assert!(
            found.starts_with("which no service may assume"),
            "{action}: {found}"
        );
    }
}

#[test]
fn what_was_found_and_what_mends_it_is_said() {
    let ecs = || Said::Known(trust("Allow", json!("ecs.amazonaws.com")));
    let scheduler = || Said::Known(trust("Allow", json!("scheduler.amazonaws.com")));
    insta::assert_snapshot!(
        [
            judged(scheduler(), Said::Known("allowed")),
            judged(
                Said::Known(trust("Deny", json!("ecs.amazonaws.com"))),
                Said::Known("allowed")
            ),
            judged(Said::Known(json!({})), Said::Known("allowed")),
            judged(ecs(), Said::Known("implicitDeny")),
            judged(ecs(), Said::Known("explicitDeny")),
            judged(scheduler(), Said::Known("implicitDeny")),
            judged(Said::NoRole, Said::NoRole),
            judged(ecs(), Said::NoRole),
            judged(Said::NotKnown("denied".to_owned()), Said::Known("allowed")),
            judged(ecs(), Said::NotKnown("denied".to_owned())),
            judged(
                Said::NotKnown("denied".to_owned()),
                Said::NotKnown("denied".to_owned())
            ),
            // What is known refuses, whatever is not.
            judged(
                Said::NotKnown("denied".to_owned()),
                Said::Known("implicitDeny")
            ),
        ]
        .join("\n")
    );
}

#[test]
fn only_roles_of_others_are_asked_about() {
    let hook = |function: &str, role: Option<&str>| Hook {
        target: HookTarget::Lambda {
            function: function.to_owned(),
            role: role.map(str::to_owned),
        },
        stages: vec![Stage::PreScaleUp],
        timeout: None,
        goes_on: false,
    };
    let check = FUNCTION.replace("migrate", "check");
    let of = |hooks: Vec<Hook>| {
        let mut service = Service::for_tests();
        service.configuration.hooks = hooks;
        let found = invokers(&service, &[FUNCTION, &check], OWN).into_iter();
        found
            .map(|one| format!("{} {}", one.role_name(), one.function))
            .collect::<Vec<_>>()
    };
    let theirs = FUNCTION.replace("migrate", "warm-up");
    let none: [String; 0] = [];
    assert_eq!(
        of(vec![
            hook(FUNCTION, Some(OWN)),
            hook(FUNCTION, None),
            hook(&theirs, Some(OTHER))
        ]),
        none
    );
    let alias = format!("{FUNCTION}:live");
    let twice = vec![
        hook(&alias, Some(OTHER)),
        hook(&alias, Some(OTHER)),
        hook(&check, Some(OTHER)),
    ];
    assert_eq!(
        of(twice),
        [format!("hooks {alias}"), format!("hooks {}", check)]
    );
    let elsewhere = Invoker {
        role: OTHER.replace("111122223333", "444455556666"),
        function: FUNCTION.to_owned(),
    };
    assert!(!elsewhere.is_of_one_account());
}
