//! What was found, for people and for programs.

use rules::config::Pipeline;
use rules::counted::counted;
use rules::doctor::{Checks, Finding, Severity};
use serde_json::{Value, json};

use super::service::OfService;
use crate::arguments::Common;
use crate::page::{ARROW, Ink, Output, Page, is_command};
use crate::stack::Stack;

/// What no call tells, whoever asks.
const BEYOND: &str = "service control policies and policies of resources and keys, security groups and routes, whether a `base_url` is reached, \
                      what a command does, who may override a refusal";

type OfPipeline<'a> = (&'a Pipeline, &'a OfService<'a>, Checks);

pub(super) fn show(
    common: &Common,
    stack: &Stack,
    of_stack: &Checks,
    pipelines: &[OfPipeline<'_>],
    output: &Output,
) -> anyhow::Result<()> {
    match output.json {
        true => output.json(&to_json(common, stack, of_stack, pipelines)),
        false => {
            let mut page = output.page();
            write(&mut page, common, stack, of_stack, pipelines);
            output.text(&page.into_text())
        }
    }
}

fn write(
    page: &mut Page,
    common: &Common,
    stack: &Stack,
    of_stack: &Checks,
    pipelines: &[OfPipeline<'_>],
) {
    let settings = &stack.started.settings;
    let (region, account) = (settings.topic.region(), settings.topic.account());
    page.line(
        &format!("stack {} ({region}, account {account})", settings.stack),
        Ink::Bold,
    );
    list(page, common, of_stack);
    for (pipeline, _, checks) in pipelines {
        page.blank();
        page.line(
            &format!("{} -> {}", pipeline.name, pipeline.place()),
            Ink::Bold,
        );
        list(page, common, checks);
    }
    page.blank();
    let all = pipelines
        .iter()
        .map(|(.., checks)| checks)
        .chain([of_stack]);
    let findings: Vec<&Finding> = all.flat_map(|checks| &checks.findings).collect();
    page.line(&summary(&findings), ink(worst(&findings)));
    page.line(&format!("Not known to any call: {BEYOND}."), Ink::Plain);
}

fn list(page: &mut Page, common: &Common, checks: &Checks) {
    for severity in [Severity::Wrong, Severity::Doubt, Severity::NotKnown] {
        for finding in checks
            .findings
            .iter()
            .filter(|one| one.severity == severity)
        {
            let label = match severity {
                Severity::Wrong => "wrong",
                Severity::Doubt => "doubt",
                Severity::NotKnown => "not known",
            };
            page.field(
                label,
                &format!("{}: {}", finding.subject, finding.sentence),
                ink(Some(severity)),
            );
            if let Some(remedy) = remedy(common, finding) {
                page.field("", &format!("{ARROW}{remedy}"), Ink::Plain);
            }
        }
    }
    let mut label = "checked";
    for checked in &checks.checked {
        page.field(label, checked, Ink::Plain);
        label = "";
    }
}

/// The AWS CLI has to ask where this command has asked.
fn remedy(common: &Common, finding: &Finding) -> Option<String> {
    let given = [("--profile", &common.profile), ("--region", &common.region)];
    let asked = |line: &str| {
        let mut line = line.to_owned();
        if is_command(&line) {
            for (option, value) in given {
                if let Some(value) = value
                    && !line.contains(option)
                {
                    line.push_str(&format!(" {option} {value}"));
                }
            }
        }
        line
    };
    let lines = finding.remedy.as_ref()?.split('\n').map(asked);
    Some(lines.collect::<Vec<_>>().join("\n"))
}

fn worst(findings: &[&Finding]) -> Option<Severity> {
    findings.iter().map(|one| one.severity).min()
}

fn ink(severity: Option<Severity>) -> Ink {
    match severity {
        Some(Severity::Wrong) => Ink::Bad,
        Some(Severity::Doubt | Severity::NotKnown) => Ink::Waiting,
        None => Ink::Good,
    }
}

/// `2 mistakes, 1 doubt`
fn summary(findings: &[&Finding]) -> String {
    let of = |severity, one: &str, many: &str| {
        let all = findings.iter().filter(|one| one.severity == severity);
        let number = all.count();
        (number > 0).then(|| counted(number, one, many))
    };
    let parts = [
        of(Severity::Wrong, "mistake", "mistakes"),
        of(Severity::Doubt, "doubt", "doubts"),
        of(Severity::NotKnown, "thing not known", "things not known"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => "Nothing wrong was found.".to_owned(),
        false => format!("{}.", parts.join(", ")),
    }
}

fn to_json(
    common: &Common,
    stack: &Stack,
    of_stack: &Checks,
    pipelines: &[OfPipeline<'_>],
) -> Value {
    let settings = &stack.started.settings;
    let pipelines: Vec<Value> = pipelines
        .iter()
        .map(|(pipeline, service, checks)| {
            json!({
                "pipeline": pipeline.name,
                "service": pipeline.place(),
                "engine": service.engine.map(|engine| engine.to_string()),
                "findings": findings(common, checks),
                "checked": checks.checked,
            })
        })
        .collect();
    json!({
        "stack": settings.stack,
        "region": settings.topic.region(),
        "account": settings.topic.account(),
        "mode": stack.mode(),
        "findings": findings(common, of_stack),
        "checked": of_stack.checked,
        "pipelines": pipelines,
        "beyond": BEYOND,
    })
}

fn findings(common: &Common, checks: &Checks) -> Vec<Value> {
    let object = |one: &Finding| {
        json!({
            "subject": one.subject,
            "severity": one.severity.code(),
            "sentence": one.sentence,
            "remedy": remedy(common, one),
        })
    };
    checks.findings.iter().map(object).collect()
}
