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
