//! One entry of the timeline as one line: simulated time, subject, event.

pub(crate) mod deployment;
pub(crate) mod function;
mod part;

use std::time::Duration;

use record::Seen;
use record::timeline::{self, ListenerKind, Purpose, Weight};
use serde_json::Value;

pub use self::part::Tone;
use self::part::{Parts, last, part, who};
use crate::terminal::Colours;

/// A line of progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    at: Duration,
    subject: String,
    text: String,
    tone: Tone,
}

impl Line {
    /// Subject, text and tone.
    pub fn parts(&self) -> (&str, &str, Tone) {
        (&self.subject, &self.text, self.tone)
    }

    pub fn render(&self, colours: Colours) -> String {
        let seconds = self.at.as_secs();
        let time = format!(
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        );
        let time = colours.paint(Tone::Faint, &time);
        // Further lines of a text are aligned under its first line.
        let indented = |line: &str| match line.trim_end() {
            "" => String::new(),
            line => format!("{:34}{line}", ""),
        };
        let lines: Vec<String> = self.text.split('\n').map(indented).collect();
        let text = lines.join("\n").trim_start().to_owned();
        format!(
            "{time}  {:<22}  {}",
            self.subject,
            colours.paint(self.tone, &text)
        )
    }

    /// The line for an entry; `None` for entries that people do not need.
    pub fn of(at: Duration, event: &timeline::Event) -> Option<Line> {
        let parts = match event {
            timeline::Event::ImagePushed { .. } => pushed(event)?,
            timeline::Event::RevisionRegistered { arn, images } => {
                part("revision", revision(arn, images), Tone::Plain)
            }
            timeline::Event::DeploymentCreated { .. } => deployment::created(event)?,
            timeline::Event::DeploymentStatus { .. } => deployment::status(event)?,
            timeline::Event::LifecycleEvent { .. } => deployment::lifecycle_event(event)?,
            timeline::Event::HookCalled { .. } => deployment::hook_called(event)?,
            timeline::Event::HookAnswered { .. } => deployment::hook_answered(event)?,
            timeline::Event::Pause { .. } => deployment::pause(event)?,
            timeline::Event::Weights { .. } => shifted(event)?,
            timeline::Event::TaskStarted { .. } => task_started(event)?,
            timeline::Event::NothingRuns { .. } => nothing_runs(event)?,
            timeline::Event::ProgramFailed { .. } => program_failed(event)?,
            timeline::Event::TaskStopped { .. } => task_stopped(event)?,
            timeline::Event::AlarmState { alarm, state, .. } => {
                let tone = if *state == "ALARM" {
                    Tone::Bad
                } else {
                    Tone::Plain
                };
                part("alarm", format!("{alarm} is {state}"), tone)
            }
            timeline::Event::MessagePublished { subject, body, .. } => {
                part("message", message(subject.as_deref(), body), Tone::Strong)
            }
            timeline::Event::CallRefused { .. } => refused(event)?,
            timeline::Event::FaultInjected {
                function,
                operation,
                fault,
            } => part(
                "fault",
                format!("{function} at {operation}: {fault}"),
                Tone::Bad,
            ),
            timeline::Event::TimeSkipped { from, to } => {
                skipped(to.duration_since(*from).unwrap_or_default())?
            }
            timeline::Event::FunctionInvoked { .. } => return None,
            timeline::Event::EventArrived { .. } => function::arrived(event)?,
            timeline::Event::FunctionEnded { .. } => function::ended(event)?,
        };
        let (subject, text, tone) = parts;
        Some(Line {
            at,
            subject,
            text,
            tone,
        })
    }
}

/// The versions that served production since `before`.
pub fn served(at: Duration, now: &Seen, before: &Seen) -> Line {
    let since =
        |version: &String, count: u64| count - before.versions.get(version).copied().unwrap_or(0);
    let counts = now
        .versions
        .iter()
        .map(|(version, count)| (version, since(version, *count)));
    let counts: Vec<String> = counts
        .filter(|(_, count)| *count > 0)
        .map(|(version, count)| format!("{count} by {version}"))
        .collect();
    let failed = now.failed - before.failed;
    let (failures, tone) = if failed == 0 {
        ("none failed".to_owned(), Tone::Good)
    } else {
        (format!("{failed} failed"), Tone::Bad)
    };
    let answers = match counts.join(", ").as_str() {
        "" => "no answers".to_owned(),
        counts => format!("answers: {counts}"),
    };
    Line {
        at,
        subject: "production".to_owned(),
        text: format!("{answers}; {failures}"),
        tone,
    }
}

fn pushed(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::ImagePushed {
        repository,
        digest,
        tag,
    } = event
    else {
        return None;
    };
    let tag = tag.as_ref().map_or(String::new(), |tag| format!(":{tag}"));
    Some(part(
        "push",
        format!("{repository}{tag} ({})", short(digest)),
        Tone::Strong,
    ))
}

fn refused(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::CallRefused {
        function,
        operation,
        code,
        message,
    } = event
    else {
        return None;
    };
    // A lookup or deletion of a schedule that is already gone is not a refusal.
    if operation.starts_with("scheduler:") && code == "ResourceNotFoundException" {
        return None;
    }
    // Neither is a lookup of a parameter that is still to be written.
    if operation == "ssm:GetParameter" && code == "ParameterNotFound" {
        return None;
    }
    Some(part(
        "refused",
        format!("{operation} by {}: {code}: {message}", who(function)),
        Tone::Bad,
    ))
}

fn task_started(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::TaskStarted {
        purpose, version, ..
    } = event
    else {
        return None;
    };
    Some(part(
        "task",
        task(purpose, version.as_deref(), "started"),
        Tone::Faint,
    ))
}

/// It is not an error to ECS, and shows an hour later at the earliest.
fn nothing_runs(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::NothingRuns {
        purpose,
        container,
        image,
        reason,
        ..
    } = event
    else {
        return None;
    };
    let so = match purpose {
        Purpose::Service(_) => "so its target never becomes healthy",
        Purpose::Once { .. } => "so its task does not end",
    };
    let text =
        format!("nothing runs in container `{container}`: its image `{image}` {reason}, {so}");
    Some(part("task", text, Tone::Bad))
}

fn program_failed(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::ProgramFailed {
        container,
        version,
        reason,
        lines,
        ..
    } = event
    else {
        return None;
    };
    let version = version.as_deref().unwrap_or("without a version");
    let mut text = format!("the program in container `{container}` ({version}): {reason}");
    if !lines.is_empty() {
        text += "; it printed last:";
    }
    let lines = lines.iter().map(|line| format!("\n  {line}"));
    text.extend(lines);
    Some(part("program", text, Tone::Bad))
}

fn shifted(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::Weights {
        service,
        listener,
        weights,
        ..
    } = event
    else {
        return None;
    };
    let listener = match listener {
        ListenerKind::Production => "production",
        ListenerKind::Test => "test listener",
    };
    Some(part(
        listener,
        format!("`{service}` goes to {}", shares(weights)),
        Tone::Strong,
    ))
}

fn skipped(skipped: Duration) -> Option<Parts> {
    let worth_a_line = skipped >= Duration::from_secs(5);
    worth_a_line.then(|| part("", format!("({} later)", duration(skipped)), Tone::Faint))
}

fn revision(arn: &str, images: &[(String, String)]) -> String {
    let image = |(container, image): &(String, String)| {
        let (name, digest) = image.split_once('@').unwrap_or((image, ""));
        let name = if digest.is_empty() {
            name.to_owned()
        } else {
            format!("{}@{}", repository(name), short(digest))
        };
        format!("{container} = {name}")
    };
    format!(
        "{}: {}",
        last(arn),
        images.iter().map(image).collect::<Vec<_>>().join(", ")
    )
}

fn shares(weights: &[Weight]) -> String {
    let share = |weight: &Weight| {
        let version = weight
            .version
            .as_ref()
            .map_or(String::new(), |version| format!(" ({version})"));
        format!(
            "{}{version} {} %",
            weight.task_set.to_lowercase(),
            weight.percent
        )
    };
    weights.iter().map(share).collect::<Vec<_>>().join(", ")
}

fn task(purpose: &Purpose, version: Option<&str>, what: &str) -> String {
    let version = version.map_or(String::new(), |version| format!(" {version}"));
    match purpose {
        Purpose::Service(service) => format!("`{service}`{version} {what}"),
        Purpose::Once { command, .. } => format!("`{}`{version} {what}", command.join(" ")),
    }
}

fn task_stopped(event: &timeline::Event) -> Option<Parts> {
    let timeline::Event::TaskStopped {
        purpose,
        version,
        exit_code,
        reason,
        ..
    } = event
    else {
        return None;
    };
    let code = exit_code.map_or("no exit code".to_owned(), |code| {
        format!("exit code {code}")
    });
    let reason = reason
        .as_ref()
        .map_or(String::new(), |reason| format!(": {reason}"));
    let tone = if *exit_code == Some(0) {
        Tone::Faint
    } else {
        Tone::Bad
    };
    let stopped = task(purpose, version.as_deref(), "stopped");
    Some(part("task", format!("{stopped} ({code}{reason})"), tone))
}

/// Subject and body; of a JSON body, the parts that a person would read.
fn message(subject: Option<&str>, body: &str) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let mut lines: Vec<String> = subject.map(str::to_owned).into_iter().collect();
    if parsed.is_object() {
        lines.extend(
            ["summary", "reason", "next"]
                .iter()
                .filter_map(|field| parsed[*field].as_str().map(str::to_owned)),
        );
        let log = parsed["log"].as_array().into_iter().flatten();
        lines.extend(log.filter_map(|line| Some(format!("  | {}", line.as_str()?))));
    } else {
        lines.extend(body.trim_end().lines().map(|line| format!("  {line}")));
    }
    lines.join("\n")
}

/// `5 min 0 s`
pub(crate) fn duration(duration: Duration) -> String {
    match (
        duration.as_secs() / 3600,
        duration.as_secs() / 60 % 60,
        duration.as_secs() % 60,
    ) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}

/// An image's name without its registry.
fn repository(name: &str) -> &str {
    match name.split_once('/') {
        Some((registry, repository)) if registry.contains('.') => repository,
        Some(_) | None => name,
    }
}

#[cfg(test)]
mod tests;
