//! AWS's own words: statuses, lifecycle events, states. Whoever notes one has it as a constant.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};

/// A word that the local AWS has as a constant.
pub(crate) type Word = &'static str;

/// Words that were read, each once.
static READ: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());

/// A word of a file becomes a constant too: there are a few dozen, and a process reads one record.
fn constant(word: String) -> Word {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    match read.get(word.as_str()) {
        Some(known) => known,
        None => {
            let word: Word = word.leak();
            read.insert(word);
            word
        }
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    String::deserialize(deserializer).map(constant)
}

/// The same for one that may be missing.
pub(crate) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Word>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(constant))
}
