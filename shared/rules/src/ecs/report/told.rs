//! What was told of the deployments of a revision: a tag for each kind of message, written after it was published.

use super::due::What;
use crate::names::{ServiceDeploymentArn, StackName};
use crate::observed::TaskDefinition;
use crate::revision::{mark, stack_of};

/// ECS takes values of 256 characters (ECS API Reference, Tag).
const CHARACTERS_AT_MOST: usize = 256;

/// What was told of the deployments of one revision, by the stack that asks: each has a topic of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    stack: StackName,
    /// Whether the stack was there before every deployment of the revision: it registered it, or one that was deployed before.
    pub(super) was_there: bool,
    started: String,
    waiting: String,
    overdue: String,
    ended: String,
}

impl Told {
    /// As the revision's tags say.
    pub fn of(definition: &TaskDefinition, stack: &StackName) -> Self {
        let value = |key| mark(definition, key).unwrap_or_default().to_owned();
        Self {
            stack: stack.clone(),
            was_there: stack_of(definition).as_ref() == Some(stack),
            started: value(What::STARTED),
            waiting: value(What::WAITING),
            overdue: value(What::OVERDUE),
            ended: value(What::ENDED),
        }
    }

    /// The same after an earlier deployment of the service.
    #[must_use]
    pub fn after(self, earlier: Option<&Self>) -> Self {
        let was_there = self.was_there || earlier.is_some_and(|earlier| earlier.was_there);
        Self { was_there, ..self }
    }

    fn value(&self, what: &What) -> &str {
        match what {
            What::Started => &self.started,
            What::Waits(_) => &self.waiting,
            What::Overdue => &self.overdue,
            What::Ended(_) => &self.ended,
        }
    }

    /// Whether this was told of the deployment.
    pub fn has(&self, what: &What, deployment: &ServiceDeploymentArn) -> bool {
        let entry = self.entry(what, deployment);
        self.value(what).split(' ').any(|told| told == entry)
    }

    /// The value of the kind's tag once this has been told, the newest first. The same revision may be deployed again before
    /// everything is told of its deployment, so as many as fit are kept.
    pub fn with(&self, what: &What, deployment: &ServiceDeploymentArn) -> String {
        let entry = self.entry(what, deployment);
        let others = self.value(what).split(' ');
        let others = others.filter(|told| !told.is_empty() && *told != entry);
        let mut value = entry.clone();
        for other in others {
            if value.len() + 1 + other.len() > CHARACTERS_AT_MOST {
                break;
            }
            value = format!("{value} {other}");
        }
        value
    }

    fn entry(&self, what: &What, deployment: &ServiceDeploymentArn) -> String {
        format!("{}:{}", self.stack, what.subject(deployment))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::due::End;
    use super::*;

    fn arn(id: &str) -> ServiceDeploymentArn {
        let arn = format!("arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/{id}");
        arn.parse().unwrap()
    }

    fn told(value: &str) -> Told {
        let definition = TaskDefinition {
            task_definition: json!({}),
            tags: json!([{"key": What::ENDED, "value": value}]),
        };
        Told::of(&definition, &"greenlight".parse().unwrap())
    }

    #[test]
    fn what_is_told_is_known_by_stack_kind_and_deployment() {
        let ended = What::Ended(End::Shipped);
        let first = told(&told("").with(&ended, &arn("EZe5RNVLH6PPzHXINuP28")));
        assert!(first.has(&ended, &arn("EZe5RNVLH6PPzHXINuP28")));
        // An outcome is told once, whatever it was.
        assert!(first.has(&What::Ended(End::RolledBack), &arn("EZe5RNVLH6PPzHXINuP28")));
        assert!(!first.has(&ended, &arn("EZe5RNVLH6PPzHXINuP29")));
        assert!(!first.has(&What::Started, &arn("EZe5RNVLH6PPzHXINuP28")));
        let of_other = Told {
            stack: "observer".parse().unwrap(),
            ..first.clone()
        };
        assert!(!of_other.has(&ended, &arn("EZe5RNVLH6PPzHXINuP28")));
        let second = told(&first.with(&ended, &arn("B")));
        assert!(second.has(&ended, &arn("EZe5RNVLH6PPzHXINuP28")) && second.has(&ended, &arn("B")));
        assert_eq!(second.with(&ended, &arn("B")), second.ended);
    }

    #[test]
    fn a_tag_never_outgrows_its_limit_and_keeps_the_newest() {
        let ended = What::Ended(End::Shipped);
        let mut all = told("");
        for number in 0..40 {
            all = told(&all.with(&ended, &arn(&format!("EZe5RNVLH6PPzHXINu{number:03}"))));
            assert!(all.ended.len() <= CHARACTERS_AT_MOST);
        }
        assert!(all.has(&ended, &arn("EZe5RNVLH6PPzHXINu039")));
        assert!(all.has(&ended, &arn("EZe5RNVLH6PPzHXINu036")));
        assert!(!all.has(&ended, &arn("EZe5RNVLH6PPzHXINu000")));
    }
}
