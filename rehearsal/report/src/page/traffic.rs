//! Answers by version, and every kind of failure.

use super::section::section;
use super::tables::{Column, bad, table};
use crate::format::precise_clock;
use crate::markup::{Markup, element, text};
use crate::story::{Listener, Request, Service, Story};
use record::NO_VERSION;

/// The number of failures that are listed; the rest are only counted.
const FAILURES_AT_MOST: usize = 50;

pub(super) fn section_of(story: &Story) -> Markup {
    let columns = [
        Column::Text("service"),
        Column::Text("listener"),
        Column::Text("version"),
        Column::Number("answers"),
        Column::Number("failed"),
    ];
    let rows = story.services.iter().flat_map(rows);
    let counted = table("Requests by the version that answered", &columns, rows);
    section("traffic", "Traffic", [counted, failures(story)])
}

/// (listener's name, listener) of a service.
fn listeners(service: &Service) -> impl Iterator<Item = (&'static str, &Listener)> {
    let test = service.test.iter().map(|test| ("test", test));
    std::iter::once(("production", &service.production)).chain(test)
}

fn rows(service: &Service) -> Vec<Vec<Markup>> {
    let of_listener = |(name, listener): (&'static str, &Listener)| {
        let mut versions: Vec<&str> = Vec::new();
        for request in &listener.requests {
            if !versions.contains(&request.version.as_str()) {
                versions.push(&request.version);
            }
        }
        let row = |version: &str| {
            let of_version = listener.requests.iter().filter(|r| r.version == version);
            let failed = of_version.clone().filter(|r| r.failure.is_some()).count();
            let version = if version == NO_VERSION {
                "none named"
            } else {
                version
            };
            vec![
                text(&service.name),
                text(name),
                text(version),
                text(of_version.count().to_string()),
                match failed {
                    0 => text("0"),
                    failed => bad(&failed.to_string()),
                },
            ]
        };
        versions.into_iter().map(row).collect::<Vec<_>>()
    };
    listeners(service).flat_map(of_listener).collect()
}

fn failures(story: &Story) -> Markup {
    let of_listener = |service: &Service| {
        let name = service.name.clone();
        listeners(service)
            .flat_map(|(listener, requests)| {
                let failed = requests.requests.iter().filter(|r| r.failure.is_some());
                failed.map(move |request| (listener, request.clone()))
            })
            .map(move |(listener, request)| (name.clone(), listener, request))
            .collect::<Vec<_>>()
    };
    let failures: Vec<(String, &str, Request)> =
        story.services.iter().flat_map(of_listener).collect();
    if failures.is_empty() {
        return element("p").text("No request failed.").into();
    }
    let row = |(service, listener, request): &(String, &str, Request)| {
        vec![
            text(precise_clock(request.at)),
            text(service),
            text(listener),
            bad(request.failure.as_deref().unwrap_or_default()),
            text(&request.version),
        ]
    };
    let columns = [
        Column::Number("at"),
        Column::Text("service"),
        Column::Text("listener"),
        Column::Text("what failed"),
        Column::Text("version"),
    ];
    let shown = failures.iter().take(FAILURES_AT_MOST).map(row);
    let more = failures.len().saturating_sub(FAILURES_AT_MOST);
    let more = (more > 0).then(|| element("p").text(format!("… and {more} more.")));
    [table("Requests that failed", &columns, shown), more.into()]
        .into_iter()
        .collect()
}
