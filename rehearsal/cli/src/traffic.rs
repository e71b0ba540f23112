//! Production traffic: a client that sends requests to a listener continuously and counts every answer, by version.

use std::future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::{Request, header};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use local_aws::acm::Certificates;
use local_aws::clock::{Clock, Skip};
use local_aws::elb::{NODES_AT_MOST, client_config};
use local_aws::timeline::{self, ListenerKind, Still, Timeline};
use record::{Answer, Answers, NO_VERSION, Seen};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::task::JoinHandle;

/// The default pause between an answer and the next request, and the maximum while a script waits for answers: about
/// 200 requests a second.
pub(crate) const PAUSE: Duration = Duration::from_millis(4);
/// The pause that a client's pauses grow to until the clock jumps: what happens, happens at a jump or soon after it, and a
/// machine that answers requests all the while does nothing else.
const CALM: Duration = Duration::from_millis(60);
/// The maximum pause of a client that waits for a change.
const CHANGELESS: Duration = Duration::from_millis(200);
/// Real time, after which an answer is given up: long, since a busy machine may leave this process or the service waiting.
const PATIENCE: Duration = Duration::from_secs(60);
/// The requested paths, in turn: a page, and one that reads the database.
pub(crate) const PATHS: [&str; 2] = ["/", "/orders"];

/// A page that a client requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// The host that the request names, if that is not the listener's address.
    pub(crate) host: Option<String>,
}

impl Asked {
    pub(crate) fn path(path: &str) -> Asked {
        Asked {
            path: path.to_owned(),
            host: None,
        }
    }
}

/// A listener as its clients reach it.
pub(crate) struct Front {
    /// Its URL on this machine.
    base: String,
    /// The name that its certificate is for and requests name, if it is not reached by its address.
    name: Option<String>,
    tls: ClientConfig,
}

impl Front {
    /// One without TLS, or with a private authority's certificate for its address, which its clients trust as a company's devices do.
    pub(crate) fn plain(base: String) -> anyhow::Result<Front> {
        Ok(Front {
            base,
            name: None,
            tls: client_config()?,
        })
    }

    /// One with a certificate of ACM's for this name.
    pub(crate) fn certified(
        base: String,
        name: &str,
        certificates: &Certificates,
    ) -> anyhow::Result<Front> {
        Ok(Front {
            base,
            name: Some(name.to_owned()),
            tls: certificates.client_config()?,
        })
    }
}

/// The answers of a client.
#[derive(Debug, Default)]
struct Kept {
    seen: Seen,
    answers: Answers,
}

/// A running client. It stops after the current request when requested, and immediately when dropped.
pub(crate) struct Traffic {
    kept: Arc<Mutex<Kept>>,
    counted: watch::Receiver<u64>,
    /// The number of waits for more answers.
    waiting: watch::Sender<usize>,
    stop: watch::Sender<bool>,
    client: JoinHandle<()>,
}

/// The pause of a client after an answer; at most `PAUSE` while a script waits for answers.
#[derive(Clone)]
pub(crate) enum Rest {
    /// A real time, longer after each answer until the clock jumps.
    Pause(Duration),
    /// Until an event that can affect production. The clock stays at that event until every path was requested, so that
    /// the observations do not depend on the speed of the machine.
    UntilChanged(Timeline),
}

/// A wait for more answers, until dropped.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl Traffic {
    /// Starts to request these pages in turn from a listener, with a pause after each answer.
    pub(crate) fn start(
        front: Front,
        clock: Clock,
        rest: Rest,
        pages: Vec<Asked>,
    ) -> anyhow::Result<Traffic> {
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
            pause: PAUSE,
            rest,
            jumps: clock.skips(),
            awaited: None,
            waited_for,
        };
        let asker = Asker {
            client: client(front.tls, front.name.as_deref())?,
            base: front.base,
            name: front.name,
        };
        let client = tokio::spawn(ask_until(stopped, asker, clock, pages, rests, counts));
        Ok(Traffic {
            kept,
            counted,
            waiting,
            stop,
            client,
        })
    }

    /// Returns the current view at any time.
    pub(crate) fn observer(&self) -> impl Fn() -> Seen + Send + Sync + 'static {
        let kept = self.kept.clone();
        move || lock(&kept).seen.clone()
    }

    /// The current view, and every answer, in order.
    pub(crate) fn so_far(&self) -> (Seen, Answers) {
        let kept = lock(&self.kept);
        (kept.seen.clone(), kept.answers.clone())
    }

    /// Waits for this number of further answers.
    pub(crate) async fn more(&self, answers: u64) {
        let _waiting = Waiting::begin(&self.waiting);
        let mut counted = self.counted.clone();
        let wanted = *counted.borrow() + answers;
        // The client counts as long as `self` exists.
        let _ = counted.wait_for(|count| *count >= wanted).await;
    }

    /// Lets the current request finish, and returns the complete view.
    pub(crate) async fn stop(mut self) -> (Seen, Answers) {
        self.stop.send_replace(true);
        // A client that panicked has counted fewer answers; its view is still correct.
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

/// The pauses of a client.
struct Rests {
    rest: Rest,
    /// The last one of those that grow.
    pause: Duration,
    jumps: broadcast::Receiver<Skip>,
    /// The number of timeline entries that were waited for or skipped.
    seen: usize,
    /// The next change. It also records changes during a request, and stops the clock at them.
    awaited: Option<oneshot::Receiver<Still>>,
    waited_for: watch::Receiver<usize>,
}

impl Rests {
    /// Returns the guard that stops the clock, if a change is pending.
    async fn rest(&mut self) -> Option<Still> {
        let mut waited_for = self.waited_for.clone();
        let hurried = async {
            // A client that is stopping is no longer waited for.
            let _ = waited_for.wait_for(|waiting| *waiting > 0).await;
            tokio::time::sleep(PAUSE).await;
        };
        let timeline = match &self.rest {
            Rest::Pause(shortest) => {
                let longer = (self.pause * 5 / 4).clamp(*shortest, CALM.max(*shortest));
                tokio::select! {
                    biased;
                    () = jump(&mut self.jumps) => self.pause = *shortest,
                    () = tokio::time::sleep(self.pause) => self.pause = longer,
                    () = hurried => {}
                }
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

/// Waits for a jump of the clock that was not waited for yet.
async fn jump(jumps: &mut broadcast::Receiver<Skip>) {
    match jumps.recv().await {
        Ok(_) | Err(RecvError::Lagged(_)) => {}
        Err(RecvError::Closed) => future::pending().await,
    }
}

/// Whether the event can affect production.
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

/// Records and counts a client's answers.
struct Counts {
    kept: Arc<Mutex<Kept>>,
    count: watch::Sender<u64>,
}

/// Sends requests to a listener, as production's users do.
struct Asker {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    base: String,
    name: Option<String>,
}

/// As with separate users, each request has its own connection, and so reaches the load balancer's nodes in turn. A name leads to
/// them as DNS would lead there.
fn client(
    tls: ClientConfig,
    name: Option<&str>,
) -> anyhow::Result<Client<HttpsConnector<HttpConnector>, Body>> {
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
    let mut connector = connector.https_or_http();
    if let Some(name) = name {
        let name = ServerName::try_from(name.to_owned())?;
        connector = connector.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = connector.enable_http1().build();
    let mut builder = Client::builder(TokioExecutor::new());
    Ok(builder.pool_max_idle_per_host(0).build(connector))
}

async fn ask_until(
    stopped: watch::Receiver<bool>,
    asker: Asker,
    clock: Clock,
    pages: Vec<Asked>,
    mut rests: Rests,
    counts: Counts,
) {
    // Every page, from every node.
    let count = pages.len() * NODES_AT_MOST;
    let mut pages = pages.iter().cycle();
    let mut still = None;
    loop {
        let requests = if still.is_some() { count } else { 1 };
        for page in pages.by_ref().take(requests) {
            if *stopped.borrow() {
                return;
            }
            let answer = asker.ask(page).await;
            lock(&counts.kept).keep(&page.path, answer, clock.now());
            counts.count.send_modify(|count| *count += 1);
        }
        drop(still.take());
        still = rests.rest().await;
    }
}

impl Asker {
    /// The status and the version of an answer, or the error as text.
    async fn ask(&self, page: &Asked) -> Result<(u16, Option<String>), String> {
        let asked = async {
            let mut request = Request::get(format!("{}{}", self.base, page.path));
            if let Some(host) = page.host.as_ref().or(self.name.as_ref()) {
                request = request.header(header::HOST, host);
            }
            let request = request.body(Body::empty());
            let response = self
                .client
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
    async fn a_client_sends_requests_until_it_is_stopped() {
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
        let base = format!("http://{address}");
        let pages = PATHS.map(Asked::path).into();
        let base = Front::plain(base).unwrap();
        let traffic = Traffic::start(base, clock.clone(), Rest::Pause(PAUSE), pages).unwrap();
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
