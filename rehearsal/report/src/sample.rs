//! A story with every kind of event, for tests of the page.

use super::story::{
    Answer, Call, Claim, Deployment, Function, Hook, Invocation, LifecycleEvent, Listener, Mark,
    Message, OneOffTask, Request, Revision, Sentence, Service, Span, Story, Task, Weights,
};
use crate::line::Tone;
use record::{Decision, NO_VERSION};

/// Every text from outside this program is the result of `text`.
pub(super) fn story(text: &dyn Fn(&str) -> String) -> Story {
    Story {
        scenario: text("ship"),
        summary: text("`1.1.0` is pushed, and fails at `AllowTraffic`"),
        assumptions: vec![text("rollback-calls-hooks")],
        claims: vec![
            claim(text, "every function answered", None),
            claim(text, "messages: started", Some("messages: `none`")),
        ],
        broken_off: None,
        simulated_seconds: 3605.0,
        real_milliseconds: 3210,
        skips: vec![
            Span {
                from: 1.0,
                to: 10.5,
            },
            Span {
                from: 12.0,
                to: 3602.0,
            },
        ],
        pushes: vec![Mark {
            at: 0.0,
            text: text("shop/web:latest"),
        }],
        alarms: vec![Mark {
            at: 11.2,
            text: text("checkout-errors is ALARM"),
        }],
        deployments: vec![deployment(text), rollback(text)],
        services: vec![service(text)],
        migrations: vec![migration(text)],
        functions: vec![function(text)],
        other_calls: vec![call(text, None)],
        messages: vec![message(text, "started"), message(text, "failed")],
        dead_letters: vec![(text("StartFailures"), text("{\"requestPayload\": 1}"))],
        revisions: vec![Revision {
            name: text("shop-web:2"),
            images: vec![(text("web"), text("shop/web@sha256:4c4c"))],
        }],
        words: [
            Tone::Plain,
            Tone::Strong,
            Tone::Good,
            Tone::Bad,
            Tone::Faint,
        ]
        .map(|tone| Sentence {
            at: 1.25,
            subject: text("push"),
            text: text("shop/web:latest\nis here"),
            tone,
        })
        .into(),
    }
}

fn claim(text: &dyn Fn(&str) -> String, claim: &str, found: Option<&str>) -> Claim {
    Claim {
        text: text(claim),
        found: found.map(text),
    }
}

fn deployment(text: &dyn Fn(&str) -> String) -> Deployment {
    let event = |name: &str, status: &str, began: f64, ended: f64| LifecycleEvent {
        name: name.to_owned(),
        status: status.to_owned(),
        began,
        ended: Some(ended),
        ..LifecycleEvent::default()
    };
    let hook = Hook {
        function: text("CodeDeployHook_greenlight_run-migration"),
        called: 0.5,
        calls: 1,
        answer: Some(Answer {
            at: 11.0,
            status: text("Succeeded"),
            by: text("finish-migration"),
        }),
    };
    Deployment {
        id: text("d-A3B52F3D8"),
        service: text("web"),
        revision: text("shop-web:2"),
        version: Some(text("1.1.0")),
        config: text("CodeDeployDefault.ECSAllAtOnce"),
        created: 0.2,
        ended: Some(12.0),
        status: "Failed".to_owned(),
        error: Some(text("it failed")),
        events: vec![
            LifecycleEvent {
                hooks: vec![hook],
                ..event("AfterInstall", "Succeeded", 0.5, 11.0)
            },
            LifecycleEvent {
                message: Some(text("an alarm went off")),
                ..event("AllowTraffic", "Failed", 11.2, 11.9)
            },
            event("AfterAllowTraffic", "Skipped", 11.9, 11.9),
        ],
        ..Deployment::default()
    }
}

fn rollback(text: &dyn Fn(&str) -> String) -> Deployment {
    let event = LifecycleEvent {
        name: "AllowTraffic".to_owned(),
        status: "Succeeded".to_owned(),
        began: 12.0,
        ended: Some(12.0),
        ..LifecycleEvent::default()
    };
    Deployment {
        id: text("d-BEF319854"),
        service: text("web"),
        rolls_back: true,
        goes_back: false,
        revision: text("shop-web:1"),
        version: Some(text("1.0.0")),
        config: text("CodeDeployDefault.ECSAllAtOnce"),
        created: 12.0,
        ended: Some(3603.0),
        status: "Succeeded".to_owned(),
        error: None,
        events: vec![event],
    }
}

fn service(text: &dyn Fn(&str) -> String) -> Service {
    let request = |at: f64, version: &str, failure: Option<&str>| Request {
        at,
        version: text(version),
        failure: failure.map(text),
    };
    let answered = (0..95).map(|number| request(f64::from(number) / 100.0, "1.0.0", None));
    let failed = [
        request(11.0, "1.1.0", Some("`/orders` answered 500")),
        request(11.1, "1.1.0", None),
        request(11.4, "1.1.0", None),
        Request {
            version: NO_VERSION.to_owned(),
            ..request(11.5, "", Some("`/`: no answer"))
        },
    ];
    let weights = |at: f64, percent: u32| Weights {
        at,
        shares: vec![(text("1.0.0"), 100 - percent), (text("1.1.0"), percent)],
    };
    let task = |version: &str, ended: Option<f64>, failure: Option<&str>| Task {
        version: Some(text(version)),
        began: 0.3,
        ended,
        failure: failure.map(text),
    };
    Service {
        name: text("web"),
        production: Listener {
            weights: vec![weights(0.4, 0), weights(11.2, 10)],
            requests: answered.chain(failed).collect(),
        },
        test: Some(Listener {
            weights: vec![weights(11.0, 100)],
            requests: (0..9)
                .map(|number| request(11.0, "1.1.0", (number == 3).then_some("answered 500")))
                .collect(),
        }),
        tasks: vec![
            task("1.0.0", None, None),
            task("1.1.0", Some(11.9), Some("exit code 1: it ended")),
        ],
    }
}

fn migration(text: &dyn Fn(&str) -> String) -> OneOffTask {
    OneOffTask {
        id: text("c5496310"),
        command: text("sample-service migrate"),
        started_by: Some(text("greenlight/d-A3B52F3D8")),
        version: Some(text("1.1.0")),
        began: 0.6,
        ended: Some(11.0),
        exit_code: Some(1),
        reason: Some(text("Essential container in task exited")),
        log: vec![text("error: no such table")],
    }
}

fn function(text: &dyn Fn(&str) -> String) -> Function {
    let invocation = |began: f64, milliseconds: Option<u64>, error: Option<&str>| Invocation {
        began,
        milliseconds,
        error: error.map(text),
        decisions: vec![Decision {
            pipeline: Some(text("web")),
            decision: text("already-running"),
            reason: Some(text("1.1.0 runs already")),
        }],
    };
    Function {
        name: text("start-deployment"),
        invocations: vec![
            invocation(0.0, Some(120), None),
            invocation(11.0, Some(1500), Some("Unreadable: no JSON")),
            invocation(3604.0, None, None),
        ],
        calls: vec![call(text, None), call(text, Some("AccessDeniedException"))],
    }
}

fn call(text: &dyn Fn(&str) -> String, error: Option<&str>) -> Call {
    Call {
        at: 0.1,
        action: text("ecs:DescribeServices"),
        status: if error.is_some() { 400 } else { 200 },
        error: error.map(text),
    }
}

fn message(text: &dyn Fn(&str) -> String, outcome: &str) -> Message {
    Message {
        at: 11.0,
        topic: text("greenlight-OutcomeTopic"),
        subject: Some(text(&format!("shop-web: {outcome}"))),
        body: text("Pipeline  shop-web\nService   prod/web\n"),
    }
}
