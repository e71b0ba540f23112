//! Creates a service deployment: for a new service, or because UpdateService changed what needs one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::configuration::DeploymentConfiguration;
use super::deployment::{Monitor, ServiceDeployment};
use super::failures::Failures;
use super::record::set_status;
use super::revision::{Resolved, ServiceRevision};
use super::service_deployments::ServiceDeployments;
use super::share::Share;
use super::stage::Stage;
use super::status::{Status, StopRequest};
use super::{announce, engine, task_sets};
use crate::assumption::Assumption;
use crate::ecs::service::Service;
use crate::identity::arn;

/// How long after UpdateService's answer the new deployment is missing from the list. A moment was observed; how long is
/// inferred.
const UNSEEN: Duration = Duration::from_secs(2);

/// Starts to deploy the service as it is now; the newest deployment wins over those that are under way. Returns the
/// deployment's ARN; `None` for a service that ECS does not deploy.
pub fn start(deployments: &Arc<ServiceDeployments>, cluster: &str, name: &str) -> Option<String> {
    let service = deployments
        .ecs
        .read(|state| state.service(cluster, name).cloned())?;
    let configuration = service.controller.ecs()?.configuration.clone();
    supersede(deployments, cluster, name);
    let now = deployments.context.clock.now();
    let revision = revision(deployments, &service, now);
    let deployment = deployment(deployments, &service, configuration, &revision, now);
    let arn = deployment.arn.clone();
    announce::created(deployments, &deployment, &service);
    deployments.write(|state| {
        state.revisions.push(revision);
        state.deployments.push(deployment);
    });
    deployments
        .context
        .background
        .spawn(engine::run(deployments.clone(), arn.clone()));
    Some(arn)
}

/// Makes a service revision of the tasks that CodeDeploy left, which ECS's first deployment replaces. That they become one is
/// inferred: a deployment has service revisions as its sources.
pub fn adopt(deployments: &ServiceDeployments, cluster: &str, name: &str) {
    let service = deployments
        .ecs
        .read(|state| state.service(cluster, name).cloned());
    let Some((service, set)) = service.and_then(|service| {
        let set = service.primary()?.clone();
        Some((service, set))
    }) else {
        return;
    };
    let mut rules = service.controller.two_groups().iter();
    let mut resolved = Resolved::without_rules(&set.load_balancers);
    for resolved in &mut resolved {
        resolved.production_rule = rules.next().map(|two| two.production_rule.clone());
    }
    let adopted = ServiceRevision {
        digits: task_sets::digits_of(&set),
        task_definition: set.task_definition,
        platform_version: set.platform_version,
        network_configuration: set.network_configuration,
        resolved,
        created_at: set.created_at,
        ..revision(deployments, &service, set.created_at)
    };
    deployments.write(|state| state.revisions.push(adopted));
}

/// A service revision with all that the service has now.
pub fn revision(
    deployments: &ServiceDeployments,
    service: &Service,
    now: SystemTime,
) -> ServiceRevision {
    let managed = service.controller.ecs();
    let is_native = managed.is_some_and(|ecs| ecs.configuration.strategy.is_native());
    ServiceRevision {
        digits: deployments.context.ids.decimal(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        task_definition: service.task_definition.clone(),
        launch_type: service.launch_type.clone(),
        platform_version: service.platform_version.clone(),
        network_configuration: service.network_configuration.clone(),
        load_balancers: managed.map_or_else(Vec::new, |ecs| ecs.load_balancers.clone()),
        // With two target groups the production rule decides, while it deploys.
        resolved: match is_native {
            true => Vec::new(),
            false => Resolved::without_rules(&service.load_balancers),
        },
        created_at: now,
    }
}

/// A deployment of this revision that has not begun.
pub fn deployment(
    deployments: &ServiceDeployments,
    service: &Service,
    configuration: DeploymentConfiguration,
    revision: &ServiceRevision,
    now: SystemTime,
) -> ServiceDeployment {
    let id = deployments.context.ids.service_deployment();
    ServiceDeployment {
        arn: arn(
            "ecs",
            &format!(
                "service-deployment/{}/{}/{id}",
                service.cluster, service.name
            ),
        ),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        status: Status::Pending,
        status_reason: None,
        stage: None,
        created_at: now,
        visible_from: now + UNSEEN,
        started_at: None,
        finished_at: None,
        stopped_at: None,
        updated_at: now,
        sources: Vec::new(),
        target: revision.digits.clone(),
        candidate: None,
        configuration,
        test_share: Share::NOTHING,
        production_share: Share::NOTHING,
        rollback: None,
        failures: Failures::default(),
        threshold: 0,
        breaker: Monitor::Disabled,
        alarms: Monitor::Disabled,
        triggered_alarms: Vec::new(),
        stages: Vec::new(),
        hooks: Vec::new(),
        stop: None,
    }
}

/// Ends what is under way. A rollback goes on to its end first.
fn supersede(deployments: &ServiceDeployments, cluster: &str, name: &str) {
    let under_way: Vec<ServiceDeployment> = deployments.read(|state| {
        let of_service = state.of_service(cluster, name);
        of_service
            .filter(|one| !one.status.has_ended())
            .cloned()
            .collect()
    });
    for earlier in under_way {
        let is_open = earlier.status == Status::Pending || earlier.status == Status::InProgress;
        if !is_open || earlier.stage == Some(Stage::CleanUp) {
            continue;
        }
        let is_baking = earlier.stage == Some(Stage::BakeTime);
        let assumptions = &deployments.context.assumptions;
        let rolls_back = is_baking && assumptions.hold(Assumption::BakingDeploymentIsRolledBack);
        let (status, request) = match rolls_back {
            true => (Status::RollbackRequested, StopRequest::RollBack),
            false => (Status::StopRequested, StopRequest::Superseded),
        };
        set_status(deployments, &earlier.arn, status, None);
        super::record::edit(deployments, &earlier.arn, |one| one.stop = Some(request));
    }
}
