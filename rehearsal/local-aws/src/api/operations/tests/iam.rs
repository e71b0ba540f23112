//! The permissions of IAM's operations.

use serde_json::json;

use super::*;

#[tokio::test]
async fn roles() {
    let world = world(Assumptions::default()).await;
    let arn = "arn:aws:iam::111122223333:role/team/r";
    let role = json!({ "PolicySourceArn": arn, "RoleName": "r" });
    let check = |operation, expected: &[&str]| {
        check(&world, Service::Iam, operation, role.clone(), expected)
    };
    let simulates = "iam:SimulatePrincipalPolicy iam::111122223333:role/team/r";
    check("SimulatePrincipalPolicy", &[simulates]);
    check("GetRole", &["iam:GetRole iam::111122223333:role/r"]);
}
