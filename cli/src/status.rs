//! `status`: one screen.

use aws::follow::Follower;
use aws::observe::{Deploys, ObserveFailed};
use rules::environment::Mode;
use rules::names::{Digest, Image};
use rules::progress::{Progress, State};
use rules::revision;
use rules::start::{Decision, RunningImage};
use serde_json::{Value, json};
use time::UtcDateTime;

use crate::arguments::{Common, Named};
use crate::ended::Ended;
use crate::look::{self, Looked, Seen};
use crate::moment::{day_and_time, rfc_3339};
use crate::page::{Ink, Output, Page, of_caller};
use crate::stack::{IsThere, Stack};
use crate::{report, tree};

/// A pipeline's state, with what only people want to know of it.
struct Shown<'a> {
    seen: Seen<'a>,
    since: Option<UtcDateTime>,
    progress: Option<Progress>,
}

pub(crate) async fn run(common: &Common, named: &Named, output: &Output) -> anyhow::Result<Ended> {
    let stack = Stack::find(common, output).await?;
    if let Some(name) = &named.pipeline {
        stack.named(name)?;
    }
    let is_asked = |looked: &Looked<'_>| {
        let name = named.pipeline.as_ref();
        name.is_none_or(|name| looked.pipeline.name == *name)
    };
    let (observer, follower) = (stack.observer(), stack.follower());
    let services = look::services(&stack.started)?;
    let mut page = output.page();
    head(&mut page, &stack);
    let (mut objects, mut ended) = (Vec::new(), Ended::Well);
    for service in &services {
        let of_service = service.iter().map(|one| &one.pipeline.name);
        if let Some(name) = &named.pipeline
            && !of_service.into_iter().any(|one| one == name)
        {
            continue;
        }
        let looked = look::look(&observer, &stack.started, service).await;
        for looked in looked.into_iter().filter(is_asked) {
            let pipeline = looked.pipeline;
            page.blank();
            // One record that cannot be read hides no other pipeline.
            let shown = match looked.seen {
                Ok(seen) => Shown::of(&follower, seen).await,
                Err(failed) => Err(failed),
            };
            match shown {
                Ok(shown) => {
                    shown.write(&mut page);
                    objects.push(shown.to_json());
                }
                Err(failed) => {
                    ended = Ended::Failed;
                    let title = format!("{} -> {}", pipeline.name, pipeline.place());
                    page.line(&title, Ink::Bold);
                    let problem = of_caller(&failed.to_string());
                    page.field("problem", &problem, Ink::Bad);
                    objects.push(json!({"pipeline": pipeline.name, "problem": problem}));
                }
            }
        }
    }
    match output.json {
        true => output.json(&json!({
            "stack": stack.started.settings.stack,
            "region": stack.started.settings.topic.region(),
            "account": stack.started.settings.topic.account(),
            "mode": stack.mode(),
            "pipelines": objects,
        }))?,
        false => output.text(&page.into_text())?,
    }
    Ok(ended)
}

fn head(page: &mut Page, stack: &Stack) {
    let settings = &stack.started.settings;
    let (name, topic) = (&settings.stack, &settings.topic);
    let means = match (stack.is_there, stack.started.extra.mode) {
        (IsThere::NotYet, _) => "it is not deployed",
        (IsThere::NotKnown, _) => "its mode is not known",
        (IsThere::Yes, Mode::Deploy) => "it deploys what is due",
        (IsThere::Yes, Mode::Observe) => {
            "it observes: it says what it would deploy, and deploys nothing"
        }
    };
    let (region, account) = (topic.region(), topic.account());
    let text = format!("stack {name} ({region}, account {account}): {means}");
    page.line(&text, Ink::Plain);
}

impl<'a> Shown<'a> {
    async fn of(follower: &Follower, seen: Seen<'a>) -> Result<Self, ObserveFailed> {
        let observation = &seen.member.observation;
        let pipeline = seen.member.reconciliation.pipeline;
        let engine = observation.deploys.engine();
        let made_by = observation.production.made_by();
        let since = follower.serves_since(pipeline, made_by, engine).await?;
        let progress = match &observation.observed.service.active {
            Some(active) => {
                let read = follower.progress(pipeline, engine, &active.id).await?;
                Some(read.unwrap_or_else(|| Progress::of_active(active)))
            }
            None => None,
        };
        Ok(Self {
            seen,
            since,
            progress,
        })
    }

    fn write(&self, page: &mut Page) {
        let observation = &self.seen.member.observation;
        let pipeline = self.seen.member.reconciliation.pipeline;
        let title = format!(
            "{} -> {} ({})",
            pipeline.name,
            pipeline.place(),
            observation.deploys.engine()
        );
        page.line(&title, Ink::Bold);
        page.field("runs", &self.runs(), Ink::Plain);
        if let Some(since) = self.since {
            page.field("", &format!("since {}", day_and_time(since)), Ink::Plain);
        }
        match &observation.observed.candidate {
            Some(candidate) => {
                let ordered = day_and_time(candidate.ordered_at);
                let text = format!("{}, ordered {ordered}", candidate.image);
                page.field("candidate", &text, Ink::Plain);
            }
            None => page.field("candidate", "none", Ink::Plain),
        }
        if let Some(progress) = &self.progress {
            under_way(page, progress);
        }
        page.field("next", &self.next(), self.ink());
        let ignored = observation.deploys.engine().ignores(pipeline);
        if !ignored.is_empty() {
            let text = format!("{} (of another engine)", ignored.join(", "));
            page.field("ignored", &text, Ink::Plain);
        }
        report::not_known(page, self.not_known().iter().map(String::as_str));
    }

    /// What could not be asked, a sentence each.
    fn not_known(&self) -> &[String] {
        match &self.seen.member.observation.deploys {
            Deploys::CodeDeploy(_) => &[],
            Deploys::Ecs(on_ecs) => &on_ecs.not_known,
        }
    }

    /// `1.4.2 (sha256:cf9680c53ea0), shop-web:7, 2 of 2 tasks`
    fn runs(&self) -> String {
        let observed = &self.seen.member.observation.observed;
        let image = match &observed.running {
            RunningImage::Known(digest) => {
                let tag = self.tag(digest);
                let digest = digest.short();
                tag.map_or(digest.to_owned(), |tag| format!("{tag} ({digest})"))
            }
            RunningImage::Mixed => "different images".to_owned(),
            RunningImage::Unknown(why) => format!("an image that is not known: {why}"),
        };
        let tasks = observed.service.tasks.map(|tasks| tasks.to_string());
        let revision = Some(observed.service.revision.short().to_owned());
        let parts = [Some(image), revision, tasks];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn tag(&self, digest: &Digest) -> Option<String> {
        let member = &self.seen.member;
        let production = &member.observation.production;
        let deployed = revision::deployed(
            member.reconciliation.pipeline,
            &production.definition,
            &production.matching,
            digest.clone(),
        );
        deployed.tag.map(|tag| tag.to_string())
    }

    fn next(&self) -> String {
        let reason = self.seen.reason();
        match &self.seen.decision {
            Decision::Start(_) => format!("start: {reason}"),
            Decision::EndWait(_) => format!("end the wait: {reason}"),
            Decision::Stop(_) => format!("stop: {reason}"),
            Decision::Skip(skip) => format!("nothing ({}): {reason}", skip.code()),
        }
    }

    fn ink(&self) -> Ink {
        match &self.seen.decision {
            Decision::Start(_) | Decision::EndWait(_) | Decision::Stop(_) => Ink::Good,
            Decision::Skip(_) => Ink::Plain,
        }
    }

    fn to_json(&self) -> Value {
        let observation = &self.seen.member.observation;
        let pipeline = self.seen.member.reconciliation.pipeline;
        let observed = &observation.observed;
        let digest = observed.running_digest();
        let candidate = observed.candidate.as_ref();
        let candidate =
            candidate.map(|one| -> (&Image, String) { (&one.image, rfc_3339(one.ordered_at)) });
        json!({
            "pipeline": pipeline.name,
            "service": pipeline.place(),
            "engine": observation.deploys.engine().to_string(),
            "running": {
                "digest": digest,
                "tag": digest.and_then(|digest| self.tag(digest)),
                "revision": observed.service.revision,
                "tasks": observed.service.tasks.map(|tasks| {
                    json!({"running": tasks.running, "desired": tasks.desired})
                }),
                "since": self.since.map(rfc_3339),
            },
            "candidate": candidate.map(|(image, at)| json!({"image": image, "ordered_at": at})),
            "under_way": self.progress.as_ref().map(tree::to_json),
            "decision": self.seen.decision.code(),
            "reason": self.seen.reason(),
            "ignored": observation.deploys.engine().ignores(pipeline),
            "not_known": self.not_known(),
        })
    }
}

fn under_way(page: &mut Page, progress: &Progress) {
    let ink = match progress.state.goes_wrong() {
        true => Ink::Bad,
        false => Ink::Waiting,
    };
    let since = day_and_time(progress.created_at);
    let shifted = match progress.state {
        State::Shifted => ", production is shifted",
        State::UnderWay
        | State::RollingBack
        | State::Succeeded
        | State::RolledBack
        | State::Superseded
        | State::Failed => "",
    };
    let text = format!(
        "{} {}{shifted}, since {since}",
        progress.id, progress.status
    );
    page.field("under way", &text, ink);
    if let Some(step) = progress.current() {
        let text = match step.started_at {
            Some(at) => format!("{}, since {}", step.name, day_and_time(at)),
            None => step.name.clone(),
        };
        page.field("", &text, ink);
    }
    for line in tree::sides(progress) {
        page.field("", &line, Ink::Plain);
    }
    for reason in &progress.reasons {
        page.field("", reason, Ink::Bad);
    }
}
