//! Follows the deployment of a pipeline from look to look, whatever it is called meanwhile: a rolling update is its migration first,
//! and on ECS an accepted deployment has an id only when it is listed.

use std::time::Duration;

use anyhow::Context as _;
use aws::follow::Follower;
use aws::observe::{ObserveFailed, Observer};
use lambda::Started;
use rules::config::Pipeline;
use rules::engine::Engine;
use rules::environment::Starting;
use rules::names::{DeploymentId, Digest, RevisionArn};
use rules::progress::{Progress, State};
use rules::reconcile::Reconciliation;
use rules::rolling;
use rules::start::{Active, Decision, Skip};

use crate::look::{self, Seen};
use crate::page::Output;
use crate::stack::Stack;

/// How many looks in a row may find nothing of a deployment that was answered: AWS lists a new one some seconds late.
const LOOKS_AT_NOTHING: u32 = 12;
/// How many looks in a row may fail because AWS throttles or does not answer.
const LOOKS_THAT_FAIL: u32 = 12;

pub(crate) struct Following<'a> {
    observer: Observer,
    follower: Follower,
    started: &'a Started<Starting>,
    service: Vec<Reconciliation<'a>>,
    pub(crate) pipeline: &'a Pipeline,
    followed: Option<Followed>,
    nothing_found: u32,
}

/// The deployment that is followed.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub(crate) id: DeploymentId,
    /// What it ships; none where that is not known.
    pub(crate) digest: Option<Digest>,
    /// The revision with which it does; none where that is not known.
    pub(crate) revision: Option<RevisionArn>,
}

/// What a look found.
pub(crate) enum Found<'a> {
    /// Nothing is under way, and nothing was followed.
    Nothing(Box<Seen<'a>>),
    /// How far it is; it may have ended.
    Deployment(Engine, Box<Progress>),
}

impl<'a> Following<'a> {
    pub(crate) fn new(
        stack: &'a Stack,
        pipeline: &'a Pipeline,
        followed: Option<Followed>,
    ) -> anyhow::Result<Self> {
        let mut services = look::services(&stack.started)?.into_iter();
        let of_pipeline =
            |service: &Vec<Reconciliation<'_>>| service[0].pipeline.has_service_of(pipeline);
        let service = services.find(of_pipeline);
        Ok(Self {
            observer: stack.observer(),
            follower: stack.follower(),
            started: &stack.started,
            service: service.context("the pipeline's service is not among those of the file")?,
            pipeline,
            followed,
            nothing_found: 0,
        })
    }

    /// Looks until `is_done`, showing each look, with this pause in between.
    pub(crate) async fn until<T>(
        &mut self,
        pause: Duration,
        output: &Output,
        mut is_done: impl FnMut(Found<'_>) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let mut failed_in_a_row = 0;
        loop {
            match self.look().await {
                Ok(found) => {
                    failed_in_a_row = 0;
                    if let Some(done) = is_done(found)? {
                        return Ok(done);
                    }
                }
                Err(ObserveFailed::Aws(failed))
                    if failed.is_transient() && failed_in_a_row < LOOKS_THAT_FAIL =>
                {
                    failed_in_a_row += 1;
                    output.note(&format!("note: {failed}; it is tried again"));
                }
                Err(failed) => return Err(failed.into()),
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn look(&mut self) -> Result<Found<'_>, ObserveFailed> {
        let looked = look::look(&self.observer, self.started, &self.service).await;
        let ours = looked
            .into_iter()
            .find(|looked| looked.pipeline.name == self.pipeline.name);
        // `look` leaves none out.
        let Some(ours) = ours else {
            return Err(rules::engine::Mismatch::NoRevision {
                service: self.pipeline.place(),
            }
            .into());
        };
        let seen = ours.seen?;
        let engine = seen.member.observation.deploys.engine();
        let active = seen.member.observation.observed.service.active.as_ref();
        let mut followed = match (&self.followed, active) {
            (None, None) => return Ok(Found::Nothing(Box::new(seen))),
            (None, Some(active)) => Followed {
                id: active.id.clone(),
                digest: active.ships.first().map(|one| one.digest.clone()),
                revision: None,
            },
            (Some(followed), _) => followed.clone(),
        };
        let (follower, pipeline) = (&self.follower, self.pipeline);
        let mut read = follower.progress(pipeline, engine, &followed.id).await?;
        // Only until ECS lists it: what goes back from it later may ship the same image.
        let is_listed_as = |active: &&Active| {
            let mut digest = followed.digest.iter();
            active.id != followed.id && digest.any(|digest| active.ships(digest))
        };
        if read.is_none()
            && let Some(active) = active.filter(is_listed_as)
        {
            followed.id = active.id.clone();
            read = follower.progress(pipeline, engine, &followed.id).await?;
        }
        self.followed = Some(followed.clone());
        if let Some(progress) = read {
            self.nothing_found = 0;
            return Ok(Found::Deployment(engine, Box::new(progress)));
        }
        let progress = match active.filter(|active| active.id == followed.id) {
            Some(active) => Progress::of_active(active),
            None => {
                self.nothing_found += 1;
                let revision = revision_of(&followed, &seen);
                let migration = match &revision {
                    Some(revision) => follower.migration(revision).await?,
                    None => None,
                };
                let runs = &seen.member.observation.observed.service.revision;
                let unlisted = rolling::unlisted(revision.as_ref(), runs, migration.as_ref());
                not_listed(&seen, &followed, self.nothing_found, unlisted)
            }
        };
        Ok(Found::Deployment(engine, Box::new(progress)))
    }
}

/// The revision that is deployed: before ECS lists a deployment, it is called after it.
fn revision_of(followed: &Followed, seen: &Seen<'_>) -> Option<RevisionArn> {
    let called_after = || {
        let (_, number) = followed.id.as_str().rsplit_once('-')?;
        let runs = &seen.member.observation.observed.service.revision;
        let revision = runs.sibling(number.parse().ok()?);
        (DeploymentId::of_revision(&revision) == followed.id).then_some(revision)
    };
    followed.revision.clone().or_else(called_after)
}

/// A deployment of which ECS lists nothing, and that is not under way: what is decided now says what became of it.
fn not_listed(
    seen: &Seen<'_>,
    followed: &Followed,
    looks: u32,
    unlisted: (State, Vec<String>),
) -> Progress {
    let (state, reasons) = match &seen.decision {
        Decision::Skip(
            Skip::FailedBefore(id) | Skip::MigrationUnknown(id) | Skip::RolledBackByHand(id),
        ) if *id == followed.id => (State::Failed, vec![seen.reason()]),
        Decision::Skip(Skip::Superseded(id)) if *id == followed.id => {
            (State::Superseded, vec![seen.reason()])
        }
        Decision::Skip(Skip::AlreadyRunning(image, _))
            if followed.digest.as_ref() == Some(&image.digest)
                && (unlisted.0.has_ended() || looks < LOOKS_AT_NOTHING) =>
        {
            unlisted
        }
        decision if looks >= LOOKS_AT_NOTHING => (
            State::Failed,
            vec![format!(
                "ECS lists no deployment `{}`, and none is under way; now: {} ({})",
                followed.id,
                seen.reason(),
                decision.code()
            )],
        ),
        Decision::Start(_) | Decision::EndWait(_) | Decision::Stop(_) | Decision::Skip(_) => {
            (State::UnderWay, Vec::new())
        }
    };
    let candidate = seen.member.observation.observed.candidate.as_ref();
    let ordered_at = candidate.map(|candidate| candidate.ordered_at);
    Progress {
        id: followed.id.clone(),
        state,
        status: "not listed".to_owned(),
        created_at: ordered_at.unwrap_or(time::UtcDateTime::UNIX_EPOCH),
        ended_at: None,
        steps: Vec::new(),
        blue: None,
        green: None,
        reasons,
    }
}
