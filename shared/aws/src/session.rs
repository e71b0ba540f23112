//! What every client needs once: region, credentials, one HTTPS connector, how long to wait and how often to try.

use std::ffi::OsString;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_ecs::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_types::retry::RetryConfig;

/// The settings that all clients of a process share. Made once; its clients share one pool of connections.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) config: SdkConfig,
}

/// How long a call may take, and how often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To reach AWS at all.
    pub connect: Duration,
    /// For one attempt, from the first byte sent to the last one read.
    pub attempt: Duration,
    /// For the call: all attempts, and the pauses between them.
    pub call: Duration,
    /// How often a call is sent at most.
    pub attempts: u32,
    /// The longest pause between two attempts.
    pub longest_pause: Duration,
}

impl Patience {
    /// What the functions use: a call ends after half a minute at the latest, well within a function's own time.
    pub const STANDARD: Self = Self {
        connect: Duration::from_secs(3),
        attempt: Duration::from_secs(10),
        call: Duration::from_secs(30),
        attempts: 4,
        longest_pause: Duration::from_secs(5),
    };
}

/// An AWS that is reached at a given address, with given credentials.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// `http://127.0.0.1:4566`
    pub url: &'a str,
    /// `eu-central-1`
    pub region: &'a str,
    /// The access key's id.
    pub access_key_id: &'a str,
    /// The access key's secret.
    pub secret_access_key: &'a str,
}

impl Session {
    /// From the environment: region, credentials and, where given, `AWS_ENDPOINT_URL`. In Lambda all of them are
    /// environment variables; elsewhere the SDK's other places (profiles, container and instance roles) count as well.
    pub async fn from_env() -> Self {
        let config = of_environment().load().await;
        Self { config }
    }

    /// To one address, whatever the environment holds, proxies included.
    pub fn to_endpoint(endpoint: Endpoint<'_>, patience: Patience) -> Self {
        let credentials = Credentials::new(
            endpoint.access_key_id,
            endpoint.secret_access_key,
            None,
            None,
            "given",
        );
        // Without TLS no certificate is checked, so a machine without root certificates will do.
        let trusted = match endpoint.url.starts_with("http://") {
            true => TrustStore::empty(),
            false => trust_store(),
        };
        let config = SdkConfig::builder()
            .behavior_version(behavior_version())
            .endpoint_url(endpoint.url)
            .region(Region::new(endpoint.region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client(patience, ProxyConfig::disabled(), trusted))
            .timeout_config(timeouts(patience))
            .retry_config(retries(patience))
            .build();
        Self { config }
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }
}

/// What the environment says, over our connector.
pub(crate) fn of_environment() -> ConfigLoader {
    let patience = Patience::STANDARD;
    aws_config::defaults(behavior_version())
        .http_client(connector())
        .timeout_config(timeouts(patience))
        .retry_config(retries(patience))
}

/// The connector of this environment: its proxies, and the system's certificates.
pub(crate) fn connector() -> SharedHttpClient {
    let trusted = match only_plain_http(std::env::vars_os()) {
        true => TrustStore::empty(),
        false => trust_store(),
    };
    http_client(Patience::STANDARD, ProxyConfig::from_env(), trusted)
}

/// With these the SDK may ask another address than `AWS_ENDPOINT_URL`.
const MAY_LEAD_ELSEWHERE: [&str; 2] = [
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Whether the environment sends every call to an address without TLS, as the rehearsal's does: then certificates
/// would be read, which is most of what a function does before its first call, and never used. The address of one service
/// (`AWS_ENDPOINT_URL_ECS`) or of a profile may be another one, and so may a proxy's.
fn only_plain_http(variables: impl Iterator<Item = (OsString, OsString)>) -> bool {
    let mut plain = false;
    for (name, value) in variables {
        let name = name.to_string_lossy().to_ascii_uppercase();
        if name == "AWS_ENDPOINT_URL" {
            plain = value.to_string_lossy().starts_with("http://");
        } else if name.starts_with("AWS_ENDPOINT_URL_")
            || name.ends_with("_PROXY")
            || MAY_LEAD_ELSEWHERE.contains(&name.as_str())
        {
            return false;
        }
    }
    plain
}

/// Pinned, so that an update of the SDK's crates changes no behaviour by itself.
fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// One connector for every client. The SDK's own way of making one reads and parses the system's root certificates
/// again for each client, which takes longer than everything else before the first call.
fn http_client(patience: Patience, proxy: ProxyConfig, trusted: TrustStore) -> SharedHttpClient {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(patience.connect)
        .build();
    let tls = TlsContext::builder().with_trust_store(trusted).build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .proxy_config(proxy)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls.unwrap_or_default())
        .build();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}

/// Where Amazon Linux and Debian keep the system's root certificates in one file.
const BUNDLES: [&str; 2] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
];

/// The system's root certificates. By itself rustls reads the bundle, and then every file of its folder, the bundle
/// among them: most of what a function did before its first call. Where there is no such bundle, or the environment
/// names another one (`SSL_CERT_FILE`, `SSL_CERT_DIR`), it goes rustls' way.
fn trust_store() -> TrustStore {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let bundle = BUNDLES
        .iter()
        .filter(|_| !named)
        .find_map(|bundle| std::fs::read(bundle).ok());
    match bundle.filter(|bundle| !bundle.is_empty()) {
        Some(bundle) => TrustStore::empty().with_pem_certificate(bundle),
        None => TrustStore::default(),
    }
}

fn timeouts(patience: Patience) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(patience.connect)
        .operation_attempt_timeout(patience.attempt)
        .operation_timeout(patience.call)
        .build()
}

fn retries(patience: Patience) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(patience.attempts)
        .with_max_backoff(patience.longest_pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_left_out_only_where_every_call_goes_without_tls() {
        let plain = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        for (variables, expected) in [
            (vec![], false),
            (vec![("AWS_REGION", "eu-central-1")], false),
            (vec![plain], true),
            (vec![("AWS_ENDPOINT_URL", "https://127.0.0.1")], false),
            (
                vec![
                    plain,
                    (
                        "AWS_ENDPOINT_URL_ECS",
                        "https://ecs.eu-central-1.amazonaws.com",
                    ),
                ],
                false,
            ),
            (vec![("https_proxy", "https://proxy:3128"), plain], false),
            (
                vec![plain, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
                false,
            ),
            (
                vec![
                    plain,
                    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://10.0.0.1/"),
                ],
                false,
            ),
        ] {
            let given = variables
                .iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value)));
            assert_eq!(only_plain_http(given), expected, "{variables:?}");
        }
    }
}
