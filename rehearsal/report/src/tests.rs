use proptest::prelude::*;

use super::page::page;
use super::sample;
use super::story::Story;

/// Attempts to break the page.
const HOSTILE: [&str; 10] = [
    "</pre><script>alert(1)</script>",
    "\" onload=\"alert(1)",
    "' style='background:url(//example.com)",
    "<!--",
    "]]>",
    "</style></svg></title>",
    "&lt;img src=x&gt;",
    "\u{0}\u{1b}[31m\u{202e}\u{2066}",
    "javascript:alert(1)",
    "`</code>`",
];

fn plain() -> Story {
    sample::story(&str::to_owned)
}

/// The tags of a page, without the values of their attributes.
fn skeleton(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    for piece in page.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap_or(piece);
        let outside_quotes: Vec<&str> = tag.split('"').step_by(2).collect();
        tags.push(outside_quotes.join("\""));
    }
    tags
}

/// Text of the same length and structure, but harmless.
fn harmless(text: &str) -> String {
    let harmless = |c: char| {
        if c.is_ascii_alphanumeric() || "`_\n \t.".contains(c) {
            c
        } else {
            'x'
        }
    };
    text.chars().map(harmless).collect()
}

#[track_caller]
fn check_that_it_stays_text(text: &str) {
    let hostile = |written: &str| format!("{written}{text}");
    let found = page(&sample::story(&hostile));
    let expected = page(&sample::story(&|written| {
        format!("{}{}", harmless(written), harmless(text))
    }));
    assert_eq!(skeleton(&found), skeleton(&expected), "{text:?}");
    let unseen = |c: char| c.is_control() && c != '\n' && c != '\t';
    assert!(!found.contains(unseen), "{text:?}");
}

#[test]
fn external_text_stays_text() {
    for text in HOSTILE {
        check_that_it_stays_text(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_text_stays_text(
        pieces in prop::collection::vec(
            prop_oneof![
                any::<char>().prop_map(String::from),
                prop::sample::select(&HOSTILE[..]).prop_map(str::to_owned),
                prop::sample::select(&["<", ">", "\"", "'", "&", "`", "\n", "{", "}"][..]).prop_map(str::to_owned),
            ],
            0..12,
        )
    ) {
        check_that_it_stays_text(&pieces.concat());
    }
}

#[test]
fn every_text_of_the_story_is_on_the_page() {
    let marked = |written: &str| format!("{written}¦");
    let page = page(&sample::story(&marked));
    for text in [
        "every function answered¦",
        "rollback-calls-hooks¦",
        "shop/web:latest¦",
        "checkout-errors is ALARM¦",
        "d-A3B52F3D8¦",
        "d-BEF319854¦",
        "it failed¦",
        "run-migration¦, then finish-migration¦ answers Succeeded¦",
        "an alarm went off¦",
        "</code> answered 500¦",
        "exit code 1: it ended¦",
        "sample-service migrate¦",
        "error: no such table¦",
        "Unreadable: no JSON¦",
        "AccessDeniedException¦",
        "shop-web: failed¦",
        "Pipeline  shop-web\nService   prod/web\n¦",
        "StartFailures¦",
        "{&quot;requestPayload&quot;: 1}¦",
        "shop/web@sha256:4c4c¦",
    ] {
        assert!(page.contains(text), "`{text}` is missing");
    }
}

#[test]
fn the_same_run_produces_the_same_page() {
    assert_eq!(page(&plain()), page(&plain()));
}

#[test]
fn nothing_is_loaded_or_run() {
    let page = page(&plain());
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
    assert!(
        page.contains("content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;;")
    );
    for tag in skeleton(&page) {
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        assert!(
            !["script", "link", "img", "iframe", "object"].contains(&name),
            "{tag}"
        );
        for attribute in [" src=", " href=", " style=", " on"] {
            assert!(!tag.contains(attribute), "{tag}");
        }
    }
    assert!(!page.contains("@import") && !page.contains("//example"));
}

#[test]
fn failures_are_marked_and_counted() {
    let page = page(&plain());
    assert!(page.contains("2 of 99 production requests failed."));
    assert!(page.contains("<dd class=\"bad\">2 failed</dd>"));
    assert!(page.contains("class=\"cross\""));
    assert!(page.contains("✗ not as expected"));
    // Failed expectations come before the timeline.
    assert!(page.find("id=\"expected\"") < page.find("id=\"timeline\""));
    assert!(page.contains("<strong>found: </strong>messages: <code>none</code>"));
}

#[test]
fn a_run_that_was_broken_off_has_no_verdicts() {
    let story = Story {
        claims: Vec::new(),
        broken_off: Some("`ship` did not finish within 600s".to_owned()),
        ..plain()
    };
    let page = page(&story);
    assert!(page.contains("■ broken off"));
    assert!(page.contains("<code>ship</code> did not finish within 600s"));
    assert!(!page.contains("as expected</span>"));
}

#[test]
fn an_empty_run_is_a_page_too() {
    let page = page(&Story::default());
    assert!(page.contains("Nothing was deployed; production received no requests."));
    assert!(page.contains("No message was sent."));
    assert!(page.contains("None: no event was given up."));
}
