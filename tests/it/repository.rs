//! The files of this repository, as a clone has them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The text of a file, by its path from the workspace's folder.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{path} is not readable ({error}), add it"))
}

/// A JSON file, by its path from the workspace's folder.
pub(crate) fn json(path: &str) -> Value {
    serde_json::from_str(&text(path))
        .unwrap_or_else(|error| panic!("{path} is not JSON ({error}), correct it"))
}

/// Every text file of a clone below `folder`, by its path from the workspace's folder, sorted. What `.gitignore` names at
/// the top is left out, as are the folders that tools keep beside a clone.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let ignored: Vec<PathBuf> = text(".gitignore")
        .lines()
        .filter_map(|line| line.strip_prefix('/'))
        .chain([".git"])
        .map(|name| root().join(name))
        .collect();
    let mut found = Vec::new();
    walk(&root().join(folder), &ignored, &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, ignored: &[PathBuf], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if ignored.contains(&path) {
            continue;
        }
        if path.is_dir() {
            walk(&path, ignored, found);
        } else if path.extension().is_none_or(|extension| extension != "png") {
            found.push(
                path.strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
    }
}
