//! The content filter `cidr`: an address within a network, IPv4 or IPv6.

use std::net::IpAddr;

use serde_json::Value;

use super::refused;

/// `10.0.0.0/24`: the first bits of every address in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    pub(super) fn parse(argument: &Value) -> anyhow::Result<Network> {
        let refuse = |reason: String| {
            let hint =
                format!("`cidr` takes a network such as `\"10.0.0.0/24\"`, not `{argument}`");
            Err(refused(reason, hint))
        };
        let Some(text) = argument.as_str() else {
            // Recorded: EventBridge names the wrong matcher.
            return refuse("prefix match pattern must be a string".to_owned());
        };
        let parts: Vec<&str> = text.split('/').collect();
        let [address, bits] = parts.as_slice() else {
            return refuse("Malformed CIDR, one '/' required".to_owned());
        };
        let Ok(bits) = bits.parse::<u32>() else {
            return refuse("Malformed CIDR, mask bits must be an integer".to_owned());
        };
        let Ok(ip) = address.parse::<IpAddr>() else {
            return refuse(format!("Nonstandard IP address: {address}"));
        };
        let (kind, most) = match ip {
            IpAddr::V4(_) => ("IPv4", 32),
            IpAddr::V6(_) => ("IPv6", 128),
        };
        if bits > most {
            return refuse(format!("{kind} mask bits must be at most {most}"));
        }
        Ok(Network { address: ip, bits })
    }

    pub(super) fn holds(self, text: &str) -> bool {
        let Ok(address) = text.parse::<IpAddr>() else {
            return false;
        };
        let first = |all: u128, width: u32| all.checked_shr(width - self.bits).unwrap_or(0);
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                first(network.to_bits().into(), 32) == first(address.to_bits().into(), 32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                first(network.to_bits(), 128) == first(address.to_bits(), 128)
            }
            (IpAddr::V4(_) | IpAddr::V6(_), _) => false,
        }
    }
}
