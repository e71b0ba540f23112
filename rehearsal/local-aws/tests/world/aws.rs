//! A world for tests, and a minimal HTTP client for it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use local_aws::assumption::Assumptions;
use local_aws::ecr::ImageSettings;
use local_aws::ecs::capacity::LaunchKind;
use local_aws::identity::REGISTRY;
use local_aws::pause::Pause;
use local_aws::template::Template;
use local_aws::timeline::{self, ListenerKind};
use local_aws::world::{
    ContainerSettings, DeployedBy, DeploymentRecord, HealthCheck, RepositorySettings,
    ServiceSettings, TestListener, World, WorldSettings,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The shipped sample service, built once.
pub(crate) fn sample_service() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let build = [
            "build",
            "--quiet",
            "--package",
            "sample-service",
            "--message-format=json",
        ];
        let output = std::process::Command::new(env!("CARGO"))
            .args(build)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let messages = String::from_utf8(output.stdout).unwrap();
        let executable = |line: &str| {
            let message: Value = serde_json::from_str(line).ok()?;
            (message["target"]["name"] == "sample-service")
                .then(|| message["executable"].as_str().map(PathBuf::from))?
        };
        messages.lines().find_map(executable).unwrap()
    })
}

/// What the local AWS reads of a template with this text, whose functions are the sample service, which is never started.
pub(crate) fn template_of(file: &str, text: &str) -> Template {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    std::fs::write(&file, text).unwrap();
    let binaries = sample_service().parent().unwrap();
    let pipelines = Path::new("pipelines.toml");
    Template::read(&file, &BTreeMap::new(), binaries, pipelines).unwrap()
}

/// A world in which simulated time passes only in jumps, and only in the waits below: everything between two of them happens at
/// one moment, on any machine.
pub(crate) struct PausedWorld {
    world: World,
    pause: Pause,
}

impl Deref for PausedWorld {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl PausedWorld {
    /// Waits for the next matching entry.
    pub(crate) async fn until(
        &mut self,
        wanted: impl Fn(&timeline::Event) -> bool + Send + 'static,
    ) {
        let came = self.pause.until(wanted).await;
        assert!(
            came,
            "the world settled before the entry that the test waits for"
        );
    }

    pub(crate) async fn settled(&mut self) {
        self.pause.settled().await;
    }

    pub(crate) async fn pass(&mut self, duration: Duration) {
        self.pause.pass(duration).await;
    }

    /// Waits until a state matches.
    pub(crate) async fn during<T>(&mut self, wait: impl AsyncFnOnce(&World) -> T) -> T {
        self.pause.during(wait(&self.world)).await
    }
}

/// No client asks for production while they jump.
const DWELL: Duration = Duration::from_millis(10);

/// A service `web` in cluster `prod` that serves image 1.0.0, and newer images.
pub(crate) async fn world(change: impl FnOnce(&mut WorldSettings)) -> PausedWorld {
    started(change).await.unwrap()
}

/// The same, if it can start.
pub(crate) async fn started(
    change: impl FnOnce(&mut WorldSettings),
) -> anyhow::Result<PausedWorld> {
    static WORLDS: AtomicU32 = AtomicU32::new(0);
    let number = WORLDS.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("world-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut settings = WorldSettings {
        assumptions: Assumptions::default(),
        without: Vec::new(),
        template: Template {
            topic_arn: "arn:aws:sns:eu-central-1:111122223333:outcomes".to_owned(),
            ..Template::default()
        },
        port: 0,
        repositories: vec![RepositorySettings::new("shop/web")],
        images: vec![
            ImageSettings::new("shop/web", &["1.0.0", "latest"], "1.0.0"),
            ImageSettings::new("shop/web", &["1.0.1"], "1.0.1"),
            ImageSettings::new("shop/web", &["broken"], "1.0.2").misbehaving("fails-to-start"),
            ImageSettings::new("shop/web", &["cannot-migrate"], "1.1.0")
                .misbehaving("fails-migration"),
        ],
        indexes: Vec::new(),
        services: vec![service(&folder.join("web.sqlite"))],
        sample_service: sample_service().to_owned(),
        programs: Default::default(),
        dwell: DWELL,
        pace: local_aws::clock::Pace::Still,
        faults: Vec::new(),
        secrets: Vec::new(),
        listener_ports: local_aws::world::ListenerPorts::default(),
        image_environment: std::collections::BTreeMap::new(),
    };
    change(&mut settings);
    let world = World::start(settings).await?;
    let pause = Pause::new(&world);
    Ok(PausedWorld { world, pause })
}

fn service(database: &Path) -> ServiceSettings {
    ServiceSettings {
        name: "web".to_owned(),
        cluster: "prod".to_owned(),
        family: "shop-web".to_owned(),
        containers: vec![ContainerSettings {
            name: "web".to_owned(),
            image: image("1.0.0"),
            container_port: Some(8080),
            essential: true,
            entry_point: Vec::new(),
            command: Vec::new(),
            environment: BTreeMap::from([(
                "DATABASE".to_owned(),
                database.to_string_lossy().into_owned(),
            )]),
            logs: Some(("/ecs/web".to_owned(), "web".to_owned())),
            definition: serde_json::Map::new(),
        }],
        load_balanced: ("web".to_owned(), 8080),
        desired_count: 2,
        launch: LaunchKind::Fargate,
        deployed_by: DeployedBy::CodeDeploy,
        application: "shop".to_owned(),
        deployment_group: "shop-web".to_owned(),
        deployment_config: "CodeDeployDefault.ECSAllAtOnce".to_owned(),
        routing: None,
        test_listener: TestListener::Present,
        listeners: local_aws::elb::Protocol::Http,
        ready_wait: None,
        termination_wait: Duration::from_secs(300),
        rollback_on: vec![
            "DEPLOYMENT_FAILURE".to_owned(),
            "DEPLOYMENT_STOP_ON_REQUEST".to_owned(),
        ],
        alarms: Vec::new(),
        missing_alarms: Vec::new(),
        health_check: HealthCheck {
            path: "/".to_owned(),
            matcher: "200".to_owned(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay: Duration::from_secs(60),
        },
        options: serde_json::Map::new(),
    }
}

pub(crate) fn image(tag: &str) -> String {
    format!("{REGISTRY}/shop/web:{tag}")
}

/// Makes one call in AWS JSON 1.1; returns the HTTP status and the body.
pub(crate) async fn call(world: &World, target: &str, members: Value) -> (u16, Value) {
    call_as(world, "AKIATEST", target, members).await
}

/// The same, signed with the given access key.
pub(crate) async fn call_as(
    world: &World,
    access_key: &str,
    target: &str,
    members: Value,
) -> (u16, Value) {
    call_in(world, (access_key, "eu-central-1"), target, members).await
}

/// The same, signed for a Region.
pub(crate) async fn call_in(
    world: &World,
    (access_key, region): (&str, &str),
    target: &str,
    members: Value,
) -> (u16, Value) {
    let credential = format!("{access_key}/20261121/{region}/service/aws4_request");
    let headers = format!(
        "X-Amz-Target: {target}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={credential}, Signature=0\r\n"
    );
    let (status, _, body) = send(
        world.endpoint().trim_start_matches("http://"),
        "POST",
        &headers,
        &members.to_string(),
    )
    .await;
    (status, serde_json::from_str(&body).unwrap())
}

pub(crate) async fn ecs(world: &World, operation: &str, members: Value) -> Value {
    let (status, body) = call(
        world,
        &format!("AmazonEC2ContainerServiceV20141113.{operation}"),
        members,
    )
    .await;
    assert_eq!(status, 200, "{operation}: {body}");
    body
}

pub(crate) async fn codedeploy(world: &World, operation: &str, members: Value) -> (u16, Value) {
    call(world, &format!("CodeDeploy_20141006.{operation}"), members).await
}

/// Makes one call in ELBv2's Query protocol; returns the HTTP status and the XML.
pub(crate) async fn elb(world: &World, action: &str) -> (u16, String) {
    query(world, "elasticloadbalancing", "2015-12-01", action).await
}

/// The same of a service that has this version of the protocol.
pub(crate) async fn query(
    world: &World,
    service: &str,
    version: &str,
    action: &str,
) -> (u16, String) {
    let credential = format!("AKIATEST/20261121/eu-central-1/{service}/aws4_request");
    let headers = format!(
        "Content-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={credential}, Signature=0\r\n"
    );
    let form = format!("Version={version}&Action={action}");
    let host = world.endpoint().trim_start_matches("http://");
    let (status, _, body) = send(host, "POST", &headers, &form).await;
    (status, body)
}

/// Returns the version in a listener's response.
pub(crate) async fn version(address: std::net::SocketAddr) -> String {
    let (status, headers, body) = send(&address.to_string(), "GET", "", "").await;
    assert_eq!(status, 200, "{body}");
    let header = headers.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("x-version:")
            .map(str::to_owned)
    });
    header.unwrap().trim().to_owned()
}

/// Makes one signed call in a protocol other than JSON 1.1; returns the HTTP status, the head in lower case, and the
/// body.
pub(crate) async fn signed(
    world: &World,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, String, String) {
    let (status, head, body) = signed_bytes(world, method, path, headers, body).await;
    (status, head, String::from_utf8(body).unwrap())
}

/// Makes one request with these headers; returns the HTTP status, the head and the body.
pub(crate) async fn get(host: &str, headers: &str) -> (u16, String, String) {
    send(host, "GET", headers, "").await
}

async fn send(host: &str, method: &str, headers: &str, body: &str) -> (u16, String, String) {
    send_to(host, method, "/", headers, body).await
}

async fn send_to(
    host: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, String, String) {
    let (status, head, body) = exchange(host, method, path, headers, body).await;
    (status, head, String::from_utf8(body).unwrap())
}

/// `signed`, for an answer that is not text.
pub(crate) async fn signed_bytes(
    world: &World,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, String, Vec<u8>) {
    let credential = "AKIATEST/20261121/eu-central-1/service/aws4_request";
    let headers = format!(
        "{headers}Authorization: AWS4-HMAC-SHA256 Credential={credential}, Signature=0\r\n"
    );
    let host = world.endpoint().trim_start_matches("http://");
    let (status, head, body) = exchange(host, method, path, &headers, body).await;
    (status, head.to_lowercase(), body)
}

async fn exchange(
    host: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .unwrap();
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.trim_end().to_owned(), body)
}

/// Registers the service's revision with another image; returns its ARN.
pub(crate) async fn register(world: &World, tag: &str) -> String {
    register_with(world, tag, |_| {}).await
}

/// The same, with its container definitions changed.
pub(crate) async fn register_with(
    world: &World,
    tag: &str,
    change: impl FnOnce(&mut Vec<Value>),
) -> String {
    let described = ecs(
        world,
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "shop-web" }),
    )
    .await;
    let mut definition = described["taskDefinition"].clone();
    definition["containerDefinitions"][0]["image"] = json!(image(tag));
    change(definition["containerDefinitions"].as_array_mut().unwrap());
    let registered = ecs(world, "RegisterTaskDefinition", definition).await;
    registered["taskDefinition"]["taskDefinitionArn"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Creates a deployment of a revision; returns the HTTP status and the body.
pub(crate) async fn deploy(world: &World, revision: &str, hooks: Value) -> (u16, Value) {
    let properties = json!({
        "TaskDefinition": revision,
        "LoadBalancerInfo": { "ContainerName": "web", "ContainerPort": 8080 },
    });
    let resource =
        json!({ "TargetService": { "Type": "AWS::ECS::Service", "Properties": properties } });
    let content = json!({ "version": 0.0, "Resources": [resource], "Hooks": hooks }).to_string();
    let revision =
        json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": content } });
    let request = json!({ "applicationName": "shop", "deploymentGroupName": "shop-web", "revision": revision });
    codedeploy(world, "CreateDeployment", request).await
}

/// Returns the version that a listener serves.
pub(crate) async fn serves(world: &World, kind: ListenerKind) -> String {
    version(world.address("web", kind).unwrap()).await
}

pub(crate) fn statuses(record: &DeploymentRecord) -> Vec<&'static str> {
    let events = record.lifecycle_events.iter();
    events.map(|(_, status)| *status).collect()
}

/// Returns the id of a created deployment.
pub(crate) fn id(created: &(u16, Value)) -> String {
    assert_eq!(created.0, 200, "{}", created.1);
    created.1["deploymentId"].as_str().unwrap().to_owned()
}

/// Makes a call that CodeDeploy refuses; returns the exception's name and message.
pub(crate) async fn refused(world: &World, operation: &str, members: Value) -> (String, String) {
    let (status, body) = codedeploy(world, operation, members).await;
    assert_eq!(status, 400, "{operation}: {body}");
    let text = |member: &str| body[member].as_str().unwrap().to_owned();
    (text("__type"), text("message"))
}
