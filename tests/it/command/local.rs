//! A local AWS for the command, with a hook that the test answers: a deployment stands still in it, and the clock with it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex_lite::Regex;
use serde_json::{Value, json};

use crate::scenarios::run::binaries;
use crate::serving::{HUNG, Serving};

/// The name under which CodeDeploy's role may call a hook.
const HOOK: &str = "CodeDeployHook_hold";

/// One pipeline of the service `prod/web`, whose deployments wait for the test before production shifts.
pub(super) const PIPELINES: &str = "\
[[pipeline]]
name = \"shop-web\"
repository = \"shop/web\"
tag = \"latest\"
cluster = \"prod\"
service = \"web\"

[pipeline.hooks]
BeforeAllowTraffic = \"CodeDeployHook_hold\"
";

/// A local AWS, which ends with the test.
pub(super) struct Local {
    serving: Serving,
    hook: TcpListener,
    pub(super) folder: Folder,
}

/// A folder with a `pipelines.toml`, which goes with the test.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Folder {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("greenlight-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("pipelines.toml"), PIPELINES).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A call of the hook that is not answered yet.
pub(super) struct Held {
    stream: TcpStream,
    execution: Value,
}

/// What the command printed, and how it ended.
pub(super) struct Printed {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) status: i32,
}

impl Local {
    pub(super) fn start(options: &[&str]) -> Local {
        let folder = Folder::new();
        let pipelines = folder.0.join("pipelines.toml");
        let pipelines = pipelines.to_str().unwrap();
        Local::serve(folder, &[&["--pipelines", pipelines], options].concat())
    }

    /// With the services and pipelines of a scenario.
    pub(super) fn of(scenario: &str) -> Local {
        Local::with(scenario, &[])
    }

    /// With these options of `serve`, too.
    pub(super) fn with(scenario: &str, options: &[&str]) -> Local {
        Local::serve(Folder::new(), &[&["--world", scenario], options].concat())
    }

    fn serve(folder: Folder, options: &[&str]) -> Local {
        let hook = TcpListener::bind("127.0.0.1:0").unwrap();
        let function = format!("{HOOK}=http://{}", hook.local_addr().unwrap());
        let serving = Serving::start(&[&["--function", &function], options].concat());
        // It may be that very file: a copy onto itself would be empty.
        let pipelines = fs::read(&serving.pipelines).unwrap();
        fs::write(folder.0.join("pipelines.toml"), pipelines).unwrap();
        Local {
            serving,
            hook,
            folder,
        }
    }

    /// Pushes an image of this version; of none, nothing runs.
    pub(super) fn push(&self, tag: &str, version: Option<&str>) {
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json", "size": 2,
                "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            },
            "layers": [], "annotations": {"tag": tag},
        });
        if let Some(version) = version {
            manifest["annotations"]["org.opencontainers.image.version"] = json!(version);
        }
        let body = json!({
            "repositoryName": "shop/web", "imageTag": tag, "imageManifest": manifest.to_string(),
        });
        self.call(
            "ecr",
            "AmazonEC2ContainerRegistry_V20150921.PutImage",
            &body,
        );
    }

    /// Waits until a deployment calls the hook.
    pub(super) fn held(&self) -> Held {
        let (mut stream, _) = self.hook.accept().unwrap();
        let body = body_of(&mut stream);
        Held {
            stream,
            execution: serde_json::from_slice(&body).unwrap(),
        }
    }

    /// Lets a deployment go on, or fail.
    pub(super) fn answer(&self, mut held: Held, status: &str) {
        let target = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus";
        let body = json!({
            "deploymentId": held.execution["DeploymentId"], "status": status,
            "lifecycleEventHookExecutionId": held.execution["LifecycleEventHookExecutionId"],
        });
        self.call("codedeploy", target, &body);
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnull";
        held.stream.write_all(answer.as_bytes()).unwrap();
    }

    /// A call of a service that speaks JSON, and its answer.
    pub(super) fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let of = format!("application/x-amz-json-1.1\r\nx-amz-target: {target}");
        let answer = self.send(service, "eu-central-1", &of, &body.to_string());
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// A call of a service that speaks Query, and its answer.
    pub(super) fn query(&self, service: &str, version: &str, members: &[(&str, &str)]) -> String {
        let mut body = format!("Version={version}");
        for (name, value) in members {
            let escaped = value.bytes().map(|byte| format!("%{byte:02X}"));
            body = format!("{body}&{name}={}", escaped.collect::<String>());
        }
        // IAM has one endpoint.
        let region = if service == "iam" {
            "us-east-1"
        } else {
            "eu-central-1"
        };
        self.send(service, region, "application/x-www-form-urlencoded", &body)
    }

    fn send(&self, service: &str, region: &str, content_type: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.serving.address).unwrap();
        stream.set_read_timeout(Some(HUNG)).unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: aws\r\nconnection: close\r\ncontent-type: {content_type}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=REHEARSAL/20261128/{region}/{service}/aws4_request\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{body}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    }

    /// The command as it is run in the folder of `pipelines.toml`, with credentials.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut command = command(line);
        command
            .current_dir(&self.folder.0)
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://{}", self.serving.address),
            )
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "REHEARSAL")
            .env("AWS_SECRET_ACCESS_KEY", "rehearsal");
        command
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.serving.address
    }

    pub(super) fn run(&self, line: &str) -> Printed {
        Printed::of(self.command(line))
    }

    /// What these command lines print, one after the other.
    pub(super) fn transcript(&self, lines: &[&str]) -> String {
        let of = |line: &&str| self.run(line).transcript(line);
        lines.iter().map(of).collect::<Vec<_>>().join("\n")
    }
}

/// The command without credentials, in an environment of its own; with `pipelines.toml` unless the line names another file.
pub(super) fn command(line: &str) -> Command {
    let mut command = Command::new(binaries().join("greenlight"));
    command.args(line.split(' '));
    if !line.contains("--config") {
        command.args(["--config", "pipelines.toml"]);
    }
    command
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "none")
        .env("AWS_SHARED_CREDENTIALS_FILE", "none");
    command
}

impl Printed {
    pub(super) fn of(mut command: Command) -> Printed {
        let output = command.output().unwrap();
        Printed {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            status: output.status.code().unwrap(),
        }
    }

    /// As a person sees it, without what differs from run to run.
    pub(super) fn transcript(&self, line: &str) -> String {
        let Printed {
            stdout,
            stderr,
            status,
        } = self;
        steady(&format!(
            "$ greenlight {line}\n{stdout}{stderr}exit status {status}\n"
        ))
    }
}

/// The text with one time and one deployment id, whatever they are.
pub(super) fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (differs, steady) in [
        (r"d-[0-9A-Z]{9}", "d-123456789"),
        (r"`[A-Za-z0-9_-]{21,22}`", "`an-id-of-ecs`"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2026-11-28 09:30 UTC"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-28T09:30:00Z"),
        (r"\d\d:\d\d:\d\d", "09:30:00"),
    ] {
        let differs = Regex::new(differs).unwrap();
        text = differs.replace_all(&text, steady).into_owned();
    }
    text
}

fn body_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    body
}
