//! CloudFormation: the template's stack, which is made with the world and does not change, and those of a user's templates.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A stack.
#[derive(Debug, Clone)]
pub struct Stack {
    pub name: String,
    /// Its template's.
    pub description: Option<String>,
    /// As they were given, or their defaults; a list with commas.
    pub parameters: BTreeMap<String, String>,
    /// The values of those parameters that are names of SSM parameters.
    pub resolved: BTreeMap<String, String>,
    /// By name; empty until it is made.
    pub outputs: BTreeMap<String, Output>,
    pub status: StackStatus,
    pub created_at: SystemTime,
}

/// An output of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    pub value: String,
    pub description: Option<String>,
    /// The name by which other stacks import it.
    pub export: Option<String>,
}

/// How far a stack is. None is updated, rolled back or deleted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackStatus {
    CreateInProgress,
    CreateComplete,
    /// With the reason.
    CreateFailed(String),
}

impl StackStatus {
    /// As DescribeStacks returns it.
    pub fn as_str(&self) -> &'static str {
        match self {
            StackStatus::CreateInProgress => "CREATE_IN_PROGRESS",
            StackStatus::CreateComplete => "CREATE_COMPLETE",
            StackStatus::CreateFailed(_) => "CREATE_FAILED",
        }
    }
}

/// The stacks of the account in this Region.
#[derive(Debug)]
pub struct CloudFormation {
    /// The template's stack first.
    stacks: Mutex<Vec<Stack>>,
}

impl CloudFormation {
    pub(crate) fn new(of_template: Stack) -> CloudFormation {
        CloudFormation {
            stacks: Mutex::new(vec![of_template]),
        }
    }

    /// Every stack, in the order of creation.
    pub fn stacks(&self) -> Vec<Stack> {
        self.lock().clone()
    }

    pub(crate) fn begin(&self, stack: Stack) {
        self.lock().push(stack);
    }

    /// The creation of a stack has ended so, with these outputs.
    pub(crate) fn end(&self, name: &str, status: StackStatus, outputs: BTreeMap<String, Output>) {
        let mut stacks = self.lock();
        if let Some(stack) = stacks.iter_mut().find(|stack| stack.name == name) {
            stack.status = status;
            stack.outputs = outputs;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Stack>> {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
