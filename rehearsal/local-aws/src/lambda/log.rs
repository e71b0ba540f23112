//! The log of a function's environment: the process's lines, and Lambda's lines about each invocation.
//!
//! Of Lambda's own lines, START, END and REPORT are simulated, or in JSON format their equivalents at level INFO.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::lambda::{Answer, Function, LogFormat, default_group};
use crate::logs::Logs;
use crate::stamp::iso;

/// The log stream of one environment.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) clock: Clock,
    pub(super) logs: Logs,
    pub(super) group: String,
    pub(super) stream: String,
    /// The process lines of all environments of the function.
    pub(super) lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// Writes a line of the process.
    pub(super) fn say(&self, line: String) {
        self.write(line.clone());
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    /// Writes a line to CloudWatch Logs only.
    pub(super) fn write(&self, line: String) {
        self.logs
            .write(&self.group, &self.stream, line, self.clock.now());
    }
}

/// The metrics of an invocation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub(super) duration: Duration,
    /// The duration of the init phase; `None` except for the environment's first invocation.
    pub(super) init: Option<Duration>,
    pub(super) peak_megabytes: Option<u64>,
}

/// Names the log stream of an environment that starts now. A custom log group may be shared, so its streams contain the
/// function's name.
pub(super) fn stream_name(function: &Function, at: SystemTime, id: &str) -> String {
    let day = iso(at)
        .as_str()
        .unwrap_or_default()
        .get(..10)
        .unwrap_or_default()
        .replace('-', "/");
    match function.log_group == default_group(&function.name) {
        true => format!("{day}/[$LATEST]{id}"),
        false => format!("{day}/{}[$LATEST]{id}", function.name),
    }
}

/// Returns the line at the start of an invocation.
pub(super) fn start(format: LogFormat, request_id: &str, at: SystemTime) -> String {
    match format {
        LogFormat::Text => format!("START RequestId: {request_id} Version: $LATEST"),
        LogFormat::Json => {
            let record = json!({ "requestId": request_id, "version": "$LATEST" });
            event("platform.start", record, at)
        }
    }
}

/// Returns the lines at the end of an invocation.
pub(super) fn end(
    function: &Function,
    request_id: &str,
    answer: &Answer,
    measured: Measured,
    at: SystemTime,
) -> Vec<String> {
    match function.log_format {
        LogFormat::Text => vec![
            format!("END RequestId: {request_id}"),
            report(function, request_id, answer, measured),
        ],
        LogFormat::Json => vec![event(
            "platform.report",
            report_record(function, request_id, answer, measured),
            at,
        )],
    }
}

fn event(kind: &str, record: Value, at: SystemTime) -> String {
    json!({ "time": iso(at), "type": kind, "record": record }).to_string()
}

fn report(function: &Function, request_id: &str, answer: &Answer, measured: Measured) -> String {
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB",
        milliseconds(measured.duration),
        billed(measured),
        function.memory_megabytes
    );
    if let Some(peak) = measured.peak_megabytes {
        line.push_str(&format!("\tMax Memory Used: {peak} MB"));
    }
    if let Some(init) = measured.init {
        line.push_str(&format!("\tInit Duration: {:.2} ms", milliseconds(init)));
    }
    match status(answer) {
        ("success", _) | (_, None) => {}
        ("timeout", _) => line.push_str("\tStatus: timeout"),
        (status, Some(error_type)) => {
            line.push_str(&format!("\tStatus: {status}\tError Type: {error_type}"));
        }
    }
    line
}

fn report_record(
    function: &Function,
    request_id: &str,
    answer: &Answer,
    measured: Measured,
) -> Value {
    let mut metrics = json!({
        "durationMs": milliseconds(measured.duration),
        "billedDurationMs": billed(measured),
        "memorySizeMB": function.memory_megabytes,
    });
    if let Some(peak) = measured.peak_megabytes {
        metrics["maxMemoryUsedMB"] = json!(peak);
    }
    if let Some(init) = measured.init {
        metrics["initDurationMs"] = json!(milliseconds(init));
    }
    let (status, error_type) = status(answer);
    let mut record = json!({ "requestId": request_id, "metrics": metrics, "status": status });
    if let Some(error_type) = error_type {
        record["errorType"] = json!(error_type);
    }
    record
}

/// Lambda reports failures of the environment; an error that the function itself returns counts as a success.
fn status(answer: &Answer) -> (&'static str, Option<&str>) {
    match answer {
        Answer::Error { error_type, .. } if error_type == "Sandbox.Timedout" => {
            ("timeout", Some(error_type))
        }
        Answer::Error { error_type, .. } if error_type.starts_with("Runtime.") => {
            ("error", Some(error_type))
        }
        Answer::Error { .. } | Answer::Response(_) => ("success", None),
    }
}

/// Whole milliseconds, rounded up; since August 2025 the init phase is billed too.
fn billed(measured: Measured) -> u128 {
    let all = measured.duration + measured.init.unwrap_or_default();
    all.as_micros().div_ceil(1000)
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::lambda::tests::function;

    const MEASURED: Measured = Measured {
        duration: Duration::from_micros(1_234_560),
        init: Some(Duration::from_micros(13_700)),
        peak_megabytes: Some(25),
    };

    fn lines(format: LogFormat, answer: &Answer, measured: Measured) -> Vec<String> {
        let function = Function {
            log_format: format,
            ..function()
        };
        end(&function, "id-1", answer, measured, UNIX_EPOCH)
    }

    #[test]
    fn text_lines_have_lambdas_format() {
        let ok = Answer::Response(Value::Null);
        assert_eq!(
            start(LogFormat::Text, "id-1", UNIX_EPOCH),
            "START RequestId: id-1 Version: $LATEST"
        );
        let report = "REPORT RequestId: id-1\tDuration: 1234.56 ms\tBilled Duration: 1249 ms\tMemory Size: 128 MB\tMax \
                      Memory Used: 25 MB\tInit Duration: 13.70 ms";
        assert_eq!(
            lines(LogFormat::Text, &ok, MEASURED),
            ["END RequestId: id-1", report]
        );
        let killed = Answer::Error {
            error_type: "Runtime.OutOfMemory".to_owned(),
            error_message: String::new(),
        };
        let warm = Measured {
            init: None,
            peak_megabytes: None,
            ..MEASURED
        };
        let report = "REPORT RequestId: id-1\tDuration: 1234.56 ms\tBilled Duration: 1235 ms\tMemory Size: 128 MB\t\
                      Status: error\tError Type: Runtime.OutOfMemory";
        assert_eq!(lines(LogFormat::Text, &killed, warm)[1], report);
    }

    #[test]
    fn json_lines_have_lambdas_format() {
        let start = start(LogFormat::Json, "id-1", UNIX_EPOCH);
        let wanted = r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.start","record":{"requestId":"id-1","version":"$LATEST"}}"#;
        assert_eq!(start, wanted);
        let timed_out = Answer::Error {
            error_type: "Sandbox.Timedout".to_owned(),
            error_message: String::new(),
        };
        let report = &lines(LogFormat::Json, &timed_out, MEASURED)[0];
        let report: Value = serde_json::from_str(report).unwrap();
        assert_eq!(report["type"], "platform.report");
        assert_eq!(report["record"]["status"], "timeout");
        assert_eq!(report["record"]["metrics"]["maxMemoryUsedMB"], 25);
        assert_eq!(report["record"]["metrics"]["billedDurationMs"], 1249);
    }
}
