//! From the file's text to [`Config`], collecting every mistake instead of ending at the first.

mod section;

use std::collections::HashSet;
use std::time::Duration;

use toml::{Table, Value};

use super::{
    CodeDeploy, Config, Migration, MigrationImage, Pipeline, Request, RevisionFrom, Rollback,
    TerminationWait, TestTraffic, WhenBusy,
};
use crate::names::{ApplicationName, DeploymentGroupName};
use crate::problem::Problems;
use section::Section;

/// CodeDeploy waits an hour for a hook's answer (CodeDeploy User Guide, limits); five minutes stay for starting the task
/// and for answering.
const MIGRATION_MINUTES_AT_MOST: i64 = 55;
/// `check-test-traffic` may run for 15 minutes, the most that Lambda allows, and keeps time for the requests.
const HEALTHY_WITHIN_SECONDS_AT_MOST: i64 = 720;
/// Far more than any load balancer takes to learn new weights; it passes while targets become healthy.
const SETTLE_SECONDS_AT_MOST: i64 = 300;

pub(super) fn config(text: &str) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            problems.add(format!("line {line}"), error.message().trim());
            return Err(problems);
        }
    };
    let mut file = Section::new(String::new(), table, &mut problems);
    let entries = file.sections("pipeline");
    file.finish();
    if entries.is_empty() && problems.as_slice().is_empty() {
        problems.add(
            "pipeline",
            "there is none, expected at least one `[[pipeline]]`",
        );
    }
    let pipelines: Vec<Option<Pipeline>> = entries
        .into_iter()
        .map(|(place, table)| pipeline(place, table, &mut problems))
        .collect();
    let pipelines: Option<Vec<Pipeline>> = pipelines.into_iter().collect();
    if let Some(pipelines) = &pipelines {
        must_differ(pipelines, &mut problems);
    }
    problems.finish(pipelines.map(|pipelines| Config { pipelines }))
}

/// People and hooks cannot distinguish two pipelines with one name or one deployment group.
fn must_differ(pipelines: &[Pipeline], problems: &mut Problems) {
    let (mut names, mut groups, mut services) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (index, pipeline) in pipelines.iter().enumerate() {
        if !names.insert(&pipeline.name) {
            let message = format!(
                "`{}` is the name of another pipeline, expected a name of its own",
                pipeline.name
            );
            problems.add(format!("pipeline[{index}].name"), message);
        }
        let codedeploy = &pipeline.codedeploy;
        let group = (&codedeploy.application, &codedeploy.deployment_group);
        if !groups.insert(group) {
            let message = format!(
                "`{}` of `{}` belongs to another pipeline, expected a group of its own",
                group.1, group.0
            );
            problems.add(format!("pipeline[{index}].deployment_group"), message);
        }
        if !services.insert((&pipeline.cluster, &pipeline.service)) {
            let message = format!(
                "`{}/{}` belongs to another pipeline, expected a service of its own",
                pipeline.cluster, pipeline.service
            );
            problems.add(format!("pipeline[{index}].service"), message);
        }
    }
}

/// Both are read before either refusal ends the reading, so that the mistakes of both are noted.
fn gates(
    migration: Option<(String, Table)>,
    test_traffic: Option<(String, Table)>,
    problems: &mut Problems,
) -> (Option<Option<Migration>>, Option<TestTraffic>) {
    let migration = match migration {
        Some((place, table)) => self::migration(place, table, problems).map(Some),
        None => Some(None),
    };
    let test_traffic = match test_traffic {
        Some((place, table)) => self::test_traffic(place, table, problems),
        None => Some(TestTraffic::default_gate()),
    };
    (migration, test_traffic)
}

fn pipeline(place: String, table: Table, problems: &mut Problems) -> Option<Pipeline> {
    let mut section = Section::new(place, table, problems);
    let name = section.required("name");
    let repository = section.required("repository");
    let tag = section.required("tag");
    let cluster = section.required("cluster");
    let service = section.required("service");
    let application = section.optional("application");
    let deployment_group = section.optional("deployment_group");
    let deployment_config = section.optional("deployment_config");
    let containers = section.list("containers");
    let revision_from = section.choice(
        "revision_from",
        &[
            ("production", RevisionFrom::Production),
            ("latest", RevisionFrom::Latest),
        ],
    );
    let when_busy = section.choice(
        "when_busy",
        &[("wait", WhenBusy::Wait), ("replace", WhenBusy::Replace)],
    );
    let termination_wait = section.choice(
        "termination_wait",
        &[
            ("cut", TerminationWait::Cut),
            ("keep", TerminationWait::Keep),
        ],
    );
    let rollback = section.choice(
        "rollback",
        &[
            ("automatic", Rollback::Automatic),
            ("group", Rollback::Group),
        ],
    );
    let migration = section.section("migration");
    let test_traffic = section.section("test_traffic");
    section.finish();

    let (migration, test_traffic) = gates(migration, test_traffic, problems);
    let (cluster, service): (crate::names::ClusterName, crate::names::ServiceName) =
        (cluster?, service?);
    // The names that the ECS console gives to an application and a deployment group that it makes.
    let application: ApplicationName = match application? {
        Some(application) => application,
        None => problems.parse("application", &format!("AppECS-{cluster}-{service}"))?,
    };
    let deployment_group: DeploymentGroupName = match deployment_group? {
        Some(group) => group,
        None => problems.parse("deployment_group", &format!("DgpECS-{cluster}-{service}"))?,
    };
    Some(Pipeline {
        name: name?,
        repository: repository?,
        tag: tag?,
        cluster,
        service,
        containers: containers?,
        revision_from: revision_from?,
        when_busy: when_busy?,
        termination_wait: termination_wait?,
        codedeploy: CodeDeploy {
            application,
            deployment_group,
            deployment_config: deployment_config?,
            rollback: rollback?,
        },
        migration: migration?,
        test_traffic: test_traffic?,
    })
}

fn migration(place: String, table: Table, problems: &mut Problems) -> Option<Migration> {
    let mut section = Section::new(place, table, problems);
    let container = section.required("container");
    let command: Option<Vec<String>> = section.list("command");
    if command.as_ref().is_some_and(Vec::is_empty) {
        section.problem("command", "missing or empty, expected the program and its arguments, such as `[\"./migrate\", \"up\"]`");
    }
    let image = section.choice(
        "image",
        &[
            ("pushed", MigrationImage::Pushed),
            ("own", MigrationImage::Own),
        ],
    );
    let minutes = section.integer("timeout_minutes", 1..=MIGRATION_MINUTES_AT_MOST, 30);
    section.finish();
    Some(Migration {
        container: container?,
        command: command?,
        image: image?,
        time_out: Duration::from_secs(minutes? * 60),
    })
}

fn test_traffic(place: String, table: Table, problems: &mut Problems) -> Option<TestTraffic> {
    let mut section = Section::new(place, table, problems);
    let seconds = section.integer(
        "healthy_within_seconds",
        1..=HEALTHY_WITHIN_SECONDS_AT_MOST,
        180,
    );
    let settle = section.integer("settle_seconds", 0..=SETTLE_SECONDS_AT_MOST, 15);
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
    let requests = section.sections("request");
    section.finish();
    let requests: Vec<Option<Request>> = requests
        .into_iter()
        .map(|(place, table)| request(place, table, problems))
        .collect();
    Some(TestTraffic {
        healthy_within: Duration::from_secs(seconds?),
        settle: Duration::from_secs(settle?),
        base_url: base_url?,
        host: host?,
        requests: requests.into_iter().collect::<Option<_>>()?,
    })
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

fn request(place: String, table: Table, problems: &mut Problems) -> Option<Request> {
    let mut section = Section::new(place, table, problems);
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
        section.problem("path", "missing, expected a path such as `/health`");
    }
    let status = section.optional("status");
    let contains = section.text("contains", "text", |_| true);
    let within = section.optional_integer("within_milliseconds", 1..=60_000);
    let times = section.integer("times", 1..=100, 1);
    section.finish();
    let status = match status? {
        Some(status) => status,
        None => "200".parse().ok()?,
    };
    Some(Request {
        path: path??,
        status,
        contains: contains?.filter(|text| !text.is_empty()),
        within: within?.map(Duration::from_millis),
        times: u32::try_from(times?).ok()?,
    })
}

/// What a TOML value is, as people call it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests;
