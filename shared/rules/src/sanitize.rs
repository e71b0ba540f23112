//! Makes text from outside safe for a sentence of ours: tags, logs, sentences of AWS, names that others chose. Every form of a
//! message passes its texts through here, and nothing else does.

/// What people read of one line, and what fits beside others in a log and a message.
const CHARACTERS_AT_MOST: usize = 500;
/// A reason holds several sentences of AWS, with ARNs in them.
const QUOTED_AT_MOST: usize = 1500;

/// One line of text from outside: nothing in it breaks, hides or reorders what stands around it, and it is not longer than
/// people read.
pub fn line(text: &str) -> String {
    cut(text, CHARACTERS_AT_MOST)
}

fn cut(text: &str, characters_at_most: usize) -> String {
    let mut characters = text.trim_end().chars().map(visible);
    let start: String = characters.by_ref().take(characters_at_most).collect();
    if characters.next().is_some() {
        format!("{start}…")
    } else {
        start
    }
}

/// A [`line`] of a message: nothing in it is a mention or a link of a chat that a program passes the message on to
/// (`<!channel>`, `<@U1>`, `<url|text>`), or a tag of HTML. `<` before a number or a blank is none of them.
pub fn quoted(text: &str) -> String {
    let text = cut(text, QUOTED_AT_MOST);
    let mut following = text.chars().skip(1);
    let inert = text.chars().map(|c| match (c, following.next()) {
        ('<', Some(next)) if next.is_ascii_digit() || next == '=' || next == ' ' => '<',
        ('<', _) => '‹',
        (c, _) => c,
    });
    inert.collect()
}

/// One line for a mail's subject: printable ASCII, of at most so many characters (SNS API Reference, Publish).
pub fn subject(text: &str, characters_at_most: usize) -> String {
    let text = quoted(text);
    let printable = text.chars().map(|c| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    });
    printable.take(characters_at_most).collect()
}

/// One line of text for a chat, which also takes `@` for a mention, what follows `://` for a link, `&` for the beginning of either,
/// and Markdown for its own. Backticks stay, in pairs and one by one.
pub fn chat(text: &str) -> String {
    let marked = |c: char| {
        if matches!(c, '*' | '~' | '[' | ']' | '|') {
            ' '
        } else {
            c
        }
    };
    let text: String = inert(&cut(text, QUOTED_AT_MOST))
        .chars()
        .map(marked)
        .collect();
    if text.matches('`').count().is_multiple_of(2) && !text.contains("``") {
        text
    } else {
        text.replace('`', "'")
    }
}

/// One line of text between backticks, or in a block of code, of a chat.
pub fn chat_code(text: &str) -> String {
    inert(&cut(text, QUOTED_AT_MOST)).replace('`', "'")
}

fn inert(text: &str) -> String {
    text.replace('<', "‹")
        .replace('>', "›")
        .replace('@', "＠")
        .replace('&', "＆")
        .replace("://", ":∕∕")
}

fn visible(c: char) -> char {
    match c {
        c if c.is_control() || is_hidden_mark(c) => ' ',
        c => c,
    }
}

/// Marks that reorder or hide the text around them.
pub fn is_hidden_mark(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    )
}
