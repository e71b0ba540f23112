//! What several forms of a message have in common.

use crate::engine::Engine;
use crate::environment::Settings;
use crate::names::{PipelineName, Region, TopicArn};
use crate::outcome::{Command, Continue, Outcome};
use crate::sanitize::quoted;

const LOG_LINES_AT_MOST: usize = 20;

/// The pipeline's name, or who is talking where no pipeline is known.
pub(super) fn pipeline(outcome: &Outcome) -> &str {
    outcome
        .pipeline
        .as_ref()
        .map_or("greenlight", PipelineName::as_str)
}

/// The deployment's page in the console of CodeDeploy, or the service's deployments in that of ECS; none where that is not known, as in
/// a partition whose console has another address.
pub(super) fn link(outcome: &Outcome, topic: &TopicArn) -> Option<String> {
    let deployment = outcome.deployment.as_ref()?;
    let partition = topic.as_str().split(':').nth(1).unwrap_or_default();
    let region = topic.region();
    let domain = match partition {
        "aws" => "aws.amazon.com",
        "aws-cn" => "amazonaws.cn",
        "aws-us-gov" => "amazonaws-us-gov.com",
        "aws-eusc" => "amazonaws-eusc.eu",
        _ => return None,
    };
    let page = match outcome.engine {
        Some(Engine::CodeDeploy) | None => {
            // An id of another form is of a service deployment whose service is not known.
            let is_codedeploys = deployment.as_str().starts_with("d-");
            is_codedeploys.then(|| format!("codesuite/codedeploy/deployments/{deployment}"))?
        }
        Some(Engine::Native(_) | Engine::Rolling) => {
            let (cluster, service) = (outcome.cluster.as_ref()?, outcome.service.as_ref()?);
            format!("ecs/v2/clusters/{cluster}/services/{service}/deployments")
        }
    };
    Some(format!("https://console.{domain}/{page}?region={region}"))
}

/// The last lines of the log.
pub(super) fn log_lines(outcome: &Outcome) -> impl Iterator<Item = String> {
    let lines = &outcome.log.lines;
    let skipped = lines.len().saturating_sub(LOG_LINES_AT_MOST);
    lines.iter().skip(skipped).map(|text| quoted(text))
}

/// Whose log follows, or why there is none; nothing where no log goes with the message.
pub(super) fn about_log(outcome: &Outcome) -> Option<String> {
    let log = &outcome.log;
    let of = match &log.of {
        Some(container) => format!(" of container `{container}`"),
        None => String::new(),
    };
    match &log.why_none {
        Some(why) => Some(quoted(&format!("No log{of}: {why}"))),
        None if log.lines.is_empty() => None,
        None => Some(quoted(&format!("Last lines of the log{of}"))),
    }
}

/// The commands of an outcome: what for, and the command as a shell takes it, in the Region of everything that it names.
pub(super) fn commands<'a>(
    outcome: &'a Outcome,
    settings: &'a Settings,
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let region = settings.topic.region();
    outcome
        .commands
        .iter()
        .map(move |command| match command {
            Command::Request { purpose, request } => (*purpose, settings.command(request)),
            Command::RestoreImage {
                registry,
                repository,
                digest,
            } => {
                let region = registry.region.as_ref().map_or(region, Region::as_str);
                let account = registry.account.as_ref();
                let registry = account.map(|account| format!(" --registry-id {account}"));
                (
                    "to restore the image from the archive",
                    format!(
                        "aws ecr update-image-storage-class --repository-name {repository} --region {region}{} --image-id \
                         imageDigest={digest} --target-storage-class STANDARD",
                        registry.unwrap_or_default()
                    ),
                )
            }
            Command::RestoreTestListener {
                listener,
                target_group,
            } => (
                "to restore the test listener, where it forwards by its default action",
                format!(
                    "aws elbv2 modify-listener --listener-arn {listener} --region {region} --default-actions \
                     Type=forward,TargetGroupArn={target_group}"
                ),
            ),
            Command::Continue {
                deployment,
                hook,
                way,
            } => (
                match way {
                    Continue::On => "to continue the deployment",
                    Continue::Back => "to roll it back",
                },
                format!(
                    "aws ecs continue-service-deployment --service-deployment-arn {deployment} --hook-id {hook} --action {} --region \
                     {region}",
                    way.as_str()
                ),
            ),
            Command::Reroute(deployment) => (
                "to reroute traffic",
                format!(
                    "aws deploy continue-deployment --deployment-id {deployment} --region {region} --deployment-wait-type \
                     READY_WAIT"
                ),
            ),
        })
}

pub(super) fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
