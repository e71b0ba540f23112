//! Functions that hooks call: that they are there, that they can answer, and for how long they are waited for.

use std::time::Duration;

use super::finding::{Checks, Read};
use super::roles::Needs;
use crate::config::{Pipeline, Traffic};
use crate::counted::counted;
use crate::ecs::{GateFunctions, HookTarget, Stage};
use crate::native::migration::MARGIN;
use crate::observed::Service;

/// A Lambda function (GetFunction).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Function {
    /// ARN of its role.
    pub role: Option<String>,
    /// `Active`, `Pending`, `Inactive`, `Failed`.
    pub state: Option<String>,
    /// `Successful`, `InProgress`, `Failed`.
    pub last_update: Option<String>,
    /// Why one of them is `Failed`.
    pub reason: Option<String>,
    /// Whether it runs in subnets of a VPC.
    pub is_in_vpc: bool,
    /// How many invocations at once are reserved for it; none where none are.
    pub reserved: Option<i32>,
}

const SUBJECT: &str = "hooks";

/// How long a hook of ECS may take where it states nothing (ECS Developer Guide, lifecycle hooks).
const HOOK_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Whether a function can be invoked; `named_by` says what calls it.
pub fn function(
    checks: &mut Checks,
    name: &str,
    named_by: &str,
    read: &Read<Function>,
    remedy: &str,
) {
    let found = match read {
        Read::Found(found) => found,
        Read::Absent => {
            return checks.wrong(
                SUBJECT,
                format!("{named_by} calls the function `{name}`, which does not exist"),
                remedy,
            );
        }
        Read::NotKnown(why) => {
            return checks.not_known(
                SUBJECT,
                &format!("whether the function `{name}` exists is not known: {why}"),
            );
        }
    };
    let why = found
        .reason
        .as_ref()
        .map(|why| format!(" ({why})"))
        .unwrap_or_default();
    for (what, state) in [("state", &found.state), ("last update", &found.last_update)] {
        if state.as_deref() == Some("Failed") {
            checks.wrong(
                SUBJECT,
                format!("{named_by} calls the function `{name}`, whose {what} is `Failed`{why}"),
                format!(
                    "aws lambda get-function-configuration --function-name {name}\nthen deploy it again"
                ),
            );
        }
    }
    if found.reserved == Some(0) {
        checks.wrong(
            SUBJECT,
            format!("{named_by} calls the function `{name}`, whose reserved concurrency is 0: it is never invoked"),
            format!("aws lambda delete-function-concurrency --function-name {name}"),
        );
    }
}

/// What a hook of CodeDeploy's needs to answer. AWS's documents differ on its resource: the deployment group, or none.
pub fn answers(name: &str, group_arn: &str) -> Needs {
    Needs {
        action: "codedeploy:PutLifecycleEventHookExecutionStatus",
        resource: "*".to_owned(),
        all: None,
        or: vec![group_arn.to_owned()],
        managed: None,
        what_for: format!(
            "for the hook `{name}` to answer: without it CodeDeploy waits an hour and fails"
        ),
    }
}

/// The functions that a service's hooks call, each once, with what was read of it. ECS calls every hook in every deployment.
pub fn hooks_of_service(
    checks: &mut Checks,
    place: &str,
    cluster: &str,
    name: &str,
    functions: &[(String, Read<Function>)],
) {
    for (arn, read) in functions {
        let remedy = format!(
            "make the function, or take the hook out of `LifecycleHooks` of the service's template; all hooks of the service:\naws ecs \
             describe-services --cluster {cluster} --services {name} --query 'services[].deploymentConfiguration.lifecycleHooks'"
        );
        let named_by = format!("a hook of service `{place}`");
        function(checks, arn, &named_by, read, &remedy);
    }
}

/// What a service states of our hooks: each is waited for as long as its gate takes, and a gate that does not answer stops the deployment.
/// A pause is a person's.
pub fn hook_timeouts(
    checks: &mut Checks,
    pipeline: &Pipeline,
    service: &Service,
    ours: &GateFunctions,
) {
    let place = pipeline.place();
    for hook in &service.configuration.hooks {
        let HookTarget::Lambda { function, .. } = &hook.target else {
            let stages: Vec<&str> = hook.stages.iter().map(Stage::as_str).collect();
            checks.doubt(
                SUBJECT,
                format!(
                    "service `{place}` has a pause hook at {}: every deployment waits there for a person, and Greenlight does not continue it",
                    stages.join(", ")
                ),
                "where nobody is to continue it: take it out of `LifecycleHooks` of the service's template",
            );
            continue;
        };
        let Some(gate) = gate_of(pipeline, &hook.target, ours) else {
            continue;
        };
        if hook.goes_on {
            checks.wrong(
                SUBJECT,
                format!(
                    "the hook of service `{place}` that calls `{function}` has the action `CONTINUE`: where {} does not answer in time, the \
                     deployment would go on as if it had passed",
                    gate.words
                ),
                "`Action: ROLLBACK` in `TimeoutConfiguration` of that hook",
            );
        }
        let given = hook.timeout.unwrap_or(HOOK_TIMEOUT);
        if given < gate.needed {
            checks.wrong(
                SUBJECT,
                format!(
                    "the hook of service `{place}` that calls `{function}` may take {}, and {} up to {}: it would be ended before its \
                     time",
                    counted(minutes(given), "minute", "minutes"),
                    gate.words,
                    minutes(gate.needed)
                ),
                format!(
                    "`TimeoutConfiguration: {{TimeoutInMinutes: {}}}` in that hook, or a smaller {}",
                    minutes(gate.needed),
                    gate.setting
                ),
            );
        }
    }
}

/// A gate that a hook calls.
struct Gate {
    words: &'static str,
    /// How long it may take, before it has answered.
    needed: Duration,
    /// What that comes from.
    setting: &'static str,
}

/// The pipeline's gate behind a hook; none where it has none, or the hook is somebody else's.
fn gate_of(pipeline: &Pipeline, target: &HookTarget, ours: &GateFunctions) -> Option<Gate> {
    let healthy = pipeline.test_traffic.healthy_within;
    let asks = |words, traffic: &Traffic| Gate {
        words,
        needed: healthy + traffic.settle,
        setting: "`healthy_within_seconds`",
    };
    if target.is_function(&ours.migration) {
        let migration = pipeline.migration.as_ref()?;
        return Some(Gate {
            words: "the migration with its end",
            needed: migration.time_out + MARGIN,
            setting: "`timeout_minutes` of `[pipeline.migration]`",
        });
    }
    if target.is_function(&ours.test_traffic) {
        let checks = &pipeline.test_traffic.checks;
        return Some(asks("the check of test traffic", checks));
    }
    let production = pipeline.production_traffic.as_ref()?;
    let is_production = target.is_function(&ours.production_traffic);
    is_production.then(|| asks("the check of production traffic", production))
}

fn minutes(duration: Duration) -> u64 {
    duration.as_secs().div_ceil(60)
}

/// The functions that a service's hooks call, other than ours, each once.
pub fn foreign<'a>(service: &'a Service, ours: &GateFunctions) -> Vec<&'a str> {
    let mut found = Vec::new();
    for hook in &service.configuration.hooks {
        if let HookTarget::Lambda { function, .. } = &hook.target
            && !ours.has(&hook.target)
            && !found.contains(&function.as_str())
        {
            found.push(function.as_str());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ecs::Hook;

    fn check(read: &Read<Function>, expected: &[&str]) {
        let mut checks = Checks::default();
        function(&mut checks, "warm-up", "the pipeline", read, "remedy");
        let sentences: Vec<&str> = checks
            .findings
            .iter()
            .map(|one| one.sentence.as_str())
            .collect();
        assert_eq!(sentences, expected);
    }

    #[test]
    fn a_function_must_be_there_and_be_invoked() {
        let well = Function {
            state: Some("Active".to_owned()),
            last_update: Some("Successful".to_owned()),
            ..Function::default()
        };
        check(&Read::Found(well.clone()), &[]);
        check(
            &Read::Found(Function {
                state: Some("Inactive".to_owned()),
                reserved: Some(1),
                ..well.clone()
            }),
            &[],
        );
        check(
            &Read::Absent,
            &["the pipeline calls the function `warm-up`, which does not exist"],
        );
        check(
            &Read::NotKnown("denied".to_owned()),
            &["whether the function `warm-up` exists is not known: denied"],
        );
        check(
            &Read::Found(Function {
                last_update: Some("Failed".to_owned()),
                reason: Some("no image".to_owned()),
                ..well.clone()
            }),
            &[
                "the pipeline calls the function `warm-up`, whose last update is `Failed` (no image)",
            ],
        );
        check(
            &Read::Found(Function {
                reserved: Some(0),
                ..well
            }),
            &[
                "the pipeline calls the function `warm-up`, whose reserved concurrency is 0: it is never invoked",
            ],
        );
    }

    fn judged(more: &str, hook: Hook) -> Vec<String> {
        let file = format!(
            "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n{more}"
        );
        let pipeline = Config::parse(&file).unwrap().pipelines.remove(0);
        let functions = GateFunctions {
            migration: "arn:m".to_owned(),
            test_traffic: "arn:t".to_owned(),
            production_traffic: "arn:p".to_owned(),
        };
        let mut service = Service::for_tests();
        service.configuration.hooks = vec![hook];
        let mut checks = Checks::default();
        hook_timeouts(&mut checks, &pipeline, &service, &functions);
        let line = |one: &crate::doctor::Finding| {
            let remedy = one.remedy.as_deref().unwrap_or_default();
            format!("{}: {} -> {remedy}", one.severity.code(), one.sentence)
        };
        checks.findings.iter().map(line).collect()
    }

    #[test]
    fn a_hook_waits_for_its_gate_and_stops_without_its_answer() {
        const MIGRATION: &str =
            "[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\ntimeout_minutes=30\n";
        const TEST: &str =
            "[pipeline.test_traffic]\nhealthy_within_seconds=300\nsettle_seconds=15\n";
        const PRODUCTION: &str = "[[pipeline.production_traffic.request]]\npath='/'\n";
        let hook = |function: &str, minutes: u64, goes_on| Hook {
            target: HookTarget::Lambda {
                function: format!("arn:{function}"),
                role: None,
            },
            stages: vec![Stage::PreScaleUp],
            timeout: Some(Duration::from_secs(60 * minutes)),
            goes_on,
        };
        let check = |more: &str, hook: Hook, expected: &[&str]| {
            let found = judged(more, hook);
            assert_eq!(found.len(), expected.len(), "{found:#?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found}");
            }
        };
        check(MIGRATION, hook("m", 32, false), &[]);
        // It would be stopped at its 28th minute, and the remedy must leave room.
        let short = "and the migration with its end up to 32: it would be ended before its time -> `TimeoutConfiguration: {TimeoutInMinutes: 32}`";
        check(MIGRATION, hook("m", 30, false), &[short]);
        check(MIGRATION, hook("m:live", 5, false), &["may take 5 minutes"]);
        check("", hook("m", 1, true), &[]);
        check(
            MIGRATION,
            hook("m", 60, true),
            &["has the action `CONTINUE`"],
        );
        check(MIGRATION, hook("other", 1, true), &[]);
        check(TEST, hook("t", 6, false), &[]);
        check(
            TEST,
            hook("t", 5, true),
            &[
                "has the action `CONTINUE`",
                "may take 5 minutes, and the check of test traffic up to 6",
            ],
        );
        check(PRODUCTION, hook("p", 4, false), &[]);
        check(
            PRODUCTION,
            hook("p", 1, false),
            &["the check of production traffic up to 4"],
        );
        let pause = Hook {
            target: HookTarget::Pause,
            ..hook("", 1, true)
        };
        check(
            "",
            pause,
            &["doubt: service `prod/web` has a pause hook at PRE_SCALE_UP"],
        );
    }
}
