//! The security policies of HTTPS listeners (Elastic Load Balancing User Guide, "Security policies for your Application Load
//! Balancer"). Of what they say of TLS only the versions from 1.2 on matter here: this machine's clients have no older ones.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

type Versions = &'static [&'static SupportedProtocolVersion];

static ONLY_TLS12: Versions = &[&TLS12];
static ONLY_TLS13: Versions = &[&TLS13];
static BOTH: Versions = &[&TLS13, &TLS12];

/// With TLS 1.3, each also with `-PQ-2025-09` in place of its date: policies with post-quantum key exchange.
const WITH_TLS13: [&str; 15] = [
    "TLS13-1-3-2021-06",
    "TLS13-1-2-2021-06",
    "TLS13-1-2-Res-2021-06",
    "TLS13-1-2-Ext1-2021-06",
    "TLS13-1-2-Ext2-2021-06",
    "TLS13-1-1-2021-06",
    "TLS13-1-0-2021-06",
    "TLS13-1-3-FIPS-2023-04",
    "TLS13-1-2-FIPS-2023-04",
    "TLS13-1-2-Res-FIPS-2023-04",
    "TLS13-1-2-Ext0-FIPS-2023-04",
    "TLS13-1-2-Ext1-FIPS-2023-04",
    "TLS13-1-2-Ext2-FIPS-2023-04",
    "TLS13-1-1-FIPS-2023-04",
    "TLS13-1-0-FIPS-2023-04",
];

const WITHOUT: [&str; 11] = [
    "2015-05",
    "2016-08",
    "FS-1-1-2019-08",
    "FS-1-2-2019-08",
    "FS-1-2-Res-2019-08",
    "FS-1-2-Res-2020-10",
    "FS-2018-06",
    "TLS-1-0-2015-04",
    "TLS-1-1-2017-01",
    "TLS-1-2-2017-01",
    "TLS-1-2-Ext-2018-06",
];

/// Whether there is a policy of this name.
pub fn is_security_policy(name: &str) -> bool {
    let Some(name) = name.strip_prefix("ELBSecurityPolicy-") else {
        return false;
    };
    let undated = |known: &&'static str| {
        let stem = known.strip_suffix("-2021-06");
        stem.or(known.strip_suffix("-2023-04"))
    };
    match name.strip_suffix("-PQ-2025-09") {
        Some(stem) => WITH_TLS13
            .iter()
            .filter_map(undated)
            .any(|known| known == stem),
        None => WITH_TLS13.contains(&name) || WITHOUT.contains(&name),
    }
}

/// The versions of TLS that a policy has, of those that are spoken here.
pub(super) fn versions(policy: &str) -> Versions {
    if policy.contains("-TLS13-1-3-") {
        ONLY_TLS13
    } else if policy.contains("-TLS13-") {
        BOTH
    } else {
        ONLY_TLS12
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_known_by_their_names() {
        for (name, is_known, count) in [
            ("ELBSecurityPolicy-TLS13-1-2-2021-06", true, 2),
            ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", true, 2),
            ("ELBSecurityPolicy-TLS13-1-3-2021-06", true, 1),
            ("ELBSecurityPolicy-2016-08", true, 1),
            ("ELBSecurityPolicy-TLS13-1-2-2021-07", false, 2),
            ("TLS13-1-2-2021-06", false, 1),
        ] {
            assert_eq!(is_security_policy(name), is_known, "{name}");
            assert_eq!(versions(name).len(), count, "{name}");
        }
    }
}
