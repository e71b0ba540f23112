//! `deploy` and `rollback`: a request to the deployed function, which decides and acts.

use anyhow::bail;
use aws::Kind;
use aws::lambda::{Invoked, Lambda};
use rules::events::{Request, Wanted, Way};
use rules::reconcile;
use rules::start::Force;
use serde_json::Value;

use crate::arguments::{Common, Deploy, Rollback, Then, Until};
use crate::ended::Ended;
use crate::following::Followed;
use crate::page::Output;
use crate::plan::{force, wanted};
use crate::report::{self, Meaning};
use crate::stack::{self, IsThere, Stack};
use crate::wait;

pub(crate) async fn deploy(
    common: &Common,
    deploy: &Deploy,
    output: &Output,
) -> anyhow::Result<Ended> {
    let request = Request {
        pipeline: deploy.pipeline.clone(),
        wanted: wanted(&deploy.image),
        force: force(deploy.force),
        way: Way::Forward,
        dry_run: false,
    };
    send(common, &request, &deploy.then, output).await
}

pub(crate) async fn rollback(
    common: &Common,
    rollback: &Rollback,
    output: &Output,
) -> anyhow::Result<Ended> {
    let wanted = match (&rollback.tag, &rollback.digest) {
        (Some(tag), _) => Wanted::Tag(tag.clone()),
        (None, Some(digest)) => Wanted::Digest(digest.clone()),
        (None, None) => bail!("no image is named (hint: `--tag` or `--digest`)"),
    };
    let request = Request {
        pipeline: rollback.pipeline.clone(),
        wanted,
        force: Force::No,
        way: Way::Back,
        dry_run: false,
    };
    send(common, &request, &rollback.then, output).await
}

/// The deployed function has its own configuration; the file of this machine is needed to wait only.
async fn send(
    common: &Common,
    request: &Request,
    then: &Then,
    output: &Output,
) -> anyhow::Result<Ended> {
    let stack = match then.wait {
        Some(_) => Some(Stack::find(common, output).await?),
        None => None,
    };
    if let Some(stack) = &stack {
        stack.named(&request.pipeline)?;
        if stack.is_there == IsThere::NotYet {
            bail!(
                "stack `{}` is not deployed, so nothing can be requested of it",
                common.stack
            );
        }
    }
    let session = match &stack {
        Some(stack) => stack.session.clone(),
        None => stack::log_in(common).await?,
    };
    let function = format!("{}-start-deployment", common.stack);
    let payload = request.payload();
    let invoked = Lambda::new(&session).invoke(&function, &payload).await;
    let mut answer = match invoked {
        Ok(Invoked::Returned(answer)) => answer,
        Ok(Invoked::Failed {
            error_type,
            message,
        }) => {
            // What its role lacks is its own.
            output.note(&format!(
                "error: `{function}` failed: {error_type}: {message}"
            ));
            return Ok(match message.starts_with(reconcile::NO_SUCH_PIPELINE) {
                true => Ended::WrongUsage,
                false => Ended::Failed,
            });
        }
        Err(failed) if failed.kind == Kind::NotFound => {
            bail!("{failed} (hint: `--stack` names another stack, `--region` another Region)")
        }
        Err(failed) => return Err(failed.into()),
    };
    if !output.json {
        if answer["mode"] == "observe" {
            let text = format!(
                "stack {} only observes, and starts nothing; with `Mode=deploy`:\n\n",
                common.stack
            );
            output.text(&text)?;
        }
        report::print(&answer, output)?;
    }
    let asked = report::reports(&answer)
        .iter()
        .find(|report| report["pipeline"] == request.pipeline.as_str());
    let asked = asked.cloned().unwrap_or_default();
    let mut ended = ended(&asked);
    if let (Some(stack), Some(until), Ended::Well) = (&stack, then.wait, ended) {
        let waited = waited(stack, request, &asked, until, then, output).await?;
        if let Some(waited) = waited {
            ended = waited.ended;
            answer["waited"] = waited.object;
        }
    }
    if output.json {
        output.json(&answer)?;
    }
    Ok(ended)
}

/// A deployment is started, under way, or not needed. A decision to start without one is that of a stack that only observes.
fn ended(report: &Value) -> Ended {
    let has_deployment = report["deployment_id"].is_string();
    let starts = ["start", "migrate"]
        .iter()
        .any(|one| report["decision"] == *one);
    match report::meaning(report) {
        Meaning::Acts if starts && has_deployment => Ended::Well,
        Meaning::Done => Ended::Well,
        Meaning::Acts | Meaning::Skips | Meaning::Refused => Ended::Failed,
    }
}

/// None where the image runs already: there is nothing to wait for.
async fn waited(
    stack: &Stack,
    request: &Request,
    report: &Value,
    until: Until,
    then: &Then,
    output: &Output,
) -> anyhow::Result<Option<wait::Waited>> {
    let Some(id) = report["deployment_id"].as_str() else {
        return Ok(None);
    };
    let digest = report["image"]["digest"].as_str();
    let followed = Followed {
        id: id.parse()?,
        digest: digest.and_then(|digest| digest.parse().ok()),
        revision: report["revision"].as_str().and_then(|arn| arn.parse().ok()),
    };
    let pipeline = stack.named(&request.pipeline)?;
    let waited = wait::follow(
        stack,
        pipeline,
        Some(followed),
        until,
        &then.polling,
        output,
    );
    waited.await.map(Some)
}
