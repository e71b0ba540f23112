//! Aliases for texts that may be secret but must remain comparable: the words of commands, and the queries of requests.
//! Equal texts have equal aliases, so comparisons in the record give the same results as the originals.

use std::cell::RefCell;

/// A number for each text, by first appearance.
#[derive(Default)]
pub(super) struct Aliases {
    known: RefCell<Vec<String>>,
}

impl Aliases {
    fn number(&self, text: &str) -> usize {
        let mut known = self.known.borrow_mut();
        let index = known.iter().position(|one| one == text);
        let index = index.unwrap_or_else(|| {
            known.push(text.to_owned());
            known.len() - 1
        });
        index + 1
    }

    /// The words of a command. A shell splits the script that it was given.
    pub(super) fn words(&self, command: &[String]) -> Vec<usize> {
        let words = command.iter().flat_map(|word| word.split_whitespace());
        words.map(|word| self.number(word)).collect()
    }

    /// A path, with the names in its query but without their values: `/orders?token=…1`.
    pub(super) fn path(&self, path: &str) -> String {
        let Some((place, query)) = path.split_once('?') else {
            return path.to_owned();
        };
        let parameter = |parameter: &str| match parameter.split_once('=') {
            Some((name, value)) => format!("{name}=…{}", self.number(value)),
            None => format!("…{}", self.number(parameter)),
        };
        let query: Vec<String> = query.split('&').map(parameter).collect();
        format!("{place}?{}", query.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_have_the_same_numbers_however_a_shell_was_given_them() {
        let aliases = Aliases::default();
        let words = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            aliases.words(&words)
        };
        let given = words(&["TOKEN=hunter2 manage migrate"]);
        assert_eq!(given, words(&["TOKEN=hunter2", "manage", "migrate"]));
        assert_ne!(given, words(&["TOKEN=hunter3", "manage", "migrate"]));
    }

    #[test]
    fn a_path_is_recorded_without_the_values_of_its_query() {
        let aliases = Aliases::default();
        for (path, expected) in [
            ("/orders", "/orders"),
            ("/orders?token=hunter2&page=1", "/orders?token=…1&page=…2"),
            ("/orders?page=1", "/orders?page=…2"),
            ("/?hunter2", "/?…1"),
        ] {
            assert_eq!(aliases.path(path), expected);
        }
    }
}
