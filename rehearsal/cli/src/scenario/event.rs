//! A custom ECR event in place of the push of `ship`.
//!
//! An event only triggers a reconciliation, so its image must exist: the rehearsal pushes version 1.1.0 under the
//! event's tag, and replaces the event's digest with that image's.

use anyhow::{Context, bail};
use local_aws::ecr::{ImageSettings, OCI_CONFIG};
use local_aws::identity::{ACCOUNT, Location, REGION};
use serde_json::{Value, json};

use crate::scenario::setting::{BLUE, GREEN};
use crate::scenario::{Scenario, Step, claims};

/// A parsed event from a file.
#[derive(Debug, Clone)]
pub(crate) struct EventFile {
    pub(crate) event: Value,
}

impl EventFile {
    /// Parses an event of ECR; the error names what is missing.
    pub(crate) fn parse(text: &str) -> anyhow::Result<EventFile> {
        let event: Value = serde_json::from_str(text).context("it is not JSON")?;
        if !event.is_object() || !event["detail"].is_object() {
            bail!("it is not an event: expected an object with an object `detail`");
        }
        match event["source"].as_str() {
            Some("aws.ecr") => Ok(EventFile { event }),
            source => bail!(
                "its `source` is `{}`, expected `aws.ecr` (hint: give other events to a function with \
                 `cargo lambda invoke`)",
                source.unwrap_or("missing"),
            ),
        }
    }

    fn text(&self, field: &str) -> &str {
        self.event["detail"][field].as_str().unwrap_or("")
    }

    /// Whether an image arrived: by a push, by a replication, or pulled through a cache.
    fn is_arrival(&self) -> bool {
        let has = |field: &str, value: &str| self.text(field) == value;
        match self.event["detail-type"].as_str() {
            Some("ECR Image Action") => has("action-type", "PUSH") && has("result", "SUCCESS"),
            Some("ECR Replication Action") => {
                has("action-type", "REPLICATE") && has("result", "SUCCESS")
            }
            Some("ECR Pull Through Cache Action") => has("sync-status", "SUCCESS"),
            _ => false,
        }
    }

    /// The repository, with the host of the registry that the event is from unless that is the stack's.
    fn repository(&self) -> String {
        let of = |member: &str, stack| self.event[member].as_str().unwrap_or(stack);
        let registry = Location::new(of("account", ACCOUNT), of("region", REGION));
        registry.repository(self.text("repository-name"))
    }

    /// Whether this is the arrival of an image that the shop's pipeline follows.
    fn ships(&self) -> bool {
        self.is_arrival()
            && self.repository() == "shop/web"
            && self.text("image-tag") == "latest"
            && has_shape_of_digest(self.text("image-digest"))
            && ["", OCI_CONFIG].contains(&self.text("artifact-media-type"))
    }
}

fn file_digest(event: &Value) -> &str {
    event["detail"]["image-digest"].as_str().unwrap_or("")
}

fn has_shape_of_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or("");
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The scenario `ship` with this event: it must ship a `shop/web:latest` that arrived, and change nothing otherwise.
pub(crate) fn of_event(file: EventFile, ship: Scenario) -> Scenario {
    let mut scenario = ship;
    scenario.name = "event".to_owned();
    scenario.summary =
        "a custom ECR event arrives in the world of `ship`, with the digest of the image there"
            .to_owned();
    let ships = file.ships();
    let (repository, tag) = (file.repository(), file.text("image-tag").to_owned());
    let mut event = file.event;
    if scenario.setting.repositories.contains(&repository) {
        let tags: Vec<&str> = Some(tag.as_str())
            .filter(|tag| !tag.is_empty())
            .into_iter()
            .collect();
        let image = ImageSettings::new(&repository, &tags, GREEN);
        // A valid digest is replaced by the image's; an invalid one reaches the function unchanged.
        if has_shape_of_digest(file_digest(&event)) {
            event["detail"]["image-digest"] = json!(image.digest());
        }
        if ships {
            // The tag has moved to the image in the event.
            scenario.setting.images = vec![ImageSettings::new(&repository, &[], BLUE)];
        }
        scenario.setting.images.push(image);
    }
    scenario.steps = vec![Step::Deliver(event), Step::CANARY, Step::Settle];
    if !ships {
        scenario.expectations = claims::nothing_broke();
        scenario.expectations.extend(claims::started(0));
        scenario.expectations.extend(claims::only_blue());
        scenario.expectations.extend(claims::messages(&[]));
    }
    scenario.permitted()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ship() -> Scenario {
        crate::scenario::tests::scenario("ship")
    }

    fn event(tag: &str) -> String {
        let detail = json!({
            "action-type": "PUSH", "result": "SUCCESS", "repository-name": "shop/web", "image-tag": tag,
            "image-digest": format!("sha256:{}", "4c".repeat(32)),
        });
        json!({ "source": "aws.ecr", "detail-type": "ECR Image Action", "detail": detail })
            .to_string()
    }

    #[test]
    fn a_push_that_the_pipeline_follows_ships_the_images_digest() {
        let scenario = of_event(EventFile::parse(&event("latest")).unwrap(), ship());
        let Step::Deliver(told) = &scenario.steps[0] else {
            panic!("the event is not delivered")
        };
        let image = &scenario.setting.images[1];
        assert_eq!(told["detail"]["image-digest"], image.digest());
        assert_eq!(
            (image.version.as_str(), image.tags.as_slice()),
            (GREEN, &["latest".to_owned()][..])
        );
        assert!(
            scenario
                .expectations
                .iter()
                .any(|expectation| expectation.claim == "messages: started, shipped")
        );
    }

    #[test]
    fn an_image_that_is_replicated_or_pulled_through_ships_as_well() {
        for (detail_type, field, value, outcome) in [
            (
                "ECR Replication Action",
                "action-type",
                "REPLICATE",
                "result",
            ),
            (
                "ECR Pull Through Cache Action",
                "rule-version",
                "1",
                "sync-status",
            ),
        ] {
            for (ended, ships) in [("SUCCESS", true), ("FAILED", false)] {
                let detail = json!({
                    field: value, outcome: ended, "repository-name": "shop/web", "image-tag": "latest",
                    "image-digest": format!("sha256:{}", "4c".repeat(32)),
                });
                let event =
                    json!({ "source": "aws.ecr", "detail-type": detail_type, "detail": detail });
                let file = EventFile::parse(&event.to_string()).unwrap();
                assert_eq!(file.ships(), ships, "{event}");
            }
        }
    }

    #[test]
    fn a_push_to_another_registry_is_not_one_to_the_pipelines() {
        for (account, region, ships) in [
            ("111122223333", "eu-central-1", true),
            ("444455556666", "eu-central-1", false),
            ("111122223333", "eu-west-1", false),
        ] {
            let mut event: Value = serde_json::from_str(&event("latest")).unwrap();
            event["account"] = json!(account);
            event["region"] = json!(region);
            let file = EventFile::parse(&event.to_string()).unwrap();
            assert_eq!(file.ships(), ships, "{account} {region}");
            let images = of_event(file, ship()).setting.images.len();
            assert_eq!(images, if ships { 2 } else { 1 }, "{account} {region}");
        }
    }

    #[test]
    fn any_other_event_must_change_nothing() {
        for tag in ["", "1.4.2"] {
            let scenario = of_event(EventFile::parse(&event(tag)).unwrap(), ship());
            assert!(
                scenario
                    .expectations
                    .iter()
                    .any(|expectation| expectation.claim.starts_with("0 deployment"))
            );
        }
    }

    #[test]
    fn other_json_than_an_ecr_event_is_rejected() {
        for (text, expected) in [
            ("latest", "it is not JSON"),
            ("[]", "it is not an event"),
            (
                r#"{"source": "aws.ecs", "detail": {}}"#,
                "its `source` is `aws.ecs`, expected `aws.ecr`",
            ),
            (r#"{"detail": {}}"#, "its `source` is `missing`"),
        ] {
            let Err(error) = EventFile::parse(text) else {
                panic!("{text} was taken")
            };
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}
