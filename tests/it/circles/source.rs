//! What a Rust file names, as far as that shows without compiling it.

use std::collections::BTreeSet;

/// The names in one file, without those in comments, literals and tests.
pub(super) struct Source {
    pub(super) imports: Vec<Import>,
    /// Paths of at least two parts outside `use`.
    pub(super) paths: Vec<Vec<String>>,
    /// Every word outside `use`.
    pub(super) names: BTreeSet<String>,
}

/// One leaf of a `use`.
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// By which the file, or who takes it from there, knows it.
    pub(super) name: String,
    pub(super) is_public: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Mark(char),
}

impl Token {
    fn is(&self, mark: char) -> bool {
        *self == Token::Mark(mark)
    }

    fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            Token::Mark(_) => None,
        }
    }
}

impl Source {
    pub(super) fn read(text: &str) -> Source {
        let tokens = without_tests(tokens(text));
        let mut source = Source {
            imports: Vec::new(),
            paths: Vec::new(),
            names: BTreeSet::new(),
        };
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let Some(word) = token.word() else {
                at += 1;
                continue;
            };
            if word == "use" {
                let end = end_of(&tokens, at, ';');
                let is_public = at > 0 && ends_visibility(&tokens[..at]);
                let before = source.imports.len();
                leaves(&tokens[at + 1..end], &[], &mut source.imports);
                let added = source.imports[before..].iter_mut();
                added.for_each(|import| import.is_public = is_public);
                at = end;
                continue;
            }
            if word == "pub" && restricts(&tokens[at + 1..]) {
                at = end_of(&tokens, at, ')');
                continue;
            }
            let mut path = vec![word.to_owned()];
            let is_member = match &tokens[..at] {
                [.., last] if last.is('.') => true,
                [.., one, last] => one.is(':') && last.is(':'),
                _ => false,
            };
            at += 1;
            while let [first, second, Token::Word(next), ..] = &tokens[at..]
                && first.is(':')
                && second.is(':')
            {
                path.push(next.clone());
                at += 3;
            }
            source.names.extend(path.iter().cloned());
            if path.len() > 1 && !is_member {
                source.paths.push(path);
            }
        }
        source
    }
}

/// `(crate)`, `(super)`, `(in a::b)`: who may see an item is not what it uses.
fn restricts(tokens: &[Token]) -> bool {
    match tokens {
        [open, Token::Word(word), next, ..] if open.is('(') => word == "in" || next.is(')'),
        _ => false,
    }
}

/// `pub` or `pub(…)`.
fn ends_visibility(tokens: &[Token]) -> bool {
    let before = match tokens.last() {
        Some(token) if token.is(')') => tokens.iter().rposition(|token| token.is('(')),
        _ => Some(tokens.len()),
    };
    let word = before.and_then(|before| tokens[..before].last()?.word());
    word == Some("pub")
}

/// The place of the next such mark.
fn end_of(tokens: &[Token], from: usize, mark: char) -> usize {
    let found = tokens[from..].iter().position(|token| token.is(mark));
    found.map_or(tokens.len(), |found| from + found)
}

/// `a::{b, c::D as E}` leads to `a::b` and `a::c::D`.
fn leaves(tree: &[Token], before: &[String], imports: &mut Vec<Import>) {
    let mut path = before.to_vec();
    let mut rest = tree;
    while let Some((token, further)) = rest.split_first() {
        match token {
            Token::Word(word) if word == "as" => break,
            Token::Word(word) => path.push(word.clone()),
            Token::Mark('{') => {
                let inner = &further[..further.len().saturating_sub(1)];
                branches(inner).for_each(|branch| leaves(branch, &path, imports));
                return;
            }
            Token::Mark(_) => {}
        }
        rest = further;
    }
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    let alias = rest.get(1).and_then(Token::word);
    let name = alias.or(path.last().map(String::as_str));
    if let Some(name) = name.map(str::to_owned) {
        imports.push(Import {
            path,
            name,
            is_public: false,
        });
    }
}

/// The parts between the commas that are in no inner braces.
fn branches(tree: &[Token]) -> impl Iterator<Item = &[Token]> {
    let mut depth = 0_usize;
    let parts = tree.split(move |token| {
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth = depth.saturating_sub(1),
            Token::Mark(_) | Token::Word(_) => {}
        }
        depth == 0 && token.is(',')
    });
    parts.filter(|part| !part.is_empty())
}

/// Leaves out every item behind `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let marker = self::tokens("#[cfg(test)]");
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].starts_with(&marker) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0_usize;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') if depth == 1 => break,
                Token::Mark('}') => depth = depth.saturating_sub(1),
                Token::Mark(';') if depth == 0 => break,
                Token::Mark(_) | Token::Word(_) => {}
            }
        }
    }
    kept
}

/// Words and marks; comments and literals are left out.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(literal) = raw_string(rest) {
            literal
        } else if first == '"' {
            1 + closing(&rest[1..], '"')
        } else if first == '\'' {
            character(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Mark(first));
            }
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    tokens
}

/// The length of `r#"…"#` at the beginning of the text.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r')?;
    let inner = hashes.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(hashes.len() - inner.len()));
    let content = inner.strip_prefix('"')?;
    let length = content.find(&end)? + end.len();
    Some(text.len() - content.len() + length)
}

/// How far it is to the end of a literal that has begun, over what is escaped.
fn closing(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `'x'`, or of the mark that begins a lifetime.
fn character(text: &str) -> usize {
    let inner = &text[1..];
    let width = inner.chars().next().map_or(0, char::len_utf8);
    match inner.starts_with('\\') || inner[width..].starts_with('\'') {
        true => 1 + closing(inner, '\''),
        false => 1,
    }
}
