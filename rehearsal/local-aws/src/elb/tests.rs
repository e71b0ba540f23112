//! Real requests through real listeners to small servers that identify themselves.

mod connections;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::*;
use crate::clock::{self, Pace};

pub(super) fn settings(path: &str) -> TargetGroupSettings {
    TargetGroupSettings {
        name: "web".to_owned(),
        port: 8080,
        target_type: "ip".to_owned(),
        vpc_id: "vpc-0abc".to_owned(),
        health_check_path: path.to_owned(),
        matcher: "200".to_owned(),
        interval: Duration::from_millis(500),
        timeout: Duration::from_secs(2),
        healthy_threshold: 2,
        unhealthy_threshold: 3,
        deregistration_delay: Duration::from_secs(300),
    }
}

/// A server that returns its name as its version; `/healthz` answers as configured, `/slow` once it is released.
struct Server {
    address: SocketAddr,
    health: watch::Sender<u16>,
    slow: watch::Sender<bool>,
}

impl Server {
    async fn start(name: &'static str) -> Server {
        let (health, slow) = (watch::Sender::new(200), watch::Sender::new(false));
        let (status, waiting) = (health.subscribe(), slow.subscribe());
        let version = [("x-version", name)];
        let router = Router::new()
            .route(
                "/",
                get(move |headers: HeaderMap| async move { (version, format!("{headers:?}")) }),
            )
            .route(
                "/healthz",
                get(move || async move { StatusCode::from_u16(*status.borrow()).unwrap() }),
            )
            .route(
                "/slow",
                get(move || async move {
                    waiting.clone().wait_for(|let_go| *let_go).await.unwrap();
                    (version, "slow")
                }),
            );
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(socket, router).await });
        Server {
            address,
            health,
            slow,
        }
    }

    fn target(&self) -> Target {
        Target {
            id: "10.0.0.7".to_owned(),
            port: self.address.port(),
            process: self.address,
            version: None,
        }
    }
}

struct World {
    elb: LoadBalancers,
    load_balancer: String,
    client: Client<HttpConnector, Body>,
}

impl World {
    fn start() -> World {
        World::of(Clock::start(), Nodes::LearnAtOnce)
    }

    fn of(clock: Clock, nodes: Nodes) -> World {
        let elb = LoadBalancers::new(clock, nodes);
        let load_balancer = elb.create_load_balancer("shop").arn;
        World {
            elb,
            load_balancer,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    fn group(&self) -> String {
        self.elb.create_target_group(settings("/healthz")).arn
    }

    async fn listener(&self, weights: &[(&str, u32)]) -> ListenerDescription {
        self.elb
            .create_listener(&self.load_balancer, forward(weights))
            .await
            .unwrap()
    }

    async fn get(&self, listener: &ListenerDescription, path: &str) -> (u16, String) {
        let uri = format!("http://127.0.0.1:{}{path}", listener.port);
        let request = Request::get(uri)
            .header("te", "trailers")
            .body(Body::empty())
            .unwrap();
        let response = self.client.request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(Body::new(response.into_body()), 10_000)
            .await
            .unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn until(&self, group: &str, wanted: &[&str]) {
        loop {
            let changed = self.elb.health_changed();
            let health = self.elb.target_health(group).unwrap();
            if health
                .iter()
                .map(|target| target.state)
                .eq(wanted.iter().copied())
            {
                return;
            }
            changed.await;
        }
    }
}

fn forward(weights: &[(&str, u32)]) -> Vec<Forward> {
    let forward = |(arn, weight): &(&str, u32)| Forward {
        target_group_arn: (*arn).to_owned(),
        weight: *weight,
    };
    weights.iter().map(forward).collect()
}

#[tokio::test]
async fn ten_percent_is_one_request_in_ten() {
    let world = World::start();
    let (blue, green) = (world.group(), world.group());
    let (one, two) = (Server::start("1.0.0").await, Server::start("1.1.0").await);
    world.elb.register_target(&blue, one.target());
    world.elb.register_target(&green, two.target());
    let listener = world.listener(&[(&blue, 90), (&green, 10)]).await;
    world.until(&blue, &["healthy"]).await;
    world.until(&green, &["healthy"]).await;
    for _ in 0..50 {
        assert_eq!(world.get(&listener, "/").await.0, 200);
    }
    let traffic = world.elb.traffic(&listener.arn);
    let versions = BTreeMap::from([("1.0.0".to_owned(), 45), ("1.1.0".to_owned(), 5)]);
    assert_eq!(
        traffic,
        Traffic {
            requests: 50,
            failed: 0,
            versions
        }
    );

    world
        .elb
        .set_forward(&listener.arn, forward(&[(&blue, 0), (&green, 100)]));
    for _ in 0..10 {
        world.get(&listener, "/").await;
    }
    assert_eq!(world.elb.traffic(&listener.arn).versions["1.1.0"], 15);
}

#[tokio::test]
async fn a_group_behind_no_listener_is_unused_and_is_checked_once_it_is_behind_one() {
    let world = World::start();
    let (blue, green) = (world.group(), world.group());
    let server = Server::start("1.1.0").await;
    world.elb.register_target(&green, server.target());
    let listener = world.listener(&[(&blue, 1)]).await;
    let health = &world.elb.target_health(&green).unwrap()[0];
    assert_eq!(
        (health.state, health.reason),
        ("unused", Some("Target.NotInUse"))
    );
    assert_eq!(
        world.elb.target_groups()[1].load_balancer_arns,
        Vec::<String>::new()
    );

    world
        .elb
        .set_forward(&listener.arn, forward(&[(&blue, 1), (&green, 0)]));
    let health = &world.elb.target_health(&green).unwrap()[0];
    assert_eq!(
        (health.state, health.reason),
        ("initial", Some("Elb.RegistrationInProgress"))
    );
    world.until(&green, &["healthy"]).await;
    assert_eq!(
        world.elb.target_groups()[1].load_balancer_arns,
        std::slice::from_ref(&world.load_balancer)
    );

    world.elb.set_forward(&listener.arn, forward(&[(&blue, 1)]));
    world.until(&green, &["unused"]).await;
    assert_eq!(world.elb.target_health("arn:no-such-group"), None);
}

#[tokio::test]
async fn a_failing_target_becomes_unhealthy_and_recovers() {
    let world = World::start();
    let group = world.group();
    let server = Server::start("1.1.0").await;
    server.health.send_replace(500);
    world.elb.register_target(&group, server.target());
    world.listener(&[(&group, 1)]).await;
    world.until(&group, &["unhealthy"]).await;
    let health = &world.elb.target_health(&group).unwrap()[0];
    assert_eq!(health.reason, Some("Target.ResponseCodeMismatch"));
    assert_eq!(
        health.description.as_deref(),
        Some("Health checks failed with these codes: [500]")
    );
    server.health.send_replace(200);
    world.until(&group, &["healthy"]).await;
}

#[tokio::test]
async fn requests_go_to_healthy_targets_and_to_all_when_none_is_healthy() {
    let world = World::start();
    let group = world.group();
    let (well, ill) = (Server::start("well").await, Server::start("ill").await);
    ill.health.send_replace(503);
    world.elb.register_target(&group, ill.target());
    world.elb.register_target(&group, well.target());
    let listener = world.listener(&[(&group, 1)]).await;
    world.until(&group, &["unhealthy", "healthy"]).await;
    for _ in 0..4 {
        world.get(&listener, "/").await;
    }
    assert_eq!(
        world.elb.traffic(&listener.arn).versions,
        BTreeMap::from([("well".to_owned(), 4)])
    );
    well.health.send_replace(503);
    world.until(&group, &["unhealthy", "unhealthy"]).await;
    for _ in 0..4 {
        world.get(&listener, "/").await;
    }
    let versions = BTreeMap::from([("well".to_owned(), 6), ("ill".to_owned(), 2)]);
    assert_eq!(world.elb.traffic(&listener.arn).versions, versions);
}

#[tokio::test]
async fn no_target_is_503_and_a_refused_connection_is_502() {
    let world = World::start();
    let group = world.group();
    let listener = world.listener(&[(&group, 1)]).await;
    assert_eq!(world.get(&listener, "/").await.0, 503);
    let vacant = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    world.elb.register_target(
        &group,
        Target {
            id: "10.0.0.9".to_owned(),
            port: 80,
            process: vacant,
            version: None,
        },
    );
    assert_eq!(world.get(&listener, "/").await.0, 502);
    world.until(&group, &["unhealthy"]).await;
    assert_eq!(
        world.elb.target_health(&group).unwrap()[0].reason,
        Some("Target.FailedHealthChecks")
    );
    world
        .elb
        .set_forward(&listener.arn, forward(&[(&group, 0)]));
    assert_eq!(world.get(&listener, "/").await.0, 503);
    assert_eq!(world.elb.traffic(&listener.arn).failed, 3);
}

#[tokio::test]
async fn answers_without_a_version_get_that_of_the_target() {
    let (world, server) = (World::start(), Server::start("1.0.0").await);
    let group = world.group();
    let listener = world.listener(&[(&group, 1)]).await;
    let target = Target {
        version: Some("1.1.0".to_owned()),
        ..server.target()
    };
    world.elb.register_target(&group, target);
    for path in ["/", "/healthz"] {
        assert_eq!(world.get(&listener, path).await.0, 200, "{path}");
    }
    let versions = ["1.0.0", "1.1.0"].map(|version| (version.to_owned(), 1));
    assert_eq!(world.elb.traffic(&listener.arn).versions, versions.into());
}

#[tokio::test]
async fn a_draining_target_finishes_its_requests_and_is_gone_after_its_delay() {
    let world = World::start();
    let group = world.group();
    let server = Server::start("1.0.0").await;
    world.elb.register_target(&group, server.target());
    let listener = world.listener(&[(&group, 1)]).await;
    world.until(&group, &["healthy"]).await;
    let ((status, body), ()) = tokio::join!(world.get(&listener, "/slow"), async {
        while world.elb.in_flight(&group) == 0 {
            tokio::task::yield_now().await;
        }
        world
            .elb
            .deregister_target(&group, "10.0.0.7", server.address.port());
        world.until(&group, &["draining"]).await;
        let health = &world.elb.target_health(&group).unwrap()[0];
        assert_eq!(health.reason, Some("Target.DeregistrationInProgress"));
        assert_eq!(world.get(&listener, "/").await.0, 503);
        server.slow.send_replace(true);
    });
    assert_eq!((status, body.as_str()), (200, "slow"));
    // It has no request left, and is still returned until the deregistration delay is over.
    assert_eq!(world.elb.in_flight(&group), 0);
    let clock = &world.elb.inner.clock;
    clock.sleep(Duration::from_secs(290)).await;
    world.until(&group, &["draining"]).await;
    clock.sleep(Duration::from_secs(20)).await;
    world.until(&group, &[]).await;
}

#[tokio::test]
async fn a_late_node_still_routes_to_a_draining_target() {
    let clock = Clock::with(Pace::Still, clock::DWELL);
    let world = World::of(clock.clone(), Nodes::LearnLate);
    let group = world.group();
    let server = Server::start("1.0.0").await;
    world.elb.register_target(&group, server.target());
    let listener = world.listener(&[(&group, 1)]).await;
    world.until(&group, &["healthy"]).await;
    let asked = || {
        let request = Request::get("/").body(()).unwrap();
        let route = |connection| {
            let asked = rule::Asked {
                method: request.method(),
                uri: request.uri(),
                headers: request.headers(),
            };
            world.elb.inner.route(&listener.arn, connection, &asked)
        };
        [0, 1, 2, 3].map(|connection| route(connection).ticket.is_some())
    };
    let still = clock.busy();
    assert_eq!(asked(), [true; 4]);
    let port = server.address.port();
    world.elb.deregister_target(&group, "10.0.0.7", port);
    assert_eq!(asked(), [false, true, true, false]);
    drop(still);
    clock.sleep(Duration::from_secs(3)).await;
    assert_eq!(asked(), [false; 4]);
}

#[tokio::test]
async fn a_rule_that_forwards_to_one_of_the_groups_follows() {
    let world = World::start();
    let (blue, green, other) = (world.group(), world.group(), world.group());
    let listener = world.listener(&[(&blue, 1)]).await;
    let to_green = forward(&[(&blue, 0), (&green, 100)]);
    let elb = &world.elb;
    elb.add_rule(
        &listener.arn,
        1,
        vec![Condition::path("/a")],
        forward(&[(&blue, 1)]),
    );
    elb.add_rule(
        &listener.arn,
        2,
        vec![Condition::path("/b")],
        forward(&[(&other, 1)]),
    );
    elb.set_rules(&listener.arn, &to_green);
    let found = elb.listeners().remove(0);
    let rules = found.rules.into_iter().map(|rule| rule.forward);
    assert_eq!(found.forward, forward(&[(&blue, 1)]));
    assert!(rules.eq([to_green, forward(&[(&other, 1)])]));
}

#[tokio::test]
async fn a_rule_is_changed_alone_and_its_nodes_learn_it_late() {
    let clock = Clock::with(Pace::Still, Duration::from_millis(20));
    let world = World::of(clock.clone(), Nodes::LearnLate);
    let (blue, green) = (world.group(), world.group());
    let (one, two) = (Server::start("1.0.0").await, Server::start("1.1.0").await);
    world.elb.register_target(&blue, one.target());
    world.elb.register_target(&green, two.target());
    let listener = world.listener(&[(&blue, 1), (&green, 0)]).await;
    let (conditions, to_blue) = (vec![Condition::path("/test/*")], forward(&[(&blue, 1)]));
    let rule = world
        .elb
        .add_rule(&listener.arn, 1, conditions, to_blue.clone());
    let rule = rule.unwrap();
    assert_eq!(listener_of(&rule), listener.arn);
    world.until(&blue, &["healthy"]).await;
    world.until(&green, &["healthy"]).await;
    let still = clock.busy();
    let to_green = forward(&[(&blue, 0), (&green, 100)]);
    world.elb.set_rule_forward(&rule, to_green.clone());
    assert_eq!(world.elb.rule_forward(&rule), Some(to_green));
    let default = default_rule(&listener.arn);
    assert_eq!(
        world.elb.rule_forward(&default),
        Some(forward(&[(&blue, 1), (&green, 0)]))
    );
    let greens = |path: &str| {
        let request = Request::get(path).body(()).unwrap();
        let asked = rule::Asked {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
        };
        let route = |connection| world.elb.inner.route(&listener.arn, connection, &asked);
        let tickets = [0, 1, 2].map(|node| route(node).ticket.unwrap());
        tickets.map(|ticket| ticket.target.target_group_arn == green)
    };
    assert_eq!(greens("/test/a"), [true, false, false]);
    assert_eq!(greens("/"), [false; 3]);
    drop(still);
    clock.sleep(Duration::from_secs(3)).await;
    assert_eq!(greens("/test/a"), [true; 3]);
}

#[tokio::test]
async fn a_target_that_comes_back_while_it_drains_is_registered_anew() {
    let world = World::start();
    let group = world.group();
    let server = Server::start("1.0.0").await;
    world.elb.register_target(&group, server.target());
    let listener = world.listener(&[(&group, 1)]).await;
    world.until(&group, &["healthy"]).await;
    let port = server.address.port();
    world.elb.deregister_target(&group, "10.0.0.7", port);
    world.until(&group, &["draining"]).await;
    world.elb.register_target(&group, server.target());
    world.until(&group, &["healthy"]).await;
    // The end of the first registration's delay is not the end of the second.
    world.elb.inner.clock.sleep(Duration::from_secs(310)).await;
    world.until(&group, &["healthy"]).await;
    assert_eq!(world.get(&listener, "/").await.0, 200);
}

#[tokio::test]
async fn hop_by_hop_headers_are_removed_and_forwarded_ones_added() {
    let world = World::start();
    let group = world.group();
    let server = Server::start("1.0.0").await;
    world.elb.register_target(&group, server.target());
    let listener = world.listener(&[(&group, 1)]).await;
    world.until(&group, &["healthy"]).await;
    let (_, seen) = world.get(&listener, "/").await;
    assert!(seen.contains(r#""x-forwarded-proto": "http""#), "{seen}");
    assert!(
        seen.contains(&format!(r#""host": "127.0.0.1:{}""#, listener.port)),
        "{seen}"
    );
    assert!(!seen.contains(r#""te""#), "{seen}");
}
