//! IAM: what a role trusts, and what its policies say.
//!
//! Two calls of the Query protocol (`query`): IAM's own crate would be one more for them.

#[cfg(feature = "command")]
mod simulate;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::query::Query;

/// The version of IAM's API.
const VERSION: &str = "2010-05-08";

/// Where IAM is (AWS General Reference, "IAM endpoints and quotas"): the beginning of a partition's Regions, the Region that calls are
/// signed for, the endpoint.
const ENDPOINTS: [(&str, &str, &str); 3] = [
    (
        "cn-",
        "cn-north-1",
        "https://iam.cn-north-1.amazonaws.com.cn",
    ),
    (
        "us-gov-",
        "us-gov-west-1",
        "https://iam.us-gov.amazonaws.com",
    ),
    ("", "us-east-1", "https://iam.amazonaws.com"),
];

/// IAM's operations. Few invocations need them, so the client is made at the first one: each takes time at a cold start.
#[derive(Debug, Clone)]
pub struct Iam {
    session: Session,
    query: OnceLock<Query>,
}

impl Iam {
    /// With a client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            session: session.clone(),
            query: OnceLock::new(),
        }
    }

    fn query(&self) -> &Query {
        self.query.get_or_init(|| query_of(&self.session))
    }

    /// The role's trust policy; `role` is its name, without its path.
    ///
    /// # Errors
    /// The call failed; [`Kind::NotFound`](crate::Kind::NotFound) where there is no such role.
    pub async fn get_role(&self, role: &str) -> Result<Value, CallFailed> {
        let call = Call::new("iam:GetRole", role);
        let answer = self.ask(&call, "GetRole", &[("RoleName", role)]).await?;
        let policy = element(&answer, "AssumeRolePolicyDocument");
        let policy = call.required(policy, "AssumeRolePolicyDocument")?;
        let policy = percent_decode_str(policy).decode_utf8_lossy();
        serde_json::from_str(&policy).map_err(|error| call.unexpected(&error.to_string()))
    }

    /// What the role's policies say to an action on a resource.
    ///
    /// # Errors
    /// The call failed; [`Kind::NotFound`](crate::Kind::NotFound) where there is no such role.
    pub async fn simulate_principal_policy(
        &self,
        role_arn: &str,
        action: &str,
        resource: &str,
    ) -> Result<Simulated, CallFailed> {
        let call = Call::new("iam:SimulatePrincipalPolicy", role_arn);
        let members = [
            ("PolicySourceArn", role_arn),
            ("ActionNames.member.1", action),
            ("ResourceArns.member.1", resource),
        ];
        let answer = self.ask(&call, "SimulatePrincipalPolicy", &members).await?;
        let decision = element(&answer, "EvalDecision").map(str::to_owned);
        let missing =
            elements(&answer, "MissingContextValues").flat_map(|of| elements(of, "member"));
        let missing: BTreeSet<String> = missing.map(str::to_owned).collect();
        Ok(Simulated {
            decision: call.required(decision, "EvalDecision")?,
            missing: missing.into_iter().collect(),
        })
    }

    async fn ask(
        &self,
        call: &Call,
        action: &str,
        members: &[(&str, &str)],
    ) -> Result<String, CallFailed> {
        self.query().ask(call, action, members).await
    }
}

/// A client for IAM's one endpoint of the partition.
fn query_of(session: &Session) -> Query {
    let here = session.config().region();
    let here = here.map_or("", |region| region.as_ref());
    let [china, government, others] = ENDPOINTS;
    let (_, region, endpoint) = match here {
        here if here.starts_with(china.0) => china,
        here if here.starts_with(government.0) => government,
        _ => others,
    };
    Query::new(session, "iam", VERSION, Some(region), endpoint)
}

/// What IAM's policy simulator finds. It knows nothing of the call but action and resource: a condition on anything else does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// `allowed`, `implicitDeny` or `explicitDeny`.
    pub decision: String,
    /// The condition keys of the policies that the simulator lacks, of the result and of its results for one resource (IAM API
    /// Reference, EvaluationResult, ResourceSpecificResult).
    pub missing: Vec<String>,
}

/// The texts of all elements of this name.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&start)?;
        let (text, after) = after.split_once(&end)?;
        rest = after;
        Some(text.trim())
    })
}

/// The text of the first element of this name. Those that are read here hold neither elements nor entities.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    elements(xml, name).next()
}
