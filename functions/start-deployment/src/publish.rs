//! Writes what serves production to the SSM parameters that infrastructure templates read (`publish`).

use aws::CallFailed;
use aws::observe::{ObserveFailed, Service};
use aws::ssm::Ssm;
use futures_util::future::join_all;
use lambda::Started;
use rules::environment::Starting;
use rules::names::ParameterName;
use rules::outcome::Outcome;
use rules::publish;
use rules::reconcile::{Effect, Reconciliation};
use serde_json::{Value, json};

use crate::handler::Handler;

/// What became of a pipeline's parameter.
pub(crate) struct Publication<'a> {
    pub(crate) reconciliation: &'a Reconciliation<'a>,
    parameter: &'a ParameterName,
    became: Became,
}

enum Became {
    /// It had this value already.
    Kept(String),
    /// It has this value now.
    Written(String),
    /// Nothing was written, because it is not known what serves.
    NotKnown(String),
    /// It was not written.
    Failed(CallFailed),
}

impl Handler {
    /// Writes what serves production, or is due where the service does not exist yet: an infrastructure template creates it with that.
    /// A stack that only observes does so, too, because that starts nothing and the service is created while it observes.
    ///
    /// Called right after the observation and before anything else: what takes time then (waiting for a turn to register a revision)
    /// would let an older observation be written after a newer one. What is late all the same the next reconciliation corrects.
    pub(crate) async fn publish<'a>(
        &self,
        started: &Started<Starting>,
        service: &'a [Reconciliation<'a>],
        observed: &Result<Service<'a>, ObserveFailed>,
    ) -> Vec<Publication<'a>> {
        let Some(ssm) = &self.ssm else {
            return Vec::new();
        };
        let written = service.iter().map(async |reconciliation| {
            let parameter = reconciliation.pipeline.publish.as_ref()?;
            let became = match self.value(started, reconciliation, observed).await? {
                Ok(Ok(value)) => put(ssm, parameter, value).await,
                Ok(Err(why)) => Became::NotKnown(why),
                Err(failed) => Became::Failed(failed),
            };
            let publication = Publication {
                reconciliation,
                parameter,
                became,
            };
            self.tell(started, &publication).await;
            Some(publication)
        });
        join_all(written).await.into_iter().flatten().collect()
    }

    /// The value, or why it is not known. None where nothing is to be written: a dry run changes nothing, and a pipeline that could not
    /// be observed has a failure of its own.
    async fn value(
        &self,
        started: &Started<Starting>,
        reconciliation: &Reconciliation<'_>,
        observed: &Result<Service<'_>, ObserveFailed>,
    ) -> Option<Result<Result<String, String>, CallFailed>> {
        match reconciliation.effect {
            Effect::DryRun => return None,
            Effect::Act => {}
        }
        let pipeline = reconciliation.pipeline;
        let service = match observed {
            Ok(service) => service,
            Err(failed) if failed.is_no_service() => {
                let candidate = match self.observer.due(pipeline).await {
                    Ok(candidate) => candidate,
                    Err(failed) => return Some(Err(failed)),
                };
                let host = pipeline.registry.host(&started.extra.registry);
                let due = candidate.map(|candidate| publish::due(&candidate.image, &host));
                let none = || "no image matches the pipeline's tag rule".to_owned();
                return Some(Ok(due.ok_or_else(none)));
            }
            Err(_) => return None,
        };
        let mut members = service.members.iter();
        let member = members.find(|member| member.reconciliation.pipeline.name == pipeline.name)?;
        let observation = &member.observation;
        let matching = &observation.production.matching;
        Some(Ok(publish::serving(
            matching,
            &observation.observed.running,
        )))
    }

    /// A failure keeps no deployment back. Who ordered one is told, and the schedule only logs it: it would repeat itself every hour.
    async fn tell(&self, started: &Started<Starting>, publication: &Publication<'_>) {
        let Publication {
            reconciliation,
            parameter,
            became,
        } = publication;
        let pipeline = reconciliation.pipeline;
        let name = pipeline.name.as_str();
        match became {
            Became::Kept(_) => {}
            Became::Written(value) => {
                tracing::info!(
                    pipeline = name,
                    parameter = parameter.as_str(),
                    value,
                    "parameter written"
                );
            }
            Became::NotKnown(why) => {
                tracing::warn!(
                    pipeline = name,
                    parameter = parameter.as_str(),
                    why,
                    "parameter not written"
                );
            }
            Became::Failed(failed) => {
                tracing::error!(pipeline = name, parameter = parameter.as_str(), error = %failed, "parameter not written");
                if reconciliation.carries_an_order() {
                    let reason = failed.to_string();
                    let outcome = Outcome::parameter_not_written(pipeline, parameter, reason);
                    self.messenger
                        .try_publish(&started.settings, &outcome)
                        .await;
                }
            }
        }
    }
}

/// Writes only where the value differs: each version of a parameter is an event, and AWS keeps a hundred.
async fn put(ssm: &Ssm, parameter: &ParameterName, value: String) -> Became {
    match ssm.get_parameter(parameter).await {
        Ok(Some(now)) if now == value => return Became::Kept(value),
        Ok(_) => {}
        Err(failed) => return Became::Failed(failed),
    }
    match ssm.put_parameter(parameter, &value).await {
        Ok(()) => Became::Written(value),
        Err(failed) => Became::Failed(failed),
    }
}

impl Publication<'_> {
    pub(crate) fn to_json(&self) -> Value {
        let (value, is_written, why) = match &self.became {
            Became::Kept(value) => (Some(value), false, None),
            Became::Written(value) => (Some(value), true, None),
            Became::NotKnown(why) => (None, false, Some(why.clone())),
            Became::Failed(failed) => (None, false, Some(failed.to_string())),
        };
        json!({
            "parameter": self.parameter,
            "value": value,
            "written": is_written,
            "failed": why,
        })
    }
}
