//! Programs of the user's in a scenario's containers: which pages exist is theirs to say, so their pipelines are asked.

use anyhow::ensure;
use local_aws::program::Programs;
use local_aws::world::ServiceSettings;

use super::custom_pipelines::{Pipeline, Request};
use super::{Scenario, quoted};
use crate::traffic::Asked;

/// The words of a summary that are not true where programs run.
const STAND_IN: &str = "the sample service stands in for your services";

/// Refuses programs of containers that no service has.
pub(crate) fn check(scenario: &Scenario, programs: &Programs) -> anyhow::Result<()> {
    let services = scenario.setting.services.iter();
    let known: Vec<&str> = services.flat_map(|service| service.containers()).collect();
    for container in programs.by_container.keys() {
        ensure!(
            known.contains(&container.as_str()),
            "no service has a container `{container}`, expected one of {}",
            quoted(&known)
        );
    }
    Ok(())
}

/// Puts programs into the containers of a scenario. With custom pipelines, load balancers check the first page that the checks of a
/// service's pipelines request, and production's clients request all of them.
pub(crate) fn put(scenario: &mut Scenario, programs: Programs, pipelines: Option<&[Pipeline]>) {
    let names = programs.by_container.keys().map(String::as_str);
    let names: Vec<&str> = names.collect();
    if !names.is_empty() {
        let told = format!("programs of yours run in {}", quoted(&names));
        scenario.summary = scenario.summary.replace(STAND_IN, &told);
    }
    for service in &mut scenario.setting.services {
        let Some(pipelines) = pipelines else { continue };
        let serving = &service.settings_before().load_balanced.0;
        if programs.of(serving).is_none() {
            continue;
        }
        let settings = service.settings_before();
        let pages = Pages::of(settings, pipelines);
        service.asked = pages.asked();
        let checked = pages.checked();
        *service = service.clone().adjusted(|settings| {
            settings.health_check.path.clone_from(&checked.0);
            settings.health_check.matcher.clone_from(&checked.1);
        });
    }
    scenario.setting.programs = programs;
}

/// The pages of a service, by the checks of its pipelines.
struct Pages<'p>(Vec<(&'p Request, Option<&'p String>)>);

impl<'p> Pages<'p> {
    fn of(settings: &ServiceSettings, pipelines: &'p [Pipeline]) -> Pages<'p> {
        let is_its = |pipeline: &&Pipeline| {
            (&pipeline.cluster, &pipeline.service) == (&settings.cluster, &settings.name)
        };
        let pages = pipelines.iter().filter(is_its).flat_map(|pipeline| {
            let production = pipeline.production.iter();
            let production = production.flat_map(|gate| &gate.requests);
            let requests = pipeline.requests.iter().chain(production);
            requests.map(|request| (request, pipeline.host.as_ref()))
        });
        Pages(pages.collect())
    }

    /// The path and the matcher of health checks; without any page, the defaults of a target group.
    fn checked(&self) -> (String, String) {
        match self.0.first() {
            Some((request, _)) => (request.path.clone(), request.status.clone()),
            None => ("/".to_owned(), "200".to_owned()),
        }
    }

    /// What clients request: each page that is expected to answer and not to refuse.
    fn asked(&self) -> Vec<Asked> {
        let answers = |request: &Request| (200..=399).any(|status| request.takes(status));
        let pages = self.0.iter().filter(|(request, _)| answers(request));
        let asked = pages.map(|(request, host)| Asked {
            path: request.path.clone(),
            host: host.cloned(),
        });
        let mut asked: Vec<Asked> = asked.collect();
        asked.dedup();
        if asked.is_empty() {
            asked.push(Asked {
                path: self.checked().0,
                host: None,
            });
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use local_aws::program::Program;

    use super::*;
    use crate::scenario::custom_pipelines;

    const FILE: &str = r#"
        [[pipeline]]
        name = "shop"
        repository = "shop/web"
        tag = "latest"
        cluster = "prod"
        service = "web"
        containers = ["django"]
        [pipeline.test_traffic]
        host = "shop.example"
        [[pipeline.test_traffic.request]]
        path = "/admin"
        status = "301"
        [[pipeline.test_traffic.request]]
        path = "/secret"
        status = "401,403"
        [[pipeline.test_traffic.request]]
        path = "/orders/"
    "#;

    fn programs(container: &str) -> Programs {
        Programs {
            by_container: BTreeMap::from([(container.to_owned(), Program::default())]),
            ..Programs::default()
        }
    }

    fn played(text: &str, container: &str) -> Scenario {
        let file = Path::new("pipelines.toml");
        let mut scenario = custom_pipelines::of_file("ship", file, text).unwrap();
        check(&scenario, &programs(container)).unwrap();
        let pipelines = custom_pipelines::read(text);
        put(&mut scenario, programs(container), Some(&pipelines));
        scenario
    }

    #[test]
    fn clients_and_health_checks_request_the_pages_of_the_pipelines() {
        for (text, health, asked) in [
            (
                FILE,
                "/admin 301",
                "shop.example/admin shop.example/orders/",
            ),
            (
                FILE.split("[pipeline.test_traffic]").next().unwrap(),
                "/ 200",
                "/",
            ),
        ] {
            let scenario = played(text, "django");
            let service = &scenario.setting.services[0];
            let check = &service.settings_before().health_check;
            assert_eq!(format!("{} {}", check.path, check.matcher), health);
            let found: Vec<String> = service
                .asked
                .iter()
                .map(|asked| {
                    format!(
                        "{}{}",
                        asked.host.as_deref().unwrap_or_default(),
                        asked.path
                    )
                })
                .collect();
            assert_eq!(found.join(" "), asked);
            assert!(
                scenario
                    .summary
                    .ends_with("programs of yours run in `django`")
            );
        }
    }

    #[test]
    fn a_container_that_no_service_has_is_refused() {
        let scenario = custom_pipelines::of_file("ship", Path::new("pipelines.toml"), FILE);
        let error = check(&scenario.unwrap(), &programs("web")).unwrap_err();
        let expected = "no service has a container `web`, expected one of `django`";
        assert_eq!(error.to_string(), expected);
    }
}
