//! Whether ECS could call our functions with the roles that a service's hooks name.

use rules::config::Pipeline;
use rules::ecs::Mismatch;
use rules::ecs::role::{self, Facts, INVOKE, Invoker, Said};
use rules::observed;
use tokio::join;

use super::{Observer, Ours};
use crate::{CallFailed, Kind};

impl Observer {
    /// What is not known of the roles, a sentence each. Nothing is asked where every hook names the stack's own role.
    ///
    /// # Errors
    /// ECS cannot call one of our functions. That IAM does not answer is none: a gate that cannot be called fails by itself, and late.
    pub(super) async fn roles(
        &self,
        pipeline: &Pipeline,
        service: &observed::Service,
        ours: &Ours,
    ) -> Result<Vec<String>, Mismatch> {
        let mut not_known = Vec::new();
        for invoker in role::invokers(service, &ours.functions.all(), &ours.hook_role) {
            let facts = self.facts(&invoker).await;
            let place = pipeline.place();
            not_known.extend(role::can_invoke(&place, &invoker, &facts, &ours.hook_role)?);
        }
        Ok(not_known)
    }

    async fn facts(&self, invoker: &Invoker) -> Facts {
        if !invoker.is_of_one_account() {
            let why = "it is of another account";
            return Facts {
                trust: Said::NotKnown(why.to_owned()),
                decision: Said::NotKnown(why.to_owned()),
            };
        }
        let Invoker { role, function } = invoker;
        let (trust, decision) = join!(
            self.iam.get_role(invoker.role_name()),
            self.iam.simulate_principal_policy(role, INVOKE, function)
        );
        Facts {
            trust: said(trust),
            decision: said(decision),
        }
    }
}

fn said<T>(answer: Result<T, CallFailed>) -> Said<T> {
    match answer {
        Ok(known) => Said::Known(known),
        Err(failed) if failed.kind == Kind::NotFound => Said::NoRole,
        Err(failed) => Said::NotKnown(failed.to_string()),
    }
}
