//! ELBv2's answers and errors.

use local_aws::elb::Protocol;
use local_aws::timeline::ListenerKind;
use local_aws::world::World;

use crate::aws::{elb, world};

/// Returns the HTTP status and error code of an action.
async fn error(world: &World, action: &str) -> String {
    let (status, body) = elb(world, action).await;
    match between(&body, "Error").first() {
        Some(error) => format!("{status} {}", between(error, "Code")[0]),
        None => format!("{status} no error"),
    }
}

pub(crate) fn between<'b>(body: &'b str, tag: &str) -> Vec<&'b str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let parts = body.split(open.as_str()).skip(1);
    parts
        .map(|part| part.split(close.as_str()).next().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_resources_and_invalid_requests_are_refused() {
    let world = world(|_| {}).await;
    let arn = |kind: &str| {
        format!("arn:aws:elasticloadbalancing:eu-central-1:111122223333:{kind}/none/1")
    };
    let (group, listener) = (arn("targetgroup"), arn("listener/app"));
    let balancer = arn("loadbalancer/app");
    let cases = [
        (
            format!("DescribeTargetHealth&TargetGroupArn={group}"),
            "400 TargetGroupNotFound",
        ),
        (
            "DescribeTargetHealth&TargetGroupArn=web".to_owned(),
            "400 ValidationError",
        ),
        ("DescribeTargetHealth".to_owned(), "400 ValidationError"),
        (
            "DescribeTargetGroups&Names.member.1=none".to_owned(),
            "400 TargetGroupNotFound",
        ),
        (
            format!("DescribeTargetGroups&TargetGroupArns.member.1={group}"),
            "400 TargetGroupNotFound",
        ),
        (
            format!("DescribeTargetGroups&Names.member.1=a&TargetGroupArns.member.1={group}"),
            "400 ValidationError",
        ),
        (
            format!("DescribeTargetGroups&LoadBalancerArn={balancer}"),
            "400 LoadBalancerNotFound",
        ),
        (
            "DescribeTargetGroups&PageSize=401".to_owned(),
            "400 ValidationError",
        ),
        ("DescribeListeners".to_owned(), "400 ValidationError"),
        (
            format!("DescribeListeners&ListenerArns.member.1={listener}"),
            "400 ListenerNotFound",
        ),
        ("DescribeRules".to_owned(), "400 ValidationError"),
        (
            format!("DescribeRules&ListenerArn={listener}"),
            "400 ListenerNotFound",
        ),
        (
            format!(
                "DescribeRules&RuleArns.member.1={}",
                arn("listener-rule/app")
            ),
            "400 RuleNotFound",
        ),
        (
            format!("DescribeLoadBalancers&LoadBalancerArns.member.1={balancer}"),
            "400 LoadBalancerNotFound",
        ),
        ("DescribeLoadBalancers".to_owned(), "200 no error"),
        ("ModifyListener".to_owned(), "400 ValidationError"),
        (
            format!("ModifyListener&ListenerArn={listener}"),
            "400 ListenerNotFound",
        ),
    ];
    for (action, expected) in cases {
        assert_eq!(error(&world, &action).await, expected, "{action}");
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_come_in_pages_and_a_target_that_is_not_registered_is_unused() {
    let world = world(|_| {}).await;
    let (_, first) = elb(&world, "DescribeTargetGroups&PageSize=1").await;
    let marker = between(&first, "NextMarker")[0].to_owned();
    let (_, second) = elb(
        &world,
        &format!("DescribeTargetGroups&PageSize=1&Marker={marker}"),
    )
    .await;
    assert_eq!(between(&first, "TargetGroupName"), ["shop-web-blue"]);
    assert_eq!(between(&second, "TargetGroupName"), ["shop-web-green"]);
    assert_eq!(between(&second, "NextMarker"), Vec::<&str>::new());

    let blue = between(&first, "TargetGroupArn")[0];
    let wanted = format!(
        "DescribeTargetHealth&TargetGroupArn={blue}&Targets.member.1.Id=10.9.9.9&Targets.member.1.Port=80"
    );
    let (_, health) = elb(&world, &wanted).await;
    assert_eq!(between(&health, "State"), ["unused"]);
    assert_eq!(between(&health, "Reason"), ["Target.NotRegistered"]);
    assert_eq!(between(&health, "HealthCheckPort"), ["80"]);
    let (_, health) = elb(
        &world,
        &format!("DescribeTargetHealth&TargetGroupArn={blue}&Targets.member.1.Id=10.9.9.9"),
    )
    .await;
    let port = between(&first, "Port")[0];
    assert_eq!(between(&health, "Port"), [port]);
    assert_eq!(between(&health, "HealthCheckPort"), [port]);
    let green = between(&second, "TargetGroupArn")[0];
    let (_, health) = elb(
        &world,
        &format!("DescribeTargetHealth&TargetGroupArn={green}"),
    )
    .await;
    assert_eq!(between(&health, "State"), Vec::<&str>::new());

    let (_, balancers) = elb(&world, "DescribeLoadBalancers").await;
    let balancer = between(&balancers, "LoadBalancerArn")[0];
    let (_, listeners) = elb(
        &world,
        &format!("DescribeListeners&LoadBalancerArn={balancer}"),
    )
    .await;
    // A single target group is returned in both members.
    assert_eq!(between(&listeners, "ListenerArn").len(), 2);
    assert_eq!(between(&listeners, "TargetGroupArn"), [blue; 4]);
    world.shutdown().await;
}

fn group(world: &World, name: &str) -> String {
    let mut groups = world.load_balancers.target_groups().into_iter();
    let found = groups.find(|group| group.settings.name == name);
    found.unwrap().arn
}

fn of_action(member: &str, value: &str) -> String {
    format!("&DefaultActions.member.1.{member}={value}")
}

fn single(group: &str) -> String {
    of_action("TargetGroupArn", group)
}

fn weighted(number: u32, group: &str, weight: &str) -> String {
    let part = format!("ForwardConfig.TargetGroups.member.{number}");
    let weight = of_action(&format!("{part}.Weight"), weight);
    of_action(&format!("{part}.TargetGroupArn"), group) + &weight
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_pointed_at_target_groups_that_exist() {
    let world = world(|_| {}).await;
    let arn = world.listener("web", ListenerKind::Test).unwrap();
    let (blue, green) = (
        group(&world, "shop-web-blue"),
        group(&world, "shop-web-green"),
    );
    let modify = |more: &str| format!("ModifyListener&ListenerArn={arn}{more}");
    let action = |more: &str| modify(&(of_action("Type", "forward") + more));
    let missing = green.replace("targetgroup/shop", "targetgroup/none");
    for (request, expected) in [
        (modify("&Port=81"), "400 ValidationError"),
        (
            modify(&of_action("Type", "redirect")),
            "400 ValidationError",
        ),
        (action(""), "400 ValidationError"),
        (action(&single("green")), "400 ValidationError"),
        (action(&single(&missing)), "400 TargetGroupNotFound"),
        (action(&weighted(1, &green, "1000")), "400 ValidationError"),
        (
            action(&(single(&blue) + &weighted(1, &green, "1"))),
            "400 ValidationError",
        ),
        (modify(""), "200 no error"),
        (action(&single(&green)), "200 no error"),
    ] {
        assert_eq!(error(&world, &request).await, expected, "{request}");
    }
    assert_eq!(
        error(&world, &action(&single(&green))).await,
        "200 no error"
    );
    let both = action(&(weighted(1, &blue, "30") + &weighted(2, &green, "70")));
    let (_, answer) = elb(&world, &both).await;
    assert_eq!(between(&answer, "Weight"), ["30", "70"]);
    assert_eq!(between(&answer, "TargetGroupArn"), [&blue, &green]);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_has_up_to_five_target_groups_and_nothing_that_is_not_simulated() {
    let world = world(|_| {}).await;
    let arn = world.listener("web", ListenerKind::Test).unwrap();
    let (blue, green) = (
        group(&world, "shop-web-blue"),
        group(&world, "shop-web-green"),
    );
    let sticky = |enabled: &str| {
        let member = "ForwardConfig.TargetGroupStickinessConfig.Enabled";
        of_action(member, enabled)
    };
    let six = (1..7).map(|number| weighted(number, &format!("{green}{number}"), "1"));
    let told = [
        (
            weighted(1, &blue, "1") + &weighted(2, &blue, "1"),
            Some("is specified more than once"),
        ),
        (six.collect(), Some("at most 5 target groups, found 6")),
        (
            single(&green) + &of_action("RedirectConfig.StatusCode", "HTTP_301"),
            Some("RedirectConfig"),
        ),
        (
            single(&green) + &of_action("Order", "0"),
            Some("Value '0' at 'order'"),
        ),
        (
            weighted(1, &green, "1") + &sticky("true"),
            Some("You must specify a duration"),
        ),
        // As DescribeListeners answers it.
        (
            single(&green) + &weighted(1, &green, "1") + &sticky("false"),
            None,
        ),
        // As Terraform sends it.
        (single(&green) + &of_action("Order", "1"), None),
    ];
    for (more, expected) in told {
        let action = of_action("Type", "forward") + &more;
        let request = format!("ModifyListener&ListenerArn={arn}{action}");
        let (status, answer) = elb(&world, &request).await;
        let message = between(&answer, "Message").concat();
        match expected {
            None => assert_eq!(status, 200, "{more}: {answer}"),
            Some(part) => assert!(message.contains(part), "{more}: {answer}"),
        }
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_created_read_and_put_back() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let listener = world.listener("web", ListenerKind::Production).unwrap();
    let groups = world.load_balancers.target_groups();
    let (blue, green) = (&groups[0].arn, &groups[1].arn);
    let create = |priority: u32| {
        format!(
            "CreateRule&ListenerArn={listener}&Priority={priority}\
             &Conditions.member.1.Field=http-header\
             &Conditions.member.1.HttpHeaderConfig.HttpHeaderName=X-Test\
             &Conditions.member.1.HttpHeaderConfig.Values.member.1=yes\
             &Actions.member.1.Type=forward&Actions.member.1.TargetGroupArn={blue}"
        )
    };
    let (status, created) = elb(&world, &create(5)).await;
    assert_eq!(status, 200, "{created}");
    let rule = between(&created, "RuleArn")[0].to_owned();
    assert_eq!(error(&world, &create(5)).await, "400 PriorityInUse");
    let modify = format!(
        "ModifyRule&RuleArn={rule}&Actions.member.1.Type=forward\
         &Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn={green}\
         &Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight=7"
    );
    assert_eq!(elb(&world, &modify).await.0, 200);
    let (_, found) = elb(&world, &format!("DescribeRules&RuleArns.member.1={rule}")).await;
    assert_eq!(between(&found, "HttpHeaderName"), ["X-Test"]);
    assert_eq!(between(&found, "Weight"), ["7"]);
    assert!(found.contains(green.as_str()), "{found}");
    let default = modify.replace(&rule, &local_aws::elb::default_rule(&listener));
    assert_eq!(error(&world, &default).await, "400 OperationNotPermitted");
    let gone = modify.replace(&rule, &format!("{rule}0"));
    assert_eq!(error(&world, &gone).await, "400 RuleNotFound");
    world.shutdown().await;
}

/// What a target group needs, beside its name.
const GROUP: &str = "&Protocol=HTTP&Port=8080&VpcId=vpc-0rehearsal&TargetType=ip";

fn new_group(name: &str, more: &str) -> String {
    format!("CreateTargetGroup&Name={name}{GROUP}{more}")
}

fn new_balancer(name: &str) -> String {
    format!("CreateLoadBalancer&Name={name}&Subnets.member.1=subnet-1&Subnets.member.2=subnet-2")
}

fn new_listener(balancer: &str, port: u16, group: &str) -> String {
    format!(
        "CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port={port}\
         &DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={group}"
    )
}

/// A port that is free now.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_is_made_from_nothing() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let (status, balancer) = elb(&world, &new_balancer("orders")).await;
    assert_eq!(status, 200, "{balancer}");
    let balancer = between(&balancer, "LoadBalancerArn")[0].to_owned();
    let (_, again) = elb(&world, &new_balancer("orders")).await;
    assert_eq!(between(&again, "LoadBalancerArn"), [balancer.as_str()]);
    let (status, group) = elb(&world, &new_group("orders", "")).await;
    assert_eq!(status, 200, "{group}");
    let defaults = ["HealthCheckIntervalSeconds", "HealthyThresholdCount"];
    let defaults = defaults.map(|member| between(&group, member)[0]);
    assert_eq!(defaults, ["30", "5"]);
    let group = between(&group, "TargetGroupArn")[0].to_owned();
    let (_, same) = elb(&world, &new_group("orders", "")).await;
    assert_eq!(between(&same, "TargetGroupArn"), [group.as_str()]);
    let other = new_group("orders", "&HealthCheckPath=/other");
    assert_eq!(error(&world, &other).await, "400 DuplicateTargetGroupName");
    let port = free_port();
    let create = new_listener(&balancer, port, &group);
    let (status, listener) = elb(&world, &create).await;
    assert_eq!(status, 200, "{listener}");
    assert_eq!(between(&listener, "Port")[0], port.to_string());
    assert_eq!(error(&world, &create).await, "400 DuplicateListener");
    let attribute = |key: &str, value: &str| {
        format!(
            "ModifyTargetGroupAttributes&TargetGroupArn={group}&Attributes.member.1.Key={key}\
             &Attributes.member.1.Value={value}"
        )
    };
    let delay = "deregistration_delay.timeout_seconds";
    assert_eq!(elb(&world, &attribute(delay, "5")).await.0, 200);
    let groups = world.load_balancers.target_groups();
    let found = groups.iter().find(|known| known.arn == group).unwrap();
    let delayed = found.settings.deregistration_delay;
    assert_eq!(delayed, std::time::Duration::from_secs(5));
    for (request, expected) in [
        (attribute(delay, "3601"), "400 InvalidConfigurationRequest"),
        (
            attribute("stickiness.enabled", "true"),
            "400 ValidationError",
        ),
    ] {
        assert_eq!(error(&world, &request).await, expected, "{request}");
    }
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_load_balancer_cannot_be_made_of_is_refused() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let web = world.load_balancers.load_balancers()[0].arn.clone();
    let (_, orders) = elb(&world, &new_balancer("orders")).await;
    let orders = between(&orders, "LoadBalancerArn")[0].to_owned();
    let blue = world.load_balancers.target_groups()[0].arn.clone();
    // Another process has this port.
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().port();
    let cases = [
        (
            "CreateLoadBalancer&Name=one&Subnets.member.1=subnet-1".to_owned(),
            "InvalidSubnet",
            "At least two subnets in two different Availability Zones",
        ),
        (
            new_balancer("internal-x"),
            "ValidationError",
            "cannot begin with 'internal-'",
        ),
        (new_balancer("-x"), "ValidationError", "hyphen"),
        (
            new_balancer("x") + "&Type=gateway",
            "ValidationError",
            "the rehearsal does not simulate",
        ),
        (
            new_group("x", "&HealthCheckIntervalSeconds=4"),
            "ValidationError",
            "greater than or equal to 5",
        ),
        (
            new_group(
                "x",
                "&HealthCheckIntervalSeconds=5&HealthCheckTimeoutSeconds=5",
            ),
            "ValidationError",
            "must be smaller than the interval",
        ),
        (
            new_listener(&format!("{web}0"), 1, &blue),
            "LoadBalancerNotFound",
            "not found",
        ),
        (
            new_listener(&orders, free_port(), &blue),
            "TargetGroupAssociationLimit",
            "more than one load balancer",
        ),
        (
            new_listener(&web, taken, &blue),
            "ValidationError",
            "a listener at port",
        ),
    ];
    check_refused(&world, &cases).await;
    world.shutdown().await;
}

/// Requests, each with the error's code and a part of its message.
async fn check_refused(world: &World, cases: &[(String, &str, &str)]) {
    for (request, code, said) in cases {
        let expected = format!("400 {code}");
        assert_eq!(error(world, request).await, expected, "{request}");
        let (_, answer) = elb(world, request).await;
        let message = between(&answer, "Message").concat();
        assert!(message.contains(said), "{request}: {answer}");
    }
}

/// It forwards connections: its listeners speak no HTTP and have no rules.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_load_balancer_is_not_taken_for_another() {
    let world = world(|settings| settings.services[0].desired_count = 0).await;
    let blue = world.load_balancers.target_groups()[0].arn.clone();
    assert_eq!(elb(&world, &new_balancer("orders")).await.0, 200);
    let network = world.load_balancers.create_network_load_balancer("net").arn;
    let tcp = world
        .load_balancers
        .listen(Protocol::Tcp, &network, Vec::new());
    let tcp = tcp.await.unwrap().arn;
    let cases = [
        (
            new_balancer("net"),
            "DuplicateLoadBalancerName",
            "A load balancer with the same name 'net' exists, but with different settings",
        ),
        (
            new_balancer("orders") + "&Type=network",
            "DuplicateLoadBalancerName",
            "with different settings",
        ),
        (
            new_listener(&network, free_port(), &blue),
            "ValidationError",
            "Listener protocol 'HTTP' must be one of 'TLS, TCP, TCP_UDP, UDP'",
        ),
        (
            format!("CreateRule&ListenerArn={tcp}&Priority=1"),
            "ValidationError",
            "not supported for listeners of load balancers of type 'network'",
        ),
    ];
    check_refused(&world, &cases).await;
    world.shutdown().await;
}
