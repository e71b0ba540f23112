//! A claim of a single scenario: its sentence, and the function that checks a record.

use record::Record;

/// A sentence, and the check that returns the finding if the claim does not hold.
pub(super) type Named = (&'static str, fn(&Record) -> Result<(), String>);
