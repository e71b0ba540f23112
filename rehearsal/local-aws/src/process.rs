//! Containers and functions as real processes of this machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a process may take to end after SIGTERM. ECS's own default is 30 seconds; this is real time.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a surviving child may keep the log of an ended process open.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);
/// The line that the sample service prints once it is listening.
const LISTENING: &str = "listening on ";

/// The address in such a line.
pub(crate) fn address_in(line: &str) -> Option<SocketAddr> {
    line.strip_prefix(LISTENING)?.parse().ok()
}

/// The number and the interval of consecutive samples in which a process must be asleep, without a wake-up in between.
const SAMPLES: u32 = 3;
const SAMPLE_INTERVAL: Duration = Duration::from_millis(1);
/// On a busy machine sampling takes CPU time that the process needs, so the interval grows while the process is awake.
const LONGEST_SAMPLE_INTERVAL: Duration = Duration::from_millis(8);
/// How long to wait for a process that computes.
const AWAKE_AT_MOST: Duration = Duration::from_secs(10);

/// What to run: an image's executable with its environment.
#[derive(Debug, Clone)]
pub struct Container {
    /// The executable that represents the image (the sample service).
    pub program: PathBuf,
    /// The arguments, from the image's command or an override: `["serve"]`, `["migrate"]`.
    pub arguments: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub environment: BTreeMap<String, String>,
}

/// A running container or function. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    listening: Option<oneshot::Receiver<SocketAddr>>,
    logs: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts the container with `PORT=0` added; each line of stdout and stderr goes to `log`.
    pub fn start(
        container: &Container,
        log: impl Fn(String) + Send + Sync + 'static,
    ) -> anyhow::Result<Process> {
        let mut environment = container.environment.clone();
        environment.insert("PORT".to_owned(), "0".to_owned());
        Process::start_program(&container.program, &container.arguments, &environment, log)
    }

    /// Starts a program with exactly this environment; each line of stdout and stderr goes to `log`.
    pub fn start_program(
        program: &Path,
        arguments: &[String],
        environment: &BTreeMap<String, String>,
        log: impl Fn(String) + Send + Sync + 'static,
    ) -> anyhow::Result<Process> {
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start `{}`", program.display()))?;
        let log = Arc::new(log);
        let (address, listening) = oneshot::channel();
        let address = Mutex::new(Some(address));
        let stdout_log = {
            let log = log.clone();
            move |line: String| {
                if let Some(said) = address_in(&line)
                    && let Some(address) = address
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take()
                {
                    // The address has no receiver: a migration, or a task that is stopping already.
                    let _ = address.send(said);
                }
                log(line);
            }
        };
        let stdout = child
            .stdout
            .take()
            .map(|stdout| tokio::spawn(follow(stdout, stdout_log)));
        let stderr = child
            .stderr
            .take()
            .map(|stderr| tokio::spawn(follow(stderr, move |line| log(line))));
        let logs = stdout.into_iter().chain(stderr).collect();
        Ok(Process {
            child,
            listening: Some(listening),
            logs,
        })
    }

    /// Waits for the address that the service reports (`listening on 127.0.0.1:…`); `None` if it ended before, and on
    /// every call after the first result.
    pub async fn listening(&mut self) -> Option<SocketAddr> {
        let listening = self.listening.as_mut()?;
        let address = listening.await.ok();
        self.listening = None;
        address
    }

    /// Waits for the end and for the last line of the log; returns the exit code as a shell does (128 + signal if it
    /// was killed). May be cancelled and called again.
    pub async fn exited(&mut self) -> i32 {
        let code = match self.child.wait().await {
            Ok(status) => exit_code(status),
            // Waiting fails only for a process that is not a child any more.
            Err(_) => 255,
        };
        while let Some(log) = self.logs.last_mut() {
            if tokio::time::timeout(LOG_TIMEOUT, &mut *log).await.is_err() {
                log.abort();
            }
            self.logs.pop();
        }
        code
    }

    /// Returns its process id until it has been waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns whether the process has ended.
    pub fn has_exited(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends SIGTERM, and SIGKILL after `STOP_TIMEOUT`.
    pub async fn stop(&mut self) {
        if self.has_exited() {
            return;
        }
        if let Some(pid) = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
        {
            // Fails if the process ends at this moment, and then no signal is needed.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(STOP_TIMEOUT, self.exited())
            .await
            .is_err()
        {
            self.kill().await;
        }
    }

    /// Sends SIGKILL at once.
    pub async fn kill(&mut self) {
        // Killing fails only if the process has ended.
        let _ = self.child.start_kill();
        self.exited().await;
    }
}

/// Waits, up to a limit, until a process has nothing left to compute and sleeps; waiting for a CPU does not count as
/// sleep. Works on Linux only (`/proc`); elsewhere it returns at once. Short sleeps do not count, because opening a
/// connection includes one.
pub async fn asleep(id: u32) {
    let since = Instant::now();
    let (mut samples, mut rest, mut found) = (0, SAMPLE_INTERVAL, None);
    while samples < SAMPLES && since.elapsed() < AWAKE_AT_MOST {
        let sleep = sleep(id);
        (samples, rest) = match &sleep {
            None => (0, (rest * 2).min(LONGEST_SAMPLE_INTERVAL)),
            Some(_) if sleep == found => (samples + 1, SAMPLE_INTERVAL),
            Some(_) => (1, SAMPLE_INTERVAL),
        };
        found = sleep;
        if samples < SAMPLES {
            tokio::time::sleep(rest).await;
        }
    }
}

/// Returns how often each thread of a process has gone to sleep, which distinguishes one sleep from the next; `None`
/// while a thread is running or runnable. A process that is gone counts as asleep.
fn sleep(id: u32) -> Option<Vec<String>> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else {
        return Some(Vec::new());
    };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
        .map(|status| sleeps(&status))
        .collect()
}

/// `State:\tS (sleeping)`, and further down `voluntary_ctxt_switches:\t17`; `None` if the thread is awake.
fn sleeps(status: &str) -> Option<String> {
    let value = |name: &str| {
        let mut lines = status.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"))
    };
    let awake = value("State").is_some_and(|state| state.starts_with(['R', 'D']));
    (!awake).then(|| {
        value("voluntary_ctxt_switches")
            .unwrap_or_default()
            .to_owned()
    })
}

fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(255)
}

/// Forwards each line until the stream ends; invalid UTF-8 is replaced.
async fn follow(stream: impl AsyncRead + Unpin, log: impl Fn(String)) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        log(String::from_utf8_lossy(&line)
            .trim_end_matches(['\n', '\r'])
            .to_owned());
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> (Process, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let container = Container {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: BTreeMap::from([("COLOUR".to_owned(), "green".to_owned())]),
        };
        let log = lines.clone();
        (
            Process::start(&container, move |line| log.lock().unwrap().push(line)).unwrap(),
            lines,
        )
    }

    #[tokio::test]
    async fn the_log_is_complete_when_the_end_is_reported() {
        let (mut process, lines) = start("echo $COLOUR $PORT $HOME; exit 3");
        assert_eq!(process.exited().await, 3);
        assert_eq!(*lines.lock().unwrap(), ["green 0"]);
    }

    #[tokio::test]
    async fn a_services_address_is_read_from_its_output() {
        let (mut process, _) = start(
            "echo starting; echo listening on 127.0.0.1:4711; exec cat /dev/zero > /dev/null",
        );
        assert_eq!(
            process.listening().await,
            Some("127.0.0.1:4711".parse().unwrap())
        );
        assert!(!process.has_exited());
        process.kill().await;
        assert_eq!(process.exited().await, 128 + 9);
    }

    #[tokio::test]
    async fn a_service_that_ends_before_it_listens_never_listens() {
        let (mut process, lines) = start("echo no database >&2; exit 1");
        assert_eq!(process.listening().await, None);
        assert_eq!(process.exited().await, 1);
        assert_eq!(*lines.lock().unwrap(), ["no database"]);
    }

    #[test]
    fn a_threads_state_and_sleeps_are_read_from_proc() {
        let status = |state| {
            format!(
                "Name:\tR\nState:\t{state}\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t4\n"
            )
        };
        assert_eq!(sleeps(&status("R (running)")), None);
        assert_eq!(sleeps(&status("D (disk sleep)")), None);
        assert_eq!(sleeps(&status("S (sleeping)")).as_deref(), Some("17"));
        assert_eq!(sleeps("").as_deref(), Some(""));
    }

    #[tokio::test]
    async fn a_process_that_waits_sleeps_and_one_that_is_gone_is_not_waited_for() {
        let (mut process, _) = start("echo listening on 127.0.0.1:1; exec sleep 1000");
        assert!(process.listening().await.is_some());
        let id = process.id().unwrap();
        asleep(id).await;
        process.kill().await;
        asleep(id).await;
    }

    #[tokio::test]
    async fn stopping_is_sigterm_first() {
        let (mut process, lines) = start(
            "trap 'echo ending; exit 0' TERM; echo listening on 127.0.0.1:1; while :; do read line || :; done",
        );
        assert!(process.listening().await.is_some());
        process.stop().await;
        assert_eq!(process.exited().await, 0);
        assert_eq!(lines.lock().unwrap().last().unwrap(), "ending");
    }
}
