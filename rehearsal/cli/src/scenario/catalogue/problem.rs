//! A mistake in a scenario's file.

/// A mistake in a file.
#[derive(Debug)]
pub(super) struct Problem {
    /// The offset in bytes from the start of the file.
    pub(super) at: usize,
    /// The given and the expected text.
    pub(super) what: String,
}
