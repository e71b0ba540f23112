//! Weighted round robin among the target groups of an action.

use crate::elb::Forward;

/// Smooth weighted round robin: of ten requests at 90 to 10, exactly one goes to the smaller share.
#[derive(Debug, Clone, Default)]
pub(super) struct Distribution {
    shares: Vec<Share>,
}

#[derive(Debug, Clone)]
struct Share {
    forward: Forward,
    /// The credit of this share: each request adds its weight, and its turn subtracts the total weight.
    credit: i64,
}

impl Distribution {
    pub(super) fn new(forward: Vec<Forward>) -> Distribution {
        Distribution {
            shares: forward
                .into_iter()
                .map(|forward| Share { forward, credit: 0 })
                .collect(),
        }
    }

    pub(super) fn forward(&self) -> Vec<Forward> {
        self.shares
            .iter()
            .map(|share| share.forward.clone())
            .collect()
    }

    /// Whether the action contains this target group, with any weight.
    pub(super) fn names(&self, target_group_arn: &str) -> bool {
        self.shares
            .iter()
            .any(|share| share.forward.target_group_arn == target_group_arn)
    }

    /// Returns the target group whose turn it is; `None` if every weight is 0.
    pub(super) fn next(&mut self) -> Option<&str> {
        let total: i64 = self
            .shares
            .iter()
            .map(|share| i64::from(share.forward.weight))
            .sum();
        if total == 0 {
            return None;
        }
        for share in &mut self.shares {
            share.credit += i64::from(share.forward.weight);
        }
        let weighty = self
            .shares
            .iter_mut()
            .filter(|share| share.forward.weight > 0);
        // On equal credit the first share wins.
        let turn = weighty.reduce(|best, share| {
            if share.credit > best.credit {
                share
            } else {
                best
            }
        })?;
        turn.credit -= total;
        Some(&turn.forward.target_group_arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(weights: &[(&str, u32)], count: usize) -> String {
        let forward = |(name, weight): &(&str, u32)| Forward {
            target_group_arn: (*name).to_owned(),
            weight: *weight,
        };
        let mut distribution = Distribution::new(weights.iter().map(forward).collect());
        (0..count)
            .map(|_| distribution.next().unwrap_or("-").to_owned())
            .collect()
    }

    #[test]
    fn each_group_gets_exactly_its_share_evenly_spread() {
        assert_eq!(turns(&[("b", 90), ("g", 10)], 20), "bbbbbgbbbbbbbbbgbbbb");
        assert_eq!(turns(&[("b", 1), ("g", 1)], 6), "bgbgbg");
        assert_eq!(turns(&[("b", 0), ("g", 100)], 3), "ggg");
        let long = turns(&[("b", 70), ("g", 30)], 1000);
        assert_eq!(long.matches('g').count(), 300);
    }

    #[test]
    fn nothing_is_forwarded_when_no_group_has_weight() {
        assert_eq!(turns(&[("b", 0), ("g", 0)], 2), "--");
        assert_eq!(turns(&[], 1), "-");
    }
}
