//! The file that records every call; `recording` writes it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use serde_json::Value;

/// The file to which every call is written, once one is given.
#[derive(Default)]
pub struct Wire {
    file: OnceLock<Mutex<File>>,
    failure: OnceLock<std::io::Error>,
}

impl Wire {
    /// Checks that a file is writable before there is anything to record. It is not changed.
    pub fn check_file(path: &Path) -> anyhow::Result<()> {
        let is_new = !path.exists();
        let opened = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        opened.with_context(|| format!("open `{}` to record the wire", path.display()))?;
        if is_new {
            // The check created it; an empty file that remains does no harm.
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }

    /// Writes every call from now on to this file, which is created or truncated. To be called once.
    pub fn write_to(&self, path: &Path) -> anyhow::Result<()> {
        let file = File::create(path)
            .with_context(|| format!("open `{}` to record the wire", path.display()))?;
        // A second file is ignored.
        let _ = self.file.set(Mutex::new(file));
        Ok(())
    }

    /// Whether everything was written so far.
    pub fn check(&self) -> anyhow::Result<()> {
        match self.failure.get() {
            None => Ok(()),
            Some(error) => anyhow::bail!("the wire was not recorded to its end: {error}"),
        }
    }

    /// Whether calls are to be written.
    pub(super) fn is_open(&self) -> bool {
        self.file.get().is_some()
    }

    pub(super) fn write(&self, line: &Value) {
        let Some(file) = self.file.get() else { return };
        // One write a line, so that a program that follows the file never reads half of one.
        let text = format!("{line}\n");
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(text.as_bytes()) {
            // Only the first failure is reported; the later ones are its consequences.
            let _ = self.failure.set(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = Wire::default()
            .write_to(Path::new("/nowhere/at/all"))
            .unwrap_err();
        assert!(format!("{error:#}").starts_with("open `/nowhere/at/all` to record the wire: "));
    }
}
