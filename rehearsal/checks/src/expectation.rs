//! Claims about a run, each with its check.

use record::{Problem, Record};

/// A claim about a run.
pub struct Expectation {
    /// The claim in one sentence.
    pub claim: String,
    check: Check,
}

/// Returns the finding, if the claim does not hold.
type Check = Box<dyn Fn(&Record) -> Result<(), String> + Send>;

/// The assumption that decides whether the claim is made, as `--assume` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provided {
    Assumed(String),
    NotAssumed(String),
}

impl Expectation {
    /// `check` returns the finding, if the claim does not hold.
    pub fn new(
        claim: impl Into<String>,
        check: impl Fn(&Record) -> Result<(), String> + Send + 'static,
    ) -> Expectation {
        Expectation {
            claim: claim.into(),
            check: Box::new(check),
        }
    }

    /// The same claim, but only for runs with an assumption, or only for runs without it.
    pub fn provided(self, provided: Provided) -> Expectation {
        let (assumption, wanted) = match provided {
            Provided::Assumed(assumption) => (assumption, true),
            Provided::NotAssumed(assumption) => (assumption, false),
        };
        let word = if wanted { "with" } else { "without" };
        let check = self.check;
        Expectation::new(
            format!("{word} `{assumption}`: {}", self.claim),
            move |record| {
                let assumed = record.assumptions.contains(&assumption);
                if assumed == wanted {
                    check(record)
                } else {
                    Ok(())
                }
            },
        )
    }

    pub fn problem(&self, record: &Record) -> Option<Problem> {
        let found = (self.check)(record).err()?;
        Some(Problem {
            expected: self.claim.clone(),
            found,
        })
    }
}

/// Adds the expectations that did not hold to a record.
pub fn judge_claims(expectations: &[Expectation], record: &mut Record) {
    let problems = expectations
        .iter()
        .filter_map(|expectation| expectation.problem(record));
    record.problems = problems.collect();
    record.as_expected = record.problems.is_empty();
}
