use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use rules::config::{Config, Request};
use rules::observed::{RuleAction, RuleCondition};

use super::*;

const NODES: [&str; 2] = ["127.0.0.1", "127.0.0.2"];

/// Answers each connection once and says that it may be used again, by what `status` gives for its number; counts them.
fn node(listener: TcpListener, status: impl Fn(usize) -> u16 + Send + 'static) -> Arc<AtomicUsize> {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let (mut connection, mut asked) = (connection.unwrap(), [0; 4096]);
            let _ = connection.read(&mut asked).unwrap();
            let answer = format!(
                "HTTP/1.1 {} OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n",
                status(number)
            );
            connection.write_all(answer.as_bytes()).unwrap();
            // Whoever kept the connection would wait here in vain.
            std::mem::forget(connection);
        }
    });
    connections
}

/// Listeners of one port at every address.
fn listeners() -> (u16, [TcpListener; 2]) {
    loop {
        let first = TcpListener::bind((NODES[0], 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if let Ok(second) = TcpListener::bind((NODES[1], port)) {
            return (port, [first, second]);
        }
    }
}

fn request(times: u32) -> Request {
    let text = format!(
        "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
         [[pipeline.test_traffic.request]]\npath='/orders'\ntimes={times}\n"
    );
    let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
    pipeline.test_traffic.checks.requests[0].clone()
}

/// What a check says of these answers of both nodes, and how many connections each got.
async fn check(statuses: [fn(usize) -> u16; 2]) -> (Result<(), String>, [usize; 2]) {
    let (port, listeners) = listeners();
    let mut statuses = statuses.into_iter();
    let counts = listeners.map(|listener| node(listener, statuses.next().unwrap()));
    let base = Url::parse(&format!("http://shop.invalid:{port}")).unwrap();
    let addresses = NODES.map(|node| SocketAddr::new(node.parse().unwrap(), port));
    let requests = Requests::to(Through::TestListener, base, None, &[], &addresses).unwrap();
    let request = request(3);
    let said = requests.ask(&Prepared::new(&request, &[]).unwrap()).await;
    (said, counts.map(|count| count.load(Ordering::SeqCst)))
}

#[tokio::test]
async fn every_address_is_asked_as_often_as_wanted_each_time_over_a_new_connection() {
    let (said, connections) = check([|_| 200, |_| 200]).await;
    assert_eq!((said, connections), (Ok(()), [3, 3]));
}

#[tokio::test]
async fn one_address_that_answers_wrong_fails_the_check_whatever_the_others_answer() {
    let (said, connections) = check([|_| 200, |_| 500]).await;
    let check_failed = "`/orders`: wanted status 200, got status 500, at 127.0.0.2";
    assert_eq!(said, Err(check_failed.to_owned()));
    assert_eq!(connections, [3, 3]);
}

#[tokio::test]
async fn wrong_answers_are_tolerated_twice_and_begin_the_count_anew() {
    let (said, connections) = check([|_| 200, |n| if n == 2 { 500 } else { 200 }]).await;
    assert_eq!((said, connections), (Ok(()), [3, 6]));
}

/// A server's only connection, as text.
fn received(listener: TcpListener) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let (mut connection, mut asked) = (listener.accept().unwrap().0, [0; 4096]);
        let read = connection.read(&mut asked).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        connection.write_all(answer).unwrap();
        String::from_utf8_lossy(&asked[..read]).into_owned()
    })
}

#[tokio::test]
async fn a_request_carries_its_headers_and_the_host_and_shows_none_of_them() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let received = received(listener);
    let base = Url::parse(&format!("http://{address}")).unwrap();
    let host = Some("www.example.com");
    let requests = Requests::to(Through::TestListener, base, host, &[], &[address]).unwrap();
    let request = request(1);
    let headers = [("x-test", "hunter2"), ("accept", "text/html")];
    let headers = headers.map(|(name, text)| (name, text.parse().unwrap()));
    let prepared = Prepared::new(&request, &headers).unwrap();
    assert!(!format!("{prepared:?}").contains("hunter2"));
    requests.ask(&prepared).await.unwrap();
    let received = received.join().unwrap();
    let mut lines: Vec<&str> = received.lines().filter(|line| !line.is_empty()).collect();
    lines[1..].sort_unstable();
    assert_eq!(
        lines,
        [
            "GET /orders HTTP/1.1",
            "accept: text/html",
            "host: www.example.com",
            concat!("user-agent: greenlight/", env!("CARGO_PKG_VERSION")),
            "x-test: hunter2",
        ]
    );
}

/// The listener's rules select by what is sent.
#[tokio::test]
async fn the_rule_that_asks_for_a_header_is_met_by_the_request_that_carries_it() {
    let arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/NAME/1";
    let group = |name: &str| -> TargetGroupArn { arn.replace("NAME", name).parse().unwrap() };
    let rule = |priority: &str, conditions, name: &str| ListenerRule {
        priority: priority.to_owned(),
        conditions,
        actions: vec![RuleAction::Forward(vec![(group(name), 1)])],
        sticks_for: None,
    };
    let header = RuleCondition::Header {
        name: "X-Test".to_owned(),
        values: vec!["gr*".to_owned()],
    };
    let rules = [
        rule("1", vec![header], "green"),
        rule("default", vec![], "blue"),
    ];
    let base = Url::parse("http://shop.invalid").unwrap();
    let requests = Requests::to(Through::TestListener, base, None, &[], &[]).unwrap();
    let request = request(1);
    for (value, leads) in [(Some("green"), true), (Some("blue"), false), (None, false)] {
        let headers: Vec<_> = value
            .map(|value| ("x-test", value.parse().unwrap()))
            .into_iter()
            .collect();
        let prepared = Prepared::new(&request, &headers).unwrap();
        let said = requests.lead_to(&group("green"), &[prepared], &rules);
        assert_eq!(said.is_ok(), leads, "{value:?}: {said:?}");
    }
}
