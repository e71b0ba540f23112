//! The file for the page. It is opened before the run, so that an unwritable path is reported before the run rather
//! than after it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A writable file. If it did not exist before and is never written, it is removed again.
#[derive(Debug)]
pub(crate) struct ReportFile {
    path: PathBuf,
    file: File,
    left_empty: bool,
}

impl ReportFile {
    /// An earlier page stays unchanged until the new one is ready.
    pub(crate) fn open(path: &Path) -> anyhow::Result<ReportFile> {
        let is_new = !path.exists();
        let opened = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = opened.with_context(|| {
            format!(
                "the report cannot be written to `{}` (hint: it must be a file in a folder that exists and may be \
                 written to)",
                path.display()
            )
        })?;
        Ok(ReportFile {
            path: path.to_owned(),
            file,
            left_empty: is_new,
        })
    }

    pub(crate) fn write(&mut self, page: &str) -> anyhow::Result<()> {
        let writing = || format!("write the report to `{}`", self.path.display());
        // A pipe has no length.
        if self.file.metadata().with_context(writing)?.is_file() {
            self.file.set_len(0).with_context(writing)?;
        }
        self.left_empty = false;
        self.file
            .write_all(page.as_bytes())
            .and_then(|()| self.file.flush())
            .with_context(|| format!("write the report to `{}`", self.path.display()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        if self.left_empty {
            // The file was only created for the check; failing to remove an empty file does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn an_earlier_page_is_replaced_whole_and_not_before() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("report.html");
        std::fs::write(&path, "an earlier page").unwrap();
        let mut file = ReportFile::open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "an earlier page");
        file.write("new").unwrap();
        drop(file);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn an_unwritten_file_is_removed() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("report.html");
        drop(ReportFile::open(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_named() {
        let folder = tempdir().unwrap();
        for path in [
            folder.path().to_owned(),
            folder.path().join("no/such/report.html"),
        ] {
            let error = ReportFile::open(&path).unwrap_err();
            let told = format!("{error:#}");
            assert!(
                told.starts_with(&format!(
                    "the report cannot be written to `{}`",
                    path.display()
                )),
                "{told}"
            );
        }
    }
}
