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

/// The account in an ARN.
pub fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// An account and a Region: where a registry or an event bus is. The default is the stack's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    pub account: String,
    pub region: String,
}

impl Default for Location {
    fn default() -> Location {
        Location::new(ACCOUNT, REGION)
    }
}

impl Location {
    pub fn new(account: &str, region: &str) -> Location {
        Location {
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    pub fn is_of_stack(&self) -> bool {
        *self == Location::default()
    }

    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Location { account, region } = self;
        format!("arn:aws:{service}:{region}:{account}:{resource}")
    }

    /// The host of the registry here.
    pub fn registry(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region)
    }

    /// A repository in texts and records: its name, with the host of a registry that is not the stack's before it.
    pub fn repository(&self, name: &str) -> String {
        match self.is_of_stack() {
            true => name.to_owned(),
            false => format!("{}/{name}", self.registry()),
        }
    }

    /// The registry and the name of a repository that is written so.
    pub fn of_repository(text: &str) -> (Location, &str) {
        let foreign = text
            .split_once('/')
            .and_then(|(host, name)| Some((Location::of_registry(host)?, name)));
        foreign.unwrap_or_else(|| (Location::default(), text))
    }

    /// The account and Region in the host of a registry.
    pub fn of_registry(host: &str) -> Option<Location> {
        let (account, region) = host
            .strip_suffix(".amazonaws.com")?
            .split_once(".dkr.ecr.")?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_region = !region.is_empty() && !region.contains('.');
        (is_account && is_region).then(|| Location::new(account, region))
    }
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

    /// 21 letters, digits, `_` and `-`: a service deployment's id.
    pub fn service_deployment(&self) -> String {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        let made = self.next();
        let pairs = (0..21).map(|at| u8::from_str_radix(&made[2 * at..2 * at + 2], 16));
        let letters = pairs.map(|pair| LETTERS[usize::from(pair.unwrap_or_default() % 64)]);
        letters.map(char::from).collect()
    }

    /// `d-` and nine upper-case letters and digits: a deployment's id.
    pub fn deployment(&self) -> String {
        format!("d-{}", self.next()[..9].to_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_of_another_registry_is_written_with_its_host() {
        let other = Location::new("444455556666", "eu-west-1");
        for (text, registry, name) in [
            ("shop/web", Location::default(), "shop/web"),
            ("web", Location::default(), "web"),
            (
                "444455556666.dkr.ecr.eu-west-1.amazonaws.com/shop/web",
                other,
                "shop/web",
            ),
        ] {
            assert_eq!(Location::of_repository(text), (registry.clone(), name));
            assert_eq!(registry.repository(name), text);
        }
        assert_eq!(Location::of_registry(REGISTRY), Some(Location::default()));
        for host in [
            "",
            "amazonaws.com",
            "public.ecr.aws",
            "4444.dkr.ecr.eu-west-1.amazonaws.com",
            "444455556666.dkr.ecr..amazonaws.com",
            "444455556666.dkr.ecr.eu-west-1.amazonaws.com.cn",
        ] {
            assert_eq!(Location::of_registry(host), None, "{host}");
        }
    }
}
