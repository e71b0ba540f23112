//! The service as a container runs it: a process, an environment, HTTP and a database file.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rusqlite::Connection;

/// A database of its own for each test.
fn database(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder.join("shop.sqlite")
}

fn command(database: &PathBuf, version: &str, misbehave: &str, subcommand: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sample-service"));
    command
        .env_clear()
        .env("DATABASE", database)
        .env("SAMPLE_VERSION", version)
        .env("SAMPLE_MISBEHAVE", misbehave)
        .arg(subcommand);
    command
}

fn migrate(database: &PathBuf, version: &str, misbehave: &str) -> Output {
    command(database, version, misbehave, "migrate")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Everything that a migration could change.
fn dump(database: &PathBuf) -> Vec<String> {
    let connection = Connection::open(database).unwrap();
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap();
    let mut dump: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    if !dump.is_empty() {
        dump.push(
            connection
                .query_row(
                    "SELECT 'version ' || version FROM schema_version",
                    [],
                    |row| row.get(0),
                )
                .unwrap(),
        );
    }
    dump
}

struct Served {
    process: Child,
    address: SocketAddr,
}

impl Served {
    fn start(database: &PathBuf, version: &str, misbehave: &str) -> Served {
        Served::by(command(database, version, misbehave, "serve"))
    }

    fn by(mut command: Command) -> Served {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("said `{line}`"));
        Served {
            address: address.parse().unwrap(),
            process,
        }
    }

    /// The status, the head and the body of the answer.
    fn request(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        self.request_with(method, path, "", body)
    }

    /// The same with further headers, each with its line's end.
    fn request_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: shop\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head[9..12].parse().unwrap(),
            head.to_lowercase(),
            body.to_owned(),
        )
    }

    fn get(&self, path: &str) -> (u16, String, String) {
        self.request("GET", path, "")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn migrations_are_applied_once_and_in_order() {
    let database = database("migrations_are_applied_once_and_in_order");
    assert_eq!(
        stdout(&migrate(&database, "1.0.0", "")),
        "applied migration 1: create table `orders`\n"
    );
    assert_eq!(
        stdout(&migrate(&database, "1.0.0", "")),
        "nothing to do: the schema is at version 1\n"
    );
    assert_eq!(
        stdout(&migrate(&database, "1.1.0", "")),
        "applied migration 2: add column `orders.status`\n"
    );
    assert_eq!(
        stdout(&migrate(&database, "1.1.0", "")),
        "nothing to do: the schema is at version 2\n"
    );
    assert_eq!(
        stdout(&migrate(&database, "1.0.0", "")),
        "nothing to do: the schema is at version 2\n"
    );
}

#[test]
fn a_failing_migration_says_why_and_changes_nothing() {
    let database = database("a_failing_migration_says_why_and_changes_nothing");
    stdout(&migrate(&database, "1.0.0", ""));
    let before = dump(&database);
    let output = migrate(&database, "1.1.0", "fails-migration");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let expected =
        "error: migration 2 (add column `orders.status`) failed: no such table: order_history";
    assert!(stderr.starts_with(expected), "{stderr}");
    assert_eq!(dump(&database), before);
    assert!(before.contains(&"version 1".to_owned()), "{before:?}");
}

#[test]
fn blue_goes_on_working_after_greens_migration_and_green_needs_it() {
    let database = database("blue_goes_on_working_after_greens_migration_and_green_needs_it");
    stdout(&migrate(&database, "1.0.0", ""));
    let blue = Served::start(&database, "1.0.0", "");
    let green = Served::start(&database, "1.1.0", "");
    let order = r#"{"item": "teapot", "quantity": 2}"#;

    assert_eq!(blue.request("POST", "/orders", order).0, 201);
    let (status, head, body) = green.get("/orders");
    assert_eq!(status, 500, "{body}");
    assert!(
        head.contains("x-version: 1.1.0") && body.contains("no such column: status"),
        "{head}{body}"
    );
    assert_eq!(green.get("/healthz").0, 200);

    stdout(&migrate(&database, "1.1.0", ""));
    assert_eq!(blue.request("POST", "/orders", order).0, 201);
    assert_eq!(green.request("POST", "/orders", order).0, 201);
    let (status, head, body) = blue.get("/orders");
    assert_eq!(status, 200);
    assert!(
        head.contains("x-version: 1.0.0")
            && body.contains(r#""count":3"#)
            && !body.contains("status"),
        "{body}"
    );
    let (status, _, body) = green.get("/orders");
    assert_eq!(status, 200);
    assert!(
        body.contains(r#""status":"new""#) && body.contains(r#""status":"shipped""#),
        "{body}"
    );
}

#[test]
fn every_answer_carries_the_version() {
    let database = database("every_answer_carries_the_version");
    stdout(&migrate(&database, "1.0.0", ""));
    let service = Served::start(
        &database,
        "1.0.7",
        "redirects:301:/admin/,answers:503:/healthz",
    );
    for (path, status) in [
        ("/", 200),
        ("/admin/", 301),
        ("/healthz", 503),
        ("/nowhere", 404),
        ("/admin/login", 200),
    ] {
        let (given, head, _) = service.get(path);
        assert_eq!(given, status, "{path}");
        assert!(head.contains("x-version: 1.0.7"), "{path}: {head}");
    }
    assert!(service.get("/admin/").1.contains("location: /admin/login"));
    assert!(service.get("/").2.contains("version 1.0.7"));
}

#[test]
fn an_order_that_cannot_be_read_is_refused() {
    let database = database("an_order_that_cannot_be_read_is_refused");
    stdout(&migrate(&database, "1.0.0", ""));
    let service = Served::start(&database, "1.0.0", "");
    for body in [
        "",
        "teapot",
        "{}",
        r#"{"item": "", "quantity": 1}"#,
        r#"{"item": "teapot", "quantity": 0}"#,
    ] {
        let (status, _, answer) = service.request("POST", "/orders", body);
        assert_eq!(status, 400, "{body}");
        assert!(answer.contains("expected a JSON object"), "{answer}");
    }
}

#[test]
fn a_version_that_cannot_start_says_so_and_exits() {
    let database = database("a_version_that_cannot_start_says_so_and_exits");
    let output = command(&database, "1.1.0", "fails-to-start", "serve")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("error: cannot start"),
        "{output:?}"
    );
    let output = command(&database, "1.1.0", "explodes", "serve")
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("holds `explodes`: expected"),
        "{output:?}"
    );
}

#[test]
fn sigterm_ends_the_service_with_status_0() {
    let database = database("sigterm_ends_the_service_with_status_0");
    let mut service = Served::start(&database, "1.0.0", "");
    assert_eq!(service.get("/healthz").0, 200);
    let killed = Command::new("kill")
        .args(["-TERM", &service.process.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_version_may_need_no_migration_and_break_one_page_of_many() {
    let database = database("a_version_may_need_no_migration");
    migrate(&database, "1.0.0", "");
    let mut serve = command(&database, "1.1.0", "", "serve");
    serve
        .env("SAMPLE_SCHEMA", "1")
        .env(
            "SAMPLE_ANSWERS",
            r#"[{"path":"/a","status":200},{"path":"/orders?x","status":401}]"#,
        )
        .env("SAMPLE_BROKEN_ANSWERS", r#"[{"path":"/a","status":503}]"#);
    let service = Served::by(serve);
    for (path, status) in [
        ("/orders", 200),
        ("/orders?x", 401),
        ("/a", 503),
        ("/b", 404),
    ] {
        assert_eq!(service.get(path).0, status, "{path}");
    }
}

#[test]
fn a_page_that_needs_a_key_refuses_requests_without_it() {
    let database = database("a_page_that_needs_a_key_refuses_requests_without_it");
    let mut serve = command(&database, "1.0.0", "", "serve");
    serve.env("SAMPLE_API_KEY", "hunter2");
    let served = Served::by(serve);
    let status = |headers: &str| served.request_with("GET", "/admin/", headers, "").0;
    assert_eq!(status("x-api-key: hunter2\r\n"), 200);
    assert_eq!(status("x-api-key: hunter3\r\n"), 401);
    assert_eq!(status(""), 401);
    assert_eq!(served.get("/healthz").0, 200);
}

#[test]
fn a_health_check_asks_the_service() {
    let database = database("a_health_check_asks_the_service");
    let served = Served::start(&database, "1.0.0", "answers:500:/admin/");
    let port = served.address.port().to_string();
    for (port, path, expected) in [
        (port.as_str(), "/healthz", true),
        (port.as_str(), "/admin/", false),
        (port.as_str(), "/none", false),
        ("1", "/healthz", false),
        ("", "/healthz", false),
    ] {
        let mut check = command(&database, "1.0.0", "", "check");
        let output = check.arg(path).env("PORT", port).output().unwrap();
        assert_eq!(output.status.success(), expected, "{port} {path}");
    }
}
