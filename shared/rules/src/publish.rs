//! What serves production, as infrastructure templates read it from a pipeline's SSM parameter (`publish`).

use crate::names::{Image, RegistryHost};
use crate::revision::Matching;
use crate::start::RunningImage;

/// The image that serves production, by its digest.
///
/// Where the revision pins one, this is its own reference to the letter: a template with the same settings then makes the same task
/// definition. A tag is replaced by the digest that runs: with the tag, an update of the template's stack would deploy what that points
/// at by then, which no reconciliation has decided.
///
/// # Errors
/// It is not known which image that is, or it is not one; for people.
pub fn serving(matching: &Matching, running: &RunningImage) -> Result<String, String> {
    let digest = match running {
        RunningImage::Known(digest) => digest,
        RunningImage::Mixed => return Err("its containers run different images".to_owned()),
        RunningImage::Unknown(why) => return Err(why.clone()),
    };
    let named = &matching.named;
    let first = named
        .first()
        .ok_or_else(|| "no container runs an image of the repository".to_owned())?;
    let is_first = |image: &str| image == first.image;
    if first.digest.is_some() && named.iter().all(|named| is_first(&named.image)) {
        return Ok(first.image.clone());
    }
    let (name, _) = first.image.split_once('@').unwrap_or((&first.image, ""));
    // A host may have a port, so that only a colon behind the last `/` begins a tag.
    let folder = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[folder..]
        .find(':')
        .map_or(name.len(), |at| folder + at);
    Ok(format!("{}@{digest}", &name[..end]))
}

/// The image that is due, where nothing serves yet.
pub fn due(image: &Image, host: &RegistryHost) -> String {
    format!("{host}/{}@{}", image.repository, image.digest)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Config;
    use crate::names::Digest;
    use crate::observed::TaskDefinition;
    use crate::revision;

    const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";

    fn digest(digit: char) -> Digest {
        format!("sha256:{}", digit.to_string().repeat(64))
            .parse()
            .unwrap()
    }

    /// What is written for a revision whose containers have these images, each behind the registry's host.
    #[track_caller]
    fn check(images: &[&str], running: &RunningImage, expected: Result<&str, &str>) {
        let names = ["web", "worker"];
        let containers = names
            .iter()
            .zip(images)
            .map(|(name, image)| json!({"name": name, "image": format!("{HOST}/{image}")}));
        let containers: Vec<Value> = containers.collect();
        let listed = names[..images.len()].join("','");
        let file = format!(
            "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
             containers=['{listed}']\npublish='/shop/web/image'\n"
        );
        let config = Config::parse(&file).unwrap();
        let definition = TaskDefinition {
            task_definition: json!({
                "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1",
                "containerDefinitions": containers,
            }),
            tags: Value::Null,
        };
        let matching = revision::matching(&config.pipelines[0], &definition).unwrap();
        let expected = expected
            .map(|image| format!("{HOST}/{image}"))
            .map_err(str::to_owned);
        assert_eq!(serving(&matching, running), expected, "{images:?}");
    }

    #[test]
    fn what_serves_is_named_by_its_digest() {
        let (a, b) = (digest('a'), digest('b'));
        let (pinned, other) = (format!("shop/web@{a}"), format!("shop/web@{b}"));
        let with_tag = format!("shop/web:1.4.2@{a}");
        let known = RunningImage::Known(a.clone());
        let unknown = RunningImage::Unknown("no task runs".to_owned());
        check(&[&pinned], &known, Ok(&pinned));
        check(&[&with_tag], &known, Ok(&with_tag));
        check(&[&pinned, &pinned], &known, Ok(&pinned));
        // One platform's manifest each, of the image that is due.
        check(&[&other, &pinned], &known, Ok(&pinned));
        check(&["shop/web:latest"], &known, Ok(&pinned));
        check(&["shop/web"], &known, Ok(&pinned));
        check(&["shop/web:latest"], &unknown, Err("no task runs"));
        let different = Err("its containers run different images");
        check(&[&pinned, &other], &RunningImage::Mixed, different);
        let none = Err("no container runs an image of the repository");
        check(&["shop/api:1"], &known, none);
    }

    #[test]
    fn before_anything_serves_it_is_the_image_that_is_due() {
        let image = Image {
            repository: "shop/web".parse().unwrap(),
            digest: digest('a'),
            tag: Some("latest".parse().unwrap()),
        };
        let expected = format!("{HOST}/shop/web@{}", digest('a'));
        assert_eq!(due(&image, &HOST.parse().unwrap()), expected);
    }
}
