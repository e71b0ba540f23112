use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::{OpenOptions, Receiver};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

fn start(script: &str) -> (Process, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let container = Container {
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        environment: BTreeMap::from([("COLOUR".to_owned(), "green".to_owned())]),
        custom: None,
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
    let (mut process, _) =
        start("echo starting; echo listening on 127.0.0.1:4711; exec cat /dev/zero > /dev/null");
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

/// A shell as a program of the user's, and the lines that it prints.
fn start_custom(script: &str, stop_timeout: Option<u64>) -> (Process, UnboundedReceiver<String>) {
    // One that the system gives to no other test in the meantime.
    let port = crate::program::free_port().unwrap();
    let container = Container {
        program: PathBuf::from("sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        custom: Some(Custom {
            folder: PathBuf::from("/"),
            port,
            stop_timeout,
        }),
    };
    let (log, lines) = unbounded_channel();
    // A test may have dropped the lines.
    let process = Process::start(&container, move |line| drop(log.send(line)));
    (process.unwrap(), lines)
}

/// A named pipe that a child of a program writes into as long as it lives.
struct Pipe {
    folder: tempfile::TempDir,
    reader: Receiver,
}

impl Pipe {
    fn new() -> Pipe {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let reader = OpenOptions::new().open_receiver(path).unwrap();
        Pipe { folder, reader }
    }

    /// Starts a child that sleeps, and waits until it has begun.
    async fn start(&mut self, then: &str) -> Process {
        let path = self.folder.path().join("pipe");
        let script = format!(
            "{{ echo up; exec sleep 1000; }} >{} 2>&1 & {then}",
            path.display()
        );
        let (process, _) = start_custom(&script, None);
        let mut up = [0; 3];
        self.reader.readable().await.unwrap();
        self.reader.read_exact(&mut up).await.unwrap();
        process
    }

    /// The pipe ends with the last process that can write into it.
    async fn ends(mut self) {
        let mut rest = Vec::new();
        let ended = self.reader.read_to_end(&mut rest);
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
        assert!(ended.is_ok(), "the child is left");
    }
}

#[tokio::test]
async fn children_of_a_program_end_with_it_however_it_ends() {
    let mut dropped = Pipe::new();
    drop(dropped.start("wait").await);
    dropped.ends().await;

    let mut stopped = Pipe::new();
    let mut process = stopped.start("wait").await;
    process.stop().await;
    assert_eq!(process.exited().await, 128 + 15);
    stopped.ends().await;

    let mut orphaned = Pipe::new();
    let mut process = orphaned.start("exit 7").await;
    assert_eq!(process.exited().await, 7);
    orphaned.ends().await;
}

#[tokio::test]
async fn a_program_that_does_not_heed_sigterm_is_killed_after_its_stop_timeout() {
    let script = "trap 'echo ignored' TERM; echo up; while :; do sleep 0.05; done";
    let (mut process, mut lines) = start_custom(script, Some(1));
    assert_eq!(lines.recv().await.unwrap(), "up");
    let began = Instant::now();
    process.stop().await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(process.exited().await, 128 + 9);
    assert_eq!(lines.recv().await.unwrap(), "ignored");
}

#[tokio::test]
async fn a_program_listens_once_its_port_accepts_connections() {
    let (mut process, _) = start_custom("sleep 1000", None);
    let (_, address) = process.listens_within();
    let address = address.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(200), process.listening());
    assert!(early.await.is_err());
    let _socket = std::net::TcpListener::bind(address).unwrap();
    assert_eq!(process.listening().await, Some(address));

    let (mut process, _) = start_custom("exit 3", None);
    assert_eq!(process.listening().await, None);
}

#[tokio::test]
async fn a_program_or_a_folder_that_does_not_exist_is_named() {
    for (program, folder, expected) in [
        (
            "/nowhere/serve",
            "/",
            "start `/nowhere/serve`: No such file",
        ),
        (
            "sh",
            "/nowhere",
            "start `sh`: the folder `/nowhere` does not exist",
        ),
    ] {
        let container = Container {
            program: PathBuf::from(program),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            custom: Some(Custom {
                folder: PathBuf::from(folder),
                port: 1,
                stop_timeout: None,
            }),
        };
        let error = format!("{:#}", Process::start(&container, drop).unwrap_err());
        assert!(error.starts_with(expected), "{error}");
    }
}
