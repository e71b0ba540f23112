//! The report of a rehearsal: one HTML page that holds everything it shows, needs no network and runs no script.

mod axis;
mod chart;
mod collect;
mod file;
mod format;
mod headline;
mod markup;
mod page;
mod story;

pub(crate) use collect::{claims, collect};
pub(crate) use file::ReportFile;
pub(crate) use page::page;
pub(crate) use story::Story;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
