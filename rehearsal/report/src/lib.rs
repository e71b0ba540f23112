//! The presentation of a run, from its record: a self-contained HTML page that needs no network and runs no script, and
//! lines on a terminal.

mod axis;
mod chart;
mod collect;
mod format;
mod headline;
mod line;
mod markup;
mod page;
mod standing;
mod story;
mod terminal;

use record::Record;

pub use line::{Line, Tone, served};
pub use terminal::{Colours, begin, shows_a_phase, verdict};

/// The whole page.
pub fn page(record: &Record) -> String {
    page::page(&collect::collect(record))
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
