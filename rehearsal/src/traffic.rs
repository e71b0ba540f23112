//! Production traffic: a client that asks a listener all the time and counts every answer, by version.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between an answer and the next request: about 200 requests a second.
const PAUSE: Duration = Duration::from_millis(4);
/// A person would have given up by then.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked, in turns: a page, and one that reads the database.
const PATHS: [&str; 2] = ["/", "/orders"];
/// Failures that are kept word by word; all of them are counted.
const FAILURES_KEPT: usize = 20;
/// The version of an answer that names none, such as the load balancer's own.
const NO_VERSION: &str = "none";

/// What a client saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    /// Whatever was not answered by a status of 2xx or 3xx.
    pub(crate) failed: u64,
    pub(crate) versions: BTreeMap<String, u64>,
    /// The answers in order: so many in a row by this version.
    pub(crate) sequence: Vec<Stretch>,
    /// The first failures, as a person would tell them.
    pub(crate) failures: Vec<String>,
}

/// Answers in a row by one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Stretch {
    pub(crate) version: String,
    pub(crate) requests: u64,
}

/// A client at work; it ends with the last request when asked to, and at once when dropped.
pub(crate) struct Traffic {
    seen: Arc<Mutex<Seen>>,
    counted: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    client: JoinHandle<()>,
}

impl Traffic {
    /// Begins to ask the listener at `address`.
    pub(crate) fn start(address: SocketAddr) -> Traffic {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopped) = watch::channel(false);
        let (count, counted) = watch::channel(0);
        let client = tokio::spawn(ask_until(stopped, address, seen.clone(), count));
        Traffic {
            seen,
            counted,
            stop,
            client,
        }
    }

    /// Tells at any time what was seen so far.
    pub(crate) fn look(&self) -> impl Fn() -> Seen + Send + Sync + 'static {
        let seen = self.seen.clone();
        move || seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for so many more answers.
    pub(crate) async fn more(&self, answers: u64) {
        let mut counted = self.counted.clone();
        let wanted = *counted.borrow() + answers;
        // The client counts for as long as `self` lives.
        let _ = counted.wait_for(|count| *count >= wanted).await;
    }

    /// Lets the request that is under way end, and tells everything.
    pub(crate) async fn stop(mut self) -> Seen {
        self.stop.send_replace(true);
        // A client that panicked has counted less; what it has seen is still true.
        let _ = (&mut self.client).await;
        self.look()()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.client.abort();
    }
}

async fn ask_until(
    stopped: watch::Receiver<bool>,
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    count: watch::Sender<u64>,
) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    for path in PATHS.iter().cycle() {
        if *stopped.borrow() {
            return;
        }
        let answer = ask(&client, address, path).await;
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .count(path, answer);
        count.send_modify(|count| *count += 1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// The status and the version of an answer; an error in words where there is none.
async fn ask(
    client: &Client<HttpConnector, Body>,
    address: SocketAddr,
    path: &str,
) -> Result<(u16, Option<String>), String> {
    let asked = async {
        let request = Request::get(format!("http://{address}{path}")).body(Body::empty());
        let response = client
            .request(request.map_err(|error| error.to_string())?)
            .await;
        let response = response.map_err(|error| error.to_string())?;
        let version = response
            .headers()
            .get("x-version")
            .and_then(|version| version.to_str().ok().map(str::to_owned));
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(Body::new(response.into_body()), usize::MAX).await;
        body.map_err(|error| format!("the answer broke off: {error}"))?;
        Ok((status, version))
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
}

impl Seen {
    fn count(&mut self, path: &str, answer: Result<(u16, Option<String>), String>) {
        self.requests += 1;
        let (version, failure) = match answer {
            Ok((200..=399, version)) => (version, None),
            Ok((status, version)) => (version, Some(format!("`{path}` answered {status}"))),
            Err(reason) => (None, Some(format!("`{path}`: {reason}"))),
        };
        let version = version.unwrap_or_else(|| NO_VERSION.to_owned());
        if let Some(failure) = failure {
            self.failed += 1;
            if self.failures.len() < FAILURES_KEPT {
                self.failures.push(format!(
                    "{failure} (version {version}, request {})",
                    self.requests
                ));
            }
        }
        *self.versions.entry(version.clone()).or_default() += 1;
        match self.sequence.last_mut() {
            Some(stretch) if stretch.version == version => stretch.requests += 1,
            Some(_) | None => self.sequence.push(Stretch {
                version,
                requests: 1,
            }),
        }
    }

    /// Both together; for listeners of several services.
    pub(crate) fn and(mut self, other: Seen) -> Seen {
        self.requests += other.requests;
        self.failed += other.failed;
        for (version, count) in other.versions {
            *self.versions.entry(version).or_default() += count;
        }
        self.sequence.extend(other.sequence);
        self.failures.extend(other.failures);
        self
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn answers_are_counted_by_version_and_in_order() {
        let mut seen = Seen::default();
        for (status, version) in [
            (200, "1.0.0"),
            (301, "1.0.0"),
            (200, "1.1.0"),
            (500, "1.1.0"),
            (200, "1.0.0"),
        ] {
            seen.count("/", Ok((status, Some(version.to_owned()))));
        }
        seen.count("/orders", Err("connection refused".to_owned()));
        assert_eq!((seen.requests, seen.failed), (6, 2));
        let sequence: Vec<(&str, u64)> = seen
            .sequence
            .iter()
            .map(|s| (s.version.as_str(), s.requests))
            .collect();
        assert_eq!(
            sequence,
            [("1.0.0", 2), ("1.1.0", 2), ("1.0.0", 1), ("none", 1)]
        );
        assert_eq!(seen.versions["1.0.0"], 3);
        let failures = [
            "`/` answered 500 (version 1.1.0, request 4)",
            "`/orders`: connection refused (version none, request 6)",
        ];
        assert_eq!(seen.failures, failures);
    }

    #[tokio::test]
    async fn a_client_asks_until_it_is_stopped() {
        let router = Router::new()
            .route("/", get(|| async { ([("x-version", "1.0.0")], "home") }))
            .route(
                "/orders",
                get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "later") }),
            );
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(socket, router).await });
        let traffic = Traffic::start(address);
        traffic.more(4).await;
        let seen = traffic.stop().await;
        assert!(
            seen.requests >= 4 && seen.failed == seen.requests / 2,
            "{seen:?}"
        );
        assert_eq!(
            seen.versions["1.0.0"] + seen.versions[NO_VERSION],
            seen.requests
        );
    }
}
