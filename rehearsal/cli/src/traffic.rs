//! Production traffic: a client that asks a listener all the time and counts every answer, by version.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local_aws::clock::Clock;
use local_aws::elb::NODES_AT_MOST;
use local_aws::timeline::{self, ListenerKind, Still, Timeline};
use record::{Answer, Answers, NO_VERSION, Seen};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Between an answer and the next request where nobody wants it otherwise, and never more than that while somebody waits
/// for answers: about 200 requests a second.
pub(crate) const PAUSE: Duration = Duration::from_millis(4);
/// The longest rest of a client that waits for a change.
const CHANGELESS: Duration = Duration::from_millis(200);
/// A person would have given up by then.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked, in turns: a page, and one that reads the database.
pub(crate) const PATHS: [&str; 2] = ["/", "/orders"];
/// Everything that a client keeps.
#[derive(Debug, Default)]
struct Kept {
    seen: Seen,
    answers: Answers,
}

/// A client at work; it ends with the last request when asked to, and at once when dropped.
pub(crate) struct Traffic {
    kept: Arc<Mutex<Kept>>,
    counted: watch::Receiver<u64>,
    /// So many wait for more answers.
    waiting: watch::Sender<usize>,
    stop: watch::Sender<bool>,
    client: JoinHandle<()>,
}

/// How long a client rests after an answer; no longer than `PAUSE` while somebody waits for answers.
#[derive(Clone)]
pub(crate) enum Rest {
    /// So much real time.
    Pause(Duration),
    /// Until something happens that production can feel, which the clock does not leave before production was asked, by
    /// every path: what is seen then does not depend on how fast the machine is.
    UntilChanged(Timeline),
}

/// Somebody who waits for more answers, until dropped.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl Traffic {
    /// Begins to ask the listener at `address` for these paths in turns, and rests between an answer and the next request.
    pub(crate) fn start(
        address: SocketAddr,
        clock: Clock,
        rest: Rest,
        paths: [&'static str; 2],
    ) -> Traffic {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (stop, stopped) = watch::channel(false);
        let (count, counted) = watch::channel(0);
        let (waiting, waited_for) = watch::channel(0);
        let counts = Counts {
            kept: kept.clone(),
            count,
        };
        let rests = Rests {
            seen: match &rest {
                Rest::Pause(_) => 0,
                Rest::UntilChanged(timeline) => timeline.entries().len(),
            },
            rest,
            awaited: None,
            waited_for,
        };
        let client = tokio::spawn(ask_until(stopped, address, clock, paths, rests, counts));
        Traffic {
            kept,
            counted,
            waiting,
            stop,
            client,
        }
    }

    /// Tells at any time what was seen so far.
    pub(crate) fn look(&self) -> impl Fn() -> Seen + Send + Sync + 'static {
        let kept = self.kept.clone();
        move || lock(&kept).seen.clone()
    }

    /// What was seen so far, and every answer, in order.
    pub(crate) fn so_far(&self) -> (Seen, Answers) {
        let kept = lock(&self.kept);
        (kept.seen.clone(), kept.answers.clone())
    }

    /// Waits for so many more answers.
    pub(crate) async fn more(&self, answers: u64) {
        let _waiting = Waiting::begin(&self.waiting);
        let mut counted = self.counted.clone();
        let wanted = *counted.borrow() + answers;
        // The client counts for as long as `self` lives.
        let _ = counted.wait_for(|count| *count >= wanted).await;
    }

    /// Lets the request that is under way end, and tells everything.
    pub(crate) async fn stop(mut self) -> (Seen, Answers) {
        self.stop.send_replace(true);
        // A client that panicked has counted less; what it has seen is still true.
        let _ = (&mut self.client).await;
        self.so_far()
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.client.abort();
    }
}

impl Waiting<'_> {
    fn begin(waiting: &watch::Sender<usize>) -> Waiting<'_> {
        waiting.send_modify(|waiting| *waiting += 1);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

/// A client's rests.
struct Rests {
    rest: Rest,
    /// Number of entries that have been waited for, or passed over.
    seen: usize,
    /// The next change. What happens during a request is kept here, and the clock with it.
    awaited: Option<oneshot::Receiver<Still>>,
    waited_for: watch::Receiver<usize>,
}

impl Rests {
    /// Gives what keeps the clock where something has changed, if anything has.
    async fn rest(&mut self) -> Option<Still> {
        let mut waited_for = self.waited_for.clone();
        let hurried = async {
            // Nobody waits for a client that is about to end.
            let _ = waited_for.wait_for(|waiting| *waiting > 0).await;
            tokio::time::sleep(PAUSE).await;
        };
        let timeline = match &self.rest {
            Rest::Pause(pause) => {
                tokio::select! { () = tokio::time::sleep(*pause) => {} () = hurried => {} }
                return None;
            }
            Rest::UntilChanged(timeline) => timeline,
        };
        let awaited = self
            .awaited
            .get_or_insert_with(|| timeline.still_when(self.seen, is_felt));
        let still = tokio::select! {
            biased;
            still = awaited => still.ok(),
            () = hurried => return None,
            () = tokio::time::sleep(CHANGELESS) => return None,
        };
        self.awaited = None;
        self.seen = still.as_ref().map_or(self.seen, |still| still.index + 1);
        still
    }
}

/// Whether production can feel it.
fn is_felt(event: &timeline::Event) -> bool {
    matches!(
        event,
        timeline::Event::Weights {
            listener: ListenerKind::Production,
            ..
        } | timeline::Event::TaskStarted { .. }
            | timeline::Event::TaskStopped { .. }
            | timeline::Event::DeploymentStatus { .. }
    )
}

/// Where a client keeps its answers, and counts them.
struct Counts {
    kept: Arc<Mutex<Kept>>,
    count: watch::Sender<u64>,
}

async fn ask_until(
    stopped: watch::Receiver<bool>,
    address: SocketAddr,
    clock: Clock,
    paths: [&'static str; 2],
    mut rests: Rests,
    counts: Counts,
) {
    // As many people: each request has a connection of its own, and so the nodes of the load balancer in turns.
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http();
    // By every path from every node.
    let count = paths.len() * NODES_AT_MOST;
    let mut paths = paths.iter().cycle();
    let mut still = None;
    loop {
        let requests = if still.is_some() { count } else { 1 };
        for path in paths.by_ref().take(requests) {
            if *stopped.borrow() {
                return;
            }
            let answer = ask(&client, address, path).await;
            lock(&counts.kept).keep(path, answer, clock.now());
            counts.count.send_modify(|count| *count += 1);
        }
        drop(still.take());
        still = rests.rest().await;
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

impl Kept {
    fn keep(&mut self, path: &str, answer: Result<(u16, Option<String>), String>, at: SystemTime) {
        let (version, failure) = match answer {
            Ok((200..=399, version)) => (version, None),
            Ok((status, version)) => (version, Some(format!("`{path}` answered {status}"))),
            Err(reason) => (None, Some(format!("`{path}`: {reason}"))),
        };
        let (version, failure) = (version.as_deref().unwrap_or(NO_VERSION), failure.as_deref());
        self.seen.count(version, failure);
        self.answers.push(Answer {
            at,
            version,
            failure,
        });
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
        let mut kept = Kept::default();
        let at = SystemTime::UNIX_EPOCH;
        for (status, version) in [
            (200, "1.0.0"),
            (301, "1.0.0"),
            (200, "1.1.0"),
            (500, "1.1.0"),
            (200, "1.0.0"),
        ] {
            kept.keep("/", Ok((status, Some(version.to_owned()))), at);
        }
        kept.keep("/orders", Err("connection refused".to_owned()), at);
        let seen = &kept.seen;
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
        assert_eq!(kept.answers.count(), 6);
        let last = kept.answers.iter().last().unwrap();
        assert_eq!(last.failure, Some("`/orders`: connection refused"));
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
        let clock = Clock::start();
        let began = clock.now();
        let traffic = Traffic::start(address, clock.clone(), Rest::Pause(PAUSE), PATHS);
        traffic.more(4).await;
        let (seen, answers) = traffic.stop().await;
        assert_eq!(answers.count() as u64, seen.requests);
        assert!(
            answers
                .iter()
                .all(|answer| began <= answer.at && answer.at <= clock.now())
        );
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
