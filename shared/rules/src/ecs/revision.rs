//! Service revisions: what a service deployment deploys.

use time::UtcDateTime;

use crate::names::{ContainerName, Digest, RevisionArn, ServiceRevisionArn, TargetGroupArn};
use crate::observed::Placement;

/// A service revision (DescribeServiceRevisions). It never changes once it is there, but for the digests, which ECS adds when
/// it has resolved them for the first task.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRevision {
    /// Its ARN.
    pub arn: ServiceRevisionArn,
    /// The task definition revision that its tasks run.
    pub revision: RevisionArn,
    /// The images of its containers.
    pub images: Vec<RevisionImage>,
    /// Where its tasks run. Constraints and strategies of placement are the service's.
    pub placement: Placement,
    /// The target groups that its tasks are in.
    pub target_groups: Vec<ResolvedTargetGroup>,
    /// When it was created.
    pub created_at: Option<UtcDateTime>,
}

/// The image of a container, as ECS resolved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionImage {
    /// The container.
    pub container: ContainerName,
    /// The image as the task definition names it.
    pub image: Option<String>,
    /// What ECS resolved the tag to. None before the first task, where version consistency is off, and perhaps of an image that is
    /// pinned anyway.
    pub digest: Option<Digest>,
}

/// A target group, as ECS resolved it for a service revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedTargetGroup {
    /// The group.
    pub target_group: TargetGroupArn,
    /// The ARN of the rule or listener that sends production traffic; none in a rolling service.
    pub production_rule: Option<String>,
}
