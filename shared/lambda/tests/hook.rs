//! A hook answers whatever happens inside it. The seam is the wire: a server on loopback stands for AWS.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::codedeploy::CodeDeploy;
use aws::{Endpoint, Patience, Session};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use lambda::{Caller, Deadline, Failure, Hook, Messenger, Misconfigured, Ran, Start, Started};
use rules::config::Config;
use rules::environment::{MessageFormat, Settings};
use rules::events::CodeDeployCall;
use rules::gate::{Gate, Verdict};
use rules::problem::Problems;
use serde_json::{Value, json};

/// What stands for AWS says, and what it was told.
#[derive(Clone, Default)]
struct Cloud {
    creator: &'static str,
    group: &'static str,
    status: &'static str,
    /// How often GetDeployment is throttled before it is answered.
    busy: Arc<Mutex<u32>>,
    /// How often an answer is taken, and nobody is told so; the lifecycle event is over then.
    mute: Arc<Mutex<u32>>,
    /// What every answer to the hook is refused with.
    refusal: Option<&'static str>,
    /// How often an answer is refused with a server error before one is taken.
    deaf: Arc<Mutex<u32>>,
    answers: Arc<Mutex<Vec<String>>>,
    messages: Arc<Mutex<Vec<String>>>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Cloud {
    fn answer(&self, target: &str, body: &str) -> (StatusCode, String) {
        let form = body;
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let ok = |body: Value| (StatusCode::OK, body.to_string());
        match target.rsplit('.').next().unwrap() {
            "GetDeployment" if *self.busy.lock().unwrap() > 0 => {
                *self.busy.lock().unwrap() -= 1;
                let error = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
                (StatusCode::BAD_REQUEST, error.to_string())
            }
            "GetDeployment" => ok(json!({"deploymentInfo": {
                "deploymentId": "d-8X2K4PLQ3", "applicationName": "AppECS-prod-web", "deploymentGroupName": self.group,
                "status": self.status, "creator": self.creator, "createTime": 1791970321.2
            }})),
            "PutLifecycleEventHookExecutionStatus" => {
                let answered = !self.answers.lock().unwrap().is_empty();
                if let Some(code) = self
                    .refusal
                    .or(answered.then_some("LifecycleEventAlreadyCompletedException"))
                {
                    let error = json!({"__type": code, "message": "refused"});
                    return (StatusCode::BAD_REQUEST, error.to_string());
                }
                let mut deaf = self.deaf.lock().unwrap();
                if *deaf > 0 {
                    *deaf -= 1;
                    return (StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned());
                }
                self.answers
                    .lock()
                    .unwrap()
                    .push(body["status"].as_str().unwrap().to_owned());
                let mut mute = self.mute.lock().unwrap();
                if *mute > 0 {
                    *mute -= 1;
                    return (StatusCode::GATEWAY_TIMEOUT, "{}".to_owned());
                }
                ok(json!({"lifecycleEventHookExecutionId": body["lifecycleEventHookExecutionId"]}))
            }
            "PutEvents" => {
                self.events.lock().unwrap().push(body);
                ok(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}))
            }
            _ => {
                self.messages.lock().unwrap().push(form.to_owned());
                let answer = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>";
                (StatusCode::OK, answer.to_owned())
            }
        }
    }

    async fn session(&self) -> Session {
        let cloud = self.clone();
        let handle = move |headers: HeaderMap, body: String| async move {
            let target = headers
                .get("x-amz-target")
                .map_or("", |target| target.to_str().unwrap())
                .to_owned();
            cloud.answer(&target, &body)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async {
            axum::serve(listener, Router::new().route("/", post(handle)))
                .await
                .unwrap()
        });
        let endpoint = Endpoint {
            url: &url,
            region: "eu-central-1",
            access_key_id: "a",
            secret_access_key: "b",
        };
        let patience = Patience {
            attempts: 1,
            longest_pause: Duration::from_millis(1),
            ..Patience::STANDARD
        };
        Session::to_endpoint(endpoint, patience)
    }
}

fn started() -> Start<()> {
    let config = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'";
    let topic = "arn:aws:sns:eu-central-1:111122223333:outcomes"
        .parse()
        .unwrap();
    let bus = "arn:aws:events:eu-central-1:111122223333:event-bus/greenlight-outcomes"
        .parse()
        .unwrap();
    let settings = Settings {
        config: "pipelines.toml".into(),
        topic,
        bus,
        format: MessageFormat::Json,
        stack: "greenlight".parse().unwrap(),
    };
    Ok(Started {
        settings,
        config: Config::parse(config).unwrap(),
        authorities: lambda::Authorities::new(),
        extra: (),
    })
}

fn cloud() -> Cloud {
    Cloud {
        creator: "user",
        group: "DgpECS-prod-web",
        status: "InProgress",
        ..Cloud::default()
    }
}

/// A failure before the gate's work began changed nothing; one after it may have.
#[tokio::test]
async fn a_failure_is_told_by_whether_anything_may_have_run() {
    for (begun, is_refusal, perhaps) in [
        (Ran::Unknown, true, false),
        // An earlier call may not have met it.
        (Ran::Unknown, false, true),
        (Ran::Nothing, true, false),
        (Ran::Nothing, false, false),
        (Ran::Perhaps, true, true),
        (Ran::Perhaps, false, true),
    ] {
        let cloud = cloud();
        let ran = Cell::new(begun);
        let failed = || async move {
            Err(match is_refusal {
                true => Failure::Refused("no green task set".to_owned()),
                false => Failure::Panicked("index out of bounds".to_owned()),
            })
        };
        answered_by(&cloud, started(), TIME, Gate::Migration, &ran, failed).await;
        let messages = cloud.messages.lock().unwrap().clone();
        let [message] = &messages[..] else {
            panic!("{messages:?}");
        };
        assert_eq!(cloud.events.lock().unwrap().len(), 1, "{message}");
        assert_eq!(message.contains("did%20not%20run"), !perhaps, "{message}");
        assert_eq!(
            message.contains("perhaps%20partially%20migrated"),
            perhaps,
            "{message}"
        );
    }
}

/// Lets a hook answer, and says what CodeDeploy got, how many messages were published, and what the invocation said.
async fn answered<F>(
    cloud: &Cloud,
    start: Start<()>,
    left: Duration,
    check: impl Fn() -> F,
) -> String
where
    F: Future<Output = Result<Verdict, Failure>>,
{
    answered_by(
        cloud,
        start,
        left,
        Gate::TestTraffic,
        &Cell::new(Ran::Unknown),
        check,
    )
    .await
}

async fn answered_by<F>(
    cloud: &Cloud,
    start: Start<()>,
    left: Duration,
    gate: Gate,
    ran: &Cell<Ran>,
    check: impl Fn() -> F,
) -> String
where
    F: Future<Output = Result<Verdict, Failure>>,
{
    let session = cloud.session().await;
    let call = CodeDeployCall {
        deployment_id: "d-8X2K4PLQ3".parse().unwrap(),
        execution_id: "eyJlbmNyeXB0ZWREYXRhIjoi".parse().unwrap(),
    };
    let (codedeploy, messenger) = (CodeDeploy::new(&session), Messenger::new(&session));
    let hook = Hook {
        gate,
        caller: Caller::CodeDeploy {
            client: &codedeploy,
            deployment: &call.deployment_id,
            executions: std::slice::from_ref(&call.execution_id),
        },
        messenger: &messenger,
        deadline: Deadline::after(left),
    };
    let said = match hook.answer(&start, ran, |_| check()).await {
        Ok(said) => said["reason"].as_str().unwrap().to_owned(),
        Err(failure) => format!("error: {failure}"),
    };
    let got = cloud.answers.lock().unwrap().join(" ");
    format!(
        "{got}, {} messages: {said}",
        cloud.messages.lock().unwrap().len()
    )
}

const TIME: Duration = Duration::from_secs(60);

async fn well() -> Result<Verdict, Failure> {
    Ok(Verdict::Succeeded("well".to_owned()))
}

#[tokio::test]
async fn what_is_well_succeeds() {
    assert_eq!(
        answered(&cloud(), started(), TIME, well).await,
        "Succeeded, 0 messages: well"
    );
}

#[tokio::test]
async fn a_failure_is_answered_and_published() {
    let refused = || async { Err(Failure::Refused("no green task set".to_owned())) };
    assert_eq!(
        answered(&cloud(), started(), TIME, refused).await,
        "Failed, 1 messages: no green task set"
    );
}

#[tokio::test]
async fn a_panic_is_answered_and_published() {
    let panicking = || async { panic!("index out of bounds") };
    let said = answered(&cloud(), started(), TIME, panicking).await;
    assert_eq!(
        said,
        "Failed, 1 messages: the function panicked: index out of bounds (hint: report this with the log)"
    );
}

#[tokio::test]
async fn work_that_does_not_end_is_answered_before_the_time_is_over() {
    let said = answered(
        &cloud(),
        started(),
        Duration::from_secs(1),
        std::future::pending,
    )
    .await;
    assert!(
        said.starts_with("Failed, 1 messages: no result within 0 seconds"),
        "{said}"
    );
}

/// What fails in passing until the time is over is told, whether the last attempt ended or was cut off.
#[tokio::test]
async fn throttling_that_does_not_end_is_named() {
    let cloud = cloud();
    *cloud.busy.lock().unwrap() = u32::MAX;
    let said = answered(&cloud, started(), Duration::from_secs(4), well).await;
    assert!(
        said.starts_with("Failed, 1 messages: get deployment `d-8X2K4PLQ3`: throttled"),
        "{said}"
    );
    let cloud = Cloud {
        busy: Arc::new(Mutex::new(1)),
        ..self::cloud()
    };
    let never = std::future::pending;
    let said = answered(&cloud, started(), Duration::from_secs(4), never).await;
    assert!(
        said.starts_with("Failed, 1 messages: no result within 2 seconds; what failed before"),
        "{said}"
    );
    assert!(said.contains("throttled"), "{said}");
}

#[tokio::test]
async fn a_wrong_configuration_is_answered() {
    let mut problems = Problems::default();
    problems.add("pipeline[0].clustr", "unknown");
    let wrong = |settings: Option<Settings>| {
        Err(Misconfigured {
            problems: problems.clone(),
            settings: settings.map(Box::new),
        })
    };
    let what = "the configuration is wrong\nat `pipeline[0].clustr`: unknown";
    let said = answered(&cloud(), wrong(None), TIME, well).await;
    assert_eq!(said, format!("Failed, 0 messages: {what}"));
    // A mistake in the file does not hide where people are told.
    let settings = started().unwrap().settings;
    let said = answered(&cloud(), wrong(Some(settings)), TIME, well).await;
    assert_eq!(said, format!("Failed, 1 messages: {what}"));
}

#[tokio::test]
async fn a_group_without_a_pipeline_is_answered() {
    let said = answered(
        &Cloud {
            group: "other",
            ..cloud()
        },
        started(),
        TIME,
        well,
    )
    .await;
    assert!(
        said.starts_with("Failed, 1 messages: no pipeline has the deployment group `other`"),
        "{said}"
    );
}

#[tokio::test]
async fn a_rollback_checks_nothing() {
    let refused = || async { Err(Failure::Refused("not asked".to_owned())) };
    let said = answered(
        &Cloud {
            creator: "codeDeployRollback",
            ..cloud()
        },
        started(),
        TIME,
        refused,
    )
    .await;
    assert_eq!(
        said,
        "Succeeded, 0 messages: a rollback migrates and checks nothing"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_arrive_is_sent_again() {
    let cloud = cloud();
    *cloud.deaf.lock().unwrap() = 2;
    assert_eq!(
        answered(&cloud, started(), TIME, well).await,
        "Succeeded, 0 messages: well"
    );
}

#[tokio::test]
async fn throttling_is_waited_out() {
    let cloud = cloud();
    *cloud.busy.lock().unwrap() = 1;
    assert_eq!(
        answered(&cloud, started(), TIME, well).await,
        "Succeeded, 0 messages: well"
    );
}

/// The first answer was taken, its receipt was lost, and the second one is told that it comes too late.
#[tokio::test]
async fn a_failure_is_told_also_when_the_receipt_of_its_answer_was_lost() {
    let cloud = cloud();
    *cloud.mute.lock().unwrap() = 1;
    let refused = || async { Err(Failure::Refused("status 500".to_owned())) };
    assert_eq!(
        answered(&cloud, started(), TIME, refused).await,
        "Failed, 1 messages: status 500"
    );
}

#[tokio::test]
async fn a_hook_that_was_answered_before_is_told_once() {
    let cloud = cloud();
    let refused = || async { Err(Failure::Refused("status 500".to_owned())) };
    answered(&cloud, started(), TIME, refused).await;
    assert_eq!(
        answered(&cloud, started(), TIME, refused).await,
        "Failed, 1 messages: status 500"
    );
}

/// Nobody waits for it, and a migration that begins now would run on.
#[tokio::test]
async fn nothing_begins_for_a_deployment_that_has_ended() {
    let cloud = Cloud {
        status: "Stopped",
        refusal: Some("LifecycleEventAlreadyCompletedException"),
        ..cloud()
    };
    let begun = || async { panic!("the check began") };
    assert_eq!(
        answered(&cloud, started(), TIME, begun).await,
        ", 0 messages: deployment `d-8X2K4PLQ3` has ended"
    );
}

/// CodeDeploy may take a second answer without a word.
#[tokio::test]
async fn people_are_not_told_again_of_a_deployment_that_has_ended() {
    let cloud = Cloud {
        status: "Failed",
        ..cloud()
    };
    assert_eq!(
        answered(&cloud, started(), TIME, well).await,
        "Failed, 0 messages: deployment `d-8X2K4PLQ3` has ended"
    );
}

/// The invocation fails, and so its alarm says so at once; CodeDeploy's own message follows when the hour is over.
#[tokio::test]
async fn an_answer_that_is_refused_fails_the_invocation() {
    let cloud = Cloud {
        refusal: Some("AccessDeniedException"),
        ..cloud()
    };
    let said = answered(&cloud, started(), TIME, well).await;
    assert!(
        said.starts_with(", 0 messages: error: put lifecycle event hook execution status `d-8X2K4PLQ3`: access denied"),
        "{said}"
    );
}
