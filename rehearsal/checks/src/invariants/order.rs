//! 3. An older image never replaces a newer one, in whatever order events arrive. Moving an exact tag back to an older
//!    image is an order, and so is a person's request.
//!
//! Each deployment by Greenlight without a person's request ships the image that an exact tag pointed to during the
//! invocation that created it; or, if the rule defines an order, an image that does not rank before the one in
//! production. Production's image is that of the last earlier deployment that succeeded, whoever created it. Its
//! version is the one that it has now and the one by which it was deployed, unless that version has moved to another
//! image since.

use std::time::SystemTime;

use record::{By, Deployment};

use super::facts::{Facts, Pipeline, short};
use super::rule::{Ranked, Rule};

pub(super) fn judge(facts: &Facts<'_>) -> Vec<String> {
    let of = |pipeline| {
        let created = facts.deployments_of(pipeline);
        created.filter_map(move |deployment| went_back(facts, pipeline, deployment))
    };
    facts.pipelines.iter().flat_map(of).collect()
}

fn went_back(
    facts: &Facts<'_>,
    pipeline: &Pipeline<'_>,
    deployment: &Deployment,
) -> Option<String> {
    let digest = pipeline.shipped_by(deployment)?;
    if deployment.by != By::Greenlight || facts.was_asked_for(pipeline, deployment) {
        return None;
    }
    let at = deployment.created_at;
    let of = format!(
        "`{}` deployed {} by `{}` at {}",
        pipeline.given.name,
        short(digest),
        deployment.id,
        facts.when(at)
    );
    match &pipeline.rule {
        Rule::Exact(tag) => (!pointed_at(facts, pipeline, digest, deployment))
            .then(|| format!("{of}, when `{tag}` pointed elsewhere")),
        Rule::Glob(_) | Rule::Regex(_) | Rule::Semver(_) => {
            let while_ = facts.decided_in(deployment);
            let ran = ran_at(facts, pipeline, at)?;
            let mut this = rank(
                facts,
                pipeline,
                digest,
                facts.tags_in(pipeline, digest, while_),
            )?;
            // A tag that was put on it since is a new order, where its event arrived. One that it had already is as well: ECR tells no
            // time of a tag, so that the event of a repeated push, where there is one, looks alike.
            let orders = facts.followed(pipeline);
            let orders = orders.filter(|push| push.heard && push.digest == digest && push.at <= at);
            this.ordered_at = orders
                .map(|push| push.at)
                .fold(this.ordered_at, SystemTime::max);
            let has = facts.tags_throughout(pipeline, ran.digest, while_);
            let tags = has.into_iter().chain(ran.deployed_by(facts, pipeline, at));
            let other = rank(facts, pipeline, ran.digest, tags.collect())?;
            let is_before = pipeline.rule.is_before(&this, &other);
            is_before.then(|| {
                format!(
                    "{of} ({}, ordered at {}), when production ran {} ({}, pushed at {}), which is newer",
                    this.tags.join(", "),
                    facts.when(this.ordered_at),
                    short(ran.digest),
                    other.tags.join(", "),
                    facts.when(other.ordered_at),
                )
            })
        }
    }
}

/// Whether the tag pointed to this image at any time from the start of the invocation to the creation.
fn pointed_at(
    facts: &Facts<'_>,
    pipeline: &Pipeline<'_>,
    digest: &str,
    deployment: &Deployment,
) -> bool {
    let tags = facts.tags_in(pipeline, digest, facts.decided_in(deployment));
    !tags.is_empty()
}

/// The image in production.
struct Ran<'a> {
    digest: &'a str,
    /// `None` for the image at the start.
    revision: Option<&'a str>,
}

/// The image in production before a deployment was created.
fn ran_at<'a>(facts: &'a Facts<'a>, pipeline: &'a Pipeline<'a>, at: SystemTime) -> Option<Ran<'a>> {
    let before = facts.deployments_of(pipeline).filter(|deployment| {
        deployment.created_at < at
            && deployment.has_succeeded()
            && deployment.ended_at.is_some_and(|ended| ended <= at)
    });
    let last = before.max_by_key(|deployment| deployment.ended_at);
    let digest = match last {
        Some(last) => pipeline.digest_in(last),
        None => pipeline.given.ran_first.as_deref(),
    };
    Some(Ran {
        digest: digest?,
        revision: last.map(|last| last.revision.as_str()),
    })
}

impl<'a> Ran<'a> {
    /// The image's tags when Greenlight last deployed the revision before a moment.
    fn deployed_by(
        &self,
        facts: &'a Facts<'a>,
        pipeline: &'a Pipeline<'a>,
        at: SystemTime,
    ) -> Vec<&'a str> {
        let deployed = facts.deployments_of(pipeline).filter(|deployment| {
            deployment.by == By::Greenlight
                && deployment.created_at < at
                && Some(deployment.revision.as_str()) == self.revision
                && pipeline.shipped_by(deployment) == Some(self.digest)
        });
        let last = deployed.last();
        last.map_or_else(Vec::new, |last| {
            facts.tags_throughout(pipeline, self.digest, facts.decided_in(last))
        })
    }
}

/// An image's rank in the rule's order: its first push, and the relevant tags.
fn rank<'a>(
    facts: &'a Facts<'a>,
    pipeline: &'a Pipeline<'a>,
    digest: &str,
    tags: Vec<&'a str>,
) -> Option<Ranked<'a>> {
    let mut images = facts.record.images.iter();
    let image = images
        .find(|image| image.repository == pipeline.given.repository && image.digest == digest)?;
    Some(Ranked {
        ordered_at: image.pushed_at,
        tags,
    })
}
