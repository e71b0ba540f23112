//! AWS's fixed strings: statuses, lifecycle events, states. The local AWS has each as a constant.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};

/// A string that the local AWS has as a constant.
pub(crate) type Word = &'static str;

/// Strings that were read, each once.
static READ: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());

/// Leaks each string that is read: there are a few dozen, and a process reads one record.
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

/// The same for an optional string.
pub(crate) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Word>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(constant))
}
