//! Requests as they are sent: with their headers, the values of secrets among them.

use std::collections::BTreeMap;

use aws::secrets_manager::{SecretText, SecretsManager};
use lambda::Failure;
use reqwest::Method;
use reqwest::header::{self, HeaderMap};
use rules::config::{Header, HeaderText, HeaderValue, Request, Traffic};
use rules::listener_rule::Addition;
use rules::names::SecretArn;

/// What listener rules may ask for.
const USER_AGENT: &str = concat!("greenlight/", env!("CARGO_PKG_VERSION"));

/// A request and what it carries.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub(crate) request: &'a Request,
    /// Path and query, from `/`.
    pub(crate) path: String,
    /// All of them but `Host`. Each is marked as sensitive, so that its `Debug` does not show it.
    pub(crate) headers: HeaderMap,
}

impl<'a> Prepared<'a> {
    /// Reads each secret once.
    pub(crate) async fn all(
        traffic: &'a Traffic,
        secrets: &SecretsManager,
    ) -> Result<Vec<Self>, Failure> {
        let mut read: BTreeMap<&SecretArn, SecretText> = BTreeMap::new();
        let mut prepared = Vec::new();
        for request in &traffic.requests {
            let mut texts = Vec::new();
            for header in traffic.headers_of(request) {
                if let HeaderValue::Secret { secret, key: _ } = &header.value
                    && !read.contains_key(secret)
                {
                    read.insert(secret, secrets.get_secret_value(secret).await?);
                }
                let text = text(header, &read).map_err(|why| {
                    Failure::Refused(format!("the header `{}`: {why}", header.name.as_str()))
                })?;
                texts.push((header.name.as_str(), text));
            }
            prepared.push(Self::new(request, &texts).map_err(Failure::Refused)?);
        }
        Ok(prepared)
    }

    pub(crate) fn new(request: &'a Request, texts: &[(&str, HeaderText)]) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::USER_AGENT,
            header::HeaderValue::from_static(USER_AGENT),
        );
        if request.grpc_service.is_none() {
            headers.insert(header::ACCEPT, header::HeaderValue::from_static("*/*"));
        }
        for (name, text) in texts {
            let name_and_value = name.parse::<header::HeaderName>().ok();
            let name_and_value =
                name_and_value.zip(header::HeaderValue::from_str(text.as_str()).ok());
            let (name, mut value) =
                name_and_value.ok_or_else(|| format!("the header `{name}` cannot be sent"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        if request.grpc_service.is_some() {
            let grpc = header::HeaderValue::from_static("application/grpc");
            headers.insert(header::CONTENT_TYPE, grpc);
            headers.insert(header::TE, header::HeaderValue::from_static("trailers"));
        }
        let path = request.path.clone();
        Ok(Self {
            request,
            path,
            headers,
        })
    }

    /// The same with what it lacks to meet a listener's rule.
    pub(crate) fn with(&self, addition: &Addition) -> Result<Self, String> {
        let (mut path, mut headers) = (self.path.clone(), self.headers.clone());
        for (name, value) in &addition.headers {
            let name_and_value = name.parse::<header::HeaderName>().ok();
            let name_and_value = name_and_value.zip(header::HeaderValue::from_str(value).ok());
            let (name, value) = name_and_value.ok_or_else(|| {
                format!("the header `{name}`, which the listener's rule asks for, cannot be sent")
            })?;
            headers.insert(name, value);
        }
        for (key, value) in &addition.query {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.extend([key, "=", value]);
        }
        Ok(Self {
            request: self.request,
            path,
            headers,
        })
    }

    /// gRPC calls are POST requests.
    pub(crate) fn method(&self) -> Method {
        match self.request.grpc_service {
            Some(_) => Method::POST,
            None => Method::GET,
        }
    }

    /// As listener rules see them.
    pub(crate) fn asked(&self) -> Vec<(&str, &str)> {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect()
    }
}

fn text(header: &Header, read: &BTreeMap<&SecretArn, SecretText>) -> Result<HeaderText, String> {
    match &header.value {
        HeaderValue::Literal(text) => Ok(text.clone()),
        HeaderValue::Secret { secret, key } => {
            let found = read.get(secret).map(SecretText::reveal);
            HeaderText::of_secret(found.unwrap_or_default(), key.as_deref())
        }
    }
}
