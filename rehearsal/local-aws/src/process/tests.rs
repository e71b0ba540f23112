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

/// A shell as a program of the user's, and what it has printed.
fn start_custom(script: &str, stop_timeout: Option<u64>) -> (Process, Arc<Mutex<Vec<String>>>) {
    // A test needs a port that nothing takes before the program does.
    let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = port.local_addr().unwrap().port();
    let container = Container {
        program: PathBuf::from("sh"),
        arguments: vec!["-c".to_owned(), script.replace("{port}", &port.to_string())],
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        custom: Some(Custom {
            folder: PathBuf::from("/"),
            port,
            stop_timeout,
        }),
    };
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = lines.clone();
    let process = Process::start(&container, move |line| log.lock().unwrap().push(line));
    (process.unwrap(), lines)
}

/// Waits until a program has printed the process id of a child, and returns it.
async fn child(lines: &Mutex<Vec<String>>) -> Pid {
    loop {
        let id = lines.lock().unwrap().first().cloned();
        if let Some(id) = id {
            return Pid::from_raw(id.parse().unwrap()).unwrap();
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Waits until a process is gone. Nobody waits for an orphan but init, which may take its time.
async fn is_gone(id: Pid) {
    let status = format!("/proc/{}/status", id.as_raw_nonzero());
    let is_dead = || {
        let status = std::fs::read_to_string(&status);
        let is_zombie = status.is_ok_and(|status| status.contains("State:\tZ"));
        is_zombie || rustix::process::test_kill_process(id).is_err()
    };
    while !is_dead() {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

const WITH_CHILD: &str = "sleep 1000 & echo $!; wait";

#[tokio::test]
async fn children_of_a_program_end_with_it_however_it_ends() {
    let (process, lines) = start_custom(WITH_CHILD, None);
    let dropped = child(&lines).await;
    drop(process);
    is_gone(dropped).await;

    let (mut process, lines) = start_custom(WITH_CHILD, None);
    let stopped = child(&lines).await;
    process.stop().await;
    assert_eq!(process.exited().await, 128 + 15);
    is_gone(stopped).await;

    let (mut process, lines) = start_custom("sleep 1000 & echo $!; exit 7", None);
    let orphan = child(&lines).await;
    assert_eq!(process.exited().await, 7);
    is_gone(orphan).await;
}

#[tokio::test]
async fn a_program_that_does_not_heed_sigterm_is_killed_after_its_stop_timeout() {
    let script = "trap 'echo ignored' TERM; echo $$; while :; do sleep 0.05; done";
    let (mut process, lines) = start_custom(script, Some(1));
    child(&lines).await;
    let began = Instant::now();
    process.stop().await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(process.exited().await, 128 + 9);
    assert_eq!(lines.lock().unwrap().last().unwrap(), "ignored");
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
