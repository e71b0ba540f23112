//! The stacks of a user's templates, with what they print.

use local_aws::world::World;
use record::Stack;

use super::redact::Redactor;
use crate::scenario::Scenario;

pub(super) fn stacks(scenario: &Scenario, world: &World, redactor: &Redactor) -> Vec<Stack> {
    let Some(given) = &scenario.setting.stacks else {
        return Vec::new();
    };
    let stacks = world.cloudformation.stacks().into_iter();
    let stacks = stacks.filter(|stack| given.has(&stack.name));
    let stack = |stack: local_aws::cloudformation::Stack| {
        let outputs = stack.outputs.into_iter();
        let outputs = outputs.map(|(name, output)| (name, redactor.text(&output.value)));
        Stack {
            name: stack.name,
            outputs: outputs.collect(),
        }
    };
    stacks.map(stack).collect()
}
