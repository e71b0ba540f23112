//! What the containers name, and what runs by that.

use super::*;
use crate::observed::ImageDetail;
use crate::start::Deployed;
use crate::start::tests::detail;

#[test]
fn the_running_digest_is_known_only_when_every_container_agrees() {
    let pinned = |digit: &str| format!("{REGISTRY}/shop/web@sha256:{}", digit.repeat(64));
    let image = |images: &[(&str, String)]| {
        let names: Vec<&str> = images.iter().map(|(name, _)| *name).collect();
        let pipeline = pipeline(&format!("{names:?}"));
        let matching = matching(&pipeline, &definition(images)).unwrap();
        match matching.image {
            RunningImage::Known(digest) => digest.to_string(),
            RunningImage::Mixed => "mixed".to_owned(),
            RunningImage::Unknown(why) => why,
        }
    };
    let a = format!("sha256:{}", "a".repeat(64));
    assert_eq!(image(&[("web", pinned("a"))]), a);
    assert_eq!(image(&[("web", pinned("a")), ("worker", pinned("a"))]), a);
    assert_eq!(
        image(&[("web", pinned("a")), ("worker", pinned("b"))]),
        "mixed"
    );
    let tagged = format!("{REGISTRY}/shop/web:latest");
    let why = format!("container `web` runs `{tagged}`, which pins no digest");
    assert_eq!(image(&[("web", tagged.clone())]), why);
    assert_eq!(image(&[("worker", pinned("a")), ("web", tagged)]), why);
}

/// What comes from elsewhere runs none of the pipeline's images, pinned or not: it gets the next one.
#[test]
fn a_container_with_an_image_from_elsewhere_does_not_run_the_pipelines() {
    let of = |reference: &str| format!("{REGISTRY}/shop/web{reference}");
    let pin = format!("@sha256:{}", "a".repeat(64));
    for elsewhere in [
        "nginx".to_owned(),
        "nginx:1.27".to_owned(),
        "docker.io/acme/web:1".to_owned(),
        "public.ecr.aws/nginx/nginx:1.27".to_owned(),
        "ghcr.io/shop/web:2.1.0".to_owned(),
        "localhost:5000/shop/web:1".to_owned(),
        format!("{REGISTRY}/shop/monolith:prod-9"),
        format!("{REGISTRY}/shop/web/admin:1"),
        "444455556666.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1".to_owned(),
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web:1".to_owned(),
        format!("docker.io/acme/web:1{pin}"),
        format!("{REGISTRY}/shop/monolith{pin}"),
    ] {
        let alone = definition(&[("web", elsewhere.clone())]);
        let matched = matching(&pipeline(r#"["web"]"#), &alone).unwrap();
        assert_eq!(matched.image, RunningImage::Mixed, "{elsewhere}");
        assert_eq!((matched.named.len(), matched.pins()), (0, None));
        for own in [of(":1"), of(&pin)] {
            let both = [("web", own.clone()), ("worker", elsewhere.clone())];
            let matched = matching(&pipeline(r#"["web", "worker"]"#), &definition(&both)).unwrap();
            assert_eq!(matched.image, RunningImage::Mixed, "{own} {elsewhere}");
            assert_eq!((matched.named.len(), matched.pins()), (1, None));
        }
        let tag = deployed(&pipeline(r#"["web"]"#), &alone, &matched, image().digest).tag;
        assert_eq!(tag, None, "{elsewhere}");
    }
}

/// An adopted service has no marks: the tag in its revision is what tells its version, where ECR does not.
#[test]
fn a_container_names_the_tag_of_what_it_runs() {
    let digest =
        |digit: &str| -> Digest { format!("sha256:{}", digit.repeat(64)).parse().unwrap() };
    let check = |references: &[String], runs: &Digest, expected: &str| {
        let names: Vec<String> = (0..references.len())
            .map(|place| format!("c{place}"))
            .collect();
        let images: Vec<(&str, String)> = names
            .iter()
            .map(String::as_str)
            .zip(references.iter().cloned())
            .collect();
        let definition = definition(&images);
        let text = format!(
            "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='semver:^2'\ncluster='prod'\nservice='web'\ncontainers={names:?}"
        );
        let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
        let matching = matching(&pipeline, &definition).unwrap();
        let deployed = deployed(&pipeline, &definition, &matching, runs.clone());
        let tag = deployed
            .tag
            .map_or_else(|| "none".to_owned(), |tag| tag.to_string());
        assert_eq!(tag, expected, "{references:?}");
        let at = UtcDateTime::from_unix_timestamp(21).ok();
        // ECR has no record of it, or one without a tag: that of one platform's manifest.
        for in_ecr in [None, Some(detail('a', 20))] {
            let in_ecr = in_ecr.map(|detail| ImageDetail {
                tags: vec![],
                ..detail
            });
            let running = Deployed {
                tag: tag.parse().ok(),
                at,
                ..deployed_as(runs)
            };
            let running = running.known(in_ecr).unwrap().detail;
            let mut lower = detail('b', 30);
            lower.tags = vec!["2.0.5".parse().unwrap()];
            assert_eq!(
                pipeline.tag.is_before(&lower, &running),
                expected == "2.1.0",
                "{references:?}"
            );
        }
    };
    let of = |reference: &str| format!("{REGISTRY}/shop/web{reference}");
    let (a, b) = (digest("a"), digest("b"));
    check(&[of(":2.1.0")], &a, "2.1.0");
    check(&[of(&format!(":2.1.0@{a}"))], &a, "2.1.0");
    check(
        &[of(&format!(":2.1.0@{a}")), of(&format!(":2.0.0@{b}"))],
        &a,
        "2.1.0",
    );
    check(
        &[of(&format!(":2.1.0@{a}")), of(&format!(":2.0.0@{b}"))],
        &b,
        "2.0.0",
    );
    check(&[of(":2.1.0"), of(":2")], &a, "2.1.0");
    check(&[of(":stable"), of(":2.1.0")], &a, "2.1.0");
    check(&[of(":2.1.0"), "nginx:2.9.0".to_owned()], &a, "2.1.0");
    check(&[of(&format!("@{a}"))], &a, "none");
    check(&[of(&format!(":2.1.0@{b}"))], &a, "none");
    check(&[of("")], &a, "none");
    check(&["nginx:2.9.0".to_owned()], &a, "none");
}

fn deployed_as(digest: &Digest) -> Deployed {
    Deployed {
        digest: digest.clone(),
        tag: None,
        at: None,
        ordered_at: None,
    }
}
