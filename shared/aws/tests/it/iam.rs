//! What a role trusts, and what its policies say.

use aws::Kind;
use aws::iam::{Iam, Simulated};
use serde_json::json;

use crate::server::{Answer, Server, text};

const ROLE: &str = "arn:aws:iam::111122223333:role/team/hooks";
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:migrate";

/// As IAM wraps what it answers (IAM API Reference, GetRole, example).
fn xml(operation: &str, result: &str) -> Answer {
    let xmlns = "https://iam.amazonaws.com/doc/2010-05-08/";
    let body = format!(
        "<{operation}Response xmlns=\"{xmlns}\">\n  <{operation}Result>\n{result}  </{operation}Result>\n  <ResponseMetadata>\
         <RequestId>df37e965</RequestId></ResponseMetadata>\n</{operation}Response>\n"
    );
    text(200, "text/xml", &body)
}

fn refused(status: u16, code: &str) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>a sentence.</Message></Error><RequestId>df37e965</RequestId></ErrorResponse>"
    );
    text(status, "text/xml", &body)
}

#[tokio::test]
async fn the_trust_of_a_role_is_asked_once_and_signed_for_iam() {
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%7D%5D%7D";
    let role = format!(
        "    <Role>\n      <Path>/team/</Path>\n      <AssumeRolePolicyDocument>\n        {policy}\n      \
         </AssumeRolePolicyDocument>\n    </Role>\n"
    );
    let server = Server::answering([xml("GetRole", &role)]).await;
    let trust = Iam::new(&server.session()).get_role("hooks").await;
    let expected = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]});
    assert_eq!(trust, Ok(expected));
    let request = server.request();
    assert_eq!(
        request.body,
        "Action=GetRole&Version=2010-05-08&RoleName=hooks"
    );
    assert_eq!(request.content_length, Some(request.body.len()));
    assert_eq!(
        (request.region.as_str(), request.service.as_str()),
        ("us-east-1", "iam")
    );
    assert!(request.signed);
}

#[tokio::test]
async fn the_policies_of_a_role_are_simulated() {
    let keys = |keys: &str| format!("<MissingContextValues>{keys}</MissingContextValues>");
    let both = "<member>aws:SourceVpc</member><member>aws:PrincipalTag/team</member>";
    let of_resource = format!(
        "<ResourceSpecificResults><member><EvalResourceName>{FUNCTION}</EvalResourceName><EvalResourceDecision>implicitDeny\
         </EvalResourceDecision>{}</member></ResourceSpecificResults>",
        keys("<member>aws:SourceVpc</member>")
    );
    for (decision, more, missing) in [
        ("allowed", String::new(), vec![]),
        ("allowed", "<MissingContextValues/>".to_owned(), vec![]),
        ("implicitDeny", keys(""), vec![]),
        (
            "implicitDeny",
            keys(both),
            vec!["aws:PrincipalTag/team", "aws:SourceVpc"],
        ),
        (
            "implicitDeny",
            format!("{}{of_resource}", keys("")),
            vec!["aws:SourceVpc"],
        ),
    ] {
        let result = format!(
            "<IsTruncated>false</IsTruncated><EvaluationResults><member><MatchedStatements/><EvalResourceName>{FUNCTION}\
             </EvalResourceName><EvalDecision>{decision}</EvalDecision>{more}</member></EvaluationResults>"
        );
        let server = Server::answering([xml("SimulatePrincipalPolicy", &result)]).await;
        let said = Iam::new(&server.session())
            .simulate_principal_policy(ROLE, "lambda:InvokeFunction", FUNCTION)
            .await;
        let expected = Simulated {
            decision: decision.to_owned(),
            missing: missing.into_iter().map(str::to_owned).collect(),
        };
        assert_eq!(said, Ok(expected));
        let body = server.request().body;
        assert!(body.starts_with("Action=SimulatePrincipalPolicy&Version=2010-05-08&PolicySourceArn=arn%3Aaws%3Aiam%3A%3A1111"), "{body}");
        assert!(body.contains("&ActionNames.member.1=lambda%3AInvokeFunction&ResourceArns.member.1=arn%3Aaws%3Alambda"), "{body}");
    }
}

#[tokio::test]
async fn what_iam_refuses_has_a_kind_and_a_remedy() {
    for (answer, kind, expected) in [
        (
            refused(404, "NoSuchEntity"),
            Kind::NotFound,
            "get role `hooks`: not found: NoSuchEntity, a sentence",
        ),
        (
            refused(403, "AccessDenied"),
            Kind::Denied,
            "get role `hooks`: access denied (hint: the stack's parameter `HookRoles` must match the role; the function's role has \
             `iam:GetRole` for those alone)",
        ),
        (
            xml("GetRole", "<Role></Role>"),
            Kind::Unexpected,
            "get role `hooks`: unexpected: the answer has no `AssumeRolePolicyDocument`",
        ),
    ] {
        let server = Server::answering([answer]).await;
        let failed = Iam::new(&server.session())
            .get_role("hooks")
            .await
            .unwrap_err();
        assert_eq!((failed.kind, failed.to_string().as_str()), (kind, expected));
        assert_eq!(server.requests().len(), 1);
    }
    // Throttled, it is asked again.
    let policy = xml(
        "GetRole",
        "<AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument>",
    );
    let server = Server::answering([refused(400, "Throttling"), policy]).await;
    let trust = Iam::new(&server.session()).get_role("hooks").await;
    assert_eq!(trust, Ok(json!({})));
}
