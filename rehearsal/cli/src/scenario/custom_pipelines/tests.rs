//! Worlds of pipelines files.

use super::*;

const TWO_CLUSTERS: &str = r#"
    [[pipeline]]
    name = "staging"
    repository = "office/back"
    tag = "staging"
    cluster = "staging"
    service = "office"
    [pipeline.migration]
    container = "django"
    command = ["python", "manage.py", "migrate"]

    [[pipeline]]
    name = "production"
    repository = "office/back"
    tag = "semver:^2"
    cluster = "main"
    service = "office"
    [[pipeline.test_traffic.request]]
    path = "/admin/"
    status = "301"
"#;

fn played(name: &str, text: &str) -> Result<Scenario, String> {
    of_file(name, Path::new("own.toml"), text).map_err(|error| error.to_string())
}

#[test]
fn the_world_meets_the_requirements_of_the_file() {
    let scenario = played("ship", TWO_CLUSTERS).unwrap();
    let labels: Vec<_> = scenario
        .setting
        .services
        .iter()
        .map(|service| service.label.as_str())
        .collect();
    assert_eq!(labels, ["main/office", "staging/office"]);
    let [blue] = scenario.setting.images.try_into().unwrap();
    assert_eq!(blue.tags, ["2.0.0", "staging"]);
    let Some(Step::Push(green)) = scenario.steps.first() else {
        panic!("nothing is pushed")
    };
    assert_eq!(green.tags, ["2.0.1", "staging"]);
    assert_eq!(
        green.environment[MIGRATION],
        r#"[["python","manage.py","migrate"]]"#
    );
}

#[test]
fn a_registry_elsewhere_is_made_where_the_file_says() {
    let repository = "repository = \"office/back\"\n";
    let with = |first: &str, second: &str| {
        let [one, two] = [first, second].map(|keys| format!("{repository}{keys}\n"));
        let text = TWO_CLUSTERS.replacen(repository, "ONE", 1);
        let text = text.replacen(repository, &two, 1).replacen("ONE", &one, 1);
        played("ship", &text)
    };
    let account = "registry_account = \"444455556666\"";
    let region = "registry_region = \"eu-west-1\"";
    let own = "registry_account = \"111122223333\"\nregistry_region = \"eu-central-1\"";
    for (first, second, expected) in [
        ("", own, &["office/back"][..]),
        (
            account,
            "",
            &[
                "444455556666.dkr.ecr.eu-central-1.amazonaws.com/office/back",
                "office/back",
            ],
        ),
        (
            region,
            region,
            &["111122223333.dkr.ecr.eu-west-1.amazonaws.com/office/back"],
        ),
    ] {
        let scenario = with(first, second).unwrap();
        assert_eq!(scenario.setting.repositories, expected);
        let pushed = scenario.steps.iter().filter_map(|step| {
            let Step::Push(image) = step else {
                return None;
            };
            Some(image.written_repository())
        });
        assert!(pushed.eq(expected.iter().copied()), "{first} {second}");
    }
    let Err(error) = with(account, region) else {
        panic!("a stack has one other registry")
    };
    assert!(error.contains("one `RegistryAccount`"), "{error}");
}

#[test]
fn a_migration_that_serves_is_rejected_before_anything_waits_for_its_end() {
    for (command, is_rejected) in [
        (r#"["sample-service", "serve"]"#, true),
        (r#"["/usr/bin/sample-service", "serve"]"#, true),
        (r#"["sh", "-c", "exec sample-service serve"]"#, true),
        (r#"["sample-service", "migrate"]"#, false),
        (r#"["serve"]"#, false),
    ] {
        let text = TWO_CLUSTERS.replace(r#"["python", "manage.py", "migrate"]"#, command);
        let outcome = played("ship", &text).map(drop);
        let sentence = "the migration of the pipeline `staging` runs `";
        let error = outcome.err().unwrap_or_default();
        assert_eq!(
            error.starts_with(sentence),
            is_rejected,
            "{command}: {error}"
        );
    }
}

#[test]
fn scenarios_that_no_world_can_play_are_rejected() {
    for (name, expected) in [
        (
            "redirect",
            "`redirect` cannot be played with custom pipelines, expected one of `ship`, `failed-migration`",
        ),
        (
            "failed-migration",
            "the pipeline `production` has no `migration` that could fail",
        ),
        (
            "failed-test-traffic",
            "the pipeline `staging` has no `test_traffic.request` that could fail",
        ),
    ] {
        let Err(error) = played(name, TWO_CLUSTERS) else {
            panic!("{name} was taken")
        };
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn no_pipeline_is_left_out_silently() {
    for (text, expected) in [
        (
            "[[pipelines]]",
            "a world can be built for only 0 of the 0 pipelines in `own.toml`",
        ),
        (
            "[[pipeline]]\nname = 'a'",
            "a world can be built for only 0 of the 1 pipelines in `own.toml`",
        ),
    ] {
        let Err(error) = played("ship", text) else {
            panic!("{text} was taken")
        };
        assert!(error.starts_with(expected), "{error}");
    }
}

/// The valid files of `tests/pipelines`, by name.
fn valid_files() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/pipelines");
    let files = std::fs::read_dir(folder).unwrap();
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string(), text)
    };
    files.map(|file| read(file.unwrap().path())).collect()
}

#[test]
fn a_world_is_made_for_every_valid_file() {
    let files = valid_files();
    assert!(files.len() >= 25, "{} files", files.len());
    for (file, text) in files {
        let scenario = played("ship", &text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let data = Path::new("/data");
        let worlds: Vec<(String, ServiceSettings)> = scenario
            .setting
            .services
            .iter()
            .map(|service| (service.database(data), service.settings(data)))
            .collect();
        for (database, settings) in &worlds {
            assert!(database.len() < 200, "{file}: {database}");
            assert!(settings.family.len() <= 255, "{file}: {}", settings.family);
            let others = worlds
                .iter()
                .filter(|(other, others)| other == database || others.family == settings.family);
            assert_eq!(others.count(), 1, "{file}: {database} {}", settings.family);
        }
        let pipelines = pipelines::read(&text);
        for pipeline in &pipelines {
            let label = pipeline.label(&pipelines);
            let service = scenario
                .setting
                .services
                .iter()
                .find(|service| service.label == label);
            let settings = service.unwrap().settings(data);
            let migrates = |one: &Pipeline| one.migration.is_some();
            for container in &settings.containers {
                // The next version needs a table that only a migration could add: that of any pipeline of the service.
                let schema = container.environment.get("SAMPLE_SCHEMA");
                let migrated = pipeline.of_service(&pipelines).any(migrates);
                let expected = (!migrated).then_some("1");
                assert_eq!(schema.map(String::as_str), expected, "{file}");
            }
            let pushed = scenario.steps.iter().any(|step| {
                matches!(step, Step::Push(image) if image.repository == pipeline.repository
                    && image.tags.contains(&pipeline.tags.pushed)
                    && !image.environment.contains_key("SAMPLE_MISBEHAVE"))
            });
            assert!(pushed, "{file}: nothing is pushed for {}", pipeline.name);
        }
    }
}
