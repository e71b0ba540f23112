//! The HTTP side: routes, misbehaviour, and the version in every answer.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::misbehaviour::Misbehaviour;
use crate::orders::{NewOrder, Orders};
use crate::say;
use crate::settings::Settings;

struct Service {
    settings: Settings,
    orders: Mutex<Orders>,
}

/// Serves until SIGTERM (or Ctrl-C), and ends what it has begun.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
    if settings.misbehaviours.contains(&Misbehaviour::FailsToStart) {
        bail!("cannot start: told so by `SAMPLE_MISBEHAVE=fails-to-start`");
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port))
        .await
        .with_context(|| format!("listen on port {}", settings.port))?;
    let address = listener.local_addr()?;
    let router = router(settings)?;
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    say(&format!("listening on {address}"));
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            say("stopping: no new connections, ending what has begun");
        })
        .await
        .context("serve")
}

fn router(settings: Settings) -> anyhow::Result<Router> {
    let orders = Orders::open(&settings.database, settings.schema >= 2)?;
    let service = Arc::new(Service {
        settings,
        orders: Mutex::new(orders),
    });
    Ok(Router::new()
        .route("/", get(home))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/orders", get(list_orders).post(add_order))
        .route("/admin/", get(admin))
        .route("/admin/login", get(|| async { "please log in\n" }))
        .fallback(|| async { (StatusCode::NOT_FOUND, "no such page\n") })
        .layer(middleware::from_fn_with_state(service.clone(), misbehave))
        .layer(middleware::from_fn_with_state(
            service.clone(),
            state_version,
        ))
        .with_state(service))
}

async fn state_version(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if let Ok(version) = HeaderValue::from_str(&service.settings.version.to_string()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-version"), version);
    }
    response
}

async fn misbehave(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let requested = request.uri().path().to_owned();
    for misbehaviour in &service.settings.misbehaviours {
        match misbehaviour {
            Misbehaviour::Slow { path, delay } if *path == requested => {
                tokio::time::sleep(*delay).await
            }
            Misbehaviour::Answers { status, path } if *path == requested => {
                return (*status, format!("told to answer {status}\n")).into_response();
            }
            Misbehaviour::Redirects { status, path } if *path == requested => {
                let location = format!("{}/login", path.trim_end_matches('/'));
                return (*status, [(header::LOCATION, location)]).into_response();
            }
            Misbehaviour::FailsToStart
            | Misbehaviour::FailsMigration
            | Misbehaviour::TellsSecrets
            | Misbehaviour::StopsHalfWay
            | Misbehaviour::Slow { .. }
            | Misbehaviour::Answers { .. }
            | Misbehaviour::Redirects { .. } => {}
        }
    }
    let mut answers = service.settings.answers.iter();
    match answers.find(|answer| answer.is_for(request.uri())) {
        Some(answer) => (answer.status, answer.body.clone()).into_response(),
        None => next.run(request).await,
    }
}

async fn home(State(service): State<Arc<Service>>) -> Response {
    let version = &service.settings.version;
    let page =
        format!("<!doctype html>\n<title>Shop</title>\n<h1>Shop</h1>\n<p>version {version}</p>\n");
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

async fn admin(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let given = headers.get("x-api-key").map(HeaderValue::as_bytes);
    match &service.settings.api_key {
        Some(key) if given != Some(key.as_bytes()) => {
            (StatusCode::UNAUTHORIZED, "x-api-key is missing or wrong\n").into_response()
        }
        Some(_) | None => "admin\n".into_response(),
    }
}

async fn list_orders(State(service): State<Arc<Service>>) -> Response {
    match with_orders(service, |orders| orders.list()).await {
        Ok(list) => answer(StatusCode::OK, &list),
        Err(error) => failure(&error),
    }
}

async fn add_order(State(service): State<Arc<Service>>, body: Bytes) -> Response {
    let order = match NewOrder::parse(&body) {
        Ok(order) => order,
        Err(reason) => return answer(StatusCode::BAD_REQUEST, &json!({ "error": reason })),
    };
    match with_orders(service, move |orders| orders.add(&order)).await {
        Ok(id) => answer(StatusCode::CREATED, &json!({ "id": id })),
        Err(error) => failure(&error),
    }
}

/// SQLite blocks, so it works on a thread of its own kind.
async fn with_orders<T: Send + 'static>(
    service: Arc<Service>,
    work: impl FnOnce(&Orders) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(move || {
        let orders = service
            .orders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&orders)
    })
    .await?
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
        .into_response()
}

fn failure(error: &anyhow::Error) -> Response {
    say(&format!("error: {error:#}"));
    answer(
        StatusCode::INTERNAL_SERVER_ERROR,
        &json!({ "error": format!("{error:#}") }),
    )
}
