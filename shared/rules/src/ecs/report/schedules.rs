//! The two schedules of reporting: one that looks while a deployment is under way, because no event of ECS is certain, and one by
//! which a single invocation of several claims to tell something.

use time::{Duration, UtcDateTime};

use super::due::{End, What};
use crate::ecs::{Listed, ServiceDeployment};
use crate::events::{Announced, Claim};
use crate::fnv;
use crate::names::{ClusterName, ServiceDeploymentArn, ServiceName, StackName};

/// How often a service is looked at while a deployment of it is under way.
pub const LOOK_EVERY_MINUTES: u32 = 5;

/// How long a claim holds. The invocation that made it has ended by then, and its schedule looks again in case it died.
const CLAIMED: Duration = Duration::minutes(5);

/// ECS ends a deployment after 30 days at the latest (ECS Developer Guide, "Amazon ECS blue/green deployments workflow"). A rolling
/// update that nothing ends is looked at no longer.
const LOOKED_AT: Duration = Duration::days(31);

/// An event of an end, and its claim, have done their work by then.
const TOLD_WITHIN: Duration = Duration::minutes(6);
/// The service is looked at every hour, and may be for hours on end without an answer of AWS.
const STILL_TOLD: Duration = Duration::days(1);

/// What stays of a name in a schedule's, which has at most 64 characters.
const NAME_CHARACTERS: usize = 20;

/// The name of the schedule that looks at a service.
pub fn look(stack: &StackName, cluster: &ClusterName, service: &ServiceName) -> String {
    let name: String = service.as_str().chars().take(NAME_CHARACTERS).collect();
    let hash = fnv::hash(&format!("{stack} {cluster} {service}"));
    format!("greenlight-look-{name}-{hash:016x}")
}

/// When the schedule of a claim calls that was made at this moment.
pub fn claimed_until(now: UtcDateTime) -> UtcDateTime {
    now.saturating_add(CLAIMED)
}

/// What ended longer than this before the newest deployment began was told before it began: a look comes every five minutes, and may
/// fail once.
pub(super) const SEEN_WITHIN: Duration = Duration::minutes(2 * LOOK_EVERY_MINUTES as i64);

/// How many of a service's newest deployments are looked at. A revision that is deployed again and again has room for the marks of a
/// few of them.
const LOOKED_AT_MOST: usize = 10;

/// The deployments to look at, of those that are listed, the newest first: those that may have ended since the last look, and the one
/// before, which says whether the stack was there. ECS ends a deployment as soon as another is started, so that many may end between two
/// looks. Where whoever claimed to tell something died, others may have come since: that one is looked at as well.
pub fn looked_at(
    listed: &[Listed],
    stack: &StackName,
    announced: &Announced,
) -> Vec<ServiceDeploymentArn> {
    let began = listed.first().map(|newest| newest.created_at);
    // Each of these ended the one after it in the list.
    let recent = listed
        .iter()
        .take_while(|one| Some(one.created_at.saturating_add(SEEN_WITHIN)) >= began);
    let looked_at = (recent.count() + 2).min(LOOKED_AT_MOST);
    let newest = listed.iter().take(looked_at);
    let older = listed.iter().skip(looked_at);
    let claimed = older.filter(|one| is_claimed(stack, announced, &one.arn));
    newest.chain(claimed).map(|one| one.arn.clone()).collect()
}

/// Whether it was claimed to tell something of this deployment: whoever did has seen it due.
pub fn is_claimed(
    stack: &StackName,
    announced: &Announced,
    deployment: &ServiceDeploymentArn,
) -> bool {
    let Announced::Routine(Some(Claim(name))) = announced else {
        return false;
    };
    let claims = [What::Started, What::Ended(End::Stopped)];
    claims
        .iter()
        .any(|what| claim(stack, what, deployment) == *name)
}

/// Whether nobody may have been told of the end of a deployment: no event of ECS is certain, and a deployment that a person began may
/// be over before any schedule has looked at it.
pub fn may_be_untold(deployment: &ServiceDeployment, now: UtcDateTime) -> bool {
    let since = deployment.ended_at().map(|ended| now - ended);
    since.is_some_and(|since| (TOLD_WITHIN..STILL_TOLD).contains(&since))
}

/// Until when it looks, where nobody deletes it.
pub fn look_until(created_at: UtcDateTime) -> UtcDateTime {
    created_at.saturating_add(LOOKED_AT)
}

/// The name of the schedule by which an invocation claims to tell this of a deployment: only one can create it.
pub fn claim(stack: &StackName, what: &What, deployment: &ServiceDeploymentArn) -> String {
    let subject = what.subject(deployment);
    let hash = fnv::hash(&format!("{stack} {subject}"));
    format!("greenlight-tell-{}-{hash:016x}", what.word())
}

/// The name of the schedule that has a rolling update judged: made by several looks, it calls once.
pub fn gate(stack: &StackName, deployment: &ServiceDeploymentArn) -> String {
    let hash = fnv::hash(&format!("{stack} {deployment}"));
    format!("greenlight-gate-{hash:016x}")
}

/// The name of the one-time schedule by which this function looks at once, after that deployment was judged.
pub fn look_judged(stack: &StackName, function: &str, deployment: &ServiceDeploymentArn) -> String {
    let hash = fnv::hash(&format!("{stack} {function} {deployment}"));
    format!("greenlight-look-judged-{hash:016x}")
}

/// The name of the one-time schedule by which one of several calls claims to judge that rolling update. `check-production` may create
/// those of this beginning.
pub fn claim_to_judge(stack: &StackName, deployment: &ServiceDeploymentArn) -> String {
    look_judged(stack, "check-production", deployment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::Status;

    #[test]
    fn names_fit_and_differ_where_anything_differs() {
        let stack: StackName = "greenlight".parse().unwrap();
        let long = "s".repeat(255);
        let cluster = |name: &str| name.parse::<ClusterName>().unwrap();
        let service = |name: &str| name.parse::<ServiceName>().unwrap();
        let name = look(&stack, &cluster("prod"), &service(&long));
        assert!(name.len() <= 64, "{name}");
        let web = look(&stack, &cluster("prod"), &service("web"));
        assert_eq!(web, look(&stack, &cluster("prod"), &service("web")));
        for other in [
            look(&stack, &cluster("dev"), &service("web")),
            look(&stack, &cluster("prod"), &service("api")),
            look(
                &"observer".parse().unwrap(),
                &cluster("prod"),
                &service("web"),
            ),
        ] {
            assert_ne!(web, other);
        }
        let arn: ServiceDeploymentArn =
            "arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/EZe5RNVLH6PPzHXINuP28"
                .parse()
                .unwrap();
        let ended = claim(&stack, &What::Ended(End::Shipped), &arn);
        // Whatever it finds, the end is told by one.
        assert_eq!(ended, claim(&stack, &What::Ended(End::RolledBack), &arn));
        assert_ne!(ended, claim(&stack, &What::Started, &arn));
        assert!(ended.len() <= 64, "{ended}");
    }

    /// A deployment that began so many minutes before the newest one.
    fn listed(number: i64, minutes: i64) -> Listed {
        let id = format!("EZe5RNVLH6PPzHXIN{number:04}");
        Listed {
            arn: format!("arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/{id}")
                .parse()
                .unwrap(),
            target: None,
            status: Status::RollbackSuccessful,
            created_at: UtcDateTime::UNIX_EPOCH.saturating_add(Duration::minutes(9999 - minutes)),
        }
    }

    /// Each ends when the next newer one begins.
    #[test]
    fn what_may_have_ended_since_the_last_look_is_looked_at_with_the_one_before() {
        let stack: StackName = "greenlight".parse().unwrap();
        for (minutes, expected) in [
            (&[][..], 0),
            (&[0], 1),
            (&[0, 60], 2),
            (&[0, 60, 61, 62], 3),
            // The last one but one ended 2 minutes before the newest one began, between two looks.
            (&[0, 1, 2, 60, 61, 62], 5),
            (&[0, 1, 10, 60, 61, 62], 5),
            (&[0, 1, 11, 60, 61, 62], 4),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], LOOKED_AT_MOST),
        ] {
            let all = (0..).zip(minutes.iter().copied());
            let all: Vec<Listed> = all.map(|(number, ago)| listed(number, ago)).collect();
            let looked = looked_at(&all, &stack, &Announced::Routine(None));
            assert_eq!(looked.len(), expected, "{minutes:?}");
        }
    }

    #[test]
    fn what_was_claimed_is_looked_at_however_many_came_since() {
        let stack: StackName = "greenlight".parse().unwrap();
        let all: Vec<Listed> = (0..6).map(|number| listed(number, 60 * number)).collect();
        let looked = |announced: &Announced| {
            let looked = looked_at(&all, &stack, announced);
            let place =
                |arn: &ServiceDeploymentArn| all.iter().position(|one| one.arn == *arn).unwrap();
            looked.iter().map(place).collect::<Vec<_>>()
        };
        assert_eq!(looked(&Announced::Ended), [0, 1, 2]);
        assert_eq!(looked(&Announced::Routine(None)), [0, 1, 2]);
        for (claimed, expected) in [(1, vec![0, 1, 2]), (4, vec![0, 1, 2, 4])] {
            for what in [What::Started, What::Ended(End::Shipped)] {
                let name = claim(&stack, &what, &all[claimed].arn);
                let announced = Announced::Routine(Some(Claim(name)));
                assert_eq!(looked(&announced), expected);
                assert!(is_claimed(&stack, &announced, &all[claimed].arn));
                assert!(!is_claimed(&stack, &announced, &all[3].arn));
            }
        }
    }
}
