//! A service revision's share of traffic, in tenths of a percent: canaries may be as small as 0.1 %.

use serde_json::{Value, json};

/// From nothing to everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Share {
    tenths: u32,
}

impl Share {
    pub const NOTHING: Share = Share { tenths: 0 };
    pub const ALL: Share = Share { tenths: 1000 };

    /// At most everything.
    pub fn of_tenths(tenths: u32) -> Share {
        Share {
            tenths: tenths.min(1000),
        }
    }

    /// The other revision's share.
    #[must_use]
    pub fn rest(self) -> Share {
        Share {
            tenths: 1000 - self.tenths,
        }
    }

    /// As the API writes a weight: 0.0 to 100.0.
    pub fn percent(self) -> f64 {
        f64::from(self.tenths) / 10.0
    }

    /// Whole percent, rounded.
    pub fn whole_percent(self) -> u32 {
        (self.tenths + 5) / 10
    }

    /// In a hook's payload: a whole number where it is one (every example of AWS's), else a fraction (inferred).
    pub fn in_payload(self) -> Value {
        match self.tenths % 10 {
            0 => json!(self.tenths / 10),
            _ => json!(self.percent()),
        }
    }

    /// The weights of a listener rule, from 0 to 999, for this share and the rest.
    pub fn weights(self) -> (u32, u32) {
        match self.tenths % 10 {
            0 => (self.tenths / 10, self.rest().tenths / 10),
            _ => (self.tenths, self.rest().tenths),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_the_api_the_payload_and_the_rule_want_them() {
        for (tenths, percent, payload, weights) in [
            (0, 0.0, json!(0), (0, 100)),
            (1, 0.1, json!(0.1), (1, 999)),
            (50, 5.0, json!(5), (5, 95)),
            (333, 33.3, json!(33.3), (333, 667)),
            (999, 99.9, json!(99.9), (999, 1)),
            (1000, 100.0, json!(100), (100, 0)),
            (2000, 100.0, json!(100), (100, 0)),
        ] {
            let share = Share::of_tenths(tenths);
            assert!((share.percent() - percent).abs() < 1e-9);
            assert_eq!(share.in_payload(), payload);
            assert_eq!(share.weights(), weights);
        }
    }
}
