//! The answers that clients of the real AWS have recorded in public, played against the local AWS. Each must come out as
//! recorded, or stand in the list of `docs/rehearsal.md` with the reason why it does not.

mod compare;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use local_aws::events::{Pattern, RetryPolicy, Rule, Trigger};
use local_aws::world::World;
use serde::Deserialize;
use serde_json::{Value, json};

use self::compare::differences;
use self::wire::{Answered, make};
use crate::aws::{PausedWorld, ecs, world};
use crate::functions::function;

/// The heading in `docs/rehearsal.md` below which the deviations are listed: `- name, name: reason`.
const HEADING: &str = "### Where it differs from recorded answers";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patterns {
    from: Vec<PatternsOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternsOf {
    #[serde(rename = "where")]
    _place: String,
    /// What every event of this place has.
    event: Option<String>,
    cases: Vec<PatternCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternCase {
    name: String,
    event: Option<String>,
    pattern: String,
    matches: Option<bool>,
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Calls {
    from: Vec<CallsOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsOf {
    #[serde(rename = "where")]
    _place: String,
    calls: Vec<CallCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallCase {
    name: String,
    /// The service as IAM names it, and the operation.
    call: String,
    input: String,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    answer: Option<String>,
}

/// What differs, by the name of the case.
type Deviations = BTreeMap<String, String>;

#[tokio::test(flavor = "multi_thread")]
async fn recorded_answers_come_out_as_recorded() {
    let mut world = recorded_world().await;
    world.settled().await;
    let patterns: Patterns = toml::from_str(include_str!("../recorded/patterns.toml")).unwrap();
    let calls: Calls = toml::from_str(include_str!("../recorded/answers.toml")).unwrap();
    let mut names = BTreeSet::new();
    let mut found = Deviations::new();
    for of in &patterns.from {
        for case in &of.cases {
            assert!(names.insert(case.name.clone()), "two cases `{}`", case.name);
            let wrong = play_pattern(&world, of.event.as_deref(), case).await;
            found.extend(wrong.map(|wrong| (case.name.clone(), wrong)));
        }
    }
    assert!(names.len() >= 150, "{} patterns", names.len());
    let number_of_patterns = names.len();
    let known = known(&world).await;
    for case in calls.from.iter().flat_map(|of| &of.calls) {
        assert!(names.insert(case.name.clone()), "two cases `{}`", case.name);
        let wrong = play_call(&world, &known, case).await;
        found.extend(wrong.map(|wrong| (case.name.clone(), wrong)));
    }
    assert!(
        names.len() - number_of_patterns >= 100,
        "{} cases",
        names.len()
    );
    let listed = listed();
    let mut wrong: Vec<String> = found
        .iter()
        .filter(|(name, _)| !listed.contains(*name))
        .map(|(name, what)| format!("`{name}` differs, and is not listed: {what}"))
        .collect();
    wrong.extend(
        listed
            .iter()
            .filter(|name| !found.contains_key(*name))
            .map(|name| {
                let what = if names.contains(name) {
                    "does not differ"
                } else {
                    "is no case"
                };
                format!("`{name}` is listed, and {what}")
            }),
    );
    assert!(
        wrong.is_empty(),
        "of docs/rehearsal.md, `{HEADING}`:\n{}",
        wrong.join("\n")
    );
    world.shutdown().await;
}

/// A service, a function, a rule and the topic of every world.
async fn recorded_world() -> PausedWorld {
    let rule = Rule {
        name: "Push".to_owned(),
        trigger: Trigger::Pattern(Pattern::parse(&json!({ "source": ["aws.ecr"] })).unwrap()),
        function: "start".to_owned(),
        input: None,
        retry: RetryPolicy {
            maximum_attempts: 4,
            maximum_event_age: std::time::Duration::from_secs(3600),
        },
        dead_letters: None,
    };
    world(|settings| {
        settings.template.rules = vec![rule];
        settings.template.functions.push(function());
    })
    .await
}

async fn play_pattern(world: &World, base: Option<&str>, case: &PatternCase) -> Option<String> {
    let mut event = json!({
        "id": "1", "source": "test-source", "detail-type": "test-detail-type", "account": "123456789012",
        "region": "us-east-2", "time": "2022-07-13T13:48:01Z",
    });
    for more in [base, case.event.as_deref()].into_iter().flatten() {
        let more: Value = serde_json::from_str(more).unwrap();
        for (member, value) in more.as_object().unwrap() {
            event[member] = value.clone();
        }
    }
    let input = json!({ "EventPattern": case.pattern, "Event": event.to_string() });
    let answered = make(world, "events TestEventPattern", &input).await;
    match (case.matches, &case.refused) {
        (Some(matches), None) => {
            let expected = json!({ "Result": matches });
            wrong_answer(&answered, &expected)
        }
        (None, Some(reason)) => {
            let message = format!("Event pattern is not valid. Reason: {reason}");
            // What AWS appends is a place in the pattern, which the recordings leave out of the message.
            let first = answered.message.lines().next().unwrap_or_default();
            let is_it = answered.status == 400
                && answered.is_code("InvalidEventPatternException")
                && (first == message || reason.is_empty() && first.starts_with(&message));
            (!is_it).then(|| answered.to_string())
        }
        (_, _) => panic!("`{}` has `matches` or `refused`", case.name),
    }
}

async fn play_call(world: &World, known: &[(&str, String)], case: &CallCase) -> Option<String> {
    let resolved = |text: &str| {
        known.iter().fold(text.to_owned(), |text, (word, value)| {
            text.replace(word, value)
        })
    };
    let input: Value = serde_json::from_str(&wire::shorthand(&resolved(&case.input))).unwrap();
    let answered = make(world, &case.call, &input).await;
    if let Some(expected) = &case.answer {
        let expected: Value = serde_json::from_str(&resolved(expected)).unwrap();
        return wrong_answer(&answered, &expected);
    }
    let (status, code, message) = (
        case.status.unwrap(),
        case.code.as_ref().unwrap(),
        case.message.as_ref().unwrap(),
    );
    let message_fits = match message.strip_suffix('…') {
        Some(beginning) => answered.message.starts_with(beginning),
        None => answered.message == *message,
    };
    let fits = answered.status == status && answered.is_code(code) && message_fits;
    (!fits).then(|| answered.to_string())
}

fn wrong_answer(answered: &Answered, expected: &Value) -> Option<String> {
    if !(200..300).contains(&answered.status) {
        return Some(answered.to_string());
    }
    let wrong = differences(expected, &answered.body);
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

/// What the inputs call `$TASK`, `$GROUP` and `$BALANCER`.
async fn known(world: &World) -> Vec<(&'static str, String)> {
    let tasks = ecs(world, "ListTasks", json!({ "cluster": "prod" })).await;
    let task = tasks["taskArns"][0].as_str().unwrap().to_owned();
    let balancers = make(
        world,
        "elasticloadbalancing DescribeLoadBalancers",
        &json!({}),
    )
    .await;
    let groups = make(
        world,
        "elasticloadbalancing DescribeTargetGroups",
        &json!({}),
    )
    .await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vec![
        ("$TASK", task),
        (
            "$BALANCER",
            text(&balancers.body["LoadBalancers"][0]["LoadBalancerArn"]),
        ),
        (
            "$GROUP",
            text(&groups.body["TargetGroups"][0]["TargetGroupArn"]),
        ),
    ]
}

/// The names in the list of deviations.
fn listed() -> BTreeSet<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rehearsal.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, list) = document.split_once(HEADING).expect(HEADING);
    let list = list.split("\n#").next().unwrap_or_default();
    let entries = list.split("\n- ").skip(1);
    let names = entries.filter_map(|entry| {
        let (names, reason) = entry.split_once(": ")?;
        assert!(reason.trim().len() > 20, "a reason for {names}");
        Some(names)
    });
    let quoted = names.flat_map(|names| names.split('`').skip(1).step_by(2));
    quoted.map(str::to_owned).collect()
}
