//! The migration fails: production must not notice, and what it prints is quoted without its secrets.

use local_aws::ecr::ImageSettings;
use record::Message;

use crate::scenario::claims::expect;
use crate::scenario::setting::{GREEN, Setting};
use crate::scenario::{Expectation, MessageFormat, Scenario, Step, claims};

pub(super) fn scenario() -> Scenario {
    let image = ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("fails-migration");
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::messages(&[
        "started",
        "migration-failed",
        "failed",
        "rolled-back",
    ]));
    expectations.extend(claims::message_says(
        "migration-failed",
        &["code 1", "no such table: order_history"],
    ));
    Scenario {
        name: "failed-migration",
        summary: "the migration of 1.1.0 exits with 1",
        pipelines: Scenario::own_pipelines("failed-migration"),
        message_format: MessageFormat::Text,
        setting: Setting::shop(),
        steps: vec![Step::Push(Box::new(image)), Step::Settle],
        expectations,
        excuses: Vec::new(),
    }
}

/// What is secret in the environment of the shop's containers, and what the sample service makes up beside.
const SECRET: [&str; 2] = ["planted-", "made-up-"];

pub(super) fn careless() -> Scenario {
    let image = ImageSettings::new("shop/web", &["latest"], GREEN)
        .misbehaving("tells-secrets,fails-migration");
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::message_says(
        "migration-failed",
        &[
            "PASSWORD=…",
            "postgres://shop:…@db.internal/shop",
            "no such table: order_history",
        ],
    ));
    expectations.push(Expectation::new("nobody is told a secret", |record| {
        let mut messages = record.messages.iter();
        let tells = |message: &&Message| SECRET.iter().any(|mark| message.body.contains(mark));
        let told = messages.find(tells);
        expect(told.is_none(), || {
            told.map(|message| message.body.clone()).unwrap_or_default()
        })
    }));
    Scenario {
        name: "careless-migration",
        summary: "a migration prints its environment and fails: people read its log without the secrets",
        setting: Setting::shop(),
        steps: vec![Step::Push(Box::new(image)), Step::Settle],
        expectations,
        ..scenario()
    }
}
