//! Sends the configured requests.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::HOST;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rules::config::Request;
use rules::test_traffic::{self, Answer, FAILURES_TOLERATED, Unwell};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::time::Instant;

/// How long an answer may take where the configuration does not say.
const TIME_OUT: Duration = Duration::from_secs(10);
/// Between a wrong answer and the next attempt.
const PAUSE: Duration = Duration::from_secs(1);
/// How much of a body is read: enough for any page that people check, little enough for the function's memory.
const BODY_BYTES_AT_MOST: usize = 1024 * 1024;

/// Requests to one address.
pub(crate) struct Requests {
    client: Client,
    base: Url,
    host: Option<String>,
}

impl Requests {
    /// With a `host`, requests go to the address under that name: the `Host` header, and over HTTPS the name that the
    /// certificate must carry.
    pub(crate) async fn new(base_url: &str, host: Option<&str>) -> Result<Self, String> {
        let mut base =
            Url::parse(base_url).map_err(|error| format!("`{base_url}` is no address: {error}"))?;
        let builder = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .tls_backend_preconfigured(tls(&base)?)
            .user_agent(concat!("greenlight/", env!("CARGO_PKG_VERSION")));
        let builder = match host {
            Some(host) if base.scheme() == "https" => {
                let (name, addresses) = (
                    host.split(':').next().unwrap_or(host),
                    addresses(&base).await?,
                );
                base.set_host(Some(name))
                    .map_err(|error| format!("`{host}` is no host name: {error}"))?;
                builder.resolve_to_addrs(name, &addresses)
            }
            Some(_) | None => builder,
        };
        let client = builder.build().map_err(|error| error.to_string())?;
        Ok(Self {
            client,
            base,
            host: host.map(str::to_owned),
        })
    }

    /// Asks until there were as many good answers in a row as are wanted, or one bad answer too many.
    pub(crate) async fn ask(&self, request: &Request) -> Result<(), Unwell> {
        let (mut well_in_a_row, mut failures) = (0, 0);
        while well_in_a_row < request.times {
            match test_traffic::judge(request, &self.answer(request).await) {
                Ok(()) => well_in_a_row += 1,
                Err(unwell) if failures == FAILURES_TOLERATED => return Err(unwell),
                Err(unwell) => {
                    tracing::info!(reason = %unwell, "request failed, asking again");
                    (well_in_a_row, failures) = (0, failures + 1);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Ok(())
    }

    async fn answer(&self, request: &Request) -> Answer {
        let url = match self.base.join(&request.path) {
            // `//name/path` would go to another server.
            Ok(url) if url.host() == self.base.host() && url.port() == self.base.port() => url,
            Ok(url) => return Answer::Unanswered(format!("`{url}` is not at the test listener")),
            Err(error) => return Answer::Unanswered(error.to_string()),
        };
        let time_out = request
            .within
            .map_or(TIME_OUT, |within| within + Duration::from_secs(1));
        let mut sent = self.client.get(url).timeout(time_out);
        if let Some(host) = &self.host {
            sent = sent.header(HOST, host);
        }
        let begun = Instant::now();
        match read(sent).await {
            Ok((status, body)) => Answer::Answered {
                status,
                body,
                after: begun.elapsed(),
            },
            Err(error) => Answer::Unanswered(innermost(&error)),
        }
    }
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
    Ok(found.collect())
}

/// rustls on ring, as `shared/aws` uses it, with the system's root certificates where they are needed: reading them
/// takes longer than a request.
fn tls(base: &Url) -> Result<ClientConfig, String> {
    // The first call of a process installs it; that it is there already is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if base.scheme() == "http" {
        return Ok(ClientConfig::builder()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth());
    }
    ClientConfig::with_platform_verifier().map_err(|error| format!("cannot prepare TLS: {error}"))
}

/// The innermost cause: what is around it says only that a request failed.
fn innermost(error: &reqwest::Error) -> String {
    let outermost: &(dyn std::error::Error + 'static) = error;
    let cause = std::iter::successors(Some(outermost), |error| error.source()).last();
    cause.map(ToString::to_string).unwrap_or_default()
}
