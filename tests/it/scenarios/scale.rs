//! A burst at scale, small: more services than the bucket of RegisterTaskDefinition has tokens at once, and more pushes
//! than there is time to look at each.

use serde_json::Value;

use super::run;

const SERVICES: u64 = 24;

#[test]
fn every_service_ends_on_the_newest_of_many_pushes() {
    let services = SERVICES.to_string();
    let size = ["--services", &services, "--pushes", "60", "--within", "10"];
    let output = run::rehearse_large(&[&["scale", "--json"], &size[..]].concat());
    let (said, complaint) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let told: Value = serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("not one JSON object: {error}\n{said}\n{complaint}"));
    assert_eq!(
        told["as_expected"], true,
        "{:#}\n{complaint}",
        told["problems"]
    );
    assert!(output.status.success(), "{complaint}");
    let number = |pointer: &str| {
        let found = told.pointer(pointer).and_then(Value::as_u64);
        found.unwrap_or_else(|| panic!("`{pointer}` is no number in {told:#}"))
    };
    let deployments = number("/figures/deployments");
    assert!(
        (SERVICES..=2 * SERVICES).contains(&deployments),
        "{deployments} deployments of {SERVICES} services"
    );
    // Reconciliations of the same moment may register one each; how many are too many `as_expected` has judged.
    assert!(number("/figures/revisions") >= deployments);
    assert!(number("/figures/production_requests") > 0);
    assert!(
        number("/figures/invocations/without_a_look") > 0,
        "every push is looked at: {told:#}"
    );
}
