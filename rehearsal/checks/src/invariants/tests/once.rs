//! Invariant 2: two reconciliations that could not know of each other's deployment.

use record::{AwsCall, Invariant};

use super::*;

/// `d-again` is created so long after `d-a` was, and deployments are listed at these moments in between.
fn created_after(milliseconds: u64, listed_at: &'static [u64]) -> impl Fn(&mut Record) {
    let moment = |milliseconds| at(2) + Duration::from_millis(milliseconds);
    move |record| {
        record.deployments[0].status = "Stopped".to_owned();
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
    let is_deployed_twice = |milliseconds, listed_at| {
        let mut record = shipped("latest");
        created_after(milliseconds, listed_at)(&mut record);
        let violations = crate::judge(&record);
        let found = violations.iter();
        found
            .map(|violation| violation.invariant)
            .any(|invariant| invariant == Invariant::NothingTwice)
    };
    assert!(!is_deployed_twice(6, &[]));
    assert!(is_deployed_twice(6, &[3]), "it was listed in between");
    assert!(is_deployed_twice(200, &[]), "there was time for a list");
}
