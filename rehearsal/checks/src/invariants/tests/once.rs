//! Invariant 2: two reconciliations that could not know of each other's deployment.

use record::{AwsCall, Invariant};

use super::*;

/// `d-again` is created so long after `d-a` was, and deployments are listed at these moments in between.
fn created_after(milliseconds: u64, listed_at: &'static [u64]) -> impl Fn(&mut Record) {
    let moment = |milliseconds| at(2) + Duration::from_millis(milliseconds);
    move |record| {
        record.deployments[0].status = "Stopped".to_owned();
        // Another invocation beside the one that is there.
        let beside = record.reconciliations[0].clone();
        record.reconciliations.push(beside);
        let again = deployment("d-again", "a", 2);
        record.deployments.push(Deployment {
            created_at: moment(milliseconds),
            ..again
        });
        record.aws_calls = listed_at
            .iter()
            .map(|listed| AwsCall {
                at: moment(*listed),
                function: Some("start-deployment".to_owned()),
                service: "codedeploy".to_owned(),
                operation: "ListDeployments".to_owned(),
                status: 200,
                error: None,
            })
            .collect();
    }
}

#[test]
fn a_deployment_that_nothing_could_know_of_excuses_the_next() {
    let is_deployed_twice = |milliseconds, listed_at, change: fn(&mut Record)| {
        let mut record = shipped("latest");
        created_after(milliseconds, listed_at)(&mut record);
        change(&mut record);
        let violations = crate::judge(&record);
        let found = violations.iter();
        found
            .map(|violation| violation.invariant)
            .any(|invariant| invariant == Invariant::NothingTwice)
    };
    assert!(!is_deployed_twice(6, &[], |_| ()));
    assert!(
        is_deployed_twice(6, &[3], |_| ()),
        "it was listed in between"
    );
    assert!(
        is_deployed_twice(200, &[], |_| ()),
        "there was time for a list"
    );
    let is_active = |record: &mut Record| record.deployments[0].status = "Succeeded".to_owned();
    assert!(
        is_deployed_twice(6, &[], is_active),
        "CodeDeploy would have refused it"
    );
    let is_alone = |record: &mut Record| drop(record.reconciliations.pop());
    assert!(
        is_deployed_twice(6, &[], is_alone),
        "it knew of its own deployment"
    );
}

#[test]
fn settings_that_others_registered_are_an_order_where_they_are_followed() {
    let is_deployed_twice = |change: fn(&mut Record)| {
        let mut record = shipped("latest");
        record.pipelines[0].follows_settings = true;
        record.revisions.push(Revision {
            by_greenlight: false,
            ..revision("web:3", "first", 20)
        });
        record.revisions.push(revision("web:4", "a", 30));
        record.deployments.push(Deployment {
            revision: "web:4".to_owned(),
            ..deployment("d-settings", "a", 30)
        });
        change(&mut record);
        let violations = crate::judge(&record);
        let mut found = violations.iter();
        found.any(|violation| violation.invariant == Invariant::NothingTwice)
    };
    assert!(!is_deployed_twice(|_| ()));
    assert!(is_deployed_twice(
        |record| record.pipelines[0].follows_settings = false
    ));
    assert!(is_deployed_twice(
        |record| record.revisions[1].by_greenlight = true
    ));
    assert!(is_deployed_twice(
        |record| record.revisions[1].family = "api".to_owned()
    ));
    assert!(
        is_deployed_twice(|record| record.revisions[1].registered_at = at(31)),
        "they were registered later"
    );
    assert!(
        is_deployed_twice(|record| {
            let again = Deployment {
                created_at: at(40),
                ..record.deployments[1].clone()
            };
            record.deployments.push(again);
        }),
        "they were deployed already"
    );
}

#[test]
fn a_version_that_the_image_was_given_while_its_deployment_was_decided_is_an_order() {
    // The first deployment is created at 4, by a reconciliation that began at 1.
    for (rule, digest, given_at, status, expected) in [
        ("semver:^1", "a", 3, "Failed", false),
        ("semver:^1", "a", 3, "Succeeded", true),
        ("semver:^1", "a", 0, "Failed", true),
        ("semver:^1", "first", 3, "Failed", true),
        ("latest", "a", 3, "Failed", true),
    ] {
        let mut record = shipped(rule);
        record.pushes.retain(|push| push.at < at(1));
        record.pushes.push(push("a", 0, "1.1.0"));
        record.pushes.push(push("a", 0, "latest"));
        record.pushes.push(push(digest, given_at, "1.2.0"));
        record.reconciliations = vec![reconciliation(1, 5, None)];
        record.deployments = vec![deployment("d-a", "a", 4), deployment("d-again", "a", 30)];
        record.deployments[0].status = status.to_owned();
        let violations = crate::judge(&record);
        let mut found = violations.iter();
        let is_deployed_twice =
            found.any(|violation| violation.invariant == Invariant::NothingTwice);
        assert_eq!(
            is_deployed_twice, expected,
            "{rule} {digest} {given_at} {status}"
        );
    }
}
