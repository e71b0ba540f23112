//! Connections of a Network Load Balancer.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// `serve` may run for days: what is known of a connection ends with it.
#[tokio::test]
async fn a_network_load_balancer_forgets_a_connection_that_has_ended() {
    let world = World::start();
    let group = world.group();
    let server = Server::start("1.0.0").await;
    world.elb.register_target(&group, server.target());
    let balancer = world.elb.create_network_load_balancer("net").arn;
    let listener = world
        .elb
        .listen(Protocol::Tcp, &balancer, forward(&[(&group, 1)]));
    let listener = listener.await.unwrap();
    world.until(&group, &["healthy"]).await;
    let pinned = || {
        let state = world.elb.inner.lock();
        state.listeners[0].pinned.len()
    };
    let (address, request) = (
        (Ipv4Addr::LOCALHOST, listener.port),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    let mut connection = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        connection.write_all(request).await.unwrap();
        let mut answer = [0; 1024];
        assert!(connection.read(&mut answer).await.unwrap() > 0);
        assert_eq!(pinned(), 1);
    }
    drop(connection);
    let forgotten = async {
        while pinned() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let forgotten = tokio::time::timeout(Duration::from_secs(60), forgotten);
    forgotten.await.unwrap();
}
