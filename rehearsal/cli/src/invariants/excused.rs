//! Scenarios in which AWS itself is made to break an invariant, each with the reason.

use super::Invariant;

/// Why an invariant need not hold in a scenario.
pub(crate) fn excused(scenario: &str, invariant: Invariant) -> Option<&'static str> {
    const SILENT: &str = "AWS refuses every answer to a hook, by a permission that was taken away";
    match (scenario, invariant) {
        ("hook-never-answers" | "denied-answer" | "denied-schedule", Invariant::HooksAnswered) => {
            Some(SILENT)
        }
        ("nothing-wanted", Invariant::ProductionAnswers) => {
            Some("nobody wants a task that could answer")
        }
        _ => None,
    }
}
