//! Who is concerned by an event: which pipelines are looked at, and with which image in mind.

use time::UtcDateTime;

use crate::config::{Config, Pipeline};
use crate::events::{Request, StartEvent, Wanted};
use crate::names::{Digest, Image, Repository, Tag};
use crate::observed::{DeploymentGroup, ImageDetail, Service};
use crate::revision::Unusable;
use crate::start::{AskedBy, Candidate};
use crate::tag_rule::{self, TagRule};

/// One pipeline to look at.
#[derive(Debug, Clone)]
pub struct Look<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Who or what asked.
    pub asked_by: AskedBy,
    /// Where its candidate is found.
    pub search: Search,
    /// When the event happened: deployments before it were not about it.
    pub event_at: Option<UtcDateTime>,
    /// Whether to act, or only to say what would be done.
    pub then: Then,
    /// Whether somebody waits for this image, so that people are told when it has to wait.
    pub cause: Cause,
}

/// Where a pipeline's candidate is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// The image that this tag points at.
    Tag(Tag),
    /// This image.
    Digest(Digest),
    /// All tagged images, by the pipeline's rule.
    All,
}

/// Whether to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Do what is decided.
    Act,
    /// Only say what would be done.
    Say,
}

/// What a look is caused by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody pushed, or asked.
    Somebody,
    /// A deployment's end, or the hour.
    Routine,
}

/// Whom an event concerns.
#[derive(Debug, Clone)]
pub enum Concerned<'a> {
    /// These pipelines; at least one.
    Looks(Vec<Look<'a>>),
    /// Nobody, for this reason: a skip, not an error.
    Nobody(String),
}

/// A request for a pipeline that is not configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no pipeline is named `{given}`, expected one of {expected}")]
pub struct NoSuchPipeline {
    given: String,
    expected: String,
}

/// The pipelines that an event concerns.
///
/// # Errors
/// A request names a pipeline that is not configured.
pub fn concerned<'a>(
    config: &'a Config,
    event: &StartEvent,
) -> Result<Concerned<'a>, NoSuchPipeline> {
    Ok(match event {
        StartEvent::Ignored(reason) => Concerned::Nobody(reason.clone()),
        StartEvent::Look => Concerned::Looks(config.pipelines.iter().map(routine).collect()),
        StartEvent::DeploymentEnded {
            application,
            deployment_group,
        } => match config.of_group(application, deployment_group) {
            Some(pipeline) => Concerned::Looks(vec![routine(pipeline)]),
            None => Concerned::Nobody(format!(
                "no pipeline has the deployment group `{deployment_group}` of `{application}`"
            )),
        },
        StartEvent::Pushed { image, tag, at } => {
            let following = config.following(&image.repository, tag);
            if following.is_empty() {
                return Ok(Concerned::Nobody(nobody_follows(
                    config,
                    &image.repository,
                    tag,
                )));
            }
            Concerned::Looks(
                following
                    .into_iter()
                    .map(|pipeline| pushed(pipeline, tag, *at))
                    .collect(),
            )
        }
        StartEvent::Asked(request) => Concerned::Looks(vec![asked(config, request)?]),
    })
}

fn routine(pipeline: &Pipeline) -> Look<'_> {
    Look {
        pipeline,
        asked_by: AskedBy::Event,
        search: due(&pipeline.tag),
        event_at: None,
        then: Then::Act,
        cause: Cause::Routine,
    }
}

/// The tag is followed to where it points now, whatever the rule: a later push may have moved it, and an image that has
/// lost its tag has lost its version, too.
fn pushed<'a>(pipeline: &'a Pipeline, tag: &Tag, at: UtcDateTime) -> Look<'a> {
    Look {
        search: Search::Tag(tag.clone()),
        event_at: Some(at),
        cause: Cause::Somebody,
        ..routine(pipeline)
    }
}

fn asked<'a>(config: &'a Config, request: &Request) -> Result<Look<'a>, NoSuchPipeline> {
    let pipeline = config.named(&request.pipeline);
    let pipeline = pipeline.ok_or_else(|| no_such_pipeline(config, request.pipeline.as_str()))?;
    let (asked_by, search) = match &request.wanted {
        Wanted::Due => (AskedBy::Person, due(&pipeline.tag)),
        Wanted::Tag(tag) => (AskedBy::PersonForThisImage, Search::Tag(tag.clone())),
        Wanted::Digest(digest) => (AskedBy::PersonForThisImage, Search::Digest(digest.clone())),
    };
    let then = if request.dry_run {
        Then::Say
    } else {
        Then::Act
    };
    Ok(Look {
        asked_by,
        search,
        then,
        cause: Cause::Somebody,
        ..routine(pipeline)
    })
}

fn due(rule: &TagRule) -> Search {
    match rule {
        TagRule::Exact(tag) => Search::Tag(tag.clone()),
        TagRule::Glob(_) | TagRule::Semver(_) => Search::All,
    }
}

fn nobody_follows(config: &Config, repository: &Repository, tag: &Tag) -> String {
    let rules: Vec<String> = config
        .pipelines
        .iter()
        .filter(|pipeline| pipeline.repository == *repository)
        .map(|pipeline| format!("`{}`", pipeline.tag))
        .collect();
    if rules.is_empty() {
        format!("no pipeline follows the repository `{repository}`")
    } else {
        format!(
            "no pipeline follows the tag `{tag}` of `{repository}`, only {}",
            rules.join(", ")
        )
    }
}

fn no_such_pipeline(config: &Config, given: &str) -> NoSuchPipeline {
    let expected: Vec<String> = config
        .pipelines
        .iter()
        .map(|pipeline| format!("`{}`", pipeline.name))
        .collect();
    NoSuchPipeline {
        given: given.to_owned(),
        expected: expected.join(", "),
    }
}

impl Look<'_> {
    /// The candidate among the images that the search found. What is no container image (a chart, a signature) is none,
    /// also under a tag that the pipeline follows.
    pub fn candidate(&self, found: &[ImageDetail]) -> Option<Candidate> {
        let first = || found.first().filter(|image| tag_rule::is_runnable(image));
        let (detail, tag) = match &self.search {
            Search::All => {
                let (detail, tag) = self.pipeline.tag.choose(found)?;
                (detail, Some(tag.clone()))
            }
            Search::Tag(tag) => (first()?, Some(tag.clone())),
            Search::Digest(_) => {
                let detail = first()?;
                let followed = detail
                    .tags
                    .iter()
                    .find(|tag| self.pipeline.tag.matches(tag));
                (detail, followed.or(detail.tags.first()).cloned())
            }
        };
        let image = Image {
            repository: self.pipeline.repository.clone(),
            digest: detail.digest.clone(),
            tag,
        };
        Some(Candidate {
            image,
            detail: detail.clone(),
            ordered_at: self
                .event_at
                .map_or(detail.pushed_at, |at| at.max(detail.pushed_at)),
        })
    }
}

/// A pipeline that does not fit what AWS has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// CodeDeploy cannot deploy to the service.
    #[error(
        "service `{service}` has the deployment controller `{given}`, expected `CODE_DEPLOY` \
         (hint: a service's controller is chosen when it is created)"
    )]
    Controller {
        /// The service.
        service: String,
        /// Its controller.
        given: String,
    },
    /// The deployment group deploys elsewhere.
    #[error(
        "deployment group `{group}` deploys to {given}, expected `{expected}` (hint: correct the pipeline's `deployment_group` or `service`)"
    )]
    Group {
        /// The group.
        group: String,
        /// Where it deploys to.
        given: String,
        /// The pipeline's service.
        expected: String,
    },
    /// There is no listener to send test requests through.
    #[error(
        "deployment group `{group}` has no test listener, expected one for the requests of `test_traffic` \
         (hint: add a test listener to the group, or take the requests out of the pipeline)"
    )]
    NoTestListener {
        /// The group.
        group: String,
    },
    /// Nothing of the service is behind a load balancer.
    #[error(
        "service `{service}` has no load balancer, expected a container and port behind a target group"
    )]
    NoLoadBalancer {
        /// The service.
        service: String,
    },
    /// It has no task definition.
    #[error(
        "service `{service}` has no task definition and no task set, expected what runs in production"
    )]
    NoRevision {
        /// The service.
        service: String,
    },
    /// No next revision can be made from its revision.
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

/// Whether the pipeline fits the service and the deployment group that it names.
///
/// # Errors
/// The first thing that does not.
pub fn fits(pipeline: &Pipeline, service: &Service, group: &DeploymentGroup) -> Result<(), Misfit> {
    let name = format!("{}/{}", pipeline.cluster, pipeline.service);
    if service.deployment_controller != "CODE_DEPLOY" {
        return Err(Misfit::Controller {
            service: name,
            given: service.deployment_controller.clone(),
        });
    }
    let deploys_to = group
        .service
        .as_ref()
        .map(|(cluster, service)| format!("{cluster}/{service}"));
    if deploys_to.as_ref() != Some(&name) {
        let given = deploys_to.map_or("no ECS service".to_owned(), |service| {
            format!("`{service}`")
        });
        return Err(Misfit::Group {
            group: pipeline.deployment_group.to_string(),
            given,
            expected: name,
        });
    }
    if group.test_listener.is_none() && !pipeline.test_traffic.requests.is_empty() {
        return Err(Misfit::NoTestListener {
            group: pipeline.deployment_group.to_string(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
        [[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'
        [[pipeline]]\nname='admin'\nrepository='shop/web'\ntag='release-*'\ncluster='prod'\nservice='admin'
        [[pipeline]]\nname='api'\nrepository='shop/api'\ntag='semver:^2'\ncluster='prod'\nservice='api'
    ";

    fn digest(digit: &str) -> Digest {
        format!("sha256:{}", digit.repeat(64)).parse().unwrap()
    }

    fn push(repository: &str, tag: &str) -> StartEvent {
        let tag: Tag = tag.parse().unwrap();
        let image = Image {
            repository: repository.parse().unwrap(),
            digest: digest("a"),
            tag: Some(tag.clone()),
        };
        StartEvent::Pushed {
            image,
            tag,
            at: UtcDateTime::UNIX_EPOCH,
        }
    }

    fn ask(pipeline: &str, wanted: Wanted) -> StartEvent {
        StartEvent::Asked(Request {
            pipeline: pipeline.parse().unwrap(),
            wanted,
            dry_run: false,
        })
    }

    #[track_caller]
    fn check(event: &StartEvent, expected: &str) {
        let config = Config::parse(CONFIG).unwrap();
        let said = match concerned(&config, event) {
            Ok(Concerned::Looks(looks)) => {
                let line = |look: &Look<'_>| {
                    let search = match &look.search {
                        Search::Tag(tag) => format!("tag {tag}"),
                        Search::Digest(_) => "digest".to_owned(),
                        Search::All => "all".to_owned(),
                    };
                    format!("{} by {:?}: {search}", look.pipeline.name, look.asked_by)
                };
                looks.iter().map(line).collect::<Vec<_>>().join(", ")
            }
            Ok(Concerned::Nobody(reason)) => reason,
            Err(unknown) => unknown.to_string(),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn a_push_concerns_the_pipelines_that_follow_repository_and_tag() {
        check(&push("shop/web", "latest"), "web by Event: tag latest");
        check(
            &push("shop/web", "release-7"),
            "admin by Event: tag release-7",
        );
        check(
            &push("shop/web", "base"),
            "no pipeline follows the tag `base` of `shop/web`, only `latest`, `release-*`",
        );
        check(
            &push("shop/job", "latest"),
            "no pipeline follows the repository `shop/job`",
        );
        check(&push("shop/api", "2.1.0"), "api by Event: tag 2.1.0");
    }

    #[test]
    fn what_is_no_container_image_is_no_candidate() {
        let config = Config::parse(CONFIG).unwrap();
        let Ok(Concerned::Looks(looks)) = concerned(&config, &StartEvent::Look) else {
            panic!("the hour concerns everybody");
        };
        let mut image = ImageDetail {
            digest: digest("a"),
            tags: vec!["latest".parse().unwrap()],
            pushed_at: UtcDateTime::UNIX_EPOCH,
            media_type: None,
            artifact_media_type: None,
        };
        assert!(looks[0].candidate(&[image.clone()]).is_some());
        image.artifact_media_type = Some("application/vnd.cncf.helm.config.v1+json".to_owned());
        assert_eq!(looks[0].candidate(&[image]), None);
    }

    #[test]
    fn the_hour_concerns_everybody_and_an_end_its_own_pipeline() {
        check(
            &StartEvent::Look,
            "web by Event: tag latest, admin by Event: all, api by Event: all",
        );
        let ended = |group: &str| StartEvent::DeploymentEnded {
            application: "AppECS-prod-api".parse().unwrap(),
            deployment_group: group.parse().unwrap(),
        };
        check(&ended("DgpECS-prod-api"), "api by Event: all");
        check(
            &ended("other"),
            "no pipeline has the deployment group `other` of `AppECS-prod-api`",
        );
    }

    #[test]
    fn a_person_asks_for_what_is_due_or_for_this_image() {
        check(&ask("web", Wanted::Due), "web by Person: tag latest");
        check(
            &ask("web", Wanted::Tag("1.4.2".parse().unwrap())),
            "web by PersonForThisImage: tag 1.4.2",
        );
        check(
            &ask("web", Wanted::Digest(digest("b"))),
            "web by PersonForThisImage: digest",
        );
        check(
            &ask("shop", Wanted::Due),
            "no pipeline is named `shop`, expected one of `web`, `admin`, `api`",
        );
    }
}
