//! Claims of scenarios in which 1.1.0 is broken.

use super::named::Named;
use crate::scenario::claims::expect;
use crate::scenario::setting::{BLUE, GREEN};
use record::Message;

/// The secrets in the environment of the shop's containers, and those that the sample service invents.
const SECRET: [&str; 2] = ["planted-", "made-up-"];

/// Each with its sentence; the check returns the finding if the claim does not hold.
pub(super) const CLAIMS: &[Named] = &[
    (
        "1.1.0 received requests through the test listener",
        |record| {
            let asked = record
                .test_listener
                .versions
                .get(GREEN)
                .copied()
                .unwrap_or(0);
            expect(asked > 0, || format!("{:?}", record.test_listener.versions))
        },
    ),
    ("no message contains a secret", |record| {
        let mut messages = record.messages.iter();
        let tells = |message: &&Message| SECRET.iter().any(|mark| message.body.contains(mark));
        let told = messages.find(tells);
        expect(told.is_none(), || {
            told.map(|message| message.body.clone()).unwrap_or_default()
        })
    }),
    ("every answer to the check was 1.1.0's", |record| {
        let versions = &record.test_listener.versions;
        expect(versions.keys().eq([GREEN]), || format!("{versions:?}"))
    }),
    ("1.0.0 received no requests in place of 1.1.0", |record| {
        let versions = &record.test_listener.versions;
        expect(!versions.contains_key(BLUE), || format!("{versions:?}"))
    }),
];
