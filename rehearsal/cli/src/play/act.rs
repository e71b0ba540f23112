//! Performs the steps of a scenario or a storm.

mod moment;
mod rest;

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use local_aws::codedeploy::State;
use local_aws::codedeploy::requests::DeploymentWait;
use local_aws::ecr::{ImageSettings, PushRefused, StorageClass};
use local_aws::identity::Location;
use local_aws::pause::Pause;
use local_aws::world::World;
use serde_json::{Value, json};

use super::console::Refused;
use super::{forge, person, service_deployments};
use crate::scenario::{DeliveryFaults, Impossible, Moment, Operation, Queued, Reached, Step};
use crate::traffic::Traffic;

/// The performer of a script's steps.
pub(super) struct Script<'a> {
    world: &'a World,
    traffic: &'a BTreeMap<String, Traffic>,
    impossible: Impossible,
    /// Keeps the clock still between two waits.
    pause: Pause,
}

impl<'a> Script<'a> {
    pub(super) fn new(
        world: &'a World,
        traffic: &'a BTreeMap<String, Traffic>,
        impossible: Impossible,
    ) -> Script<'a> {
        Script {
            world,
            traffic,
            impossible,
            pause: Pause::new(world),
        }
    }

    pub(super) async fn act(&mut self, step: &Step) -> anyhow::Result<()> {
        let world = self.world;
        match step {
            Step::Push(image) => self.pushed(image, world.push(image))?,
            Step::Replicate(image) => self.pushed(image, world.replicate(image))?,
            Step::PushIndex(index) => self.pushed(&index.image, world.push_index(index))?,
            Step::DeliverAgain => deliver_again(world)?,
            Step::Deliver(event) => {
                world.events.deliver_custom(event.clone(), &world.timeline);
            }
            Step::Hold(source) => world.events.hold(source),
            Step::Release(queued) => self.release(*queued).await,
            Step::InjectDeliveryFaults(faults) => inject(world, faults),
            Step::Deny { function, action } => world.deny(function, action)?,
            Step::Withdraw { repository, action } => {
                withdraw(world, repository, action.as_deref())?;
            }
            Step::Store(image, class) => store(world, image, *class)?,
            Step::LimitFargate(tasks) => world.ecs.limit_fargate(*tasks),
            Step::Alarm(name, state) => world.cloudwatch.set_alarm(name, *state)?,
            Step::Answers(answers) => self.more(*answers).await,
            Step::AnswersAt(moment, answers) => {
                if self.comes(moment).await {
                    self.more(*answers).await;
                }
            }
            Step::Until(moment) => {
                let came = self.comes(moment).await;
                let never =
                    || anyhow!("everything ended, and the script still waits until {moment}");
                self.possible(came.then_some(()).ok_or_else(never))?;
            }
            Step::UntilIdle => self.idle().await,
            Step::Pass(duration) => self.pause.pass(*duration).await,
            Step::Settle => self.settle().await,
            Step::Calm => rest::calm(world)?,
            Step::Converge => rest::converge(world, &mut self.pause).await,
            Step::Stop { service, then } => {
                self.possible(person::stop(world, service, *then).await)?;
            }
            Step::EndWait { service, wait } => {
                self.possible(person::end_wait(world, service, *wait))?;
            }
            // AWS refuses this while another deployment is under way; it also fails if no revision has this version.
            Step::Redeploy { service, version } => {
                self.possible(person::redeploy(world, service, version).await)?;
            }
            Step::Register {
                service,
                name,
                value,
            } => drop(person::register(world, service, name, value).await?),
            Step::Operate { service, operation } => {
                self.possible(operate(world, service, operation).await)?;
            }
            Step::Try(step) => match Box::pin(self.act(step)).await {
                Err(error) if error.is::<Refused>() => {}
                done => done?,
            },
            Step::Desire { service, count } => person::desire(world, service, *count).await?,
            Step::KeepPath { service, path } => person::keep_path(world, service, path)?,
            Step::Forge { service, forgery } => forge::forge(world, service, *forgery).await?,
            Step::PutParameter { name, value } => person::put_parameter(world, name, value).await?,
            // The invoked function may wait for a retry, and therefore for the clock.
            Step::Ask(request) => {
                let asked = person::ask(world, request.payload());
                self.pause.during(asked).await?;
            }
        }
        Ok(())
    }

    fn pushed(
        &self,
        image: &ImageSettings,
        pushed: Result<String, PushRefused>,
    ) -> anyhow::Result<()> {
        self.possible(pushed.map_err(|refused| not_pushed(image, refused)))
    }

    /// Handles the result of a step that may no longer be possible.
    fn possible<T>(&self, done: anyhow::Result<T>) -> anyhow::Result<()> {
        match self.impossible {
            Impossible::Fails => done.map(drop),
            Impossible::LeftOut => Ok(()),
        }
    }

    /// Waits until every client has received this number of further answers.
    pub(super) async fn more(&self, answers: u64) {
        for client in self.traffic.values() {
            client.more(answers).await;
        }
    }

    /// Waits until no invocation is running or waiting for a retry. Time passes meanwhile.
    async fn idle(&mut self) {
        self.pause.during(self.world.lambda.idle()).await;
    }

    /// Waits until everything has ended. With injected faults that may never happen, because work that ends starts
    /// anew.
    async fn settle(&mut self) {
        match self.impossible {
            Impossible::Fails => self.pause.settled().await,
            Impossible::LeftOut => {
                rest::rest(self.world, &mut self.pause).await;
            }
        }
    }

    /// Each event is handled before the next one is delivered: otherwise a second invocation might overtake the first.
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

    /// Waits for a moment, and stops the clock there. Returns whether it came before everything ended.
    async fn comes(&mut self, moment: &Moment) -> bool {
        if let Reached::Wait(wait) = moment.reached {
            return self.waits(moment.service.as_deref(), wait).await;
        }
        let is = moment::is(self.world, moment);
        match self.impossible {
            Impossible::Fails => self.pause.until(is).await,
            Impossible::LeftOut => {
                let restless = rest::restless(self.world);
                self.pause
                    .until(move |event| restless(event) || is(event))
                    .await
            }
        }
    }

    async fn waits(&mut self, service: Option<&str>, wait: DeploymentWait) -> bool {
        let world = self.world;
        while self
            .pause
            .until(move |event| moment::begins(wait, event))
            .await
        {
            let is_waited = |state: &State| moment::is_waited(wait, service, state);
            if world.codedeploy.until(is_waited).await {
                return true;
            }
        }
        false
    }
}

async fn operate(world: &World, service: &str, operation: &Operation) -> anyhow::Result<()> {
    match operation {
        Operation::Apply { name, value } => {
            let revision = person::register(world, service, name, value).await?;
            let members = json!({ "taskDefinition": revision });
            service_deployments::update(world, service, members).await
        }
        Operation::Force => {
            let members = json!({ "forceNewDeployment": true });
            service_deployments::update(world, service, members).await
        }
        Operation::AnswerPause(action) => {
            service_deployments::answer_pause(world, service, *action).await
        }
        Operation::PutRuleBack => service_deployments::put_rule_back(world, service),
        Operation::SetBakeTime(minutes) => {
            service_deployments::set_bake_time(world, service, *minutes).await
        }
        Operation::MoveToEcs(how) => person::move_to_ecs(world, service, how).await,
    }
}

fn store(world: &World, image: &ImageSettings, class: StorageClass) -> anyhow::Result<()> {
    let (registry, name) = (&image.registry, &image.repository);
    let stored = world
        .ecr
        .update_storage_class(registry, name, &image.digest(), class);
    stored
        .map(drop)
        .with_context(|| format!("`{}` is not in ECR", image.version))
}

fn withdraw(world: &World, repository: &str, action: Option<&str>) -> anyhow::Result<()> {
    let (registry, name) = Location::of_repository(repository);
    world.ecr.withdraw(&registry, name, action)
}

fn not_pushed(image: &ImageSettings, refused: PushRefused) -> anyhow::Error {
    anyhow!("ECR refused the push of `{}`: {refused}", image.version)
}

fn inject(world: &World, faults: &DeliveryFaults) {
    let DeliveryFaults {
        rule,
        about,
        faults,
    } = faults;
    world
        .events
        .inject_about(rule, about, faults.iter().copied());
}

fn deliver_again(world: &World) -> anyhow::Result<()> {
    let is_push = |event: &Value| event["source"] == "aws.ecr";
    let delivered = world.events.delivered();
    let last = delivered
        .into_iter()
        .rev()
        .find(|(event, _)| is_push(event));
    let (event, _) = last.context("no event of a push was delivered before")?;
    world.events.deliver(event);
    Ok(())
}
