//! CloudFormation: the state of a stack, and its parameters.

use rules::doctor::StackFacts;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::query::Query;
use crate::raw::query;
use crate::xml::{members, text};

/// CloudFormation's operations.
#[derive(Debug, Clone)]
pub struct CloudFormation {
    client: Query,
}

impl CloudFormation {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: query(session, "cloudformation", "2010-05-15"),
        }
    }

    /// The stack as it is now.
    ///
    /// # Errors
    /// The call failed; [`Kind::Invalid`](crate::Kind::Invalid) where there is no such stack, which AWS does not tell apart from a wrong
    /// request.
    pub async fn describe_stack(&self, name: &str) -> Result<StackFacts, CallFailed> {
        let call = Call::new("cloudformation:DescribeStacks", name);
        let answer = self
            .client
            .ask(&call, "DescribeStacks", &[("StackName", name)])
            .await?;
        let stacks = members(&answer, "Stacks");
        let stack = call.required(stacks.first(), "Stacks")?;
        let parameters = members(stack, "Parameters").into_iter().filter_map(|one| {
            let value = text(one, "ParameterValue").unwrap_or_default();
            Some((text(one, "ParameterKey")?, value))
        });
        Ok(StackFacts {
            status: call.required(text(stack, "StackStatus"), "StackStatus")?,
            reason: text(stack, "StackStatusReason"),
            parameters: parameters.collect(),
        })
    }
}
