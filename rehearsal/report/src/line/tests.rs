//! The lines of entries.

use super::*;

fn check(event: &timeline::Event, expected: &str) {
    let line = Line::of(Duration::from_secs(3723), event).map(|line| line.render(Colours::Off));
    assert_eq!(line.as_deref().unwrap_or(""), expected);
}

#[test]
fn entries_read_as_sentences() {
    let digest = format!("sha256:{}", "4c".repeat(32));
    check(
        &timeline::Event::ImagePushed {
            repository: "shop/web".to_owned(),
            digest: digest.clone(),
            tag: Some("latest".to_owned()),
        },
        "01:02:03  push                    shop/web:latest (sha256:4c4c4c4c4c4c)",
    );
    let image = format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web@{digest}");
    check(
        &timeline::Event::RevisionRegistered {
            arn: "arn:aws:ecs:eu-central-1:111122223333:task-definition/shop-web:2".to_owned(),
            images: vec![
                ("web".to_owned(), image),
                ("proxy".to_owned(), "nginx:1".to_owned()),
            ],
        },
        "01:02:03  revision                shop-web:2: web = shop/web@sha256:4c4c4c4c4c4c, proxy = nginx:1",
    );
    let weight = |task_set, version: &str, percent| Weight {
        task_set,
        version: Some(version.to_owned()),
        percent,
    };
    check(
        &timeline::Event::Weights {
            cluster: "prod".to_owned(),
            service: "web".to_owned(),
            listener: ListenerKind::Production,
            weights: vec![weight("Blue", "1.0.0", 90), weight("Green", "1.1.0", 10)],
        },
        "01:02:03  production              `web` goes to blue (1.0.0) 90 %, green (1.1.0) 10 %",
    );
    check(
        &timeline::Event::MessagePublished {
            topic: String::new(),
            subject: Some("shop-web: shipped".to_owned()),
            body: "Pipeline   shop-web\nOutcome    shipped\n".to_owned(),
        },
        "01:02:03  message                 shop-web: shipped\n\
         \x20                                   Pipeline   shop-web\n\
         \x20                                   Outcome    shipped",
    );
    check(
        &timeline::Event::LifecycleEvent {
            deployment: String::new(),
            name: "Install",
            status: "InProgress",
            message: None,
        },
        "",
    );
}

#[test]
fn answers_are_counted_since_the_last_line() {
    let seen = |blue, green, failed| Seen {
        failed,
        versions: [("1.0.0".to_owned(), blue), ("1.1.0".to_owned(), green)].into(),
        ..Seen::default()
    };
    let line = served(Duration::ZERO, &seen(100, 10, 0), &seen(40, 0, 0));
    assert_eq!(line.text, "answers: 60 by 1.0.0, 10 by 1.1.0; none failed");
    let line = served(Duration::ZERO, &seen(100, 13, 2), &seen(100, 10, 0));
    assert_eq!(
        (line.text.as_str(), line.tone),
        ("answers: 3 by 1.1.0; 2 failed", Tone::Bad)
    );
}

#[test]
fn colours_can_be_switched_off() {
    assert_eq!(Colours::Off.paint(Tone::Bad, "failed"), "failed");
    assert_eq!(
        Colours::On.paint(Tone::Bad, "failed"),
        "\u{1b}[31mfailed\u{1b}[0m"
    );
}
