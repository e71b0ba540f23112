//! Which command takes which option. An option that a command does not use is an error that names the commands that do:
//! otherwise a result could differ from the one that was requested.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Error};

/// A line with the options after the subcommand, where they may also precede it.
pub(super) fn in_order(command: &mut Command, line: Vec<OsString>) -> Result<Vec<OsString>, Error> {
    let Some((before, name, after)) = parts(command, &line) else {
        return Ok(line);
    };
    let matches = before.matches;
    let subcommand = command.find_subcommand(&name).cloned();
    let takes = |id: &str| {
        let mut arguments = subcommand.iter().flat_map(Command::get_arguments);
        arguments.any(|argument| argument.get_id() == id && !argument.is_positional())
    };
    let given = |argument: &&clap::Arg| {
        let id = argument.get_id().as_str();
        // Clap handles `--help` first, so it is not among the options before a subcommand.
        matches.try_contains_id(id).is_ok()
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    let refused = command
        .get_arguments()
        .filter(given)
        .find(|argument| !takes(argument.get_id().as_str()));
    if let Some(argument) = refused.cloned() {
        return Err(not_taken(command, &name, &argument));
    }
    let program = line.first().cloned();
    Ok(program
        .into_iter()
        .chain([OsString::from(name)])
        .chain(before.options)
        .chain(after)
        .collect())
}

/// Clap's error, with the commands that take the unexpected argument.
pub(super) fn explained(command: &mut Command, name: Option<&str>, error: Error) -> Error {
    let unknown = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(argument))) => argument.clone(),
        _ => return error,
    };
    let long = unknown.trim_start_matches("--");
    let long = long.split(['=', ' ']).next().unwrap_or(long);
    let commands = std::iter::once(&*command).chain(command.get_subcommands());
    let argument = commands
        .flat_map(Command::get_arguments)
        .find(|argument| argument.get_long() == Some(long))
        .cloned();
    match argument {
        Some(argument) => not_taken(command, name.unwrap_or("a scenario"), &argument),
        None => error,
    }
}

fn not_taken(command: &mut Command, name: &str, argument: &clap::Arg) -> Error {
    let has = |taker: &Command| {
        let mut arguments = taker.get_arguments();
        arguments.any(|other| other.get_id() == argument.get_id())
    };
    let mut takers = Vec::new();
    if has(command) {
        takers.push("a scenario (`cargo rehearse NAME`)".to_owned());
    }
    let others = command.get_subcommands().filter(|other| has(other));
    takers.extend(others.map(|other| format!("`{}`", other.get_name())));
    let takers = takers.join(", ");
    command.error(
        ErrorKind::ArgumentConflict,
        format!("the argument '{argument}' cannot be used with '{name}': it is for {takers}"),
    )
}

/// The arguments before a subcommand.
struct Before {
    options: Vec<OsString>,
    matches: ArgMatches,
}

/// Splits a line into the arguments before its subcommand, the subcommand, and the rest. `None` if it has no
/// subcommand, or cannot be parsed, which clap reports better.
fn parts(command: &Command, line: &[OsString]) -> Option<(Before, String, Vec<OsString>)> {
    let names = |token: &OsString| {
        let token = token.to_str()?;
        let subcommand = command.find_subcommand(token)?;
        Some(subcommand.get_name().to_owned())
    };
    let alone = alone(command);
    (1..line.len()).find_map(|at| {
        let name = names(&line[at])?;
        // The name may be the value of an option; the arguments before it are then incomplete.
        let matches = alone.clone().try_get_matches_from(&line[..at]).ok()?;
        let options = line[1..at].to_vec();
        Some((Before { options, matches }, name, line[at + 1..].to_vec()))
    })
}

/// The command without its subcommands.
fn alone(command: &Command) -> Command {
    let is_own = |argument: &&clap::Arg| !matches!(argument.get_id().as_str(), "help" | "version");
    let arguments = command.get_arguments().filter(is_own).cloned();
    Command::new("rehearse")
        .disable_help_flag(true)
        .args(arguments)
}

/// The subcommand of a line.
pub(super) fn name_of(command: &Command, line: &[OsString]) -> Option<String> {
    parts(command, line).map(|(_, name, _)| name)
}
