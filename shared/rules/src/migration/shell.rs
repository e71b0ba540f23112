//! What becomes of a command behind an entry point. A shell that takes its script from an option (`sh -c`) runs one word and
//! hands it the others as `$0`, `$1`, …: a command that is written as a list is then lost but for its first word, and the
//! task exits with 0.

use std::collections::BTreeSet;

const SHELLS: [&str; 15] = [
    "ash", "bash", "csh", "dash", "fish", "hush", "ksh", "ksh93", "mksh", "oksh", "rbash", "sh",
    "tcsh", "yash", "zsh",
];

/// Programs that run what follows their own options.
const WRAPPERS: [&str; 36] = [
    "busybox",
    "catatonit",
    "chamber",
    "chpst",
    "chroot",
    "command",
    "ddtrace-run",
    "docker-init",
    "doas",
    "doppler",
    "dumb-init",
    "env",
    "exec",
    "gosu",
    "init",
    "ionice",
    "newrelic-admin",
    "nice",
    "nohup",
    "opentelemetry-instrument",
    "s6-setuidgid",
    "setpriv",
    "setsid",
    "stdbuf",
    "su-exec",
    "sudo",
    "supervise",
    "time",
    "timeout",
    "tini",
    "tini-static",
    "toybox",
    "unshare",
    "userspec",
    "with-contenv",
    "xvfb-run",
];

/// Programs that take a script as a shell does, and hand it to one.
const SUBSTITUTES: [&str; 2] = ["runuser", "su"];

/// Their options that take a value.
const SUBSTITUTES_VALUES: [&str; 8] = [
    "--group",
    "--shell",
    "--supp-group",
    "--whitelist-environment",
    "-G",
    "-g",
    "-s",
    "-w",
];

/// Programs that end well whatever they are given, and run none of it.
const RUN_NOTHING: [&str; 4] = [":", "echo", "printf", "true"];

/// Words that people put in the place of `$0`.
const PLACEHOLDERS: [&str; 5] = ["", "-", "--", "$0", "_"];

/// Scripts that run what they are given as it is.
const PASS_ON: [&str; 4] = [r#"exec "$@""#, r#""$@""#, "exec $@", "$@"];

/// So deep a shell within a shell is followed.
const DEPTH_AT_MOST: usize = 4;

/// How a command means something else than it seems to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misuse {
    /// What would really run.
    pub(super) runs: Vec<String>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// The script is one word, and these words are lost; `script` is the place of the script among all words.
    WordsLost { script: usize, lost: Vec<String> },
    /// The first word of the command becomes `$0`, which the script does not use.
    NameLost(String),
    /// The entry point brings its script along, which uses nothing of the command.
    ScriptFixed,
    /// The shell reads its script from an input that is empty.
    ReadsInput,
    /// The shell reads the script without running it.
    NotExecuted,
    /// The program runs nothing.
    RunsNothing,
}

/// Examines the words of an entry point and a command, of which the first `fixed` are the entry point's.
pub(super) fn examine(words: &[String], fixed: usize) -> Option<Misuse> {
    examine_within(words, fixed, 0, DEPTH_AT_MOST)
}

/// The same within all words, of which `before` were passed already.
fn examine_within(words: &[String], fixed: usize, before: usize, depth: usize) -> Option<Misuse> {
    if depth == 0 || words.is_empty() {
        return None;
    }
    let misuse = |kind| {
        Some(Misuse {
            runs: words.to_vec(),
            kind,
        })
    };
    let program = base(&words[0]);
    if RUN_NOTHING.contains(&program) {
        return misuse(Kind::RunsNothing);
    }
    let at = shell(words)?;
    let (call, own) = if SUBSTITUTES.contains(&base(&words[at])) {
        substitute(words, at)
    } else {
        (shell_call(words, at), Vec::new())
    };
    match call {
        ShellCall::NotExecuted => misuse(Kind::NotExecuted),
        ShellCall::ReadsInput => misuse(Kind::ReadsInput),
        ShellCall::RunsFile => None,
        ShellCall::Script(script) => {
            let others = (0..words.len()).filter(|place| !own.contains(place));
            let others: Vec<String> = others.map(|place| words[place].clone()).collect();
            let fixed = fixed - own.iter().filter(|place| **place < fixed).count();
            of_script(&others, fixed, before, script, depth)
        }
    }
}

fn of_script(
    words: &[String],
    fixed: usize,
    before: usize,
    script: usize,
    depth: usize,
) -> Option<Misuse> {
    let text = words[script].trim();
    let arguments = &words[script + 1..];
    let misuse = |kind| {
        Some(Misuse {
            runs: words[..=script].to_vec(),
            kind,
        })
    };
    // What the entry point itself hands to its script is its own affair.
    let ours = |place: &usize| script + 1 + place >= fixed;
    let uses = Uses::of(text);
    if !uses.any() {
        // Nothing of the command is used, even where it is a placeholder alone.
        if script < fixed {
            return misuse(Kind::ScriptFixed);
        }
        let is_lost =
            |(place, word): &(usize, &String)| ours(place) && !is_placeholder(word, *place);
        let lost = arguments.iter().enumerate().filter(is_lost);
        let lost: Vec<String> = lost.map(|(_, word)| word.clone()).collect();
        let script = before + script;
        if !lost.is_empty() {
            return misuse(Kind::WordsLost { script, lost });
        }
        return within_script(text, script, depth - 1);
    }
    let name = arguments.first();
    if let Some(name) = name
        && !uses.zero
        && script < fixed
        && ours(&0)
        && !is_placeholder(name, 0)
    {
        return misuse(Kind::NameLost(name.clone()));
    }
    let lost: Vec<String> = arguments
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(place, _)| ours(place) && !uses.all && !uses.places.contains(place))
        .map(|(_, word)| word.clone())
        .collect();
    if !lost.is_empty() {
        return misuse(Kind::WordsLost {
            script: before + script,
            lost,
        });
    }
    if PASS_ON.contains(&text) && arguments.len() > 1 {
        let passed = script + 2;
        return examine_within(
            &words[passed..],
            fixed.saturating_sub(passed),
            before + passed,
            depth - 1,
        );
    }
    None
}

/// What is wrong with a shell that a script calls. The place within the script cannot be pasted; so the whole of it is named.
fn within_script(text: &str, script: usize, depth: usize) -> Option<Misuse> {
    let inner = examine_within(&plain_words(text)?, 0, 0, depth)?;
    let kind = match inner.kind {
        Kind::WordsLost { script: _, lost } => Kind::WordsLost { script, lost },
        kind @ (Kind::NameLost(_)
        | Kind::ScriptFixed
        | Kind::ReadsInput
        | Kind::NotExecuted
        | Kind::RunsNothing) => kind,
    };
    Some(Misuse {
        runs: inner.runs,
        kind,
    })
}

fn is_placeholder(word: &str, place: usize) -> bool {
    place == 0 && (PLACEHOLDERS.contains(&word) || SHELLS.contains(&base(word)))
}

/// Where the shell stands that a command begins with, behind the programs that run it.
fn shell(words: &[String]) -> Option<usize> {
    let is_shell = |at: usize| {
        words.get(at).is_some_and(|word| {
            let name = base(word);
            SHELLS.contains(&name) || SUBSTITUTES.contains(&name)
        })
    };
    let mut at = 0;
    while !is_shell(at) {
        if !is_wrapper(words.get(at)?) {
            return None;
        }
        at += 1;
        // `--` ends a wrapper's own words.
        if let Some(end) = words[at..].iter().position(|word| word == "--")
            && !words[at..at + end]
                .iter()
                .any(|word| is_wrapper(word) || SHELLS.contains(&base(word)))
        {
            at += end + 1;
            continue;
        }
        let is_own = |word: &String| word.starts_with('-') || word.contains('=');
        while words.get(at).is_some_and(is_own) {
            at += 1;
        }
        // One word that belongs to the wrapper: a user, a time, an option's value.
        let runs = |at: usize| is_shell(at) || words.get(at).is_some_and(|word| is_wrapper(word));
        if !runs(at) && runs(at + 1) {
            at += 1;
        }
    }
    Some(at)
}

fn is_wrapper(word: &str) -> bool {
    let name = base(word);
    // Entry point scripts of public images end with `exec "$@"`.
    let is_script = name.ends_with(".sh") || name.contains("entrypoint");
    WRAPPERS.contains(&name) || is_script
}

fn base(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    // A login shell's name begins with a hyphen.
    name.strip_prefix('-')
        .filter(|name| SHELLS.contains(name))
        .unwrap_or(name)
}

enum ShellCall {
    /// The place of the word that is the script.
    Script(usize),
    RunsFile,
    ReadsInput,
    NotExecuted,
}

/// How a shell reads its words: options, alone or in clusters, up to the first word that is none (POSIX, `sh`).
fn shell_call(words: &[String], at: usize) -> ShellCall {
    let (mut script, mut input, mut no_exec) = (false, false, false);
    let mut at = at + 1;
    while let Some(word) = words.get(at) {
        if word == "--" || word == "-" {
            at += 1;
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            at += if ["init-file", "rcfile"].contains(&long) {
                2
            } else {
                1
            };
            script |= long == "command";
            continue;
        }
        let Some(cluster) = word
            .strip_prefix(['-', '+'])
            .filter(|cluster| !cluster.is_empty())
        else {
            break;
        };
        let is_on = word.starts_with('-');
        at += 1;
        for option in cluster.chars() {
            match option {
                'c' => script |= is_on,
                's' => input |= is_on,
                'n' => no_exec |= is_on,
                'o' | 'O' => {
                    let name = words.get(at).map(String::as_str);
                    no_exec |= is_on && name == Some("noexec");
                    at += 1;
                }
                _ => {}
            }
        }
    }
    match at < words.len() {
        true if no_exec => ShellCall::NotExecuted,
        true if script => ShellCall::Script(at),
        true if !input => ShellCall::RunsFile,
        true | false => ShellCall::ReadsInput,
    }
}

/// `su app -c SCRIPT …`, or `su -c SCRIPT app …`: options and the user may stand in any order (util-linux, su(1)). Gives the
/// places behind the script, too, whose words the program itself takes; the script gets the others.
fn substitute(words: &[String], at: usize) -> (ShellCall, Vec<usize>) {
    let is_option = |word: &String| {
        word == "--command"
            || (word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))
    };
    let option = words[at..].iter().position(is_option);
    let script = option.map(|option| at + option + 1);
    let Some(script) = script.filter(|script| *script < words.len()) else {
        return (ShellCall::RunsFile, Vec::new());
    };
    let is_own = |place: &usize| {
        words[*place].starts_with('-') || SUBSTITUTES_VALUES.contains(&words[place - 1].as_str())
    };
    let behind = script + 1..words.len();
    let mut own: Vec<usize> = behind.clone().filter(is_own).collect();
    let user_comes_first = !(at + 1..script - 1).all(|place| is_own(&place));
    if !user_comes_first {
        own.extend(behind.clone().find(|place| !is_own(place)));
    }
    (ShellCall::Script(script), own)
}

/// What a script uses of the words behind it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Uses {
    zero: bool,
    all: bool,
    places: BTreeSet<usize>,
}

impl Uses {
    fn any(&self) -> bool {
        self.zero || self.all || !self.places.is_empty()
    }

    fn of(script: &str) -> Uses {
        let mut uses = Uses::default();
        let (mut single, mut double, mut escaped) = (false, false, false);
        for (at, character) in script.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' if !single => escaped = true,
                '\'' if !double => single = !single,
                '"' if !single => double = !double,
                '$' if !single => uses.note(&script[at + 1..]),
                _ => {}
            }
        }
        // `shift` brings each of them to `$1`.
        uses.all |= script.contains("shift") && !uses.places.is_empty();
        uses
    }

    fn note(&mut self, rest: &str) {
        let braced = rest.strip_prefix('{');
        let rest = braced.unwrap_or(rest);
        if rest.starts_with(['@', '*']) || rest.starts_with("argv") {
            self.all = true;
            return;
        }
        let digits = rest.chars().take_while(char::is_ascii_digit);
        // `$12` is `$1` and a 2; `${12}` is the twelfth.
        let digits: String = if braced.is_some() {
            digits.collect()
        } else {
            digits.take(1).collect()
        };
        match digits.parse() {
            Ok(0) => self.zero = true,
            Ok(place) => drop(self.places.insert(place)),
            Err(_) => {}
        }
    }
}

/// The words of a script that is one command and nothing else; none where a shell is needed to read it.
fn plain_words(script: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for character in script.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('\''), _) => word.push(character),
            (_, '\\' | '$' | '`') => return None,
            (Some(_), _) => word.push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                begun = true;
            }
            (None, ';' | '|' | '&' | '<' | '>' | '(' | ')' | '\n' | '#' | '*' | '?') => {
                return None;
            }
            (None, _) if character.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (None, _) => word.push(character),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    quote.is_none().then_some(words)
}

/// The words as one script that means the same.
pub(super) fn joined(words: &[String]) -> String {
    let quoted = |word: &String| {
        let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
