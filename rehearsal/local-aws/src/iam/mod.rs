//! The policies of `template.yaml`, evaluated for every call as AWS evaluates them.
//!
//! Which permissions a call needs stands beside its handler (`api/operations`); `policy` and `condition` say whether a
//! statement covers them. A policy element that is not simulated is an error when the template is read, never a
//! silent allow. Only roles of the template are checked as callers: any other caller is an administrator, and CodeDeploy's own
//! role, which belongs to the deployment groups, is assumed to allow what CodeDeploy does; the policy simulator says what it does allow. A resource of another account
//! has to allow a call by its own policy as well, also that of an administrator.

mod account_roles;
pub mod condition;
mod managed;
mod managed_of_services;
mod policy;
mod principal;
mod refusal;
mod removal;
mod resource_policy;
mod wildcard;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::account_roles::Written;
use self::condition::Keys;
use crate::identity::{ACCOUNT, arn};

pub use self::account_roles::RoleRefused;
pub use self::managed::{BASIC_EXECUTION, VPC_ACCESS, managed_policy};
pub use self::policy::{Effect, Origin, Statement, Trust, identity_policy, trust_policy};
pub use self::principal::{Grant, Principal};
pub use self::refusal::{Permission, Refusal, Why};
pub use self::removal::Removal;
pub use self::resource_policy::{Guard, Of, ResourcePolicy};

/// The policies of the template, and which grants were used and which calls refused.
#[derive(Debug)]
pub struct Iam {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    principals: Vec<Principal>,
    /// What is written into roles beside the template, by their names.
    written: BTreeMap<String, Written>,
    /// By the ARN of the topic or queue that is encrypted with it.
    keys: BTreeMap<String, String>,
    used: BTreeSet<Grant>,
    /// None once no history is kept.
    refusals: Option<Vec<Refusal>>,
}

impl Iam {
    /// The policies without the removed grants, each of which the template must have.
    pub fn new(principals: Vec<Principal>, removals: &[Removal]) -> anyhow::Result<Iam> {
        let state = State {
            principals,
            written: BTreeMap::new(),
            keys: BTreeMap::new(),
            used: BTreeSet::new(),
            refusals: Some(Vec::new()),
        };
        let iam = Iam {
            state: Mutex::new(state),
        };
        removals
            .iter()
            .try_for_each(|removal| iam.remove(removal))?;
        Ok(iam)
    }

    /// Adds the customer managed keys that topics and queues are encrypted with: key ARNs by topic or queue ARN.
    #[must_use]
    pub fn with_keys(self, keys: BTreeMap<String, String>) -> Iam {
        self.lock().keys = keys;
        self
    }

    /// Takes a grant away from now on.
    pub fn remove(&self, removal: &Removal) -> anyhow::Result<()> {
        removal.apply(&mut self.lock().principals)
    }

    /// Keeps no refusal any more.
    pub(crate) fn keep_no_history(&self) {
        self.lock().refusals = None;
    }

    /// Checks that a holder has all of these permissions. The grants that give them count as used.
    pub fn check(&self, holder: &str, needed: &[Permission]) -> Result<(), Refusal> {
        let mut state = self.lock();
        let mut used = Vec::new();
        let of_keys: Vec<Permission> = needed
            .iter()
            .flat_map(|permission| state.of_key(permission))
            .collect();
        for permission in needed.iter().chain(&of_keys) {
            match state.decide(holder, permission) {
                Ok(grant) => used.extend(grant),
                Err(why) => {
                    let refusal = Refusal {
                        holder: holder.to_owned(),
                        caller: state.caller(holder),
                        action: permission.action.clone(),
                        resource: permission.resource.clone(),
                        why,
                    };
                    if let Some(refusals) = state.refusals.as_mut() {
                        refusals.push(refusal.clone());
                    }
                    return Err(refusal);
                }
            }
        }
        state.used.extend(used);
        Ok(())
    }

    /// Checks what an administrator's policies do not decide: the policies of resources.
    pub fn check_administrator(&self, needed: &[Permission]) -> Result<(), Refusal> {
        let caller = administrator();
        needed.iter().try_for_each(|permission| {
            let Some(guard) = &permission.guard else {
                return Ok(());
            };
            let decided = guard.decide(&[&caller], permission, Ok(()));
            decided.map(drop).map_err(|why| Refusal {
                holder: "rehearsal".to_owned(),
                caller: caller.clone(),
                action: permission.action.clone(),
                resource: permission.resource.clone(),
                why,
            })
        })
    }

    /// Checks that Lambda may send an event that failed for good to the function's destination.
    pub fn check_on_failure(&self, holder: &str) -> Result<(), Refusal> {
        let destination = self
            .lock()
            .holder(holder)
            .and_then(|principal| principal.on_failure.clone());
        match destination {
            None => Ok(()),
            Some(queue) => self.check(holder, &[Permission::new("sqs:SendMessage", queue)]),
        }
    }

    /// Checks that EventBridge Scheduler may invoke a function with a role. Roles outside the template are not checked.
    pub fn check_schedule(&self, role_arn: &str, function: &str) -> Result<(), Refusal> {
        let needed = [Permission::new("lambda:InvokeFunction", function)];
        match self.role_holder(role_arn) {
            None => Ok(()),
            Some(holder) => self.check(&holder, &needed),
        }
    }

    /// Checks what a service of AWS does with a role that it has assumed, in a session of this name. Roles outside the
    /// template are not checked.
    pub fn check_role(
        &self,
        role_arn: &str,
        session: &str,
        needed: &[Permission],
    ) -> Result<(), Refusal> {
        let Some(holder) = self.role_holder(role_arn) else {
            return Ok(());
        };
        self.check(&holder, needed).map_err(|refusal| {
            let (role, _) = refusal.caller.rsplit_once('/').unwrap_or_default();
            Refusal {
                caller: format!("{role}/{session}"),
                ..refusal
            }
        })
    }

    /// Whether a service may assume a role on behalf of a resource, as its trust policy says. Roles outside the template
    /// trust it.
    pub fn trusts(&self, role_arn: &str, service: &str, source_arn: &str) -> bool {
        let keys = Keys::default()
            .with("aws:SourceAccount", ACCOUNT)
            .with("aws:SourceArn", source_arn);
        let state = self.lock();
        state
            .role(role_arn)
            .is_none_or(|role| role.trusts(service, &keys))
    }

    fn role_holder(&self, role_arn: &str) -> Option<String> {
        self.lock().role(role_arn).map(|role| role.holder.clone())
    }

    /// Whether EventBridge Scheduler may assume a role, as its trust policy says. It names the schedule's group as the
    /// source (Scheduler User Guide, confused deputy prevention).
    pub fn trusts_scheduler(&self, role_arn: &str) -> bool {
        let keys = Keys::default()
            .with("aws:SourceAccount", ACCOUNT)
            .with("aws:SourceArn", arn("scheduler", "schedule-group/default"));
        let state = self.lock();
        state
            .role(role_arn)
            .is_none_or(|role| role.trusts("scheduler.amazonaws.com", &keys))
    }

    /// The first role of the template that is so.
    pub fn role(&self, is: impl Fn(&Principal) -> bool) -> Option<Principal> {
        let state = self.lock();
        state.principals.iter().find(|role| is(role)).cloned()
    }

    /// The ARN of the template's role of this logical id.
    pub fn role_arn(&self, holder: &str) -> Option<String> {
        let state = self.lock();
        state.holder(holder).map(|role| role.role_arn.clone())
    }

    /// The ARN that AWS reports for a function that calls.
    pub fn caller(&self, holder: &str) -> String {
        self.lock().caller(holder)
    }

    /// The template's grants that allowed a call so far.
    pub fn used_grants(&self) -> Vec<Grant> {
        let state = self.lock();
        let of_template = |grant: &&Grant| !grant.holder.starts_with(account_roles::HOLDER);
        state.used.iter().filter(of_template).cloned().collect()
    }

    /// The template's own grants that no call has used so far.
    pub fn unused_grants(&self) -> Vec<Grant> {
        let state = self.lock();
        let all: BTreeSet<Grant> = state
            .principals
            .iter()
            .flat_map(Principal::granted_by_template)
            .collect();
        all.difference(&state.used).cloned().collect()
    }

    /// The calls that were not allowed so far, in order.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.lock().refusals.clone().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The grant that allows it; `None` where only the resource's policy does. A holder that the template does not have is
    /// allowed nothing.
    fn decide(&self, holder: &str, permission: &Permission) -> Result<Option<Grant>, Why> {
        let principal = self.holder(holder).ok_or(Why::NothingAllows)?;
        let by_identity = principal.decide(permission);
        match &permission.guard {
            None => by_identity.map(Some),
            Some(guard) => {
                let (role, session) = (&principal.role_arn, principal.caller());
                guard.decide(&[role, &session], permission, by_identity)
            }
        }
    }

    /// To send to an encrypted topic or queue takes permissions on its key, too (SNS and SQS Developer Guides, key
    /// management). The key's own policy is assumed to leave the decision to IAM.
    fn of_key(&self, permission: &Permission) -> Vec<Permission> {
        let sends = ["sns:Publish", "sqs:SendMessage"].contains(&permission.action.as_str());
        match self.keys.get(&permission.resource).filter(|_| sends) {
            Some(key) => ["kms:GenerateDataKey", "kms:Decrypt"]
                .map(|action| Permission::new(action, key.as_str()))
                .into(),
            None => Vec::new(),
        }
    }

    fn holder(&self, holder: &str) -> Option<&Principal> {
        self.principals
            .iter()
            .find(|principal| principal.holder == holder)
    }

    fn role(&self, role_arn: &str) -> Option<&Principal> {
        self.principals
            .iter()
            .find(|principal| principal.role_arn == role_arn)
    }

    fn caller(&self, holder: &str) -> String {
        let unknown = || format!("arn:aws:sts::{ACCOUNT}:assumed-role/{holder}/{holder}");
        self.holder(holder).map_or_else(unknown, Principal::caller)
    }
}

/// Whether the resource's policy lets a caller do what its own policies allow it.
pub fn allows(permission: &Permission, caller_arn: &str) -> bool {
    let decide = |guard: &Guard| guard.decide(&[caller_arn], permission, Ok(()));
    permission
        .guard
        .as_ref()
        .is_none_or(|guard| decide(guard).is_ok())
}

/// The ARN of every caller that is not a function of the template.
pub fn administrator() -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/rehearsal")
}

#[cfg(test)]
mod tests;
