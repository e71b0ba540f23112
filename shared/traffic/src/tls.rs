//! Requests over TLS, to a server of these tests. Its certificate is for `www.example.com` and 127.0.0.1, and is signed by the
//! authority of `tls/ca.pem`; both are valid until 2120 and are used nowhere else.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::Url;
use rules::config::{Config, Request};
use rules::test_traffic::Through;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::prepared::Prepared;
use crate::requests::Requests;

const AUTHORITY: &[u8] = include_bytes!("tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.der");
const KEY: &[u8] = include_bytes!("tls/server-key.der");

fn authority() -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from_pem_slice(AUTHORITY).unwrap()]
}

fn acceptor() -> TlsAcceptor {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(KEY).unwrap();
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A server for one connection after the other. Its task ends with the first request that it can read.
async fn server() -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            // A client that does not trust the certificate hangs up.
            let Ok(mut connection) = acceptor().accept(connection).await else {
                continue;
            };
            let mut asked = [0; 4096];
            let read = connection.read(&mut asked).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            connection.write_all(answer).await.unwrap();
            connection.shutdown().await.unwrap();
            return String::from_utf8_lossy(&asked[..read]).into_owned();
        }
    });
    (address, task)
}

fn request() -> Request {
    let text = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
         [[pipeline.test_traffic.request]]\npath='/orders'\n";
    let mut pipeline = Config::parse(text).unwrap().pipelines.remove(0);
    pipeline.test_traffic.checks.requests.remove(0)
}

/// Asks `https://127.0.0.1`, under this name.
async fn ask(
    address: SocketAddr,
    host: Option<&str>,
    authorities: &[CertificateDer<'static>],
) -> Result<(), String> {
    let base = Url::parse(&format!("https://{address}")).unwrap();
    let requests = Requests::to(Through::TestListener, base, host, authorities, &[address])?;
    let request = request();
    let headers = [("authorization", "hunter2".parse().unwrap())];
    requests
        .ask(&Prepared::new(&request, &headers).unwrap())
        .await
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_the_pipeline_names_it() {
    for (host, name) in [
        (None, "127.0.0.1:"),
        (Some("www.example.com"), "www.example.com"),
    ] {
        let (address, received) = server().await;
        ask(address, host, &authority()).await.unwrap();
        let received = received.await.unwrap();
        assert!(
            received.contains("authorization: hunter2\r\n"),
            "{received}"
        );
        assert!(received.contains(&format!("host: {name}")), "{received}");
    }
}

/// Nothing is sent before the certificate is verified: the server reads no request.
#[tokio::test]
async fn a_certificate_that_is_not_verified_gets_no_request() {
    for (host, authorities, expected) in [
        (
            None,
            Vec::new(),
            "UnknownIssuer (hint: name the file with the authority's certificate in `test_traffic.ca`)",
        ),
        (Some("other.example.com"), authority(), "other.example.com"),
    ] {
        let (address, received) = server().await;
        let said = ask(address, host, &authorities).await.unwrap_err();
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(!received.is_finished());
        received.abort();
    }
}
