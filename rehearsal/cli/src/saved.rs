//! A saved record: judged again or presented, without a world.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use checks::claims;
use record::Record;

use crate::scenario::{Catalogue, Scenario};

/// The argument that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Reads the record from a file, or from standard input.
pub(crate) fn read(file: &Path) -> anyhow::Result<Record> {
    let (name, text) = if file == Path::new(STANDARD_INPUT) {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.context("read the record on standard input")?;
        ("standard input".to_owned(), text)
    } else {
        let name = format!("`{}`", file.display());
        let text = std::fs::read_to_string(file);
        let text = text.with_context(|| format!("read the record in {name}"))?;
        (name, text)
    };
    parse(&text).map_err(|why| {
        let hint = "hint: `cargo rehearse NAME --json` prints one";
        anyhow!("{name} is not a record of a run: {why:#} ({hint})")
    })
}

fn parse(text: &str) -> anyhow::Result<Record> {
    let mut json = serde_json::Deserializer::from_str(text);
    let record = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            // The path of the whole document.
            "." => anyhow!("{}", error.inner()),
            path => anyhow!("at `{path}`: {}", error.inner()),
        }
    })?;
    json.end().context("something follows the record")?;
    Ok(record)
}

/// Whether the claims of a record were judged again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    Judged,
    /// They keep the verdicts of the run, for this reason.
    Kept(String),
}

/// The same record, judged again. Claims that are not in the catalogue keep their verdicts, except the claim that the
/// invariants hold.
pub(crate) fn judge(mut record: Record, catalogue: &anyhow::Result<Catalogue>) -> (Record, Claims) {
    record.violations = checks::judge(&record);
    match scenario_of(&record, catalogue) {
        Ok(scenario) => {
            scenario.judge(&mut record);
            (record, Claims::Judged)
        }
        Err(why) => (judge_invariants(record), Claims::Kept(why)),
    }
}

/// The scenario that makes the record's claims, or why there is none.
fn scenario_of(record: &Record, catalogue: &anyhow::Result<Catalogue>) -> Result<Scenario, String> {
    let catalogue = catalogue.as_ref().map_err(|error| format!("{error:#}"))?;
    let name = record.scenario.as_str();
    if !catalogue.names().contains(&name) {
        return Err(format!("`{name}` is not a scenario of the catalogue"));
    }
    let scenario = catalogue.scenario(name);
    let scenario = scenario.map_err(|error| format!("{error:#}"))?;
    let claims = scenario.expectations.iter();
    match claims.map(|expected| &expected.claim).eq(&record.claims) {
        true => Ok(scenario),
        false => Err(format!("`{name}` makes other claims than the record has")),
    }
}

fn judge_invariants(mut record: Record) -> Record {
    let sound = claims::sound(&record.excuses);
    if !record.claims.contains(&sound.claim) {
        record.claims.push(sound.claim.clone());
    }
    record
        .problems
        .retain(|problem| problem.expected != sound.claim);
    record.problems.extend(sound.problem(&record));
    record.as_expected = record.problems.is_empty();
    record
}

#[cfg(test)]
mod tests {
    use record::{Invariant, Leak};
    use serde_json::{Value, json};

    use super::*;
    use crate::scenario::tests::{catalogue, scenario, shipped};

    /// The record of a run of `ship`.
    fn played() -> Record {
        let ship = scenario("ship");
        let claims = ship.expectations.iter();
        let mut record = Record {
            claims: claims.map(|expected| expected.claim.clone()).collect(),
            ..shipped()
        };
        ship.judge(&mut record);
        record
    }

    fn again(record: Record) -> Record {
        judge(record, &Ok(catalogue())).0
    }

    fn written(record: &Record) -> String {
        serde_json::to_string_pretty(record).unwrap()
    }

    #[test]
    fn a_record_that_was_saved_is_judged_as_it_was() {
        let record = played();
        assert!(record.as_expected, "{:?}", record.problems);
        let text = written(&record);
        let judged = again(parse(&text).unwrap());
        assert_eq!(written(&judged), text);
        assert_eq!(report::page(&judged), report::page(&record));
    }

    #[test]
    fn violations_in_a_saved_record_are_found() {
        let mut broken = played();
        broken.leaks.push(Leak {
            place: "the log of `run-migration`".to_owned(),
            secret: "SHOP_TOKEN".to_owned(),
            after: String::new(),
        });
        broken.messages.pop();
        let judged = again(parse(&written(&broken)).unwrap());
        let [violation] = judged.violations.as_slice() else {
            panic!("{:?}", judged.violations)
        };
        assert_eq!(violation.invariant, Invariant::TruthTold);
        let problems = judged.problems.iter().map(|one| one.expected.as_str());
        let expected = ["messages: started, shipped", "the eight invariants hold"];
        assert_eq!(problems.collect::<Vec<_>>(), expected);
        assert!(!judged.as_expected);
    }

    #[test]
    fn claims_of_others_stay_as_they_were_judged() {
        let mut own = played();
        own.claims.remove(0);
        own.messages.clear();
        let judged = again(own.clone());
        assert_eq!((judged.as_expected, &judged.problems), (true, &Vec::new()));
        own.leaks.push(Leak {
            place: "the log".to_owned(),
            secret: "SHOP_TOKEN".to_owned(),
            after: String::new(),
        });
        let judged = again(own);
        assert!(!judged.as_expected);
        // A violation that no longer exists is not kept.
        let mut corrected = judged;
        corrected.leaks.clear();
        assert!(again(corrected).as_expected);
    }

    #[test]
    fn claims_that_are_not_judged_again_are_reported() {
        let claims = |record: Record| judge(record, &Ok(catalogue())).1;
        assert_eq!(claims(played()), Claims::Judged);
        let mut other = played();
        other.claims.remove(0);
        let expected = "`ship` makes other claims than the record has";
        assert_eq!(claims(other), Claims::Kept(expected.to_owned()));
        let mut storm = played();
        storm.scenario = "storm".to_owned();
        let expected = "`storm` is not a scenario of the catalogue";
        assert_eq!(claims(storm), Claims::Kept(expected.to_owned()));
        let (_, missing) = judge(played(), &Err(anyhow!("no catalogue")));
        assert_eq!(missing, Claims::Kept("no catalogue".to_owned()));
    }

    #[test]
    fn a_record_excuses_no_more_than_its_scenario() {
        let mut excused = played();
        excused.excuses.push(record::Excuse {
            invariant: Invariant::TruthTold,
            reason: "a hand-written excuse".to_owned(),
        });
        excused.leaks.push(Leak {
            place: "the log".to_owned(),
            secret: "SHOP_TOKEN".to_owned(),
            after: String::new(),
        });
        assert!(!again(excused).as_expected);
    }

    #[test]
    fn an_excuse_of_the_record_counts() {
        let mut excused = played();
        excused.scenario = "nothing-wanted".to_owned();
        excused.excuses.push(record::Excuse {
            invariant: Invariant::ProductionAnswers,
            reason: "the desired count is 0".to_owned(),
        });
        excused
            .answers
            .insert("web".to_owned(), record::Answers::default());
        let judged = again(excused.clone());
        assert!(judged.as_expected && judged.violations.len() == 1);
        excused.excuses.clear();
        assert!(!again(excused).as_expected);
    }

    #[test]
    fn an_invalid_record_is_reported_with_the_path_of_the_mistake() {
        let changed = |change: fn(&mut Value)| {
            let mut document = serde_json::to_value(played()).unwrap();
            change(&mut document);
            document.to_string()
        };
        for (text, expected) in [
            ("no JSON".to_owned(), "expected"),
            ("{}".to_owned(), "missing field `scenario`"),
            (
                format!("{} x", written(&played())),
                "something follows the record",
            ),
            (
                changed(|record| record["deployments"][0]["status"] = json!(5)),
                "at `deployments[0].status`: invalid type: integer `5`, expected a string",
            ),
            (
                changed(|record| record["simulated"]["start"] = json!("noon")),
                "at `simulated.start`: `noon` is not a moment",
            ),
            (
                changed(|record| record["excuses"] = json!([{ "invariant": 9, "reason": "" }])),
                "at `excuses[0].invariant`: there is no invariant 9, expected one of 1 to 8",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            let told = format!("{error:#}");
            assert!(
                told.starts_with(expected) || expected == "expected" && told.contains(expected),
                "{told}"
            );
        }
    }
}
