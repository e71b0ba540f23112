//! `wait`: until production has the image, or until the deployment has ended.

use rules::config::Pipeline;
use rules::progress::{Progress, State};
use rules::start::RunningImage;
use serde_json::{Value, json};

use crate::arguments::{Common, Polling, Until, Waiting};
use crate::changes;
use crate::ended::Ended;
use crate::following::{Followed, Following, Found};
use crate::look::Seen;
use crate::page::Output;
use crate::stack::Stack;
use crate::tree;

pub(crate) async fn run(
    common: &Common,
    waiting: &Waiting,
    output: &Output,
) -> anyhow::Result<Ended> {
    let stack = Stack::find(common, output).await?;
    let pipeline = stack.named(&waiting.pipeline)?;
    let polling = &waiting.polling;
    let waited = follow(&stack, pipeline, None, waiting.until, polling, output).await?;
    if output.json {
        output.json(&waited.object)?;
    }
    Ok(waited.ended)
}

/// What came of waiting.
pub(crate) struct Waited {
    pub(crate) ended: Ended,
    pub(crate) object: Value,
}

/// Follows a deployment, or the one that is under way, and tells each change but where programs read stdout.
pub(crate) async fn follow(
    stack: &Stack,
    pipeline: &Pipeline,
    followed: Option<Followed>,
    until: Until,
    polling: &Polling,
    output: &Output,
) -> anyhow::Result<Waited> {
    let mut following = Following::new(stack, pipeline, followed)?;
    let mut before: Option<Progress> = None;
    let is_done = |found: Found<'_>| {
        let progress = match found {
            Found::Nothing(seen) => return Ok(Some(nothing(pipeline, &seen, output)?)),
            Found::Deployment(_, progress) => *progress,
        };
        if !output.json {
            for line in changes::lines(before.as_ref(), &progress) {
                output.text(&format!("{line}\n"))?;
            }
        }
        let done = done(pipeline, &progress, until, output)?;
        before = Some(progress);
        Ok(done)
    };
    following.until(polling.pause(), output, is_done).await
}

fn nothing(pipeline: &Pipeline, seen: &Seen<'_>, output: &Output) -> anyhow::Result<Waited> {
    let observed = &seen.member.observation.observed;
    let runs = match &observed.running {
        RunningImage::Known(digest) => digest.short().to_owned(),
        RunningImage::Mixed => "different images".to_owned(),
        RunningImage::Unknown(why) => format!("an image that is not known ({why})"),
    };
    let revision = observed.service.revision.short();
    if !output.json {
        let place = pipeline.place();
        output.text(&format!(
            "nothing is under way: {place} runs {runs} as {revision}\n"
        ))?;
    }
    Ok(Waited {
        ended: Ended::Well,
        object: json!({
            "pipeline": pipeline.name, "state": "nothing", "digest": observed.running_digest(),
            "revision": observed.service.revision,
        }),
    })
}

/// What is told at the end; none where it goes on.
pub(crate) fn done(
    pipeline: &Pipeline,
    progress: &Progress,
    until: Until,
    output: &Output,
) -> anyhow::Result<Option<Waited>> {
    let place = pipeline.place();
    let (ended, told) = match (progress.state, until) {
        (State::UnderWay | State::RollingBack, _) | (State::Shifted, Until::Ended) => {
            return Ok(None);
        }
        (State::Shifted, Until::Shifted) => (
            Ended::Well,
            format!("shifted: production of {place} has the image"),
        ),
        (State::Succeeded, _) => (Ended::Well, format!("shipped: {place} runs the image")),
        (State::RolledBack, _) => (
            Ended::Failed,
            format!("rolled back: {place} runs what it ran before"),
        ),
        (State::Superseded, _) => (
            Ended::Failed,
            "superseded: a newer deployment took its place".to_owned(),
        ),
        (State::Failed, _) => (Ended::Failed, "failed: it did not ship".to_owned()),
    };
    if !output.json {
        output.text(&format!("{told}\n"))?;
    }
    let mut object = tree::to_json(progress);
    object["pipeline"] = json!(pipeline.name);
    Ok(Some(Waited { ended, object }))
}
