use super::*;

fn read(given: &Value) -> Result<DeploymentConfiguration, String> {
    DeploymentConfiguration::read(given.as_object().unwrap())
}

#[test]
fn limits_and_defaults_are_awss() {
    let breaker = |more: Value| json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true, "thresholdConfiguration": more } });
    for (given, expected) in [
        (json!({}), ""),
        (
            json!({ "strategy": "ROLLED" }),
            "strategy must be one of ROLLING, BLUE_GREEN, LINEAR, CANARY.",
        ),
        (
            json!({ "strategy": "BLUE_GREEN" }),
            "bakeTimeInMinutes is required for the BLUE_GREEN strategy.",
        ),
        (
            json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441 }),
            "bakeTimeInMinutes must be between 0 and 1440.",
        ),
        (
            json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "canaryConfiguration": {} }),
            "canaryConfiguration is only supported for the CANARY strategy.",
        ),
        (
            json!({ "strategy": "CANARY", "canaryConfiguration": { "canaryPercent": 0.05 } }),
            "canaryPercent must be between 0.1 and 100.0, in steps of 0.1.",
        ),
        (
            json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 2.9 } }),
            "stepPercent must be between 3.0 and 100.0, in steps of 0.1.",
        ),
        (
            json!({ "maximumPercent": 100, "minimumHealthyPercent": 100 }),
            "maximumPercent must be greater than minimumHealthyPercent.",
        ),
        (
            json!({ "alarms": { "enable": true, "rollback": true } }),
            "alarmNames can not be blank.",
        ),
        (
            json!({ "deploymentCircuitBreaker": { "enable": true } }),
            "rollback can not be blank.",
        ),
        (
            breaker(json!({ "value": 101 })),
            "value must be between 1 and 100.",
        ),
        (breaker(json!({ "type": "COUNT", "value": 101 })), ""),
        (
            breaker(json!({ "type": "SHARE" })),
            "thresholdConfiguration.type must be one of BOUNDED_PERCENT, UNBOUNDED_PERCENT, COUNT.",
        ),
        (
            json!({ "earlySuccessCriteria": { "enable": true, "healthyPercent": 99 } }),
            "healthyPercent must be greater than or equal to minimumHealthyPercent.",
        ),
        (
            json!({ "strategy": "CANARY", "earlySuccessCriteria": { "enable": true } }),
            "earlySuccessCriteria is only supported for the ROLLING strategy.",
        ),
        (
            json!({ "lifecycleHooks": 1 }),
            "lifecycleHooks must be a list.",
        ),
    ] {
        let outcome = read(&given).err().unwrap_or_default();
        assert_eq!(outcome, expected, "{given}");
    }
}

#[test]
fn production_shifts_in_the_steps_of_the_strategy() {
    let steps = |given: Value| {
        let steps = read(&given).unwrap().steps.into_iter();
        let step = |step: Step| format!("{} {}m", step.share.percent(), step.bake.as_secs() / 60);
        steps.map(step).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(steps(json!({})), "");
    assert_eq!(
        steps(json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0 })),
        "100 0m"
    );
    assert_eq!(steps(json!({ "strategy": "CANARY" })), "5 10m, 100 0m");
    let canary = json!({ "canaryPercent": 0.1, "canaryBakeTimeInMinutes": 0 });
    assert_eq!(
        steps(json!({ "strategy": "CANARY", "canaryConfiguration": canary })),
        "0.1 0m, 100 0m"
    );
    let linear = json!({ "stepPercent": 33.3, "stepBakeTimeInMinutes": 2 });
    assert_eq!(
        steps(json!({ "strategy": "LINEAR", "linearConfiguration": linear })),
        "33.3 2m, 66.6 2m, 99.9 2m, 100 0m"
    );
    let usual = steps(json!({ "strategy": "LINEAR" }));
    assert!(usual.starts_with("10 6m, 20 6m") && usual.ends_with("90 6m, 100 0m"));
}

/// The figures of the ECS Developer Guide.
#[test]
fn the_breakers_threshold_follows_the_desired_count() {
    let bounded = Threshold::BoundedPercent(50);
    for (desired, expected) in [(1, 3), (25, 13), (400, 200), (800, 200), (0, 3)] {
        assert_eq!(bounded.of(desired), expected, "of {desired}");
    }
    assert_eq!(Threshold::UnboundedPercent(50).of(1), 1);
    assert_eq!(Threshold::UnboundedPercent(50).of(800), 400);
    assert_eq!(Threshold::Count(7).of(800), 7);
}

#[test]
fn members_that_an_update_leaves_out_stay_or_are_reset() {
    let hook = json!({ "hookTargetArn": "arn:f", "lifecycleStages": ["PRE_SCALE_UP"] });
    let before =
        json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "lifecycleHooks": [hook] });
    let before = read(&before).unwrap();
    let change = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 9, "alarms": null });
    let after = |left_out| {
        let updated = before.updated(change.as_object().unwrap(), left_out);
        let updated = updated.unwrap();
        (updated.bake.as_secs() / 60, updated.hooks.len())
    };
    assert_eq!(after(LeftOut::Stays), (9, 1));
    assert_eq!(after(LeftOut::IsReset), (9, 0));
}

#[test]
fn what_is_not_enabled_is_off() {
    let off = json!({
        "deploymentCircuitBreaker": { "enable": false, "rollback": true },
        "alarms": { "enable": false, "rollback": true, "alarmNames": ["a"] },
        "earlySuccessCriteria": { "enable": false },
    });
    let read = read(&off).unwrap();
    assert_eq!(
        (read.breaker, &read.alarms, read.early_success),
        (None, &None, None)
    );
    assert_eq!(read.describe()["deploymentCircuitBreaker"]["enable"], false);
    assert_eq!(read.describe()["strategy"], "ROLLING");
}
