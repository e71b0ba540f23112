//! A listener that answers by itself what no rule forwards.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use local_aws::elb::{DefaultAction, ListenerPort, OwnAnswer, Protocol};

use crate::aws::{elb, world};

async fn status(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap();
    status.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_answers_with_its_status_until_it_forwards() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let balancer = world.load_balancers.create_load_balancer("api").arn;
    let wanted = ListenerPort::AnyFor(80);
    let fixed = DefaultAction::Own(OwnAnswer::FixedResponse(404));
    let listener = world
        .load_balancers
        .listen_at(wanted, Protocol::Http, &balancer, fixed)
        .await
        .unwrap();
    assert_ne!(listener.port, 80);
    assert_eq!(status(listener.port).await, "404");
    let described = format!("DescribeListeners&ListenerArns.member.1={}", listener.arn);
    let (_, answer) = elb(&world, &described).await;
    assert!(
        answer.contains("<Type>fixed-response</Type>")
            && answer.contains("<StatusCode>404</StatusCode>"),
        "{answer}"
    );

    // The port that it was asked for is taken, whichever it has on this machine.
    let create = |port: u16, status: &str| {
        format!(
            "CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port={port}&DefaultActions.member.1.Type=fixed-response\
             &DefaultActions.member.1.FixedResponseConfig.StatusCode={status}"
        )
    };
    for (port, given, code) in [
        (80, "404", "DuplicateListener"),
        (81, "301", "ValidationError"),
        (81, "no", "ValidationError"),
    ] {
        let (status, answer) = elb(&world, &create(port, given)).await;
        assert!(status == 400 && answer.contains(code), "{answer}");
    }

    let group = world.load_balancers.target_groups()[0].arn.clone();
    let forward = local_aws::elb::Forward {
        target_group_arn: group,
        weight: 1,
    };
    world
        .load_balancers
        .set_forward(&listener.arn, vec![forward]);
    assert_eq!(status(listener.port).await, "503");
    world.shutdown().await;
}
