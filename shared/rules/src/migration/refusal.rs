//! Why ECS ran no task: what AWS means by its reasons, and what helps.
//!
//! The reasons are an open list (ECS Developer Guide, "Amazon ECS API failure reasons"), of RunTask's `failures` and, where a
//! capacity provider was waited for, of a task that failed to start. One that is not known is repeated as it is.

/// A reason of ECS, by its beginning, what it means for the migration, and the remedy.
struct Known {
    reason: &'static str,
    means: &'static str,
    hint: &'static str,
}

const ADD_INSTANCES: &str = "add container instances, or let the capacity provider add them";

const KNOWN: [Known; 15] = [
    Known {
        reason: "RESOURCE:PORT",
        means: "a host port of the revision is in use on every container instance: the migration's task needs the ports of all \
                containers, beside the service's tasks that have them",
        hint: "set `hostPort` to 0 or the network mode to `awsvpc` in the task definition, or keep a container instance on which the \
               ports are free",
    },
    Known {
        reason: "RESOURCE:CPU",
        means: "no container instance has the CPU units left that the revision asks for",
        hint: ADD_INSTANCES,
    },
    Known {
        reason: "RESOURCE:MEMORY",
        means: "no container instance has the memory left that the revision asks for",
        hint: ADD_INSTANCES,
    },
    Known {
        reason: "RESOURCE:ENI",
        means: "no container instance can take one more network interface, which a task in the network mode `awsvpc` needs",
        hint: "add container instances, take a larger instance type, or switch on the account setting `awsvpcTrunking`",
    },
    Known {
        reason: "RESOURCE:GPU",
        means: "no container instance has the GPUs left that the revision asks for",
        hint: "add container instances with GPUs",
    },
    Known {
        reason: "RESOURCE",
        means: "no container instance has enough left of what the revision asks for",
        hint: ADD_INSTANCES,
    },
    Known {
        reason: "AGENT",
        means: "the container agent of the container instance is disconnected",
        hint: "restart the agent, or replace the container instance",
    },
    Known {
        reason: "ATTRIBUTE",
        means: "no container instance has an attribute that a parameter of the revision requires",
        hint: "update the container agent, or take container instances that support it; `aws ecs describe-container-instances` \
               shows their attributes",
    },
    Known {
        reason: "LOCATION",
        means: "the container instances are in other Availability Zones than the subnets of the service",
        hint: "give the service a subnet in the Availability Zone of its container instances",
    },
    Known {
        reason: "MISSING",
        means: "the container instance is not in the cluster",
        hint: "compare the cluster's container instances with its Auto Scaling group",
    },
    Known {
        reason: "INACTIVE",
        means: "the container instance was deregistered",
        hint: "replace the container instance",
    },
    Known {
        reason: "EMPTY CAPACITY",
        means: "the capacity provider has no container instance",
        hint: ADD_INSTANCES,
    },
    Known {
        reason: "NO ACTIVE INSTANCES",
        means: "the cluster has no container instance that takes tasks",
        hint: ADD_INSTANCES,
    },
    Known {
        reason: "MemberOf placement constraint",
        means: "no container instance fulfils the placement constraints of the service or of the revision",
        hint: "correct the constraint, or add container instances that fulfil it",
    },
    Known {
        reason: "Capacity is unavailable",
        means: "Fargate has no capacity in these Availability Zones now",
        hint: "request the image again later, and give the service subnets in more Availability Zones",
    },
];

/// What precedes the reason where a task states it.
const FAILED_TO_START: &str = "TaskFailedToStart:";

/// What ECS means by this reason, and the remedy; none where it is not known.
pub(super) fn explained(reason: &str) -> Option<String> {
    let known = known(reason)?;
    Some(format!("{} (hint: {})", known.means, known.hint))
}

fn known(reason: &str) -> Option<&'static Known> {
    let reason = reason.trim();
    let reason = reason.strip_prefix(FAILED_TO_START).unwrap_or(reason);
    KNOWN
        .iter()
        .find(|known| begins_with(reason.trim_start(), known.reason))
}

/// Whether a reason begins with this one: with it as whole words, or with it and more of the same kind (`RESOURCE:PORTS_TCP`).
fn begins_with(reason: &str, known: &str) -> bool {
    let Some(rest) = reason.strip_prefix(known) else {
        return false;
    };
    known.contains(':') || !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
}

/// Reason and detail of one of RunTask's `failures`.
type Failure<'a> = (Option<&'a str>, Option<&'a str>);

/// RunTask started no task: each reason with its detail once, how often it was given, what it means, and the remedy.
pub fn refused<'a>(failures: impl IntoIterator<Item = Failure<'a>>) -> String {
    let mut counted: Vec<(Failure<'a>, usize)> = Vec::new();
    for failure in failures {
        match counted.iter_mut().find(|(known, _)| *known == failure) {
            Some((_, count)) => *count += 1,
            None => counted.push((failure, 1)),
        }
    }
    let sentences: Vec<String> = counted.into_iter().map(sentence).collect();
    let sentences = match sentences.is_empty() {
        true => NO_REASON.to_owned(),
        false => sentences.join("; "),
    };
    format!("ECS started no migration task: {sentences}")
}

const NO_REASON: &str = "no reason given";

fn sentence(((reason, detail), count): (Failure<'_>, usize)) -> String {
    let said: Vec<&str> = [reason, detail].into_iter().flatten().collect();
    let mut sentence = match said[..] {
        [] => NO_REASON.to_owned(),
        _ => said.join(": "),
    };
    if count > 1 {
        sentence += &format!(" ({count} times)");
    }
    if let Some(explained) = reason.and_then(explained) {
        sentence += &format!(", {explained}");
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reason, a part of what it means, and a part of the remedy.
    #[test]
    fn every_reason_that_ecs_documents_has_its_remedy() {
        for (reason, means, hint) in [
            (
                "RESOURCE:PORTS",
                "host port",
                "`hostPort` to 0 or the network mode to `awsvpc`",
            ),
            ("RESOURCE:PORTS_TCP", "host port", "`awsvpc`"),
            ("RESOURCE:CPU", "CPU units", "add container instances"),
            ("RESOURCE:MEMORY", "memory left", "capacity provider"),
            ("RESOURCE:ENI", "network interface", "`awsvpcTrunking`"),
            ("RESOURCE:GPU", "GPUs left", "with GPUs"),
            ("RESOURCE:DISK", "enough left", "add container instances"),
            ("AGENT", "disconnected", "restart the agent"),
            ("ATTRIBUTE", "attribute", "container agent"),
            ("LOCATION", "Availability Zones", "subnet"),
            ("MISSING", "not in the cluster", "Auto Scaling group"),
            ("INACTIVE", "deregistered", "replace"),
            ("EMPTY CAPACITY", "capacity provider has no", "add"),
            (
                "NO ACTIVE INSTANCES",
                "no container instance that takes",
                "add",
            ),
            (
                "MemberOf placement constraint unsatisfied.",
                "placement constraints",
                "correct",
            ),
            (
                "Capacity is unavailable at this time. Please try again later or in a different availability zone",
                "Fargate",
                "again later",
            ),
            ("TaskFailedToStart: RESOURCE:MEMORY", "memory left", "add"),
        ] {
            let said = explained(reason).unwrap_or_else(|| panic!("{reason}"));
            let (before, after) = said.split_once(" (hint: ").unwrap();
            assert!(
                before.contains(means) && after.contains(hint),
                "{reason}: {said}"
            );
        }
        for unknown in [
            "",
            "OF:TOMORROW",
            "AGENTS",
            "MISSING_SECRET",
            "Missing secret",
            "an ATTRIBUTE",
            "RESOURCES",
        ] {
            assert_eq!(explained(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn equal_refusals_are_said_once() {
        let ports = (Some("RESOURCE:PORTS"), None);
        let said = refused([ports, (Some("OF:TOMORROW"), Some("?")), ports]);
        assert!(
            said.starts_with(
                "ECS started no migration task: RESOURCE:PORTS (2 times), a host port "
            ),
            "{said}"
        );
        assert!(said.ends_with("; OF:TOMORROW: ?"), "{said}");
        for nothing in [&[][..], &[(None, None)]] {
            assert_eq!(
                refused(nothing.iter().copied()),
                "ECS started no migration task: no reason given"
            );
        }
    }
}
