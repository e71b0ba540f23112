//! The verdict on a burst.

use local_aws::ecs::service::TaskSetStatus;
use local_aws::world::World;
use record::{Seen, counted};

use super::figures::Figures;

/// For each service: one deployment may be under way with an older image when the newest is pushed; two are enough.
const DEPLOYMENTS_AT_MOST: usize = 2;

/// The deviations from the expected end.
pub(super) fn problems(
    world: &World,
    newest: &str,
    production: &[(String, Seen)],
    figures: &Figures,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (service, seen) in production {
        match running(world, service) {
            Some(image) if image.ends_with(newest) => {}
            other => problems.push(format!("`{service}` runs {other:?}, expected `{newest}`")),
        }
        if seen.failed > 0 {
            problems.push(format!(
                "`{service}` failed {} of {}: {}",
                seen.failed,
                counted(seen.requests, "request", "requests"),
                seen.failures.join("; ")
            ));
        }
    }
    if figures.most_deployments_of_a_service > DEPLOYMENTS_AT_MOST {
        problems.push(format!(
            "a service was deployed {} times, expected {DEPLOYMENTS_AT_MOST} at most",
            figures.most_deployments_of_a_service
        ));
    }
    let most = figures.deployments * figures.starts_at_once;
    if !(figures.deployments..=most).contains(&figures.revisions) {
        problems.push(format!(
            "{} revisions for {} deployments, expected at most one for each of the {} concurrent reconciliations",
            figures.revisions, figures.deployments, figures.starts_at_once
        ));
    }
    if figures.dead_letters > 0 {
        problems.push(format!(
            "given up: {}, expected none",
            counted(figures.dead_letters, "event", "events")
        ));
    }
    problems
}

/// The image of the container behind the load balancer, in what serves production.
fn running(world: &World, service: &str) -> Option<String> {
    world.ecs.read(|state| {
        let service = state.services.iter().find(|found| found.name == service)?;
        let mut task_sets = service.task_sets.iter();
        let primary = task_sets.find(|found| found.status == TaskSetStatus::Primary)?;
        state
            .revision(&primary.task_definition)?
            .image_of(primary.serving_container()?)
    })
}

pub(super) fn to_text(problems: &[String]) -> String {
    match problems {
        [] => "scale: every service runs the newest image, no event was given up, production answered everything"
            .to_owned(),
        problems => format!("scale: not as expected\n  {}", problems.join("\n  ")),
    }
}
