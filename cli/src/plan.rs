//! `plan`: the function's own dry run, with the configuration file of this machine.

use std::time::Duration;

use lambda::Deadline;
use rules::events::{Request, Wanted, Way};
use rules::names::PipelineName;
use rules::start::Force;
use serde_json::{Value, json};
use start_deployment::Handler;

use crate::arguments::{Common, Image, Planned};
use crate::ended::Ended;
use crate::page::{Output, of_caller};
use crate::report::{self, Meaning};
use crate::stack::Stack;

/// How long one pipeline's decision may take: what AWS throttles is tried again until then.
const AT_MOST: Duration = Duration::from_secs(120);

pub(crate) async fn run(
    common: &Common,
    planned: &Planned,
    output: &Output,
) -> anyhow::Result<Ended> {
    let stack = Stack::find(common, output).await?;
    let names: Vec<PipelineName> = match &planned.pipeline {
        Some(name) => vec![stack.named(name)?.name.clone()],
        None => {
            let pipelines = stack.started.config.pipelines.iter();
            pipelines.map(|pipeline| pipeline.name.clone()).collect()
        }
    };
    let handler = Handler::new(Ok(stack.started.clone()), &stack.session);
    let (mut reports, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let request = Request {
            pipeline: name.clone(),
            wanted: wanted(&planned.image),
            force: force(planned.force),
            way: Way::Forward,
            dry_run: true,
        };
        let deadline = Deadline::after(AT_MOST);
        match handler.handle(request.payload(), deadline).await {
            Ok(answer) => {
                let found = report::reports(&answer).iter();
                // The others of its service go along; each of them is asked about by itself.
                let all = planned.pipeline.is_some();
                let ours = found.filter(|one| all || one["pipeline"] == name.as_str());
                reports.extend(ours.cloned());
            }
            Err(failure) => failures.push(failure),
        }
    }
    let answer = json!({ "pipelines": reports }).to_string();
    let answer: Value = serde_json::from_str(&of_caller(&answer))?;
    match output.json {
        true => output.json(&with_failures(&answer, &failures))?,
        false => {
            report::print(&answer, output)?;
            if planned.moving_to_ecs {
                report::print_moving(&answer, output)?;
            }
        }
    }
    for failure in &failures {
        output.error(&anyhow::anyhow!("{failure}"));
    }
    let is_wanted = planned.image.tag.is_some() || planned.image.digest.is_some();
    Ok(ended(&answer, failures.is_empty(), is_wanted))
}

fn with_failures(answer: &Value, failures: &[lambda::Failure]) -> Value {
    let mut answer = answer.clone();
    let failures = failures.iter().map(ToString::to_string);
    answer["failures"] = failures.collect();
    answer
}

/// An image that was named and would not be deployed is a failure, as it is one of `deploy`: a tag may be mistyped.
fn ended(answer: &Value, all_answered: bool, is_wanted: bool) -> Ended {
    let meanings = || report::reports(answer).iter().map(report::meaning);
    match all_answered {
        false => Ended::Failed,
        true if is_wanted && meanings().any(|one| one == Meaning::Skips) => Ended::Failed,
        true if meanings().any(|one| one == Meaning::Refused) => Ended::Failed,
        true if meanings().any(|one| one == Meaning::Acts) => Ended::WithChanges,
        true => Ended::Well,
    }
}

pub(crate) fn wanted(image: &Image) -> Wanted {
    match (&image.tag, &image.digest) {
        (Some(tag), _) => Wanted::Tag(tag.clone()),
        (None, Some(digest)) => Wanted::Digest(digest.clone()),
        (None, None) => Wanted::Due,
    }
}

pub(crate) fn force(given: bool) -> Force {
    match given {
        true => Force::Yes,
        false => Force::No,
    }
}
