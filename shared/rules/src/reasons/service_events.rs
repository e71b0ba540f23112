//! Why ECS could not start the tasks of a deployment, from the service's events.

use time::UtcDateTime;

use super::Own;
use crate::observed::{Service, ServiceEvent};

/// What ECS's events have in common where it could not do what it has to (ECS Developer Guide, service event messages).
const SIGNS_OF_TROUBLE: [&str; 3] = ["unable to", "failed to", "throttled"];

/// How ECS reports that tasks keep failing; why is in other events, or with the tasks.
const WITHOUT_A_REASON: &str = "unable to consistently start tasks";

/// How ECS begins what only leads to its guide.
const POINTER: &str = " For more information, see ";

/// What the newest of the service's events since the deployment's creation says of what kept its tasks from starting; none where
/// ECS reports nothing of that, or that they have reached a steady state since.
pub fn trouble(service: &Service, own: Own<'_>, since: UtcDateTime) -> Option<String> {
    let events = service.events.iter();
    let troubles: Vec<&str> = events
        .filter(|event| event.at.is_none_or(|at| at >= since))
        .map(|event| (event.message.as_str(), task_set(event)))
        .filter(|(_, task_set)| task_set.is_none_or(|id| is_own(id, service, own)))
        // One without a task set may be about blue.
        .take_while(|(message, task_set)| task_set.is_none() || !message.contains("steady state"))
        .map(|(message, _)| message)
        .filter(|message| SIGNS_OF_TROUBLE.iter().any(|sign| message.contains(sign)))
        .collect();
    let mut with_reason = troubles
        .iter()
        .filter(|message| !message.contains(WITHOUT_A_REASON));
    let newest = with_reason.next().or(troubles.first())?;
    let without_pointer = newest
        .split_once(POINTER)
        .map_or(*newest, |(message, _)| message);
    let message = without_pointer.trim().trim_end_matches('.');
    Some(format!("the service's event: {message}"))
}

/// The task set that an event names: `(service S, taskSet ID)`.
fn task_set(event: &ServiceEvent) -> Option<&str> {
    let (_, named) = event.message.split_once(", taskSet ")?;
    named.split(')').next()
}

/// CodeDeploy deletes green when its deployment has failed: then it is a task set that the service has no more.
fn is_own(id: &str, service: &Service, own: Own<'_>) -> bool {
    match own.task_set {
        Some(own) => id == own,
        None => service.task_sets.iter().all(|task_set| task_set.id != id),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{revision, service};
    use super::*;
    use crate::observed::{Placement, TaskSet, TaskSetStatus};

    fn second(second: i64) -> UtcDateTime {
        UtcDateTime::from_unix_timestamp(second).unwrap()
    }

    /// Of a deployment that was created at second 100, on a service whose blue is `ecs-svc/1`: events with their seconds, the
    /// newest first.
    fn told(own: Own<'_>, events: &[(i64, &str)]) -> Option<String> {
        let events = events.iter().map(|(at, message)| ServiceEvent {
            at: Some(second(*at)),
            message: (*message).to_owned(),
        });
        let blue = TaskSet {
            id: "ecs-svc/1".to_owned(),
            status: TaskSetStatus::Primary,
            created_at: None,
            deployment: None,
            revision: revision(1),
            placement: Placement::default(),
            load_balancer: None,
            computed_desired_count: 2,
            running_count: 2,
        };
        let service = Service {
            task_sets: vec![blue],
            events: events.collect(),
            ..service(&[])
        };
        trouble(&service, own, second(100))
    }

    /// Green's task set known, and gone.
    const OWN: [Own<'static>; 2] = [
        Own {
            task_set: Some("ecs-svc/2"),
            since: None,
        },
        Own {
            task_set: None,
            since: Some(UtcDateTime::UNIX_EPOCH),
        },
    ];

    #[test]
    fn what_kept_green_from_a_task_is_told_as_ecs_says_it() {
        let placed = "(service web, taskSet ecs-svc/2) was unable to place a task because no container instance met all of its \
                      requirements. The closest matching (container-instance 0a1b) has insufficient memory available.";
        let pointer = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
        let with_pointer = format!("{placed} {pointer}");
        for (event, expected) in [
            (with_pointer.as_str(), placed),
            (
                "(service web, taskSet ecs-svc/2) was unable to place a task. Reason: Capacity is unavailable at this time. \
                 Please try again later or in a different availability zone.",
                "(service web, taskSet ecs-svc/2) was unable to place a task. Reason: Capacity is unavailable at this time. \
                 Please try again later or in a different availability zone",
            ),
            (
                "(service web) failed to launch a task with (error Fetching secret data from SSM Parameter Store).",
                "(service web) failed to launch a task with (error Fetching secret data from SSM Parameter Store)",
            ),
            (
                "(service web) operations are being throttled on Elastic Load Balancing. Will try again later.",
                "(service web) operations are being throttled on Elastic Load Balancing. Will try again later",
            ),
        ] {
            let expected = format!("the service's event: {}", expected.trim_end_matches('.'));
            for own in OWN {
                let events = [
                    (150, "(service web) has started 1 tasks: (task 4)."),
                    (140, event),
                ];
                assert_eq!(told(own, &events), Some(expected.clone()), "{own:?}");
            }
        }
    }

    #[test]
    fn only_an_event_of_this_deployment_counts() {
        let unable = "(service web, taskSet ecs-svc/2) was unable to place a task. Reason: x.";
        let of_blue = "(service web, taskSet ecs-svc/1) was unable to place a task. Reason: y.";
        let steady = "(service web, taskSet ecs-svc/2) has reached a steady state.";
        let all_steady = "(service web) has reached a steady state.";
        let again_and_again = "(service web) is unable to consistently start tasks successfully.";
        let expected = "the service's event: (service web, taskSet ecs-svc/2) was unable to place a task. Reason: x";
        let generic =
            "the service's event: (service web) is unable to consistently start tasks successfully";
        for (events, expected) in [
            (&[(140, unable)][..], Some(expected)),
            (&[(100, unable)], Some(expected)),
            (&[(99, unable)], None),
            (&[(140, of_blue)], None),
            (&[(150, of_blue), (140, unable)], Some(expected)),
            (&[(150, steady), (140, unable)], None),
            (&[(150, unable), (140, steady)], Some(expected)),
            (&[(150, all_steady), (140, unable)], Some(expected)),
            (&[(150, again_and_again), (140, unable)], Some(expected)),
            (&[(150, again_and_again)], Some(generic)),
            (&[(150, steady)], None),
            (&[], None),
        ] {
            for own in OWN {
                let told = told(own, events);
                assert_eq!(told.as_deref(), expected, "{own:?} {events:?}");
            }
        }
        let other = [(140, unable.replace("/2", "/3"))];
        let other = [(other[0].0, other[0].1.as_str())];
        assert_eq!(told(OWN[0], &other), None);
    }
}
