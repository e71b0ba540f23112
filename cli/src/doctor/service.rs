//! A service with its pipelines: who deploys to it, what it runs, and whether they fit.

use std::time::Duration;

use futures_util::future::join_all;
use lambda::Deadline;
use rules::config::Pipeline;
use rules::doctor::{self, Checks, Platform, Severity};
use rules::ecs;
use rules::engine::Engine;
use rules::events::{Request, Wanted, Way};
use rules::observed::{Service, TaskDefinition};
use rules::revision::Matching;
use rules::start::{Force, RunningImage};
use start_deployment::Handler;
use tokio::join;

use super::account::{Account, read};
use super::containers::{containers, definition};
use super::{group, image, on_ecs, traffic};
use crate::page::of_caller;
use crate::report::{self, Meaning};
use crate::stack::Stack;

/// What was found of a service. What concerns all its pipelines stands with the first one.
pub(super) struct OfService<'a> {
    pub(super) pipelines: Vec<(&'a Pipeline, Checks)>,
    /// None where nobody deploys to it, or that is not known.
    pub(super) engine: Option<Engine>,
    /// What the next revision is made of.
    pub(super) definition: Option<TaskDefinition>,
    /// ARNs of the roles of its hooks that are not the stack's own.
    pub(super) hook_roles: Vec<String>,
}

/// Checks a service; `pipelines` are all of it.
pub(super) async fn check<'a>(account: &Account<'_>, pipelines: &[&'a Pipeline]) -> OfService<'a> {
    let first = pipelines[0];
    let mut common = Checks::default();
    let service = existing(account, &mut common, first).await;
    let engine = service
        .as_ref()
        .and_then(|service| engine(&mut common, first, service));
    let definition = match &service {
        Some(service) => definition(account, &mut common, first, service).await,
        None => None,
    };
    if let Some(definition) = &definition
        && let Err(mismatch) = ecs::must_be_of(&account.ours.stack, first, definition)
    {
        common.refused("second-deployer", &mismatch.to_string());
    }
    let found: Vec<(Option<Matching>, Checks)> = pipelines
        .iter()
        .map(|pipeline| containers(pipeline, service.as_ref(), definition.as_ref()))
        .collect();
    let by_engine = async {
        match (&service, engine) {
            (Some(service), Some(engine)) => {
                of_engine(account, pipelines, service, engine, definition.as_ref()).await
            }
            (_, _) => Checks::default(),
        }
    };
    let of_revision = async {
        match &definition {
            Some(definition) => super::revision::check(account, first, definition).await,
            None => Checks::default(),
        }
    };
    let wanted = service.as_ref().zip(definition.as_ref());
    let wanted = wanted.and_then(|(service, definition)| {
        doctor::wanted_platform(definition, service.placement.is_fargate())
    });
    let wanted = wanted.as_ref();
    let of_pipelines = join_all(
        pipelines
            .iter()
            .zip(found)
            .map(|(pipeline, found)| of_pipeline(account, pipeline, found, wanted)),
    );
    let (by_engine, of_revision, mut of_pipelines) = join!(by_engine, of_revision, of_pipelines);
    common.extend(by_engine);
    common.extend(of_revision);
    if let Some(own) = of_pipelines.first_mut() {
        common.extend(std::mem::take(own));
        *own = common;
    }
    let hook_roles = service
        .as_ref()
        .map(|service| foreign_roles(account, service));
    OfService {
        pipelines: pipelines.iter().copied().zip(of_pipelines).collect(),
        engine,
        definition,
        hook_roles: hook_roles.unwrap_or_default(),
    }
}

/// The service of a pipeline, where there is one.
async fn existing(account: &Account<'_>, common: &mut Checks, first: &Pipeline) -> Option<Service> {
    let found = account
        .ecs
        .describe_service(&first.cluster, &first.service)
        .await;
    let absent = || {
        account.note_absent(first.cluster.as_str());
        (
            format!(
                "pipeline `{}` deploys to the service `{}`, which does not exist",
                first.name,
                first.place()
            ),
            format!(
                "correct `cluster` and `service` of the pipeline; those that there are:\naws ecs list-clusters\naws ecs list-services \
                 --cluster {}",
                first.cluster
            ),
        )
    };
    read(found).or_tell(
        common,
        "service",
        &format!("service `{}`", first.place()),
        absent,
    )
}

/// A pipeline's image and the secrets of its requests, beside what was found of its containers.
async fn of_pipeline(
    account: &Account<'_>,
    pipeline: &Pipeline,
    (matching, containers): (Option<Matching>, Checks),
    wanted: Option<&Platform>,
) -> Checks {
    let image = matching.as_ref().map(|matching| &matching.image);
    let running = match image {
        Some(RunningImage::Known(digest)) => Some(digest),
        Some(RunningImage::Mixed | RunningImage::Unknown(_)) | None => None,
    };
    let (mut checks, secrets) = join!(
        image::check(account, pipeline, running, wanted),
        traffic::secrets(account, pipeline)
    );
    // Of a repository that does not exist no container runs an image either.
    if !account.is_absent(pipeline.repository.as_str()) {
        checks.extend(containers);
    }
    checks.extend(secrets);
    checks
}

fn foreign_roles(account: &Account<'_>, service: &Service) -> Vec<String> {
    let invokers = ecs::role::invokers(
        service,
        &account.ours.functions.all(),
        &account.ours.hook_role,
    );
    invokers.into_iter().map(|invoker| invoker.role).collect()
}

fn engine(checks: &mut Checks, pipeline: &Pipeline, service: &Service) -> Option<Engine> {
    match pipeline.engine(service) {
        Ok(engine) => {
            let ignored = engine.ignores(pipeline);
            let ignored = match ignored.is_empty() {
                true => String::new(),
                false => format!("; `{}` of another engine is ignored", ignored.join("`, `")),
            };
            checks.checked(format!(
                "service {}, deployed by {engine}{ignored}",
                pipeline.place()
            ));
            if service.desired_count == 0 {
                checks.doubt(
                    "service",
                    format!(
                        "service `{}` has the desired count 0: a deployment of it checks nothing",
                        pipeline.place()
                    ),
                    format!(
                        "aws ecs update-service --cluster {} --service {} --desired-count 1",
                        pipeline.cluster, pipeline.service
                    ),
                );
            }
            Some(engine)
        }
        Err(mismatch) => {
            checks.refused("service", &mismatch.to_string());
            None
        }
    }
}

async fn of_engine(
    account: &Account<'_>,
    pipelines: &[&Pipeline],
    service: &Service,
    engine: Engine,
    definition: Option<&TaskDefinition>,
) -> Checks {
    match engine {
        Engine::CodeDeploy => group::check(account, pipelines, service, definition).await,
        Engine::Native(_) | Engine::Rolling => {
            on_ecs::check(account, pipelines, service, engine, definition).await
        }
    }
}

/// Asks the function itself, as `plan` does, where nothing wrong was found: what it refuses is wrong whatever it is.
pub(super) async fn as_a_dry_run(stack: &Stack, pipeline: &Pipeline, checks: &mut Checks) {
    const AT_MOST: Duration = Duration::from_secs(120);
    if checks.is_wrong() {
        return;
    }
    let handler = Handler::new(Ok(stack.started.clone()), &stack.session);
    let request = Request {
        pipeline: pipeline.name.clone(),
        wanted: Wanted::Due,
        force: Force::Yes,
        way: Way::Forward,
        dry_run: true,
    };
    match handler
        .handle(request.payload(), Deadline::after(AT_MOST))
        .await
    {
        Ok(answer) => {
            let ours = report::reports(&answer)
                .iter()
                .find(|one| one["pipeline"] == pipeline.name.as_str());
            if let Some(report) = ours.filter(|one| report::meaning(one) == Meaning::Refused) {
                let reason = report["reason"].as_str().unwrap_or_default();
                doctor::plan(checks, reason.strip_prefix("dry run: ").unwrap_or(reason));
            }
        }
        // What it could not read is told by its subject, unless no subject asked for it.
        Err(_)
            if checks
                .findings
                .iter()
                .any(|one| one.severity == Severity::NotKnown) => {}
        Err(failure) => checks.not_known("plan", &of_caller(&failure.to_string())),
    }
    checks.checked("a dry run of the function".to_owned());
}
