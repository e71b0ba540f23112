//! Which revision that was registered before is used again.

use super::*;

#[test]
fn a_revision_for_a_rollback_is_never_used_again_for_a_forward_order() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let made = |way| {
        let marks = Marks { way, ..marks() };
        next(&definition, &matching, &image(), &host(), &marks).unwrap()
    };
    let registered = |request: &Value| TaskDefinition {
        task_definition: request.clone(),
        tags: request["tags"].clone(),
    };
    for (one, other, expected) in [
        (Way::Forward, Way::Forward, true),
        (Way::Back, Way::Back, true),
        (Way::Back, Way::Forward, false),
        (Way::Forward, Way::Back, false),
    ] {
        let is_same = is_same(&registered(&made(one)), &made(other));
        assert_eq!(is_same, expected, "{one:?} {other:?}");
    }
    assert!(is_for_rollback(&registered(&made(Way::Back))));
    assert!(!is_for_rollback(&registered(&made(Way::Forward))));
}

#[test]
fn a_revision_is_used_again_for_its_own_service_only() {
    let definition = full();
    let matching = matching(&pipeline("[]"), &definition).unwrap();
    let request = next(&definition, &matching, &image(), &host(), &marks()).unwrap();
    let registered = TaskDefinition {
        task_definition: request.clone(),
        tags: request["tags"].clone(),
    };
    assert!(is_of_same_service(&registered, &request));
    assert!(!is_of_same_service(&definition, &request));
    let other = Marks {
        service: "prod/other".to_owned(),
        ..marks()
    };
    let other = next(&definition, &matching, &image(), &host(), &other).unwrap();
    assert!(!is_of_same_service(&registered, &other));
}
