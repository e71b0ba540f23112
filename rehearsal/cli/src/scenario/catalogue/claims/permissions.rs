//! Claims of scenarios in which a permission is missing.

use super::named::Named;
use crate::scenario::claims::{expect, list};
use record::Message;

/// Each with its sentence; the check returns the finding if the claim does not hold.
pub(super) const CLAIMS: &[Named] = &[
    (
        "a message asks people to check after the rollback",
        |record| {
            let about = |message: &&Message| message.body.contains("the rollback of deployment");
            let told = record.messages.iter().find(about);
            let told = told.ok_or("there was no such message")?;
            expect(told.body.contains("check now"), || told.body.clone())
        },
    ),
    ("no migration was started", |record| {
        expect(record.tasks.is_empty(), || {
            format!("{:?}", record.tasks.len())
        })
    }),
    ("a synchronous hook call leaves no dead letter", |record| {
        let letters = record.dead_letters.iter();
        let letters: Vec<String> = letters.map(|letter| letter.message.to_string()).collect();
        expect(letters.is_empty(), || list(&letters))
    }),
];
