use std::collections::BTreeSet;

use super::*;
use crate::observed::ImageStatus;
use crate::start::tests::{every_situation, situation};
use crate::start::{self, Compared, Decision};

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
        at: Some(UtcDateTime::UNIX_EPOCH),
    }
}

const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:outcomes";

fn here() -> Origin {
    Origin::of(&serde_json::Value::Null, &TOPIC.parse().unwrap())
}

/// One repository's name in the stack's own registry, twice, and in three others.
fn in_five_registries() -> Config {
    let pipeline = |name: &str, more: &str| {
        format!(
            "[[pipeline]]\nname = '{name}'\nrepository = 'shop/web'\ntag = 'latest'\ncluster = 'prod'\nservice = '{name}'\n{more}\n"
        )
    };
    let account = "registry_account = '444455556666'";
    let region = "registry_region = 'eu-west-1'";
    let file = [
        pipeline("own", ""),
        pipeline(
            "said",
            "registry_account = '111122223333'\nregistry_region = 'eu-central-1'",
        ),
        pipeline("account", account),
        pipeline("region", region),
        pipeline("both", &format!("{account}\n{region}")),
    ];
    Config::parse(&file.concat()).unwrap()
}

#[test]
fn a_push_concerns_the_pipelines_of_the_registry_that_it_went_to() {
    let config = in_five_registries();
    let named = |event: &StartEvent, account: &str, region: &str| {
        let envelope = serde_json::json!({
            "source": "aws.ecr", "detail-type": "ECR Image Action", "account": account, "region": region
        });
        let origin = Origin::of(&envelope, &TOPIC.parse().unwrap());
        if let Some(reason) = elsewhere(&config, &origin) {
            return reason;
        }
        match concerned(&config, event, &origin) {
            Ok(Concerned::Reconciliations(found)) => {
                let names: Vec<&str> = found
                    .iter()
                    .map(|found| found.pipeline.name.as_str())
                    .collect();
                names.join(" ")
            }
            Ok(Concerned::None(reason)) => reason,
            Err(error) => error.to_string(),
        }
    };
    let pushed = push("shop/web", "latest");
    let unreadable = StartEvent::Unreadable {
        subject: Subject::Repository("shop/web".to_owned()),
        error: UnreadableEvent {
            path: "time".to_owned(),
            reason: "missing".to_owned(),
        },
    };
    let ended = StartEvent::DeploymentEnded {
        application: "AppECS-prod-own".parse().unwrap(),
        deployment_group: "DgpECS-prod-own".parse().unwrap(),
    };
    for (account, region, concerned) in [
        ("111122223333", "eu-central-1", "own said"),
        ("444455556666", "eu-central-1", "account"),
        ("111122223333", "eu-west-1", "region"),
        ("444455556666", "eu-west-1", "both"),
    ] {
        assert_eq!(named(&pushed, account, region), concerned);
        let error = "cannot read the event at `time`: missing";
        assert_eq!(named(&unreadable, account, region), error);
    }
    // Only a registry may be elsewhere.
    assert_eq!(named(&ended, "111122223333", "eu-central-1"), "own");
    for event in [&ended, &StartEvent::Routine] {
        assert_eq!(
            named(event, "444455556666", "eu-west-1"),
            "an event of the account `444455556666`, not `111122223333`"
        );
    }
    for event in [&pushed, &unreadable, &ended] {
        assert_eq!(
            named(event, "999999999999", "eu-central-1"),
            "an event of the account `999999999999`, not `111122223333`"
        );
    }
    let other = push("shop/api", "latest");
    let nobody = "no pipeline follows the repository `shop/api`";
    assert_eq!(named(&other, "444455556666", "eu-central-1"), nobody);
}

#[test]
fn an_event_that_cannot_be_read_fails_only_where_a_pipeline_is_concerned() {
    let unreadable = |subject| StartEvent::Unreadable {
        subject,
        error: UnreadableEvent {
            path: "detail".to_owned(),
            reason: "wrong".to_owned(),
        },
    };
    let repository = |name: &str| unreadable(Subject::Repository(name.to_owned()));
    check(
        &repository("shop/web"),
        "cannot read the event at `detail`: wrong",
    );
    check(
        &repository("Shop//Web"),
        "no pipeline follows the repository `Shop//Web`",
    );
    let group = |group: &str| {
        unreadable(Subject::DeploymentGroup {
            application: "AppECS-prod-web".to_owned(),
            deployment_group: group.to_owned(),
        })
    };
    check(
        &group("DgpECS-prod-web"),
        "cannot read the event at `detail`: wrong",
    );
    check(
        &group("of-others"),
        "no pipeline has the deployment group `of-others` of `AppECS-prod-web`",
    );
}

fn ask(pipeline: &str, wanted: Wanted) -> StartEvent {
    StartEvent::Asked(Request {
        pipeline: pipeline.parse().unwrap(),
        wanted,
        force: Force::No,
        way: Way::Forward,
        dry_run: false,
    })
}

#[track_caller]
fn check(event: &StartEvent, expected: &str) {
    let config = Config::parse(CONFIG).unwrap();
    let said = match concerned(&config, event, &here()) {
        Ok(Concerned::Reconciliations(reconciliations)) => {
            let line = |reconciliation: &Reconciliation<'_>| {
                let search = match &reconciliation.search {
                    Search::Tag(tag) => format!("tag {tag}"),
                    Search::Digest(_) => "digest".to_owned(),
                    Search::All => "all".to_owned(),
                };
                format!(
                    "{} by {:?}: {search}",
                    reconciliation.pipeline.name, reconciliation.asked_by
                )
            };
            reconciliations
                .iter()
                .map(line)
                .collect::<Vec<_>>()
                .join(", ")
        }
        Ok(Concerned::None(reason)) => reason,
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
    check(
        &push("shop/api", "latest"),
        "no pipeline follows the tag `latest` of `shop/api`, only `semver:^2` (it is not a version such as `2.1.0` or \
         `v2.1.0`: unexpected character 'l' while parsing major version number)",
    );
    check(&push("shop/api", "2.1.0"), "api by Event: tag 2.1.0");
}

#[test]
fn of_several_pushes_only_the_last_one_is_waited_for() {
    let config = Config::parse(CONFIG).unwrap();
    let waited_for = |event: &StartEvent, now: &str| {
        let Ok(Concerned::Reconciliations(reconciliations)) = concerned(&config, event, &here())
        else {
            panic!("somebody is concerned");
        };
        let image = ImageDetail {
            digest: digest(now),
            tags: Vec::new(),
            pushed_at: UtcDateTime::UNIX_EPOCH,
            media_type: None,
            artifact_media_type: None,
            status: ImageStatus::Active,
        };
        reconciliations[0].is_waited_for(&reconciliations[0].candidate(&[image], None).unwrap())
    };
    assert!(waited_for(&push("shop/web", "latest"), "a"));
    assert!(!waited_for(&push("shop/web", "latest"), "b"));
    assert!(waited_for(&ask("web", Wanted::Due), "b"));
    assert!(!waited_for(
        &StartEvent::DeploymentEnded {
            application: "AppECS-prod-web".parse().unwrap(),
            deployment_group: "DgpECS-prod-web".parse().unwrap(),
        },
        "a"
    ));
}

#[test]
fn a_tag_on_an_older_image_is_remembered_by_versions_and_one_tag_only() {
    let config = Config::parse(CONFIG).unwrap();
    let remembers = |event: &StartEvent, age: i64, other_age: i64| {
        let Ok(Concerned::Reconciliations(reconciliations)) = concerned(&config, event, &here())
        else {
            panic!("nobody is concerned");
        };
        let image = |age: i64| ImageDetail {
            digest: digest("a"),
            tags: vec!["2.0.0".parse().unwrap()],
            pushed_at: UtcDateTime::from_unix_timestamp(-age).unwrap(),
            media_type: None,
            artifact_media_type: None,
            status: ImageStatus::Active,
        };
        let (_, mut observed) = situation(&[0; 10]);
        observed.asked_by = reconciliations[0].asked_by;
        observed.candidate = reconciliations[0].candidate(&[image(age)], None);
        observed.compared = Some(vec![Compared {
            detail: image(other_age),
            ordered_at: UtcDateTime::UNIX_EPOCH,
        }]);
        reconciliations[0].remembers(&observed)
    };
    assert!(!remembers(&push("shop/web", "release-7"), 3600, 1800));
    // The newest push is found by its time, however late it got its tag.
    assert!(remembers(&push("shop/web", "release-7"), 3600, 7200));
    assert!(remembers(&push("shop/web", "release-7"), 2, 1));
    assert!(remembers(&push("shop/web", "latest"), 3600, 1800));
    assert!(remembers(&push("shop/api", "2.0.0"), 3600, 1800));
    let request = ask("admin", Wanted::Digest(digest("a")));
    assert!(!remembers(&request, 3600, 7200));
}

#[test]
fn what_is_no_container_image_is_no_candidate() {
    let config = Config::parse(CONFIG).unwrap();
    let Ok(Concerned::Reconciliations(reconciliations)) =
        concerned(&config, &StartEvent::Routine, &here())
    else {
        panic!("the hour concerns everybody");
    };
    let mut image = ImageDetail {
        digest: digest("a"),
        tags: vec!["latest".parse().unwrap()],
        pushed_at: UtcDateTime::UNIX_EPOCH,
        media_type: None,
        artifact_media_type: None,
        status: ImageStatus::Active,
    };
    assert!(
        reconciliations[0]
            .candidate(&[image.clone()], None)
            .is_some()
    );
    image.artifact_media_type = Some("application/vnd.cncf.helm.config.v1+json".to_owned());
    assert_eq!(reconciliations[0].candidate(&[image], None), None);
}

#[test]
fn the_hour_concerns_everybody_and_an_end_its_own_pipeline() {
    check(
        &StartEvent::Routine,
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

/// Each tag of a push has an event of its own, and a person asks by any of them: the image goes by its highest version, or
/// it would seem untried by that one when it has failed.
#[test]
fn an_image_goes_by_its_highest_version_however_it_is_found() {
    let config = Config::parse(CONFIG).unwrap();
    let tags = ["v2.0.1", "2.3.0", "3.0.0", "nightly"];
    let detail = ImageDetail {
        digest: digest("a"),
        tags: tags.map(|tag| tag.parse().unwrap()).into(),
        pushed_at: UtcDateTime::UNIX_EPOCH,
        media_type: None,
        artifact_media_type: None,
        status: ImageStatus::Active,
    };
    let by = |event: &StartEvent| {
        let Ok(Concerned::Reconciliations(reconciliations)) = concerned(&config, event, &here())
        else {
            panic!("nobody is concerned");
        };
        let candidate = reconciliations[0]
            .candidate(std::slice::from_ref(&detail), None)
            .unwrap();
        candidate.image.tag.unwrap().to_string()
    };
    assert_eq!(by(&push("shop/api", "v2.0.1")), "2.3.0");
    let asked = ask("api", Wanted::Tag("v2.0.1".parse().unwrap()));
    assert_eq!(by(&asked), "2.3.0");
    assert_eq!(by(&ask("api", Wanted::Digest(digest("a")))), "2.3.0");
    assert_eq!(by(&ask("api", Wanted::Due)), "2.3.0");
    // Outside the range there is no version to go by.
    let asked = ask("web", Wanted::Tag("v2.0.1".parse().unwrap()));
    assert_eq!(by(&asked), "v2.0.1");
}

#[test]
fn the_pipelines_of_a_service_are_reconciled_together() {
    let pipeline = |name: &str, service: &str| {
        format!(
            "[[pipeline]]\nname='{name}'\nrepository='shop/{name}'\ntag='latest'\ncluster='prod'\nservice='{service}'\n"
        )
    };
    let file = pipeline("web", "web") + &pipeline("api", "api") + &pipeline("nginx", "web");
    let config = Config::parse(&file).unwrap();
    let services = |event: &StartEvent| {
        let Ok(Concerned::Reconciliations(found)) = concerned(&config, event, &here()) else {
            panic!("{event:?}")
        };
        let services = by_service(&config, found).into_iter().map(|service| {
            let of = service.iter().map(|one| {
                let orders = if one.carries_an_order() { "!" } else { "" };
                let dry = if one.effect == Effect::DryRun {
                    " dry"
                } else {
                    ""
                };
                format!("{}{orders}{dry}", one.pipeline.name)
            });
            of.collect::<Vec<_>>().join(" ")
        });
        services.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(services(&push("shop/nginx", "latest")), "web nginx!");
    assert_eq!(services(&push("shop/api", "latest")), "api!");
    assert_eq!(services(&StartEvent::Routine), "web nginx, api");
    let ended = StartEvent::DeploymentEnded {
        application: "AppECS-prod-web".parse().unwrap(),
        deployment_group: "DgpECS-prod-web".parse().unwrap(),
    };
    assert_eq!(services(&ended), "web nginx");
    // What would go out with it is only reported, too.
    let asked = StartEvent::Asked(Request {
        pipeline: "nginx".parse().unwrap(),
        wanted: Wanted::Due,
        way: Way::Forward,
        force: Force::No,
        dry_run: true,
    });
    assert_eq!(services(&asked), "web dry nginx! dry");
}

/// The schedule would say the same every hour, and nobody waits for a deployment's end.
#[test]
fn only_what_carries_an_order_publishes_a_skip() {
    let mut published = BTreeSet::new();
    for choice in every_situation() {
        let (pipeline, observed) = situation(&choice);
        let Decision::Skip(skip) = start::decide(pipeline, &observed).unwrap() else {
            continue;
        };
        let because_of = |cause| Reconciliation {
            cause,
            ..routine(pipeline)
        };
        assert!(
            !because_of(Cause::Routine).publishes(&observed, &skip),
            "{skip:?}"
        );
        let dry = Reconciliation {
            effect: Effect::DryRun,
            ..because_of(Cause::Request)
        };
        assert!(!dry.publishes(&observed, &skip), "{skip:?}");
        let candidate = observed.candidate.as_ref();
        let this = candidate.map_or(digest("f"), |candidate| candidate.image.digest.clone());
        for (who, cause) in [
            ("request", Cause::Request),
            ("push", Cause::Push(this)),
            ("push of another image", Cause::Push(digest("e"))),
        ] {
            if because_of(cause).publishes(&observed, &skip) {
                published.insert(format!("{who}: {}", skip.code()));
            }
        }
    }
    let published: Vec<&str> = published.iter().map(String::as_str).collect();
    assert_eq!(
        published,
        [
            "push: older-than-running",
            "push: running-unknown",
            "push: waiting",
            "request: never-shipped",
            "request: no-matching-image",
            "request: older-than-running",
            "request: running-unknown",
            "request: waiting",
        ]
    );
}
