//! The tests that look across crates, in one binary: it links once, and all of them run side by side.
//!
//! - `circles`: no more than three files use each other.
//! - `command`: `greenlight` in each state of a deployment.
//! - `crashes`: functions that die after a call, and the invariants hold.
//! - `documents`: they name what the code names, and link what is there.
//! - `events`: every sample event is read or refused as its name says, and wakes the functions that it should.
//! - `functions`: single invocations of the real binaries, with something happening between two of their calls.
//! - `hostile`: events broken in every place and the fuzz targets' corpus, through the parsers and the real binaries.
//! - `infrastructure`: CloudFormation templates are made in the rehearsal, and mistakes in them are found there.
//! - `permissions`: every permission of the template is needed by some scenario.
//! - `pipelines`: the configuration that ships is right, and so is everything that its comments say.
//! - `readme`: the README's excerpts are of what rehearsals print.
//! - `saved`: a record that was saved is judged and shown as its run was.
//! - `scenarios`: the rehearsal plays whole deployments with the real binaries.
//! - `secrets`: nothing that a rehearsal leaves behind tells a secret.
//! - `serve`: whatever one client of it asks, others are served.
//! - `storm`: a few storms of the rehearsal, in which the invariants hold and which can be replayed.
//! - `template`: `template.yaml` agrees with the code and grants no more than is needed.
//! - `tidy`: rules of this repository that a compiler does not keep.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod circles;
mod command;
mod crashes;
mod documents;
mod events;
mod functions;
mod hostile;
mod infrastructure;
mod permissions;
mod pipelines;
mod readme;
mod repository;
mod saved;
mod scenarios;
mod secrets;
mod serve;
mod serving;
mod storm;
mod template;
mod tidy;
