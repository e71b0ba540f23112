//! What IAM says of the template's roles.

use local_aws::identity::access_key;
use local_aws::world::World;

use crate::aws::{signed, world};
use crate::permissions::{FUNCTION, template};

const ROLE: &str = "arn:aws:iam::111122223333:role/greenlight-CallerRole";

/// The status and body of a call of IAM, signed for this Region.
async fn iam(world: &World, key: &str, region: &str, form: &str) -> (u16, String) {
    let headers = format!(
        "Content-Type: application/x-www-form-urlencoded\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential={key}/20261121/{region}/iam/aws4_request, Signature=0\r\n"
    );
    let form = format!("Version=2010-05-08&Action={form}");
    let (status, _, body) = signed(world, "POST", "/", &headers, &form).await;
    (status, body)
}

#[tokio::test]
async fn iam_knows_the_trust_and_the_policies_of_the_templates_roles() {
    let world = world(|settings| settings.template = template()).await;
    let ask = async |form: &str| iam(&world, "AKIATEST", "us-east-1", form).await;
    let (status, body) = ask("GetRole&RoleName=greenlight-CallerRole").await;
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains("%22Service%22%3A%22lambda.amazonaws.com%22"),
        "{body}"
    );
    let simulate = |action: &str, resource: &str| {
        format!(
            "SimulatePrincipalPolicy&PolicySourceArn={ROLE}&ActionNames.member.1={action}&ResourceArns.member.1={resource}"
        )
    };
    for (action, resource, expected) in [
        ("ecs:RegisterTaskDefinition", "*", "allowed"),
        ("ecs:ListTasks", "*", "explicitDeny"),
        (
            "lambda:InvokeFunction",
            "arn:aws:lambda:eu-central-1:111122223333:function:f",
            "implicitDeny",
        ),
        // Only with the condition's key, of which a simulation is told nothing.
        ("ecs:DescribeServices", "*", "implicitDeny"),
    ] {
        let (status, body) = ask(&simulate(action, resource)).await;
        let decision = format!("<EvalDecision>{expected}</EvalDecision>");
        assert!(
            status == 200 && body.contains(&decision),
            "{action}: {body}"
        );
    }
    for form in [
        "GetRole&RoleName=nobody".to_owned(),
        simulate("a:B", "*").replace("CallerRole", "nobody"),
    ] {
        let (status, body) = ask(&form).await;
        assert!(
            status == 404 && body.contains("<Code>NoSuchEntity</Code>"),
            "{form}: {body}"
        );
    }
    let (status, body) = ask(&format!(
        "{}&CallerArn=arn:aws:iam::1:user/a",
        simulate("a:B", "*")
    ))
    .await;
    assert!(
        status == 400 && body.contains("does not simulate CallerArn"),
        "{body}"
    );
    // Simulated is not used.
    assert!(world.iam.used_grants().is_empty());
    world.shutdown().await;
}

#[tokio::test]
async fn iam_is_asked_where_it_is_by_who_may() {
    let world = world(|settings| settings.template = template()).await;
    let form = "GetRole&RoleName=greenlight-CallerRole";
    let (status, body) = iam(&world, "AKIATEST", "eu-central-1", form).await;
    assert!(
        status == 403 && body.contains("SignatureDoesNotMatch"),
        "{body}"
    );
    let (status, body) = iam(&world, &access_key(FUNCTION), "us-east-1", form).await;
    let denied = format!("is not authorized to perform: iam:GetRole on resource: {ROLE}");
    assert!(status == 403 && body.contains(&denied), "{body}");
    world.shutdown().await;
}
