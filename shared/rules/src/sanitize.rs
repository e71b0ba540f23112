//! Makes text from outside safe for a sentence of ours.

/// What people read of one line, and what fits beside others in a log and a message.
const CHARACTERS_AT_MOST: usize = 500;

/// One line of text from outside: nothing in it breaks, hides or reorders what stands around it, and it is not longer than
/// people read.
pub(crate) fn line(text: &str) -> String {
    let visible = |c: char| {
        if c.is_control() || is_hidden_mark(c) {
            ' '
        } else {
            c
        }
    };
    let mut characters = text.trim_end().chars().map(visible);
    let start: String = characters.by_ref().take(CHARACTERS_AT_MOST).collect();
    if characters.next().is_some() {
        format!("{start}…")
    } else {
        start
    }
}

/// Marks that reorder or hide the text around them.
pub(crate) fn is_hidden_mark(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    )
}
