//! Identities: the account, the region, ARNs, ids, and the functions' access keys.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// The account of every resource.
pub const ACCOUNT: &str = "111122223333";
/// The region of every resource.
pub const REGION: &str = "eu-central-1";
/// The registry of the rehearsal's images.
pub const REGISTRY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";

/// The ARN of a resource of the account and region.
pub fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// The access key id that identifies a function's calls.
pub fn access_key(binary_name: &str) -> String {
    format!("GREENLIGHT{}", binary_name.replace('-', "").to_uppercase())
}

/// Returns the SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An id that is always the same for a name.
pub fn uuid_of(name: &str) -> String {
    uuid(&sha256_hex(name))
}

/// A UUID of the first of these hexadecimal digits.
fn uuid(hex: &str) -> String {
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

/// Generates ids in AWS's formats. They are not random, so the same run generates the same ids.
#[derive(Default)]
pub struct Ids {
    made: AtomicU64,
}

impl Ids {
    /// Returns 64 hexadecimal digits that were not returned before.
    fn next(&self) -> String {
        sha256_hex(&format!(
            "rehearsal id {}",
            self.made.fetch_add(1, Ordering::Relaxed)
        ))
    }

    /// 32 hexadecimal digits: a task's id.
    pub fn hexadecimal(&self) -> String {
        self.next()[..32].to_owned()
    }

    /// A UUID.
    pub fn uuid(&self) -> String {
        uuid(&self.next())
    }

    /// 19 decimal digits: the number in `ecs-svc/…`.
    pub fn decimal(&self) -> String {
        let digits: String = self
            .next()
            .bytes()
            .map(|byte| char::from(b'0' + byte % 10))
            .collect();
        format!("9{}", &digits[..18])
    }

    /// `d-` and nine upper-case letters and digits: a deployment's id.
    pub fn deployment(&self) -> String {
        format!("d-{}", self.next()[..9].to_uppercase())
    }
}
