//! The description of an operation. It is in a table beside the operation's handler, and nowhere else.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::input::Input;
use super::service::Service;
use super::throttle::Bucket;
use crate::aws::Aws;
use crate::iam::Permission;
use crate::lambda::Asks;

/// One operation of a service.
///
/// ```text
/// pub(super) const OPERATIONS: &[Operation] = &[
///     Operation::new("DescribeTasks", describe_tasks, on_tasks)
///         .bucket(Bucket::ClusterResourceRead),
/// ];
/// ```
pub struct Operation {
    /// As in the service's API reference.
    pub name: &'static str,
    /// The token bucket that its calls draw from; `None` if its limit is not simulated.
    pub bucket: Option<Bucket>,
    /// Where a REST service has it; none in the other protocols, whose requests name the operation.
    pub route: Option<Route>,
    pub(super) asks: Asks,
    permissions: Permissions,
    handler: Handler,
}

/// The function that answers a call.
enum Handler {
    Sync(fn(Call<'_>) -> Answer),
    Async(fn(Call<'_>) -> BoxFuture<'_, Outcome>),
}

/// An operation's method and path.
#[derive(Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    /// As in AWS's API models: the part of a path at `{Name}` is the member `Name`.
    pub path: &'static str,
    /// Reads a body that is not a JSON object of members.
    pub(super) body: Option<ReadBody>,
}

/// Returns the permissions that a call requires.
type Permissions = fn(Call<'_>) -> Vec<Permission>;
/// The members that headers and body have.
type ReadBody = fn(&HeaderMap, &Bytes) -> Result<Map<String, Value>, ApiError>;

/// One call, as a handler sees it.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub aws: &'a Arc<Aws>,
    pub service: Service,
    /// Binary name of the calling function; none for any other caller.
    pub function: Option<&'a str>,
    /// The execution environment that it calls from.
    pub session: Option<&'a str>,
    pub operation: &'a str,
    /// The Region that it is signed for.
    pub region: &'a str,
    pub input: Input<'a>,
}

/// An operation's reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    /// Headers beside those that every reply has: Lambda's `X-Amz-Function-Error`.
    pub headers: Vec<(&'static str, String)>,
}

/// The members of a reply with HTTP 200, which nearly every operation has.
pub(super) type Answer = Result<Value, ApiError>;
pub(super) type Outcome = Result<Reply, ApiError>;

impl Operation {
    /// An operation that answers at once, with the permissions that a call requires.
    pub(super) const fn new(
        name: &'static str,
        handler: fn(Call<'_>) -> Answer,
        permissions: Permissions,
    ) -> Operation {
        Operation::with(name, Handler::Sync(handler), permissions)
    }

    /// An operation that waits before it answers.
    pub(super) const fn new_async(
        name: &'static str,
        handler: fn(Call<'_>) -> BoxFuture<'_, Outcome>,
        permissions: Permissions,
    ) -> Operation {
        Operation::with(name, Handler::Async(handler), permissions)
    }

    const fn with(name: &'static str, handler: Handler, permissions: Permissions) -> Operation {
        Operation {
            name,
            bucket: None,
            route: None,
            asks: Asks::ToKnow,
            permissions,
            handler,
        }
    }

    /// Its calls draw from this bucket.
    pub(super) const fn bucket(mut self, bucket: Bucket) -> Operation {
        self.bucket = Some(bucket);
        self
    }

    /// It is called by this method and path.
    pub(super) const fn route(mut self, method: &'static str, path: &'static str) -> Operation {
        self.route = Some(Route {
            method,
            path,
            body: None,
        });
        self
    }

    /// It is called by this method and path, with a body that is not a JSON object of members.
    pub(super) const fn route_with_body(
        mut self,
        method: &'static str,
        path: &'static str,
        body: ReadBody,
    ) -> Operation {
        self.route = Some(Route {
            method,
            path,
            body: Some(body),
        });
        self
    }

    /// Marks an operation that functions poll: a repeated call waits for its result to change, so simulated time passes
    /// with each one. Otherwise the function would wait forever for a change that only simulated time brings about.
    pub(super) const fn polled(mut self) -> Operation {
        self.asks = Asks::ToWait;
        self
    }

    /// Returns all permissions that the call requires.
    pub(super) fn permissions(&self, call: Call<'_>) -> Vec<Permission> {
        (self.permissions)(call)
    }

    pub(super) async fn answer(&self, call: Call<'_>) -> Outcome {
        match self.handler {
            Handler::Sync(handler) => handler(call).map(Reply::from),
            Handler::Async(handler) => handler(call).await,
        }
    }
}

impl Route {
    /// Returns the members in a path if it matches this route. A path may omit the route's last `/`.
    pub(super) fn members(
        &self,
        method: &str,
        segments: &[String],
    ) -> Option<Vec<(&'static str, String)>> {
        let mut members = Vec::new();
        let own = self.path.split('/').skip(1);
        let own: Vec<&str> = match segments.last().map(String::as_str) {
            Some("") => own.collect(),
            Some(_) | None => own.filter(|segment| !segment.is_empty()).collect(),
        };
        if method != self.method || own.len() != segments.len() {
            return None;
        }
        for (own, segment) in own.into_iter().zip(segments) {
            match own.strip_prefix('{').and_then(|own| own.strip_suffix('}')) {
                Some(member) => members.push((member, segment.clone())),
                None if own == segment => {}
                None => return None,
            }
        }
        Some(members)
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Reply {
        Reply {
            status: 200,
            body,
            headers: Vec::new(),
        }
    }
}
