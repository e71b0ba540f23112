//! One run of a scenario: the real binaries, built once, played by the rehearsal, and the record that it leaves.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use serde_json::Value;

use crate::repository;

/// The record of a run, as `cargo rehearse NAME --json` prints it.
pub(crate) struct Run {
    record: Value,
}

/// Plays a scenario, which must go as it expects.
#[track_caller]
pub(crate) fn play(scenario: &str) -> Run {
    let output = rehearse(&[scenario, "--json"]);
    let run = Run::read(scenario, &output);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        run.is_as_expected(),
        "`cargo rehearse {scenario}` is not as expected\n{complaint}"
    );
    assert!(
        output.status.success(),
        "`cargo rehearse {scenario}` ended with {}\n{complaint}",
        output.status
    );
    run
}

/// Plays scenarios in another way than they expect, so they may fail. Several side by side: a run mostly waits.
pub(crate) fn play_otherwise(plays: &[[&str; 3]]) -> Vec<Run> {
    const SIDE_BY_SIDE: usize = 4;
    let _alone = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let runs: Vec<OnceLock<Run>> = plays.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        while let Some((play, run)) = plays
            .iter()
            .zip(&runs)
            .nth(next.fetch_add(1, Ordering::Relaxed))
        {
            let arguments: Vec<&str> = play.iter().copied().chain(["--json"]).collect();
            run.get_or_init(|| Run::read(play[0], &start(&arguments)));
        }
    };
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(take);
        }
    });
    runs.into_iter()
        .map(|run| run.into_inner().unwrap())
        .collect()
}

/// What `cargo rehearse NAME` prints where nobody watches a terminal.
pub(crate) fn transcript(scenario: &str) -> String {
    String::from_utf8(rehearse(&[scenario]).stdout).unwrap()
}

/// Each rehearsal brings processes of its own, and a small machine should not play them all at once.
static STAGE: Mutex<()> = Mutex::new(());

/// Runs the rehearsal, one at a time.
fn rehearse(arguments: &[&str]) -> Output {
    binaries();
    let _alone = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    start(arguments)
}

fn start(arguments: &[&str]) -> Output {
    let binaries = binaries();
    Command::new(binaries.join("rehearsal"))
        .args(arguments)
        .arg("--binaries")
        .arg(binaries)
        .current_dir(repository::root())
        .output()
        .unwrap()
}

/// The folder of the built binaries. They are built into the target folder and the profile that this test runs from,
/// wherever that is: `<target>/<profile>/deps/<this test>`.
pub(crate) fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let this_test = std::env::current_exe().unwrap();
        let folder = this_test.ancestors().nth(2).unwrap().to_owned();
        let profile = match folder.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            profile => profile,
        };
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--locked",
                "--workspace",
                "--bins",
                "--profile",
                profile,
                "--target-dir",
            ])
            .arg(folder.parent().unwrap())
            .current_dir(repository::root())
            .status()
            .unwrap();
        assert!(
            status.success(),
            "the binaries are not built ({status}), see above"
        );
        folder
    })
}

impl Run {
    #[track_caller]
    fn read(scenario: &str, output: &Output) -> Run {
        let (said, complaint) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        let record: Value = serde_json::from_str(&said).unwrap_or_else(|error| {
            panic!(
                "the record of `{scenario}` is not one JSON object: {error}\n{said}\n{complaint}"
            )
        });
        assert_eq!(record["scenario"], scenario);
        Run { record }
    }

    /// Whether everything was as the scenario expects.
    pub(crate) fn is_as_expected(&self) -> bool {
        self.record["as_expected"] == true
    }

    pub(crate) fn list(&self, name: &str) -> &[Value] {
        let list = self.record[name].as_array();
        list.unwrap_or_else(|| {
            panic!(
                "`{name}` of the record is {}, make it a list",
                self.record[name]
            )
        })
    }

    /// The status of every deployment, in the order in which they were created.
    pub(crate) fn deployments(&self) -> Vec<&str> {
        self.list("deployments")
            .iter()
            .map(|deployment| deployment["status"].as_str().unwrap())
            .collect()
    }

    /// How many events were given up, and are kept.
    pub(crate) fn dead_letters(&self) -> usize {
        self.list("dead_letters").len()
    }

    /// The digests that deployments ship.
    pub(crate) fn shipped_digests(&self) -> Vec<&str> {
        self.list("deployments")
            .iter()
            .filter_map(|deployment| deployment["image_digest"].as_str())
            .collect()
    }

    /// `Name Status` of the lifecycle events of one deployment.
    pub(crate) fn lifecycle_events(&self, deployment: usize) -> Vec<String> {
        let events = self.list("deployments")[deployment]["lifecycle_events"]
            .as_array()
            .unwrap();
        let word = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        events
            .iter()
            .map(|event| format!("{} {}", word(event, "name"), word(event, "status")))
            .collect()
    }

    /// The status of one lifecycle event of the first deployment.
    pub(crate) fn lifecycle_event(&self, name: &str) -> String {
        let events = self.lifecycle_events(0);
        let found = events
            .iter()
            .find_map(|event| event.strip_prefix(&format!("{name} ")));
        found
            .unwrap_or_else(|| panic!("{name} is not among {events:?}"))
            .to_owned()
    }

    /// The versions that answered on the production listener.
    pub(crate) fn production_versions(&self) -> Vec<&str> {
        let versions = self.record["production"]["versions"].as_object().unwrap();
        versions
            .iter()
            .filter(|(_, count)| count.as_u64() != Some(0))
            .map(|(version, _)| version.as_str())
            .collect()
    }

    /// The version that ECS says a service runs when everything has come to its end.
    pub(crate) fn runs_at_the_end(&self, service: &str) -> &str {
        self.record["at_end"][service]["version"].as_str().unwrap()
    }

    /// Requests on the production listener: (all, failed).
    pub(crate) fn production_requests(&self) -> (u64, u64) {
        let production = &self.record["production"];
        (
            production["requests"].as_u64().unwrap(),
            production["failed"].as_u64().unwrap(),
        )
    }

    /// The ARNs of the revisions that run this digest.
    pub(crate) fn revisions_of(&self, digest: &str) -> Vec<&str> {
        let of_digest = self
            .list("revisions")
            .iter()
            .filter(|revision| revision["image"].to_string().contains(digest));
        of_digest
            .map(|revision| revision["arn"].as_str().unwrap())
            .collect()
    }

    /// How often a function called an operation of AWS.
    pub(crate) fn calls(&self, function: &str, operation: &str) -> usize {
        self.all_calls()
            .iter()
            .filter(|call| **call == (function.to_owned(), operation.to_owned()))
            .count()
    }

    /// (function, operation) of every call to AWS, in order. Physical names of functions end with their folder's name.
    pub(crate) fn all_calls(&self) -> Vec<(String, String)> {
        let functions = repository::functions();
        let call = |call: &Value| {
            let caller = call["function"].as_str()?;
            let function = functions
                .iter()
                .find(|function| caller.ends_with(function.as_str()))?;
            let operation = call["operation"].as_str()?.rsplit(['.', ':']).next()?;
            Some((function.clone(), operation.to_owned()))
        };
        self.list("aws_calls").iter().filter_map(call).collect()
    }

    /// The functions whose invocations failed.
    pub(crate) fn failed_invocations(&self) -> Vec<&Value> {
        self.list("invocations")
            .iter()
            .filter(|invocation| invocation["ok"] != true)
            .collect()
    }

    /// What SNS got, as text, in order.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.list("messages").iter().map(Value::to_string).collect()
    }

    /// Fails when no message holds all of these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        let messages = self.messages();
        assert!(
            messages
                .iter()
                .any(|message| words.iter().all(|word| message.contains(word))),
            "no message holds all of {words:?}:\n{}",
            messages.join("\n")
        );
    }
}
