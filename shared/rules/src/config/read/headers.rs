//! The headers of a traffic gate's requests. No problem repeats a value: it may be a credential.

use toml::{Table, Value};

use super::section::{Section, kind};
use crate::config::{Header, HeaderText, HeaderValue};
use crate::names::SecretArn;
use crate::problem::Problems;

const EXPECTED: &str = "text in quotes, or a table with the ARN of a secret in `secret`";
/// How other tools write a reference to a secret: it would be sent as it stands.
const REFERENCES: [&str; 3] = ["arn:", "{{resolve:", "${"];

/// `None` where a mistake was noted; without the table there are none.
pub(super) fn headers(
    place: &str,
    given: Option<Value>,
    problems: &mut Problems,
) -> Option<Option<Vec<Header>>> {
    let place = format!("{place}.headers");
    let table = match given {
        None => return Some(None),
        Some(Value::Table(table)) => table,
        Some(other) => {
            let found = kind(&other);
            problems.add(
                &place,
                format!("{found} is given, expected a table such as `{{ x-test = \"green\" }}`"),
            );
            return None;
        }
    };
    let mut headers: Vec<Option<Header>> = Vec::new();
    for (name, value) in table {
        let place = format!("{place}.{name}");
        let read = header(&place, &name, value, problems);
        let is_known =
            |header: &Header| headers.iter().flatten().any(|one| one.name == header.name);
        if read.as_ref().is_some_and(is_known) {
            problems.add(
                &place,
                "the same header again: case does not matter in a header's name",
            );
        }
        headers.push(read);
    }
    headers.into_iter().collect::<Option<_>>().map(Some)
}

fn header(place: &str, name: &str, value: Value, problems: &mut Problems) -> Option<Header> {
    let name = problems.parse(place, name);
    let value = match value {
        Value::String(text) if REFERENCES.iter().any(|sign| text.starts_with(sign)) => {
            problems.add(
                place,
                "a reference, which is not looked up here, expected the value itself, or a table with the ARN of a secret of AWS \
                 Secrets Manager in `secret`",
            );
            None
        }
        Value::String(text) => problems
            .parse::<HeaderText>(place, &text)
            .map(HeaderValue::Literal),
        Value::Table(table) => secret(place, table, problems),
        other @ (Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)) => {
            let found = kind(&other);
            problems.add(place, format!("{found} is given, expected {EXPECTED}"));
            None
        }
    };
    Some(Header {
        name: name?,
        value: value?,
    })
}

fn secret(place: &str, table: Table, problems: &mut Problems) -> Option<HeaderValue> {
    let mut section = Section::new(place.to_owned(), table, problems);
    let secret = match section.taken("secret") {
        Some(Value::String(text)) => text.parse::<SecretArn>().ok(),
        Some(_) | None => None,
    };
    if secret.is_none() {
        section.problem(
            "secret",
            "missing or not the ARN of a secret of AWS Secrets Manager, expected one such as \
             `arn:aws:secretsmanager:REGION:ACCOUNT:secret:shop/token-AbCdEf` (hint: name a member of its JSON object in `key`)",
        );
    }
    let key = section.text("key", "the name of a member", |text| !text.is_empty());
    section.finish();
    Some(HeaderValue::Secret {
        secret: secret?,
        key: key?,
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::config::{Config, Header, HeaderValue, Traffic};

    const SECRET: &str =
        "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf";
    const REQUEST: &str = "[[pipeline.test_traffic.request]]\npath = '/'\n";

    /// A pipeline with this below `[pipeline.test_traffic]`.
    fn parse(text: &str) -> Result<Config, String> {
        let pipeline = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n";
        Config::parse(&format!("{pipeline}[pipeline.test_traffic]\n{text}"))
            .map_err(|problems| problems.to_string())
    }

    fn sent(traffic: &Traffic) -> String {
        let written = |header: &Header| {
            let value = match &header.value {
                HeaderValue::Literal(text) => text.as_str().to_owned(),
                HeaderValue::Secret { secret, key } => format!("{} {key:?}", secret.name()),
            };
            format!("{}: {value}", header.name.as_str())
        };
        let request = &traffic.requests[0];
        let lines: Vec<String> = traffic
            .headers_of(request)
            .into_iter()
            .map(written)
            .collect();
        lines.join(", ")
    }

    fn read(text: &str) -> Result<(String, Option<String>), String> {
        parse(text).map(|mut config| {
            let pipeline = config.pipelines.remove(0);
            let production = pipeline.production_traffic.as_ref().map(sent);
            (sent(&pipeline.test_traffic.checks), production)
        })
    }

    #[test]
    fn a_request_carries_the_headers_of_its_gate_and_its_own_in_their_place() {
        let production = "[pipeline.production_traffic]\n";
        for (text, test, of_production) in [
            (
                format!("headers = {{ X-Test = 'green' }}\n{REQUEST}"),
                "x-test: green",
                None,
            ),
            (
                format!(
                    "headers = {{ a = '1', b = '2' }}\n{REQUEST}headers = {{ B = '3', c = '4' }}\n"
                ),
                "a: 1, b: 3, c: 4",
                None,
            ),
            (
                format!(
                    "headers = {{ authorization = {{ secret = '{SECRET}', key = 'token' }} }}\n{REQUEST}"
                ),
                "authorization: shop/token-AbCdEf Some(\"token\")",
                None,
            ),
            (
                format!("headers = {{ a = '1' }}\n{REQUEST}{production}"),
                "a: 1",
                Some("a: 1"),
            ),
            (
                format!("headers = {{ a = '1' }}\n{REQUEST}{production}headers = {{}}"),
                "a: 1",
                Some(""),
            ),
            (
                format!("headers = {{ a = '1' }}\n{REQUEST}{production}headers = {{ b = '2' }}"),
                "a: 1",
                Some("b: 2"),
            ),
            (REQUEST.to_owned(), "", None),
        ] {
            assert_eq!(
                read(&text),
                Ok((test.to_owned(), of_production.map(str::to_owned))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_header_is_refused_and_its_value_is_not_repeated() {
        let check = |headers: &str| {
            let said = parse(&format!("headers = {headers}\n{REQUEST}")).unwrap_err();
            assert!(!said.contains("hunter"), "{said}");
            said
        };
        assert_snapshot!(check("'x-test: hunter2'"), @"at `pipeline[0].test_traffic.headers`: text is given, expected a table such as `{ x-test = \"green\" }`");
        assert_snapshot!(check("{ 'x test' = 'hunter2' }"), @"at `pipeline[0].test_traffic.headers.x test`: not a header's name, expected letters, digits and `-`, such as `x-api-key`");
        assert_snapshot!(check("{ Host = 'hunter2' }"), @"at `pipeline[0].test_traffic.headers.Host`: the name that requests are sent to is not set here (hint: set the gate's `host`)");
        assert_snapshot!(check("{ x-test = \"hunter2\\nhunter3\" }"), @"at `pipeline[0].test_traffic.headers.x-test`: not a header's value: expected 1 to 8192 printable ASCII characters on one line, without blanks around them");
        assert_snapshot!(check("{ x-test = 7 }"), @"at `pipeline[0].test_traffic.headers.x-test`: a whole number is given, expected text in quotes, or a table with the ARN of a secret in `secret`");
        assert_snapshot!(check("{ x-test = 'a', X-Test = 'b' }"), @"at `pipeline[0].test_traffic.headers.x-test`: the same header again: case does not matter in a header's name");
        assert_snapshot!(check("{ x-test = { secret = 'hunter2' } }"), @"at `pipeline[0].test_traffic.headers.x-test.secret`: missing or not the ARN of a secret of AWS Secrets Manager, expected one such as `arn:aws:secretsmanager:REGION:ACCOUNT:secret:shop/token-AbCdEf` (hint: name a member of its JSON object in `key`)");
        assert_snapshot!(check(&format!("{{ x-test = {{ secret = '{SECRET}', name = 'a' }} }}")), @"at `pipeline[0].test_traffic.headers.x-test.name`: unknown, expected one of `secret`, `key`");
        for name in [
            "connection",
            "Content-Length",
            "TE",
            "transfer-encoding",
            "upgrade",
            "keep-alive",
            "Proxy-Authorization",
            "expect",
        ] {
            let said = check(&format!("{{ {name} = 'hunter2' }}"));
            assert!(said.contains("belongs to the connection"), "{name}: {said}");
        }
        for value in [
            "",
            " hunter2",
            "hunter2 ",
            "hünter",
            "hunter2\\u0000",
            "hunter2\\r",
        ] {
            let said = check(&format!("{{ x-test = \"{value}\" }}"));
            assert!(said.contains("not a header's value"), "{value}: {said}");
        }
        for reference in [
            SECRET,
            "arn:aws:ssm:eu-central-1:111122223333:parameter/hunter2",
            "{{resolve:secretsmanager:hunter2}}",
            "${HUNTER}",
        ] {
            let said = check(&format!("{{ x-test = '{reference}' }}"));
            assert!(
                said.contains("a reference, which is not looked up here"),
                "{said}"
            );
        }
        // As ECS names a member.
        let said = check(&format!("{{ x-test = {{ secret = '{SECRET}:token::' }} }}"));
        assert!(
            said.contains("name a member of its JSON object in `key`"),
            "{said}"
        );
    }

    #[test]
    fn credentials_are_refused_where_the_address_is_not_encrypted() {
        let check = |base_url: &str, headers: &str| {
            let text = format!("base_url = '{base_url}'\nheaders = {{ {headers} }}\n{REQUEST}");
            parse(&text).map_or_else(|said| said, |_| "accepted".to_owned())
        };
        let secret = format!("x-test = {{ secret = '{SECRET}' }}");
        let refused = "is sent over TLS only (hint: an `https://` address)";
        for headers in [
            "authorization = 'a'",
            "AUTHORIZATION = 'a'",
            "Cookie = 'a'",
            "X-Api-Key = 'a'",
            "x-api-key = 'a'",
            "X_API_KEY = 'a'",
            "apikey = 'a'",
            "x-auth-token = 'a'",
            "X-Auth = 'a'",
            "X-Amz-Security-Token = 'a'",
            "X-Session = 'a'",
            "X-Client-Secret = 'a'",
            "X-Password = 'a'",
            "Ocp-Apim-Subscription-Key = 'a'",
            "X-Hub-Signature = 'a'",
            "X-Jwt = 'a'",
            // By what they carry.
            "x-test = 'bearer hunter2'",
            "x-test = 'Basic c2hvcDo='",
            "x-test = 'token=hunter2'",
            secret.as_str(),
        ] {
            let said = check("http://test.example.com", headers);
            assert!(
                said.starts_with("at `pipeline[0].test_traffic.base_url`: ")
                    && said.ends_with(refused),
                "{said}"
            );
            assert_eq!(check("https://test.example.com", headers), "accepted");
        }
        for plain in [
            "x-test = 'green'",
            "Accept = 'text/html'",
            "User-Agent = 'health/1.0'",
            "x-forwarded-proto = 'https'",
            "X-Keyboard = 'us'",
            "x-author = 'a'",
        ] {
            assert_eq!(check("http://test.example.com", plain), "accepted");
        }
        // Of one request, and of a gate that takes them from the other.
        let of_one =
            format!("base_url = 'http://a.example'\n{REQUEST}headers = {{ cookie = 'a' }}");
        assert!(parse(&of_one).unwrap_err().ends_with(refused));
        let production = "[pipeline.production_traffic]\nbase_url = 'http://a.example'";
        let said = parse(&format!(
            "{REQUEST}headers = {{ cookie = 'a' }}\n{production}"
        ))
        .unwrap_err();
        assert!(
            said.starts_with("at `pipeline[0].production_traffic.base_url`: "),
            "{said}"
        );
    }
}
