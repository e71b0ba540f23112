//! Containers and functions as real processes of this machine.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long the sample service may take to end after SIGTERM, in real time.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// The default of `stopTimeout` (ECS API Reference, ContainerDefinition), for a program of the user's, in real time.
const CUSTOM_STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// The real time in which the sample service listens, unless it never does.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);
/// The same for a program of the user's. With the default health check of a target group it would have twice as long.
const CUSTOM_LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether such a program listens.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
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
    /// What differs where the program is not the sample service.
    pub custom: Option<Custom>,
}

/// How a program of the user's runs, which does not report where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// Its working directory.
    pub folder: PathBuf,
    /// Where it has to listen, on loopback.
    pub port: u16,
    /// How long it may take to end after SIGTERM, in seconds of real time; ECS's default if `None`.
    pub stop_timeout: Option<u64>,
}

/// A running container or function. Killed when dropped; a program of the user's with every process that it has started.
#[derive(Debug)]
pub struct Process {
    child: Child,
    listens: Listens,
    logs: Vec<JoinHandle<()>>,
    stop_timeout: Duration,
    /// The process group that it leads, as long as it has not been killed.
    group: Option<Pid>,
}

/// Where a process listens.
#[derive(Debug)]
enum Listens {
    /// At the address that it reports.
    Reported(Option<oneshot::Receiver<SocketAddr>>),
    /// At this address, once it accepts connections.
    Given(SocketAddr),
}

impl Process {
    /// Starts the container, each line of whose stdout and stderr goes to `log`: the sample service with `PORT=0` added, a program
    /// of the user's in a process group of its own.
    pub fn start(
        container: &Container,
        log: impl Fn(String) + Send + Sync + 'static,
    ) -> anyhow::Result<Process> {
        if let Some(custom) = &container.custom {
            return Process::start_custom(container, custom, log);
        }
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
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment);
        Process::spawn(command, log)
    }

    fn start_custom(
        container: &Container,
        custom: &Custom,
        log: impl Fn(String) + Send + Sync + 'static,
    ) -> anyhow::Result<Process> {
        let Container {
            program,
            arguments,
            environment,
            ..
        } = container;
        // Otherwise a folder that is missing looks like a program that is.
        if !custom.folder.is_dir() {
            bail!(
                "start `{}`: the folder `{}` does not exist",
                program.display(),
                custom.folder.display()
            );
        }
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment);
        // A group of its own: Ctrl-C ends the rehearsal, which then stops it, and its children end with it.
        command.current_dir(&custom.folder).process_group(0);
        let mut process = Process::spawn(command, log)?;
        process.listens = Listens::Given(SocketAddr::from((Ipv4Addr::LOCALHOST, custom.port)));
        process.stop_timeout = custom
            .stop_timeout
            .map_or(CUSTOM_STOP_TIMEOUT, Duration::from_secs);
        process.group = process.pid();
        Ok(process)
    }

    fn spawn(
        mut command: Command,
        log: impl Fn(String) + Send + Sync + 'static,
    ) -> anyhow::Result<Process> {
        let program = command.as_std().get_program().to_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start `{}`", Path::new(&program).display()))?;
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
            listens: Listens::Reported(Some(listening)),
            logs,
            stop_timeout: STOP_TIMEOUT,
            group: None,
        })
    }

    /// Waits until the process listens, and returns its address; `None` if it ended before. The sample service reports its
    /// address (`listening on 127.0.0.1:…`), once; a program of the user's accepts connections at its port.
    pub async fn listening(&mut self) -> Option<SocketAddr> {
        match &mut self.listens {
            Listens::Reported(listening) => {
                let address = listening.as_mut()?.await.ok();
                *listening = None;
                address
            }
            Listens::Given(address) => {
                let address = *address;
                loop {
                    if self.has_exited() {
                        return None;
                    }
                    if TcpStream::connect(address).await.is_ok() {
                        // Where it has ended, another program has taken its port.
                        return (!self.has_exited()).then_some(address);
                    }
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
            }
        }
    }

    /// The real time after which it is not waited for any more, and the address that it then has: none of the sample service's.
    pub fn listens_within(&self) -> (Duration, Option<SocketAddr>) {
        match self.listens {
            Listens::Reported(_) => (LISTENS_WITHIN, None),
            Listens::Given(address) => (CUSTOM_LISTENS_WITHIN, Some(address)),
        }
    }

    /// Waits for the end and for the last line of the log; returns the exit code as a shell does (128 + signal if it
    /// was killed). May be cancelled and called again.
    pub async fn exited(&mut self) -> i32 {
        let code = match self.child.wait().await {
            Ok(status) => exit_code(status),
            // Waiting fails only for a process that is not a child any more.
            Err(_) => 255,
        };
        // A container ends with its first process.
        self.kill_group();
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

    fn pid(&self) -> Option<Pid> {
        let id = self.child.id()?;
        Pid::from_raw(i32::try_from(id).ok()?)
    }

    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            // Fails if no process of the group is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Sends SIGTERM, to it alone as Docker does, and SIGKILL if it takes too long to end.
    pub async fn stop(&mut self) {
        if self.has_exited() {
            return;
        }
        if let Some(pid) = self.pid() {
            // Fails if the process ends at this moment, and then no signal is needed.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(self.stop_timeout, self.exited())
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

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
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
mod tests;
