//! 3. An older image never replaces a newer one, in whatever order events arrive. Moving an exact tag back to an older image
//!    is an order, and what a person asks for is one.
//!
//! Each deployment that Greenlight creates, and that no person asked for, ships what an exact tag pointed at during the
//! invocation that created it; or, where the rule knows an order, nothing that comes before what production ran then, by
//! the tags that this had when the invocation began. What production ran is what the last deployment before it that
//! succeeded had shipped, whoever created that.

use std::time::SystemTime;

use super::facts::{By, Deployment, Facts, Pipeline, Push, Status, short};
use super::rule::{Ranked, Rule};

pub(super) fn judge(facts: &Facts) -> Vec<String> {
    let of = |pipeline| {
        let created = facts.deployments_of(pipeline);
        created.filter_map(move |deployment| went_back(facts, pipeline, deployment))
    };
    facts.pipelines.iter().flat_map(of).collect()
}

fn went_back(facts: &Facts, pipeline: &Pipeline, deployment: &Deployment) -> Option<String> {
    let digest = deployment.digest.as_deref()?;
    if deployment.by != By::Greenlight || facts.was_asked_for(pipeline, deployment) {
        return None;
    }
    let at = deployment.created_at;
    let of = format!(
        "`{}` deployed {} by `{}` at {}",
        pipeline.name,
        short(digest),
        deployment.id,
        facts.when(at)
    );
    match &pipeline.rule {
        Rule::Exact(tag) => (!pointed_at(facts, pipeline, digest, at))
            .then(|| format!("{of}, when `{tag}` pointed elsewhere")),
        Rule::Glob(_) | Rule::Semver(_) => {
            let ran = ran_at(facts, pipeline, at)?;
            let (this, other) = (
                rank(facts, pipeline, digest, at)?,
                rank(facts, pipeline, ran, began(facts, at))?,
            );
            let is_before = pipeline.rule.is_before(&this, &other);
            is_before.then(|| {
                format!(
                    "{of} ({}, pushed at {}), when production ran {} ({}, pushed at {}), which is newer",
                    this.tags.join(", "),
                    facts.when(this.pushed_at),
                    short(ran),
                    other.tags.join(", "),
                    facts.when(other.pushed_at),
                )
            })
        }
    }
}

/// Whether the tag pointed at this image at any time from the beginning of the invocation to the moment.
fn pointed_at(facts: &Facts, pipeline: &Pipeline, digest: &str, at: SystemTime) -> bool {
    let began = began(facts, at);
    let pointed = |push: &Push| {
        push.digest == digest
            && push.at <= at
            && facts.pointed_until(push).is_none_or(|until| until >= began)
    };
    facts.followed(pipeline).any(pointed)
}

/// When the invocation began that did something at a moment.
fn began(facts: &Facts, at: SystemTime) -> SystemTime {
    let began = facts.looks_at(at).map(|look| look.began);
    began.min().unwrap_or(at)
}

/// What production ran before a deployment was created.
fn ran_at<'a>(facts: &'a Facts, pipeline: &'a Pipeline, at: SystemTime) -> Option<&'a str> {
    let before = facts.deployments_of(pipeline).filter(|deployment| {
        deployment.created_at < at
            && deployment.status == Status::Succeeded
            && deployment.ended_at.is_some_and(|ended| ended <= at)
    });
    match before.max_by_key(|deployment| deployment.ended_at) {
        Some(last) => last.digest.as_deref(),
        None => pipeline.ran_first.as_deref(),
    }
}

/// Where an image stands in the rule's order: its first push, and the tags that the pipeline follows and that it had been
/// given by then.
fn rank<'a>(
    facts: &'a Facts,
    pipeline: &'a Pipeline,
    digest: &str,
    at: SystemTime,
) -> Option<Ranked<'a>> {
    let image = facts
        .images
        .iter()
        .find(|image| image.repository == pipeline.repository && image.digest == digest)?;
    let tags = facts
        .followed(pipeline)
        .filter(|push| push.digest == digest && push.at <= at);
    Some(Ranked {
        pushed_at: image.pushed_at,
        tags: tags.map(|push| push.tag.as_str()).collect(),
    })
}
