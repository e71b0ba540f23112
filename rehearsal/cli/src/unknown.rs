//! A name that is no scenario: what was meant.

use anyhow::bail;
use checks::quoted;
use clap::CommandFactory as _;

use crate::command::Arguments;

/// How alike two names are of which one is meant by the other, from 0 to 1 (Jaro's measure, as clap's own suggestions go by).
const ALIKE: f64 = 0.8;
/// How many names are suggested.
const SUGGESTED: usize = 3;

/// Whether a subcommand might stand where a scenario's name does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    Commands,
    Nothing,
}

/// Checks that a name is one of these scenarios.
pub(crate) fn check(name: &str, scenarios: &[&str], beside: Beside) -> anyhow::Result<()> {
    if scenarios.contains(&name) {
        return Ok(());
    }
    let command = Arguments::command();
    let commands = command.get_subcommands().map(clap::Command::get_name);
    let (what, known): (_, Vec<&str>) = match beside {
        Beside::Commands => (
            "neither a scenario nor a command",
            scenarios.iter().copied().chain(commands).collect(),
        ),
        Beside::Nothing => ("not a scenario", scenarios.to_vec()),
    };
    let meant = match nearest(name, &known).as_slice() {
        [] => String::new(),
        [one] => format!("; did you mean `{one}`?"),
        several => format!("; did you mean one of {}?", quoted(several)),
    };
    bail!(
        "`{name}` is {what}{meant} (hint: `cargo rehearse --list` lists the scenarios, `cargo rehearse --help` the commands)"
    )
}

/// The names that are most like the given one, the nearest first.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Vec<&'a str> {
    let mut alike: Vec<(f64, &str)> = known
        .iter()
        .map(|name| (strsim::jaro(given, name), *name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    // What is far less like it than the nearest was not meant.
    let near = alike.first().map_or(0.0, |(nearest, _)| nearest - 0.05);
    alike.retain(|(likeness, _)| *likeness >= near);
    alike.dedup_by_key(|(_, name)| *name);
    alike
        .into_iter()
        .take(SUGGESTED)
        .map(|(_, name)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_suggested() {
        let scenarios = [
            "ship",
            "native-ship",
            "rolling-ship",
            "storm-in-a-glass",
            "burst",
        ];
        for (name, beside, expected) in [
            (
                "shp",
                Beside::Commands,
                "`shp` is neither a scenario nor a command; did you mean `ship`? (hint: ",
            ),
            (
                "sotrm",
                Beside::Commands,
                "`sotrm` is neither a scenario nor a command; did you mean `storm`? (hint: ",
            ),
            (
                "serv",
                Beside::Nothing,
                "`serv` is not a scenario (hint: `cargo rehearse --list` lists",
            ),
            (
                "natve-shp",
                Beside::Nothing,
                "`natve-shp` is not a scenario; did you mean `native-ship`? (hint: ",
            ),
            (
                "something-else",
                Beside::Commands,
                "`something-else` is neither a scenario nor a command (hint: ",
            ),
        ] {
            let error = check(name, &scenarios, beside).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        check("burst", &scenarios, Beside::Commands).unwrap();
        assert!(check("serve", &scenarios, Beside::Nothing).is_err());
    }
}
