//! The traffic gates: which requests are sent, and what they are judged by.

use std::time::Duration;

use toml::Table;

use super::headers::headers;
use super::section::Section;
use crate::config::{Header, Request, TestTraffic, Traffic};
use crate::problem::Problems;

/// `check-test-traffic` may run for 15 minutes, the most that Lambda allows, and keeps time for the requests.
const HEALTHY_WITHIN_SECONDS_AT_MOST: i64 = 720;
/// Far more than any load balancer takes to learn new weights; it passes while targets become healthy.
const SETTLE_SECONDS_AT_MOST: i64 = 300;

pub(super) fn test_traffic(
    place: String,
    table: Table,
    problems: &mut Problems,
) -> Option<TestTraffic> {
    let mut section = Section::new(place.clone(), table, problems);
    let seconds = section.integer(
        "healthy_within_seconds",
        1..=HEALTHY_WITHIN_SECONDS_AT_MOST,
        180,
    );
    let (mut checks, headers) = checks(section)?;
    checks.headers = headers.unwrap_or_default();
    must_go_over_tls(&place, &checks, problems);
    Some(TestTraffic {
        healthy_within: Duration::from_secs(seconds?),
        checks,
    })
}

/// Without requests of its own the gate sends those of `test_traffic`, under the same name, with the same headers
/// and the same authority.
pub(super) fn production_traffic(
    place: String,
    table: Table,
    test_traffic: Option<&TestTraffic>,
    problems: &mut Problems,
) -> Option<Traffic> {
    let (mut traffic, headers) = checks(Section::new(place.clone(), table, problems))?;
    let test = &test_traffic?.checks;
    if traffic.requests.is_empty() {
        traffic.requests.clone_from(&test.requests);
    }
    if traffic.requests.is_empty() {
        problems.add(
            format!("{place}.request"),
            "there is none, nor one of `test_traffic`, expected at least one request to send",
        );
        return None;
    }
    let of_test = || test.target_group.clone();
    traffic.target_group = traffic.target_group.or_else(of_test);
    traffic.host = traffic.host.or_else(|| test.host.clone());
    traffic.ca = traffic.ca.or_else(|| test.ca.clone());
    traffic.headers = headers.unwrap_or_else(|| test.headers.clone());
    must_go_over_tls(&place, &traffic, problems);
    Some(traffic)
}

/// Where the address is known already, credentials without TLS are a mistake of the file.
fn must_go_over_tls(place: &str, traffic: &Traffic, problems: &mut Problems) {
    let Some(base_url) = traffic.base_url.as_ref() else {
        return;
    };
    if let Some(why) = traffic.refuses(base_url) {
        problems.add(format!("{place}.base_url"), why);
    }
}

/// What both gates have in common, nothing else may be in the section; and the headers where the section has them.
fn checks(mut section: Section<'_>) -> Option<(Traffic, Option<Vec<Header>>)> {
    let settle = section.integer("settle_seconds", 0..=SETTLE_SECONDS_AT_MOST, 15);
    let target_group = section.optional("target_group");
    let base_url = section.text(
        "base_url",
        "an address such as `https://test.example.com:8443`",
        is_address,
    );
    let host = section.text("host", "a host name such as `www.example.com`", |text| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    });
    let ca = section.optional("ca");
    let (place, given) = (section.place(), section.taken("headers"));
    let requests = section.sections("request");
    let problems = section.finish();
    let headers = headers(&place, given, problems);
    let requests: Vec<Option<Request>> = requests
        .into_iter()
        .map(|(place, table)| request(place, table, problems))
        .collect();
    let traffic = Traffic {
        settle: Duration::from_secs(settle?),
        target_group: target_group?,
        base_url: base_url?,
        host: host?,
        ca: ca?,
        headers: Vec::new(),
        requests: requests.into_iter().collect::<Option<_>>()?,
    };
    Some((traffic, headers?))
}

/// `http://` or `https://`, a host name or an address, and a port or none; a slash may end it.
fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest)) else {
        return false;
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (rest, None),
    };
    let is_name = |host: &str| {
        let is_label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        host.len() <= 253
            && host
                .strip_suffix('.')
                .unwrap_or(host)
                .split('.')
                .all(is_label)
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        // What ends like an address is one to every client.
        None if host.ends_with(|last: char| last.is_ascii_digit()) && is_numeric_end(host) => {
            host.parse::<std::net::Ipv4Addr>().is_ok()
        }
        None => is_name(host),
    };
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether the last label is a number.
fn is_numeric_end(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|byte| byte.is_ascii_digit())
}

/// The standard gRPC health check (grpc/grpc, doc/health-checking.md), as a path.
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";
/// One byte holds the length of such a name.
const SERVICE_CHARACTERS_AT_MOST: usize = 127;

fn request(place: String, mut table: Table, problems: &mut Problems) -> Option<Request> {
    let of_grpc = table.contains_key("grpc_service");
    if of_grpc {
        for key in ["path", "status", "contains"] {
            if table.remove(key).is_some() {
                problems.add(
                    format!("{place}.{key}"),
                    "does not go with `grpc_service`, expected one of both: a health check has its own path and answer",
                );
            }
        }
        table.insert("path".to_owned(), HEALTH_CHECK.into());
    }
    let mut section = Section::new(place.clone(), table, problems);
    let path = section.text(
        "path",
        "a path that begins with one `/` and holds no blanks",
        |text| {
            // `//name` is another server's address, and to an HTTP client a backslash is a slash.
            text.starts_with('/')
                && !text[1..].starts_with(['/', '\\'])
                && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#')
        },
    );
    if matches!(path, Some(None)) {
        section.problem(
            "path",
            "missing, expected a path such as `/health`, or `grpc_service` for a gRPC health check",
        );
    }
    let grpc_service = section.text(
        "grpc_service",
        "a service's name such as `shop.Orders`, or empty for the whole server",
        |text| {
            text.len() <= SERVICE_CHARACTERS_AT_MOST
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        },
    );
    let status = section.optional("status");
    let contains = section.text("contains", "text", |_| true);
    let within = section.optional_integer("within_milliseconds", 1..=60_000);
    let times = section.integer("times", 1..=100, 1);
    let given = section.taken("headers");
    let headers = headers(&place, given, section.finish());
    let status = match status? {
        Some(status) => status,
        None => "200".parse().ok()?,
    };
    Some(Request {
        path: path??,
        grpc_service: grpc_service?,
        status,
        contains: contains?.filter(|text| !text.is_empty()),
        within: within?.map(Duration::from_millis),
        times: u32::try_from(times?).ok()?,
        headers: headers?.unwrap_or_default(),
    })
}
