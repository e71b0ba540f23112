//! What the containers name, and what runs by that.

use super::*;

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
        assert_eq!(matched.named, []);
        for own in [of(":1"), of(&pin)] {
            let both = [("web", own.clone()), ("worker", elsewhere.clone())];
            let matched = matching(&pipeline(r#"["web", "worker"]"#), &definition(&both)).unwrap();
            assert_eq!(matched.image, RunningImage::Mixed, "{own} {elsewhere}");
            assert_eq!(matched.named.len(), 1);
        }
    }
}
