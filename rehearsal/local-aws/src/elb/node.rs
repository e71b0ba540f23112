//! The nodes of a load balancer, as far as they differ: a node that receives a changed action or a draining target late
//! behaves as before until then.
//!
//! A connection stays with its node. Connections to a listener are assigned to the nodes in turn.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use crate::elb::Forward;
use crate::elb::forward::Distribution;

/// How long after the first node the others receive a change, if they receive it late. The delay is known to be
/// seconds; its exact length is not.
const LATE: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(1500),
    Duration::from_secs(3),
];

/// The maximum number of nodes of a load balancer.
pub const NODES_AT_MOST: usize = LATE.len();

/// When a load balancer's nodes receive a change to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// All at the moment of the change, so that they behave like one node.
    LearnAtOnce,
    /// One after the other.
    LearnLate,
}

/// One node's view of a listener.
#[derive(Debug, Clone)]
pub(super) struct Node {
    lag: Duration,
    distribution: Distribution,
    /// The changes it will receive, and when.
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
    /// Announces a new action of the listener, from now on.
    pub(super) fn announce(&mut self, now: SystemTime, forward: &[Forward]) {
        let learnt = (now + self.lag, Distribution::new(forward.to_vec()));
        self.coming.push_back(learnt);
    }

    /// The node has received every change up to this time.
    pub(super) fn knows_until(&self, now: SystemTime) -> SystemTime {
        now - self.lag
    }

    /// Selects a target group by the changes received so far.
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
                node.announce(start, &to("g"));
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
