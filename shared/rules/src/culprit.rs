//! Which container ended a task. ECS states how each ended and not which was first, and the order in which it lists them means
//! nothing.

use crate::names::ContainerName;
use crate::observed::{Task, TaskContainer};

/// How much speaks for a container having ended its task, the most last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evidence {
    /// It runs, or ended well beside the others.
    None,
    /// It was not started because another one failed (`dependsOn`).
    Waited,
    /// It is not essential, so its end ends no task, but another one may wait for it (`dependsOn`).
    NotEssential,
    /// It is essential and was stopped, most likely with the task.
    Stopped,
    /// It is essential and ended with 0, or was killed: of itself, or when another one had ended.
    PerhapsFirst,
    /// It is essential and ended with an error.
    Failed,
    /// ECS states an error of it: it is essential and could not start or was out of memory, or another one waited for it in vain.
    Error,
}

/// SIGTERM: what ECS sends to the others when an essential container has ended.
const STOPPED: i64 = 143;
/// `STATUS_CONTROL_C_EXIT` (0xC000013A): how a Windows container ends that `docker stop` stops (dotnet/announcements #128). Its
/// events take the place of signals there, and this is the exit of a process that does not handle them. On Linux it cannot be:
/// an exit status has eight bits.
const STOPPED_ON_WINDOWS: i64 = 0xC000_013A;
/// The same where it was read into 32 bits with a sign.
const STOPPED_ON_WINDOWS_SIGNED: i64 = STOPPED_ON_WINDOWS - (1 << 32);
/// SIGKILL: what follows when they do not end, and what the kernel sends where memory is out.
pub(crate) const KILLED: i64 = 137;

/// Whether a container with this exit code ended by being asked to stop, and not by an exit of its own.
pub(crate) fn was_asked_to_stop(code: i64) -> bool {
    matches!(
        code,
        STOPPED | STOPPED_ON_WINDOWS | STOPPED_ON_WINDOWS_SIGNED
    )
}

/// What speaks for this container of the task; all containers count as essential where it is not known which are.
pub(crate) fn evidence(
    task: &Task,
    container: &TaskContainer,
    essential: &[ContainerName],
) -> Evidence {
    if container.waited_in_vain() {
        return Evidence::Waited;
    }
    let name = container.name.as_str();
    let mut others = task.containers.iter();
    if others.any(|other| other.waited_for() == Some(name)) {
        return Evidence::Error;
    }
    let is_essential = essential.is_empty() || essential.contains(&container.name);
    match (container.ended_with(), error_of(container)) {
        (_, Some(_)) if is_essential => Evidence::Error,
        (Some(0 | KILLED), None) if is_essential => Evidence::PerhapsFirst,
        (Some(code), None) if was_asked_to_stop(code) && is_essential => Evidence::Stopped,
        (Some(code), None) if was_asked_to_stop(code) => Evidence::None,
        (None | Some(0), None) => Evidence::None,
        (Some(_), None) if is_essential => Evidence::Failed,
        (_, _) => Evidence::NotEssential,
    }
}

/// The containers for which most speaks: several where ECS does not tell them apart; none where nothing speaks for any.
pub(crate) fn culprits<'a>(task: &'a Task, essential: &[ContainerName]) -> Vec<&'a TaskContainer> {
    let containers = || task.containers.iter();
    let most = containers().map(|container| evidence(task, container, essential));
    let most = most.max().unwrap_or(Evidence::None);
    containers()
        .filter(|container| most > Evidence::None && evidence(task, container, essential) == most)
        .collect()
}

/// The container whose log says most: that of a culprit that ran.
pub(crate) fn likely(task: &Task, essential: &[ContainerName]) -> Option<ContainerName> {
    let culprits = culprits(task, essential);
    let ran = culprits
        .into_iter()
        .find(|container| container.ended_with().is_some());
    ran.map(|container| container.name.clone())
}

/// The container whose log goes with a migration that failed: its own, or where it never ran that of what kept it from starting;
/// none where that has none either. `essential` are the containers whose end ends the task, empty where that is not known.
pub(crate) fn log_of_migration(
    task: &Task,
    container: &ContainerName,
    essential: &[ContainerName],
    ran: bool,
) -> Option<ContainerName> {
    match ran {
        true => Some(container.clone()),
        false => likely(task, essential),
    }
}

/// The containers that were never started because of this one, each in a sentence.
pub(crate) fn waited_for(task: &Task, culprit: &ContainerName) -> Vec<String> {
    let waited = task.containers.iter();
    let waited = waited.filter(|container| container.waited_for() == Some(culprit.as_str()));
    waited.map(ending_of).collect()
}

/// How a container ended, in a sentence.
pub(crate) fn ending_of(container: &TaskContainer) -> String {
    let name = &container.name;
    let reason = container.reason.as_deref().map(str::trim);
    match (
        container.ended_with(),
        reason.filter(|reason| !reason.is_empty()),
    ) {
        (Some(code), Some(reason)) => {
            format!("container `{name}` exited with code {code} ({reason})")
        }
        (Some(code), None) => format!("container `{name}` exited with code {code}"),
        (None, Some(reason)) => format!("container `{name}` did not start ({reason})"),
        (None, None) => format!("container `{name}` has no exit code"),
    }
}

/// ECS's error about a container. `CannotStopContainerError` and its like are of the end, not the cause of it.
fn error_of(container: &TaskContainer) -> Option<&str> {
    let reason = container.reason.as_deref()?.trim();
    let is_error = match container.ended_with() {
        None => !reason.is_empty(),
        Some(_) => is_out_of_memory(container),
    };
    is_error.then_some(reason)
}

/// Whether ECS states that the container had no memory left (`OutOfMemoryError`).
pub(crate) fn is_out_of_memory(container: &TaskContainer) -> bool {
    let reason = container.reason.as_deref();
    reason.is_some_and(|reason| reason.contains("OutOfMemory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `web=1` ended with 1, `web=137:OutOfMemory` with a reason, in which `_` is a blank; `-` is no exit code; these are essential, or
    /// all.
    #[track_caller]
    fn check(containers: &str, essential: &[&str], expected: &str) {
        let container = |text: &str| {
            let (name, ended) = text.split_once('=').unwrap();
            let (code, reason) = ended
                .split_once(':')
                .map_or((ended, None), |(code, reason)| (code, Some(reason)));
            TaskContainer {
                reason: reason.map(|reason| reason.replace('_', " ")),
                ..TaskContainer::for_tests(name, code.parse().ok())
            }
        };
        let containers: Vec<TaskContainer> = containers.split(' ').map(container).collect();
        let essential: Vec<ContainerName> =
            essential.iter().map(|name| name.parse().unwrap()).collect();
        // Whatever the order in which ECS lists them.
        for reversed in [false, true] {
            let mut task = Task::for_tests(&[]);
            task.containers = containers.clone();
            if reversed {
                task.containers.reverse();
            }
            let mut found: Vec<String> = culprits(&task, &essential)
                .into_iter()
                .map(|container| container.name.to_string())
                .collect();
            found.sort();
            assert_eq!(found.join(" "), expected);
        }
    }

    #[test]
    fn the_container_that_ended_its_task_is_found_whatever_its_place() {
        let oom = "137:OutOfMemoryError:_Container_killed_due_to_memory_usage";
        // A sidecar that is not essential ended no task, however badly it ended.
        check(&format!("datadog-agent=1 web={oom}"), &["web"], "web");
        check("datadog-agent=1 web=3", &["web"], "web");
        check(
            "datadog-agent=-:CannotPullContainerError web=3",
            &["web"],
            "web",
        );
        check("datadog-agent=1 web=0", &["web"], "web");
        // Those that were stopped with it did not.
        check("web=143 proxy=1", &[], "proxy");
        check("web=137 proxy=1", &[], "proxy");
        check("web=0 proxy=1", &[], "proxy");
        check("web=143 proxy=0", &[], "proxy");
        check(&format!("web=1 proxy={oom}"), &[], "proxy");
        check("web=- proxy=-:CannotPullContainerError", &[], "proxy");
        // Another one may have waited for it.
        check("web=- init=1", &["web"], "init");
        check("web=- init=-:CannotPullContainerError", &["web"], "init");
        // What ECS does not tell apart.
        check("web=1 proxy=2", &[], "proxy web");
        check("web=137 proxy=0", &[], "proxy web");
        check("web=143 proxy=143", &[], "proxy web");
        // Windows has other codes.
        for stopped in [3_221_225_786_i64, -1_073_741_510] {
            check(&format!("web={stopped} proxy=1"), &[], "proxy");
            check(&format!("web={stopped} proxy=0"), &[], "proxy");
            check(&format!("web={stopped} proxy={stopped}"), &[], "proxy web");
            check(&format!("web=1 proxy={stopped}"), &["web"], "web");
        }
        check("web=3221226505 proxy=0", &[], "web");
        check("web=- proxy=-", &[], "");
        check("web=1 datadog-agent=0", &["web"], "web");
        // The only essential one did, whatever the signal.
        check("web=143 datadog-agent=1", &["web"], "web");
        check("web=137:CannotStopContainerError proxy=1", &[], "proxy");
    }

    /// The agent states 143 of a container that it never started; what it waited for is in the sentence.
    #[test]
    fn the_container_for_which_another_one_waited_in_vain_is_the_culprit() {
        let waited = |name: &str, dependency: &str, rest: &str| {
            format!(
                "{name}=143:CannotStartContainerError:_dependency_graph:_failed_to_resolve_container_ordering_dependency_\
                 [{dependency}(docker.io/shop/{dependency}:9)_(STOPPED->STOPPED){rest}]_for_target_[{name}(shop/{name})_(PULLED->RUNNING)]"
            )
        };
        let web = waited("web", "init", "_-_Exit:_1");
        for essential in [&["web"][..], &["web", "init"], &[]] {
            for init in ["1", "-:CannotPullContainerError", "143", "137", "-"] {
                check(&format!("init={init} {web}"), essential, "init");
            }
            // Another one's end ended no task.
            check(&format!("init=1 logs=2 {web}"), essential, "init");
        }
        // One after the other.
        let chain = format!("first=1 {} {web}", waited("init", "first", "_-_Exit:_1"));
        check(&chain, &["web"], "first");
        // The sentence names another container, or none.
        let timed_out = "web=143:dependency_graph:_container_ordering_dependency_[cache(redis)_(RUNNING->RUNNING)]_for_target_\
                         [web(shop/web)]_has_timed_out.";
        check(&format!("cache=143 init=0 {timed_out}"), &["web"], "cache");
        let nameless = "web=143:CannotStartContainerError:_dependency_graph:_something_new";
        check(&format!("init=1 {nameless}"), &["web"], "init");
        check(nameless, &["web"], "web");
        // It ran, whatever is said of it.
        check("web=1:dependency_graph: init=0", &["web"], "web");
    }
}
