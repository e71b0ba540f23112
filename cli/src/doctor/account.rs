//! The account that is asked: one client a service of AWS, and how an answer is read.

use std::cell::RefCell;
use std::collections::BTreeSet;

use aws::cloudformation::CloudFormation;
use aws::cloudwatch::CloudWatch;
use aws::codedeploy::CodeDeploy;
use aws::ecr::Ecr;
use aws::ecs::Ecs;
use aws::elb::Elb;
use aws::iam::Iam;
use aws::lambda::Lambda;
use aws::logs::Logs;
use aws::secrets_manager::SecretsManager;
use aws::ssm::Ssm;
use aws::{CallFailed, Kind};
use rules::config::Pipeline;
use rules::doctor::Read;

use crate::page::of_caller;
use crate::stack::Stack;

/// The account, and the stack in it.
pub(super) struct Account<'a> {
    pub(super) stack: &'a Stack,
    pub(super) ours: aws::observe::Ours,
    pub(super) cloudformation: CloudFormation,
    pub(super) cloudwatch: CloudWatch,
    pub(super) codedeploy: CodeDeploy,
    pub(super) ecr: Ecr,
    pub(super) ecs: Ecs,
    pub(super) elb: Elb,
    pub(super) iam: Iam,
    pub(super) lambda: Lambda,
    pub(super) logs: Logs,
    pub(super) secrets_manager: SecretsManager,
    pub(super) ssm: Ssm,
    absent: RefCell<BTreeSet<String>>,
}

impl<'a> Account<'a> {
    pub(super) fn new(stack: &'a Stack) -> Self {
        let session = &stack.session;
        Self {
            stack,
            ours: start_deployment::ours(&stack.started),
            cloudformation: CloudFormation::new(session),
            cloudwatch: CloudWatch::new(session),
            codedeploy: CodeDeploy::new(session),
            ecr: Ecr::new(session),
            ecs: Ecs::new(session),
            elb: Elb::new(session),
            iam: Iam::new(session),
            lambda: Lambda::new(session),
            logs: Logs::new(session),
            secrets_manager: SecretsManager::new(session),
            ssm: Ssm::new(session),
            absent: RefCell::default(),
        }
    }

    /// Something that is named is not there, which is told once: that a parameter does not cover its name either says nothing more.
    pub(super) fn note_absent(&self, name: &str) {
        self.absent.borrow_mut().insert(name.to_owned());
    }

    pub(super) fn is_absent(&self, name: &str) -> bool {
        self.absent.borrow().contains(name)
    }

    /// The ARN of a pipeline's deployment group.
    pub(super) fn group_arn(&self, pipeline: &Pipeline) -> String {
        let deploys = &pipeline.codedeploy;
        let (application, group) = (&deploys.application, &deploys.deployment_group);
        self.arn(
            "codedeploy",
            &format!("deploymentgroup:{application}/{group}"),
        )
    }

    /// The ARN of something in the stack's account and Region.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        let topic = &self.stack.started.settings.topic;
        let partition = topic.as_str().split(':').nth(1).unwrap_or("aws");
        let (region, account) = (topic.region(), topic.account());
        match service {
            "iam" => format!("arn:{partition}:iam::{account}:{resource}"),
            service => format!("arn:{partition}:{service}:{region}:{account}:{resource}"),
        }
    }
}

/// What an answer says: that there is no such thing is one, too. Whoever lacks a permission learns which.
pub(super) fn read<T>(answer: Result<T, CallFailed>) -> Read<T> {
    match answer {
        Ok(found) => Read::Found(found),
        Err(failed) if failed.kind == Kind::NotFound => Read::Absent,
        Err(failed) => Read::NotKnown(why(&failed)),
    }
}

/// Why a call says nothing.
pub(super) fn why(failed: &CallFailed) -> String {
    match failed.kind {
        Kind::Denied => format!(
            "access denied (hint: your credentials need `{}`)",
            failed.operation
        ),
        Kind::Throttled
        | Kind::NotFound
        | Kind::Conflict
        | Kind::LimitExceeded
        | Kind::Invalid
        | Kind::Unavailable
        | Kind::Unexpected => of_caller(&failed.to_string()),
    }
}
