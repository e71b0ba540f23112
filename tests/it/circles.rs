//! Files that use each other in a circle: none of them can be read, tried or changed without the others.
//!
//! A file uses another one when it names something in it: in a `use`, or by a path in its text (`crate::a::b`,
//! `super::b`, `child::c`). What is only handed on is looked through: `crate::ecs::View` means the file that defines
//! `View`, not `ecs/mod.rs`, which re-exports it. So a parent that declares and re-exports its children uses none of them
//! until its own text names one, and a child uses its parent only for what the parent's file itself defines. Tests are
//! left out: they may use everything. A method that is called on a value names no file and is not seen.

mod source;

use std::collections::{BTreeMap, BTreeSet};

use self::source::{Import, Source};
use crate::repository;

/// Two files that belong together, or three, can be held in mind at once.
const FILES_AT_MOST: usize = 3;

/// Folders whose crates are looked at.
const CRATES: [&str; 4] = ["cli", "functions", "rehearsal", "shared"];

/// Circles that are still to be untied, each by one of its files. An entry that is none any more is to be taken off.
const KNOWN: [&str; 0] = [];

/// The path of a module within its crate, `["ecs", "task"]`, or of something in it.
type Path = Vec<String>;

/// The modules of one crate.
struct Modules(BTreeMap<Path, Module>);

struct Module {
    file: String,
    source: Source,
}

impl Modules {
    /// Of (path, text) of files in the crate's `src`.
    fn of(files: impl Iterator<Item = (String, String)>) -> Modules {
        let module = |(file, text): (String, String)| {
            let (_, inner) = file.split_once("/src/")?;
            let mut path: Path = inner
                .trim_end_matches(".rs")
                .split('/')
                .map(str::to_owned)
                .collect();
            if path.iter().any(|part| part == "tests") {
                return None;
            }
            path.pop_if(|last| ["lib", "main", "mod"].contains(&last.as_str()));
            let source = Source::read(&text);
            Some((path, Module { file, source }))
        };
        Modules(files.filter_map(module).collect())
    }

    /// The modules that each one uses, each with the name by which it does.
    fn uses(&self) -> BTreeMap<&Path, BTreeMap<&Path, String>> {
        let of = |path: &Path, module: &Module| {
            let is_needed =
                |import: &&Import| !import.is_public || module.source.names.contains(&import.name);
            let imports = module.source.imports.iter().filter(is_needed);
            let named = imports.map(|import| &import.path);
            let used = named.chain(&module.source.paths).filter_map(|named| {
                let used = self.definer(&self.absolute(path, named)?, 0)?;
                (used != path).then(|| (used, named.join("::")))
            });
            used.collect()
        };
        let all = self.0.iter();
        all.map(|(path, module)| (path, of(path, module))).collect()
    }

    /// A path as `module` writes it, from the crate's root; none for what is in another crate.
    fn absolute(&self, module: &Path, written: &[String]) -> Option<Path> {
        let (first, rest) = written.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module.as_slice(), rest].concat()),
            "super" => {
                let ups = written.iter().take_while(|part| *part == "super").count();
                let kept = module.len().checked_sub(ups)?;
                Some([&module[..kept], &written[ups..]].concat())
            }
            _ => {
                let below = [module.as_slice(), &written[..1]].concat();
                let path = [module.as_slice(), written].concat();
                self.0.contains_key(&below).then_some(path)
            }
        }
    }

    /// The module whose file defines what an absolute path leads to, through however many re-exports.
    fn definer(&self, path: &[String], hops: usize) -> Option<&Path> {
        let longest = (0..=path.len()).rev().find_map(|length| {
            let (module, _) = self.0.get_key_value(&path[..length])?;
            Some((module, &path[length..]))
        });
        let (module, inner) = longest?;
        let Some((item, rest)) = inner.split_first() else {
            return Some(module);
        };
        let mut imports = self.0[module].source.imports.iter();
        let handed_on = imports.find(|import| import.name == *item);
        let further = handed_on
            .filter(|_| hops < 8)
            .and_then(|import| self.absolute(module, &import.path));
        match further {
            Some(further) => self.definer(&[further.as_slice(), rest].concat(), hops + 1),
            None => Some(module),
        }
    }

    /// Every circle of files, as the lines that show it.
    fn circles(&self) -> Vec<Vec<String>> {
        let uses = self.uses();
        let reached: BTreeMap<&Path, BTreeSet<&Path>> = uses
            .keys()
            .map(|path| (*path, reach(path, &uses)))
            .collect();
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for path in uses.keys() {
            let both =
                |other: &&Path| reached[path].contains(*other) && reached[other].contains(path);
            let circle: BTreeSet<&Path> = uses.keys().copied().filter(both).collect();
            if circle.is_empty() || !seen.insert(circle.clone()) {
                continue;
            }
            let line = |path: &&Path| {
                let used = uses[path].iter().filter(|(used, _)| circle.contains(*used));
                let used: Vec<String> = used
                    .map(|(used, name)| format!("{} (`{name}`)", self.0[*used].file))
                    .collect();
                format!("{} uses {}", self.0[*path].file, used.join(", "))
            };
            circles.push(circle.iter().map(line).collect());
        }
        circles
    }
}

/// Everything that is used from here on, however indirectly.
fn reach<'m>(
    from: &'m Path,
    uses: &BTreeMap<&'m Path, BTreeMap<&'m Path, String>>,
) -> BTreeSet<&'m Path> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Path> = vec![from];
    while let Some(path) = next.pop() {
        next.extend(
            uses[path]
                .keys()
                .copied()
                .filter(|used| reached.insert(*used)),
        );
    }
    reached
}

/// The crates' files, by the crate's folder.
fn crates() -> BTreeMap<String, Vec<(String, String)>> {
    let mut crates: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let files = CRATES.iter().flat_map(|folder| repository::files(folder));
    for file in files.filter(|file| file.ends_with(".rs")) {
        if let Some((folder, _)) = file.split_once("/src/") {
            let text = repository::text(&file);
            crates
                .entry(folder.to_owned())
                .or_default()
                .push((file, text));
        }
    }
    crates
}

#[test]
fn no_circle_has_more_than_three_files() {
    let circles = crates().into_values().flat_map(|files| {
        let circles = Modules::of(files.into_iter()).circles();
        circles
            .into_iter()
            .filter(|circle| circle.len() > FILES_AT_MOST)
    });
    let mut known = BTreeSet::from(KNOWN);
    let mut unknown = Vec::new();
    for circle in circles {
        let begins = |file: &str| {
            circle
                .iter()
                .any(|line| line.split(' ').next() == Some(file))
        };
        let before = known.len();
        known.retain(|file| !begins(file));
        if known.len() == before {
            let files = circle.len();
            unknown.push(format!(
                "{files} files use each other in a circle, move what they share into a file below them:\n  {}",
                circle.join("\n  ")
            ));
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert!(
        known.is_empty(),
        "{known:?} is in no circle any more, take it off `KNOWN` in tests/it/circles.rs"
    );
}

#[test]
fn a_circle_is_found_and_re_exports_are_looked_through() {
    let check = |files: &[(&str, &str)]| {
        let file = |(name, text): &(&str, &str)| (format!("x/src/{name}"), (*text).to_owned());
        let circles = Modules::of(files.iter().map(file)).circles();
        circles.concat().join("\n").replace("x/src/", "")
    };
    let parent =
        "mod a; mod b; pub use self::a::A; pub struct Own; fn f() -> S { S { x: b::run() } }";
    let through = [
        ("lib.rs", parent),
        ("a.rs", "struct A;"),
        ("b.rs", "use super::A;"),
    ];
    assert_eq!(check(&through), "");
    let own = [
        ("lib.rs", parent),
        ("a.rs", ""),
        ("b.rs", "use crate::{Own as It, a,};"),
    ];
    let expected = "lib.rs uses b.rs (`b::run`)\nb.rs uses lib.rs (`crate::Own`)";
    assert_eq!(check(&own), expected);
    let left_out = "#[cfg(test)] mod tests { use super::Own; } // super::Own\npub(in crate::b) const S: &str = \"super::Own\";";
    let outside = [
        ("lib.rs", "fn f() { 'x'; let s: &'a str = \"'\"; }"),
        ("b/mod.rs", "mod c; struct Own; fn f() { c::f() }"),
        ("b/c.rs", left_out),
    ];
    assert_eq!(check(&outside), "");
}
