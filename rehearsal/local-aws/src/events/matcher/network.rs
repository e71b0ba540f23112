//! The content filter `cidr`: an address within a network, IPv4 or IPv6.

use std::net::IpAddr;

use anyhow::bail;
use serde_json::Value;

/// `10.0.0.0/24`: the first bits of every address in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    pub(super) fn parse(argument: &Value) -> anyhow::Result<Network> {
        let read = |text: &str| {
            let (address, bits) = text.split_once('/')?;
            let (address, bits) = (address.parse().ok()?, bits.parse().ok()?);
            let most = match address {
                IpAddr::V4(_) => 32,
                IpAddr::V6(_) => 128,
            };
            (bits <= most).then_some(Network { address, bits })
        };
        match argument.as_str().and_then(read) {
            Some(network) => Ok(network),
            None => bail!("`cidr` takes a network such as `\"10.0.0.0/24\"`, not `{argument}`"),
        }
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
