use super::*;
use crate::config::Config;
use crate::events::{Origin, Request, StartEvent, Wanted, Way};
use crate::names::Digest;
use crate::reconcile::{Concerned, concerned};
use crate::start::Force;

const CONFIG: &str = "
    [[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'
    [[pipeline]]\nname='api'\nrepository='shop/api'\ntag='semver:^2'\ncluster='prod'\nservice='api'
";

fn digest(digit: &str) -> Digest {
    format!("sha256:{}", digit.repeat(64)).parse().unwrap()
}

#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn what_is_missing_is_named_with_what_is_there_instead() {
    let image = |tags: &[&str], pushed_at: i64| ImageDetail {
        digest: digest("a"),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        pushed_at: UtcDateTime::from_unix_timestamp(pushed_at).unwrap(),
        media_type: None,
        artifact_media_type: None,
        status: ImageStatus::Active,
    };
    let chart = ImageDetail {
        artifact_media_type: Some("application/vnd.cncf.helm.config.v1+json".to_owned()),
        ..image(&["2.1.0"], 1)
    };
    let archived = ImageDetail {
        status: ImageStatus::Archived,
        ..image(&["2.1.0"], 1)
    };
    let tags = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"];
    let many: Vec<ImageDetail> = (0..6)
        .map(|at: usize| image(&tags[at..=at], at as i64))
        .collect();
    let config = Config::parse(CONFIG).unwrap();
    let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes";
    let here = Origin::of(&serde_json::Value::Null, &topic.parse().unwrap());
    for (pipeline, wanted, found, expected) in [
        (
            "web",
            Wanted::Due,
            vec![],
            "`shop/web` has no image with the tag `latest`",
        ),
        (
            "web",
            Wanted::Tag("1.4.2".parse().unwrap()),
            vec![],
            "`shop/web` has no image with the tag `1.4.2`",
        ),
        (
            "web",
            Wanted::Digest(digest("b")),
            vec![],
            "`shop/web` has no image with the digest `sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb`",
        ),
        (
            "web",
            Wanted::Due,
            vec![chart.clone()],
            "`shop/web` has an artifact of the type `application/vnd.cncf.helm.config.v1+json` under the tag `latest`, expected a \
             container image",
        ),
        (
            "api",
            Wanted::Due,
            vec![],
            "no container image in `shop/api` matches `semver:^2`: no image there has a tag",
        ),
        (
            "api",
            Wanted::Due,
            vec![image(&["1.9.0"], 1)],
            "no container image in `shop/api` matches `semver:^2`: its one tag is `1.9.0`",
        ),
        (
            "api",
            Wanted::Due,
            vec![image(&["main"], 1), image(&["1.9.0"], 2)],
            "no container image in `shop/api` matches `semver:^2`: its tags are `1.9.0`, `main`",
        ),
        (
            "api",
            Wanted::Due,
            many,
            "no container image in `shop/api` matches `semver:^2`: of its 6 tags the newest are `1.5.0`, `1.4.0`, `1.3.0`, `1.2.0`, \
             `1.1.0`",
        ),
        (
            "api",
            Wanted::Due,
            vec![chart],
            "no container image in `shop/api` matches `semver:^2`: `2.1.0` does, and is an artifact of the type \
             `application/vnd.cncf.helm.config.v1+json`",
        ),
        (
            "api",
            Wanted::Due,
            vec![archived],
            "no container image in `shop/api` matches `semver:^2`: `2.1.0` does, and is in ECR's archive",
        ),
    ] {
        let asked = StartEvent::Asked(Request {
            pipeline: pipeline.parse().unwrap(),
            wanted,
            force: Force::No,
            way: Way::Forward,
            dry_run: false,
        });
        let Ok(Concerned::Reconciliations(reconciliations)) = concerned(&config, &asked, &here)
        else {
            panic!("{pipeline} is a pipeline");
        };
        assert_eq!(
            reconciliations[0].candidate(&found, None),
            None,
            "{expected}"
        );
        assert_eq!(reconciliations[0].missing(&found), expected);
    }
}
