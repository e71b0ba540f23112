//! The requests of a pipelines file's checks, and pages that satisfy them.

use serde_json::{Value as Json, json};
use toml::Value;
use url::{Position, Url};

/// Statuses that a page can have.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;
/// Answers with these statuses have no body.
const WITHOUT_BODY: [u16; 3] = [204, 205, 304];

/// A request through the test listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Includes the query, as it is sent.
    pub(crate) path: String,
    /// The accepted statuses, as configured.
    pub(crate) status: String,
    pub(crate) contains: String,
}

/// The requests of a pipeline's `test_traffic`.
pub(super) fn read(gate: Option<&Value>) -> Vec<Request> {
    let requests = gate.and_then(|gate| gate.get("request")?.as_array());
    let request = |given: &Value| {
        let text = |key: &str| given.get(key).and_then(Value::as_str);
        Some(Request {
            path: on_the_wire(text("path")?),
            status: text("status").unwrap_or("200").to_owned(),
            contains: text("contains").unwrap_or_default().to_owned(),
        })
    };
    requests.into_iter().flatten().filter_map(request).collect()
}

/// `/über/../ü` is requested as `/%C3%BC`.
fn on_the_wire(path: &str) -> String {
    let base = Url::parse("http://stand-in/").ok();
    let joined = base.and_then(|base| base.join(path).ok());
    joined.map_or(path.to_owned(), |url| {
        url[Position::BeforePath..Position::AfterQuery].to_owned()
    })
}

impl Request {
    /// Whether this status is accepted.
    pub(crate) fn takes(&self, status: u16) -> bool {
        record::is_among(status, &self.status)
    }

    /// Whether every possible page satisfies it.
    pub(super) fn takes_everything(&self) -> bool {
        self.contains.is_empty() && STATUSES.into_iter().all(|status| self.takes(status))
    }

    /// A page that does not satisfy it.
    fn wrong_page(&self) -> Json {
        let mut statuses = [503_u16].into_iter().chain(STATUSES);
        let status = statuses.find(|status| !self.takes(*status));
        // If every status is accepted, the expected text is missing.
        json!({ "path": self.path, "status": status.unwrap_or(200), "body": "" })
    }
}

/// One page for each path that satisfies every request for it, as far as one page can.
fn right_pages(requests: &[Request]) -> Vec<Json> {
    let mut paths: Vec<&str> = requests
        .iter()
        .map(|request| request.path.as_str())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let page = |path: &str| {
        let asking: Vec<_> = requests
            .iter()
            .filter(|request| request.path == path)
            .collect();
        let body: Vec<&str> = asking
            .iter()
            .map(|request| request.contains.as_str())
            .collect();
        let body = body.concat();
        let suits = |status: &u16| {
            (body.is_empty() || !WITHOUT_BODY.contains(status))
                && asking.iter().all(|request| request.takes(*status))
        };
        let status = STATUSES.into_iter().find(suits).or_else(|| {
            let first = asking.first()?;
            STATUSES.into_iter().find(|status| first.takes(*status))
        });
        json!({ "path": path, "status": status.unwrap_or(200), "body": body })
    };
    paths.into_iter().map(page).collect()
}

/// The pages that satisfy these requests.
pub(super) fn pages(requests: &[Request]) -> String {
    Json::from(right_pages(requests)).to_string()
}

/// The pages that fail the first of these requests that can fail.
pub(super) fn broken_pages(requests: &[&Request]) -> String {
    let request = requests.iter().find(|request| !request.takes_everything());
    let pages: Vec<Json> = request.iter().map(|request| request.wrong_page()).collect();
    Json::from(pages).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(text: &str) -> Vec<Request> {
        let gate: toml::Table = text.parse().unwrap();
        read(Some(&Value::Table(gate)))
    }

    #[test]
    fn a_page_satisfies_all_its_requests() {
        for (gate, expected) in [
            (
                "[[request]]\npath='/'",
                r#"[{"path":"/","status":200,"body":""}]"#,
            ),
            (
                "[[request]]\npath='/a'\nstatus='200-399'\n[[request]]\npath='/a'\nstatus='301,302'\ncontains='x'",
                r#"[{"path":"/a","status":301,"body":"x"}]"#,
            ),
            (
                "[[request]]\npath='/a'\nstatus='204,206'\ncontains='x'",
                r#"[{"path":"/a","status":206,"body":"x"}]"#,
            ),
            (
                "[[request]]\npath='/ü?q=ä b'\nstatus='100-599'",
                r#"[{"path":"/%C3%BC?q=%C3%A4%20b","status":200,"body":""}]"#,
            ),
            (
                "[[request]]\npath='/a/../b'\nstatus=' 401 , 403 '",
                r#"[{"path":"/b","status":401,"body":""}]"#,
            ),
        ] {
            assert_eq!(pages(&requests(gate)), expected);
        }
    }

    #[test]
    fn a_wrong_page_fails_a_request() {
        for (gate, expected) in [
            (
                "[[request]]\npath='/'",
                r#"[{"path":"/","status":503,"body":""}]"#,
            ),
            (
                "[[request]]\npath='/'\nstatus='500-599'",
                r#"[{"path":"/","status":200,"body":""}]"#,
            ),
            (
                "[[request]]\npath='/a'\nstatus='100-599'\n[[request]]\npath='/b'\nstatus='100-599'\ncontains='x'",
                r#"[{"path":"/b","status":200,"body":""}]"#,
            ),
        ] {
            let requests = requests(gate);
            let requests: Vec<&Request> = requests.iter().collect();
            assert_eq!(broken_pages(&requests), expected);
        }
        assert!(requests("[[request]]\npath='/'\nstatus='100-599'")[0].takes_everything());
    }
}
