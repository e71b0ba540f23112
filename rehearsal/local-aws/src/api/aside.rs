//! Work that must not hold up other calls.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs work whose duration the caller controls. Other calls continue meanwhile if the runtime has other threads; the
/// world of a storm has only one, but then its functions are the only callers.
pub(super) fn aside<T>(work: impl FnOnce() -> T) -> T {
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}
