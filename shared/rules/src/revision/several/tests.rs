use crate::revision::Way;
use serde_json::json;

use super::*;
use crate::config::Config;
use crate::revision::{difference, matching};

const REGISTRY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";

/// The pipelines of one service: `web`, and `nginx` with these settings more.
fn pipelines(nginx: &str) -> Vec<Pipeline> {
    let pipeline = |name: &str, more: &str| {
        format!(
            "[[pipeline]]\nname='{name}'\nrepository='shop/{name}'\ntag='latest'\ncluster='prod'\nservice='web'\n{more}\n"
        )
    };
    Config::parse(&(pipeline("web", "") + &pipeline("nginx", nginx)))
        .unwrap()
        .pipelines
}

fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64))
        .parse()
        .unwrap()
}

fn image(name: &str, digit: char) -> Image {
    Image {
        repository: format!("shop/{name}").parse().unwrap(),
        digest: digest(digit),
        tag: Some("1.4.2".parse().unwrap()),
    }
}

fn at(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).unwrap()
}

/// A revision that runs these images of `shop/web` and `shop/nginx`, such as `@sha256:…` or `:latest`.
fn definition(web: &str, nginx: &str) -> TaskDefinition {
    TaskDefinition {
        task_definition: json!({
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:41",
            "containerDefinitions": [
                {"name": "web", "image": format!("{REGISTRY}/shop/web{web}")},
                {"name": "nginx", "image": format!("{REGISTRY}/shop/nginx{nginx}")},
            ],
        }),
        tags: Value::Null,
    }
}

fn pinned(digit: char) -> String {
    format!("@{}", digest(digit))
}

/// The next revision of `template`, where `due` goes to its pipeline; what is not due runs the digest that production pins.
fn next(
    pipelines: &[Pipeline],
    template: &TaskDefinition,
    production: &TaskDefinition,
    due: &[Image],
) -> Result<Value, Unusable> {
    let host: RegistryHost = REGISTRY.parse().unwrap();
    let marks = Marks {
        ordered_at: at(60),
        service: "prod/web".to_owned(),
        stack: "greenlight".parse().unwrap(),
        previous: None,
        way: Way::Forward,
    };
    let places: Vec<(Matching, Matching)> = pipelines
        .iter()
        .map(|pipeline| {
            (
                matching(pipeline, template).unwrap(),
                matching(pipeline, production).unwrap(),
            )
        })
        .collect();
    let parts = pipelines
        .iter()
        .zip(&places)
        .map(|(pipeline, (place, runs))| {
            let mut due = due.iter();
            Part {
                pipeline,
                matching: place,
                host: &host,
                goes: match due.find(|image| image.repository == pipeline.repository) {
                    Some(image) => Goes::Due(image, at(60)),
                    None => Goes::Kept(&runs.image),
                },
            }
        });
    next_of_several(template, production, &parts.collect::<Vec<_>>(), &marks)
}

/// The revision as ECS would send it, once it is registered.
fn registered(mut request: Value) -> TaskDefinition {
    let tags = request["tags"].take();
    request["taskDefinitionArn"] =
        json!("arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:42");
    TaskDefinition {
        task_definition: request,
        tags,
    }
}

fn images(definition: &TaskDefinition) -> Vec<&str> {
    let containers = definition.task_definition["containerDefinitions"].as_array();
    let images = containers.unwrap().iter().map(|one| &one["image"]);
    let images = images.map(|image| image.as_str().unwrap().rsplit('/').next().unwrap());
    images.collect()
}

#[test]
fn every_due_image_goes_into_its_pipelines_containers() {
    let pipelines = pipelines("");
    let production = definition(&pinned('1'), &pinned('2'));
    let (web, nginx) = (image("web", '3'), image("nginx", '4'));
    let both = next(&pipelines, &production, &production, &[web, nginx.clone()]).unwrap();
    assert_eq!(difference(&production, &both).len(), 2);
    let both = registered(both);
    assert_eq!(
        images(&both),
        [
            format!("web{}", pinned('3')),
            format!("nginx{}", pinned('4'))
        ]
    );
    let alone = next(&pipelines, &production, &production, &[nginx]).unwrap();
    assert_eq!(
        images(&registered(alone)),
        [
            format!("web{}", pinned('1')),
            format!("nginx{}", pinned('4'))
        ]
    );
}

#[test]
fn what_is_not_due_stays_as_it_runs_whatever_the_template_says() {
    let pipelines = pipelines("");
    let production = definition(&pinned('1'), &pinned('2'));
    let template = definition(":from-terraform", ":from-terraform");
    let next = next(&pipelines, &template, &production, &[image("nginx", '4')]).unwrap();
    assert_eq!(
        images(&registered(next)),
        [
            format!("web{}", pinned('1')),
            format!("nginx{}", pinned('4'))
        ]
    );
    // Under another name it gets what runs.
    let mut renamed = template;
    renamed.task_definition["containerDefinitions"][0]["name"] = json!("app");
    let next = super::tests::next(&pipelines, &renamed, &production, &[image("nginx", '4')]);
    assert_eq!(
        images(&registered(next.unwrap()))[0],
        format!("web{}", pinned('1'))
    );
}

#[test]
fn a_revision_remembers_each_image_and_takes_over_what_it_keeps() {
    let pipelines = pipelines("");
    let production = definition(&pinned('1'), &pinned('2'));
    let both = [image("web", '3'), image("nginx", '4')];
    let first = registered(next(&pipelines, &production, &production, &both).unwrap());
    let nginx = [image("nginx", '5')];
    let second = registered(next(&pipelines, &first, &first, &nginx).unwrap());
    let remembered = |definition, index: usize, digit| {
        let pipeline = &pipelines[index];
        let matching = super::super::matching(pipeline, definition).unwrap();
        let deployed = super::super::deployed(pipeline, definition, &matching, digest(digit));
        (deployed.ordered_at, deployed.tag.map(|tag| tag.to_string()))
    };
    let known = (Some(at(60)), Some("1.4.2".to_owned()));
    assert_eq!(remembered(&first, 0, '3'), known);
    assert_eq!(remembered(&first, 1, '4'), known);
    assert_eq!(remembered(&second, 0, '3'), known);
    assert_eq!(remembered(&second, 1, '5'), known);
    // Not of another image, nor of another pipeline's.
    assert_eq!(remembered(&second, 1, '4'), (None, None));
    assert_eq!(remembered(&second, 0, '5').0, None);
}

#[test]
fn a_container_does_not_get_the_images_of_two_pipelines() {
    let pipelines = pipelines("containers=['web']");
    let production = definition(&pinned('1'), &pinned('2'));
    let refused = next(&pipelines, &production, &production, &[image("web", '3')]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "container `web` of revision `shop-web:41` would get the images of two pipelines, `web` and `nginx` (hint: name the \
         containers of each in its `containers`)"
    );
}
