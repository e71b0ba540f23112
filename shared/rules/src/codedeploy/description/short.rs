//! Digests and times as a description states them where there is no room for how people know them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::UtcDateTime;

use crate::names::Digest;

/// What stands before a short time: no tag has it.
const TIME: char = '@';
const NANOSECONDS_OF_A_MILLISECOND: i128 = 1_000_000;

/// The 32 bytes of a digest as base64 for URLs, which is 43 characters.
pub(super) fn digest(digest: &Digest) -> String {
    let (_, digits) = digest.as_str().split_once(':').unwrap_or_default();
    let bytes = digits.as_bytes().chunks(2).filter_map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    URL_SAFE_NO_PAD.encode(bytes.collect::<Vec<u8>>())
}

pub(super) fn read_digest(word: &str) -> Option<Digest> {
    let bytes = URL_SAFE_NO_PAD.decode(word).ok()?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}").parse().ok()
}

/// The milliseconds since the epoch in hex digits: AWS states no shorter times.
pub(super) fn moment(at: UtcDateTime) -> String {
    let milliseconds = at
        .unix_timestamp_nanos()
        .div_euclid(NANOSECONDS_OF_A_MILLISECOND);
    format!("{TIME}{milliseconds:x}")
}

pub(super) fn read_moment(word: &str) -> Option<UtcDateTime> {
    let milliseconds = i64::from_str_radix(word.strip_prefix(TIME)?, 16).ok()?;
    let nanoseconds = i128::from(milliseconds) * NANOSECONDS_OF_A_MILLISECOND;
    UtcDateTime::from_unix_timestamp_nanos(nanoseconds).ok()
}
