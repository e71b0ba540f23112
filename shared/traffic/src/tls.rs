//! Requests over TLS, to a server of these tests. Its certificate is for `www.example.com` and 127.0.0.1, and is signed by the
//! authority of `tls/ca.pem`; both are valid until 2120 and are used nowhere else.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::Url;
use rules::config::{Config, Request};
use rules::test_traffic::{self, Through};
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
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server-key.pem");

fn authority() -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from_pem_slice(AUTHORITY).unwrap()]
}

fn acceptor(protocols: &[&str]) -> TlsAcceptor {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let mut config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            key,
        )
        .unwrap();
    let protocols = protocols
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec());
    config.alpn_protocols = protocols.collect();
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
            let Ok(mut connection) = acceptor(&[]).accept(connection).await else {
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

/// How a server over HTTP/2 answers: an HTTP status, its message and its gRPC status.
type Spoken = (u16, &'static [u8], Option<&'static str>);

/// A server that speaks HTTP/2 with who can, and answers each request like this. Its task ends with the first one.
async fn http2(spoken: Spoken) -> (SocketAddr, JoinHandle<(http::Request<()>, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        let connection = acceptor(&["h2", "http/1.1"])
            .accept(connection)
            .await
            .unwrap();
        let mut connection = h2::server::handshake(connection).await.unwrap();
        let (request, mut answer) = connection.accept().await.unwrap().unwrap();
        let ((parts, mut body), mut sent) = (request.into_parts(), Vec::new());
        let serve = async {
            while let Some(data) = body.data().await {
                sent.extend_from_slice(&data.unwrap());
            }
            let (status, message, grpc_status) = spoken;
            let head = http::Response::builder().status(status).body(()).unwrap();
            let mut stream = answer.send_response(head, false).unwrap();
            stream
                .send_data(message.into(), grpc_status.is_none())
                .unwrap();
            if let Some(status) = grpc_status {
                let mut trailers = http::HeaderMap::new();
                trailers.insert("grpc-status", status.parse().unwrap());
                stream.send_trailers(trailers).unwrap();
            }
        };
        // The connection moves only while it is polled; the client closes it after its answer.
        let rest = async { while connection.accept().await.is_some() {} };
        tokio::join!(serve, rest);
        (http::Request::from_parts(parts, ()), sent)
    });
    (address, task)
}

fn request(line: &str) -> Request {
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
         [[pipeline.test_traffic.request]]\n{line}\n"
    );
    let mut pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    pipeline.test_traffic.checks.requests.remove(0)
}

/// Asks `https://127.0.0.1`, under this name.
async fn ask(
    address: SocketAddr,
    host: Option<&str>,
    authorities: &[CertificateDer<'static>],
    line: &str,
) -> Result<(), String> {
    let base = Url::parse(&format!("https://{address}")).unwrap();
    let requests = Requests::to(Through::TestListener, base, host, authorities, &[address])?;
    let request = request(line);
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
        ask(address, host, &authority(), "path='/orders'")
            .await
            .unwrap();
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
        (
            Some("other.example.com"),
            authority(),
            "(hint: give `test_traffic.host` a name that the certificate is for)",
        ),
    ] {
        let (address, received) = server().await;
        let said = ask(address, host, &authorities, "path='/orders'")
            .await
            .unwrap_err();
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(!received.is_finished());
        received.abort();
    }
}

/// A listener with mutual TLS, which refuses during the handshake or, by TLS 1.3, after it.
#[tokio::test]
async fn a_listener_that_asks_for_a_client_certificate_is_named() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = asks_for_a_certificate(version);
        let server = tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                assert!(acceptor.accept(connection).await.is_err());
            }
        });
        let said = ask(address, None, &authority(), "path='/orders'").await;
        let said = said.unwrap_err();
        assert!(
            said.contains("mutual TLS") && said.contains("`test_traffic.base_url`"),
            "{version:?}: {said}"
        );
        server.abort();
    }
}

fn asks_for_a_certificate(version: &'static rustls::SupportedProtocolVersion) -> TlsAcceptor {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority().remove(0)).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(&ring),
    );
    let config = ServerConfig::builder_with_provider(ring)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            key,
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn http2_is_spoken_where_the_server_takes_it_and_the_host_is_its_authority() {
    for host in [None, Some("www.example.com")] {
        let (address, received) = http2((200, b"", None)).await;
        ask(address, host, &authority(), "path='/orders'")
            .await
            .unwrap();
        let (request, _) = received.await.unwrap();
        let authority = host.map_or_else(|| address.to_string(), str::to_owned);
        assert_eq!(
            request.uri().to_string(),
            format!("https://{authority}/orders")
        );
        assert_eq!(request.method(), "GET");
        assert!(!request.headers().contains_key("host"));
        assert_eq!(request.headers()["authorization"], "hunter2");
    }
}

#[tokio::test]
async fn a_grpc_service_is_asked_whether_it_serves() {
    let serving: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
    let (address, received) = http2((200, serving, Some("0"))).await;
    let said = ask(address, None, &authority(), "grpc_service='shop.Orders'").await;
    assert_eq!(said, Ok(()));
    let (request, body) = received.await.unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    assert_eq!(request.headers()["te"], "trailers");
    assert_eq!(body, b"\0\0\0\0\x0d\x0a\x0bshop.Orders");
}

/// The first answer counts here: the server is gone for the others, and what they say is only that.
#[tokio::test]
async fn what_is_no_serving_grpc_service_fails() {
    let serving: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
    for (spoken, expected) in [
        ((200, &[0, 0, 0, 0, 2, 8, 2][..], Some("0")), "NOT_SERVING"),
        ((200, &[][..], Some("5")), "gRPC status 5 (NOT_FOUND)"),
        ((200, serving, None), "no gRPC status"),
        (
            (464, &[][..], None),
            "status 464: the load balancer refuses a protocol version",
        ),
    ] {
        let (address, _) = http2(spoken).await;
        let said = answer(address, "grpc_service='shop.Orders'").await;
        assert!(said.contains(expected), "{said}");
    }
    let (address, _) = server().await;
    let said = answer(address, "grpc_service='shop.Orders'").await;
    assert!(
        said.contains("it speaks HTTP/1.1, and gRPC needs HTTP/2"),
        "{said}"
    );
}

/// What one answer is judged as.
async fn answer(address: SocketAddr, line: &str) -> String {
    let base = Url::parse(&format!("https://{address}")).unwrap();
    let through = Through::TestListener;
    let requests = Requests::to(through, base, None, &authority(), &[address]).unwrap();
    let request = request(line);
    let prepared = Prepared::new(&request, &[]).unwrap();
    let answer = requests.first_answer(&prepared).await;
    test_traffic::judge(&request, &answer)
        .unwrap_err()
        .to_string()
}
