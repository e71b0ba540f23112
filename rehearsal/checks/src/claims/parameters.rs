//! SSM parameters.

use record::Record;

use super::expect;
use crate::Expectation;

/// The parameter had exactly these values, one after the other: the image of a version by its version, anything else by itself. Two
/// invocations of one moment may both write the same value, which is still that value.
pub fn parameter_was(name: &str, values: &[&str]) -> Expectation {
    let claim = format!("the parameter `{name}` was {}", values.join(", then "));
    let (name, expected) = (name.to_owned(), values.join(", then "));
    Expectation::new(claim, move |record| {
        let mut parameters = record.parameters.iter();
        let parameter = parameters.find(|parameter| parameter.name == name);
        let parameter = parameter.ok_or("there is no such parameter")?;
        let values = parameter.values.iter().map(|value| version(record, value));
        let mut values: Vec<String> = values.collect();
        values.dedup();
        let found = values.join(", then ");
        expect(found == expected, || found)
    })
}

/// Of `REGISTRY/REPOSITORY@DIGEST` the image's version.
fn version(record: &Record, value: &str) -> String {
    let image = value.split_once('@').and_then(|(name, digest)| {
        let mut images = record.images.iter();
        // An image of the stack's registry is recorded without that.
        let is_its =
            |repository: &str| name == repository || name.ends_with(&format!("/{repository}"));
        images.find(|image| image.digest == digest && is_its(&image.repository))
    });
    let version = image.and_then(|image| image.version.clone());
    version.unwrap_or_else(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use record::{Image, Parameter};

    use super::*;

    #[test]
    fn values_are_told_by_the_versions_of_their_images() {
        let image = |version: &str| Image {
            repository: "shop/web".to_owned(),
            digest: format!("sha256:{version}"),
            version: Some(version.to_owned()),
            tags: Vec::new(),
            pushed_at: SystemTime::UNIX_EPOCH,
            is_runnable: true,
        };
        let of = |version: &str| {
            format!("1.dkr.ecr.eu-central-1.amazonaws.com/shop/web@sha256:{version}")
        };
        let record = Record {
            images: vec![image("1.0.0"), image("1.1.0")],
            parameters: vec![Parameter {
                name: "/shop/web/image".to_owned(),
                values: vec![
                    of("1.0.0"),
                    "old".to_owned(),
                    of("1.1.0"),
                    of("1.1.0"),
                    of("2.0.0"),
                ],
            }],
            ..Record::default()
        };
        let found = |name: &str, values: &[&str]| parameter_was(name, values).problem(&record);
        let last = of("2.0.0");
        let values = ["1.0.0", "old", "1.1.0", &last];
        assert_eq!(found("/shop/web/image", &values), None);
        assert!(found("/shop/web/image", &values[..3]).is_some());
        assert!(found("/shop/api/image", &values).is_some());
    }
}
