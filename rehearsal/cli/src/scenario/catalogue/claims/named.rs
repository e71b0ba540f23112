//! What a claim of one scenario is: its sentence, and the function that checks a record for it.

use record::Record;

/// A sentence, and the check that reports what was found where it does not hold.
pub(super) type Named = (&'static str, fn(&Record) -> Result<(), String>);
