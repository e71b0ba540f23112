use super::*;
use proptest::prelude::*;

use crate::codedeploy::tests::{described, pipelines};

const DIGEST: &str = "sha256:4c9a7f3f5a0f3e2f9f6f1f9f4f0a8d6a1c6b0f0f1e2d3c4b5a69788796a5b4c3";

#[track_caller]
fn check(rest: &str, expected: &str) {
    let deployment = described(&format!("greenlight {DIGEST}{rest}"));
    let pipeline = &pipelines(&["shop/web"])[0];
    let found = order(pipeline, &deployment).unwrap();
    assert_eq!(found.digest.as_str(), DIGEST);
    let at = found.ordered_at.map_or("no time".to_owned(), moment);
    let image = found.image(&"shop/web".parse().unwrap());
    let tag = image.tag.map_or("no tag".to_owned(), |tag| tag.to_string());
    assert_eq!(format!("{}, {tag}, {at}", image.repository), expected);
}

#[test]
fn a_description_is_read_as_it_is_written_today_and_as_it_was() {
    check(
        " 2026-10-14T09:21:47Z 1.4.2",
        "shop/web, 1.4.2, 2026-10-14T09:21:47Z",
    );
    check(
        " 2026-10-14T09:21:47.5Z",
        "shop/web, no tag, 2026-10-14T09:21:47.5Z",
    );
    check(" shop/api:1.4.2", "shop/api, 1.4.2, no time");
    check(" shop/api", "shop/api, no tag, no time");
    check("", "shop/web, no tag, no time");
    // Cut by an older version: the tag may be only the beginning of one.
    let tag = "x".repeat(128);
    let cut = format!(" {}:{tag}", "a".repeat(256 - 11 - 71 - 2 - 128));
    assert_eq!(format!("greenlight {DIGEST}{cut}").len(), 256);
    let repository = "a".repeat(256 - 11 - 71 - 2 - 128);
    check(&cut, &format!("{repository}, no tag, no time"));
}

#[test]
fn what_somebody_else_wrote_is_no_order() {
    for text in [
        "",
        "greenlight",
        "greenlight sha256:1",
        "shop/web 1.4.2",
        "Greenlight ",
    ] {
        let pipeline = &pipelines(&["shop/web"])[0];
        assert_eq!(order(pipeline, &described(text)), None, "{text}");
    }
}

fn image(repository: &str, digit: char, tag: Option<&str>) -> Image {
    Image {
        repository: repository.parse().unwrap(),
        digest: format!("sha256:{}", digit.to_string().repeat(64))
            .parse()
            .unwrap(),
        tag: tag.map(|tag| tag.parse().unwrap()),
    }
}

fn at(nanoseconds: i128) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp_nanos(1_791_970_682_000_000_000 + nanoseconds).unwrap()
}

/// The description of these images, each for its pipeline.
fn described_as(pipelines: &[Pipeline], images: &[Image], ordered_at: UtcDateTime) -> String {
    bringing(pipelines, images, ordered_at, None)
}

/// The same where they bring settings, too.
fn bringing(
    pipelines: &[Pipeline],
    images: &[Image],
    ordered_at: UtcDateTime,
    brings: Option<Brings>,
) -> String {
    let ordered = pipelines
        .iter()
        .zip(images)
        .map(|(pipeline, image)| Ordered {
            image,
            ordered_at,
            mark: (!pipeline.is_alone).then_some(&pipeline.mark),
        });
    description(&ordered.collect::<Vec<_>>(), brings)
}

#[test]
fn the_longest_description_of_one_image_is_not_cut() {
    for repositories in [&["shop/web"][..], &["shop/web", "shop/nginx"]] {
        let pipelines = pipelines(repositories);
        let image = image("shop/web", '4', Some(&"t".repeat(128)));
        let text = described_as(
            &pipelines[..1],
            std::slice::from_ref(&image),
            at(117_999_999),
        );
        assert!(text.len() <= CHARACTERS_AT_MOST, "{}", text.len());
        let found = order(&pipelines[0], &described(&text)).unwrap();
        assert_eq!(
            (found.ordered_at, found.tag),
            (Some(at(117_999_999)), image.tag)
        );
    }
}

/// The same, of an image that brings settings, too.
#[track_caller]
fn check_brings(image: &Image, ordered_at: UtcDateTime, brings: Option<Brings>) -> Order {
    let ordered = Ordered {
        image,
        ordered_at,
        mark: None,
    };
    let text = description(&[ordered], brings);
    assert!(text.len() <= CHARACTERS_AT_MOST, "{}", text.len());
    let found = order(&pipelines(&["shop/web"])[0], &described(&text)).unwrap();
    assert_eq!(
        (found.ordered_at, &found.tag),
        (Some(ordered_at), &image.tag)
    );
    found
}

#[test]
fn settings_never_take_an_images_tag_away() {
    let image = image("shop/web", '4', Some(&"t".repeat(128)));
    for due in [Due::Image, Due::Settings] {
        let template = u32::MAX;
        let brings = Some(Brings { template, due });
        let found = check_brings(&image, at(117_999_999), brings);
        assert_eq!(found.brings.map(|brings| brings.template), Some(template));
    }
}

#[test]
fn a_description_says_whose_settings_a_deployment_brings() {
    for tag in [None, Some("settings"), Some("1.4.2")] {
        for due in [Due::Image, Due::Settings] {
            let brings = Some(Brings { template: 5, due });
            let found = check_brings(&image("shop/web", '4', tag), at(0), brings);
            assert_eq!(found.brings, brings, "{tag:?}");
        }
    }
    for text in ["1.4.2 :", "1.4.2 :x", "1.4.2 template:5", "1.4.2 5", ": :5"] {
        let text = format!("greenlight {DIGEST} 2026-10-14T09:21:47Z {text}");
        let expected = text.ends_with(": :5").then_some(5);
        let found = brings(&described(&text)).map(|brings| brings.template);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_services_only_pipeline_writes_no_mark_and_two_write_theirs() {
    let images = [
        image("shop/web", '1', Some("1.4.2")),
        image("shop/nginx", '2', None),
    ];
    let one = described_as(&pipelines(&["shop/web"]), &images[..1], at(0));
    let (web, nginx) = (&images[0].digest, &images[1].digest);
    assert_eq!(one, format!("greenlight {web} 2026-10-14T09:38:02Z 1.4.2"));
    let two = described_as(&pipelines(&["shop/web", "shop/nginx"]), &images, at(0));
    assert_eq!(
        two,
        format!(
            "greenlight 12ec5c6c={web} 2026-10-14T09:38:02Z 1.4.2 e71b9922={nginx} 2026-10-14T09:38:02Z"
        )
    );
}

#[test]
fn three_images_are_written_short_with_their_times_and_tags() {
    let pipelines = pipelines(&["shop/web", "shop/nginx", "shop/log"]);
    let tag = Some("latest");
    let images = [
        image("shop/web", '1', tag),
        image("shop/nginx", '2', tag),
        image("shop/log", 'f', Some("1.4.2")),
    ];
    let brings = Some(Brings {
        template: 17,
        due: Due::Image,
    });
    let text = bringing(&pipelines, &images, at(0), brings);
    insta::assert_snapshot!(text, @"greenlight 12ec5c6c=ERERERERERERERERERERERERERERERERERERERERERE @1a139c6a490 latest e71b9922=IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI @1a139c6a490 latest a2de8f08=__________________________________________8 @1a139c6a490 1.4.2 :17");
    let deployment = described(&text);
    for (pipeline, image) in pipelines.iter().zip(&images) {
        let found = order(pipeline, &deployment).unwrap();
        let expected = (&image.digest, &image.tag, Some(at(0)), brings);
        assert_eq!(
            (&found.digest, &found.tag, found.ordered_at, found.brings),
            expected
        );
    }
    // As it was written before: digests alone.
    let marks = pipelines.iter().zip(&images);
    let marks: Vec<String> = marks
        .map(|(pipeline, image)| format!("{}={}", pipeline.mark, image.digest))
        .collect();
    let deployment = described(&format!("greenlight {}", marks.join(" ")));
    for (pipeline, image) in pipelines.iter().zip(&images) {
        let found = order(pipeline, &deployment).unwrap();
        assert_eq!((&found.digest, found.ordered_at), (&image.digest, None));
    }
}

/// What each pipeline reads from a deployment: its image's first hex digit with its tag, `beside` how many of others.
#[track_caller]
fn check_read(pipelines: &[Pipeline], text: &str, expected: &[&str]) {
    let deployment = described(text);
    for (pipeline, expected) in pipelines.iter().zip(expected) {
        let ours = order(pipeline, &deployment).map_or("none".to_owned(), |order| {
            let tag = order.tag.map_or("-".to_owned(), |tag| tag.to_string());
            format!("{} {tag}", &order.digest.as_str()[7..8])
        });
        let is_told = match shipped_image(pipeline, &deployment) {
            Some(_) => "told",
            None => "not told",
        };
        let beside = beside(pipeline, &deployment).len();
        assert_eq!(
            format!("{ours}, beside {beside}, {is_told}"),
            *expected,
            "{text}"
        );
    }
}

#[test]
fn each_pipeline_finds_its_own_image() {
    let alone = pipelines(&["shop/web"]);
    let both = pipelines(&["shop/web", "shop/nginx"]);
    let (web, nginx) = (
        image("shop/web", '1', Some("a")),
        image("shop/nginx", '2', Some("b")),
    );
    let joint = described_as(&both, &[web.clone(), nginx.clone()], at(0));
    check_read(
        &both,
        &joint,
        &["1 a, beside 1, told", "2 b, beside 1, told"],
    );
    let nginx_alone = described_as(&both[1..], &[nginx], at(0));
    check_read(
        &both,
        &nginx_alone,
        &["none, beside 1, not told", "2 b, beside 0, told"],
    );
    // Before there was a second pipeline: only the digest can show whose it is.
    let unmarked = described_as(&alone, &[web], at(0));
    check_read(&alone, &unmarked, &["1 a, beside 0, told"]);
    check_read(
        &both,
        &unmarked,
        &["1 -, beside 0, not told", "1 -, beside 0, not told"],
    );
    // And after the second one was taken away.
    check_read(&alone, &joint, &["1 a, beside 1, told"]);
    check_read(&alone, &nginx_alone, &["none, beside 1, not told"]);
}

proptest! {
    #[test]
    fn no_digest_is_lost_and_no_description_is_too_long(
        tags in proptest::collection::vec(proptest::option::of("[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"), 1..=IMAGES_AT_MOST),
        nanoseconds in 0_i128..10_000_000_000,
        template in proptest::option::of(0_u32..=99_999),
    ) {
        let brings = template.map(|template| Brings { template, due: Due::Image });
        let pipelines = pipelines(&["shop/web", "shop/nginx", "shop/log"]);
        let images: Vec<Image> = tags.iter().zip("123".chars())
            .map(|(tag, digit)| image("shop/web", digit, tag.as_deref())).collect();
        let text = bringing(&pipelines, &images, at(nanoseconds), brings);
        prop_assert!(text.len() <= CHARACTERS_AT_MOST, "{}", text.len());
        let deployment = described(&text);
        for (pipeline, image) in pipelines.iter().zip(&images) {
            let found = order(pipeline, &deployment).unwrap();
            prop_assert_eq!(&found.digest, &image.digest);
            prop_assert!(found.tag.is_none() || found.tag == image.tag);
            // By the times a stop for one of the images is recognised. AWS states them in milliseconds.
            let milliseconds = at(nanoseconds - nanoseconds % 1_000_000);
            prop_assert!([Some(milliseconds), Some(at(nanoseconds))].contains(&found.ordered_at));
            // Short tags are kept, too.
            let is_short = tags.iter().flatten().all(|tag| tag.len() <= 11);
            prop_assert!(!is_short || found.tag == image.tag, "{text}");
            prop_assert_eq!(found.brings, brings);
        }
        for pipeline in &pipelines[images.len()..] {
            prop_assert_eq!(order(pipeline, &deployment), None);
        }
    }
}
