//! Sends the configured requests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HOST;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rules::listener_rule::{self, Asked};
use rules::names::TargetGroupArn;
use rules::observed::{Listener, ListenerRule};
use rules::test_traffic::{self, Answer, FAILURES_TOLERATED, Through};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::health;
use crate::prepared::Prepared;

/// How long an answer may take where the configuration sets no limit.
const TIME_OUT: Duration = Duration::from_secs(10);
/// Between a wrong answer and the next attempt.
const PAUSE: Duration = Duration::from_secs(1);
/// How much of a body is read: enough for any page that people check, little enough for the function's memory.
const BODY_BYTES_AT_MOST: usize = 1024 * 1024;

/// Requests to every address of one name.
pub(crate) struct Requests {
    through: Through,
    base: Url,
    /// Of the listener.
    port: Option<u16>,
    /// The `Host` header, where the URL does not say it already.
    host: Option<String>,
    /// What the name stands for, each with a client that reaches it and nothing else, over a new connection each time:
    /// a node of a load balancer answers by its own weights, and an open connection stays with its node.
    nodes: Vec<(IpAddr, Client)>,
    /// What to do where nothing answers.
    if_unreachable: Option<String>,
}

impl Requests {
    /// With a `host`, requests go to the address under that name: the `Host` header, and over HTTPS the name that the
    /// certificate must carry.
    pub(crate) async fn new(
        through: Through,
        base_url: &str,
        host: Option<&str>,
        authorities: &[CertificateDer<'static>],
        if_unreachable: Option<String>,
    ) -> Result<Self, String> {
        let base = Url::parse(base_url)
            .map_err(|error| format!("`{base_url}` is not a valid URL: {error}"))?;
        let addresses = reachable(addresses(&base).await?).await;
        if addresses.is_empty() {
            return Err(format!(
                "no address of `{base}` is to be reached from here (hint: where it has IPv6 addresses only, the function needs \
                 `CheckTestTrafficSubnets` with IPv6 and `CheckTestTrafficIpv6=true`)"
            ));
        }
        Ok(Self {
            if_unreachable,
            ..Self::to(through, base, host, authorities, &addresses)?
        })
    }

    pub(crate) fn to(
        through: Through,
        mut base: Url,
        host: Option<&str>,
        authorities: &[CertificateDer<'static>],
        addresses: &[SocketAddr],
    ) -> Result<Self, String> {
        let (port, mut host) = (base.port_or_known_default(), host);
        if let (Some(given), "https") = (host, base.scheme()) {
            let (name, given_port) = match given.split_once(':') {
                Some((name, port)) => (name, port.parse().ok()),
                None => (given, None),
            };
            base.set_host(Some(name))
                .map_err(|error| format!("`{given}` is not a valid host name: {error}"))?;
            // HTTP/2 has no `Host` header beside the URL's authority, so that is what was given, and the addresses keep their
            // port: a URL without one leaves it to them.
            if given_port.is_none() || given_port == port {
                let _ = base.set_port(given_port);
                host = None;
            }
        }
        let mut tls = tls(&base, authorities)?;
        // The server chooses; a load balancer's HTTPS listener takes HTTP/2.
        tls.alpn_protocols = match host {
            None => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Some(_) => vec![b"http/1.1".to_vec()],
        };
        let name = base.host_str().unwrap_or_default();
        let client = |address: &SocketAddr| {
            let client = Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .tls_backend_preconfigured(tls.clone())
                .pool_max_idle_per_host(0)
                .resolve_to_addrs(name, &[*address])
                .build()
                .map_err(|error| error.to_string())?;
            Ok((address.ip(), client))
        };
        let nodes = addresses.iter().map(client);
        let nodes = nodes.collect::<Result<_, String>>()?;
        Ok(Self {
            through,
            base,
            port,
            host: host.map(str::to_owned),
            nodes,
            if_unreachable: None,
        })
    }

    pub(crate) fn addresses(&self) -> usize {
        self.nodes.len()
    }

    /// A `base_url` may lead through what stands before the load balancer, of which nothing is known. One that leads to the
    /// load balancer must lead to the gate's listener: before the shift blue answers the production listener, and after it the
    /// test listener says nothing of production.
    pub(crate) async fn must_reach(&self, listener: &Listener) -> Result<(), String> {
        if self.port == Some(listener.port) {
            return Ok(());
        }
        let (setting, through) = (self.through.setting(), self.through.words());
        let name = listener.dns_name.as_str();
        let found = tokio::net::lookup_host((name, listener.port)).await;
        let found = found.map_err(|error| {
            format!(
                "`{name}`, the load balancer's name, could not be resolved ({error}), so it is not known whether `{}` is another of \
                 its listeners (hint: let `{setting}.base_url` have the {through}'s port {})",
                self.base, listener.port
            )
        })?;
        let balancer: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        match self.nodes.iter().any(|(node, _)| balancer.contains(node)) {
            true => Err(format!(
                "`{}` is another listener of the load balancer, and the {through}'s port is {} (hint: correct \
                 `{setting}.base_url`)",
                self.base, listener.port
            )),
            false => Ok(()),
        }
    }

    /// Whether each request meets a rule that sends it to green alone.
    pub(crate) fn lead_to(
        &self,
        green: &TargetGroupArn,
        requests: &[Prepared<'_>],
        rules: &[ListenerRule],
    ) -> Result<(), String> {
        let host = self.host.clone();
        let host = host.unwrap_or_else(|| authority(&self.base));
        for prepared in requests {
            let url = self.url(&prepared.path)?;
            let method = prepared.method();
            let asked = Asked {
                method: method.as_str(),
                host: &host,
                path: url.path(),
                query: url.query(),
                headers: &prepared.asked(),
                wanted: &prepared.request.status,
            };
            listener_rule::leads_to_green(rules, asked, green, self.through)?;
        }
        Ok(())
    }

    /// Asks every address until it gave as many good answers in a row as are wanted, or there was one bad answer too many.
    pub(crate) async fn ask(&self, prepared: &Prepared<'_>) -> Result<(), String> {
        let (request, mut failures) = (prepared.request, 0);
        for (address, client) in &self.nodes {
            let mut well_in_a_row = 0;
            while well_in_a_row < request.times {
                let answer = self.answer(client, prepared).await;
                let Err(check_failed) = test_traffic::judge(request, &answer) else {
                    well_in_a_row += 1;
                    continue;
                };
                let check_failed = match self.nodes.len() {
                    1 => check_failed.to_string(),
                    _ => format!("{check_failed}, at {address}"),
                };
                if failures == FAILURES_TOLERATED {
                    return Err(check_failed);
                }
                tracing::info!(reason = check_failed, "request failed, asking again");
                (well_in_a_row, failures) = (0, failures + 1);
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    fn url(&self, path: &str) -> Result<Url, String> {
        match self.base.join(path) {
            // `//name/path` would go to another server.
            Ok(url) if url.host() == self.base.host() && url.port() == self.base.port() => Ok(url),
            Ok(url) => Err(format!("`{url}` is not at the {}", self.through.words())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What the first address answers, once.
    #[cfg(test)]
    pub(crate) async fn first_answer(&self, prepared: &Prepared<'_>) -> Answer {
        self.answer(&self.nodes[0].1, prepared).await
    }

    fn unanswered(&self, error: &reqwest::Error) -> String {
        let cause = innermost(error);
        let hint = match tls_error(error) {
            Some(tls) => tls_hint(tls, self.through.setting()),
            None if error.is_connect() || error.is_timeout() => self.if_unreachable.clone(),
            None => None,
        };
        hint.map_or_else(|| cause.clone(), |hint| format!("{cause} ({hint})"))
    }

    async fn answer(&self, client: &Client, prepared: &Prepared<'_>) -> Answer {
        let request = prepared.request;
        let url = match self.url(&prepared.path) {
            Ok(url) => url,
            Err(why) => return Answer::Unanswered(why),
        };
        let time_out = request
            .within
            .map_or(TIME_OUT, |within| within + Duration::from_secs(1));
        let headers = prepared.headers.clone();
        let mut sent = client
            .request(prepared.method(), url)
            .headers(headers)
            .timeout(time_out);
        if let Some(host) = &self.host {
            sent = sent.header(HOST, host);
        }
        if let Some(service) = &request.grpc_service {
            return match health::ask(sent, service).await {
                Ok(Some(answer)) => Answer::Health(answer),
                Ok(None) => Answer::Unanswered(
                    "it speaks HTTP/1.1, and gRPC needs HTTP/2 (hint: a load balancer's attribute `routing.http2.enabled` must be true)"
                        .to_owned(),
                ),
                Err(error) => Answer::Unanswered(self.unanswered(&error)),
            };
        }
        let begun = Instant::now();
        match read(sent).await {
            Ok((status, body)) => Answer::Answered {
                status,
                body,
                after: begun.elapsed(),
            },
            Err(error) => Answer::Unanswered(self.unanswered(&error)),
        }
    }
}

/// The `Host` of a request to a URL that says nothing else.
pub(crate) fn authority(base: &Url) -> String {
    let name = base.host_str().unwrap_or_default();
    let port = base.port().map(|port| format!(":{port}"));
    format!("{name}{}", port.unwrap_or_default())
}

async fn read(request: reqwest::RequestBuilder) -> Result<(u16, String), reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_AT_MOST {
            body.truncate(BODY_BYTES_AT_MOST);
            break;
        }
    }
    Ok((
        response.status().as_u16(),
        String::from_utf8_lossy(&body).into_owned(),
    ))
}

async fn addresses(base: &Url) -> Result<Vec<SocketAddr>, String> {
    let host = base
        .host_str()
        .ok_or_else(|| format!("`{base}` names no host"))?;
    let port = base.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| format!("cannot find `{host}`: {error}"))?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Those to which a route leads. A load balancer of both kinds has its nodes under addresses of both, and a function
/// outside an IPv6 subnet reaches one kind only. Nothing is sent.
async fn reachable(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut reached = Vec::new();
    for address in addresses {
        let own: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let route = async { UdpSocket::bind((own, 0)).await?.connect(address).await };
        match route.await {
            Ok(()) => reached.push(address),
            Err(error) => tracing::warn!(address = %address.ip(), %error, "no route to an address"),
        }
    }
    reached
}

/// rustls on ring, as `shared/aws` uses it, with the system's root certificates and those of the pipeline where they are
/// needed: reading them takes longer than a request.
fn tls(base: &Url, authorities: &[CertificateDer<'static>]) -> Result<ClientConfig, String> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&ring))
        .with_safe_default_protocol_versions()
        .map_err(unprepared)?;
    if base.scheme() == "http" {
        return Ok(config
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth());
    }
    let verifier = Verifier::new_with_extra_roots(authorities.iter().cloned(), ring);
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier.map_err(unprepared)?))
        .with_no_client_auth())
}

fn unprepared(error: rustls::Error) -> String {
    format!("cannot prepare TLS: {error}")
}

/// The innermost cause: what is around it only repeats that a request failed.
fn innermost(error: &reqwest::Error) -> String {
    let outermost: &(dyn std::error::Error + 'static) = error;
    let cause = std::iter::successors(Some(outermost), |error| error.source()).last();
    cause.map(ToString::to_string).unwrap_or_default()
}

/// Why TLS failed, where it did: then the listener was reached.
fn tls_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    let within = |error: &'e std::io::Error| tls_error(error.get_ref()?);
    error
        .downcast_ref()
        .or_else(|| error.downcast_ref().and_then(within))
        .or_else(|| tls_error(error.source()?))
}

fn tls_hint(error: &rustls::Error, setting: &str) -> Option<String> {
    use rustls::{AlertDescription, CertificateError, Error};
    if let Error::InvalidCertificate(CertificateError::UnknownIssuer) = error {
        return Some(format!(
            "hint: name the file with the authority's certificate in `{setting}.ca`"
        ));
    }
    if let Error::InvalidCertificate(
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
    ) = error
    {
        return Some(format!(
            "hint: give `{setting}.host` a name that the certificate is for"
        ));
    }
    // TLS 1.2 has no alert of its own for a client certificate that is missing.
    if let Error::AlertReceived(
        AlertDescription::CertificateRequired
        | AlertDescription::HandshakeFailure
        | AlertDescription::BadCertificate,
    ) = error
    {
        return Some(format!(
            "hint: perhaps the listener asks for a client certificate (mutual TLS), and a check has none; give `{setting}.base_url` \
             another way to the same targets"
        ));
    }
    None
}

#[cfg(test)]
mod tests;
