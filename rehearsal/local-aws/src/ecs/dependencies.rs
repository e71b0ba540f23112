//! `dependsOn`: which containers of a task may start, and which never will (amazon-ecs-agent, `dependencygraph/graph.go`).

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::task::Health;

/// How far another container must have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Start,
    Complete,
    Success,
    Healthy,
}

/// A container that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) condition: Condition,
}

/// What is known of a container that others may wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) progress: Progress,
    pub(super) health: Health,
    /// `startTimeout`: from its start, how long others wait for its end or its health. Without one they wait for ever.
    pub(super) start_timeout: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    /// Nothing runs in it: its image is not the sample service. Nothing waits for it.
    Counted,
    Started(SystemTime),
    Ended(i32),
    /// It will never start.
    Never,
}

/// Whether a container may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Start,
    /// Until something changes, or until then.
    Wait(Option<SystemTime>),
    /// Never, with the agent's reason.
    Never(String),
}

impl Condition {
    pub(super) fn read(text: &str) -> Option<Condition> {
        match text {
            "START" => Some(Condition::Start),
            "COMPLETE" => Some(Condition::Complete),
            "SUCCESS" => Some(Condition::Success),
            "HEALTHY" => Some(Condition::Healthy),
            _ => None,
        }
    }

    /// Whether it is about the end of a process.
    pub(super) fn is_end(self) -> bool {
        match self {
            Condition::Complete | Condition::Success => true,
            Condition::Start | Condition::Healthy => false,
        }
    }
}

/// The dependencies in a container definition.
pub(super) fn of(definition: &Value) -> Vec<Dependency> {
    let dependencies = definition["dependsOn"].as_array().into_iter().flatten();
    let read = |given: &Value| {
        Some(Dependency {
            name: given["containerName"].as_str()?.to_owned(),
            condition: Condition::read(given["condition"].as_str()?)?,
        })
    };
    dependencies.filter_map(read).collect()
}

/// Whether the container may start now that the others have come so far.
pub(super) fn decide(
    target: &Seen,
    dependencies: &[Dependency],
    others: &[Seen],
    now: SystemTime,
) -> Verdict {
    let mut wait = None;
    for dependency in dependencies {
        // Registration refuses a dependency that does not exist.
        let Some(seen) = others.iter().find(|seen| seen.name == dependency.name) else {
            continue;
        };
        match of_one(target, dependency.condition, seen, now) {
            Verdict::Start => {}
            Verdict::Wait(until) => {
                let earliest = |known: Option<SystemTime>| match (known, until) {
                    (Some(known), Some(until)) => Some(known.min(until)),
                    (known, until) => known.or(until),
                };
                wait = Some(earliest(wait.flatten()));
            }
            never @ Verdict::Never(_) => return never,
        }
    }
    wait.map_or(Verdict::Start, Verdict::Wait)
}

fn of_one(target: &Seen, condition: Condition, seen: &Seen, now: SystemTime) -> Verdict {
    let never = |words: &str| {
        let (other, target) = (seen.described(), target.described());
        let reason = match words {
            "has timed out." => {
                format!("container ordering dependency [{other}] for target [{target}] {words}")
            }
            _ => format!(
                "failed to resolve container ordering dependency [{other}] for target [{target}] {words}"
            ),
        };
        Verdict::Never(format!(
            "CannotStartContainerError: dependency graph: {reason}"
        ))
    };
    match (condition, seen.progress) {
        (_, Progress::Counted) => Verdict::Start,
        (_, Progress::Waiting) => Verdict::Wait(None),
        (_, Progress::Never) => never("because dependency will never start"),
        (Condition::Start, Progress::Started(_) | Progress::Ended(_))
        | (Condition::Complete, Progress::Ended(_))
        | (Condition::Success, Progress::Ended(0)) => Verdict::Start,
        (Condition::Success, Progress::Ended(_)) => {
            never("as dependency did not exit successfully.")
        }
        (Condition::Healthy, Progress::Started(_)) if seen.health == Health::Healthy => {
            Verdict::Start
        }
        // Its health does not change any more.
        (Condition::Healthy, Progress::Ended(_)) => Verdict::Wait(None),
        (Condition::Complete | Condition::Success | Condition::Healthy, Progress::Started(at)) => {
            let until = seen.start_timeout.map(|timeout| at + timeout);
            match until {
                Some(until) if until <= now => never("has timed out."),
                until => Verdict::Wait(until),
            }
        }
    }
}

impl Seen {
    /// As the agent writes a container.
    fn described(&self) -> String {
        let (name, image) = (&self.name, &self.image);
        match self.progress {
            Progress::Waiting => format!("{name}({image}) (CREATED->RUNNING)"),
            Progress::Counted | Progress::Started(_) => {
                format!("{name}({image}) (RUNNING->RUNNING)")
            }
            Progress::Ended(code) => {
                format!("{name}({image}) (STOPPED->STOPPED) - Exit: {code}")
            }
            Progress::Never => format!("{name}({image}) (STOPPED->STOPPED) - Exit: 143"),
        }
    }
}

/// The order in which containers stop: those that depend on others before these (ECS API Reference, `dependsOn`).
pub(super) fn stop_order(definitions: &[Value]) -> Vec<String> {
    let name = |definition: &Value| definition["name"].as_str().unwrap_or_default().to_owned();
    let mut left: Vec<&Value> = definitions.iter().collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let is_needed = |one: &&Value| {
            left.iter()
                .any(|other| of(other).iter().any(|needs| needs.name == name(one)))
        };
        // Registration refuses a circle; without one there is always a container that no other needs.
        let next = left.iter().position(|one| !is_needed(one)).unwrap_or(0);
        order.push(name(left.remove(next)));
    }
    order
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;

    fn seen(progress: Progress) -> Seen {
        Seen {
            name: "init".to_owned(),
            image: "i:1".to_owned(),
            progress,
            health: Health::Unknown,
            start_timeout: None,
        }
    }

    fn check(condition: Condition, other: Seen, expected: &str) {
        let target = Seen {
            name: "web".to_owned(),
            ..seen(Progress::Waiting)
        };
        let dependency = Dependency {
            name: "init".to_owned(),
            condition,
        };
        let now = UNIX_EPOCH + Duration::from_secs(100);
        let said = match decide(&target, &[dependency], std::slice::from_ref(&other), now) {
            Verdict::Start => "start".to_owned(),
            Verdict::Wait(None) => "wait".to_owned(),
            Verdict::Wait(Some(until)) => {
                format!(
                    "wait until {}",
                    until.duration_since(UNIX_EPOCH).unwrap().as_secs()
                )
            }
            Verdict::Never(reason) => reason,
        };
        assert!(said.ends_with(expected), "{condition:?} {other:?}: {said}");
    }

    #[test]
    fn a_container_starts_once_the_other_has_come_as_far_as_it_must() {
        use Condition::{Complete, Healthy, Start, Success};
        use Progress::{Counted, Ended, Never, Started, Waiting};
        let began = Started(UNIX_EPOCH + Duration::from_secs(90));
        let healthy = |health| Seen {
            health,
            ..seen(began)
        };
        let within = |seconds| Seen {
            start_timeout: Some(Duration::from_secs(seconds)),
            ..seen(began)
        };
        for condition in [Start, Complete, Success, Healthy] {
            check(condition, seen(Waiting), "wait");
            check(condition, seen(Counted), "start");
            check(
                condition,
                seen(Never),
                "because dependency will never start",
            );
        }
        check(Start, seen(began), "start");
        check(Start, within(1), "start");
        check(Start, seen(Ended(1)), "start");
        for condition in [Complete, Success, Healthy] {
            check(condition, seen(began), "wait");
            check(condition, within(11), "wait until 101");
            check(
                condition,
                within(10),
                "for target [web(i:1) (CREATED->RUNNING)] has timed out.",
            );
        }
        check(Complete, seen(Ended(1)), "start");
        check(Success, seen(Ended(0)), "start");
        check(
            Success,
            seen(Ended(3)),
            "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [init(i:1) \
             (STOPPED->STOPPED) - Exit: 3] for target [web(i:1) (CREATED->RUNNING)] as dependency did not exit successfully.",
        );
        check(Healthy, healthy(Health::Healthy), "start");
        check(Healthy, healthy(Health::Unhealthy), "wait");
    }

    #[test]
    fn the_worst_of_several_dependencies_decides() {
        let named = |name: &str, progress| Seen {
            name: name.to_owned(),
            ..seen(progress)
        };
        let needs = ["a", "b"].map(|name| Dependency {
            name: name.to_owned(),
            condition: Condition::Success,
        });
        let decide = |a, b| {
            let others = [named("a", a), named("b", b)];
            decide(
                &named("web", Progress::Waiting),
                &needs,
                &others,
                UNIX_EPOCH,
            )
        };
        assert_eq!(
            decide(Progress::Ended(0), Progress::Ended(0)),
            Verdict::Start
        );
        assert_eq!(
            decide(Progress::Waiting, Progress::Ended(0)),
            Verdict::Wait(None)
        );
        assert!(matches!(
            decide(Progress::Waiting, Progress::Ended(1)),
            Verdict::Never(_)
        ));
    }

    #[test]
    fn containers_stop_in_the_other_order() {
        let on = |name: &str, needs: &[&str]| {
            let needs = needs.iter();
            let needs = needs.map(|name| json!({ "containerName": name, "condition": "START" }));
            json!({ "name": name, "dependsOn": needs.collect::<Vec<_>>() })
        };
        let order = stop_order(&[
            on("db", &[]),
            on("proxy", &["db"]),
            on("web", &["proxy", "db"]),
        ]);
        assert_eq!(order, ["web", "proxy", "db"]);
        let order = stop_order(&[on("a", &[]), on("b", &[])]);
        assert_eq!(order, ["a", "b"]);
    }
}
