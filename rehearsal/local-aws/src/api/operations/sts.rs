//! STS's operations.

use serde_json::json;

use crate::api::operation::{Answer, Call, Operation};
use crate::iam::Permission;
use crate::identity::ACCOUNT;

pub(super) const OPERATIONS: &[Operation] = &[Operation::new(
    "GetCallerIdentity",
    get_caller_identity,
    needs_no_permission,
)];

fn get_caller_identity(call: Call<'_>) -> Answer {
    Ok(json!({ "Arn": call.caller(), "UserId": "AIDAREHEARSAL", "Account": ACCOUNT }))
}

/// Every caller may request its identity, regardless of its policies (STS API Reference, GetCallerIdentity).
fn needs_no_permission(_: Call<'_>) -> Vec<Permission> {
    Vec::new()
}
