//! The rolling scheduler's decision: how many tasks the new revision and the old ones are to have.

/// A service's task counts during a rolling update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    pub desired: u32,
    /// Of the desired count, rounded up.
    pub minimum_healthy_percent: u32,
    /// Of the desired count, rounded down.
    pub maximum_percent: u32,
    pub new: Tasks,
    /// Of all older revisions together.
    pub old: Tasks,
}

/// Tasks that nobody asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tasks {
    pub live: u32,
    pub healthy: u32,
}

/// How many tasks each side is to have from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub new: u32,
    pub old: u32,
}

impl Rollout {
    /// As many new tasks as fit below the maximum; old ones go as new ones become healthy, or to make room for them as long
    /// as the minimum stays healthy.
    pub fn wanted(&self) -> Wanted {
        let most = (self.desired * self.maximum_percent / 100).max(1);
        let least = (self.desired * self.minimum_healthy_percent).div_ceil(100);
        let room = most.saturating_sub(self.new.live + self.old.live);
        let new = self.desired.min(self.new.live + room);
        let healthy = self.new.healthy + self.old.healthy;
        let missing = self.desired.saturating_sub(self.new.live);
        // Unhealthy old tasks serve nobody.
        let useless = self.old.live.saturating_sub(self.old.healthy);
        let surplus = healthy.saturating_sub(self.desired.max(least));
        let for_room = match room {
            0 => missing.min(healthy.saturating_sub(least)),
            1.. => 0,
        };
        let stopped = useless + surplus.max(for_room);
        Wanted {
            new,
            old: self.old.live.saturating_sub(stopped),
        }
    }

    /// Every new task is healthy, and no old one is left.
    pub fn is_done(&self) -> bool {
        self.new.live == self.desired && self.new.healthy == self.desired && self.old.live == 0
    }

    /// The share of new tasks that are healthy has reached this percentage, rounded up.
    pub fn has_healthy(&self, percent: u32) -> bool {
        self.new.healthy >= (self.desired * percent).div_ceil(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a rollout in which every new task becomes healthy; returns the live tasks (old, new) of each step.
    fn play(desired: u32, minimum: u32, maximum: u32) -> Vec<(u32, u32)> {
        let all = |count| Tasks {
            live: count,
            healthy: count,
        };
        let mut rollout = Rollout {
            desired,
            minimum_healthy_percent: minimum,
            maximum_percent: maximum,
            new: all(0),
            old: all(desired),
        };
        let mut steps = Vec::new();
        for _ in 0..3 * desired + 3 {
            steps.push((rollout.old.live, rollout.new.live));
            if rollout.is_done() {
                break;
            }
            let wanted = rollout.wanted();
            rollout.old = all(wanted.old);
            rollout.new.live = wanted.new;
            let serving = rollout.old.healthy + rollout.new.healthy;
            assert!(serving >= (desired * minimum).div_ceil(100));
            assert!(wanted.old + wanted.new <= (desired * maximum / 100).max(desired));
            rollout.new.healthy = wanted.new;
        }
        assert!(rollout.is_done(), "{steps:?}");
        steps
    }

    #[test]
    fn the_envelope_is_kept() {
        assert_eq!(play(2, 100, 200), [(2, 0), (2, 2), (0, 2)]);
        assert_eq!(
            play(4, 100, 125),
            [
                (4, 0),
                (4, 1),
                (3, 1),
                (3, 2),
                (2, 2),
                (2, 3),
                (1, 3),
                (1, 4),
                (0, 4)
            ]
        );
        assert_eq!(play(4, 50, 100), [(4, 0), (2, 0), (2, 2), (0, 2), (0, 4)]);
        assert_eq!(play(1, 0, 100), [(1, 0), (0, 0), (0, 1)]);
        assert_eq!(play(0, 100, 200), [(0, 0)]);
    }

    #[test]
    fn every_envelope_that_lets_something_move_comes_to_its_end() {
        for desired in 0..8_u32 {
            for minimum in [0, 25, 50, 99, 100] {
                for maximum in [100, 150, 200] {
                    let least = (desired * minimum).div_ceil(100);
                    let most = desired * maximum / 100;
                    if desired == 0 || most > desired || least < desired {
                        play(desired, minimum, maximum);
                    }
                }
            }
        }
    }

    #[test]
    fn old_tasks_wait_for_healthy_new_ones() {
        let rollout = Rollout {
            desired: 2,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            new: Tasks {
                live: 2,
                healthy: 0,
            },
            old: Tasks {
                live: 2,
                healthy: 2,
            },
        };
        assert_eq!(rollout.wanted(), Wanted { new: 2, old: 2 });
        let one = Rollout {
            new: Tasks {
                live: 2,
                healthy: 1,
            },
            ..rollout
        };
        assert_eq!(one.wanted(), Wanted { new: 2, old: 1 });
        assert!(one.has_healthy(50) && !one.has_healthy(51));
        let unhealthy = Rollout {
            old: Tasks {
                live: 2,
                healthy: 1,
            },
            ..rollout
        };
        assert_eq!(unhealthy.wanted(), Wanted { new: 2, old: 1 });
    }
}
