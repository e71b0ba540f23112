//! Whether ECS could call our functions with the roles that a service's hooks name.

use rules::ecs;
use rules::ecs::role::{self, Facts, INVOKE, Invoker, Said};
use rules::engine::Mismatch;
use rules::reconcile::Effect;
use rules::start::Decision;
use tokio::join;

use super::{Deploys, Member, ObserveFailed, Observer, Ours};
use crate::iam::Simulated;
use crate::{CallFailed, Kind};

impl Observer {
    /// Asks about the roles where a deployment is to be started, or a dry run says what one would do, and keeps what is not known of
    /// them. Nothing is asked where every hook names the stack's own role.
    ///
    /// # Errors
    /// ECS cannot call one of our functions. That IAM does not answer is none: a gate that cannot be called fails by itself, and late.
    pub async fn check_roles(
        &self,
        members: &mut [Member<'_>],
        decisions: &[Decision],
        ours: &Ours,
    ) -> Result<(), ObserveFailed> {
        let starts = |one: &Decision| matches!(one, Decision::Start(_));
        let is_dry_run = |one: &Member<'_>| one.reconciliation.effect == Effect::DryRun;
        if !decisions.iter().any(starts) && !members.iter().any(is_dry_run) {
            return Ok(());
        }
        // They are all of one service.
        let Some(Deploys::Ecs(on_ecs)) = members.first().map(|one| &one.observation.deploys) else {
            return Ok(());
        };
        let place = members[0].reconciliation.pipeline.place();
        let mut not_known = Vec::new();
        for invoker in &on_ecs.invokers {
            let facts = self.facts(invoker).await;
            let can_invoke = role::can_invoke(&place, invoker, &facts, &ours.hook_role);
            let can_invoke = can_invoke.map_err(ecs::Mismatch::from);
            not_known.extend(can_invoke.map_err(Mismatch::from)?);
        }
        for member in members {
            if let Deploys::Ecs(on_ecs) = &mut member.observation.deploys {
                on_ecs.not_known.clone_from(&not_known);
            }
        }
        Ok(())
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
            decision: simulated(said(decision)),
        }
    }
}

/// A condition on what the simulator was not told may hold when ECS calls, and may not.
fn simulated(said: Said<Simulated>) -> Said<String> {
    match said {
        Said::Known(found) if found.missing.is_empty() => Said::Known(found.decision),
        Said::Known(found) => Said::NotKnown(format!(
            "its policies have conditions on `{}`",
            found.missing.join("`, `")
        )),
        Said::NoRole => Said::NoRole,
        Said::NotKnown(why) => Said::NotKnown(why),
    }
}

fn said<T>(answer: Result<T, CallFailed>) -> Said<T> {
    match answer {
        Ok(known) => Said::Known(known),
        Err(failed) if failed.kind == Kind::NotFound => Said::NoRole,
        Err(failed) => Said::NotKnown(failed.to_string()),
    }
}
