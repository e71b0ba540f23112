//! A service of which nobody wants a task: there is nothing to check, and that is what people are told.

use record::Invariant;

use crate::scenario::setting::GREEN;
use crate::scenario::step::push;
use crate::scenario::{Expectation, Scenario, Step, claims};

pub(super) fn scenario() -> Scenario {
    let mut expectations = claims::started(1);
    expectations.extend(claims::all_succeeded());
    expectations.extend(claims::messages(&["started", "shipped"]));
    expectations.extend(claims::message_says(
        "shipped",
        &["nothing was checked: the service's desired count is 0"],
    ));
    expectations.push(Expectation::new("nobody says that it runs", |record| {
        let says = record
            .messages
            .iter()
            .find(|message| message.body.contains(" runs "));
        claims::expect(says.is_none(), || {
            says.map(|message| message.body.clone()).unwrap_or_default()
        })
    }));
    Scenario::of_shop(
        "nothing-wanted",
        "the service's desired count is 0: it ships, and nothing is checked",
        vec![Step::Desire(0), push(GREEN), Step::Settle],
        expectations,
    )
    .excused_from(
        Invariant::ProductionAnswers,
        "nobody wants a task that could answer",
    )
}
