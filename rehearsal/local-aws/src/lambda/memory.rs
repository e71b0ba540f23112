//! Measures the memory of a function's process and enforces the template's limit.
//!
//! Works on Linux only (`/proc`); elsewhere memory is neither measured nor limited. The limit applies to memory that
//! the process has allocated: the kernel can evict the pages of its executable, of which a debug build has more than
//! the release. The reported maximum includes everything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The interval between measurements.
const INTERVAL: Duration = Duration::from_millis(100);
/// Kilobytes in a megabyte, as Lambda counts them.
const MEGABYTE: u64 = 1024;

/// Measures one process.
pub(super) struct Memory {
    process: Option<u32>,
    limit_megabytes: u64,
    /// The highest measurement, in kilobytes.
    peak: AtomicU64,
}

impl Memory {
    pub(super) fn of(process: Option<u32>, limit_megabytes: u32) -> Memory {
        Memory {
            process,
            limit_megabytes: limit_megabytes.into(),
            peak: AtomicU64::new(0),
        }
    }

    /// Waits until the process exceeds its limit; forever if it never does, or cannot be measured.
    pub(super) async fn exceeded(&self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            // Reading the total costs the kernel a fraction of reading the kinds of pages, so the total is checked
            // first.
            let limit = self.limit_megabytes * MEGABYTE;
            if self.resident() > Some(limit) && self.allocated() > Some(limit) {
                return;
            }
        }
    }

    /// Returns the resident memory of the process, in kilobytes.
    fn resident(&self) -> Option<u64> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.process?)).ok()?;
        let resident = resident_pages(&statm)? * page_kilobytes();
        self.peak.fetch_max(resident, Ordering::Relaxed);
        Some(resident)
    }

    /// Returns the peak memory of the process in megabytes; like Lambda, never more than the limit.
    pub(super) fn peak_megabytes(&self) -> Option<u64> {
        self.allocated();
        match self.peak.load(Ordering::Relaxed).div_ceil(MEGABYTE) {
            0 => None,
            megabytes => Some(megabytes.min(self.limit_megabytes)),
        }
    }

    /// Returns the allocated memory of the process, in kilobytes.
    fn allocated(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process?)).ok()?;
        self.peak
            .fetch_max(kilobytes(&status, "VmHWM").unwrap_or(0), Ordering::Relaxed);
        Some(kilobytes(&status, "RssAnon")? + kilobytes(&status, "RssShmem").unwrap_or(0))
    }
}

/// The second number of `/proc/…/statm`.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split(' ').nth(1)?.parse().ok()
}

fn page_kilobytes() -> u64 {
    u64::try_from(rustix::param::page_size() / 1024).unwrap_or(4)
}

/// The number in a line such as `RssAnon:      2784 kB`.
fn kilobytes(status: &str, field: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_numbers_are_read() {
        let status =
            "Name:\tbootstrap\nVmHWM:\t   24920 kB\nRssAnon:\t    2784 kB\nRssFile:\t   22136 kB\n";
        assert_eq!(kilobytes(status, "VmHWM"), Some(24920));
        assert_eq!(kilobytes(status, "RssAnon"), Some(2784));
        assert_eq!(kilobytes(status, "Rss"), None);
        assert_eq!(kilobytes("", "VmHWM"), None);
        assert_eq!(resident_pages("5120 1423 1210 880 0 311 0\n"), Some(1423));
        assert_eq!(resident_pages(""), None);
    }

    #[test]
    fn a_process_that_is_gone_uses_nothing() {
        assert_eq!(Memory::of(None, 128).peak_megabytes(), None);
    }
}
