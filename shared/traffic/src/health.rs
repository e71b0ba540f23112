//! Sends a gRPC health check.

use http_body_util::BodyExt as _;
use reqwest::header::HeaderMap;
use reqwest::{Body, RequestBuilder, Version};
use rules::test_traffic::health::{self, HealthAnswer};
use tokio::time::Instant;

/// The answer is a few bytes; what is longer is none.
const BODY_BYTES_AT_MOST: usize = 1024;

/// What came back; `None` where it came over HTTP/1.1, by which no gRPC server answers.
pub(crate) async fn ask(
    request: RequestBuilder,
    service: &str,
) -> Result<Option<HealthAnswer>, reqwest::Error> {
    let begun = Instant::now();
    let response = request.body(health::request(service)).send().await?;
    // A load balancer says over either version that it does not take the request.
    if response.version() != Version::HTTP_2 && response.status().is_success() {
        return Ok(None);
    }
    let status = response.status().as_u16();
    let mut grpc_status = grpc_status_of(response.headers());
    let (mut frames, mut body) = (Body::from(response), Vec::new());
    while let Some(frame) = frames.frame().await {
        let frame = frame?;
        if let Some(data) = frame.data_ref() {
            body.extend_from_slice(data);
        }
        if let Some(trailers) = frame.trailers_ref() {
            grpc_status = grpc_status_of(trailers).or(grpc_status);
        }
        if body.len() > BODY_BYTES_AT_MOST {
            break;
        }
    }
    Ok(Some(HealthAnswer {
        status,
        grpc_status,
        body,
        after: begun.elapsed(),
    }))
}

fn grpc_status_of(headers: &HeaderMap) -> Option<String> {
    let status = headers.get("grpc-status")?.to_str().ok()?;
    Some(status.to_owned())
}
