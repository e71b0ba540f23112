//! The nodes of a load balancer, as far as they answer otherwise than each other: a node that learns late that a listener
//! forwards elsewhere, or that a target drains, goes on as before until then.
//!
//! A connection stays with its node. The first connection to a listener is the first node's, and so on in turns.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use crate::elb::Forward;
use crate::elb::forward::Distribution;

/// How long after the first node the others learn, where they learn late. That it takes seconds is known, how many is not.
const LATE: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(1500),
    Duration::from_secs(3),
];

/// As many nodes has a load balancer at most.
pub const NODES_AT_MOST: usize = LATE.len();

/// When a load balancer's nodes learn where a listener forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// All at the moment at which it is changed: then they are like one.
    LearnAtOnce,
    /// One after the other.
    LearnLate,
}

/// What one node does with the requests of a listener.
#[derive(Debug, Clone)]
pub(super) struct Node {
    lag: Duration,
    distribution: Distribution,
    /// What it learns, and when.
    coming: VecDeque<(SystemTime, Distribution)>,
}

impl Nodes {
    pub(super) fn of_listener(self, forward: &[Forward]) -> Vec<Node> {
        let lags = match self {
            Nodes::LearnAtOnce => &LATE[..1],
            Nodes::LearnLate => &LATE[..],
        };
        let node = |lag: &Duration| Node {
            lag: *lag,
            distribution: Distribution::new(forward.to_vec()),
            coming: VecDeque::new(),
        };
        lags.iter().map(node).collect()
    }
}

impl Node {
    /// The listener forwards elsewhere from now on.
    pub(super) fn tell(&mut self, now: SystemTime, forward: &[Forward]) {
        let learnt = (now + self.lag, Distribution::new(forward.to_vec()));
        self.coming.push_back(learnt);
    }

    /// It has learnt everything that was so until then.
    pub(super) fn knows_until(&self, now: SystemTime) -> SystemTime {
        now - self.lag
    }

    /// By what it has learnt by now.
    pub(super) fn distribution(&mut self, now: SystemTime) -> &mut Distribution {
        while let Some((_, distribution)) = self.coming.pop_front_if(|(at, _)| *at <= now) {
            self.distribution = distribution;
        }
        &mut self.distribution
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(group: &str) -> Vec<Forward> {
        vec![Forward {
            target_group_arn: group.to_owned(),
            weight: 1,
        }]
    }

    #[test]
    fn nodes_learn_one_after_the_other_or_all_at_once() {
        let check = |nodes: Nodes, after: u64, expected: &str| {
            let start = SystemTime::UNIX_EPOCH;
            let mut nodes = nodes.of_listener(&to("b"));
            for node in &mut nodes {
                node.tell(start, &to("g"));
            }
            let now = start + Duration::from_millis(after);
            let answers = nodes
                .iter_mut()
                .map(|node| node.distribution(now).next().unwrap_or("-").to_owned());
            assert_eq!(answers.collect::<String>(), expected, "after {after} ms");
        };
        check(Nodes::LearnAtOnce, 0, "g");
        check(Nodes::LearnLate, 0, "gbb");
        check(Nodes::LearnLate, 1499, "gbb");
        check(Nodes::LearnLate, 1500, "ggb");
        check(Nodes::LearnLate, 3000, "ggg");
    }
}
