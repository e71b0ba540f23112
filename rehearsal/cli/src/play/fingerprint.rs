//! The fingerprint of a play: equal for two plays that went the same way, call for call and to the microsecond.

use std::collections::BTreeSet;
use std::time::SystemTime;

use local_aws::identity::sha256_hex;
use local_aws::timeline::{self, Entry};
use local_aws::world::World;

/// The number of hexadecimal digits of a fingerprint.
const DIGITS: usize = 16;

/// Covers all events and calls with their simulated moments. It leaves out what differs between equal plays: real
/// durations, the number of clock jumps, and how often a function repeated the same read at one moment.
pub(super) fn of(world: &World, start: SystemTime) -> String {
    let moment = |at: SystemTime| at.duration_since(start).unwrap_or_default().as_micros();
    let mut lines = BTreeSet::new();
    for Entry { at, event } in world.timeline.entries() {
        if let timeline::Event::TimeSkipped { .. } = event {
            continue;
        }
        let line = if let timeline::Event::FunctionEnded {
            function, error, ..
        } = &event
        {
            format!("{function} ended: {error:?}")
        } else {
            format!("{event:?}")
        };
        lines.insert((moment(at), line));
    }
    for call in world.calls() {
        let caller = call.function.as_deref().unwrap_or_default();
        let answer = call
            .error
            .clone()
            .unwrap_or_else(|| call.status.to_string());
        let line = format!("{caller} {}:{} {answer}", call.service, call.operation);
        lines.insert((moment(call.at), line));
    }
    let lines = lines.into_iter().map(|(at, what)| format!("{at} {what}\n"));
    let mut digest = sha256_hex(&lines.collect::<String>());
    digest.truncate(DIGITS);
    digest
}
