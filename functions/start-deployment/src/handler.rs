//! One event: which pipelines it concerns, and what becomes of each.

use std::panic::AssertUnwindSafe;

use aws::codedeploy::CodeDeploy;
use aws::ecr::Ecr;
use aws::ecs::Ecs;
use aws::sns::Sns;
use futures_util::{FutureExt, StreamExt, stream};
use lambda::{Failure, Messenger, Start, Started};
use rules::environment::HookFunctions;
use rules::events::StartEvent;
use rules::look::{self, Concerned, Look, Then};
use rules::start;
use serde_json::{Value, json};

use crate::act::Report;

/// How many pipelines are looked at side by side: a base image may be followed by many, and ECS lets through one
/// RegisterTaskDefinition a second once its burst is used up.
const SIDE_BY_SIDE: usize = 8;

pub(crate) struct Handler {
    start: Start<HookFunctions>,
    pub(crate) ecr: Ecr,
    pub(crate) ecs: Ecs,
    pub(crate) codedeploy: CodeDeploy,
    pub(crate) messenger: Messenger,
}

impl Handler {
    pub(crate) fn new(start: Start<HookFunctions>, session: &aws::Session) -> Self {
        Self {
            start,
            ecr: Ecr::new(session),
            ecs: Ecs::new(session),
            codedeploy: CodeDeploy::new(session),
            messenger: Messenger::new(Sns::new(session)),
        }
    }

    /// Answers a report for each pipeline; when one of them failed, the invocation fails after all have ended.
    pub(crate) async fn handle(&self, event: Value) -> Result<Value, Failure> {
        let started = self
            .start
            .as_ref()
            .map_err(|problems| Failure::BadConfiguration(problems.clone()))?;
        let event = StartEvent::parse(&event)?;
        let looks = look::concerned(&started.config, &event)
            .map_err(|unknown| Failure::Refused(unknown.to_string()))?;
        let looks = match looks {
            Concerned::Looks(looks) => looks,
            Concerned::Nobody(reason) => {
                tracing::info!(decision = "skip", reason, "nobody is concerned");
                return Ok(json!({"pipelines": [], "reason": reason}));
            }
        };
        let results: Vec<_> = stream::iter(looks)
            .map(|look| self.one(started, look))
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        for (pipeline, result) in results {
            match result {
                Ok(report) => reports.push(report.to_json()),
                Err(failure) => failures.push((pipeline, failure)),
            }
        }
        if failures.is_empty() {
            Ok(json!({"pipelines": reports}))
        } else {
            Err(Failure::Pipelines(failures))
        }
    }

    /// One pipeline's failure, a panic included, stops no other.
    async fn one(
        &self,
        started: &Started<HookFunctions>,
        look: Look<'_>,
    ) -> (String, Result<Report, Failure>) {
        let name = look.pipeline.name.to_string();
        let result = AssertUnwindSafe(self.look(started, &look))
            .catch_unwind()
            .await;
        let result = result.unwrap_or_else(|_| {
            Err(Failure::Panicked(
                "the panic's message is in the log".to_owned(),
            ))
        });
        if let Ok(report) = &result {
            report.log();
        }
        (name, result)
    }

    async fn look(
        &self,
        started: &Started<HookFunctions>,
        look: &Look<'_>,
    ) -> Result<Report, Failure> {
        let seen = self.observe(look).await?;
        let decision = start::decide(look.pipeline, &seen.observed);
        match look.then {
            Then::Say => self.say(look, &seen, &decision).await,
            Then::Act => self.act(started, look, seen, decision).await,
        }
    }
}
