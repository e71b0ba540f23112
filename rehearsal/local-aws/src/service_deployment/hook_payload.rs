//! What a Lambda hook is called with (ECS Developer Guide, "Lambda lifecycle hooks"; captures agree).

use serde_json::{Map, Value, json};

use super::share::Share;
use super::stage::Stage;
use crate::assumption::{Assumption, Assumptions};

/// The deployment, as far as its hooks are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub deployment_arn: String,
    pub service_arn: String,
    /// The target's ARN, also during a rollback.
    pub target_arn: String,
    /// None at a service's first deployment.
    pub source_arn: Option<String>,
    pub has_test_rule: bool,
}

/// The target's shares of traffic around a call: of production before and after its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    pub test: Share,
    pub before: Share,
    pub after: Share,
}

/// The payload of one call.
pub fn payload(
    subject: &Subject,
    stage: Stage,
    shares: Shares,
    execution_id: &str,
    details: Option<&Value>,
    assumptions: &Assumptions,
) -> Value {
    let weights = |target: Share| {
        let source = subject.source_arn.iter();
        let source = source.map(|arn| (arn.clone(), target.rest().in_payload()));
        let target = (subject.target_arn.clone(), target.in_payload());
        Value::Object([target].into_iter().chain(source).collect::<Map<_, _>>())
    };
    let nothing = || json!({});
    let after_step = assumptions.hold(Assumption::WeightsAreThoseAfterTheStep);
    let (test, production) = match stage {
        // Both maps are filled on an older page of the guide; the newest one has no example.
        Stage::ReconcileService => (weights(shares.test), weights(shares.before)),
        Stage::TestTrafficShift if subject.has_test_rule => (weights(shares.test), nothing()),
        Stage::PreProductionTrafficShift if after_step => (nothing(), weights(shares.after)),
        Stage::PreProductionTrafficShift => (nothing(), weights(shares.before)),
        Stage::ProductionTrafficShift => (nothing(), weights(shares.after)),
        Stage::TestTrafficShift
        | Stage::PreScaleUp
        | Stage::ScaleUp
        | Stage::PostScaleUp
        | Stage::PostTestTrafficShift
        | Stage::PostProductionTrafficShift
        | Stage::BakeTime
        | Stage::CleanUp => (nothing(), nothing()),
    };
    let mut payload = json!({
        "executionId": execution_id,
        "lifecycleStage": stage.as_str(),
        "resourceArn": subject.deployment_arn,
        "executionDetails": {
            "serviceArn": subject.service_arn,
            "targetServiceRevisionArn": subject.target_arn,
            "testTrafficWeights": test,
            "productionTrafficWeights": production,
        },
    });
    if let Some(details) = details {
        payload["hookDetails"] = details.clone();
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            deployment_arn: "arn:d".to_owned(),
            service_arn: "arn:s".to_owned(),
            target_arn: "green".to_owned(),
            source_arn: Some("blue".to_owned()),
            has_test_rule: true,
        }
    }

    const STEP: Shares = Shares {
        test: Share::ALL,
        before: Share::NOTHING,
        after: Share::ALL,
    };

    #[test]
    fn each_stage_has_the_weights_of_the_guide() {
        let weights = |stage, assumed: &[Assumption]| {
            let assumptions = assumed.iter().copied().collect();
            let told = payload(&subject(), stage, STEP, "id", None, &assumptions);
            let details = &told["executionDetails"];
            assert_eq!(told.get("hookDetails"), None);
            format!(
                "{} {}",
                details["testTrafficWeights"], details["productionTrafficWeights"]
            )
        };
        let (to_green, to_blue) = (r#"{"green":100,"blue":0}"#, r#"{"green":0,"blue":100}"#);
        for (stage, expected) in [
            (Stage::ReconcileService, format!("{to_green} {to_blue}")),
            (Stage::PreScaleUp, "{} {}".to_owned()),
            (Stage::PostScaleUp, "{} {}".to_owned()),
            (Stage::TestTrafficShift, format!("{to_green} {{}}")),
            (Stage::PostTestTrafficShift, "{} {}".to_owned()),
            (Stage::PreProductionTrafficShift, format!("{{}} {to_blue}")),
            (Stage::ProductionTrafficShift, format!("{{}} {to_green}")),
            (Stage::PostProductionTrafficShift, "{} {}".to_owned()),
        ] {
            assert_eq!(weights(stage, &[]), expected, "{}", stage.as_str());
        }
        let after = [Assumption::WeightsAreThoseAfterTheStep];
        assert_eq!(
            weights(Stage::PreProductionTrafficShift, &after),
            format!("{{}} {to_green}")
        );
    }

    #[test]
    fn the_payload_has_awss_shape() {
        let details = json!({ "taskArn": "t" });
        let subject = Subject {
            source_arn: None,
            has_test_rule: false,
            ..subject()
        };
        let stage = Stage::TestTrafficShift;
        let told = payload(
            &subject,
            stage,
            STEP,
            "id",
            Some(&details),
            &Assumptions::default(),
        );
        assert_eq!(
            told,
            json!({
                "executionId": "id",
                "lifecycleStage": "TEST_TRAFFIC_SHIFT",
                "resourceArn": "arn:d",
                "executionDetails": {
                    "serviceArn": "arn:s",
                    "targetServiceRevisionArn": "green",
                    "testTrafficWeights": {},
                    "productionTrafficWeights": {},
                },
                "hookDetails": { "taskArn": "t" },
            })
        );
        let stage = Stage::ProductionTrafficShift;
        let told = payload(&subject, stage, STEP, "id", None, &Assumptions::default());
        let production = &told["executionDetails"]["productionTrafficWeights"];
        assert_eq!(*production, json!({ "green": 100 }), "there is no blue");
    }
}
