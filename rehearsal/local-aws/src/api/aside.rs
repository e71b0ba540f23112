//! Work that must not hold up other calls.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Work whose length is the caller's to choose. Other calls go on meanwhile, where there are other threads: a world of
/// its own, as storms have, has one, and no callers but its functions.
pub(super) fn aside<T>(work: impl FnOnce() -> T) -> T {
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}
