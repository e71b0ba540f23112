//! One invocation of a function's real binary: Lambda's Runtime API on one side of it, an AWS of canned answers on the
//! other.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::environment::OF_GREENLIGHT;
use crate::scenarios::run::binaries;

/// What AWS answers to an operation: a body, or the code of an error.
pub(crate) enum Answer {
    Says(Value),
    /// The result of an operation of Elastic Load Balancing, which answers in XML.
    SaysXml(Cow<'static, str>),
    /// The same at this `Date`.
    SaysXmlAt(&'static str, Cow<'static, str>),
    Refuses(&'static str),
    RefusesSaying(&'static str, String),
    /// RunTask's token was used by another request, which started these tasks.
    Conflicts(Vec<&'static str>),
    /// Nothing, for as long as the connection is open.
    Never,
}

/// What became of an invocation.
pub(crate) struct Invocation {
    /// What the function returned, or `errorType` and `errorMessage`.
    pub(crate) answer: Value,
    /// Operation and request of every call to AWS, in order. A form is an object of its fields.
    pub(crate) calls: Vec<(String, Value)>,
    /// What SNS got: `json` and `chat` messages as JSON, `text` as it is.
    pub(crate) messages: Vec<Value>,
    /// What the function's process logged.
    pub(crate) log: Arc<str>,
}

impl Invocation {
    /// The operations that were called, in order.
    pub(crate) fn operations(&self) -> Vec<&str> {
        self.calls
            .iter()
            .map(|(operation, _)| operation.as_str())
            .collect()
    }

    /// The request of the first call of an operation.
    #[track_caller]
    pub(crate) fn request(&self, operation: &str) -> &Value {
        let call = self.calls.iter().find(|(called, _)| called == operation);
        &call
            .unwrap_or_else(|| panic!("no {operation} in {:?}", self.operations()))
            .1
    }
}

struct Request {
    path: String,
    method: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// Hands `event` to the function with this configuration; `answer` is told the operation, how often it was called before,
/// and the request.
pub(crate) fn invoke(
    function: &str,
    pipelines: &str,
    event: &Value,
    answer: impl Fn(&str, usize, &Value) -> Answer + Send + Sync + 'static,
) -> Invocation {
    let function = Function {
        name: function,
        pipelines,
        variables: &[],
    };
    invoke_each(&function, [event.to_string()], answer).remove(0)
}

/// When AWS says that it answers, whatever the time is.
const DATE: &str = "Wed, 14 Oct 2026 09:30:00 GMT";

/// A function that has not answered by then never will: no machine is as slow as that.
const HUNG: Duration = Duration::from_secs(600);

/// A function as it is deployed.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) pipelines: &'a str,
    /// Beside the usual ones, or instead of them.
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

/// An event, and how long the function has for it.
pub(crate) struct Event {
    pub(crate) payload: String,
    pub(crate) within: Duration,
}

/// Far away: no test waits for a function's time to be over unless it says so.
pub(crate) const LONG: Duration = Duration::from_secs(900);

impl From<String> for Event {
    fn from(payload: String) -> Event {
        Event {
            payload,
            within: LONG,
        }
    }
}

/// The same for one event after the other, all in one process, as Lambda does; an event may be no JSON.
pub(crate) fn invoke_each(
    function: &Function,
    events: impl IntoIterator<Item = impl Into<Event>>,
    answer: impl Fn(&str, usize, &Value) -> Answer + Send + Sync + 'static,
) -> Vec<Invocation> {
    let calls: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let noted = Arc::clone(&calls);
    let aws = serve(move |request| {
        let Some((operation, body)) = understood(request) else {
            return Some(misdirected());
        };
        let mut calls = noted.lock().unwrap();
        let before = calls
            .iter()
            .filter(|(called, _)| *called == operation)
            .count();
        calls.push((operation.clone(), body.clone()));
        let said = match operation.as_str() {
            // Only a refusal is a test's own: what SNS says otherwise is the same in all of them.
            "Publish" => match answer(&operation, before, &body) {
                refused @ (Answer::Refuses(_) | Answer::RefusesSaying(..)) => refused,
                Answer::Says(_)
                | Answer::SaysXml(_)
                | Answer::SaysXmlAt(..)
                | Answer::Conflicts(_)
                | Answer::Never => Answer::SaysXml("<MessageId>1</MessageId>".into()),
            },
            _ => answer(&operation, before, &body),
        };
        response(&operation, is_form(request), said)
    });
    let (told, answered) = mpsc::channel();
    let mut events: VecDeque<Event> = events.into_iter().map(Into::into).collect();
    let count = events.len();
    let (told, events) = (Mutex::new(told), Mutex::new(move || events.pop_front()));
    let runtime = serve(move |request| {
        if !request.path.starts_with("/2018-06-01/runtime/") {
            return Some(misdirected());
        }
        if request.method == "GET" {
            // The function's process ends before it would be handed more events than there are.
            return (events.lock().unwrap())().map(next);
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let calls = std::mem::take(&mut *calls.lock().unwrap());
        told.lock().unwrap().send((body, calls)).unwrap();
        Some(Response {
            status: 202,
            headers: Vec::new(),
            body: String::new(),
        })
    });
    let mut process = Process::start(function, aws, runtime);
    let answers = (0..count).map(|_| answered.recv_timeout(HUNG));
    let answers: Vec<(Value, Vec<(String, Value)>)> = answers.map(Result::unwrap).collect();
    let log: Arc<str> = process.end().into();
    let invocation = |(answer, calls): (Value, Vec<(String, Value)>)| {
        let published = calls.iter().filter(|(operation, _)| operation == "Publish");
        let messages = published.map(|(_, body)| message(body)).collect();
        Invocation {
            answer,
            calls,
            messages,
            log: Arc::clone(&log),
        }
    };
    answers.into_iter().map(invocation).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "Lambda states the deadline in wall-clock time"
)]
fn next(event: Event) -> Response {
    let deadline = (SystemTime::now() + event.within).duration_since(UNIX_EPOCH);
    let headers = vec![
        (
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
        ),
        (
            "lambda-runtime-deadline-ms",
            deadline.unwrap().as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:111122223333:function:f".to_owned(),
        ),
    ];
    Response {
        status: 200,
        headers,
        body: event.payload,
    }
}

/// The response to a request that was meant for another program: a rehearsal beside this test checks the health of a
/// target that is gone, and whose port this test has now.
fn misdirected() -> Response {
    Response {
        status: 404,
        headers: Vec::new(),
        body: String::new(),
    }
}

/// The operation that a request asks for, and what it says; none where it asks AWS for nothing.
fn understood(request: &Request) -> Option<(String, Value)> {
    let json = || serde_json::from_slice(&request.body).unwrap_or_default();
    if let Some(target) = request.headers.get("x-amz-target") {
        return Some((target.rsplit('.').next()?.to_owned(), json()));
    }
    if !is_form(request) {
        let operation = match request.method.as_str() {
            "DELETE" => "DeleteSchedule",
            "GET" => "GetSchedule",
            "PUT" => "UpdateSchedule",
            _ => "CreateSchedule",
        };
        return Some((operation.to_owned(), json()));
    }
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let fields = form.split('&').filter_map(|pair| pair.split_once('='));
    let fields = fields.map(|(name, value)| (name.to_owned(), Value::String(decoded(value))));
    let mut fields: Map<String, Value> = fields.collect();
    let operation = fields.remove("Action")?;
    Some((operation.as_str()?.to_owned(), Value::Object(fields)))
}

/// The services of AWS's Query protocol get forms, and answer in XML.
fn is_form(request: &Request) -> bool {
    !request.headers.contains_key("x-amz-target") && !request.path.starts_with("/schedules/")
}

/// What a request to Publish tells people, as JSON where it is some.
fn message(published: &Value) -> Value {
    let message = published["Message"].as_str().unwrap_or_default();
    serde_json::from_str(message).unwrap_or_else(|_| Value::String(message.to_owned()))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn response(operation: &str, is_form: bool, answer: Answer) -> Option<Response> {
    let mut date = DATE;
    if let Answer::SaysXmlAt(at, _) = &answer {
        date = at;
    }
    let (status, body) = match answer {
        Answer::Never => return None,
        Answer::Says(body) => (200, body.to_string()),
        Answer::SaysXml(result) | Answer::SaysXmlAt(_, result) => {
            let result = format!("<{operation}Result>{result}</{operation}Result>");
            (
                200,
                format!("<{operation}Response>{result}</{operation}Response>"),
            )
        }
        Answer::Refuses(code) => (status_of(code), refusal(is_form, code, "refused")),
        Answer::Conflicts(tasks) => {
            let body =
                json!({"__type": "ConflictException", "message": "in use", "resourceIds": tasks});
            (400, body.to_string())
        }
        Answer::RefusesSaying(code, message) => (status_of(code), refusal(is_form, code, &message)),
    };
    let mut headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
    // Beside a refusal and such a date the SDK would take its own clock for wrong, and ask again.
    if status == 200 || status == 404 {
        headers.push(("date", date.to_owned()));
    }
    Some(Response {
        status,
        headers,
        body,
    })
}

/// EventBridge Scheduler answers with the status of its kind, the others with 400.
fn status_of(code: &str) -> u16 {
    match code {
        "ResourceNotFoundException" | "NoSuchEntity" => 404,
        _ => 400,
    }
}

fn refusal(is_form: bool, code: &str, message: &str) -> String {
    if !is_form {
        return json!({"__type": code, "message": message}).to_string();
    }
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}

/// A page that answers every request with this status and body, and with the same in its headers.
pub(crate) fn page(status: u16, body: &'static str) -> SocketAddr {
    serve(move |_| {
        Some(Response {
            status,
            headers: ["location", "set-cookie"]
                .map(|name| (name, body.to_owned()))
                .into(),
            body: body.to_owned(),
        })
    })
}

/// A page that answers each request with the status that it is given then.
pub(crate) fn page_of(status: impl Fn() -> u16 + Send + Sync + 'static) -> SocketAddr {
    serve(move |_| {
        Some(Response {
            status: status(),
            headers: Vec::new(),
            body: String::new(),
        })
    })
}

/// Takes every connection, and ends it at once.
pub(crate) fn hang_up() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
}

/// Serves HTTP on loopback for as long as this test's process lives; a request without an answer waits.
fn serve(handle: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handle = Arc::new(handle);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, handle) = (connection.unwrap(), Arc::clone(&handle));
            std::thread::spawn(move || talk(&connection, &*handle));
        }
    });
    address
}

fn talk(connection: &TcpStream, handle: &dyn Fn(&Request) -> Option<Response>) -> Option<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let request = read(&mut reader)?;
        let Some(Response {
            status,
            headers,
            body,
        }) = handle(&request)
        else {
            // Held open until the other side is gone.
            let _ = reader.read(&mut [0]);
            return None;
        };
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let answer = format!(
            "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        (&mut &*connection).write_all(answer.as_bytes()).ok()?;
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        path,
        method,
        headers,
        body,
    })
}

/// A function's process, which ends with the test.
struct Process {
    child: Child,
    log: std::path::PathBuf,
}

impl Process {
    fn start(function: &Function, aws: SocketAddr, runtime: SocketAddr) -> Self {
        let name = format!("greenlight-{}-{}", function.name, runtime.port());
        let folder = std::env::temp_dir();
        let (config, log) = (
            folder.join(format!("{name}.toml")),
            folder.join(format!("{name}.log")),
        );
        fs::write(&config, function.pipelines).unwrap();
        let output = fs::File::create(&log).unwrap();
        let child = Command::new(binaries().join(function.name))
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", runtime.to_string()),
                ("AWS_ENDPOINT_URL", format!("http://{aws}")),
                ("GREENLIGHT_CONFIG", config.display().to_string()),
            ])
            .envs([
                ("AWS_LAMBDA_FUNCTION_NAME", function.name),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "g"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "s"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "key"),
            ])
            .envs(OF_GREENLIGHT)
            .envs(function.variables.iter().copied())
            .stdout(Stdio::from(output.try_clone().unwrap()))
            .stderr(Stdio::from(output))
            .spawn();
        Self {
            child: child.unwrap(),
            log,
        }
    }

    /// Ends the process, and gives back what it logged.
    fn end(&mut self) -> String {
        let _ = (self.child.kill(), self.child.wait());
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_file(&self.log);
        let _ = fs::remove_file(self.log.with_extension("toml"));
    }
}
