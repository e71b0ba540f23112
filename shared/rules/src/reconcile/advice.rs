//! What a person may do about an order of which no deployment came: requests, with all that the order wanted.

use super::{Cause, Reconciliation, Search};
use crate::events::{Request, Wanted, Way};
use crate::names::Image;
use crate::outcome::Command;
use crate::start::{AskedBy, Skip};

impl Reconciliation<'_> {
    /// The request that repeats this order with all that was wanted. A push is repeated by its tag.
    pub fn request(&self) -> Request {
        let wanted = match (&self.search, self.asked_by) {
            (Search::All, _) | (Search::Tag(_), AskedBy::Person) => Wanted::Due,
            (Search::Tag(tag), _) => Wanted::Tag(tag.clone()),
            (Search::Digest(digest), _) => Wanted::Digest(digest.clone()),
        };
        Request {
            pipeline: self.pipeline.name.clone(),
            wanted,
            force: self.force,
            way: match self.asked_by {
                AskedBy::Rollback => Way::Back,
                AskedBy::Event | AskedBy::Person | AskedBy::PersonForThisImage => Way::Forward,
            },
            dry_run: false,
        }
    }

    /// The request that repeats this order of an image that has to wait. The tag of an event may have moved on until then.
    pub fn again(&self, image: &Image) -> Request {
        match self.cause {
            Cause::Request => self.request(),
            Cause::Push(_) | Cause::Routine => self.forward(image),
        }
    }

    /// The request that deploys this image with its gates, whatever way was wanted.
    fn forward(&self, image: &Image) -> Request {
        Request {
            wanted: Wanted::Digest(image.digest.clone()),
            way: Way::Forward,
            ..self.request()
        }
    }

    /// What a person may do about an order for which nothing is started, and by which commands; none where nothing has to be
    /// done.
    pub fn advice(
        &self,
        skip: &Skip,
        image: Option<&Image>,
    ) -> Option<(&'static str, Vec<Command>)> {
        let image = image?;
        let to = |purpose, request| Command::Request { purpose, request };
        let forward = |purpose| to(purpose, self.forward(image));
        match skip {
            // A rollback to an image that never shipped is refused, with the request that deploys it.
            Skip::OlderThanRunning(_) if self.pipeline.migration.is_some() => {
                let back = Request {
                    way: Way::Back,
                    ..self.forward(image)
                };
                let commands = vec![
                    to(
                        "to go back to it without its migration, where it shipped before",
                        back,
                    ),
                    forward("to deploy it with its migration"),
                ];
                Some(("nothing, or request it by a command", commands))
            }
            Skip::OlderThanRunning(_) => Some((
                "nothing, or request it by the command",
                vec![forward("to deploy it all the same")],
            )),
            Skip::NeverShipped(_) => Some((
                "request it without `rollback` by the command: it is deployed with all its gates",
                vec![forward("to deploy it with its gates")],
            )),
            Skip::RunningUnknown(_)
            | Skip::FailedBefore(_)
            | Skip::RolledBackByHand(_)
            | Skip::MigrationUnknown(_)
            | Skip::Superseded(_) => Some((
                "request it by the command, which deploys it all the same",
                vec![forward("to deploy it all the same")],
            )),
            Skip::ImageArchived(..) => Some((
                "request it by the command once ECR has restored it",
                vec![to("to request it then", self.again(image))],
            )),
            Skip::NoMatchingImage(_)
            | Skip::AlreadyRunning(..)
            | Skip::AlreadyInProgress(_)
            | Skip::Waiting(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Config;
    use crate::events::{Origin, StartEvent};
    use crate::observed::ImageStatus;
    use crate::reconcile::{Concerned, concerned};

    const WITH_MIGRATION: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='semver:*'\ncluster='prod'\nservice='web'\n\
                                  [pipeline.migration]\ncontainer='web'\ncommand=['migrate']";
    const WITHOUT: &str = "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='semver:*'\ncluster='prod'\nservice='web'";

    fn digest() -> String {
        format!("sha256:{}", "4c".repeat(32))
    }

    fn image() -> Image {
        Image {
            repository: "shop/web".parse().unwrap(),
            digest: digest().parse().unwrap(),
            tag: "1.0.0".parse().ok(),
        }
    }

    fn push() -> Value {
        json!({
            "source": "aws.ecr", "detail-type": "ECR Image Action", "account": "111122223333", "region": "eu-central-1",
            "time": "2026-10-14T09:21:47Z", "detail": {
                "action-type": "PUSH", "result": "SUCCESS", "repository-name": "shop/web", "image-digest": digest(),
                "image-tag": "1.0.0"
            }
        })
    }

    /// What `about` says of the reconciliation that an event causes.
    fn of<T>(file: &str, event: &Value, about: impl Fn(&Reconciliation<'_>) -> T) -> T {
        let config = Config::parse(file).unwrap();
        let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes";
        let origin = Origin::of(event, &topic.parse().unwrap());
        let event = StartEvent::parse(event).unwrap();
        match concerned(&config, &event, &origin).unwrap() {
            Concerned::Reconciliations(found) => about(&found[0]),
            Concerned::None(why) => panic!("{why}"),
        }
    }

    #[test]
    fn a_request_is_repeated_whole() {
        let digest = digest();
        for request in [
            json!({"pipeline": "web"}),
            json!({"pipeline": "web", "force": true}),
            json!({"pipeline": "web", "tag": "1.0.0"}),
            json!({"pipeline": "web", "digest": digest}),
            json!({"pipeline": "web", "tag": "1.0.0", "force": true}),
            json!({"pipeline": "web", "tag": "1.0.0", "rollback": true}),
            json!({"pipeline": "web", "digest": digest, "rollback": true}),
            json!({"pipeline": "web", "digest": digest, "force": true, "rollback": true}),
        ] {
            for file in [
                WITH_MIGRATION,
                WITHOUT,
                &WITHOUT.replace("semver:*", "1.0.0"),
            ] {
                assert_eq!(of(file, &request, |it| it.request().payload()), request);
                assert_eq!(
                    of(file, &request, |it| it.again(&image()).payload()),
                    request
                );
            }
        }
    }

    #[test]
    fn a_push_is_repeated_by_its_tag_or_as_the_image_that_waits() {
        let by_tag = json!({"pipeline": "web", "tag": "1.0.0"});
        assert_eq!(of(WITHOUT, &push(), |it| it.request().payload()), by_tag);
        let by_digest = json!({"pipeline": "web", "digest": digest()});
        let again = of(WITHOUT, &push(), |it| it.again(&image()).payload());
        assert_eq!(again, by_digest);
    }

    #[track_caller]
    fn check(file: &str, event: &Value, skip: &Skip, expected: &[Value]) {
        let found = of(file, event, |it| it.advice(skip, Some(&image())));
        let commands = found.map(|(_, commands)| commands).unwrap_or_default();
        let payload = |command: &Command| match command {
            Command::Request { request, .. } => request.payload(),
            Command::Reroute(_)
            | Command::RestoreImage { .. }
            | Command::Continue { .. }
            | Command::RestoreTestListener { .. } => panic!("{command:?}"),
        };
        let found: Vec<Value> = commands.iter().map(payload).collect();
        assert_eq!(found, expected, "{skip:?}");
    }

    #[test]
    fn an_older_image_is_not_migrated_by_a_command_that_goes_back_to_it() {
        let forward = json!({"pipeline": "web", "digest": digest()});
        let back = json!({"pipeline": "web", "digest": digest(), "rollback": true});
        let older = Skip::OlderThanRunning(image());
        check(WITH_MIGRATION, &push(), &older, &[back, forward.clone()]);
        check(WITHOUT, &push(), &older, std::slice::from_ref(&forward));
        let requested = json!({"pipeline": "web", "tag": "1.0.0", "rollback": true});
        let never = Skip::NeverShipped(image());
        check(
            WITH_MIGRATION,
            &requested,
            &never,
            std::slice::from_ref(&forward),
        );
        let forced = json!({"pipeline": "web", "tag": "1.0.0", "rollback": true, "force": true});
        let forward = json!({"pipeline": "web", "digest": digest(), "force": true});
        check(WITH_MIGRATION, &forced, &never, &[forward]);
        // Once it is restored, the very request again: a rollback stays one.
        let archived = Skip::ImageArchived(image(), ImageStatus::Archived);
        check(
            WITH_MIGRATION,
            &requested,
            &archived,
            std::slice::from_ref(&requested),
        );
        let waiting = Skip::Waiting("d-1".parse().unwrap());
        check(WITH_MIGRATION, &push(), &waiting, &[]);
    }
}
