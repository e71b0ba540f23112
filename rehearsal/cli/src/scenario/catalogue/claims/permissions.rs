//! Claims of scenarios in which a permission is missing.

use super::Named;
use crate::scenario::claims::{expect, list};
use record::Message;

/// By its sentence, what is found where it does not hold.
pub(super) const CLAIMS: &[Named] = &[
    ("people are told to look after the rollback", |record| {
        let about = |message: &&Message| message.body.contains("the rollback of deployment");
        let told = record.messages.iter().find(about);
        let told = told.ok_or("nobody was told of it")?;
        expect(told.body.contains("check now"), || told.body.clone())
    }),
    ("no migration was started", |record| {
        expect(record.tasks.is_empty(), || {
            format!("{:?}", record.tasks.len())
        })
    }),
    (
        "no letter is kept of a call that waits for its answer",
        |record| {
            let letters = record.dead_letters.iter();
            let letters: Vec<String> = letters.map(|letter| letter.message.to_string()).collect();
            expect(letters.is_empty(), || list(&letters))
        },
    ),
];
