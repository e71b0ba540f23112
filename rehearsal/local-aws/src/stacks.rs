//! CloudFormation stacks of a user's templates: their resources are made in the local AWS by its own operations, in the order that
//! they need, so that what AWS refuses is refused here, in its words.
//!
//! `plan` reads a template with its parameters and finds every mistake that needs no AWS; `create` makes the resources. A type, a
//! property or a function that is not read is refused by its name: `tables` says which properties are read, and which have no
//! effect here and why.

mod attributes;
mod create;
mod file;
mod kind;
mod make;
mod names;
mod plan;
mod service;
mod shape;
mod surroundings;
mod tables;

pub use self::create::create;
pub use self::file::TemplateFile;
pub use self::plan::{Plan, PlannedService, is_known};
pub use self::surroundings::Surroundings;
pub use self::tables::rows;
