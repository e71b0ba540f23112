//! Functions with their invocations and calls.

use std::collections::BTreeMap;

use record::AwsCall;
use record::timeline;

use super::source::Source;
use crate::story::{Call, Function, Invocation};

/// Every function that was invoked or made a call, by first appearance; and the calls of other callers.
pub(super) fn of(source: Source<'_>) -> (Vec<Function>, Vec<Call>) {
    let mut functions: Vec<Function> = Vec::new();
    // (request id, index in `functions`, index in its invocations)
    let mut open: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, what) in source.told() {
        if let timeline::Event::FunctionInvoked {
            function,
            request_id,
        } = what
        {
            let index = index_of(&mut functions, function);
            let invocations = &mut functions[index].invocations;
            open.insert(request_id, (index, invocations.len()));
            invocations.push(Invocation {
                began: at,
                ..Invocation::default()
            });
        }
        if let timeline::Event::FunctionEnded {
            request_id,
            error,
            decisions,
            milliseconds,
            ..
        } = what
            && let Some((function, invocation)) = open.remove(request_id.as_str())
        {
            let ended = &mut functions[function].invocations[invocation];
            ended.milliseconds = Some(*milliseconds);
            ended.error.clone_from(error);
            ended.decisions.clone_from(decisions);
        }
    }
    let mut others = Vec::new();
    let since_start = |call: &&AwsCall| call.at >= source.record.simulated.start;
    for call in source.record.aws_calls.iter().filter(since_start) {
        let told = told(source, call);
        match &call.function {
            Some(function) => {
                let index = index_of(&mut functions, function);
                functions[index].calls.push(told);
            }
            None => others.push(told),
        }
    }
    (functions, others)
}

fn index_of(functions: &mut Vec<Function>, name: &str) -> usize {
    let known = functions.iter().position(|function| function.name == name);
    known.unwrap_or_else(|| {
        functions.push(Function {
            name: name.to_owned(),
            ..Function::default()
        });
        functions.len() - 1
    })
}

fn told(source: Source<'_>, call: &AwsCall) -> Call {
    Call {
        at: source.seconds(call.at),
        action: format!("{}:{}", call.service, call.operation),
        status: call.status,
        error: call.error.clone(),
    }
}
