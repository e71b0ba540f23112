//! The configuration file.

use rules::config::{
    Config, Header, HeaderValue, MigrationImage, MigrationRevision, Pipeline, Request,
    RevisionFrom, Rollback, TerminationWait, Traffic, WhenBusy, WithoutRollback,
};
use rules::problem::Problems;
use toml::{Table, Value};

/// Reads `text` as a configuration.
pub fn holds(text: &str) {
    match Config::parse(text) {
        Ok(config) => {
            is_sound(&config);
            is_read_again(&config);
            refuses_what_it_does_not_know(text);
        }
        Err(problems) => has_a_place_and_a_sentence(text, &problems),
    }
}

/// What is refused is refused with a place in the file, and everything about it on one line.
fn has_a_place_and_a_sentence(text: &str, problems: &Problems) {
    assert!(!problems.as_slice().is_empty());
    for problem in problems.as_slice() {
        super::event::is_a_reason(&problem.to_string());
        assert!(
            !problem.place.is_empty() && !problem.message.is_empty(),
            "{problem}"
        );
        let line = problem.place.strip_prefix("line ");
        if let Some(line) = line.and_then(|line| line.parse::<usize>().ok()) {
            assert!((1..=text.split('\n').count()).contains(&line), "{problem}");
        }
    }
}

/// What the functions rely on without looking.
fn is_sound(config: &Config) {
    assert!(!config.pipelines.is_empty());
    for pipeline in &config.pipelines {
        let found = config.named(&pipeline.name).expect("its own name");
        assert!(std::ptr::eq(found, pipeline), "{}", pipeline.name);
        let codedeploy = &pipeline.codedeploy;
        let group = config.of_group(&codedeploy.application, &codedeploy.deployment_group);
        let group: Vec<&Pipeline> = group.collect();
        let is_there = group.iter().any(|found| std::ptr::eq(*found, pipeline));
        assert!(is_there, "{}", pipeline.name);
        assert_eq!(group.len() == 1, pipeline.is_alone, "{}", pipeline.name);
        for other in group {
            assert!(other.has_service_of(pipeline), "{}", pipeline.name);
            assert_eq!(other.hooks, pipeline.hooks, "{}", pipeline.name);
        }
        if let Ok(tag) = pipeline.tag.to_string().parse() {
            let mut follows = config.following(&pipeline.repository, &tag);
            assert!(
                follows.any(|found| std::ptr::eq(found, pipeline)),
                "{}",
                pipeline.tag
            );
        }
        if let Some(migration) = &pipeline.migration {
            assert!(!migration.command.is_empty());
            assert!((60..=3300).contains(&migration.time_out.as_secs()));
        }
        assert!((1..=720).contains(&pipeline.test_traffic.healthy_within.as_secs()));
        let test = &pipeline.test_traffic.checks;
        let production = pipeline.production_traffic.as_ref();
        assert!(production.is_none_or(|production| !production.requests.is_empty()));
        let requests = production.map(|production| &production.requests);
        for request in test.requests.iter().chain(requests.into_iter().flatten()) {
            assert!(request.path.starts_with('/') && request.times > 0);
            assert!((100..=599).any(|status| request.status.matches(status)));
        }
    }
}

/// Written out in full, with every default in it, it says the same.
fn is_read_again(config: &Config) {
    let pipelines: Vec<Value> = config.pipelines.iter().map(written).collect();
    let file = Table::from_iter([("pipeline".to_owned(), Value::Array(pipelines))]);
    let mut again =
        Config::parse(&file.to_string()).unwrap_or_else(|problems| panic!("{file}\n{problems}"));
    for (again, written) in again.pipelines.iter_mut().zip(&config.pipelines) {
        // Which settings the file has and which it leaves out is all that differs.
        again.tuning.clone_from(&written.tuning);
    }
    assert_eq!(format!("{again:?}"), format!("{config:?}"));
}

fn refuses_what_it_does_not_know(text: &str) {
    let more = format!("a_typing_mistake = 1\n{text}");
    let problems = Config::parse(&more).expect_err("nothing has that name");
    let [problem] = problems.as_slice() else {
        panic!("{problems}");
    };
    assert_eq!(problem.place, "a_typing_mistake");
}

fn written(pipeline: &Pipeline) -> Value {
    let mut table = Table::new();
    let mut put = |name: &str, value: Value| table.insert(name.to_owned(), value);
    put("name", pipeline.name.as_str().into());
    put("repository", pipeline.repository.as_str().into());
    put("tag", pipeline.tag.to_string().into());
    put("cluster", pipeline.cluster.as_str().into());
    put("service", pipeline.service.as_str().into());
    put(
        "application",
        pipeline.codedeploy.application.as_str().into(),
    );
    put(
        "deployment_group",
        pipeline.codedeploy.deployment_group.as_str().into(),
    );
    if let Some(config) = &pipeline.codedeploy.deployment_config {
        put("deployment_config", config.as_str().into());
    }
    let containers = pipeline
        .containers
        .iter()
        .map(|name| Value::from(name.as_str()));
    put("containers", Value::Array(containers.collect()));
    let revision_from = match pipeline.revision_from {
        RevisionFrom::Production => "production",
        RevisionFrom::Latest => "latest",
    };
    put("revision_from", revision_from.into());
    let when_busy = match pipeline.when_busy {
        WhenBusy::Wait => "wait",
        WhenBusy::Replace => "replace",
    };
    put("when_busy", when_busy.into());
    let termination_wait = match pipeline.termination_wait {
        TerminationWait::Cut => "cut",
        TerminationWait::Keep => "keep",
    };
    put("termination_wait", termination_wait.into());
    let without_rollback = pipeline.without_rollback == WithoutRollback::Accepted;
    put("without_rollback", without_rollback.into());
    if let Some(migration) = migration(pipeline) {
        put("migration", migration.into());
    }
    let rollback = match pipeline.codedeploy.rollback {
        Rollback::Automatic => "automatic",
        Rollback::Group => "group",
    };
    put("rollback", rollback.into());
    put("test_traffic", test_traffic(pipeline).into());
    if let Some(production) = &pipeline.production_traffic {
        put("production_traffic", traffic(production).into());
    }
    let hooks = pipeline.hooks.iter();
    let hooks = hooks.map(|(event, function)| (event.name().to_owned(), function.as_str().into()));
    put("hooks", Table::from_iter(hooks).into());
    table.into()
}

fn migration(pipeline: &Pipeline) -> Option<Table> {
    let migration = pipeline.migration.as_ref()?;
    let minutes = migration.time_out.as_secs() / 60;
    let image = match migration.image {
        MigrationImage::Pushed => "pushed",
        MigrationImage::Own => "own",
    };
    let alone = match migration.revision {
        MigrationRevision::Alone => true,
        MigrationRevision::Shipped => false,
    };
    Some(Table::from_iter([
        ("alone".to_owned(), alone.into()),
        ("container".to_owned(), migration.container.as_str().into()),
        ("command".to_owned(), migration.command.clone().into()),
        ("image".to_owned(), image.into()),
        ("timeout_minutes".to_owned(), whole(minutes)),
    ]))
}

fn test_traffic(pipeline: &Pipeline) -> Table {
    let gate = &pipeline.test_traffic;
    let mut table = traffic(&gate.checks);
    table.insert(
        "healthy_within_seconds".to_owned(),
        whole(gate.healthy_within.as_secs()),
    );
    table
}

fn traffic(gate: &Traffic) -> Table {
    let mut table = Table::from_iter([
        ("settle_seconds".to_owned(), whole(gate.settle.as_secs())),
        (
            "request".to_owned(),
            Value::Array(gate.requests.iter().map(request).collect()),
        ),
    ]);
    let ca = gate.ca.as_ref().map(|file| file.as_str());
    for (name, text) in [
        ("base_url", gate.base_url.as_deref()),
        ("host", gate.host.as_deref()),
        ("ca", ca),
    ] {
        if let Some(text) = text {
            table.insert(name.to_owned(), text.into());
        }
    }
    table.insert("headers".to_owned(), headers(&gate.headers));
    table
}

fn headers(headers: &[Header]) -> Value {
    let written = |header: &Header| {
        let value = match &header.value {
            HeaderValue::Literal(text) => text.as_str().into(),
            HeaderValue::Secret { secret, key } => {
                let mut table = Table::from_iter([("secret".to_owned(), secret.as_str().into())]);
                if let Some(key) = key {
                    table.insert("key".to_owned(), key.as_str().into());
                }
                table.into()
            }
        };
        (header.name.as_str().to_owned(), value)
    };
    Value::Table(headers.iter().map(written).collect())
}

fn request(request: &Request) -> Value {
    let asked = match &request.grpc_service {
        Some(service) => vec![("grpc_service", service.clone())],
        None => vec![
            ("path", request.path.clone()),
            ("status", request.status.to_string()),
            ("contains", request.contains.clone().unwrap_or_default()),
        ],
    };
    let asked = asked
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.into()));
    let mut table: Table = asked.collect();
    table.extend([
        ("times".to_owned(), whole(request.times.into())),
        ("headers".to_owned(), headers(&request.headers)),
    ]);
    if let Some(within) = request.within {
        let milliseconds = u64::try_from(within.as_millis()).expect("at most a minute");
        table.insert("within_milliseconds".to_owned(), whole(milliseconds));
    }
    table.into()
}

fn whole(number: u64) -> Value {
    i64::try_from(number).expect("a small number").into()
}
