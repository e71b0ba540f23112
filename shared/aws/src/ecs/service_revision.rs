//! DescribeServiceRevisions.

use aws_sdk_ecs::types::{ContainerImage, ServiceRevision, ServiceRevisionLoadBalancer};
use rules::ecs;
use rules::names::ServiceRevisionArn;

use super::service_deployment::DESCRIBED_AT_MOST;
use super::{Ecs, placement_from};
use crate::call::{Call, CallFailed};
use crate::text::time_from;

impl Ecs {
    /// These service revisions; one that ECS does not know any more is left out.
    pub async fn describe_service_revisions(
        &self,
        arns: &[ServiceRevisionArn],
    ) -> Result<Vec<ecs::ServiceRevision>, CallFailed> {
        let mut described = Vec::new();
        for arns in arns.chunks(DESCRIBED_AT_MOST) {
            let call = Call::new("ecs:DescribeServiceRevisions", arns[0].as_str());
            let answer = self
                .client
                .describe_service_revisions()
                .set_service_revision_arns(Some(arns.iter().map(ToString::to_string).collect()))
                .send()
                .await
                .map_err(|error| call.failed(error))?;
            for revision in answer.service_revisions() {
                described.push(revision_from(&call, revision)?);
            }
        }
        Ok(described)
    }
}

fn revision_from(
    call: &Call,
    revision: &ServiceRevision,
) -> Result<ecs::ServiceRevision, CallFailed> {
    let resolved = revision.resolved_configuration();
    let load_balancers = resolved.map(|resolved| resolved.load_balancers());
    Ok(ecs::ServiceRevision {
        arn: call.name(
            revision.service_revision_arn(),
            "serviceRevisions.serviceRevisionArn",
        )?,
        revision: call.name(
            revision.task_definition(),
            "serviceRevisions.taskDefinition",
        )?,
        images: revision
            .container_images()
            .iter()
            .map(|image| image_from(call, image))
            .collect::<Result<_, _>>()?,
        placement: placement_from(
            revision.network_configuration(),
            revision.launch_type(),
            revision.capacity_provider_strategy(),
            revision.platform_version(),
        ),
        target_groups: load_balancers
            .unwrap_or_default()
            .iter()
            .filter_map(|group| target_group_from(call, group).transpose())
            .collect::<Result<_, _>>()?,
        created_at: revision.created_at().and_then(time_from),
    })
}

fn image_from(call: &Call, image: &ContainerImage) -> Result<ecs::RevisionImage, CallFailed> {
    Ok(ecs::RevisionImage {
        container: call.name(image.container_name(), "containerImages.containerName")?,
        image: image.image().map(str::to_owned),
        digest: image.image_digest().and_then(|digest| digest.parse().ok()),
    })
}

fn target_group_from(
    call: &Call,
    group: &ServiceRevisionLoadBalancer,
) -> Result<Option<ecs::ResolvedTargetGroup>, CallFailed> {
    let Some(arn) = group.target_group_arn() else {
        return Ok(None);
    };
    Ok(Some(ecs::ResolvedTargetGroup {
        target_group: call.name(Some(arn), "resolvedConfiguration.targetGroupArn")?,
        production_rule: group.production_listener_rule().map(str::to_owned),
    }))
}
