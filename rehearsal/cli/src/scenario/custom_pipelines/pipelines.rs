//! Reads a custom pipelines file as far as a world needs it.
//!
//! Parsing is lenient: a function validates the file before the run, and reports its mistakes.

use checks::{Glob, Regex};
use local_aws::identity::{ACCOUNT, Location, REGION};
use semver::{Comparator, Version, VersionReq};
use toml::{Table, Value};

use super::requests::{self, Request};

/// The requirements of one pipeline on the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) name: String,
    /// One that is not in the stack's registry has the registry's host before its name.
    pub(crate) repository: String,
    /// The tag rule as configured.
    pub(crate) tag: String,
    pub(crate) tags: Tags,
    pub(crate) cluster: String,
    pub(crate) service: String,
    pub(crate) application: String,
    pub(crate) deployment_group: String,
    pub(crate) deployment_config: Option<String>,
    /// Whether it deploys settings that others register: `revision_from = "latest"`.
    pub(crate) follows_settings: bool,
    /// The containers that get the image; the first one serves.
    pub(crate) containers: Vec<String>,
    /// The containers that the file names for its images.
    pub(crate) own_containers: Vec<String>,
    pub(crate) migration: Option<Vec<String>>,
    /// The migration's time limit.
    pub(crate) migration_minutes: u64,
    pub(crate) migration_container: Option<String>,
    /// Whether the migration's container runs an image other than the pushed one.
    pub(crate) migration_has_own_image: bool,
    /// Whether the migration runs in a revision of its own.
    pub(crate) migration_runs_alone: bool,
    /// The time that the listener's nodes get to route to green.
    pub(crate) settle_seconds: u64,
    pub(crate) requests: Vec<Request>,
    /// A target group of the load balancer that is asked.
    pub(crate) target_group: Option<String>,
    /// The host that requests name.
    pub(crate) host: Option<String>,
    /// The production traffic gate: the same, after the shift.
    pub(crate) production: Option<ProductionGate>,
}

/// What production is asked after the shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProductionGate {
    pub(crate) settle_seconds: u64,
    pub(crate) requests: Vec<Request>,
    pub(crate) target_group: Option<String>,
}

/// The tag of the running image, if it needs one, and the tag of the pushed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) running: Option<String>,
    pub(crate) pushed: String,
}

/// The sufficiently complete pipelines of a file; none if it is not TOML.
pub(crate) fn read(text: &str) -> Vec<Pipeline> {
    let file: Table = text.parse().unwrap_or_default();
    let pipelines = file.get("pipeline").and_then(Value::as_array);
    pipelines
        .into_iter()
        .flatten()
        .filter_map(pipeline)
        .collect()
}

/// The number of pipelines in a file, whether or not they are complete.
pub(super) fn count(text: &str) -> usize {
    let file: Table = text.parse().unwrap_or_default();
    let pipelines = file.get("pipeline").and_then(Value::as_array);
    pipelines.map_or(0, Vec::len)
}

/// The time that the stand-in's own tasks may need to become healthy on a busy machine.
const HEALTHY_SECONDS_AT_LEAST: i64 = 120;

/// The file without settings that describe a service outside the rehearsal: the address of its test listener, who signed its
/// certificate, what its requests carry (some of it only over TLS, and from secrets), gRPC health checks, and its response
/// times, none of which the stand-in on this machine reproduces; without target groups that the world does not have, unlike
/// `target_groups`; and without the hooks whose functions it does not have, unlike `functions`. `None` if the file has none of
/// them.
pub(crate) fn as_played(
    text: &str,
    functions: &[&str],
    target_groups: &[String],
) -> Option<String> {
    let mut file: Table = text.parse().ok()?;
    let mut is_changed = false;
    for pipeline in file.get_mut("pipeline").and_then(Value::as_array_mut)? {
        for gate in ["test_traffic", "production_traffic"] {
            let gate = pipeline.get_mut(gate);
            let Some(gate) = gate.and_then(Value::as_table_mut) else {
                continue;
            };
            for setting in ["base_url", "ca", "headers"] {
                is_changed |= gate.remove(setting).is_some();
            }
            let named = gate.get("target_group").and_then(Value::as_str);
            let is_known = |named: &str| target_groups.iter().any(|known| known == named);
            if named.is_some_and(|named| !is_known(named)) {
                is_changed |= gate.remove("target_group").is_some();
            }
            if let Some(Value::Integer(seconds @ ..HEALTHY_SECONDS_AT_LEAST)) =
                gate.get_mut("healthy_within_seconds")
            {
                *seconds = HEALTHY_SECONDS_AT_LEAST;
                is_changed = true;
            }
            let requests = gate.get_mut("request").and_then(Value::as_array_mut);
            is_changed |= requests.is_some_and(leave_out);
        }
        // A gate after the shift that has nothing to send is refused.
        let has_requests = ["test_traffic", "production_traffic"]
            .iter()
            .any(|gate| !requests::read(pipeline.get(gate)).is_empty());
        if let (false, Some(pipeline)) = (has_requests, pipeline.as_table_mut()) {
            is_changed |= pipeline.remove("production_traffic").is_some();
        }
        let hooks = pipeline.get_mut("hooks").and_then(Value::as_table_mut);
        is_changed |= hooks.is_some_and(|hooks| leave_out_unknown(hooks, functions));
    }
    is_changed.then(|| file.to_string())
}

/// Whether a hook was left out because its function is none of these.
fn leave_out_unknown(hooks: &mut Table, functions: &[&str]) -> bool {
    let before = hooks.len();
    hooks.retain(|_, function| {
        let name = function.as_str();
        name.is_some_and(|name| functions.contains(&name))
    });
    hooks.len() < before
}

/// Whether anything was left out of these requests.
fn leave_out(requests: &mut Vec<Value>) -> bool {
    let before = requests.len();
    requests.retain(|request| request.get("grpc_service").is_none());
    let mut is_changed = requests.len() < before;
    for request in requests {
        for setting in ["within_milliseconds", "headers"] {
            let removed = request
                .as_table_mut()
                .and_then(|request| request.remove(setting));
            is_changed |= removed.is_some();
        }
    }
    is_changed
}

fn pipeline(given: &Value) -> Option<Pipeline> {
    let text = |key: &str| {
        given
            .get(key)?
            .as_str()
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned)
    };
    let (cluster, service) = (text("cluster")?, text("service")?);
    let registry = Location::new(
        text("registry_account").as_deref().unwrap_or(ACCOUNT),
        text("registry_region").as_deref().unwrap_or(REGION),
    );
    let migration = given.get("migration");
    let requests = requests::read(given.get("test_traffic"));
    let production = given.get("production_traffic");
    let target_group = |gate: Option<&Value>| Some(gate?.get("target_group")?.as_str()?.to_owned());
    let tested = target_group(given.get("test_traffic"));
    let has_requests = !requests.is_empty() || !requests::read(production).is_empty();
    let production = production.filter(|_| has_requests).map(|gate| {
        let own = requests::read(Some(gate));
        ProductionGate {
            settle_seconds: number(Some(gate), "settle_seconds").unwrap_or(15),
            requests: if own.is_empty() {
                requests.clone()
            } else {
                own
            },
            target_group: target_group(Some(gate)).or_else(|| tested.clone()),
        }
    });
    let of_migration = |key: &str| Some(migration?.get(key)?.as_str()?.to_owned());
    Some(Pipeline {
        name: text("name").unwrap_or_else(|| service.clone()),
        repository: registry.repository(&text("repository").filter(|name| is_repository(name))?),
        tag: text("tag")?,
        tags: tags(&text("tag")?)?,
        application: text("application").unwrap_or_else(|| format!("AppECS-{cluster}-{service}")),
        deployment_group: text("deployment_group")
            .unwrap_or_else(|| format!("DgpECS-{cluster}-{service}")),
        deployment_config: text("deployment_config"),
        follows_settings: text("revision_from").as_deref() == Some("latest"),
        containers: containers(given, migration, &service),
        own_containers: texts(given.get("containers")),
        migration: migration.map(|migration| texts(migration.get("command"))),
        migration_minutes: number(migration, "timeout_minutes").unwrap_or(30),
        migration_container: of_migration("container"),
        migration_has_own_image: of_migration("image").as_deref() == Some("own"),
        migration_runs_alone: migration
            .and_then(|migration| migration.get("alone")?.as_bool())
            .unwrap_or_default(),
        settle_seconds: number(given.get("test_traffic"), "settle_seconds").unwrap_or(15),
        requests,
        target_group: tested,
        host: given
            .get("test_traffic")
            .and_then(|gate| Some(gate.get("host")?.as_str()?.to_owned())),
        production,
        cluster,
        service,
    })
}

/// Whether ECR could have a repository with this name. With any other name, no image could be deployed before the
/// functions refuse it.
fn is_repository(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    // A separator stands alone, and between letters.
    let mut words = name.split(['.', '_', '-', '/']);
    words.all(|word| !word.is_empty() && word.chars().all(is_letter))
}

/// The containers that the file names, the migration's last. If it names none, the service's name is the default.
fn containers(pipeline: &Value, migration: Option<&Value>, service: &str) -> Vec<String> {
    let mut containers = texts(pipeline.get("containers"));
    let migrates = migration.and_then(|migration| migration.get("container")?.as_str());
    if let Some(container) = migrates
        && !containers.iter().any(|known| known == container)
    {
        containers.push(container.to_owned());
    }
    if containers.is_empty() {
        containers.push(service.to_owned());
    }
    containers
}

/// `None` if the file does not set it, so that the functions use their default.
fn number(section: Option<&Value>, key: &str) -> Option<u64> {
    u64::try_from(section?.get(key)?.as_integer()?).ok()
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let words = list.and_then(Value::as_array).into_iter().flatten();
    words
        .filter_map(Value::as_str)
        .map(ToOwned::to_owned)
        .collect()
}

/// Tags that match a rule; the pushed tag ranks above the running one.
fn tags(rule: &str) -> Option<Tags> {
    if let Some(requirement) = rule.strip_prefix("semver:") {
        return versions(&VersionReq::parse(requirement.trim()).ok()?);
    }
    let examples = match Regex::of_rule(rule) {
        Some(expression) => Some(Regex::read(expression)?.examples(2)),
        None if Glob::is_one(rule) => Some(Glob::read(rule)?.examples(2)),
        None => None,
    };
    if let Some(examples) = examples {
        let mut examples = examples.into_iter();
        let (first, second) = (examples.next()?, examples.next());
        return Some(Tags {
            running: Some(first.clone()),
            // If only one tag matches, that tag moves.
            pushed: second.unwrap_or(first),
        });
    }
    let tag = rule.to_owned();
    Some(Tags {
        running: Some(tag.clone()),
        pushed: tag,
    })
}

/// The two lowest allowed versions around the first bound of a requirement.
fn versions(requirement: &VersionReq) -> Option<Tags> {
    let bound = requirement
        .comparators
        .first()
        .map_or(Version::new(1, 0, 0), lowest);
    let (major, minor, patch) = (bound.major, bound.minor, bound.patch);
    let mut around = vec![
        bound.clone(),
        Version::new(major, minor, patch),
        Version::new(major, minor, patch + 1),
        Version::new(major, minor + 1, 0),
        Version::new(major + 1, 0, 0),
        Version::new(0, 0, 1),
        Version::new(0, 1, 0),
    ];
    around.extend(major.checked_sub(1).map(|major| Version::new(major, 0, 0)));
    around.sort();
    around.dedup();
    around.retain(|version| requirement.matches(version));
    // Versions below the bound only if no others are allowed.
    if around.iter().any(|version| *version >= bound) {
        around.retain(|version| *version >= bound);
    }
    let mut allowed = around.into_iter().map(|version| version.to_string());
    let (first, second) = (allowed.next()?, allowed.next());
    Some(match second {
        Some(second) => Tags {
            running: Some(first),
            pushed: second,
        },
        None => Tags {
            running: None,
            pushed: first,
        },
    })
}

fn lowest(comparator: &Comparator) -> Version {
    Version {
        pre: comparator.pre.clone(),
        ..Version::new(
            comparator.major,
            comparator.minor.unwrap_or(0),
            comparator.patch.unwrap_or(0),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[pipeline]]
        name = "back office"
        repository = "office/back"
        tag = "release-*"
        cluster = "main"
        service = "office"
        containers = ["django"]
        deployment_config = "Ours"
        [pipeline.migration]
        container = "django"
        command = ["python", "manage.py", "migrate"]
        [[pipeline.test_traffic.request]]
        path = "/admin/"
        status = "301,302"
        [[pipeline.test_traffic.request]]
        path = "/about?lang=en"
        contains = "About"

        [[pipeline]]
        repository = "office/front"
        cluster = "main"
    "#;

    #[test]
    fn a_pipeline_states_its_requirements() {
        let [pipeline] = read(FILE).try_into().unwrap();
        assert_eq!(pipeline.application, "AppECS-main-office");
        assert_eq!(pipeline.deployment_group, "DgpECS-main-office");
        assert_eq!(pipeline.deployment_config.as_deref(), Some("Ours"));
        assert_eq!(pipeline.containers, ["django"]);
        assert_eq!(
            pipeline.migration.unwrap(),
            ["python", "manage.py", "migrate"]
        );
        let requests: Vec<_> = pipeline
            .requests
            .iter()
            .map(|r| (r.path.as_str(), r.status.as_str(), r.contains.as_str()))
            .collect();
        assert_eq!(
            requests,
            [
                ("/admin/", "301,302", ""),
                ("/about?lang=en", "200", "About")
            ]
        );
        assert_eq!(read("no TOML ["), []);
        let other_account = FILE.replace("office/back", "registry.example/Back:latest");
        assert_eq!(read(&other_account), []);
    }

    #[test]
    fn tags_are_ones_that_the_rule_chooses_and_the_pushed_one_is_newer() {
        for (rule, running, pushed) in [
            ("latest", Some("latest"), "latest"),
            ("release-*", Some("release-1"), "release-2"),
            ("v?.[0-9]", Some("v1.1"), "v2.2"),
            ("{main,trunk}-[a-f]*", Some("main-a1"), "main-a2"),
            ("{main,{a,b}}", Some("main"), "b"),
            ("lates[t]", Some("latest"), "latest"),
            ("regex:^prod-[0-9]+$", Some("prod-1"), "prod-2"),
            ("regex:main", Some("main"), "main"),
            ("semver:>=1.0.0-0", Some("1.0.0-0"), "1.0.0"),
            ("semver:^2", Some("2.0.0"), "2.0.1"),
            ("semver:>=1.2, <1.2.2", Some("1.2.0"), "1.2.1"),
            ("semver:=3.1.4", None, "3.1.4"),
            ("semver:*", Some("1.0.0"), "1.0.1"),
            ("semver:<1", Some("0.0.0"), "0.0.1"),
        ] {
            let tags = tags(rule).unwrap_or_else(|| panic!("{rule}"));
            assert_eq!(
                (tags.running.as_deref(), tags.pushed.as_str()),
                (running, pushed),
                "{rule}"
            );
        }
        assert_eq!(tags("semver:two"), None);
    }

    #[test]
    fn services_outside_the_rehearsal_are_neither_requested_nor_measured() {
        let given = "[[pipeline]]\nname = \"a\"\n[pipeline.test_traffic]\nbase_url = \"https://test.example.com\"\nhost = \"b\"\n\
            healthy_within_seconds = 1\nca = \"ca.pem\"\nheaders = { a = \"b\" }\n\
            [[pipeline.test_traffic.request]]\npath = \"/\"\nwithin_milliseconds = 1\nheaders = { a = \"c\" }\n";
        let expected = "[[pipeline]]\nname = \"a\"\n\n[pipeline.test_traffic]\n\
            healthy_within_seconds = 120\nhost = \"b\"\n\n[[pipeline.test_traffic.request]]\npath = \"/\"\n";
        assert_eq!(as_played(given, &[], &[]).as_deref(), Some(expected));
        assert_eq!(as_played(FILE, &[], &[]), None);
        let grpc = "[[pipeline]]\nname = \"a\"\n[[pipeline.test_traffic.request]]\ngrpc_service = \"\"\n\
            [pipeline.production_traffic]\nsettle_seconds = 1\n";
        let expected = "[[pipeline]]\nname = \"a\"\n\n[pipeline.test_traffic]\nrequest = []\n";
        assert_eq!(as_played(grpc, &[], &[]).as_deref(), Some(expected));
    }

    #[test]
    fn a_target_group_is_left_out_that_the_world_lacks() {
        let given = "[[pipeline]]\nname = \"a\"\n\n[pipeline.test_traffic]\ntarget_group = \"web-blue\"\n\n\
            [[pipeline.test_traffic.request]]\npath = \"/\"\n";
        let known = ["web-green".to_owned(), "web-blue".to_owned()];
        assert_eq!(as_played(given, &[], &known), None);
        let without: toml::Table = given
            .replace("target_group = \"web-blue\"\n", "")
            .parse()
            .expect("it is TOML");
        let played = as_played(given, &[], &known[..1]).expect("it differs");
        assert_eq!(played.parse(), Ok(without));
    }

    #[test]
    fn a_hook_is_left_out_where_the_world_lacks_its_function() {
        let given = "[[pipeline]]\nname = \"a\"\n\n[pipeline.hooks]\nBeforeInstall = \"announce\"\n\
            BeforeAllowTraffic = \"freeze\"\n";
        let without = given.replace("BeforeInstall = \"announce\"\n", "");
        assert_eq!(as_played(given, &["freeze"], &[]), Some(without));
        assert_eq!(as_played(given, &["freeze", "announce"], &[]), None);
        let none = as_played(given, &[], &[]).unwrap();
        assert!(
            !none.contains("announce") && !none.contains("freeze"),
            "{none}"
        );
    }
}
