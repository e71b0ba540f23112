//! It is not known whether UpdateService arrived.

use serde_json::json;

use super::super::wire::Answer::Refuses;
use super::{WAITS, calls, done, look, native, world};

#[test]
fn update_service_answered_unclearly_is_repeated_with_the_same_revision() {
    let event = json!({"look": {"cluster": "prod", "service": "web"}});
    let (invocation, _) = look(WAITS, &event, "deploy", world(), |operation, before, _| {
        let is_lost = operation == "UpdateService" && before == 0;
        is_lost.then_some(Refuses("ServerException"))
    });
    assert!(
        done(&invocation).starts_with("start web:3 web:3"),
        "{}",
        done(&invocation)
    );
    assert_eq!(calls(&invocation, "RegisterTaskDefinition"), 1);
}

/// Its answer is lost, and until it is asked again what it began may be over: the same revision would begin another deployment.
#[test]
fn update_service_that_arrived_is_not_repeated() {
    let event = json!({"look": {"cluster": "prod", "service": "web"}});
    for (status, wanted, expected) in [
        ("IN_PROGRESS", 3, "already-in-progress web:3"),
        ("ROLLBACK_SUCCESSFUL", 2, "failed-before web:3"),
    ] {
        let (invocation, _) = look(
            WAITS,
            &event,
            "deploy",
            native(),
            move |operation, before, world| {
                let is_lost = operation == "UpdateService" && before == 0;
                is_lost.then(|| {
                    let begun = ("begun", status, 3, 10.0, json!({}));
                    world.deployments.insert(0, begun);
                    world.wanted = wanted;
                    Refuses("ServerException")
                })
            },
        );
        assert_eq!(done(&invocation), expected, "{}", invocation.answer);
        assert_eq!(calls(&invocation, "RegisterTaskDefinition"), 1);
    }
}
