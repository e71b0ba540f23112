//! A service of ECS's whose hook names another role than the stack's: what `start-deployment` asks of IAM, and what it makes of the answer.

use serde_json::{Value, json};

use super::on_ecs::{WAITS, World, marked, world};
use super::wire::Answer::{self, Refuses, SaysXml};
use super::wire::{Invocation, invoke};

const OWN: &str = "arn:aws:iam::111122223333:role/greenlight-HookRole";
const OTHER: &str = "arn:aws:iam::111122223333:role/team/hooks";
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:migrate";
/// A trust policy for `ecs.amazonaws.com`, as GetRole has it.
const TRUSTS: &str = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22sts%3AAssumeRole%22%2C%22Principal%22%3A%7B%22Service%22%3A%22ecs.amazonaws.com%22%7D%7D%7D";

fn trust(policy: &str) -> Answer {
    let role =
        format!("<Role><AssumeRolePolicyDocument>{policy}</AssumeRolePolicyDocument></Role>");
    SaysXml(role.into())
}

fn decision(word: &str) -> Answer {
    let results = format!("<member><EvalDecision>{word}</EvalDecision></member>");
    SaysXml(format!("<EvaluationResults>{results}</EvaluationResults>").into())
}

/// A request for the image that is due, where the migration's hook names this role and IAM answers so.
fn asked(
    role: &str,
    get_role: impl Fn() -> Answer + Send + Sync + 'static,
    simulate: impl Fn() -> Answer + Send + Sync + 'static,
) -> Invocation {
    let request = json!({"pipeline": "web", "tag": "latest"});
    asked_in(world(), &request, role, get_role, simulate)
}

fn asked_in(
    mut world: World,
    event: &Value,
    role: &str,
    get_role: impl Fn() -> Answer + Send + Sync + 'static,
    simulate: impl Fn() -> Answer + Send + Sync + 'static,
) -> Invocation {
    world.configuration["strategy"] = json!("BLUE_GREEN");
    world.configuration["lifecycleHooks"] = json!([
        {"hookTargetArn": FUNCTION, "roleArn": role, "lifecycleStages": ["PRE_SCALE_UP"]}
    ]);
    let world = std::sync::Mutex::new(world);
    let answer = move |operation: &str, _: usize, request: &Value| match operation {
        "GetRole" => get_role(),
        "SimulatePrincipalPolicy" => simulate(),
        _ => world.lock().unwrap().says(operation, request),
    };
    let pipelines =
        format!("{WAITS}[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n");
    invoke("start-deployment", &pipelines, event, answer)
}

fn report(invocation: &Invocation) -> &Value {
    &invocation.answer["pipelines"][0]
}

#[test]
fn of_the_stacks_own_role_nothing_is_asked() {
    let never = || Refuses("AccessDenied");
    let invocation = asked(OWN, never, never);
    assert_eq!(
        report(&invocation)["decision"],
        "start",
        "{}",
        invocation.answer
    );
    assert_eq!(report(&invocation)["not_known"], json!([]));
    assert!(!invocation.operations().contains(&"GetRole"));
    assert!(!invocation.operations().contains(&"SimulatePrincipalPolicy"));
}

#[test]
fn another_role_is_asked_about_and_may_do() {
    let invocation = asked(OTHER, || trust(TRUSTS), || decision("allowed"));
    assert_eq!(
        report(&invocation)["decision"],
        "start",
        "{}",
        invocation.answer
    );
    assert_eq!(report(&invocation)["not_known"], json!([]));
    assert_eq!(
        *invocation.request("GetRole"),
        json!({"Version": "2010-05-08", "RoleName": "hooks"})
    );
    let simulated = invocation.request("SimulatePrincipalPolicy");
    assert_eq!(simulated["PolicySourceArn"], OTHER);
    assert_eq!(simulated["ActionNames.member.1"], "lambda:InvokeFunction");
    assert_eq!(simulated["ResourceArns.member.1"], FUNCTION);
}

#[test]
fn a_role_that_cannot_call_the_gate_is_refused() {
    for (invocation, said) in [
        (
            asked(OTHER, || trust("%7B%7D"), || decision("allowed")),
            "which no service may assume",
        ),
        (
            asked(OTHER, || trust(TRUSTS), || decision("implicitDeny")),
            "whose policies say `implicitDeny`",
        ),
        (
            asked(
                OTHER,
                || Refuses("NoSuchEntity"),
                || Refuses("NoSuchEntity"),
            ),
            "which does not exist",
        ),
        // What is known refuses, whatever is not.
        (
            asked(
                OTHER,
                || Refuses("AccessDenied"),
                || decision("explicitDeny"),
            ),
            "whose policies say `explicitDeny`",
        ),
    ] {
        let report = report(&invocation);
        assert_eq!(report["decision"], "refused", "{}", invocation.answer);
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains(said) && reason.contains(OWN), "{reason}");
        assert!(!invocation.operations().contains(&"RegisterTaskDefinition"));
        assert!(!invocation.operations().contains(&"UpdateService"));
    }
}

/// The simulator knows nothing of ECS's call: a policy that allows it from here alone is no reason to refuse.
#[test]
fn a_policy_with_conditions_that_the_simulator_cannot_judge_refuses_nothing() {
    let with_conditions = || {
        let keys =
            "<MissingContextValues><member>aws:RequestedRegion</member></MissingContextValues>";
        let results = format!("<member><EvalDecision>implicitDeny</EvalDecision>{keys}</member>");
        SaysXml(format!("<EvaluationResults>{results}</EvaluationResults>").into())
    };
    let invocation = asked(OTHER, || trust(TRUSTS), with_conditions);
    let report = report(&invocation);
    assert_eq!(report["decision"], "start", "{}", invocation.answer);
    let said = report["not_known"].to_string();
    assert!(
        said.contains("its policies have conditions on `aws:RequestedRegion`"),
        "{said}"
    );
}

/// A service is looked at every hour, and before each push: IAM is asked when a deployment is to be started.
#[test]
fn where_nothing_is_due_nothing_is_asked() {
    let never = || Refuses("AccessDenied");
    let mut runs = world();
    runs.revisions.insert(2, marked(2));
    let look = json!({"look": {"cluster": "prod", "service": "web"}});
    for (world, decision, asks) in [(runs, "already-running", false), (world(), "start", true)] {
        let invocation = asked_in(world, &look, OTHER, never, never);
        assert_eq!(
            report(&invocation)["decision"],
            decision,
            "{}",
            invocation.answer
        );
        let operations = invocation.operations();
        assert_eq!(operations.contains(&"GetRole"), asks, "{operations:?}");
    }
}

#[test]
fn where_iam_may_not_be_asked_it_goes_on_and_says_so() {
    let denied = || Refuses("AccessDenied");
    let invocation = asked(OTHER, denied, denied);
    let report = report(&invocation);
    assert_eq!(report["decision"], "start", "{}", invocation.answer);
    let not_known = report["not_known"].as_array().unwrap();
    assert_eq!(not_known.len(), 2, "{not_known:?}");
    for sentence in not_known {
        let sentence = sentence.as_str().unwrap();
        assert!(
            sentence.contains("is not known") && sentence.contains("HookRoles"),
            "{sentence}"
        );
    }
}
