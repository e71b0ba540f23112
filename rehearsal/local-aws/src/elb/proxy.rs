//! Serves a listener: a reverse proxy on loopback.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::elb::redirect::Requested;
use crate::elb::rule::Asked;
use crate::elb::state::{Inner, Routed, Ticket};
use crate::elb::stickiness;
use crate::elb::tls::{Protocol, Stream};
use crate::elb::{Answer, ListenerDescription, OwnAnswer};

/// ALB's default idle timeout: if a target sends nothing for this long, the client gets a 504.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Headers that concern a single connection and are not forwarded.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[derive(Clone)]
struct Listener {
    inner: Arc<Inner>,
    arn: String,
    port: u16,
    asked_port: u16,
    protocol: Protocol,
    address: IpAddr,
}

/// A socket that numbers its connections, because each belongs to one node.
struct Numbered {
    inner: Arc<Inner>,
    listener_arn: String,
    acceptor: Option<TlsAcceptor>,
    socket: TcpListener,
}

/// A connection while it is open: what serves it, and each of its requests, has one.
#[derive(Clone)]
struct Connection(Arc<Open>);

struct Open {
    inner: Arc<Inner>,
    listener_arn: String,
    number: usize,
}

/// `axum::serve` wants an address that can be shown.
impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "connection {}", self.0.number)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.inner.disconnect(&self.listener_arn, self.number);
    }
}

impl axum::serve::Listener for Numbered {
    type Io = Stream;
    type Addr = Connection;

    async fn accept(&mut self) -> (Stream, Connection) {
        let (stream, _) = axum::serve::Listener::accept(&mut self.socket).await;
        let stream = Stream::new(stream, self.acceptor.as_ref());
        let open = Open {
            inner: self.inner.clone(),
            listener_arn: self.listener_arn.clone(),
            number: self.inner.connect(&self.listener_arn),
        };
        (stream, Connection(Arc::new(open)))
    }

    /// Unused here, but the trait requires it.
    fn local_addr(&self) -> std::io::Result<Connection> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

impl Connected<IncomingStream<'_, Numbered>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Numbered>) -> Connection {
        stream.remote_addr().clone()
    }
}

/// Serves a listener until the rehearsal ends.
pub(super) async fn serve(
    inner: Arc<Inner>,
    listener: ListenerDescription,
    acceptor: Option<TlsAcceptor>,
    socket: TcpListener,
) {
    let address = socket.local_addr();
    let address = address.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip());
    let numbered = Numbered {
        inner: inner.clone(),
        listener_arn: listener.arn.clone(),
        acceptor,
        socket,
    };
    let router = Router::new().fallback(answer).with_state(Listener {
        address,
        inner,
        arn: listener.arn,
        port: listener.port,
        asked_port: listener.asked_port,
        protocol: listener.protocol,
    });
    let service = router.into_make_service_with_connect_info::<Connection>();
    // An accept error is ignored: it shows in the requests that fail.
    let _ = axum::serve(numbered, service).await;
}

async fn answer(
    State(listener): State<Listener>,
    ConnectInfo(Connection(connection)): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let (path, asked_at) = (request.uri().to_string(), listener.inner.clock.now());
    let asked = Asked {
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
    };
    let Routed {
        rule,
        sticks_for,
        ticket,
        own_answer: own,
    } = listener
        .inner
        .route(&listener.arn, connection.number, &asked);
    let target = ticket.as_ref().map(|ticket| ticket.target.clone());
    let (uri, host) = (request.uri().clone(), asked.host().to_owned());
    let (mut response, by) = match ticket {
        Some(ticket) => match pass_on(&listener, ticket, request).await {
            Ok(response) => (response, target),
            Err(status) => (own_answer(status), None),
        },
        None => (answer_itself(own.as_ref(), &listener, (&uri, &host)), None),
    };
    if let (Some(by), Some(sticks_for)) = (&by, sticks_for)
        && let Some(cookie) = stickiness::cookie(&by.target_group_arn, sticks_for, asked_at)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    let has_answer = by.is_some() || listener.protocol != Protocol::Tcp;
    let version = response.headers().get("x-version");
    let given = Answer {
        asked_at,
        at: listener.inner.clock.now(),
        path,
        address: listener.address,
        status: response.status().as_u16(),
        version: version.and_then(|version| Some(version.to_str().ok()?.to_owned())),
        rule,
        by,
    };
    listener.inner.count(&listener.arn, given);
    match has_answer {
        true => response,
        // It is counted as what an Application Load Balancer would answer.
        false => cut_off(),
    }
}

/// A Network Load Balancer has no answers of its own: the connection ends.
fn cut_off() -> Response {
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let body = futures_util::stream::iter([Err::<&[u8], _>(reset)]);
    Response::new(Body::from_stream(body))
}

/// Returns the target's response, or the load balancer's own.
async fn pass_on(
    listener: &Listener,
    ticket: Ticket,
    mut request: Request,
) -> Result<Response, StatusCode> {
    let uri = target_uri(&ticket, request.uri()).ok_or(StatusCode::BAD_REQUEST)?;
    *request.uri_mut() = uri;
    remove_hop_by_hop(request.headers_mut());
    add_forwarded(request.headers_mut(), listener);
    match tokio::time::timeout(IDLE_TIMEOUT, listener.inner.client.request(request)).await {
        Ok(Ok(response)) => {
            let (mut head, body) = response.into_parts();
            remove_hop_by_hop(&mut head.headers);
            add_version(&mut head.headers, &ticket);
            // The request is in flight until the last byte of the response has been forwarded.
            let body = Body::new(body).into_data_stream().map(move |bytes| {
                let _until_sent = &ticket;
                bytes
            });
            Ok(Response::from_parts(head, Body::from_stream(body)))
        }
        Ok(Err(_)) => Err(StatusCode::BAD_GATEWAY),
        Err(_) => Err(StatusCode::GATEWAY_TIMEOUT),
    }
}

fn target_uri(ticket: &Ticket, asked: &Uri) -> Option<Uri> {
    let authority = Authority::try_from(ticket.process.to_string()).ok()?;
    let path = asked
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(authority)
        .path_and_query(path)
        .build()
        .ok()
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let named: Vec<String> = named
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_lowercase())
        .collect();
    for name in HOP_BY_HOP
        .iter()
        .map(HeaderName::as_str)
        .chain(named.iter().map(String::as_str))
    {
        headers.remove(name);
    }
}

fn add_forwarded(headers: &mut HeaderMap, listener: &Listener) {
    // What is in a connection is nothing to a Network Load Balancer.
    if listener.protocol == Protocol::Tcp {
        return;
    }
    let scheme = HeaderValue::from_static(listener.protocol.scheme());
    headers.append("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
    headers.insert("x-forwarded-proto", scheme);
    headers.insert("x-forwarded-port", HeaderValue::from(listener.port));
}

/// The versions of answers are counted by this header, which no load balancer adds.
fn add_version(headers: &mut HeaderMap, ticket: &Ticket) {
    let version = ticket.version.as_deref();
    if let Some(version) = version.and_then(|version| HeaderValue::from_str(version).ok()) {
        headers.entry("x-version").or_insert(version);
    }
}

/// What a listener's action answers without a target; 503 where it should have one.
fn answer_itself(
    action: Option<&OwnAnswer>,
    listener: &Listener,
    (uri, host): (&Uri, &str),
) -> Response {
    match action {
        None => own_answer(StatusCode::SERVICE_UNAVAILABLE),
        Some(OwnAnswer::FixedResponse(status)) => own_answer(valid(*status)),
        Some(OwnAnswer::Redirect(redirect)) => {
            let location = redirect.location(Requested {
                protocol: listener.protocol.as_str(),
                port: listener.asked_port,
                host,
                path: uri.path(),
                query: uri.query().unwrap_or_default(),
            });
            let mut response = own_answer(valid(redirect.status));
            if let Ok(location) = HeaderValue::from_str(&location) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
    }
}

/// Statuses are checked when an action is given.
fn valid(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A response of the load balancer itself.
fn own_answer(status: StatusCode) -> Response {
    let page = format!(
        "<html>\n<head><title>{status}</title></head>\n<body>\n<h1>{status}</h1>\n</body>\n</html>\n"
    );
    (
        status,
        [
            (header::SERVER, "awselb/2.0"),
            (header::CONTENT_TYPE, "text/html"),
        ],
        page,
    )
        .into_response()
}
