//! FNV-1a of 64 bits: the same in every version, which no hash of the standard library promises. Names of schedules are made of it.

/// The hash of a text.
pub(crate) fn hash(text: &str) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    text.bytes().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}
