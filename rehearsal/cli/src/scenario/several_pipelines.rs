//! One image, two services that run it, and a third that has nothing to do with it.

use local_aws::ecr::ImageSettings;

use crate::scenario::needed::needed;
use crate::scenario::setting::{BLUE, GREEN, Service, Setting};
use crate::scenario::{Expectation, MessageFormat, Scenario, Step, claims};

const PROXY: &str = "public.ecr.aws/nginx/nginx:1.27";

pub(super) fn scenario() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(2));
    expectations.extend(claims::all_succeeded());
    expectations.extend(claims::shifted("web"));
    expectations.extend(claims::shifted("admin"));
    expectations.extend(claims::messages(&[
        "started", "started", "shipped", "shipped",
    ]));
    expectations.push(Expectation::new("`billing` was left alone", |record| {
        let deployed = record
            .deployments
            .iter()
            .any(|deployment| deployment.service.ends_with("billing"));
        let versions: Vec<&String> = record
            .services
            .get("billing")
            .iter()
            .flat_map(|seen| seen.versions.keys())
            .collect();
        claims::expect(!deployed && versions == [BLUE], || {
            format!("deployed: {deployed}, answers by {versions:?}")
        })
    }));
    expectations.push(Expectation::new(
        "the sidecar from another repository kept its image",
        |record| {
            let images: Vec<&String> = needed(record)
                .into_iter()
                .filter_map(|revision| revision.images.get("proxy"))
                .collect();
            claims::expect(images == [PROXY], || format!("{images:?}"))
        },
    ));
    Scenario {
        name: "several-pipelines",
        summary: "one image for two services, one of them with a sidecar, and an unrelated third service",
        pipelines: Scenario::own_pipelines("several-pipelines"),
        message_format: MessageFormat::Json,
        setting: setting(),
        steps: vec![
            Step::Push(Box::new(ImageSettings::new("shop/web", &["latest"], GREEN))),
            // One for each service.
            Step::CANARY,
            Step::CANARY,
            Step::Settle,
        ],
        expectations,
        excuses: Vec::new(),
    }
}

fn setting() -> Setting {
    Setting {
        repositories: ["shop/web", "shop/billing"].map(str::to_owned).into(),
        images: ["shop/web", "shop/billing"]
            .map(|repository| ImageSettings::new(repository, &["latest"], BLUE))
            .into(),
        services: vec![
            Service::of_shop("web", "shop/web"),
            Service::of_shop("admin", "shop/web").with_sidecar("proxy", PROXY),
            Service::of_shop("billing", "shop/billing"),
        ],
        ..Setting::shop()
    }
}
