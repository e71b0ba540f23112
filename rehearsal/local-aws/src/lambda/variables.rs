//! The complete environment of a function's process: Lambda's variables, the caller's identity, and the template's
//! variables.

use std::collections::BTreeMap;

use anyhow::bail;

use crate::identity::{REGION, access_key};
use crate::lambda::{Function, LogFormat};

/// The reserved variables, from Lambda's developer guide.
const RESERVED: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// The maximum size of a function's own variables in bytes, names and values together.
const LARGEST_ENVIRONMENT: usize = 4096;

/// Refuses variables that Lambda would refuse when the function is deployed.
pub(super) fn check(function: &Function) -> anyhow::Result<()> {
    let names = function.environment.keys();
    let reserved: Vec<&str> = names
        .map(String::as_str)
        .filter(|name| RESERVED.contains(name))
        .collect();
    if !reserved.is_empty() {
        bail!(
            "function `{}` sets `{}`, which Lambda keeps for itself (hint: choose another name)",
            function.name,
            reserved.join("`, `")
        );
    }
    let bytes: usize = function
        .environment
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > LARGEST_ENVIRONMENT {
        bail!(
            "the variables of function `{}` have {bytes} bytes: expected at most {LARGEST_ENVIRONMENT}",
            function.name
        );
    }
    Ok(())
}

/// Lambda's search path for libraries is omitted: it names folders of Lambda's own system.
pub(super) fn variables(
    function: &Function,
    local_aws: &str,
    log_stream: &str,
    runtime_api: &str,
    session: &str,
) -> BTreeMap<String, String> {
    let memory = function.memory_megabytes.to_string();
    let access_key = access_key(&function.binary_name);
    // The folder of the function's files: on AWS `/var/task`.
    let task_root = function
        .binary
        .parent()
        .map_or_else(String::new, |folder| folder.display().to_string());
    let mut given = vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &function.log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
        ("AWS_LAMBDA_LOG_FORMAT", function.log_format.as_str()),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", local_aws),
        ("AWS_ACCESS_KEY_ID", &access_key),
        ("AWS_SECRET_ACCESS_KEY", "rehearsal"),
        ("AWS_SESSION_TOKEN", session),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("LAMBDA_TASK_ROOT", &task_root),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        ("_HANDLER", "bootstrap"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
    ];
    // With JSON, Lambda filters even the function's own lines, from INFO upwards by default.
    if function.log_format == LogFormat::Json {
        given.push(("AWS_LAMBDA_LOG_LEVEL", "INFO"));
    }
    let mut variables = function.environment.clone();
    variables.extend(
        given
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lambda::tests::function;

    fn refusal(name: &str, value: &str) -> Option<String> {
        let mut function = function();
        function.environment = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        check(&function).err().map(|error| error.to_string())
    }

    #[test]
    fn reserved_and_large_variables_are_refused() {
        assert_eq!(refusal("GREENLIGHT_CONFIG", "/opt/pipelines.toml"), None);
        let reserved = refusal("AWS_REGION", "eu-west-1").unwrap();
        assert!(
            reserved.contains("sets `AWS_REGION`, which Lambda keeps"),
            "{reserved}"
        );
        let large = refusal("A", &"x".repeat(4096)).unwrap();
        assert!(
            large.contains("4097 bytes: expected at most 4096"),
            "{large}"
        );
    }
}
