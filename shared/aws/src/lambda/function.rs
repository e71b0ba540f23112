//! GetFunction: whether a function can be invoked, and with which role it works.

use rules::doctor::Function;

use super::Lambda;
use crate::call::{Call, CallFailed};

impl Lambda {
    /// The function of this name or ARN.
    pub async fn get_function(&self, function: &str) -> Result<Function, CallFailed> {
        let call = Call::new("lambda:GetFunction", function);
        let request = self.client.get_function().function_name(function);
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let found = call.required(answer.configuration(), "Configuration")?;
        let reserved = answer
            .concurrency()
            .and_then(|one| one.reserved_concurrent_executions());
        let reason = found.state_reason().or(found.last_update_status_reason());
        Ok(Function {
            role: found.role().map(str::to_owned),
            state: found.state().map(|state| state.as_str().to_owned()),
            last_update: found
                .last_update_status()
                .map(|status| status.as_str().to_owned()),
            reason: reason.map(str::to_owned),
            is_in_vpc: found
                .vpc_config()
                .is_some_and(|vpc| !vpc.subnet_ids().is_empty()),
            reserved,
        })
    }
}
