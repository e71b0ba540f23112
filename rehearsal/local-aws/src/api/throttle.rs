//! The token buckets of the ECS API: the burst and sustained rates of an account's calls.
//!
//! The figures are those of the ECS API Reference, "Request throttling for the Amazon ECS API". The other services'
//! figures are not published (CodeDeploy's) or far above what a deployment needs, and are not simulated. CodeDeploy's own
//! calls to ECS take no token here; on AWS they do.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::error::ApiError;

/// One bucket of the account, which several operations draw from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    ClusterRead,
    ClusterResourceModify,
    ClusterResourceRead,
    ServiceModify,
    ServiceRead,
    TagModify,
    TaskDefinitionModify,
    TaskDefinitionRead,
}

impl Bucket {
    /// How many calls it holds, and how many more it gets a second.
    pub fn burst_and_refill(self) -> (u32, u32) {
        match self {
            Bucket::ClusterRead => (50, 20),
            Bucket::ClusterResourceModify => (100, 40),
            Bucket::ClusterResourceRead => (100, 20),
            Bucket::ServiceModify => (50, 5),
            Bucket::ServiceRead => (100, 20),
            Bucket::TagModify => (20, 10),
            Bucket::TaskDefinitionModify => (20, 1),
            Bucket::TaskDefinitionRead => (50, 20),
        }
    }
}

/// The tokens left in the account's buckets, by the simulated clock.
#[derive(Debug, Default)]
pub struct Throttle {
    left: Mutex<BTreeMap<Bucket, Left>>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    /// In thousandths of a token, so that a refill of a few milliseconds is not lost.
    thousandths: u64,
    at: SystemTime,
}

impl Throttle {
    /// Takes a token for the call, or refuses it. A refused call takes none.
    pub fn take(&self, bucket: Bucket, now: SystemTime) -> Result<(), ApiError> {
        let mut buckets = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (burst, refill_per_second) = bucket.burst_and_refill();
        let full = u64::from(burst) * 1000;
        let left = buckets.entry(bucket).or_insert(Left {
            thousandths: full,
            at: now,
        });
        let passed = now.duration_since(left.at).unwrap_or(Duration::ZERO);
        let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let refilled = milliseconds.saturating_mul(u64::from(refill_per_second));
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

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// How many calls go through in one moment after a pause.
    fn taken(throttle: &Throttle, bucket: Bucket, milliseconds: u64) -> usize {
        let now = UNIX_EPOCH + Duration::from_millis(milliseconds);
        let take = || throttle.take(bucket, now);
        (0..1000).take_while(|_| take().is_ok()).count()
    }

    #[test]
    fn a_bucket_refills_until_it_is_full() {
        for (bucket, burst, refill) in [
            (Bucket::TaskDefinitionModify, 20, 1),
            (Bucket::ServiceModify, 50, 5),
            (Bucket::ClusterResourceModify, 100, 40),
        ] {
            let throttle = Throttle::default();
            let seen = [0, 1000, 4000, 1_000_000].map(|at| taken(&throttle, bucket, at));
            let expected = [burst, refill, (3 * refill).min(burst), burst];
            assert_eq!(seen, expected, "{bucket:?}");
        }
    }

    #[test]
    fn buckets_are_apart_and_parts_of_a_second_count() {
        let throttle = Throttle::default();
        assert_eq!(taken(&throttle, Bucket::TaskDefinitionModify, 0), 20);
        assert_eq!(taken(&throttle, Bucket::TaskDefinitionModify, 999), 0);
        assert_eq!(taken(&throttle, Bucket::TaskDefinitionModify, 1000), 1);
        assert_eq!(taken(&throttle, Bucket::ClusterResourceModify, 1000), 100);
        let refused = throttle.take(Bucket::ClusterResourceModify, UNIX_EPOCH);
        let error = refused.unwrap_err();
        assert_eq!(
            (error.code.as_ref(), error.message.as_str(), error.status),
            ("ThrottlingException", "Rate exceeded", 400)
        );
    }
}
