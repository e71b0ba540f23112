mod services;

use insta::assert_snapshot;

use crate::config::{Config, MigrationRevision, RevisionFrom, TerminationWait, WhenBusy};

const SMALLEST: &str = r#"
    [[pipeline]]
    name = "shop-web"
    repository = "shop/web"
    tag = "latest"
    cluster = "prod"
    service = "web"
"#;

fn problems(text: &str) -> String {
    Config::parse(text).map_or_else(|problems| problems.to_string(), |_| "accepted".to_owned())
}

#[test]
fn the_smallest_pipeline_gets_the_names_that_the_ecs_console_gives() {
    let config = Config::parse(SMALLEST).unwrap();
    let pipeline = &config.pipelines[0];
    assert_eq!(pipeline.codedeploy.application.as_str(), "AppECS-prod-web");
    assert_eq!(
        pipeline.codedeploy.deployment_group.as_str(),
        "DgpECS-prod-web"
    );
    assert_eq!(pipeline.revision_from, RevisionFrom::Production);
    assert_eq!(pipeline.when_busy, WhenBusy::Wait);
    assert_eq!(pipeline.termination_wait, TerminationWait::Cut);
    assert!(pipeline.migration.is_none());
    assert_eq!(pipeline.test_traffic.healthy_within.as_secs(), 180);
    assert!(pipeline.test_traffic.checks.requests.is_empty());
}

#[test]
fn every_option_is_read() {
    let text = format!(
        "{SMALLEST}{}",
        r#"
        application = "shop"
        deployment_group = "shop-web"
        deployment_config = "CodeDeployDefault.ECSCanary10Percent5Minutes"
        containers = ["web", "worker"]
        revision_from = "latest"
        when_busy = "replace"
        termination_wait = "keep"
        [pipeline.migration]
        container = "web"
        command = ["python", "manage.py", "migrate", "--noinput"]
        timeout_minutes = 55
        [pipeline.test_traffic]
        healthy_within_seconds = 60
        base_url = "https://test.example.com:8443"
        host = "www.example.com"
        ca = "ca.pem"
        [[pipeline.test_traffic.request]]
        path = "/admin/"
        status = "301"
        contains = ""
        within_milliseconds = 500
        times = 3
        "#
    );
    let config = Config::parse(&text).unwrap();
    let pipeline = &config.pipelines[0];
    let migration = pipeline.migration.as_ref().unwrap();
    assert_eq!(
        (migration.command.len(), migration.time_out.as_secs()),
        (4, 3300)
    );
    let request = &pipeline.test_traffic.checks.requests[0];
    assert!(request.status.matches(301) && !request.status.matches(200));
    assert_eq!((request.contains.as_deref(), request.times), (None, 3));
    assert_eq!(request.within.unwrap().as_millis(), 500);
    let ca = pipeline.test_traffic.checks.ca.as_ref().unwrap();
    assert_eq!(ca.as_str(), "ca.pem");
}

#[test]
fn an_authority_is_a_file_beside_this_one_and_production_takes_that_of_the_test() {
    let gate = |ca: &str| {
        format!(
            "{SMALLEST}[pipeline.test_traffic]\nca = '{ca}'\n[[pipeline.test_traffic.request]]\npath = '/'\n\
             [pipeline.production_traffic]"
        )
    };
    let config = Config::parse(&gate("ca.pem")).unwrap();
    let production = config.pipelines[0].production_traffic.as_ref().unwrap();
    assert_eq!(production.ca.as_ref().unwrap().as_str(), "ca.pem");
    for ca in [
        "",
        "../ca.pem",
        "/opt/ca.pem",
        "tls/ca.pem",
        ".pem",
        "ca pem",
    ] {
        let said = problems(&gate(ca));
        assert!(
            said.contains("is not the name of a file beside this one"),
            "{said}"
        );
    }
}

#[test]
fn a_migration_runs_alone_where_the_file_says_so() {
    let migration = "[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n";
    for (alone, expected) in [
        ("", MigrationRevision::Shipped),
        ("alone = false", MigrationRevision::Shipped),
        ("alone = true", MigrationRevision::Alone),
    ] {
        let config = Config::parse(&format!("{SMALLEST}{migration}{alone}")).unwrap();
        let migration = config.pipelines[0].migration.as_ref().unwrap();
        assert_eq!(migration.revision, expected, "{alone}");
    }
    assert_snapshot!(
        problems(&format!("{SMALLEST}{migration}alone = 'true'")),
        @r#"at `pipeline[0].migration.alone`: `"true"` is text, expected `true` or `false`, without quotes"#
    );
    assert_snapshot!(
        problems(&format!("{SMALLEST}{migration}alone = 1")),
        @"at `pipeline[0].migration.alone`: `1` is a whole number, expected `true` or `false`, without quotes"
    );
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    let text = r#"
        colour = "green"
        [[pipeline]]
        name = ""
        repository = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:latest"
        tag = "semver:two"
        clustr = "prod"
        service = 7
        when_busy = "queue"
        containers = ["web", 3]
        [pipeline.migration]
        command = []
        timeout_minutes = 90
        [pipeline.test_traffic]
        healthy_within_seconds = "soon"
        base_url = "test.example.com"
        [[pipeline.test_traffic.request]]
        path = "admin"
        status = "ok"
        times = 0
    "#;
    assert_snapshot!(problems(text));
}

#[test]
fn an_address_with_a_password_is_refused_and_not_told() {
    let gate = "[pipeline.test_traffic]\nbase_url = 'https://shop:hunter2@test.example.com'";
    assert_snapshot!(
        problems(&format!("{SMALLEST}{gate}")),
        @"at `pipeline[0].test_traffic.base_url`: `https://shop:…@test.example.com` is not an address such as `https://test.example.com:8443`"
    );
}

#[test]
fn a_file_that_is_no_toml_names_the_line() {
    assert_snapshot!(problems("[[pipeline]]\nname = \"shop\nrepository = \"x\""), @r#"at `line 2`: invalid basic string, expected `"`"#);
}

#[test]
fn an_empty_file_says_what_is_expected() {
    assert_snapshot!(problems(""), @"at `pipeline`: there is none, expected at least one `[[pipeline]]`");
    assert_snapshot!(problems("pipeline = 3"), @"at `pipeline`: a whole number is given, expected tables `[[pipeline]]`");
}

#[test]
fn a_base_url_is_an_address_that_can_be_asked() {
    let base_url = |url: &str| {
        let gate = format!("[pipeline.test_traffic]\nbase_url = '{url}'");
        let text = format!(
            "[[pipeline]]\nname='a'\nrepository='shop'\ntag='a'\ncluster='a'\nservice='a'\n{gate}\n"
        );
        Config::parse(&text).is_ok()
    };
    for url in [
        "https://test.example.com:8443",
        "http://test.example.com/",
        "http://localhost",
        "http://127.0.0.1:8080",
        "https://[::1]:8443",
        "https://[2001:db8::1]",
        "http://internal-shop_1.eu-central-1.elb.amazonaws.com:9001",
    ] {
        assert!(base_url(url), "{url}");
    }
    for url in [
        "",
        "test.example.com",
        "ftp://test.example.com",
        "https://",
        "https:///",
        "https://test.example.com:port",
        "https://test.example.com:70000",
        "https://test.example.com:",
        "https://test.example.com:0",
        "https://test..example.com",
        "https://test.example.com/path",
        "https://test.example.com//",
        "https://user@test.example.com",
        "https://test.example.com?a=b",
        "https://tést.example.com",
        "https://[::1",
        "https://[test]",
        "https://300.0.0.1",
        "https://test example.com",
    ] {
        assert!(!base_url(url), "{url}");
    }
}

#[test]
fn a_string_in_place_of_an_array_is_named_as_one() {
    let text = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
                containers='web'";
    let problems = Config::parse(text).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "at `pipeline[0].containers`: expected an array of strings, found the string `\"web\"`"
    );
}

#[test]
fn production_is_asked_what_green_is_asked_before_it() {
    let requests = "[[pipeline.test_traffic.request]]\npath = '/orders'\n";
    let pipeline = |text: &str| {
        let text = format!("{SMALLEST}{text}");
        Config::parse(&text).unwrap().pipelines.remove(0)
    };
    assert!(pipeline(requests).production_traffic.is_none());
    let text = format!(
        "[pipeline.test_traffic]\nhost = 'www.example.com'\nbase_url = 'http://test.example.com'\n{requests}\
         [pipeline.production_traffic]\nsettle_seconds = 5"
    );
    let gate = pipeline(&text).production_traffic.unwrap();
    assert_eq!(gate.settle.as_secs(), 5);
    assert_eq!(gate.requests[0].path, "/orders");
    assert_eq!(gate.host.as_deref(), Some("www.example.com"));
    // It leads to the test listener.
    assert_eq!(gate.base_url, None);
    let own = "[pipeline.production_traffic]\n[[pipeline.production_traffic.request]]\npath = '/'";
    let gate = pipeline(&format!("{requests}{own}"))
        .production_traffic
        .unwrap();
    assert_eq!(gate.requests.len(), 1);
    assert_eq!(gate.requests[0].path, "/");
    assert_snapshot!(
        problems(&format!("{SMALLEST}[pipeline.production_traffic]")),
        @"at `pipeline[0].production_traffic.request`: there is none, nor one of `test_traffic`, expected at least one request to send"
    );
    assert_snapshot!(
        problems(&format!("{SMALLEST}[pipeline.production_traffic]\nhealthy_within_seconds = 3\n{own}", own = "[[pipeline.production_traffic.request]]\npath = '/'")),
        @"at `pipeline[0].production_traffic.healthy_within_seconds`: unknown, expected one of `settle_seconds`, `target_group`, `base_url`, `host`, `ca`, `headers`, `request`"
    );
}

#[test]
fn an_event_that_a_gate_needs_has_no_function_of_the_users() {
    let migration = "[pipeline.migration]\ncontainer = 'web'\ncommand = ['migrate']\n";
    let production =
        "[pipeline.production_traffic]\n[[pipeline.production_traffic.request]]\npath = '/'\n";
    let hooks = "[pipeline.hooks]\nBeforeInstall = 'a'\nAfterInstall = 'b'\nBeforeAllowTraffic = 'c'\nAfterAllowTraffic = 'd'\n";
    let pipeline = Config::parse(&format!("{SMALLEST}{hooks}"));
    assert_eq!(pipeline.unwrap().pipelines[0].hooks.len(), 4);
    assert_snapshot!(problems(&format!("{SMALLEST}{migration}{production}{hooks}")), @r"
    at `pipeline[0].hooks.AfterInstall`: CodeDeploy calls one function an event, and here it is that of `migration`, expected another event or no `migration`
    at `pipeline[0].hooks.AfterAllowTraffic`: CodeDeploy calls one function an event, and here it is that of `production_traffic`, expected another event or no `production_traffic`
    ");
    assert_snapshot!(
        problems(&format!("{SMALLEST}[pipeline.hooks]\nAfterAllowTestTraffic = 'a'\nBeforeInstall = 'arn:aws:lambda:eu-central-1:111122223333:function:a'")),
        @r"
    at `pipeline[0].hooks.BeforeInstall`: `arn:aws:lambda:eu-central-1:111122223333:function:a` is not a Lambda function's name (not its ARN): 1 to 64 letters, digits, `-` and `_`
    at `pipeline[0].hooks.AfterAllowTestTraffic`: unknown, expected one of `BeforeInstall`, `AfterInstall`, `BeforeAllowTraffic`, `AfterAllowTraffic`
    "
    );
}

#[test]
fn a_grpc_health_check_has_its_own_path_and_goes_over_tls() {
    let gate = |base_url: &str, lines: &str| {
        format!(
            "{SMALLEST}[pipeline.test_traffic]\nbase_url = '{base_url}'\n[[pipeline.test_traffic.request]]\n{lines}\n"
        )
    };
    let https = "https://test.example.com";
    let config = Config::parse(&gate(https, "grpc_service = 'shop.Orders'")).unwrap();
    let request = &config.pipelines[0].test_traffic.checks.requests[0];
    assert_eq!(request.path, "/grpc.health.v1.Health/Check");
    assert_eq!(request.grpc_service.as_deref(), Some("shop.Orders"));
    assert!(Config::parse(&gate(https, "grpc_service = ''\ntimes = 2")).is_ok());
    assert_snapshot!(
        problems(&gate(https, "grpc_service = ''\npath = '/'\nstatus = '200'")),
        @"
    at `pipeline[0].test_traffic.request[0].path`: does not go with `grpc_service`, expected one of both: a health check has its own path and answer
    at `pipeline[0].test_traffic.request[0].status`: does not go with `grpc_service`, expected one of both: a health check has its own path and answer
    "
    );
    assert_snapshot!(
        problems(&gate(https, "grpc_service = 'shop orders'")),
        @"at `pipeline[0].test_traffic.request[0].grpc_service`: `shop orders` is not a service's name such as `shop.Orders`, or empty for the whole server"
    );
    let long = format!("grpc_service = '{}'", "a".repeat(128));
    assert!(Config::parse(&gate(https, &long)).is_err());
    assert_snapshot!(
        problems(&gate("http://test.example.com", "grpc_service = ''")),
        @"at `pipeline[0].test_traffic.base_url`: `http://test.example.com` is not encrypted, and gRPC health checks are sent over TLS only, as a load balancer takes them (hint: an `https://` address)"
    );
}

#[test]
fn a_published_parameter_is_one_pipelines_and_not_greenlights() {
    let published = |name: &str| format!("{SMALLEST}publish = '{name}'\n");
    let config = Config::parse(&published("/shop/web/image")).unwrap();
    let name = config.pipelines[0].publish.as_ref().unwrap();
    assert_eq!(name.as_str(), "/shop/web/image");
    assert_eq!(Config::parse(SMALLEST).unwrap().pipelines[0].publish, None);
    for wrong in [
        "shop/web",
        "/image",
        "/greenlight/hold",
        "/aws/image",
        "/SSM/image",
    ] {
        let said = problems(&published(wrong));
        let expected = format!(
            "at `pipeline[0].publish`: `{wrong}` is not the name of an SSM parameter such as `/shop/web/image`: 2 to 15 levels"
        );
        assert!(said.starts_with(&expected), "{said}");
    }
    let (first, second) = (published("/shop/web/image"), published("/shop/web/image"));
    let second = second.replace("name = \"shop-web\"", "name = \"other\"");
    let said = problems(&format!("{first}{second}"));
    let expected = "at `pipeline[1].publish`: `/shop/web/image` is written by pipeline[0], expected a parameter of its own";
    assert!(said.lines().any(|line| line == expected), "{said}");
}
