//! The names and ids of a stack's resources. CloudFormation adds random characters to the names that it generates; here they follow
//! from the stack's name and the logical id, so that every run has the same.

use crate::identity::sha256_hex;

/// What stands for an attribute that only the made resource has.
pub(super) fn unknown(logical_id: &str, attribute: &str) -> String {
    format!("«{logical_id}.{attribute}»")
}

/// Whether a text holds an attribute that only a made resource has.
pub(super) fn is_unknown(text: &str) -> bool {
    text.contains('«')
}

/// An id such as `vpc-0123456789abcdef0`.
pub(super) fn id(prefix: &str, stack: &str, logical_id: &str) -> String {
    format!(
        "{prefix}-{}",
        &sha256_hex(&format!("{stack}/{logical_id}"))[..17]
    )
}

/// The public address of an Elastic IP, of a block for documentation (RFC 5737).
pub(super) fn address(stack: &str, logical_id: &str) -> String {
    let hash = sha256_hex(&format!("{stack}/{logical_id}"));
    let last = u8::from_str_radix(&hash[..2], 16).unwrap_or_default();
    format!("198.51.100.{last}")
}

/// A generated name: stack, logical id, and random characters.
pub(super) fn generated(stack: &str, logical_id: &str) -> String {
    let hash = sha256_hex(&format!("{stack}/{logical_id}")).to_ascii_uppercase();
    format!("{stack}-{logical_id}-{}", &hash[..12])
}

/// The same, where a name has at most 32 characters: of stack and logical id the beginnings.
pub(super) fn generated_short(stack: &str, logical_id: &str) -> String {
    let hash = sha256_hex(&format!("{stack}/{logical_id}")).to_ascii_uppercase();
    let (stack, logical_id) = (beginning(stack), beginning(logical_id));
    format!("{stack}-{logical_id}-{}", &hash[..12])
}

fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(6).map_or(text.len(), |(at, _)| at);
    text[..end].trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_enough_and_the_same_each_time() {
        let name = generated_short("production-web", "ProductionListener");
        assert_eq!(
            name,
            generated_short("production-web", "ProductionListener")
        );
        assert!(
            name.len() <= 32 && name.starts_with("produc-Produc-"),
            "{name}"
        );
        assert_ne!(generated("a", "b"), generated("a", "c"));
        assert!(id("sg", "a", "b").starts_with("sg-"));
    }
}
