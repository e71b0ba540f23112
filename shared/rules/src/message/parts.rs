//! What several forms of a message have in common.

use crate::names::{DeploymentId, PipelineName, TopicArn};
use crate::outcome::Outcome;
use crate::sanitize::line;

const LOG_LINES_AT_MOST: usize = 20;

/// The pipeline's name, or who is talking where no pipeline is known.
pub(super) fn pipeline(outcome: &Outcome) -> &str {
    outcome
        .pipeline
        .as_ref()
        .map_or("greenlight", PipelineName::as_str)
}

/// The deployment's page in the CodeDeploy console.
pub(super) fn link(deployment: &DeploymentId, topic: &TopicArn) -> String {
    let mut parts = topic.as_str().split(':').skip(1);
    let partition = parts.next().unwrap_or_default();
    let region = parts.nth(1).unwrap_or_default();
    let domain = match partition {
        "aws-cn" => "amazonaws.cn",
        "aws-us-gov" => "amazonaws-us-gov.com",
        _ => "aws.amazon.com",
    };
    format!(
        "https://console.{domain}/codesuite/codedeploy/deployments/{deployment}?region={region}"
    )
}

/// The last lines of a log.
pub(super) fn log_lines(outcome: &Outcome) -> impl Iterator<Item = String> {
    let skipped = outcome.log.len().saturating_sub(LOG_LINES_AT_MOST);
    outcome.log.iter().skip(skipped).map(|text| line(text))
}

pub(super) fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
