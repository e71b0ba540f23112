//! Listeners that CreateListener makes with a certificate of ACM's, and those that send clients to them.

use std::sync::Arc;

use local_aws::elb::ListenerPorts;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::aws::{PausedWorld, elb, world};
use crate::elb::between;

const REQUEST: &[u8] =
    b"GET /orders?page=2 HTTP/1.1\r\nHost: shop.example.com:80\r\nConnection: close\r\n\r\n";

/// A world with a load balancer, and its ARN.
async fn balanced() -> (PausedWorld, String) {
    let world = world(|settings| {
        settings.services[0].desired_count = 0;
        settings.listener_ports = ListenerPorts::Free;
    })
    .await;
    let balancer = world.load_balancers.create_load_balancer("shop").arn;
    (world, balancer)
}

const FIXED: &str = "&DefaultActions.member.1.Type=fixed-response&DefaultActions.member.1.FixedResponseConfig.StatusCode=404";

fn redirect(members: &[(&str, &str)]) -> String {
    let member = |(name, value): &(&str, &str)| {
        format!("&DefaultActions.member.1.RedirectConfig.{name}={value}")
    };
    let members: String = members.iter().map(member).collect();
    format!("&DefaultActions.member.1.Type=redirect{members}")
}

/// The real port of the only listener of an answer.
fn port(answer: &str) -> u16 {
    between(answer, "Port")[0].parse().unwrap()
}

/// The answer of a listener over TLS by this name, or why there is none.
async fn over_tls(world: &PausedWorld, port: u16, name: &str) -> Result<String, String> {
    let connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let config = world.certificates.client_config().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, connection);
    let mut stream = connected.await.map_err(|error| error.to_string())?;
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_for_its_names_alone() {
    let (world, balancer) = balanced().await;
    let names = ["example.com", "*.example.com"].map(str::to_owned);
    let arn = world.certificates.request(&names).unwrap();
    let create = format!(
        "CreateListener&LoadBalancerArn={balancer}&Protocol=HTTPS&Port=443&Certificates.member.1.CertificateArn={arn}{FIXED}"
    );
    let (status, answer) = elb(&world, &create).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(between(&answer, "CertificateArn"), [arn.as_str()]);
    assert_eq!(between(&answer, "SslPolicy"), ["ELBSecurityPolicy-2016-08"]);
    for (name, expected) in [
        ("shop.example.com", "HTTP/1.1 404 Not Found"),
        ("example.com", "HTTP/1.1 404 Not Found"),
        ("localhost", "not valid for name"),
        ("a.shop.example.com", "not valid for name"),
    ] {
        let answer = over_tls(&world, port(&answer), name).await;
        let (Ok(said) | Err(said)) = answer;
        assert!(said.contains(expected), "{name}: {said}");
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_sends_clients_elsewhere_as_it_is_told() {
    let (world, balancer) = balanced().await;
    let to_https = [
        ("Protocol", "HTTPS"),
        ("Port", "443"),
        ("StatusCode", "HTTP_301"),
    ];
    let create = format!(
        "CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80{}",
        redirect(&to_https)
    );
    let (status, answer) = elb(&world, &create).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(between(&answer, "Path"), ["/#{path}"]);
    assert_eq!(between(&answer, "StatusCode"), ["HTTP_301"]);
    let mut stream = TcpStream::connect(("127.0.0.1", port(&answer)))
        .await
        .unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 301 Moved Permanently"), "{said}");
    let location = "location: https://shop.example.com:443/orders?page=2\r\n";
    assert!(said.contains(location), "{said}");
    world.shutdown().await;
}

/// The protocols with the ports that they usually have.
const HTTPS: &str = "&Protocol=HTTPS&Port=443";
const HTTP: &str = "&Protocol=HTTP&Port=80";

fn with(certificate: &str) -> String {
    format!("&Certificates.member.1.CertificateArn={certificate}")
}

/// Asks for listeners of a load balancer with the certificate of `a.example`, each of which is refused with these words.
async fn refused(requests: impl FnOnce(&str) -> Vec<(String, &'static str)>) {
    let (world, balancer) = balanced().await;
    let certificate = world.certificates.request(&["a.example".to_owned()]);
    for (request, expected) in requests(&certificate.unwrap()) {
        let request = format!("CreateListener&LoadBalancerArn={balancer}{request}");
        let (status, answer) = elb(&world, &request).await;
        assert!(
            status == 400 && answer.contains(expected),
            "{request}: {answer}"
        );
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_policies_that_do_not_fit_are_refused_in_elbs_words() {
    refused(|arn| {
        let missing = with(&arn.replace("certificate/", "certificate/0"));
        let elsewhere = with(&arn.replace("eu-central-1", "us-east-1"));
        let certificate = with(arn);
        vec![
            (
                format!("{HTTPS}{FIXED}"),
                "A certificate must be specified for HTTPS listeners",
            ),
            (
                format!("{HTTP}{certificate}{FIXED}"),
                "A certificate cannot be specified for HTTP listeners",
            ),
            (
                format!("{HTTP}&SslPolicy=ELBSecurityPolicy-2016-08{FIXED}"),
                "An SSL policy cannot be specified for HTTP listeners",
            ),
            (format!("{HTTPS}{missing}{FIXED}"), "not found"),
            (format!("{HTTPS}{elsewhere}{FIXED}"), "is not valid"),
            (
                format!("{HTTPS}{certificate}&SslPolicy=ELBSecurityPolicy-2016-09{FIXED}"),
                "SSL policy 'ELBSecurityPolicy-2016-09' not found",
            ),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_that_lead_nowhere_are_refused() {
    refused(|arn| {
        let certificate = with(arn);
        let permanently = ("StatusCode", "HTTP_301");
        let to_port = |port| redirect(&[("Protocol", "HTTPS"), ("Port", port), permanently]);
        let to_http = redirect(&[("Protocol", "HTTP"), permanently]);
        let to_path = redirect(&[("Path", "new"), permanently]);
        let status = redirect(&[("StatusCode", "301")]);
        vec![
            (
                format!("{HTTPS}{certificate}{}", to_port("443")),
                "The redirect configuration is not valid because it creates a loop",
            ),
            (
                format!("{HTTPS}{certificate}{to_http}"),
                "redirects from HTTPS to HTTP",
            ),
            (
                format!("{HTTP}{}", to_port("0")),
                "The port '0' of the redirect",
            ),
            (format!("{HTTP}{to_path}"), "The path 'new'"),
            (
                format!("{HTTP}{status}"),
                "must be one of 'HTTP_301, HTTP_302'",
            ),
        ]
    })
    .await;
}
