//! Lifecycle stages of a service deployment.

/// A lifecycle stage, in AWS's words (ECS Developer Guide, "Amazon ECS blue/green deployments workflow"). The API's list is
/// open: it lacked `PRE_PRODUCTION_TRAFFIC_SHIFT` for months after hooks knew it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Only where more than one service revision is active at the start.
    ReconcileService,
    /// Green has no task; blue serves.
    PreScaleUp,
    /// Green scales up and becomes healthy.
    ScaleUp,
    /// Green is healthy and gets no traffic at all.
    PostScaleUp,
    /// The test rule goes to green.
    TestTrafficShift,
    /// Green has all test traffic.
    PostTestTrafficShift,
    /// Before production shifts; before every step of linear and canary.
    PreProductionTrafficShift,
    /// Production's weights change, at every step.
    ProductionTrafficShift,
    /// Green has all production traffic.
    PostProductionTrafficShift,
    /// Both run, green serves.
    BakeTime,
    /// Blue scales down to none.
    CleanUp,
    /// One that this build does not know.
    Unknown(String),
}

impl Stage {
    /// The stage that AWS writes so.
    pub fn of(text: &str) -> Self {
        match text {
            "RECONCILE_SERVICE" => Self::ReconcileService,
            "PRE_SCALE_UP" => Self::PreScaleUp,
            "SCALE_UP" => Self::ScaleUp,
            "POST_SCALE_UP" => Self::PostScaleUp,
            "TEST_TRAFFIC_SHIFT" => Self::TestTrafficShift,
            "POST_TEST_TRAFFIC_SHIFT" => Self::PostTestTrafficShift,
            "PRE_PRODUCTION_TRAFFIC_SHIFT" => Self::PreProductionTrafficShift,
            "PRODUCTION_TRAFFIC_SHIFT" => Self::ProductionTrafficShift,
            "POST_PRODUCTION_TRAFFIC_SHIFT" => Self::PostProductionTrafficShift,
            "BAKE_TIME" => Self::BakeTime,
            "CLEAN_UP" => Self::CleanUp,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The stage as AWS writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
            Self::Unknown(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_read_as_it_is_written_and_the_set_is_open() {
        for text in [
            "RECONCILE_SERVICE",
            "PRE_SCALE_UP",
            "SCALE_UP",
            "POST_SCALE_UP",
            "TEST_TRAFFIC_SHIFT",
            "POST_TEST_TRAFFIC_SHIFT",
            "PRE_PRODUCTION_TRAFFIC_SHIFT",
            "PRODUCTION_TRAFFIC_SHIFT",
            "POST_PRODUCTION_TRAFFIC_SHIFT",
            "BAKE_TIME",
            "CLEAN_UP",
        ] {
            let stage = Stage::of(text);
            assert_eq!(stage.as_str(), text);
            assert!(!matches!(stage, Stage::Unknown(_)), "{text}");
        }
        let newer = Stage::of("POST_CLEAN_UP");
        assert_eq!(newer, Stage::Unknown("POST_CLEAN_UP".to_owned()));
        assert_eq!(newer.as_str(), "POST_CLEAN_UP");
    }
}
