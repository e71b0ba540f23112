//! A blue/green, linear or canary deployment, stage by stage (ECS Developer Guide, "Amazon ECS blue/green service deployments
//! workflow").

use std::sync::Arc;
use std::time::Duration;

use super::deployment::ServiceDeployment;
use super::hook_payload::Shares;
use super::listener_rules::TwoTargetGroups;
use super::observed;
use super::record::{Course, enter, leave, read};
use super::revision::{Resolved, task_set_of};
use super::service_deployments::ServiceDeployments;
use super::share::Share;
use super::stage::Stage;
use super::status::Ending;
use super::{hooks, task_sets, traffic};
use crate::assumption::Assumption;
use crate::timeline::ListenerKind;

/// From one stage to the next.
const BETWEEN_STAGES: Duration = Duration::from_secs(1);
/// From the change of a rule to the hooks after it: two seconds were measured, in which a load balancer may not have learnt
/// it.
const AFTER_SHIFT: Duration = Duration::from_secs(1);
/// The same at a Network Load Balancer, whose connections may not follow its weights before (ECS Developer Guide, "Network Load
/// Balancer resources for Amazon ECS blue/green, linear and canary deployments").
const AFTER_NETWORK_SHIFT: Duration = Duration::from_secs(10 * 60);
/// A stage that takes longer has failed.
const STAGE_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Plays every stage; what is left after the deployment's end runs on by itself.
pub(super) async fn play(deployments: &Arc<ServiceDeployments>, arn: &str) -> Result<(), Ending> {
    let Some((deployment, _)) = read(deployments, arn) else {
        return Ok(());
    };
    let run = Run { deployments, arn };
    if deployment.sources.len() > 1 {
        run.stage(
            Stage::ReconcileService,
            Share::NOTHING,
            reconcile(deployments, &deployment),
        )
        .await?;
    }
    let nothing = async { Ok(()) };
    run.stage(Stage::PreScaleUp, Share::NOTHING, nothing)
        .await?;
    run.stage(Stage::ScaleUp, Share::NOTHING, scale_up(deployments, arn))
        .await?;
    run.stage(Stage::PostScaleUp, Share::NOTHING, async { Ok(()) })
        .await?;
    let test = run.shift(ListenerKind::Test, Share::ALL);
    run.stage(Stage::TestTrafficShift, Share::NOTHING, test)
        .await?;
    run.stage(Stage::PostTestTrafficShift, Share::NOTHING, async {
        Ok(())
    })
    .await?;
    for step in &deployment.configuration.steps {
        run.stage(Stage::PreProductionTrafficShift, step.share, async {
            Ok(())
        })
        .await?;
        let shift = run.shift(ListenerKind::Production, step.share);
        run.stage(Stage::ProductionTrafficShift, step.share, shift)
            .await?;
        deployments.context.clock.sleep(step.bake).await;
    }
    run.stage(Stage::PostProductionTrafficShift, Share::ALL, async {
        Ok(())
    })
    .await?;
    let bake = deployment.configuration.bake;
    let assumptions = &deployments.context.assumptions;
    if assumptions.hold(Assumption::DeploymentSucceedsAtTheShift) {
        let (deployments, arn) = (deployments.clone(), arn.to_owned());
        let rest = async move {
            deployments.context.clock.sleep(bake).await;
            clean_up(&deployments, &arn);
        };
        run.deployments.context.background.spawn(rest);
        return Ok(());
    }
    let clock = deployments.context.clock.clone();
    let baked = async move {
        clock.sleep(bake).await;
        Ok(())
    };
    run.stage(Stage::BakeTime, Share::ALL, baked).await?;
    clean_up(deployments, arn);
    Ok(())
}

struct Run<'d> {
    deployments: &'d Arc<ServiceDeployments>,
    arn: &'d str,
}

impl Run<'_> {
    /// One stage: its own work, then its hooks. `share` is green's share of production after it.
    async fn stage(
        &self,
        stage: Stage,
        share: Share,
        work: impl Future<Output = Result<(), String>>,
    ) -> Result<(), Ending> {
        let (deployments, arn) = (self.deployments, self.arn);
        let before = self.shares();
        enter(deployments, arn, stage, Course::Deploying);
        let clock = &deployments.context.clock;
        // Pauses may last longer, and hooks have time-outs of their own.
        let worked = tokio::select! {
            biased;
            worked = work => worked,
            () = clock.sleep(STAGE_LIMIT) => Err(format!("{} stage timed out.", stage.as_str())),
        };
        let outcome = match worked {
            Ok(()) => {
                let shares = Shares {
                    test: self.shares().0,
                    before: before.1,
                    after: share,
                };
                hooks::run(deployments, arn, stage, shares, Course::Deploying).await
            }
            Err(why) => Err(why),
        };
        leave(
            deployments,
            arn,
            stage,
            outcome.as_ref().err().map(String::as_str),
        );
        outcome.map_err(Ending::Failed)?;
        clock.sleep(BETWEEN_STAGES).await;
        Ok(())
    }

    /// Green's shares of test and of production traffic now.
    fn shares(&self) -> (Share, Share) {
        let shares = self.deployments.read(|state| {
            let deployment = state.deployment(self.arn)?;
            Some((deployment.test_share, deployment.production_share))
        });
        shares.unwrap_or_default()
    }

    async fn shift(&self, kind: ListenerKind, share: Share) -> Result<(), String> {
        let Some(both) = read(self.deployments, self.arn) else {
            return Ok(());
        };
        traffic::shift(self.deployments, &both, kind, share)?;
        let mut two_groups = both.1.controller.two_groups().iter();
        let pause = match two_groups.any(TwoTargetGroups::are_of_network) {
            true => AFTER_NETWORK_SHIFT,
            false => AFTER_SHIFT,
        };
        self.deployments.context.clock.sleep(pause).await;
        Ok(())
    }
}

/// Returns the service to one revision: traffic goes to the one that counts as blue, the others are stopped.
async fn reconcile(
    deployments: &ServiceDeployments,
    deployment: &ServiceDeployment,
) -> Result<(), String> {
    let Some((_, service)) = read(deployments, &deployment.arn) else {
        return Ok(());
    };
    let blue = deployment.candidate.as_ref();
    let blue = blue.and_then(|digits| deployments.read(|state| state.revision_of(digits).cloned()));
    let resolved = blue.map_or_else(Vec::new, |blue| blue.resolved);
    for (two, resolved) in service.controller.two_groups().iter().zip(resolved) {
        traffic::return_to(deployments, two, &resolved.target_group)?;
    }
    let others = deployment.sources.iter();
    let others = others.filter(|digits| deployment.candidate.as_ref() != Some(digits));
    let others: Vec<&String> = others.collect();
    for digits in &others {
        task_sets::drain(deployments, digits);
    }
    for digits in others {
        task_sets::gone(deployments, digits).await;
    }
    Ok(())
}

/// Starts green in the target groups that the production rules leave free, and waits until all its tasks are healthy.
async fn scale_up(deployments: &Arc<ServiceDeployments>, arn: &str) -> Result<(), String> {
    let Some((deployment, service)) = read(deployments, arn) else {
        return Ok(());
    };
    let two_groups = service.controller.two_groups().iter();
    let resolved = two_groups.map(|two| {
        let sides = traffic::find_sides(deployments, &service, two)?;
        Ok(Resolved {
            target_group: sides.green,
            production_rule: Some(two.production_rule.clone()),
        })
    });
    let resolved = resolved.collect::<Result<Vec<_>, String>>()?;
    deployments.write(|state| {
        if let Some(revision) = state.revision_of_mut(&deployment.target) {
            revision.resolved = resolved;
        }
    });
    task_sets::run(deployments, arn, &deployment.target, None);
    let id = task_set_of(&deployment.target);
    loop {
        let written = deployments.ecs.written();
        let health_changed = deployments.load_balancers.health_changed();
        let seen = observed::set(deployments, &id);
        let (cluster, name) = (&deployment.cluster, &deployment.service);
        let desired = deployments.ecs.read(|state| {
            state
                .service(cluster, name)
                .map_or(0, |service| service.desired_count)
        });
        if seen.counts.live == desired && seen.counts.healthy == desired {
            return Ok(());
        }
        observed::changed(deployments, seen.next, written, health_changed).await;
    }
}

/// Scales blue in. The deployment has ended before its last task is gone.
fn clean_up(deployments: &ServiceDeployments, arn: &str) {
    enter(deployments, arn, Stage::CleanUp, Course::Deploying);
    if let Some((deployment, _)) = read(deployments, arn) {
        let blue = deployment.sources.iter();
        blue.filter(|digits| **digits != deployment.target)
            .for_each(|digits| task_sets::drain(deployments, digits));
    }
    leave(deployments, arn, Stage::CleanUp, None);
}
