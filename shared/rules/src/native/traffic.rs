//! Where green is asked in a deployment of ECS's own, and what it must have.

use crate::config::Traffic;
use crate::ecs::{self, DeployedRevision, LoadBalancer, ServiceRevision, TrafficRule};
use crate::names::{ServiceRevisionArn, TargetGroupArn};
use crate::observed::Service;
use crate::test_traffic::{self, Through, Wanted};

/// One load balancer of a service, as a gate sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The target group that green is in.
    pub green: &'a TargetGroupArn,
    /// The rule or listener that sends traffic there; none where the load balancer has no test rule.
    pub rule: Option<&'a TrafficRule>,
    /// Whether the gate's requests go there. Of every other one its rule must be at green.
    pub is_asked: bool,
}

/// The load balancers of a service, and in which of their two target groups green is. Which one that is lies in the production rule
/// and changes from deployment to deployment: ECS states it for the service revision alone.
///
/// # Errors
/// Green is in none of the groups of an entry, or ECS does not say so: then nothing that answers is known to be green. Or it is not
/// clear which entry is asked.
pub fn entries<'a>(
    service: &'a Service,
    green: &'a ServiceRevision,
    traffic: &Traffic,
    through: Through,
) -> Result<Vec<Entry<'a>>, String> {
    let leads = |balancer: &LoadBalancer| through.rule_of(balancer).is_some();
    let asked = match traffic.requests.is_empty() {
        true => Ok(None),
        false => ecs::asked(
            &service.load_balancers,
            traffic.target_group.as_ref(),
            leads,
        ),
    };
    let asked = asked.map_err(|why| why.sentence(through.setting(), "the service"))?;
    let entry = |balancer: &'a LoadBalancer| {
        let groups: Vec<&TargetGroupArn> = balancer.groups().collect();
        let resolved = green.target_groups.iter().map(|group| &group.target_group);
        let found: Vec<&TargetGroupArn> = resolved.filter(|group| groups.contains(group)).collect();
        let [green] = found[..] else {
            return Err(format!(
                "ECS states {} of the target groups of container `{}` for green's service revision, expected one: {}",
                found.len(),
                balancer.target.container,
                names(&groups)
            ));
        };
        Ok(Entry {
            green,
            rule: through.rule_of(balancer),
            is_asked: asked.is_some_and(|asked| std::ptr::eq(asked, balancer)),
        })
    };
    service.load_balancers.iter().map(entry).collect()
}

fn names(groups: &[&TargetGroupArn]) -> String {
    let names = groups.iter().map(|group| format!("`{}`", group.name()));
    names.collect::<Vec<_>>().join(" or ")
}

/// What the service wants of green at this moment.
pub fn wanted(service: &Service, green: &DeployedRevision) -> Wanted {
    test_traffic::wanted_of(
        service.desired_count,
        green.requested_count,
        green.running_count,
        "service revision",
    )
}

/// The same of a rolling update that has ended: its deployment counts no tasks any more that the service is scaled to since.
pub fn wanted_after(service: &Service, green: &ServiceRevisionArn) -> Wanted {
    let mut current = service.current_revisions.iter();
    match current.find(|one| one.arn == *green) {
        Some(one) => test_traffic::wanted_of(
            service.desired_count,
            one.requested_count,
            one.running_count,
            "service revision",
        ),
        None if service.desired_count == 0 => Wanted::Nothing,
        None => Wanted::NotYet("ECS does not state how many tasks it has".to_owned()),
    }
}
