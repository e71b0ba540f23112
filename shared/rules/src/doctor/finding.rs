//! A finding, and the list that checks write to.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A deployment would fail, hang or not start.
    Wrong,
    /// It may be meant so.
    Doubt,
    /// It could not be found out.
    NotKnown,
}

impl Severity {
    /// Its name in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Doubt => "doubt",
            Self::NotKnown => "not_known",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: `alarms`, `listeners`, `secrets`, …
    pub subject: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, and what was expected.
    pub sentence: String,
    /// What to do. A command stands on a line of its own, to be pasted into a shell; `<…>` in it is to be filled in.
    pub remedy: Option<String>,
}

/// What AWS said of a thing that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<T> {
    /// This.
    Found(T),
    /// There is no such thing.
    Absent,
    /// It did not answer, for this reason.
    NotKnown(String),
}

impl<T> Read<T> {
    /// What was found.
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(found) => Some(found),
            Self::Absent | Self::NotKnown(_) => None,
        }
    }

    /// What was found. That it is not there is wrong, with the sentence and the remedy of `absent`; `what` is what it is, as people
    /// call it.
    pub fn or_tell(
        self,
        checks: &mut Checks,
        subject: &'static str,
        what: &str,
        absent: impl FnOnce() -> (String, String),
    ) -> Option<T> {
        match self {
            Self::Found(found) => return Some(found),
            Self::Absent => {
                let (sentence, remedy) = absent();
                checks.wrong(subject, sentence, remedy);
            }
            Self::NotKnown(why) => {
                checks.not_known(subject, &format!("{what} is not known: {why}"))
            }
        }
        None
    }
}

/// What was checked, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    /// What is not right, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// What was looked at, in short.
    pub checked: Vec<String>,
}

impl Checks {
    /// Something is wrong.
    pub fn wrong(
        &mut self,
        subject: &'static str,
        sentence: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(
            subject,
            Severity::Wrong,
            sentence.into(),
            Some(remedy.into()),
        );
    }

    /// Something may be meant so.
    pub fn doubt(
        &mut self,
        subject: &'static str,
        sentence: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(
            subject,
            Severity::Doubt,
            sentence.into(),
            Some(remedy.into()),
        );
    }

    /// Something could not be found out. The reason of a failed call may bring its remedy along.
    pub fn not_known(&mut self, subject: &'static str, sentence: &str) {
        let (sentence, remedy) = apart(sentence);
        self.add(subject, Severity::NotKnown, sentence, remedy);
    }

    /// What a function would refuse with, in its own words.
    pub fn refused(&mut self, subject: &'static str, refusal: &str) {
        let (sentence, remedy) = apart(refusal);
        self.add(subject, Severity::Wrong, sentence, remedy);
    }

    /// What was looked at.
    pub fn checked(&mut self, what: impl Into<String>) {
        self.checked.push(what.into());
    }

    /// With those of another list.
    pub fn extend(&mut self, other: Self) {
        for one in other.findings {
            self.add(one.subject, one.severity, one.sentence, one.remedy);
        }
        self.checked.extend(other.checked);
    }

    /// Whether anything is wrong.
    pub fn is_wrong(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|one| one.severity == Severity::Wrong)
    }

    /// Two pipelines of a service, or two containers, may meet the same mistake: it is told once.
    fn add(
        &mut self,
        subject: &'static str,
        severity: Severity,
        sentence: String,
        remedy: Option<String>,
    ) {
        let finding = Finding {
            subject,
            severity,
            sentence,
            remedy,
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// Our refusals end with `(hint: …)`: the sentence, and the hint.
pub(super) fn apart(text: &str) -> (String, Option<String>) {
    const HINT: &str = " (hint: ";
    let parts = text
        .strip_suffix(')')
        .and_then(|text| text.split_once(HINT));
    match parts {
        Some((sentence, hint)) => (sentence.to_owned(), Some(commands_apart(hint))),
        None => (text.to_owned(), None),
    }
}

/// Within a sentence a command stands between backticks; here it is a line to paste.
fn commands_apart(hint: &str) -> String {
    let (mut lines, mut rest) = (Vec::new(), hint);
    while let Some((before, after)) = rest.split_once("`aws ") {
        let Some((command, behind)) = after.split_once('`') else {
            break;
        };
        match before.trim_end_matches([' ', ',']) {
            "" => {}
            before => lines.push(format!("{before}:")),
        }
        lines.push(format!("aws {command}"));
        rest = behind.trim_start_matches([' ', ',', ';']);
    }
    if !rest.is_empty() {
        lines.push(rest.to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_sentence_and_its_hint() {
        let check = |text: &str, sentence: &str, hint: Option<&str>| {
            assert_eq!(apart(text), (sentence.to_owned(), hint.map(str::to_owned)));
        };
        check(
            "`a` is not `b` (hint: write `b()`)",
            "`a` is not `b`",
            Some("write `b()`"),
        );
        check("`a` (b) is not `c`", "`a` (b) is not `c`", None);
        check("what (some)", "what (some)", None);
        check(
            "`a` (hint: where it is gone, `aws ecs b --c d`)",
            "`a`",
            Some("where it is gone:\naws ecs b --c d"),
        );
        check(
            "`a` (hint: `aws b --c '{}'`, `aws d` lists them)",
            "`a`",
            Some("aws b --c '{}'\naws d\nlists them"),
        );
    }

    #[test]
    fn the_same_mistake_is_told_once() {
        let mut checks = Checks::default();
        checks.wrong("alarms", "a", "b");
        let mut other = checks.clone();
        other.doubt("alarms", "a", "b");
        checks.extend(other);
        assert_eq!(checks.findings.len(), 2);
        assert!(checks.is_wrong());
    }
}
