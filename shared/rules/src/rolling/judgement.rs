//! What the production gate found after a rolling update, as the tag of its revision remembers it. ECS has no hook in a rolling update
//! and no deployment that waits: the deployment has ended by then, and nothing else says what became of it.

use std::fmt;
use std::str::FromStr;

use time::{Duration, UtcDateTime};

use crate::ecs::ServiceDeployment;
use crate::names::{DeploymentId, RevisionArn, StackName};
use crate::native::{GATE_TAG, allowed};
use crate::observed::TaskDefinition;
use crate::revision;

/// ECS takes values of 256 characters (ECS API Reference, Tag).
const CHARACTERS_AT_MOST: usize = 256;

/// The gate, as the marks of the native strategies name it, too.
const GATE: &str = "production-traffic";
/// What the number of the revision follows that the service goes back to.
const BACK: &str = "back:";
/// Stands where there is none to go back to.
const NONE: &str = "none";

/// What the production gate found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Production answered as wanted.
    Passed,
    /// It did not.
    Failed {
        /// The number of the revision of the same family that the service goes back to. It is chosen before the mark is written, so
        /// that whoever goes on after a crash goes back to the same one. None where no earlier deployment was successful.
        back: Option<u32>,
        /// Why, as far as the tag has room.
        reason: String,
    },
}

/// The mark of a rolling update that was judged: `passed production-traffic <service deployment>` or `failed production-traffic <service
/// deployment> back:<number|none> <first words of the reason>`. Who may tag revisions can write one, and who may do that can deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The service deployment. A revision is judged once, in its first one.
    pub deployment: DeploymentId,
    /// What was found.
    pub judgement: Judgement,
}

impl Judged {
    /// The mark of a revision; none where it has none that can be read.
    pub fn of(definition: &TaskDefinition) -> Option<Self> {
        revision::mark(definition, GATE_TAG)?.parse().ok()
    }

    /// The mark of a revision, where it failed in this deployment: the number of what the service goes back to, and why.
    pub fn failed<'a>(&'a self, deployment: &DeploymentId) -> Option<(Option<u32>, &'a str)> {
        match &self.judgement {
            Judgement::Failed { back, reason } if self.deployment == *deployment => {
                Some((*back, reason))
            }
            Judgement::Failed { .. } | Judgement::Passed => None,
        }
    }
}

/// The tag's value, in the characters that a tag takes.
impl fmt::Display for Judged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deployment = &self.deployment;
        let value = match &self.judgement {
            Judgement::Passed => format!("passed {GATE} {deployment}"),
            Judgement::Failed { back, reason } => {
                let back = back.map_or_else(|| NONE.to_owned(), |number| number.to_string());
                format!(
                    "failed {GATE} {deployment} {BACK}{back} {}",
                    allowed(reason)
                )
            }
        };
        let cut: String = value.chars().take(CHARACTERS_AT_MOST).collect();
        formatter.write_str(cut.trim_end())
    }
}

/// The tag's value is not such a mark: a gate of a native strategy wrote it, or a person did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not `passed production-traffic <deployment>` or `failed production-traffic <deployment> back:<number> <reason>`"
)]
pub struct NotJudged;

impl FromStr for Judged {
    type Err = NotJudged;

    fn from_str(value: &str) -> Result<Self, NotJudged> {
        let words: Vec<&str> = value.splitn(5, ' ').collect();
        let (deployment, judgement) = match words[..] {
            ["passed", GATE, deployment] => (deployment, Judgement::Passed),
            ["failed", GATE, deployment, back, ref reason @ ..] => {
                let back = match back.strip_prefix(BACK).ok_or(NotJudged)? {
                    NONE => None,
                    number => Some(number.parse().map_err(|_| NotJudged)?),
                };
                let reason = reason.first().copied().unwrap_or_default().to_owned();
                (deployment, Judgement::Failed { back, reason })
            }
            _ => return Err(NotJudged),
        };
        Ok(Self {
            deployment: deployment.parse().map_err(|_| NotJudged)?,
            judgement,
        })
    }
}

/// How a rolling update that ended successfully stands to the production gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateState {
    /// It is not judged: it deploys what this stack did not register for the service, or what was judged before.
    Free,
    /// It is not judged either: its revision failed in an earlier deployment, and somebody deploys it again.
    FailedBefore {
        /// Why it failed then.
        reason: String,
    },
    /// It is to be judged, unless its revision was deployed before: going back is never judged.
    Open,
    /// It passed.
    Passed,
    /// It failed.
    Failed {
        /// The number of what the service goes back to.
        back: Option<u32>,
        /// Why.
        reason: String,
    },
}

impl GateState {
    /// The state of a deployment of a service, `<cluster>/<service>`, whose pipelines have a production gate, by the revision that it
    /// deploys.
    pub fn of(
        place: &str,
        stack: &StackName,
        deployment: &DeploymentId,
        definition: &TaskDefinition,
    ) -> Self {
        let is_ours = revision::stack_of(definition).as_ref() == Some(stack)
            && revision::is_of_service(definition, place);
        if !is_ours {
            return Self::Free;
        }
        match Judged::of(definition) {
            None => Self::Open,
            Some(judged) => match (judged.judgement, judged.deployment == *deployment) {
                (Judgement::Passed, true) => Self::Passed,
                (Judgement::Passed, false) => Self::Free,
                (Judgement::Failed { back, reason }, true) => Self::Failed { back, reason },
                (Judgement::Failed { back: _, reason }, false) => Self::FailedBefore { reason },
            },
        }
    }
}

/// A deployment of the service that ended successfully, and what it deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// What it deployed.
    pub revision: RevisionArn,
    /// When it was created.
    pub created_at: UtcDateTime,
}

/// The revisions that were deployed successfully before a deployment; newest first, as `shipped` is.
pub fn before<'a>(
    shipped: &'a [Shipped],
    deployment: &ServiceDeployment,
) -> impl Iterator<Item = &'a RevisionArn> {
    let created_at = deployment.created_at;
    let earlier = shipped
        .iter()
        .filter(move |one| one.created_at < created_at);
    earlier.map(|one| &one.revision)
}

impl GateState {
    /// The same, where these revisions were deployed successfully before: what is deployed again is gone back to, by the gate itself or
    /// by a person, and going back is never judged.
    #[must_use]
    pub fn unless_deployed_before<'a>(
        self,
        revision: &RevisionArn,
        mut before: impl Iterator<Item = &'a RevisionArn>,
    ) -> Self {
        match self {
            Self::Open if before.any(|one| one == revision) => Self::Free,
            Self::Open
            | Self::Free
            | Self::FailedBefore { .. }
            | Self::Passed
            | Self::Failed { .. } => self,
        }
    }
}

/// The revisions to go back to from one that did not pass, of those that were deployed successfully before it: other ones of the same
/// family.
pub fn ways_back<'a>(
    failed: &RevisionArn,
    before: impl Iterator<Item = &'a RevisionArn>,
) -> Vec<&'a RevisionArn> {
    let mut ways = Vec::new();
    for one in before {
        if one != failed && one.family() == failed.family() && !ways.contains(&one) {
            ways.push(one);
        }
    }
    ways
}

/// Whether a revision may be gone back to: no gate has failed it.
pub fn is_sound(definition: &TaskDefinition) -> bool {
    let judged = Judged::of(definition);
    !matches!(
        judged,
        Some(Judged {
            judgement: Judgement::Failed { .. },
            ..
        })
    )
}

/// Whether the gate is kept waiting for in vain: the deployment ended so long ago.
pub fn is_given_up(deployment: &ServiceDeployment, now: UtcDateTime) -> bool {
    let ended_at = deployment.ended_at().unwrap_or(deployment.created_at);
    now >= ended_at.saturating_add(GIVEN_UP_AFTER)
}

/// As long as CodeDeploy waits for a hook.
const GIVEN_UP_AFTER: Duration = Duration::hours(1);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "EZe5RNVLH6PPzHXINuP28";

    fn marked(value: &str, stack: &str) -> TaskDefinition {
        TaskDefinition {
            task_definition: json!({}),
            tags: json!([
                {"key": "greenlight:stack", "value": stack},
                {"key": "greenlight:service", "value": "prod/web"},
                {"key": GATE_TAG, "value": value},
            ]),
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for (back, reason, expected) in [
            (
                Some(12),
                "`/orders`: wanted 200, got status 500",
                "back:12 /orders : wanted 200 got status 500",
            ),
            (None, "", "back:none"),
        ] {
            let judged = Judged {
                deployment: ID.parse().unwrap(),
                judgement: Judgement::Failed {
                    back,
                    reason: reason.to_owned(),
                },
            };
            let value = judged.to_string();
            assert_eq!(value, format!("failed production-traffic {ID} {expected}"));
            let read: Judged = value.parse().unwrap();
            assert_eq!(read.failed(&ID.parse().unwrap()).unwrap().0, back);
            assert_eq!(read.failed(&"other".parse().unwrap()), None);
        }
        let passed = format!("passed production-traffic {ID}");
        let read: Judged = passed.parse().unwrap();
        assert_eq!(
            (read.to_string(), read.judgement),
            (passed, Judgement::Passed)
        );
        let long = Judged {
            deployment: ID.parse().unwrap(),
            judgement: Judgement::Failed {
                back: Some(1),
                reason: "x".repeat(900),
            },
        };
        assert_eq!(long.to_string().len(), CHARACTERS_AT_MOST);
        assert!(long.to_string().parse::<Judged>().is_ok());
    }

    #[test]
    fn a_mark_of_another_gate_is_none() {
        for value in [
            "",
            "passed",
            "passed production-traffic",
            "passed production-traffic EZe5 more",
            "passed migration EZe5",
            "failed production-traffic EZe5 /orders answered 500",
            "failed production-traffic EZe5 back:x",
            "failed migration EZe5 back:1 it failed",
        ] {
            assert_eq!(value.parse::<Judged>(), Err(NotJudged), "{value}");
        }
    }

    #[test]
    fn only_what_the_stack_registered_is_judged_and_that_once() {
        let failed = format!("failed production-traffic {ID} back:2 it failed");
        for (value, stack, expected) in [
            ("", "greenlight", GateState::Open),
            ("", "other", GateState::Free),
            (
                "failed migration EZe5 it failed",
                "greenlight",
                GateState::Open,
            ),
            (
                "passed production-traffic another",
                "greenlight",
                GateState::Free,
            ),
            (
                "failed production-traffic another back:2 it failed",
                "greenlight",
                GateState::FailedBefore {
                    reason: "it failed".to_owned(),
                },
            ),
            (
                &*format!("passed production-traffic {ID}"),
                "greenlight",
                GateState::Passed,
            ),
            (
                &*failed,
                "greenlight",
                GateState::Failed {
                    back: Some(2),
                    reason: "it failed".to_owned(),
                },
            ),
            (&*failed, "other", GateState::Free),
        ] {
            let definition = marked(value, stack);
            let of = |place: &str| {
                let stack = "greenlight".parse().unwrap();
                GateState::of(place, &stack, &ID.parse().unwrap(), &definition)
            };
            assert_eq!(of("prod/web"), expected, "{value} of {stack}");
            assert_eq!(of("prod/api"), GateState::Free, "{value} of {stack}");
        }
    }

    #[test]
    fn the_way_back_is_another_revision_of_the_family() {
        let arn = |short: &str| -> RevisionArn {
            format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/{short}")
                .parse()
                .unwrap()
        };
        let before = ["web:9", "api:4", "web:7", "web:7", "web:8"].map(arn);
        let ways = ways_back(&arn("web:9"), before.iter());
        assert_eq!(ways, [&before[2], &before[4]]);
        let again =
            |state: GateState, short| state.unless_deployed_before(&arn(short), before.iter());
        assert_eq!(again(GateState::Open, "web:7"), GateState::Free);
        assert_eq!(again(GateState::Open, "web:10"), GateState::Open);
        assert_eq!(again(GateState::Passed, "web:7"), GateState::Passed);
        assert!(is_sound(&marked(
            "passed production-traffic x",
            "greenlight"
        )));
        assert!(!is_sound(&marked(
            "failed production-traffic x back:1 it failed",
            "greenlight"
        )));
    }
}
