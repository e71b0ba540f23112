//! Does the steps of a scenario's script.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::codedeploy::{Creator, Deployment, State, Wait};
use local_aws::pause::Pause;
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::World;
use serde_json::Value;

use super::{forge, person};
use crate::scenario::setting::CLUSTER;
use crate::scenario::{Moment, Queued, Step};
use crate::storm;
use crate::traffic::Traffic;

/// Whoever does a script's steps.
pub(super) struct Script<'a> {
    world: &'a World,
    traffic: &'a BTreeMap<String, Traffic>,
    /// Keeps the clock from moving on between two waits.
    pause: Pause,
}

impl<'a> Script<'a> {
    pub(super) fn new(world: &'a World, traffic: &'a BTreeMap<String, Traffic>) -> Script<'a> {
        Script {
            world,
            traffic,
            pause: Pause::new(world),
        }
    }

    pub(super) async fn act(&mut self, step: &Step) -> anyhow::Result<()> {
        let world = self.world;
        match step {
            Step::Push(image) => {
                let refused =
                    |refused| anyhow!("ECR refused the push of `{}`: {refused:?}", image.version);
                world.push(image).map_err(refused)?;
            }
            Step::PushIndex(index) => {
                let version = &index.image.version;
                let refused = |refused| anyhow!("ECR refused the push of `{version}`: {refused:?}");
                world.push_index(index).map_err(refused)?;
            }
            Step::TellAgain => tell_again(world)?,
            Step::Tell(event) => world.events.deliver(event.clone()),
            Step::Hold(source) => world.events.hold(source),
            Step::Release(queued) => self.release(*queued).await,
            Step::Deny { function, action } => world.deny(function, action)?,
            Step::LimitFargate(tasks) => world.ecs.limit_fargate(*tasks),
            Step::Stop(then) => person::stop(world, *then)?,
            Step::Continue(wait) => person::end_wait(world, *wait)?,
            Step::Alarm(name, state) => world.cloudwatch.set_alarm(name, *state)?,
            Step::Redeploy(version) => {
                person::redeploy(world, CLUSTER, person::SERVICE, version).await?
            }
            Step::Forge(forgery) => forge::forge(world, *forgery).await?,
            Step::Desire(count) => person::desire(world, *count).await?,
            Step::KeepPath(path) => person::keep_path(world, path)?,
            Step::Answers(answers) => self.more(*answers).await,
            Step::AnswersAt(moment, answers) => {
                if self.comes(*moment).await {
                    self.more(*answers).await;
                }
            }
            Step::Storm(action) => storm::act::act(world, &mut self.pause, action).await?,
            Step::Ask(request) => person::ask(world, request).await?,
            Step::Await(moment) => {
                if !self.comes(*moment).await {
                    bail!("everything ended without what the script waits for");
                }
            }
            Step::Pass(duration) => self.pause.pass(*duration).await,
            Step::Settle => self.pause.settled().await,
        }
        Ok(())
    }

    /// Every client gets so many more answers.
    pub(super) async fn more(&self, answers: u64) {
        for client in self.traffic.values() {
            client.more(answers).await;
        }
    }

    /// No invocation runs or waits for a retry, for which time passes.
    async fn idle(&mut self) {
        self.pause.during(self.world.lambda.idle()).await;
    }

    /// Each event is looked at before the next one comes: a second invocation might otherwise overtake the first.
    async fn release(&mut self, queued: Queued) {
        let events = self.world.events.release();
        match queued {
            Queued::LastFirst => {
                for event in events.into_iter().rev() {
                    self.world.events.deliver(event);
                    self.idle().await;
                }
            }
            Queued::Lost => {}
        }
    }

    /// Waits for a moment, and keeps the clock there; says whether it came before everything ended.
    async fn comes(&mut self, moment: Moment) -> bool {
        let world = self.world;
        match moment {
            Moment::Idle => {
                self.idle().await;
                true
            }
            Moment::LifecycleEvent(..) | Moment::Share(_) => {
                self.pause.until(move |event| is(moment, event)).await
            }
            Moment::Wait(wait) => {
                while self.pause.until(move |event| begins(wait, event)).await {
                    let waits = |state: &State| is_waited(wait, &state.deployments);
                    if world.codedeploy.until(waits).await {
                        return true;
                    }
                }
                false
            }
        }
    }
}

/// What comes right before a wait, without any time in between.
fn begins(wait: DeploymentWait, event: &timeline::Event) -> bool {
    match (wait, event) {
        (DeploymentWait::Ready, timeline::Event::DeploymentStatus { status, .. }) => {
            *status == "Ready"
        }
        (DeploymentWait::Termination, timeline::Event::LifecycleEvent { name, status, .. }) => {
            (*name, *status) == ("AfterAllowTraffic", "Succeeded")
        }
        (DeploymentWait::Ready | DeploymentWait::Termination, _) => false,
    }
}

/// Whether a deployment is in the wait, once it is known. A rollback never is: it has no blue to stop.
fn is_waited(wait: DeploymentWait, deployments: &[Deployment]) -> Option<bool> {
    let ships = |deployment: &&Deployment| {
        deployment.status.is_active() && deployment.creator == Creator::User
    };
    let mut shipping = deployments.iter().filter(ships).peekable();
    if shipping.peek().is_none() {
        return Some(false);
    }
    let is_in = |deployment: &Deployment| match wait {
        DeploymentWait::Ready => deployment.ready_wait == Wait::Waiting,
        DeploymentWait::Termination => deployment.termination_wait == Wait::Waiting,
    };
    shipping.any(is_in).then_some(true)
}

fn is(moment: Moment, event: &timeline::Event) -> bool {
    match (moment, event) {
        (
            Moment::LifecycleEvent(event, wanted),
            timeline::Event::LifecycleEvent { name, status, .. },
        ) => (event, wanted) == (*name, *status),
        (
            Moment::Share(wanted),
            timeline::Event::Weights {
                listener, weights, ..
            },
        ) => {
            let mut weights = weights.iter();
            *listener == ListenerKind::Production
                && weights.any(|weight| (weight.task_set, weight.percent) == ("Green", wanted))
        }
        (Moment::LifecycleEvent(..) | Moment::Share(_) | Moment::Wait(_) | Moment::Idle, _) => {
            false
        }
    }
}

fn tell_again(world: &World) -> anyhow::Result<()> {
    let is_push = |event: &Value| event["source"] == "aws.ecr";
    let told = world.events.delivered();
    let last = told.into_iter().rev().find(|(event, _)| is_push(event));
    let (event, _) = last.context("no push was told before")?;
    world.events.deliver(event);
    Ok(())
}
