//! What the invariants are judged by: plain data about a world that has come to its end.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::rule::Rule;
use crate::scenario::custom_pipelines::Request;
use crate::traffic::Sample;

/// Everything that is known of a world at its end.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Moments in sentences are counted from here.
    pub(crate) start: SystemTime,
    pub(crate) pipelines: Vec<Pipeline>,
    /// What lies in the repositories at the end.
    pub(crate) images: Vec<Image>,
    /// Every push, in order, those before the beginning included.
    pub(crate) pushes: Vec<Push>,
    /// Invocations of `start-deployment`, in the order in which they began.
    pub(crate) looks: Vec<Look>,
    /// Every deployment, in the order of creation.
    pub(crate) deployments: Vec<Deployment>,
    /// Revisions that Greenlight registered.
    pub(crate) revisions: Vec<Revision>,
    pub(crate) hooks: Vec<HookCall>,
    pub(crate) migrations: Vec<Migration>,
    /// What pipelines' test listeners answered, in order.
    pub(crate) test_answers: Vec<TestAnswer>,
    /// What became of the health of targets, in order.
    pub(crate) health: Vec<HealthChange>,
    /// Every message that SNS took.
    pub(crate) messages: Vec<Told>,
    /// What production's clients asked, by service, in the order of the answers.
    pub(crate) production: BTreeMap<String, Vec<Sample>>,
    /// Versions that fail in production in a way that no check of their pipeline asks for.
    pub(crate) broken_unseen: Vec<String>,
    /// Texts that nobody may be told.
    pub(crate) secrets: Vec<String>,
    /// Everything that came out besides messages: (where, what).
    pub(crate) said: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) name: String,
    pub(crate) repository: String,
    pub(crate) rule: Rule,
    /// (application, deployment group)
    pub(crate) group: (String, String),
    pub(crate) migration: Option<MigrationGate>,
    pub(crate) test_traffic: TestTrafficGate,
    /// The digest of its repository that production ran at the beginning, and at the end; none where the service does not
    /// exist or runs a tag.
    pub(crate) ran_first: Option<String>,
    pub(crate) runs: Option<String>,
}

/// The migration that a pipeline asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MigrationGate {
    pub(crate) container: String,
    pub(crate) command: Vec<String>,
    /// Whether the container has another image than the pushed one.
    pub(crate) has_own_image: bool,
    /// How long it may take.
    pub(crate) limit: Duration,
}

/// What a pipeline asks green for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestTrafficGate {
    /// How long the test listener gets to lead to green everywhere.
    pub(crate) settle: Duration,
    pub(crate) requests: Vec<Request>,
    /// Where the test listener is reached.
    pub(crate) addresses: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) repository: String,
    pub(crate) digest: String,
    pub(crate) tags: Vec<String>,
    /// Of its first push; another tag leaves it as it is.
    pub(crate) pushed_at: SystemTime,
    /// Whether it is a container image, and no chart or signature.
    pub(crate) is_runnable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    pub(crate) at: SystemTime,
    pub(crate) repository: String,
    pub(crate) digest: String,
    pub(crate) tag: String,
    /// Whether the tag pointed elsewhere before, or nowhere.
    pub(crate) moved: bool,
    /// Whether its event led to an invocation of `start-deployment` that came to its end.
    pub(crate) heard: bool,
}

/// An invocation of `start-deployment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) began: SystemTime,
    /// None: it still runs.
    pub(crate) ended: Option<SystemTime>,
    /// The pipeline that a person asked for, to act and not only to say.
    pub(crate) asked: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Greenlight,
    /// Somebody in the console, or with the AWS CLI.
    Hand,
    /// CodeDeploy itself.
    Rollback,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Succeeded,
    Failed,
    Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    /// (application, deployment group)
    pub(crate) group: (String, String),
    pub(crate) by: By,
    pub(crate) status: Status,
    /// ARN of what it ships.
    pub(crate) revision: String,
    /// The digest of its pipeline's repository in that revision.
    pub(crate) digest: Option<String>,
    pub(crate) created_at: SystemTime,
    pub(crate) ended_at: Option<SystemTime>,
    /// (name, status) of its lifecycle events.
    pub(crate) events: Vec<(String, String)>,
    pub(crate) end: End,
}

/// What became of the event that tells a deployment's end to `report-outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It arrived, or should have.
    Told,
    /// EventBridge lost it, as its best effort allows.
    Lost,
    /// It was given up, and lies in a queue whose alarm tells it.
    Kept,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) arn: String,
    pub(crate) family: String,
    /// The digests in it.
    pub(crate) digests: Vec<String>,
    pub(crate) registered_at: SystemTime,
}

/// A hook that CodeDeploy called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookCall {
    pub(crate) deployment: String,
    pub(crate) lifecycle_event: String,
    pub(crate) called_at: SystemTime,
    /// Every answer that CodeDeploy took.
    pub(crate) answers: Vec<HookAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookAnswer {
    pub(crate) at: SystemTime,
    /// `Succeeded` or `Failed`.
    pub(crate) status: String,
    /// The function that gave it, by its binary's name.
    pub(crate) function: Option<String>,
    /// How many tasks the service wanted then.
    pub(crate) wanted: Option<u32>,
}

/// A task that says of itself that it is a deployment's migration, as anybody's may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migration {
    pub(crate) task: String,
    pub(crate) deployment: String,
    /// The function that RunTask gave it to, by its binary's name.
    pub(crate) given_to: Option<String>,
    /// ARN of what it ran.
    pub(crate) revision: String,
    /// None: not known, because it is not told of tasks that never ran.
    pub(crate) started_at: Option<SystemTime>,
    /// None: it is still there.
    pub(crate) stopped_at: Option<SystemTime>,
    pub(crate) containers: Vec<Container>,
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) essential: bool,
    /// Of the image that it ran.
    pub(crate) digest: Option<String>,
    /// The words that it ran, a shell in front of them taken off.
    pub(crate) ran: Vec<String>,
    /// None: it never ran, or it still does.
    pub(crate) end: Option<ContainerEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContainerEnd {
    pub(crate) at: SystemTime,
    pub(crate) exit_code: i32,
    /// Of its own accord, and not on a signal.
    pub(crate) by_itself: bool,
}

impl Migration {
    pub(super) fn container(&self, name: &str) -> Option<&Container> {
        let mut containers = self.containers.iter();
        containers.find(|container| container.name == name)
    }
}

/// An answer of a test listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestAnswer {
    /// (application, deployment group) whose listener it is.
    pub(crate) group: (String, String),
    pub(crate) asked_at: SystemTime,
    pub(crate) at: SystemTime,
    /// Which of the listener's addresses was asked.
    pub(crate) address: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) by: Answerer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answerer {
    Task {
        task: String,
        /// The deployment whose green it is; none of what ran before all deployments.
        deployment: Option<String>,
    },
    LoadBalancer,
}

/// From now on the target that a task is has this state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HealthChange {
    pub(crate) at: SystemTime,
    pub(crate) task: String,
    /// The deployment whose green it is.
    pub(crate) deployment: Option<String>,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining`
    pub(crate) state: String,
}

/// A message, as far as people can tell from it what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) at: SystemTime,
    /// `started`, `migration-failed`
    pub(crate) outcome: String,
    pub(crate) pipeline: Option<String>,
    pub(crate) deployment: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) text: String,
}

impl Facts {
    /// A moment in a sentence: `1:02:03`.
    pub(super) fn when(&self, moment: SystemTime) -> String {
        let seconds = moment
            .duration_since(self.start)
            .unwrap_or_default()
            .as_secs();
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        format!("{hours}:{minutes:02}:{:02}", seconds % 60)
    }

    pub(super) fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.id == id)
    }

    pub(super) fn pipeline_of(&self, deployment: &Deployment) -> Option<&Pipeline> {
        self.pipelines
            .iter()
            .find(|pipeline| pipeline.group == deployment.group)
    }

    pub(super) fn deployments_of(&self, pipeline: &Pipeline) -> impl Iterator<Item = &Deployment> {
        self.deployments
            .iter()
            .filter(|deployment| deployment.group == pipeline.group)
    }

    /// The pushes that a pipeline follows, in order.
    pub(super) fn followed(&self, pipeline: &Pipeline) -> impl Iterator<Item = &Push> {
        self.pushes.iter().filter(|push| {
            push.repository == pipeline.repository && pipeline.rule.matches(&push.tag)
        })
    }

    /// The invocations of `start-deployment` that may have done what happened at a moment.
    pub(super) fn looks_at(&self, moment: SystemTime) -> impl Iterator<Item = &Look> {
        self.looks.iter().filter(move |look| {
            look.began <= moment && look.ended.is_none_or(|ended| moment <= ended)
        })
    }

    /// Whether a person asked for what was created.
    pub(super) fn was_asked_for(&self, pipeline: &Pipeline, deployment: &Deployment) -> bool {
        self.looks_at(deployment.created_at)
            .any(|look| look.asked.as_ref() == Some(&pipeline.name))
    }

    /// The followed tags that pointed at an image at some time in the while.
    pub(super) fn tags_in<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        digest: &str,
        while_: (SystemTime, SystemTime),
    ) -> Vec<&'a str> {
        let (from, to) = while_;
        self.tags_while(pipeline, digest, |pushed_at, until| {
            pushed_at <= to && until.is_none_or(|until| until >= from)
        })
    }

    /// The followed tags that pointed at an image all the while.
    pub(super) fn tags_throughout<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        digest: &str,
        while_: (SystemTime, SystemTime),
    ) -> Vec<&'a str> {
        let (from, to) = while_;
        self.tags_while(pipeline, digest, |pushed_at, until| {
            pushed_at <= from && until.is_none_or(|until| until > to)
        })
    }

    fn tags_while<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        digest: &str,
        is_then: impl Fn(SystemTime, Option<SystemTime>) -> bool,
    ) -> Vec<&'a str> {
        let pushes = self
            .followed(pipeline)
            .filter(|push| push.digest == digest && is_then(push.at, self.pointed_until(push)));
        pushes.map(|push| push.tag.as_str()).collect()
    }

    /// The while in which what was created at a moment was decided on: from the beginning of the invocation.
    pub(super) fn decided_in(&self, created_at: SystemTime) -> (SystemTime, SystemTime) {
        let began = self.looks_at(created_at).map(|look| look.began).min();
        (began.unwrap_or(created_at), created_at)
    }

    /// Where the tag of a push pointed from then on, until it was moved.
    pub(super) fn pointed_until(&self, push: &Push) -> Option<SystemTime> {
        let later = self.pushes.iter().filter(|later| {
            (&later.repository, &later.tag) == (&push.repository, &push.tag) && later.at > push.at
        });
        later
            .filter(|later| later.digest != push.digest)
            .map(|later| later.at)
            .min()
    }
}

/// A digest in a sentence.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}
