//! Pagination: a part of a list, and the token for the next part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Absent on the last page.
    pub next_token: Option<String>,
}

/// This service did not issue the token.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownToken;

/// Returns the part of `all` that begins at `token`. A list that has shrunk meanwhile returns an empty page, not an
/// error.
pub fn page<T>(all: Vec<T>, size: usize, token: Option<&str>) -> Result<Page<T>, UnknownToken> {
    let start = token.map_or(Ok(0), read)?;
    let end = start.saturating_add(size);
    let next_token = (end < all.len()).then(|| STANDARD.encode(format!("next:{end}")));
    Ok(Page {
        items: all.into_iter().skip(start).take(size).collect(),
        next_token,
    })
}

fn read(token: &str) -> Result<usize, UnknownToken> {
    let bytes = STANDARD.decode(token).map_err(|_| UnknownToken)?;
    let text = String::from_utf8(bytes).map_err(|_| UnknownToken)?;
    text.strip_prefix("next:")
        .and_then(|start| start.parse().ok())
        .ok_or(UnknownToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_together_are_the_list() {
        for length in 0..12 {
            for size in 1..5 {
                let all: Vec<usize> = (0..length).collect();
                let (mut seen, mut token) = (Vec::new(), None);
                loop {
                    let part = page(all.clone(), size, token.as_deref()).unwrap();
                    assert!(part.items.len() <= size);
                    seen.extend(part.items);
                    token = part.next_token;
                    if token.is_none() {
                        break;
                    }
                }
                assert_eq!(seen, all, "{length} in pages of {size}");
            }
        }
    }

    #[test]
    fn foreign_tokens_are_refused() {
        for token in ["", "x", "bmV4dDo=", "AAAA", "bmV4dDotMQ=="] {
            assert_eq!(page(vec![1], 1, Some(token)), Err(UnknownToken), "{token}");
        }
    }
}
