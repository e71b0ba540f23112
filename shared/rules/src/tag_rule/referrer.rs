//! Tags of what hangs at an image: signatures, attestations and bills of materials, which are not images.
//!
//! Tools without the referrers API name such a tag after the image's digest: the algorithm, `-`, and at most 64 digits, and
//! nothing else (OCI distribution specification, "Referrers Tag Schema"). Cosign ends it with `.sig`, `.att` or `.sbom`, and takes
//! a prefix for it (`--attachment-tag-prefix`). Whatever else has a digest in its tag is an image that is named after one.

use crate::names::Tag;

/// The same as [`is_referrer`], for automata.
pub(super) const EXPRESSION: &str =
    r"\A(?:sha(?:256|512)-[0-9a-f]{64}|.*sha(?:256|512)-[0-9a-f]{64}\.(?:sig|att|sbom))\z";

const DIGITS: usize = 64;

/// Whether a tag is one of a signature, an attestation or a bill of materials.
pub(super) fn is_referrer(tag: &Tag) -> bool {
    ["sha256-", "sha512-"].iter().any(|algorithm| {
        let mut found = tag.as_str().match_indices(algorithm);
        found.any(|(at, _)| {
            let rest = &tag.as_str()[at + algorithm.len()..];
            let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let digits = rest.bytes().take_while(is_digit).count();
            digits == DIGITS
                && match &rest[DIGITS..] {
                    "" => at == 0,
                    ".sig" | ".att" | ".sbom" => true,
                    _ => false,
                }
        })
    })
}
