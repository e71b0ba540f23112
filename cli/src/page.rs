//! What people see: text that fits a terminal, colours where there is one, and JSON for programs.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;
use terminal_size::{Height, Width};

/// The width where no terminal states one.
const WIDTH: usize = 80;
/// Lines of a wider terminal are not read any better.
const WIDTH_AT_MOST: usize = 120;
/// In front of what mends something.
pub(crate) const ARROW: &str = "-> ";
/// The labels in front of a page's fields.
const LABEL: usize = 13;

/// Where the command writes.
pub(crate) struct Output {
    /// Whether stdout is for programs.
    pub(crate) json: bool,
    colours: bool,
    pub(crate) is_terminal: bool,
}

/// How a text stands out. Colour never says anything that the words do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Bold,
    Good,
    Bad,
    Waiting,
}

impl Output {
    /// Colours only on a terminal, and without `NO_COLOR` (no-color.org).
    pub(crate) fn of_process(json: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let no_colour =
            std::env::vars_os().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
        Self {
            json,
            colours: is_terminal && !json && !no_colour,
            is_terminal: is_terminal && !json,
        }
    }

    /// Width and height of the terminal.
    pub(crate) fn size(&self) -> (usize, usize) {
        let size = terminal_size::terminal_size().filter(|_| self.is_terminal);
        size.map_or((WIDTH, usize::MAX), |(Width(width), Height(height))| {
            (usize::from(width).min(WIDTH_AT_MOST), usize::from(height))
        })
    }

    /// The rows of the terminal that a line takes: one that is longer than the terminal is wide goes on below.
    pub(crate) fn rows(&self, line: &str) -> usize {
        let size = terminal_size::terminal_size().filter(|_| self.is_terminal);
        let width = size.map_or(usize::MAX, |(Width(width), _)| usize::from(width).max(1));
        visible(line).div_ceil(width).max(1)
    }

    pub(crate) fn page(&self) -> Page {
        Page {
            width: self.size().0,
            colours: self.colours,
            text: String::new(),
        }
    }

    /// Writes to stdout. A reader that has gone away (`| head`) is no failure of the command.
    pub(crate) fn text(&self, text: &str) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// One object on one line.
    pub(crate) fn json(&self, value: &Value) -> anyhow::Result<()> {
        self.text(&format!("{value}\n"))
    }

    /// Beside what was asked for: to stderr, which may be closed.
    pub(crate) fn note(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    pub(crate) fn error(&self, error: &anyhow::Error) {
        self.note(&of_caller(&format!("error: {error:#}")));
    }
}

/// What a function lacks in its role, the caller of the command lacks in the credentials.
pub(crate) fn of_caller(text: &str) -> String {
    text.replace("the function's role needs", "your credentials need")
        .replace("the function's role has", "your credentials have")
        .replace("of the function's role", "of your role")
}

/// How many characters of a line are seen: those of its colours are not.
fn visible(line: &str) -> usize {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().chars().count();
    let rest = parts.map(|part| {
        part.split_once('m')
            .map_or(0, |(_, text)| text.chars().count())
    });
    first + rest.sum::<usize>()
}

/// Text that is laid out for a width.
pub(crate) struct Page {
    width: usize,
    colours: bool,
    text: String,
}

impl Page {
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// A line of its own, or several.
    pub(crate) fn line(&mut self, text: &str, ink: Ink) {
        for line in wrapped(text, self.width) {
            let line = self.inked(&line, ink);
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// Lines to paste, at whatever length.
    pub(crate) fn as_it_is(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A label and what it is about, which hangs behind it.
    pub(crate) fn field(&mut self, label: &str, text: &str, ink: Ink) {
        let mut label = format!("  {label:<width$}", width = LABEL - 2);
        for line in wrapped(text, self.width.saturating_sub(LABEL)) {
            let line = self.inked(&line, ink);
            self.text.push_str(format!("{label}{line}").trim_end());
            self.text.push('\n');
            label = " ".repeat(LABEL);
        }
    }

    fn inked(&self, text: &str, ink: Ink) -> String {
        let code = match ink {
            Ink::Bold => "1",
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Waiting => "33",
            Ink::Plain => return text.to_owned(),
        };
        match self.colours {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

/// Whether it is a line to paste, behind the arrow of a remedy or alone.
pub(crate) fn is_command(line: &str) -> bool {
    line.strip_prefix(ARROW).unwrap_or(line).starts_with("aws ")
}

/// The text in lines of at most `width` characters. A word that is longer has a line of its own: an ARN that is broken cannot be
/// copied. Nor can a command, which a shell would run up to the end of its first line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        // Columns stay columns.
        if paragraph.chars().count() <= width || is_command(paragraph) {
            lines.push(paragraph.to_owned());
            continue;
        }
        let indent: String = paragraph.chars().take_while(|c| *c == ' ').collect();
        let mut line = indent.clone();
        let mut is_empty = true;
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let length = line.chars().count() + usize::from(!is_empty) + word.chars().count();
            if length > width && !is_empty {
                lines.push(std::mem::replace(&mut line, indent.clone()));
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        lines.push(line);
    }
    lines
}
