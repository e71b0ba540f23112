//! Programs of the user's, which run in containers in place of the sample service.
//!
//! A program is to its containers what an image is: it has an entry point, a command, a working directory and an
//! environment, and a task definition and RunTask change them by Docker's rules.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

use crate::ecr::{Image, ImageSettings};
use crate::process::{Container, Custom};

/// The ports that are given to programs. Systems take the ports of outgoing connections from 32768 on (Linux) or from 49152
/// on (macOS), so that none of these is taken before the program listens.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A program and what runs with it, as `--program` states it. `{port}`, `{version}` and `{digest}` in it are replaced for
/// each container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// Where it runs, as an image's WORKDIR; relative to that of the rehearsal.
    pub folder: String,
    /// As an image's ENTRYPOINT; may be empty.
    pub entry_point: Vec<String>,
    /// As an image's CMD.
    pub command: Vec<String>,
}

/// The programs of a world, and what all of them have.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// By the name of the container.
    pub by_container: BTreeMap<String, Program>,
    /// As an image's ENV: where programs are found, and the language.
    pub environment: BTreeMap<String, String>,
    /// The working directory of the rehearsal.
    pub folder: PathBuf,
}

/// What represents the images of a world.
#[derive(Debug, Clone, Default)]
pub struct Executables {
    pub sample_service: PathBuf,
    pub programs: Programs,
    /// What every image of the sample service has as its ENV, beside what it states itself.
    pub environment: BTreeMap<String, String>,
}

/// The image of a container, as its program sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulled {
    /// `None` where the manifest does not state one, or the image is not in ECR.
    pub version: Option<String>,
    pub digest: String,
    pub tags: Vec<String>,
}

/// What a task definition, or RunTask, has in place of the image's.
#[derive(Debug, Clone, Default)]
pub struct Replaced {
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// How long the program may take to end after SIGTERM, in seconds of real time; ECS's default if `None`.
    pub stop_timeout: Option<u64>,
}

impl From<&Image> for Pulled {
    fn from(image: &Image) -> Pulled {
        Pulled {
            version: image.version.clone(),
            digest: image.digest.clone(),
            tags: image.tags.clone(),
        }
    }
}

impl From<&ImageSettings> for Pulled {
    fn from(image: &ImageSettings) -> Pulled {
        Pulled {
            version: Some(image.version.clone()),
            digest: image.digest(),
            tags: image.tags.clone(),
        }
    }
}

impl Pulled {
    /// The variables by which a program knows its version.
    fn environment(&self) -> BTreeMap<String, String> {
        let variables = [
            (
                "REHEARSAL_IMAGE_VERSION",
                self.version.clone().unwrap_or_default(),
            ),
            ("REHEARSAL_IMAGE_DIGEST", self.digest.clone()),
            ("REHEARSAL_IMAGE_TAGS", self.tags.join(",")),
        ];
        variables
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}

impl Programs {
    pub fn of(&self, container: &str) -> Option<&Program> {
        self.by_container.get(container)
    }

    /// The process of a container with a program; fails if no port is free.
    pub fn container(
        &self,
        program: &Program,
        image: &Pulled,
        replaced: Replaced,
    ) -> anyhow::Result<Container> {
        let port = free_port()?;
        let filled = |text: &str| {
            text.replace("{port}", &port.to_string())
                .replace("{version}", image.version.as_deref().unwrap_or_default())
                .replace("{digest}", &image.digest)
        };
        let folder = self.folder.join(filled(&program.folder));
        let ours = |words: &[String]| words.iter().map(|word| filled(word)).collect::<Vec<_>>();
        let mut words = match replaced.entry_point.is_empty() {
            true => ours(&program.entry_point),
            false => replaced.entry_point.clone(),
        };
        match (replaced.command.is_empty(), replaced.entry_point.is_empty()) {
            (false, _) => words.extend(replaced.command),
            (true, true) => words.extend(ours(&program.command)),
            // An entry point of the task definition's hides the image's command (Dockerfile reference, "CMD").
            (true, false) => {}
        }
        let mut environment = self.environment.clone();
        environment.extend(replaced.environment);
        environment.extend(image.environment());
        environment.insert("PORT".to_owned(), port.to_string());
        let mut words = words.into_iter();
        let executable = words.next().unwrap_or_default();
        Ok(Container {
            program: in_folder(&folder, &executable),
            arguments: words.collect(),
            environment,
            custom: Some(Custom {
                folder,
                port,
                stop_timeout: replaced.stop_timeout,
            }),
        })
    }
}

/// A name is found in PATH, and a path counts from the working directory, as in a container.
fn in_folder(folder: &Path, executable: &str) -> PathBuf {
    match executable.contains('/') {
        true => folder.join(executable),
        false => PathBuf::from(executable),
    }
}

/// A port of loopback that is free at this moment, and that this process has not given away lately.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Rehearsals that run at once begin at different ports.
    let first = std::process::id().wrapping_mul(97) % count;
    (0..count)
        .find_map(|_| {
            let offset = (first + GIVEN.fetch_add(1, Ordering::Relaxed)) % count;
            let port = PORTS.start + u16::try_from(offset).ok()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
            Some(port)
        })
        .with_context(|| {
            format!(
                "no port from {} to {} is free on this machine",
                PORTS.start, PORTS.end
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_program_is_started_by_dockers_rules() {
        let image = Pulled {
            version: Some("1.1.0".to_owned()),
            digest: "sha256:0a".to_owned(),
            tags: vec!["latest".to_owned(), "v1.1.0".to_owned()],
        };
        for (entry_point, command, (replaced_entry, replaced), expected) in [
            ("", "serve --port {port}", ("", ""), "serve --port PORT"),
            (
                "",
                "serve",
                ("", "python manage.py migrate"),
                "python manage.py migrate",
            ),
            (
                "./run {version}",
                "serve",
                ("", ""),
                "/w/app/1.1.0/./run 1.1.0 serve",
            ),
            (
                "./run {version}",
                "serve",
                ("", "migrate {port}"),
                "/w/app/1.1.0/./run 1.1.0 migrate {port}",
            ),
            ("./run", "serve", ("tini --", ""), "tini --"),
            ("./run", "serve", ("tini --", "migrate"), "tini -- migrate"),
            ("/bin/run", "{digest}", ("", ""), "/bin/run sha256:0a"),
        ] {
            let program = Program {
                folder: "app/{version}".to_owned(),
                entry_point: words(entry_point),
                command: words(command),
            };
            let programs = Programs {
                folder: PathBuf::from("/w"),
                ..Programs::default()
            };
            let replaced = Replaced {
                entry_point: words(replaced_entry),
                command: words(replaced),
                ..Replaced::default()
            };
            let container = programs.container(&program, &image, replaced).unwrap();
            let custom = container.custom.unwrap();
            assert_eq!(custom.folder, Path::new("/w/app/1.1.0"));
            let started = [container.program.display().to_string()];
            let started: Vec<String> = started.into_iter().chain(container.arguments).collect();
            let started = started.join(" ").replace(&custom.port.to_string(), "PORT");
            assert_eq!(started, expected);
        }
    }

    #[test]
    fn a_program_has_its_tasks_environment_and_knows_its_image_and_its_port() {
        let given = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<String, String>>()
        };
        let programs = Programs {
            environment: given(&[("PATH", "/bin"), ("LANG", "C")]),
            ..Programs::default()
        };
        let image = Pulled {
            version: None,
            digest: "sha256:0a".to_owned(),
            tags: vec!["latest".to_owned(), "v2".to_owned()],
        };
        let replaced = Replaced {
            environment: given(&[("LANG", "C.UTF-8"), ("PORT", "8080")]),
            ..Replaced::default()
        };
        let program = Program::default();
        let container = programs.container(&program, &image, replaced).unwrap();
        let port = container.custom.unwrap().port.to_string();
        let expected = given(&[
            ("LANG", "C.UTF-8"),
            ("PATH", "/bin"),
            ("PORT", &port),
            ("REHEARSAL_IMAGE_DIGEST", "sha256:0a"),
            ("REHEARSAL_IMAGE_TAGS", "latest,v2"),
            ("REHEARSAL_IMAGE_VERSION", ""),
        ]);
        assert_eq!(container.environment, expected);
    }

    #[test]
    fn no_two_programs_get_one_port_and_none_gets_one_that_is_taken() {
        let first = free_port().unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 1));
        let ports = [first, free_port().unwrap(), free_port().unwrap()];
        assert!(ports[1] != ports[0] && ports[2] != ports[1], "{ports:?}");
        assert!(!ports[1..].contains(&(first + 1)), "{ports:?}");
    }
}
