//! Programs as real processes of this machine: containers of tasks, and functions.

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
/// How long the log of an ended process may stay open, by a child that outlives it.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);
/// What the sample service says once it answers.
const LISTENING: &str = "listening on ";
/// So many looks in a row, so far apart, must find that a process sleeps, and that it has slept since the first.
const LOOKS: u32 = 3;
const LOOK: Duration = Duration::from_millis(1);
/// Where many compete for a processor, looking costs what the process waits for: one that is awake is looked at less often.
const LOOK_AT_AWAKE_AT_MOST: Duration = Duration::from_millis(8);
/// How long a process may compute until nobody waits for its sleep any more.
const AWAKE_AT_MOST: Duration = Duration::from_secs(10);

/// What to run: an image's program with its environment.
#[derive(Debug, Clone)]
pub struct Container {
    /// The executable that stands for the image (the sample service).
    pub program: PathBuf,
    /// Arguments, as the image's command or an override of it says: `["serve"]`, `["migrate"]`.
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
                if let Some(said) = line
                    .strip_prefix(LISTENING)
                    .and_then(|said| said.parse().ok())
                    && let Some(address) = address
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take()
                {
                    // Nobody waits to hear where it listens: a migration, or a task that is stopped already.
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

    /// Where the service listens, once it has said so (`listening on 127.0.0.1:…`); `None` when it ended before, and
    /// on every call after the first answer.
    pub async fn listening(&mut self) -> Option<SocketAddr> {
        let listening = self.listening.as_mut()?;
        let address = listening.await.ok();
        self.listening = None;
        address
    }

    /// Waits for the end and for the last line of the log; the exit code as a shell counts it (128 + signal for a
    /// killed one). Waiting may be given up and begun again.
    pub async fn exited(&mut self) -> i32 {
        let code = match self.child.wait().await {
            Ok(status) => exit_code(status),
            // Only a process that is nobody's child any more cannot be waited for.
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

    /// Its number, for as long as it has not been waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether the process has ended already.
    pub fn has_exited(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGTERM, and SIGKILL after a short while.
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
            // It may end by itself at this very moment; then there is nobody to signal.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(STOP_TIMEOUT, self.exited())
            .await
            .is_err()
        {
            self.kill().await;
        }
    }

    /// SIGKILL, at once.
    pub async fn kill(&mut self) {
        // A process that cannot be killed has ended.
        let _ = self.child.start_kill();
        self.exited().await;
    }
}

/// Waits until a process has done what it can and waits for something itself, however long it waits for a processor; for
/// a while at most. Only Linux says so (`/proc`); elsewhere nobody waits. A short sleep is none: a connection takes one.
pub async fn asleep(id: u32) {
    let since = Instant::now();
    let (mut looks, mut rest, mut found) = (0, LOOK, None);
    while looks < LOOKS && since.elapsed() < AWAKE_AT_MOST {
        let sleep = sleep(id);
        (looks, rest) = match &sleep {
            None => (0, (rest * 2).min(LOOK_AT_AWAKE_AT_MOST)),
            Some(_) if sleep == found => (looks + 1, LOOK),
            Some(_) => (1, LOOK),
        };
        found = sleep;
        if looks < LOOKS {
            tokio::time::sleep(rest).await;
        }
    }
}

/// How often each thread of a process has gone to sleep, which tells one sleep from the next; none while a thread runs or
/// would run. A process that is gone sleeps.
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

/// `State:\tS (sleeping)`, and further down `voluntary_ctxt_switches:\t17`; none if the thread is awake.
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

/// Passes each line on until the stream ends; bytes that are no UTF-8 are shown as such.
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
    async fn the_log_is_complete_when_the_end_is_told() {
        let (mut process, lines) = start("echo $COLOUR $PORT $HOME; exit 3");
        assert_eq!(process.exited().await, 3);
        assert_eq!(*lines.lock().unwrap(), ["green 0"]);
    }

    #[tokio::test]
    async fn a_service_is_known_by_what_it_says() {
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
    fn the_kernel_says_whether_a_thread_would_run_and_how_often_it_slept() {
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
