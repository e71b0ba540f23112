//! What a rolling service's migrations have come to, for the decision: one that is under way, one whose deployment is still to come, and
//! those that speak against another attempt.

use time::{Duration, UtcDateTime};

use super::id::MigrationId;
use super::mark::{Ended, MigrationMark, mark_of};
use super::record::Record;
use crate::config::Pipeline;
use crate::ecs;
use crate::migration::STOPPED;
use crate::names::{DeploymentId, Digest, RevisionArn, StackName};
use crate::observed::{Task, TaskDefinition};
use crate::revision;
use crate::start::{Active, Attempt, Brings, Candidate, Due, End, Order, Phase, RunningImage};

/// So many of a family's newest revisions are looked through for marks.
pub const REVISIONS_AT_MOST: usize = 20;

/// How long after a migration's time is up its mark is waited for. ECS forgets a stopped task after an hour (ECS API Reference,
/// DescribeTasks), and then nobody can tell any more.
const MARKED_WITHIN: Duration = Duration::hours(1);

/// How long an invocation may take between the schedule and RunTask: what has no task by then was abandoned. `start-deployment` has
/// five minutes.
const STARTED_WITHIN: Duration = Duration::minutes(6);

/// A revision of the service whose migration has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Marked {
    /// The revision.
    pub revision: RevisionArn,
    /// With its tags.
    pub definition: TaskDefinition,
    /// How it ended.
    pub mark: MigrationMark,
}

/// The time-out schedule of the service's migration, with its task as far as that was looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduled {
    /// What was written down.
    pub record: Record,
    /// When its time is up.
    pub due: Option<UtcDateTime>,
    /// The time by AWS's clock.
    pub now: Option<UtcDateTime>,
}

/// What a schedule that is there means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Underway {
    /// The migration runs, or its end is being judged.
    Yes,
    /// No task is known, and another invocation may be about to start it. The same start may be repeated: its token finds the same task.
    Starting,
    /// Nothing came of it: it may be replaced.
    Abandoned,
    /// It was started, and its end is lost.
    Lost,
}

impl Scheduled {
    /// When it was started.
    pub fn started_at(&self) -> UtcDateTime {
        let minutes = i64::try_from(self.record.timeout_minutes).unwrap_or_default();
        let planned = self
            .due
            .map(|due| due.saturating_sub(Duration::minutes(minutes)));
        planned.unwrap_or(self.record.ordered_at)
    }

    /// Whether the task has to be looked for: none was written down, or it should have ended long ago.
    pub fn needs_task(&self) -> bool {
        self.record.task.is_none() || self.is_long_overdue()
    }

    fn is_long_overdue(&self) -> bool {
        let times = self.due.zip(self.now);
        times.is_some_and(|(due, now)| now >= due.saturating_add(MARKED_WITHIN))
    }

    /// What it means, with the task that was found.
    pub fn underway(&self, task: Option<&Task>) -> Underway {
        let runs = task.is_some_and(|task| task.last_status != STOPPED);
        if runs {
            return Underway::Yes;
        }
        if self.is_long_overdue() {
            return match self.record.task.is_some() || task.is_some() {
                true => Underway::Lost,
                false => Underway::Abandoned,
            };
        }
        if self.record.task.is_some() || task.is_some() {
            return Underway::Yes;
        }
        let is_young = self
            .now
            .is_none_or(|now| now < self.started_at().saturating_add(STARTED_WITHIN));
        match is_young {
            true => Underway::Starting,
            false => Underway::Abandoned,
        }
    }
}

/// A schedule that may be replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct Leftover {
    /// What was written down.
    pub record: Record,
    /// When that was started, where its end is lost.
    pub lost_at: Option<UtcDateTime>,
}

/// What a rolling service's migrations have come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Migrations {
    /// What a migration is called that is started now.
    pub id: MigrationId,
    /// One that is under way, with the revision and since when; whether it may be started once more.
    pub running: Option<(Scheduled, TaskDefinition, Underway)>,
    /// A schedule of which nothing came.
    pub leftover: Option<Leftover>,
    /// The service's revisions whose migrations have ended, among the family's newest; newest first.
    pub marked: Vec<Marked>,
    /// When the oldest of the family's revisions was registered that were looked through, where older ones were not.
    pub seen_since: Option<UtcDateTime>,
    /// The revisions that the service's newest deployments deployed.
    pub deployed: Vec<RevisionArn>,
    /// What the newest deployment deployed, where this stack registered that.
    pub newest_of_ours: Option<RevisionArn>,
}

impl Migrations {
    /// Before anything is read.
    pub fn new(id: MigrationId) -> Self {
        Self {
            id,
            running: None,
            leftover: None,
            marked: Vec::new(),
            seen_since: None,
            deployed: Vec::new(),
            newest_of_ours: None,
        }
    }

    /// Takes the marks of a family's newest revisions, newest first.
    pub fn read(&mut self, pipeline: &Pipeline, stack: &StackName, newest: Vec<TaskDefinition>) {
        if newest.len() >= REVISIONS_AT_MOST {
            self.seen_since = newest.last().and_then(revision::registered_at);
        }
        let ours = newest
            .into_iter()
            .filter(|one| revision::is_of_service(one, &pipeline.place()));
        self.marked = ours
            .filter_map(|definition| {
                Some(Marked {
                    revision: revision::arn(&definition)?,
                    mark: mark_of(&definition, stack)?,
                    definition,
                })
            })
            .collect();
    }

    /// Whether this is the migration of the schedule that was read, as far as that was written then.
    pub fn knows(&self, record: &Record) -> bool {
        let running = self.running.as_ref().map(|(scheduled, ..)| scheduled);
        let leftover = self.leftover.as_ref();
        let read = running.map(|scheduled| &scheduled.record);
        let read = read.or(leftover.map(|leftover| &leftover.record));
        read.is_some_and(|read| read.id == record.id && read.runs == record.runs)
    }

    /// The newest revision whose migration has ended, or whose end is lost.
    pub fn last(&self) -> Option<&RevisionArn> {
        let lost = self.lost().map(|(record, _)| record.runs.shipped());
        let marked = self.marked.first().map(|marked| &marked.revision);
        lost.into_iter()
            .chain(marked)
            .max_by_key(|revision| revision.number())
    }

    fn lost(&self) -> Option<(&Record, UtcDateTime)> {
        let leftover = self.leftover.as_ref()?;
        Some((&leftover.record, leftover.lost_at?))
    }

    /// The revision that is migrated and that no deployment has deployed since.
    pub fn migrated(&self) -> Option<&Marked> {
        let newest = self.marked.first()?;
        let is_next = newest.mark.ended == Ended::Succeeded && newest.mark.before == self.id.before;
        (is_next && !self.deployed.contains(&newest.revision)).then_some(newest)
    }

    /// Whether a revision may still get a migration: a second one of the same revision would have the first one's token.
    pub fn is_untried(&self, revision: &RevisionArn) -> bool {
        let lost = self.lost();
        !self
            .marked
            .iter()
            .any(|marked| marked.revision == *revision)
            && lost.is_none_or(|(record, _)| record.runs.shipped() != revision)
    }

    /// What of them is under way for a pipeline: a migration itself comes before everything else, and what is migrated and not deployed
    /// yet after everything else.
    pub fn running(&self, pipeline: &Pipeline, candidate: Option<&Candidate>) -> Option<Active> {
        let (scheduled, definition, underway) = self.running.as_ref()?;
        let record = &scheduled.record;
        let at = scheduled.started_at();
        let accepted = ecs::accepted(pipeline, record.runs.shipped(), definition, at);
        let ships = candidate.is_some_and(|candidate| accepted.ships(&candidate.image.digest));
        match underway {
            Underway::Starting if ships => None,
            Underway::Starting | Underway::Yes | Underway::Abandoned | Underway::Lost => {
                Some(Active {
                    phase: Phase::Migrating,
                    ..accepted
                })
            }
        }
    }

    /// The revision that is migrated and not deployed, as something that is under way.
    pub fn waiting(&self, pipeline: &Pipeline) -> Option<Active> {
        let migrated = self.migrated()?;
        let (revision, at) = (&migrated.revision, migrated.mark.at);
        Some(Active {
            phase: Phase::Migrated,
            ..ecs::accepted(pipeline, revision, &migrated.definition, at)
        })
    }

    /// The migrations that speak against another attempt of the pipeline's candidate.
    pub fn attempts(&self, pipeline: &Pipeline, candidate: &Candidate) -> Vec<Attempt> {
        let mut attempts: Vec<Attempt> = self
            .marked
            .iter()
            .filter_map(|marked| {
                let end = self.end(marked)?;
                let Marked {
                    revision,
                    definition,
                    mark,
                } = marked;
                let order = order(pipeline, definition)?;
                Some(attempt(revision, order, mark.at, end))
            })
            .collect();
        if let Some((record, at)) = self.lost() {
            let order = of_candidate(&record.digest, candidate);
            let revision = record.runs.shipped();
            attempts.push(attempt(revision, order, at, End::MigrationUnknown));
        }
        // What was tried before is not in sight.
        let is_hidden = self.seen_since.is_some_and(|at| at > candidate.ordered_at);
        if is_hidden
            && attempts.is_empty()
            && let Some(revision) = self.deployed.first()
        {
            let order = of_candidate(&candidate.image.digest, candidate);
            let at = candidate.ordered_at;
            attempts.push(attempt(revision, order, at, End::MigrationUnknown));
        }
        attempts
    }

    /// What a mark says of its revision; none where it says nothing against it.
    fn end(&self, marked: &Marked) -> Option<End> {
        match marked.mark.ended {
            Ended::Failed(_) => Some(End::Failed),
            Ended::Unknown => Some(End::MigrationUnknown),
            // What becomes of its deployment, that tells. What was deployed after its end and before that took its place without
            // a word to anybody: the image is due as ever, and migrated once more.
            Ended::Succeeded => None,
            Ended::Superseded => {
                let newest = self.newest_of_ours.as_ref();
                // What became of its deployment, that tells; and an image of ours took its place as a newer image does.
                let is_settled = self.deployed.contains(&marked.revision)
                    || newest.is_some_and(|newest| {
                        newest.number() > marked.revision.number()
                            || self.is_migrated_beside(newest, marked)
                    });
                (!is_settled).then_some(End::Superseded)
            }
        }
    }

    /// Whether a revision was migrated to be deployed in the same place: its start and the migration did not see each other.
    fn is_migrated_beside(&self, revision: &RevisionArn, other: &Marked) -> bool {
        self.marked.iter().any(|marked| {
            marked.revision == *revision
                && marked.mark.ended == Ended::Succeeded
                && marked.mark.before == other.mark.before
        })
    }
}

fn attempt(revision: &RevisionArn, order: Order, at: UtcDateTime, end: End) -> Attempt {
    Attempt {
        deployment: DeploymentId::of_revision(revision),
        order: Some(order),
        beside: Vec::new(),
        created_at: at,
        end: Some(end),
        ended_at: None,
        content: None,
        registered_at: None,
    }
}

fn of_candidate(digest: &Digest, candidate: &Candidate) -> Order {
    Order {
        digest: digest.clone(),
        ordered_at: Some(candidate.ordered_at),
        tag: candidate.image.tag.clone(),
        repository: None,
        brings: None,
    }
}

/// The order that a revision was registered for.
fn order(pipeline: &Pipeline, definition: &TaskDefinition) -> Option<Order> {
    let matching = revision::matching(pipeline, definition).ok()?;
    let RunningImage::Known(digest) = &matching.image else {
        return None;
    };
    let deployed = revision::deployed(pipeline, definition, &matching, digest.clone());
    let brings = revision::settings_of(definition).map(|template| Brings {
        template,
        due: Due::Image,
    });
    Some(Order {
        digest: deployed.digest,
        ordered_at: deployed.ordered_at,
        tag: deployed.tag,
        repository: None,
        brings,
    })
}
