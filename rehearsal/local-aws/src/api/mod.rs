//! The local AWS over HTTP: one server on loopback that speaks every service's own protocol.
//!
//! A request is parsed (`request`) and its caller recognised (`server`). It is refused when its token bucket is empty (`throttle`)
//! or the template does not allow it (`iam`); otherwise the operation's handler (`operations`) answers. The answer is
//! rendered in the service's protocol and recorded.

mod aside;
mod cbor;
pub mod error;
mod fault_injection;
pub mod input;
pub mod ledger;
pub mod operation;
pub mod operations;
pub mod page;
mod permission;
pub mod query;
mod recording;
mod region;
mod render;
pub mod request;
mod rpc;
mod server;
pub mod service;
pub mod throttle;
pub mod validation;
pub mod wire;

use std::sync::Arc;

use serde_json::{Value, json};

use self::error::ApiError;
use self::input::Input;
use self::ledger::{AwsCall, Ledger};
use self::operation::{Call, Outcome};
use self::request::Request;
use self::service::Service;
use self::throttle::Throttle;
use self::wire::Wire;
use crate::aws::Aws;
use crate::fault::Faults;
use crate::identity::{Ids, REGION};
use crate::timeline;

pub(crate) use self::server::serve;

/// The API of one world: the services behind it, and the ledger of calls.
pub struct Api {
    aws: Arc<Aws>,
    /// Request ids, separate from the ids of resources, which must not depend on the order of concurrent calls.
    request_ids: Ids,
    ledger: Ledger,
    throttle: Throttle,
    /// The faults of calls by functions.
    pub faults: Faults,
    pub wire: Wire,
}

impl Api {
    pub(crate) fn new(aws: Arc<Aws>, faults: Faults) -> Api {
        let functions = aws.lambda.functions().into_iter();
        Api {
            ledger: Ledger::new(functions.map(|function| function.binary_name)),
            aws,
            request_ids: Ids::default(),
            throttle: Throttle::default(),
            faults,
            wire: Wire::default(),
        }
    }

    /// Returns every call so far, in order.
    pub fn calls(&self) -> Vec<Arc<AwsCall>> {
        self.ledger.calls()
    }

    pub(crate) fn keep_no_history(&self) {
        self.ledger.keep_no_history();
        self.faults.keep_no_history();
    }

    /// Calls an operation as CloudFormation does, with the rights of the stack's owner.
    pub(crate) async fn call(
        &self,
        service: Service,
        operation: &str,
        members: Value,
    ) -> Result<Value, ApiError> {
        let request = Request {
            service,
            operation: operation.to_owned(),
            members,
            region: None,
        };
        let outcome = self.handle(&request, None, None).await;
        outcome.map(|reply| reply.body)
    }

    /// Carries a call out; `function` and `session` are those of its caller, if it is a function.
    async fn handle(
        &self,
        request: &Request,
        function: Option<&str>,
        session: Option<&str>,
    ) -> Outcome {
        let input = Input::new(&request.members, operations::missing(request.service))?;
        let aws = &self.aws;
        let Some(operation) = operations::find(request.service, &request.operation) else {
            let name = format!("{}:{}", request.service.prefix(), request.operation);
            return Err(operations::unknown(request.service.protocol(), &name));
        };
        if let Some(bucket) = operation.bucket {
            self.throttle.take(bucket, aws.clock.now())?;
        }
        let call = Call {
            aws,
            service: request.service,
            function,
            session,
            operation: &request.operation,
            region: request.region.as_deref().unwrap_or(REGION),
            input,
        };
        ledger::authorize(call, operation)?;
        operation.answer(call).await
    }

    /// Adds a call to the ledger, and a refusal to the timeline.
    fn record(&self, request: &Request, function: Option<String>, outcome: &Outcome) {
        if let Err(error) = outcome {
            self.aws.timeline.record(timeline::Event::CallRefused {
                function: function.clone(),
                operation: format!("{}:{}", request.service.prefix(), request.operation),
                code: error.code.clone().into_owned(),
                message: error.message.clone(),
            });
        }
        if !self.ledger.is_kept() {
            return;
        }
        self.ledger.record(AwsCall {
            at: self.aws.clock.now(),
            function,
            service: request.service.prefix(),
            operation: request.operation.clone(),
            status: outcome
                .as_ref()
                .map_or_else(|error| error.status, |reply| reply.status),
            error: outcome
                .as_ref()
                .err()
                .map(|error| error.code.clone().into_owned()),
            request: request.members.clone(),
            response: outcome.as_ref().map_or_else(
                |error| json!({ "message": error.message }),
                |reply| reply.body.clone(),
            ),
        });
    }
}
