//! Numbers in sentences. The functions and the command have their own: the rehearsal shares no code with what ships.

use std::fmt::Display;

/// `1 play`, `2 plays`: a number with what it counts, in the singular or the plural.
pub fn counted<N: Display + PartialEq + From<u8>>(number: N, one: &str, many: &str) -> String {
    let noun = if number == N::from(1) { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_in_the_singular() {
        assert_eq!(counted(0_usize, "play", "plays"), "0 plays");
        assert_eq!(counted(1_u64, "play", "plays"), "1 play");
        assert_eq!(counted(2_u32, "box", "boxes"), "2 boxes");
    }
}
