//! What only rolling updates have: the migration that runs before UpdateService. ECS has no hook in a rolling update, so nothing waits
//! for the migration's answer: its end is written on the revision, and the deployment is decided again.
//!
//! `start-deployment` writes the [`Record`] into the time-out schedule and runs the task; `finish-migration` writes the
//! [`MigrationMark`] on the revision; `start-deployment` reads both ([`Migrations`]).
//!
//! The production gate comes after the update: `report-outcome` has `check-production` called, which writes what it found on the
//! revision ([`Judged`]) and goes back where production did not answer.

mod finish;
mod id;
mod judgement;
mod mark;
mod migrations;
mod plan;
mod production_rule;
mod progress;
mod record;

pub use finish::{Step, after_change, after_time_out, differences, is_of_another, marked_as};
pub use id::{MigrationId, STARTED_BY, ServiceKey};
pub use judgement::{
    GateState, Judged, Judgement, NotJudged, Shipped, before, is_given_up, is_sound, ways_back,
};
pub use mark::{Ended, MIGRATION_TAG, MigrationMark, mark_of};
pub use migrations::{Leftover, Marked, Migrations, REVISIONS_AT_MOST, Scheduled, Underway};
pub use plan::{due_at, migration_task};
pub use production_rule::{Leads, production_rule};
pub use progress::{Awaited, Next, judged, unlisted};
pub use record::Record;

#[cfg(test)]
mod tests;
