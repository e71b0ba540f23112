//! The token buckets of the ECS API: how many calls of an account it takes at once, and how many in the long run.
//!
//! The figures are those of the ECS API Reference, "Request throttling for the Amazon ECS API". The other services'
//! figures are not published (CodeDeploy's) or far above what a deployment asks, and are not played. CodeDeploy's own
//! calls to ECS take no token here; on AWS they do.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::error::ApiError;
use super::request::Service;

/// One bucket of the account, which several actions draw from.
#[derive(Debug)]
struct Bucket {
    name: &'static str,
    actions: &'static [&'static str],
    burst: u32,
    refill_per_second: u32,
}

const BUCKETS: [Bucket; 11] = [
    Bucket {
        name: "task definition modify",
        actions: &["RegisterTaskDefinition", "DeregisterTaskDefinition"],
        burst: 20,
        refill_per_second: 1,
    },
    Bucket {
        name: "task definition read",
        actions: &[
            "DescribeTaskDefinition",
            "ListTaskDefinitionFamilies",
            "ListTaskDefinitions",
        ],
        burst: 50,
        refill_per_second: 20,
    },
    Bucket {
        name: "task definition delete",
        actions: &["DeleteTaskDefinitions"],
        burst: 5,
        refill_per_second: 1,
    },
    Bucket {
        name: "cluster resource modify",
        actions: &[
            "DeregisterContainerInstance",
            "RunTask",
            "StartTask",
            "StopTask",
            "UpdateContainerInstancesState",
        ],
        burst: 100,
        refill_per_second: 40,
    },
    Bucket {
        name: "cluster resource read",
        actions: &[
            "DescribeContainerInstances",
            "DescribeTasks",
            "ListContainerInstances",
            "ListTasks",
        ],
        burst: 100,
        refill_per_second: 20,
    },
    Bucket {
        name: "service modify",
        actions: &[
            "CreateService",
            "CreateTaskSet",
            "DeleteService",
            "DeleteTaskSet",
            "UpdateService",
            "UpdateServicePrimaryTaskSet",
            "UpdateTaskSet",
        ],
        burst: 50,
        refill_per_second: 5,
    },
    Bucket {
        name: "service read",
        actions: &["DescribeServices", "DescribeTaskSets", "ListServices"],
        burst: 100,
        refill_per_second: 20,
    },
    Bucket {
        name: "service deployments read",
        actions: &["DescribeServiceDeployments", "ListServiceDeployments"],
        burst: 50,
        refill_per_second: 20,
    },
    Bucket {
        name: "service revisions read",
        actions: &["DescribeServiceRevisions"],
        burst: 50,
        refill_per_second: 20,
    },
    Bucket {
        name: "tag modify",
        actions: &["TagResource", "UntagResource"],
        burst: 20,
        refill_per_second: 10,
    },
    Bucket {
        name: "cluster read",
        actions: &["DescribeClusters", "ListClusters"],
        burst: 50,
        refill_per_second: 20,
    },
];

/// How many calls an ECS operation's bucket holds, and how many more it gets a second; none for one that has no bucket.
pub fn burst_and_refill(operation: &str) -> Option<(u32, u32)> {
    bucket(Service::Ecs, operation).map(|bucket| (bucket.burst, bucket.refill_per_second))
}

/// What is left in the account's buckets, by the simulated clock.
#[derive(Debug, Default)]
pub struct Throttle {
    left: Mutex<BTreeMap<&'static str, Left>>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    /// In thousandths of a token, so that a refill of a few milliseconds is not lost.
    thousandths: u64,
    at: SystemTime,
}

impl Throttle {
    /// Takes a token for the call, or refuses it. A refused call takes none.
    pub fn take(&self, service: Service, operation: &str, now: SystemTime) -> Result<(), ApiError> {
        let Some(bucket) = bucket(service, operation) else {
            return Ok(());
        };
        let mut buckets = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let full = u64::from(bucket.burst) * 1000;
        let left = buckets.entry(bucket.name).or_insert(Left {
            thousandths: full,
            at: now,
        });
        let passed = now.duration_since(left.at).unwrap_or(Duration::ZERO);
        let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let refilled = milliseconds.saturating_mul(u64::from(bucket.refill_per_second));
        left.thousandths = left.thousandths.saturating_add(refilled).min(full);
        // Only whole milliseconds have been counted; the rest of the time counts with the next call.
        left.at += Duration::from_millis(milliseconds);
        match left.thousandths.checked_sub(1000) {
            Some(rest) => {
                left.thousandths = rest;
                Ok(())
            }
            None => Err(ApiError::new("ThrottlingException", "Rate exceeded")),
        }
    }
}

fn bucket(service: Service, operation: &str) -> Option<&'static Bucket> {
    let named = |bucket: &&Bucket| bucket.actions.contains(&operation);
    BUCKETS
        .iter()
        .filter(|_| service == Service::Ecs)
        .find(named)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// How many calls of the operation go through in one moment after a pause.
    fn taken(throttle: &Throttle, operation: &str, milliseconds: u64) -> usize {
        let now = UNIX_EPOCH + Duration::from_millis(milliseconds);
        let take = || throttle.take(Service::Ecs, operation, now);
        (0..1000).take_while(|_| take().is_ok()).count()
    }

    #[test]
    fn each_bucket_has_its_burst_and_its_refill() {
        let cases = [
            ("RegisterTaskDefinition", 20, 1),
            ("DeregisterTaskDefinition", 20, 1),
            ("DescribeTaskDefinition", 50, 20),
            ("DeleteTaskDefinitions", 5, 1),
            ("RunTask", 100, 40),
            ("StopTask", 100, 40),
            ("DescribeTasks", 100, 20),
            ("UpdateService", 50, 5),
            ("CreateTaskSet", 50, 5),
            ("DescribeServices", 100, 20),
            ("ListServiceDeployments", 50, 20),
            ("DescribeServiceRevisions", 50, 20),
            ("TagResource", 20, 10),
            ("DescribeClusters", 50, 20),
        ];
        for (operation, burst, refill) in cases {
            let throttle = Throttle::default();
            let seen = [0, 1000, 4000, 1_000_000].map(|at| taken(&throttle, operation, at));
            let expected = [burst, refill, (3 * refill).min(burst), burst];
            assert_eq!(seen, expected, "{operation}");
        }
    }

    #[test]
    fn actions_share_a_bucket_and_parts_of_a_second_count() {
        let throttle = Throttle::default();
        assert_eq!(taken(&throttle, "RegisterTaskDefinition", 0), 20);
        assert_eq!(taken(&throttle, "DeregisterTaskDefinition", 999), 0);
        assert_eq!(taken(&throttle, "DeregisterTaskDefinition", 1000), 1);
        assert_eq!(taken(&throttle, "RunTask", 1000), 100);
        let refused = throttle.take(Service::Ecs, "RunTask", UNIX_EPOCH);
        let error = refused.unwrap_err();
        assert_eq!(
            (error.code.as_ref(), error.message.as_str(), error.status),
            ("ThrottlingException", "Rate exceeded", 400)
        );
    }

    #[test]
    fn no_action_is_in_two_buckets_and_other_services_are_not_throttled() {
        let mut actions: Vec<&str> = BUCKETS.iter().flat_map(|b| b.actions).copied().collect();
        let all = actions.len();
        actions.sort_unstable();
        actions.dedup();
        assert_eq!(actions.len(), all);
        let throttle = Throttle::default();
        for _ in 0..1000 {
            let listed = throttle.take(Service::Elb, "DescribeTargetHealth", UNIX_EPOCH);
            assert_eq!(listed, Ok(()));
        }
    }
}
