//! One run of a scenario: the real binaries, built once, played by the rehearsal, and the record that it leaves.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use serde_json::Value;

use crate::repository;
use crate::template::read::functions;

/// The record of a run, as `cargo rehearse NAME --json` prints it.
pub(crate) struct Run {
    record: Value,
    /// What it said to people, and whether it ended well.
    complaint: String,
    ended_well: bool,
}

/// Plays a scenario, which must go as it expects.
#[track_caller]
pub(crate) fn play(scenario: &str) -> Arc<Run> {
    let run = play_under(scenario, &[]);
    let complaint = &run.complaint;
    assert!(
        run.is_as_expected(),
        "`cargo rehearse {scenario}` is not as expected\n{complaint}"
    );
    assert!(
        run.ended_well,
        "`cargo rehearse {scenario}` is as expected, and ended badly\n{complaint}"
    );
    run
}

/// Plays a scenario with these options. Whoever asks for it again gets the same run.
pub(crate) fn play_under(scenario: &str, options: &[&str]) -> Arc<Run> {
    type Runs = BTreeMap<String, Arc<OnceLock<Arc<Run>>>>;
    static RUNS: Mutex<Runs> = Mutex::new(BTreeMap::new());
    let name = [&[scenario], options].concat().join("-").replace("--", "");
    let run = lock(&RUNS).entry(name.clone()).or_default().clone();
    let run = run.get_or_init(|| {
        let wire = wire_folder().join(format!("{name}.jsonl"));
        let wire = ["--wire", wire.to_str().unwrap()];
        let arguments = [&[scenario, "--json"], &wire[..], options].concat();
        Arc::new(Run::read(scenario, &rehearse(&arguments)))
    });
    run.clone()
}

/// Plays scenarios with faults: every play, whether all went well, and what was said to people.
pub(crate) fn crashes(arguments: &[&str]) -> (Vec<Value>, bool, String) {
    let output = rehearse(&[&["crashes", "--json"], arguments].concat());
    let plays = String::from_utf8(output.stdout).unwrap();
    let plays = plays
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let said = String::from_utf8(output.stderr).unwrap();
    (plays.collect(), output.status.success(), said)
}

/// Plays scenarios in another way than they expect, so they may fail.
pub(crate) fn play_otherwise(plays: &[[&str; 3]]) -> Vec<Run> {
    side_by_side(plays, |play| {
        let arguments: Vec<&str> = play.iter().copied().chain(["--json"]).collect();
        Run::read(play[0], &rehearse(&arguments))
    })
}

/// Does something with each of these, several at a time, and gives the results in the same order.
pub(crate) fn side_by_side<T: Sync, R: Send + Sync>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let results: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        while let Some((item, result)) = items
            .iter()
            .zip(&results)
            .nth(next.fetch_add(1, Ordering::Relaxed))
        {
            result.get_or_init(|| work(item));
        }
    };
    thread::scope(|scope| {
        for _ in 0..plays_at_a_time() {
            scope.spawn(take);
        }
    });
    results
        .into_iter()
        .map(|result| result.into_inner().unwrap())
        .collect()
}

/// What `cargo rehearse NAME` prints where nobody watches a terminal.
pub(crate) fn transcript(scenario: &str) -> String {
    String::from_utf8(rehearse(&[scenario]).stdout).unwrap()
}

/// The scenarios that `cargo rehearse --list` names.
pub(crate) fn scenarios() -> Vec<String> {
    // It takes no other option.
    let listed = Command::new(binaries().join("rehearsal"))
        .arg("--list")
        .output();
    let list = String::from_utf8(listed.unwrap().stdout).unwrap();
    let name = |line: &str| line.split(' ').next().unwrap().to_owned();
    list.lines().map(name).collect()
}

/// Rehearsals that are played at a time, for each processor: one takes one second of a processor and five times that by the clock,
/// in which it waits. More would only wait for one another.
const PLAYS_A_PROCESSOR: usize = 5;

fn plays_at_a_time() -> usize {
    PLAYS_A_PROCESSOR * thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Runs the rehearsal as soon as there is room for it.
pub(crate) fn rehearse(arguments: &[&str]) -> Output {
    rehearse_given(&[], arguments)
}

/// The same for somebody who has this in the environment.
pub(crate) fn rehearse_given(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    rehearse_in(1, environment, arguments)
}

/// Runs a rehearsal of many services, which keeps a machine busy by itself, beside two others at most: its production would
/// not be answered in time.
pub(crate) fn rehearse_large(arguments: &[&str]) -> Output {
    rehearse_in(plays_at_a_time() - 2, &[], arguments)
}

/// Runs the rehearsal as soon as so many places are free.
fn rehearse_in(places: usize, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    static PLAYING: Mutex<usize> = Mutex::new(0);
    static ENDED: Condvar = Condvar::new();
    let binaries = binaries();
    let has_no_room = |playing: &mut usize| *playing + places > plays_at_a_time();
    let playing = ENDED.wait_while(lock(&PLAYING), has_no_room);
    *playing.unwrap_or_else(PoisonError::into_inner) += places;
    let output = Command::new(binaries.join("rehearsal"))
        .args(arguments)
        .arg("--binaries")
        .arg(binaries)
        .envs(environment.iter().copied())
        .current_dir(repository::root())
        .output();
    *lock(&PLAYING) -= places;
    ENDED.notify_all();
    output.unwrap()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where every run that must go as expected leaves what went over the wire, for `tests/outside/check_wire.py`.
fn wire_folder() -> PathBuf {
    let folder = binaries().join("wire");
    std::fs::create_dir_all(&folder).unwrap();
    folder
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
                // With a test among the targets cargo takes the features that `cargo test` has built everything with.
                // Without one it would compile tokio, and all that stands on it, a second time.
                "--test",
                "it",
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
        Run {
            record,
            complaint: complaint.into_owned(),
            ended_well: output.status.success(),
        }
    }

    /// What it expected, and found otherwise.
    pub(crate) fn problems(&self) -> &Value {
        &self.record["problems"]
    }

    /// What it said to people on stderr.
    pub(crate) fn complaint(&self) -> &str {
        &self.complaint
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
        let call = |call: &Value| {
            let caller = call["function"].as_str()?;
            let function = functions()
                .iter()
                .find(|function| caller.ends_with(&function.name))?;
            let operation = call["operation"].as_str()?.rsplit(['.', ':']).next()?;
            Some((function.name.clone(), operation.to_owned()))
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
