//! Opens listeners.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, anyhow};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::acm::Certificate;
use crate::elb::description::{
    DefaultAction, Forward, ListenerDescription, ListenerPort, Secured, Traffic,
};
use crate::elb::forward::Distribution;
use crate::elb::security_policy::versions;
use crate::elb::state::Listener;
use crate::elb::tls::{Protocol, acceptor};
use crate::elb::{LoadBalancers, proxy};

/// The number of ports to try until one is free at both addresses.
const PORTS_TRIED: u32 = 100;

/// What a listener speaks, and what it shows of itself over TLS.
struct Spoken {
    protocol: Protocol,
    acceptor: Option<TlsAcceptor>,
    secured: Option<Secured>,
}

impl LoadBalancers {
    /// A listener that speaks HTTP.
    pub async fn create_listener(
        &self,
        load_balancer_arn: &str,
        forward: Vec<Forward>,
    ) -> anyhow::Result<ListenerDescription> {
        self.listen(Protocol::Http, load_balancer_arn, forward)
            .await
    }

    /// A listener at a free loopback port.
    pub async fn listen(
        &self,
        protocol: Protocol,
        load_balancer_arn: &str,
        forward: Vec<Forward>,
    ) -> anyhow::Result<ListenerDescription> {
        self.listen_at(
            ListenerPort::Exactly(0),
            protocol,
            load_balancer_arn,
            forward,
        )
        .await
    }

    /// Binds a loopback port, any free one for 0, and serves it until the rehearsal ends, at every address that `localhost`
    /// may resolve to. One that speaks HTTPS has the certificate of the world's private authority.
    pub async fn listen_at(
        &self,
        wanted: ListenerPort,
        protocol: Protocol,
        load_balancer_arn: &str,
        action: impl Into<DefaultAction>,
    ) -> anyhow::Result<ListenerDescription> {
        let acceptor = protocol.acceptor().context("read the certificate")?;
        let spoken = Spoken {
            protocol,
            acceptor,
            secured: None,
        };
        self.open(wanted, spoken, load_balancer_arn, action.into())
            .await
    }

    /// The same with this certificate, in the versions of TLS that the security policy has.
    pub async fn listen_securely(
        &self,
        wanted: ListenerPort,
        certificate: &Certificate,
        security_policy: &str,
        load_balancer_arn: &str,
        action: DefaultAction,
    ) -> anyhow::Result<ListenerDescription> {
        let spoken = Spoken {
            protocol: Protocol::Https,
            acceptor: Some(acceptor(certificate, versions(security_policy))?),
            secured: Some(Secured {
                certificate_arn: certificate.arn.clone(),
                names: certificate.names.clone(),
                security_policy: security_policy.to_owned(),
            }),
        };
        self.open(wanted, spoken, load_balancer_arn, action).await
    }

    async fn open(
        &self,
        wanted: ListenerPort,
        spoken: Spoken,
        load_balancer_arn: &str,
        action: DefaultAction,
    ) -> anyhow::Result<ListenerDescription> {
        let bound = match wanted {
            ListenerPort::Exactly(port) => bind(port).await,
            ListenerPort::AnyFor(_) => bind(0).await,
        };
        let sockets = bound.context("open a listener on loopback")?;
        let port = sockets[0].local_addr()?.port();
        let addresses = sockets.iter().filter_map(|socket| socket.local_addr().ok());
        let addresses = addresses.map(|address| address.ip()).collect();
        let mut state = self.inner.lock();
        let number = state.next_number();
        let load_balancer = load_balancer_arn.replacen(":loadbalancer/", ":listener/", 1);
        let listener = Listener {
            arn: format!("{load_balancer}/{number:016x}"),
            load_balancer_arn: load_balancer_arn.to_owned(),
            port,
            asked_port: match wanted {
                ListenerPort::Exactly(_) => port,
                ListenerPort::AnyFor(asked) => asked,
            },
            protocol: spoken.protocol,
            secured: spoken.secured,
            addresses,
            nodes: self.inner.nodes.of_listener(action.forward()),
            distribution: Distribution::new(action.forward().to_vec()),
            sticks_for: None,
            own_answer: action.own_answer().cloned(),
            rules: Vec::new(),
            pinned: BTreeMap::new(),
            traffic: Traffic::default(),
            answers: Vec::new(),
        };
        let description = listener.describe();
        state.listeners.push(listener);
        drop(state);
        self.inner.usage_changed.notify_waiters();
        for socket in sockets {
            tokio::spawn(proxy::serve(
                self.inner.clone(),
                description.clone(),
                spoken.acceptor.clone(),
                socket,
            ));
        }
        Ok(description)
    }
}

/// Binds one port, any free one for 0, at both loopback addresses if the machine has both, because a client of `localhost`
/// tries each address that it resolves to.
async fn bind(wanted: u16) -> anyhow::Result<Vec<TcpListener>> {
    let mut last = None;
    for _ in 0..PORTS_TRIED {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await?;
        let port = first.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(second) => return Ok(vec![first, second]),
            // Another process has that port at the other address.
            Err(error) if error.kind() == ErrorKind::AddrInUse => last = Some(error),
            // The machine has only one loopback address.
            Err(_) => return Ok(vec![first]),
        }
    }
    Err(last.map_or_else(|| anyhow!("no port"), Into::into))
}
