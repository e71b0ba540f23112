//! The log: level and format of Lambda's logging configuration, without the lines of libraries below INFO.

use lambda_runtime::tracing::subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use lambda_runtime::tracing::subscriber::layer::{Layer, SubscriberExt};
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt;
use lambda_runtime::tracing::subscriber::{fmt, registry};
use lambda_runtime::tracing::{Level, Metadata};
use rules::environment::Variables;

/// Our crates that log below INFO. Libraries log whole requests and answers there, with keys, tokens and task definitions
/// in them, and no level may bring those into a log.
const OURS: [&str; 2] = ["aws", "lambda"];

/// Begins to write lines to stdout. `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` are Lambda's (Lambda Developer
/// Guide, advanced logging controls); `RUST_LOG` may choose more closely.
pub(crate) fn start(variables: &Variables) {
    let given = |name: &str| variables.get(name).map(String::as_str);
    let directives = given("RUST_LOG");
    let level = given("AWS_LAMBDA_LOG_LEVEL").or(directives);
    let level: Option<LevelFilter> = level.and_then(|level| level.parse().ok());
    let chosen = EnvFilter::builder()
        .with_default_directive(level.unwrap_or(LevelFilter::INFO).into())
        .parse_lossy(directives.unwrap_or_default());
    let lines = fmt::layer().with_target(false).without_time();
    let is_json =
        given("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let lines = if is_json {
        lines.json().boxed()
    } else {
        lines.boxed()
    };
    registry()
        .with(chosen)
        .with(filter_fn(may_be_logged))
        .with(lines)
        .init();
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let said_by = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || OURS.contains(&said_by)
}
