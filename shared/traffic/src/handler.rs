//! Observes green through AWS and through a listener, and answers the hook.

use aws::codedeploy::CodeDeploy;
use aws::ecs::Ecs;
use aws::elb::Elb;
use aws::secrets_manager::SecretsManager;
use lambda::{Deadline, Failure, Messenger, Start};
use rules::config::{Pipeline, Traffic};
use rules::events::HookCall;
use rules::gate::Verdict;
use rules::test_traffic::Through;
use rustls::pki_types::CertificateDer;
use serde_json::Value;

/// A gate's function: it answers the hook when green is healthy and has answered.
pub struct Handler<T = ()> {
    pub(crate) through: Through,
    pub(crate) start: Start<T>,
    pub(crate) codedeploy: CodeDeploy,
    pub(crate) ecs: Ecs,
    pub(crate) elb: Elb,
    pub(crate) secrets: SecretsManager,
    pub(crate) messenger: Messenger,
}

impl<T> Handler<T> {
    /// The gate that asks through this listener.
    pub fn new(through: Through, start: Start<T>, session: &aws::Session) -> Self {
        Self {
            through,
            start,
            codedeploy: CodeDeploy::new(session),
            ecs: Ecs::new(session),
            elb: Elb::new(session),
            secrets: SecretsManager::new(session),
            messenger: Messenger::new(session),
        }
    }

    /// Handles one call of the hook.
    ///
    /// # Errors
    /// It is no call of a hook, or its answer did not reach CodeDeploy.
    pub async fn handle(&self, event: Value, deadline: Deadline) -> Result<Value, Failure> {
        match HookCall::parse(&event)? {
            HookCall::CodeDeploy(call) => self.answer_codedeploy(&call, deadline).await,
            HookCall::Ecs(call) => Ok(self.answer_ecs(&call, deadline).await),
        }
    }

    /// What the pipeline asks through this listener, if anything: the table may have been taken out of the file since the
    /// deployment was created.
    pub(crate) fn traffic<'a>(&self, pipeline: &'a Pipeline) -> Option<&'a Traffic> {
        match self.through {
            Through::TestListener => Some(&pipeline.test_traffic.checks),
            Through::ProductionListener => pipeline.production_traffic.as_ref(),
        }
    }

    /// The verdict where it asks nothing.
    pub(crate) fn not_configured(&self) -> Verdict {
        Verdict::Succeeded(format!("the pipeline has no `{}`", self.through.setting()))
    }

    /// Of the file that the gate names. A function that could not read it has no configuration, and has answered.
    pub(crate) fn authorities(&self, traffic: &Traffic) -> &[CertificateDer<'static>] {
        let started = self.start.as_ref().ok();
        let file = traffic.ca.as_ref();
        let found = started
            .zip(file)
            .and_then(|(started, file)| started.authorities.get(file));
        found.map(Vec::as_slice).unwrap_or_default()
    }
}
