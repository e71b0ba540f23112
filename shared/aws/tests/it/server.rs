//! An AWS of canned answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::{Endpoint, Patience, Session};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Three attempts without a noticeable pause.
pub(crate) const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    attempt: Duration::from_secs(10),
    call: Duration::from_secs(20),
    attempts: 3,
    longest_pause: Duration::from_millis(1),
};

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Says {
        status: u16,
        content_type: &'static str,
        body: String,
    },
    Never,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// `X-Amz-Target`, or nothing.
    pub(crate) target: String,
    pub(crate) content_length: Option<usize>,
    pub(crate) signed: bool,
    /// The Region that the signature is for, or nothing.
    pub(crate) region: String,
    /// The service that the signature is for, or nothing.
    pub(crate) service: String,
    pub(crate) body: String,
}

impl Request {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn json(status: u16, body: &Value) -> Answer {
    text(status, "application/x-amz-json-1.1", &body.to_string())
}

pub(crate) fn text(status: u16, content_type: &'static str, body: &str) -> Answer {
    Answer::Says {
        status,
        content_type,
        body: body.to_owned(),
    }
}

pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
    json(
        status,
        &serde_json::json!({"__type": code, "message": message}),
    )
}

pub(crate) fn session(url: &str, patience: Patience) -> Session {
    let endpoint = Endpoint {
        url,
        region: "eu-central-1",
        access_key_id: "id",
        secret_access_key: "secret",
    };
    Session::to_endpoint(endpoint, patience)
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Answer>,
    requests: Vec<Request>,
}

impl Server {
    /// Gives these answers in order, and `418` when it has none left.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            answers: answers.into_iter().collect(),
            requests: Vec::new(),
        };
        let server = Self {
            url,
            script: Arc::new(Mutex::new(script)),
        };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }

    pub(crate) fn session(&self) -> Session {
        session(&self.url, PATIENCE)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.script.lock().unwrap().requests.clone()
    }

    /// The only request.
    #[track_caller]
    pub(crate) fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests[0].clone()
    }

    /// The only request, which has to be this JSON to this target.
    #[track_caller]
    pub(crate) fn was_asked(&self, target: &str, body: &Value) {
        let request = self.request();
        assert_eq!(request.target, target);
        assert_eq!(&request.json(), body);
    }
}

async fn answer(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let next = {
        let mut script = server.script.lock().unwrap();
        script.requests.push(Request {
            method: method.to_string(),
            path: uri.path().to_owned(),
            target: text("x-amz-target").unwrap_or_default(),
            content_length: text(CONTENT_LENGTH.as_str()).map(|length| length.parse().unwrap()),
            signed: text("authorization")
                .is_some_and(|header| header.starts_with("AWS4-HMAC-SHA256 ")),
            // `Credential=<key>/<date>/<Region>/<service>/aws4_request`
            region: text("authorization")
                .and_then(|header| header.split('/').nth(2).map(str::to_owned))
                .unwrap_or_default(),
            service: text("authorization")
                .and_then(|header| header.split('/').nth(3).map(str::to_owned))
                .unwrap_or_default(),
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        script.answers.pop_front()
    };
    match next {
        Some(Answer::Says {
            status,
            content_type,
            body,
        }) => (
            StatusCode::from_u16(status).unwrap(),
            [(CONTENT_TYPE, content_type)],
            body,
        )
            .into_response(),
        Some(Answer::Never) => std::future::pending().await,
        None => (StatusCode::IM_A_TEAPOT, "no answer left").into_response(),
    }
}

/// A server that reads each request, writes these bytes and hangs up; and how many requests it has read.
pub(crate) async fn hanging_up_after(bytes: &'static str) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) && connection.read_buf(&mut request).await.unwrap() > 0 {}
            if is_whole(&request) {
                *counted.lock().unwrap() += 1;
            }
            connection.write_all(bytes.as_bytes()).await.unwrap();
        }
    });
    (url, count)
}

fn is_whole(request: &[u8]) -> bool {
    let request = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
