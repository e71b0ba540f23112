//! Steps are read as they are written.

use super::*;

#[test]
fn what_is_done_to_a_service_of_ecs_is_read_as_it_is_written() {
    for line in [
        "push 1.1.0 which takes:20",
        "push 1.1.0 which fails-migration,tells-secrets,takes:3",
        "stop web, roll back",
        "deploy MODE=fast to web",
        "force a deployment of web",
        "continue the pause of web",
        "roll back the pause of web",
        "put the production rule of web back",
        "set the bake time of web to 10 minutes",
        "try to stop web, leave everything",
        "try to deploy MODE=fast to web",
        "move web to ECS linear",
        "move web to ECS blue-green, run-migration at PRE_SCALE_UP, check-test-traffic at POST_TEST_TRAFFIC_SHIFT",
        "until web is in a pause",
        "until web has PRE_SCALE_UP InProgress",
        "until any service has a deployment ROLLBACK_SUCCESSFUL",
    ] {
        let step: Step = line.parse().unwrap();
        assert_eq!(step.to_string(), line);
    }
    for line in [
        "push 1.1.0 which takes:long",
        "set the bake time of web to long minutes",
        "try to push 1.1.0",
        "try to settle",
        "deploy MODE to web",
        "force a deployment of",
        "continue the pause",
        "move web to ECS rolling",
        "move web to ECS canary, run-migration at SCALE_UP",
        "until web has PRE_SCALE_UP SUCCESSFULLY",
    ] {
        assert!(line.parse::<Step>().is_err(), "{line}");
    }
}
