//! `config/pipelines.toml`: what it sets is right, and so is everything that its comments say.

use rules::config::{Config, Pipeline};

use crate::repository;

fn shipped() -> String {
    repository::text("config/pipelines.toml")
}

#[track_caller]
fn parse(text: &str) -> Pipeline {
    let config = Config::parse(text).unwrap_or_else(|problems| panic!("{problems}\nin\n{text}"));
    let [pipeline] = config.pipelines.as_slice() else {
        panic!("config/pipelines.toml is not one pipeline, leave one as the example");
    };
    pipeline.clone()
}

/// `key` of a line such as `key = value` or `# key = value`.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(" = ")?;
    (!key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    .then_some(key)
}

/// The file with one commented option switched on. A line just above it that sets the same key gives way.
fn switched_on(lines: &[&str], option: usize) -> String {
    let wanted = lines[option].trim_start_matches("# ");
    let section = lines[..option]
        .iter()
        .rposition(|line| line.starts_with('['))
        .unwrap();
    let end = lines[option..]
        .iter()
        .position(|line| line.starts_with('['))
        .map_or(lines.len(), |at| option + at);
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let gives_way = (section..end).contains(&at) && key(line) == key(wanted);
        text += if at == option {
            wanted
        } else if gives_way {
            ""
        } else {
            line
        };
        text += "\n";
    }
    text
}

#[test]
fn the_example_is_what_the_rehearsal_ships() {
    let pipeline = parse(&shipped());
    let said = format!(
        "{} {} {}/{} {}/{} {:?}",
        pipeline.name,
        pipeline.repository,
        pipeline.cluster,
        pipeline.service,
        pipeline.codedeploy.application,
        pipeline.codedeploy.deployment_group,
        pipeline
            .codedeploy
            .deployment_config
            .map(|name| name.to_string()),
    );
    assert_eq!(
        said,
        "shop-web shop/web prod/web AppECS-prod-web/DgpECS-prod-web Some(\"CodeDeployDefault.ECSCanary10Percent5Minutes\")"
    );
    let paths: Vec<String> = pipeline
        .test_traffic
        .checks
        .requests
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths, ["/healthz", "/orders"]);
    assert_eq!(
        pipeline.migration.unwrap().command,
        ["sample-service", "migrate"]
    );
}

#[test]
fn every_commented_option_can_be_switched_on() {
    let text = shipped();
    let lines: Vec<&str> = text.lines().collect();
    let options: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at].strip_prefix("# ").and_then(key).is_some())
        .collect();
    assert!(
        options.len() >= 12,
        "{} commented options are left, explain every option",
        options.len()
    );
    for option in options {
        parse(&switched_on(&lines, option));
    }
}

/// What the file means. Which settings it has is all that may differ.
fn read(text: &str) -> String {
    let mut pipeline = parse(text);
    pipeline.tuning.clear();
    format!("{pipeline:?}")
}

/// A commented option whose value the comment calls the default changes nothing.
#[test]
fn commented_defaults_are_the_defaults() {
    let text = shipped();
    let lines: Vec<&str> = text.lines().collect();
    let without_comments = read(&text);
    for default in [
        "application",
        "deployment_group",
        "containers",
        "revision_from",
        "when_busy",
        "termination_wait",
    ] {
        let option = lines
            .iter()
            .position(|line| line.starts_with(&format!("# {default} = ")));
        let option =
            option.unwrap_or_else(|| panic!("`{default}` is not explained, add a comment"));
        let with_option = read(&switched_on(&lines, option));
        // The containers are looked up where none are named: the example names the one that would be found.
        if default != "containers" {
            assert_eq!(
                with_option, without_comments,
                "`{}` is not the default, correct it",
                lines[option]
            );
        }
    }
}

/// `rehearsal` makes a world for each of them; nothing would be shown by files that are refused.
#[test]
fn the_files_that_are_rehearsed_are_valid() {
    let folder = repository::root().join("tests/pipelines");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(problems) = Config::parse(&text) {
            panic!("{}: {problems}", path.display());
        }
    }
}

/// `Default: X` in the comment above an option, commented or not, is what the file means without it.
#[test]
fn what_a_comment_calls_the_default_is_the_default() {
    let text = shipped();
    let lines: Vec<&str> = text.lines().collect();
    for (option, value) in [
        ("rollback", "\"automatic\""),
        ("without_rollback", "false"),
        ("alone", "false"),
        ("timeout_minutes", "30"),
        ("healthy_within_seconds", "180"),
        ("settle_seconds", "15"),
        ("status", "\"200\""),
        ("times", "1"),
        ("image", "\"pushed\""),
    ] {
        let at = lines
            .iter()
            .position(|line| key(line.trim_start_matches("# ")) == Some(option));
        let at = at.unwrap_or_else(|| panic!("`{option}` is not explained, add a comment"));
        let said = lines[..at].iter().rev().take_while(|line| {
            line.starts_with('#') && key(line.trim_start_matches("# ")).is_none()
        });
        let said: Vec<&str> = said.copied().collect();
        let default = format!("Default: {value}");
        assert!(
            said.iter().any(|line| line.contains(&default)),
            "the comment above `{option}` does not say `{default}`"
        );
        let with = |line: &str| {
            let mut lines = lines.clone();
            lines[at] = line;
            read(&lines.join("\n"))
        };
        let (explicit, absent) = (with(&format!("{option} = {value}")), with(""));
        assert_eq!(explicit, absent, "`{option}` is not {value} without it");
    }
    // How long an answer may take is no part of the configuration's reading.
    let requests = repository::text("shared/traffic/src/requests.rs");
    assert!(requests.contains("const TIME_OUT: Duration = Duration::from_secs(10);"));
    assert!(text.contains(
        "# How long the answer may take. Default: 10 seconds.\n# within_milliseconds = "
    ));
}
