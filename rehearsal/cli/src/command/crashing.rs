//! The arguments of `crashes`.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use local_aws::fault::Fault;

use super::shared::{Build, Otherwise};
use crate::binaries::FUNCTIONS;
use crate::scenario::quoted;

pub(crate) const AFTER_HELP: &str = "\
Each scenario is played once to find its points: every call that a function makes to AWS, identified by the function, \
the operation, and the number of the call. Then it is played again for each point and each fault, without any other fault:
Lambda and EventBridge retry failed events, as they do in AWS. At the end of each play the eight invariants must hold. \
A script that waits for a moment that can no longer come is cut short.

Faults:
  killed-before  the function's process is killed before AWS receives the call
  killed-after   the function's process is killed after AWS has executed the call, before the answer arrives
  error          AWS answers every attempt of the call with an internal error, and does nothing
  denied         AWS denies the call, which no SDK retries
  throttled      AWS throttles every attempt of the call
  timed-out      AWS executes every attempt of the call, and never answers
  answer-lost    AWS executes the call, and the connection breaks before the answer; the next attempt is answered

Examples:
  cargo rehearse crashes ship                             all points and faults of one scenario
  cargo rehearse crashes ship burst --fault killed-after
  cargo rehearse crashes --call ecs:RunTask               one call, in all scenarios
  cargo rehearse crashes --json > crashes.json            every play, for programs
  cargo rehearse ship --fault run-migration:ecs:RunTask:1=killed-after   one play, with full progress

Exit status:
  0  the invariants held at every point
  1  one did not, or a play did not finish
  2  wrong usage";

fn known_function(given: &str) -> Result<String, String> {
    match FUNCTIONS.contains(&given) {
        true => Ok(given.to_owned()),
        false => Err(format!("expected one of {}", quoted(&FUNCTIONS))),
    }
}

fn fault() -> impl TypedValueParser<Value = Fault> {
    let value = |fault: &Fault| PossibleValue::new(fault.name()).help(fault.meaning());
    PossibleValuesParser::new(Fault::ALL.iter().map(value)).try_map(|given| given.parse::<Fault>())
}

fn call(given: &str) -> Result<String, String> {
    let is_call = |(service, operation): (&str, &str)| {
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_name(service)
            && is_name(operation)
            && operation.starts_with(|c: char| c.is_ascii_uppercase())
    };
    match given.split_once(':').is_some_and(is_call) {
        true => Ok(given.to_owned()),
        false => Err("expected a service and an operation, as in `ecs:RunTask`".to_owned()),
    }
}

/// The arguments of `crashes`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Crashing {
    /// The scenarios to play [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) scenarios: Vec<String>,

    /// Only calls of these functions, by their binaries' names
    #[arg(long = "function", value_name = "FUNCTION", value_parser = known_function)]
    pub(crate) functions: Vec<String>,

    /// Only calls to these operations, as in `ecs:RunTask`
    #[arg(long = "call", value_name = "SERVICE:OPERATION", value_parser = call)]
    pub(crate) calls: Vec<String>,

    /// Only these faults
    #[arg(
        long = "fault",
        value_name = "KIND",
        value_parser = fault(),
        hide_possible_values = true
    )]
    pub(crate) faults: Vec<Fault>,

    /// Plays at a time, plus four times as many that mostly wait for answers [default: six for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) otherwise: Otherwise,

    #[command(flatten)]
    pub(crate) build: Build,

    /// Print every play as one JSON object on stdout; progress goes to stderr
    #[arg(long)]
    pub(crate) json: bool,
}
