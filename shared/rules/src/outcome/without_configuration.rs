//! What can be said of an event where the configuration is wrong: what the event itself says.

use super::{Command, Event, Outcome, Verdict};
use crate::engine::Engine;
use crate::events::{DeploymentState, Request, StateChange};
use crate::names::Image;
use crate::task_log::TaskLog;

const CORRECT: &str = "correct the configuration and deploy the stack again";

impl Outcome {
    /// An image was pushed.
    pub fn push_without_configuration(image: Image, problems: &str) -> Self {
        let summary = format!("{image} cannot be deployed; no deployment was created");
        let next = format!("{CORRECT}; the image is found within the hour after that");
        Self {
            image: Some(image),
            ..Self::without_pipeline(Event::Refused, summary, problems.to_owned(), next)
        }
    }

    /// A deployment was requested.
    pub fn request_without_configuration(request: Request, problems: &str) -> Self {
        let summary = format!(
            "the request for the pipeline `{}` cannot be carried out; no deployment was created",
            request.pipeline
        );
        let next = format!("{CORRECT}, and request it again by the command");
        Self {
            pipeline: Some(request.pipeline.clone()),
            commands: vec![Command::Request {
                purpose: "to request it again",
                request,
            }],
            ..Self::without_pipeline(Event::Refused, summary, problems.to_owned(), next)
        }
    }

    /// A deployment began, waits for a person, or has ended; none where its state is another one.
    pub fn change_without_configuration(change: &StateChange, problems: &str) -> Option<Self> {
        let (event, verdict, became) = match change.state {
            DeploymentState::Start => (Event::Started, Verdict::Pending, "began"),
            DeploymentState::Ready => (
                Event::Ready,
                Verdict::Pending,
                "waits for a person to reroute production to it",
            ),
            DeploymentState::Success => (Event::Shipped, Verdict::Pending, "succeeded"),
            DeploymentState::Failure => (Event::Failed, Verdict::Failure, "failed"),
            DeploymentState::Stop => (Event::Stopped, Verdict::Failure, "was stopped"),
            DeploymentState::Other => return None,
        };
        let StateChange {
            application,
            deployment_group,
            deployment,
            ..
        } = change;
        let summary = format!(
            "deployment {deployment} of the group `{deployment_group}` of `{application}` {became}, as its event says; nothing of it was \
             checked"
        );
        let waits = change.state == DeploymentState::Ready;
        let next = match waits {
            true => format!(
                "check the deployment; {}; {CORRECT}",
                Engine::CodeDeploy.how_to_reroute()
            ),
            false => format!("check the deployment; {CORRECT}"),
        };
        let reroute = waits.then(|| Command::Reroute(deployment.clone()));
        let outcome = Self::without_pipeline(event, summary, problems.to_owned(), next);
        Some(Self {
            verdict,
            deployment: Some(deployment.clone()),
            commands: reroute.into_iter().collect(),
            ..outcome
        })
    }

    /// What is told where the pipeline is not known (yet).
    pub(super) fn without_pipeline(
        event: Event,
        summary: String,
        reason: String,
        next: String,
    ) -> Self {
        Self {
            event,
            verdict: event.verdict(),
            pipeline: None,
            cluster: None,
            service: None,
            image: None,
            registry: None,
            revision: None,
            deployment: None,
            engine: None,
            summary,
            reason: Some(reason),
            migrated: None,
            steps: Vec::new(),
            log: TaskLog::default(),
            next: Some(next),
            commands: Vec::new(),
        }
    }
}
