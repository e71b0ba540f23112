//! Whether the migration that a pipeline configures fits the revision that it would run in, before anything is registered.
//!
//! A migration that runs in the wrong container, in the old image, or behind an entry point that swallows its command ends
//! with 0 and migrates nothing.

use std::fmt;

use serde_json::Value;

use super::shell::{self, Kind, Misuse};
use crate::config::{Migration, MigrationImage, MigrationRevision};
use crate::names::ContainerName;
use crate::redact;
use crate::revision::{self, Matching};
use crate::sanitize::line;

/// What a migration will run, redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    container: ContainerName,
    image: String,
    entry_point: Vec<String>,
    command: Vec<String>,
    essential: bool,
    beside: Vec<ContainerName>,
    alone: Option<Alone>,
}

/// The revision that is made for the migration.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alone {
    family: String,
    /// The containers that it has.
    starts: Vec<String>,
    /// How many more the shipped revision has.
    left_out: usize,
}

/// ECS takes families of 255 characters (ECS API Reference, RegisterTaskDefinition).
const FAMILY_CHARACTERS_AT_MOST: usize = 255;

/// A migration that would not do what is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The container is not there.
    #[error(
        "the next revision has no container `{container}` for the migration, it has {containers} \
         (hint: correct `container` of `[pipeline.migration]`)"
    )]
    NoSuchContainer {
        /// The container that the configuration names.
        container: ContainerName,
        /// Those that the revision has.
        containers: String,
    },
    /// The container keeps the image that it has.
    #[error(
        "the migration's container `{container}` does not get the pushed image, it keeps `{image}`: the old code would migrate \
         (hint: {hint})"
    )]
    KeepsItsImage {
        /// The container that the configuration names.
        container: ContainerName,
        /// Its image.
        image: String,
        /// What to write instead.
        hint: String,
    },
    /// ECS may run the container once more after its end.
    #[error(
        "the migration's container `{container}` has a restart policy, which RunTask cannot override: ECS would run a migration \
         that took {seconds} seconds or more once again, {whenever}, and its exit code would be that of another run (hint: {hint})"
    )]
    Restarts {
        /// The container that the configuration names.
        container: ContainerName,
        /// How long it has to run before ECS restarts it.
        seconds: u64,
        /// After which exit codes.
        whenever: String,
        /// What to do instead.
        hint: String,
    },
    /// The family of the revision that is made for the migration would have a name that ECS refuses.
    #[error(
        "the migration cannot run alone: its family `{family}` would have {} characters, and ECS takes \
         {FAMILY_CHARACTERS_AT_MOST} (hint: give the task definition a family with a shorter name, or leave out `alone` of `[pipeline.migration]`)",
        family.chars().count()
    )]
    FamilyTooLong {
        /// The family.
        family: String,
    },
    /// The command does not run as it is written.
    #[error(
        "the migration's command would not run: container `{container}` would run `{runs}`, {reason} (hint: {hint})"
    )]
    Command {
        /// The container that the configuration names.
        container: ContainerName,
        /// What would really run.
        runs: String,
        /// Why.
        reason: String,
        /// What to write instead.
        hint: String,
    },
}

/// Checks the migration against what would be registered, or what green runs; `matching` are the containers that get the
/// pushed image.
///
/// # Errors
/// The first thing that does not fit.
pub fn check(migration: &Migration, next: &Value, matching: &Matching) -> Result<Runs, Unfit> {
    let containers = next["containerDefinitions"].as_array();
    let containers = containers.map(Vec::as_slice).unwrap_or_default();
    let place = containers
        .iter()
        .position(|container| name_of(container) == Some(migration.container.as_str()))
        .ok_or_else(|| Unfit::NoSuchContainer {
            container: migration.container.clone(),
            containers: listed(containers.iter().filter_map(name_of)),
        })?;
    let definition = &containers[place];
    let image = line(definition["image"].as_str().unwrap_or("no image"));
    let gets_it = |place: usize| matching.indexes().contains(&place);
    let has_image = migration.image == MigrationImage::Own || gets_it(place);
    if !has_image {
        let others = containers.iter().enumerate();
        let others = others.filter(|(place, _)| gets_it(*place));
        let others: Vec<&str> = others.filter_map(|(_, other)| name_of(other)).collect();
        return Err(Unfit::KeepsItsImage {
            container: migration.container.clone(),
            image,
            hint: image_hint(&migration.container, &others),
        });
    }
    if may_restart(definition) {
        let mut others = containers.iter().enumerate();
        let other = others.find(|(place, other)| gets_it(*place) && !may_restart(other));
        return Err(restarts(
            &migration.container,
            definition,
            other.and_then(|(_, other)| name_of(other)),
        ));
    }
    let entry_point = texts(&definition["entryPoint"]);
    if let Some(misuse) = examine(&entry_point, &migration.command) {
        let other = containers.iter().enumerate().find(|(place, other)| {
            let entry_point = texts(&other["entryPoint"]);
            gets_it(*place) && examine(&entry_point, &migration.command).is_none()
        });
        let other = other.and_then(|(_, other)| name_of(other));
        return Err(unfit_command(migration, &entry_point, &misuse, other));
    }
    let alone = match migration.revision {
        MigrationRevision::Shipped => None,
        MigrationRevision::Alone => revision::only_needed(next, &migration.container),
    };
    let essential = revision::essential_in(alone.as_ref().unwrap_or(next));
    Ok(Runs {
        container: migration.container.clone(),
        image,
        entry_point,
        command: migration.command.clone(),
        essential: essential.contains(&migration.container),
        beside: essential
            .into_iter()
            .filter(|other| *other != migration.container)
            .collect(),
        alone: alone.map(|alone| alone_in(&alone, next)).transpose()?,
    })
}

fn alone_in(alone: &Value, shipped: &Value) -> Result<Alone, Unfit> {
    let family = alone["family"].as_str().unwrap_or_default().to_owned();
    if family.chars().count() > FAMILY_CHARACTERS_AT_MOST {
        return Err(Unfit::FamilyTooLong { family });
    }
    let containers = |of: &Value| -> Vec<String> {
        let containers = of["containerDefinitions"].as_array().into_iter().flatten();
        containers
            .filter_map(|one| Some(name_of(one)?.to_owned()))
            .collect()
    };
    let starts = containers(alone);
    Ok(Alone {
        family,
        left_out: containers(shipped).len().saturating_sub(starts.len()),
        starts,
    })
}

/// How long a container runs before it can be restarted, unless its policy says otherwise, in seconds (ECS API Reference,
/// ContainerRestartPolicy).
const RESTART_ATTEMPT_PERIOD: u64 = 300;

/// Whether ECS may run a container again that has ended. No policy excludes that: at most 50 exit codes can be ignored. One that
/// ignores 0 alone repeats what failed half way, and the 0 of the second run would count for both. How long a migration
/// will take is not known before.
fn may_restart(container: &Value) -> bool {
    let policy = &container["restartPolicy"];
    policy.is_object() && policy["enabled"] != false
}

fn restarts(container: &ContainerName, definition: &Value, other: Option<&str>) -> Unfit {
    let policy = &definition["restartPolicy"];
    let ignored = policy["ignoredExitCodes"].as_array().into_iter().flatten();
    let ignored: Vec<String> = ignored
        .filter_map(|code| code.as_i64().map(|code| code.to_string()))
        .collect();
    let elsewhere = match other {
        Some(other) => format!("migrate with `container = {other:?}`"),
        None => "migrate in a container without a restart policy".to_owned(),
    };
    Unfit::Restarts {
        container: container.clone(),
        seconds: policy["restartAttemptPeriod"]
            .as_u64()
            .unwrap_or(RESTART_ATTEMPT_PERIOD),
        whenever: match ignored.is_empty() {
            true => "whatever its exit code".to_owned(),
            false => format!("unless its exit code is {}", ignored.join(" or ")),
        },
        hint: format!(
            "set `enabled` of its `restartPolicy` to false in the task definition, or {elsewhere}"
        ),
    }
}

fn examine(entry_point: &[String], command: &[String]) -> Option<Misuse> {
    let words: Vec<String> = entry_point.iter().chain(command).cloned().collect();
    shell::examine(&words, entry_point.len())
}

fn image_hint(container: &ContainerName, others: &[&str]) -> String {
    let named = match others {
        [other] => format!("migrate in `{other}`, with `container = {other:?}`, "),
        _ => String::new(),
    };
    let containers: Vec<&str> = others.iter().copied().chain([container.as_str()]).collect();
    format!(
        "{named}give `{container}` the image too, with `containers = {}` in the pipeline, or say that it keeps its own, with \
         `image = \"own\"` in `[pipeline.migration]`",
        list(&containers)
    )
}

fn unfit_command(
    migration: &Migration,
    entry_point: &[String],
    misuse: &Misuse,
    other: Option<&str>,
) -> Unfit {
    let fixed = entry_point.len();
    let paste = |command: &[String]| {
        let words: Vec<String> = command.iter().map(|word| redacted(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        format!("write `command = {}`", list(&words))
    };
    let elsewhere = |what: &str| {
        let container = other.map(|other| format!(", or migrate with `container = {other:?}`"));
        format!(
            "{what} in the task definition, for RunTask cannot replace an entry point{}",
            container.unwrap_or_default()
        )
    };
    let words = [entry_point, &migration.command].concat();
    let as_script = |script: usize| {
        let start = script.saturating_sub(fixed).min(migration.command.len());
        let (before, rest) = migration.command.split_at(start);
        let mut command = before.to_vec();
        command.push(shell::joined(rest));
        command
    };
    let (reason, hint) = match &misuse.kind {
        Kind::WordsLost { script, lost } => {
            let reason = words_lost(words.get(*script), lost);
            let hint = if *script < fixed {
                elsewhere("let the script end with `exec \"$@\"`")
            } else {
                paste(&as_script(*script))
            };
            (reason, hint)
        }
        Kind::NameLost(name) => {
            let mut command = vec!["--".to_owned()];
            command.extend(migration.command.clone());
            let reason = format!(
                "and its script gets `{}` as `$0`, which it does not use",
                redacted(name)
            );
            (reason, paste(&command))
        }
        Kind::ScriptFixed => {
            let reason =
                "whose script is in the entry point and uses nothing of the command".to_owned();
            (
                reason,
                elsewhere("end that script with `exec \"$@\"`, and `--` behind it,"),
            )
        }
        Kind::ReadsInput => (
            "a shell that reads its script from an input that is empty".to_owned(),
            shell_hint(fixed, &words, &elsewhere, &paste, migration),
        ),
        Kind::NotExecuted => (
            "a shell that reads its script without running it".to_owned(),
            shell_hint(fixed, &words, &elsewhere, &paste, migration),
        ),
        Kind::RunsNothing => (
            "which runs nothing of it".to_owned(),
            elsewhere("take that program out of the entry point"),
        ),
    };
    Unfit::Command {
        container: migration.container.clone(),
        runs: redacted(&shell::joined(&misuse.runs)),
        reason,
        hint,
    }
}

fn words_lost(script: Option<&String>, lost: &[String]) -> String {
    let lost: Vec<String> = lost.iter().map(|word| redacted(word)).collect();
    format!(
        "which is `{}` alone: a shell takes one word as its script, and {} behind it are lost",
        redacted(script.map(String::as_str).unwrap_or_default()),
        listed(lost.iter().map(String::as_str))
    )
}

fn shell_hint(
    fixed: usize,
    words: &[String],
    elsewhere: &impl Fn(&str) -> String,
    paste: &impl Fn(&[String]) -> String,
    migration: &Migration,
) -> String {
    if fixed > 0 && fixed < words.len() {
        return elsewhere("take the shell and its options out of the entry point");
    }
    let script = migration.command.iter().skip(1);
    let script: Vec<String> = script
        .filter(|word| !word.starts_with('-'))
        .cloned()
        .collect();
    paste(&["sh".to_owned(), "-c".to_owned(), shell::joined(&script)])
}

impl Runs {
    /// The family of the revision that is made for it; none where it runs in the shipped one.
    pub fn own_family(&self) -> Option<&str> {
        self.alone.as_ref().map(|alone| alone.family.as_str())
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            container, image, ..
        } = self;
        let essential = if self.essential {
            "essential"
        } else {
            "not essential"
        };
        write!(
            f,
            "the migration runs `{}` in container `{container}` ({essential}) of image `{image}`",
            redacted(&shell::joined(&self.command))
        )?;
        if self.entry_point.is_empty() {
            write!(
                f,
                ", behind the image's own entry point where it has one (it is not known; `entryPoint` in the task definition \
                 states it)"
            )?;
        } else {
            write!(
                f,
                ", behind the entry point `{}`",
                redacted(&shell::joined(&self.entry_point))
            )?;
        }
        if let Some(alone) = &self.alone {
            write!(
                f,
                "; it runs alone, in a revision of the family `{}`: {} of the {} containers start, {}",
                line(&alone.family),
                alone.starts.len(),
                alone.starts.len() + alone.left_out,
                listed(alone.starts.iter().map(String::as_str))
            )?;
        }
        if !self.beside.is_empty() {
            let names = listed(self.beside.iter().map(ContainerName::as_str));
            write!(
                f,
                "; beside it run the essential {names}: if one of them ends first the migration is stopped, and if one answers SIGTERM \
                 with an exit code of its own, such as 0, it may not be known which ended first, which fails (hint: set \
                 `essential: false` for what need not end the task)"
            )?;
        }
        Ok(())
    }
}

/// Words of a command without what an option is set to: that may be secret.
fn redacted(words: &str) -> String {
    let word = |word: &str| match word.split_once('=') {
        Some((option, _)) if option.trim_start_matches(['\'', '"']).starts_with('-') => {
            format!("{option}=…")
        }
        Some(_) | None => word.to_owned(),
    };
    let words: Vec<String> = words.split(' ').map(word).collect();
    line(&redact::redact(&words.join(" ")))
}

/// A list as TOML writes it.
fn list(words: &[&str]) -> String {
    let words = words.iter().map(|word| toml::Value::from(*word));
    toml::Value::Array(words.collect()).to_string()
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{}`", line(name))).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn name_of(container: &Value) -> Option<&str> {
    container["name"].as_str()
}

fn texts(words: &Value) -> Vec<String> {
    let words = words.as_array().into_iter().flatten();
    words
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}
