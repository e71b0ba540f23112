//! Whatever comes from outside: every sample event with every part of it broken, and the kept corpus of the fuzz targets.

mod binaries;
mod corpus;
mod mutation;
mod parsers;
#[path = "../../../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    reason = "the fuzz targets use the same files from outside"
)]
mod properties;
