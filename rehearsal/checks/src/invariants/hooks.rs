//! 4. Every hook that is called is answered long before its timeout: an hour under CodeDeploy, up to a day where ECS deploys,
//!    which repeats a call that was answered `IN_PROGRESS`.
//!
//! A deployment that is stopped by a person or an alarm no longer waits for an answer.

use std::time::Duration;

use record::HookCall;

use super::facts::Facts;

/// A hook that is answered later has been hanging. Migrations may be configured to take 55 minutes; those of the
/// rehearsal take 30 at most.
const ANSWERED_WITHIN: Duration = Duration::from_secs(50 * 60);

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let hooks = facts.record.hooks.iter();
    hooks.filter_map(|hook| hanging(facts, hook)).collect()
}

fn hanging(facts: &Facts<'_>, hook: &HookCall) -> Option<String> {
    let ended = facts
        .record
        .deployment(&hook.deployment)
        .and_then(|deployment| deployment.ended_at);
    let answered = hook.verdicts().map(|answer| answer.at).min();
    let over = answered.into_iter().chain(ended).min();
    let waited = over.and_then(|over| over.duration_since(hook.called_at).ok());
    if waited.is_some_and(|waited| waited <= ANSWERED_WITHIN) {
        return None;
    }
    let then = match (answered, ended) {
        (Some(answered), _) => format!("answered at {}", facts.when(answered)),
        (None, Some(ended)) => format!(
            "not answered when its deployment ended at {}",
            facts.when(ended)
        ),
        (None, None) => "never answered".to_owned(),
    };
    Some(format!(
        "the {} hook of `{}`, called at {}, was {then}",
        hook.lifecycle_event,
        hook.deployment,
        facts.when(hook.called_at)
    ))
}
