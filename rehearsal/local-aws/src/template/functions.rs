//! The intrinsic functions that need nothing but their arguments (CloudFormation User Guide, "Intrinsic functions").

use std::net::Ipv4Addr;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::parameters::text;

const ALL: [&str; 5] = [
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::GetAZs",
    "Fn::Select",
    "Fn::Split",
];

pub(super) fn is_one(name: &str) -> bool {
    ALL.contains(&name)
}

/// The value of a function whose argument is resolved.
pub(super) fn call(name: &str, argument: &Value, region: &str) -> anyhow::Result<Value> {
    let parts = argument.as_array().map(Vec::as_slice);
    match (name, parts) {
        ("Fn::Base64", _) => Ok(json!(STANDARD.encode(text(argument)?))),
        ("Fn::GetAZs", _) => {
            let given = text(argument)?;
            let region = if given.is_empty() { region } else { &given };
            Ok(json!(["a", "b", "c"].map(|zone| format!("{region}{zone}"))))
        }
        ("Fn::Select", Some([index, Value::Array(list)])) => {
            let index: usize = text(index)?
                .parse()
                .context("`Fn::Select` takes an index")?;
            let found = list.get(index);
            found
                .cloned()
                .with_context(|| format!("`Fn::Select` finds nothing at {index} of {}", list.len()))
        }
        ("Fn::Split", Some([separator, whole])) => {
            let (separator, whole) = (text(separator)?, text(whole)?);
            Ok(json!(whole.split(&*separator).collect::<Vec<_>>()))
        }
        ("Fn::Cidr", Some([block, count, bits])) => {
            cidr(&text(block)?, &text(count)?, &text(bits)?)
        }
        _ => bail!("`{name}` does not take `{argument}`"),
    }
}

/// So many blocks of this many bits for hosts, one behind the other from the beginning of the block.
fn cidr(block: &str, count: &str, bits: &str) -> anyhow::Result<Value> {
    let (address, length) = block
        .split_once('/')
        .with_context(|| format!("`{block}` is not a block of IPv4 addresses"))?;
    let first: Ipv4Addr = address
        .parse()
        .with_context(|| format!("`{block}` is not a block of IPv4 addresses"))?;
    let (length, count, bits): (u32, u64, u32) = (length.parse()?, count.parse()?, bits.parse()?);
    let free = 32_u32.checked_sub(length).filter(|free| bits <= *free);
    let free = free.with_context(|| format!("`{block}` has no blocks of {bits} bits"))?;
    if count > 1 << (free - bits) {
        bail!("`{block}` has fewer than {count} blocks of {bits} bits");
    }
    let begin = u64::from(u32::from(first));
    let blocks = (0..count).map(|number| {
        let at = u32::try_from(begin + (number << bits)).unwrap_or(u32::MAX);
        format!("{}/{}", Ipv4Addr::from(at), 32 - bits)
    });
    Ok(json!(blocks.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, argument: Value, expected: Option<Value>) {
        let found = call(name, &argument, "eu-central-1").ok();
        assert_eq!(found, expected, "{name} {argument}");
    }

    #[test]
    fn functions_of_their_arguments_alone() {
        check("Fn::Base64", json!("a b"), Some(json!("YSBi")));
        check("Fn::Base64", json!(["a"]), None);
        let zones = json!(["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
        check("Fn::GetAZs", json!(""), Some(zones));
        check("Fn::Select", json!(["1", ["a", "b"]]), Some(json!("b")));
        check("Fn::Select", json!([2, ["a", "b"]]), None);
        check("Fn::Split", json!([",", "a,b"]), Some(json!(["a", "b"])));
        let blocks = json!(["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20"]);
        check("Fn::Cidr", json!(["10.0.0.0/16", "3", "12"]), Some(blocks));
        check("Fn::Cidr", json!(["10.0.0.0/24", "2", "8"]), None);
        check("Fn::Cidr", json!(["10.0.0.0/24", "2", "12"]), None);
        check("Fn::Cidr", json!(["10.0.0.0", "2", "8"]), None);
    }
}
