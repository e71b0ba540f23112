//! Listeners with TLS: a certificate that the world's private authority has signed.
//!
//! The authority's key was thrown away when it had signed this one certificate, for `localhost` and the loopback
//! addresses, until 2120. Only who is given `AUTHORITY` trusts it, as with a company's own authority.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::acm::Certificate;

/// The certificate of the world's private authority, in PEM.
pub const AUTHORITY: &str = include_str!("tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");

/// What a listener speaks. Target groups speak HTTP in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    #[default]
    Http,
    /// HTTP/1.1 over TLS 1.2 or 1.3.
    Https,
    /// A Network Load Balancer's: each connection goes to one target. What clients say in it is HTTP here.
    Tcp,
}

impl Protocol {
    /// As DescribeListeners returns it.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Http => "HTTP",
            Protocol::Https => "HTTPS",
            Protocol::Tcp => "TCP",
        }
    }

    /// As a URL begins.
    pub fn scheme(self) -> &'static str {
        match self {
            Protocol::Http | Protocol::Tcp => "http",
            Protocol::Https => "https",
        }
    }

    /// What makes a listener's connections of accepted ones; `None` for plain ones.
    pub(super) fn acceptor(self) -> anyhow::Result<Option<TlsAcceptor>> {
        match self {
            Protocol::Http | Protocol::Tcp => return Ok(None),
            Protocol::Https => {}
        }
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE)?;
        let key = PrivateKeyDer::from_pem_slice(KEY)?;
        accepting(certificate, key, rustls::DEFAULT_VERSIONS).map(Some)
    }
}

/// What makes a listener's connections with a certificate of ACM's, in these versions of TLS.
pub(super) fn acceptor(
    certificate: &Certificate,
    versions: &[&'static SupportedProtocolVersion],
) -> anyhow::Result<TlsAcceptor> {
    accepting(certificate.certificate.clone(), certificate.key(), versions)
}

fn accepting(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> anyhow::Result<TlsAcceptor> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring)
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a client uses that trusts the world's authority, and no other.
pub fn client_config() -> anyhow::Result<ClientConfig> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(AUTHORITY.as_bytes())?)?;
    let config = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// A listener's connection. Its handshake is done when it is first read, so that a client which does not finish one keeps
/// no other waiting.
pub(super) enum Stream {
    Handshake(Box<Accept<TcpStream>>),
    Established(Established),
}

pub(super) enum Established {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(super) fn new(connection: TcpStream, acceptor: Option<&TlsAcceptor>) -> Stream {
        match acceptor {
            None => Stream::Established(Established::Plain(connection)),
            Some(acceptor) => Stream::Handshake(Box::new(acceptor.accept(connection))),
        }
    }

    fn poll_established(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<&mut Established>> {
        if let Stream::Handshake(accept) = self {
            let encrypted = Box::new(ready!(Pin::new(accept).poll(context))?);
            *self = Stream::Established(Established::Encrypted(encrypted));
        }
        match self {
            Stream::Established(established) => Poll::Ready(Ok(established)),
            // It was established above.
            Stream::Handshake(_) => Poll::Pending,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match ready!(self.get_mut().poll_established(context))? {
            Established::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Established::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(self.get_mut().poll_established(context))? {
            Established::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Established::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.get_mut().poll_established(context))? {
            Established::Plain(stream) => Pin::new(stream).poll_flush(context),
            Established::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.get_mut().poll_established(context))? {
            Established::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Established::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::clock::Clock;
    use crate::elb::{LoadBalancers, Nodes};

    async fn listener() -> (LoadBalancers, u16) {
        let elb = LoadBalancers::new(Clock::start(), Nodes::LearnAtOnce);
        let balancer = elb.create_load_balancer("web");
        let listener = elb.listen(Protocol::Https, &balancer.arn, Vec::new());
        let port = listener.await.unwrap().port;
        (elb, port)
    }

    /// The first line of what the listener answers to a client with these roots, or why there is no answer.
    async fn ask(port: u16, name: &str, config: ClientConfig) -> Result<String, String> {
        let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector
            .connect(name, connection)
            .await
            .map_err(|error| error.to_string())?;
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        Ok(answer.lines().next().unwrap_or_default().to_owned())
    }

    #[tokio::test]
    async fn a_client_that_trusts_the_authority_is_answered_and_no_other() {
        let (_elb, port) = listener().await;
        // There is no target.
        let unavailable = Ok("HTTP/1.1 503 Service Unavailable".to_owned());
        for name in ["localhost", "127.0.0.1"] {
            assert_eq!(ask(port, name, client_config().unwrap()).await, unavailable);
        }
        let said = ask(port, "www.example.com", client_config().unwrap()).await;
        assert!(said.unwrap_err().contains("not valid for name"));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let other = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let said = ask(port, "localhost", other).await.unwrap_err();
        assert!(said.contains("UnknownIssuer"), "{said}");
    }

    #[tokio::test]
    async fn a_client_that_begins_no_handshake_keeps_no_other_waiting() {
        let (_elb, port) = listener().await;
        let _silent = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let answered = ask(port, "localhost", client_config().unwrap());
        let answered = tokio::time::timeout(Duration::from_secs(60), answered).await;
        assert!(answered.unwrap().is_ok());
        let mut plain = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // It ends without an answer in HTTP, or with a reset.
        let _ = plain.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"));
    }
}
