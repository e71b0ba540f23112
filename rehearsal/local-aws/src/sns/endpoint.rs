//! The endpoints that SNS accepts, by protocol. Codes and sentences are recorded or reported ones.

/// Returns SNS's error message (`InvalidParameter`) for an endpoint that does not fit its protocol.
pub fn refusal(protocol: &str, endpoint: &str, topic: &str) -> Option<String> {
    let of = |service: &str| {
        let parts: Vec<&str> = endpoint.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, named, _, _, resource] if *named == service && !resource.is_empty())
    };
    let sentence = match protocol {
        "sqs" if !of("sqs") => "SQS endpoint ARN".to_owned(),
        "lambda" if !of("lambda") => "Lambda endpoint ARN".to_owned(),
        "firehose" if !of("firehose") => "Firehose endpoint ARN".to_owned(),
        "application" if !(of("sns") && endpoint.contains(":endpoint/")) => {
            format!("Application endpoint arn invalid:{endpoint}")
        }
        "email" | "email-json" if !is_address(endpoint) => "Email address".to_owned(),
        "http" | "https" if !is_url(protocol, endpoint) => {
            "Endpoint must match the specified protocol".to_owned()
        }
        "sms" if !is_phone_number(endpoint) => {
            return Some(format!("Invalid SMS endpoint: {endpoint}"));
        }
        "sqs" if endpoint.ends_with(".fifo") && !topic.ends_with(".fifo") => {
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics".to_owned()
        }
        _ => return None,
    };
    Some(format!("Invalid parameter: {sentence}"))
}

fn is_address(text: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "@;,<>".contains(c))
    };
    text.split_once('@')
        .is_some_and(|(name, host)| fits(name) && fits(host))
}

fn is_url(protocol: &str, text: &str) -> bool {
    let rest = text
        .strip_prefix(protocol)
        .and_then(|rest| rest.strip_prefix("://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

/// E.164, with single separators between digits.
fn is_phone_number(text: &str) -> bool {
    let number = text.strip_prefix('+').unwrap_or(text);
    let separated = number.split(['-', '.', '/']);
    let digits: usize = separated.clone().map(str::len).sum();
    (2..=15).contains(&digits)
        && !number.starts_with('0')
        && separated
            .into_iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:outcomes";

    #[test]
    fn endpoints_fit_their_protocol() {
        for (protocol, endpoint) in [
            ("sqs", "arn:aws:sqs:eu-central-1:111122223333:queue"),
            ("sqs", "arn:aws:sqs:us-east-1:444455556666:queue"),
            (
                "lambda",
                "arn:aws:lambda:eu-central-1:111122223333:function:f",
            ),
            (
                "firehose",
                "arn:aws:firehose:eu-central-1:111122223333:deliverystream/s",
            ),
            (
                "application",
                "arn:aws:sns:eu-central-1:111122223333:endpoint/GCM/app/1",
            ),
            ("email", "team@example.com"),
            ("email-json", "team+alerts@example.com"),
            ("http", "http://example.com"),
            ("https", "https://example.com/hook"),
            ("sms", "+15551234567"),
            ("sms", "15551234567"),
            ("sms", "+1-555-123-4567"),
        ] {
            assert_eq!(
                refusal(protocol, endpoint, TOPIC),
                None,
                "{protocol} {endpoint}"
            );
        }
    }

    #[test]
    fn others_are_refused_with_snss_sentence() {
        for (protocol, endpoint, expected) in [
            ("sqs", "queue", "Invalid parameter: SQS endpoint ARN"),
            (
                "sqs",
                "https://sqs.eu-central-1.amazonaws.com/111122223333/queue",
                "Invalid parameter: SQS endpoint ARN",
            ),
            ("sqs", TOPIC, "Invalid parameter: SQS endpoint ARN"),
            (
                "sqs",
                "arn:aws:sqs:eu-central-1:111122223333:queue.fifo",
                "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard \
                 SNS topics",
            ),
            ("lambda", "f", "Invalid parameter: Lambda endpoint ARN"),
            ("firehose", "s", "Invalid parameter: Firehose endpoint ARN"),
            (
                "application",
                TOPIC,
                "Invalid parameter: Application endpoint arn invalid:arn:aws:sns:eu-central-1:111122223333:outcomes",
            ),
            (
                "email",
                "this is not an email",
                "Invalid parameter: Email address",
            ),
            (
                "email",
                "a@example.com;b@example.com",
                "Invalid parameter: Email address",
            ),
            (
                "email-json",
                "@example.com",
                "Invalid parameter: Email address",
            ),
            (
                "https",
                "http://example.com",
                "Invalid parameter: Endpoint must match the specified protocol",
            ),
            (
                "http",
                "example.com",
                "Invalid parameter: Endpoint must match the specified protocol",
            ),
        ] {
            assert_eq!(
                refusal(protocol, endpoint, TOPIC).as_deref(),
                Some(expected),
                "{protocol} {endpoint}"
            );
        }
    }

    #[test]
    fn phone_numbers_have_digits_and_single_separators() {
        for endpoint in [
            "invalid-number",
            "NAA+15551234567",
            "+1--555-1234567",
            "+15551234567-",
            "+1555123456789012",
            "0155512345",
            "+",
        ] {
            let expected = format!("Invalid SMS endpoint: {endpoint}");
            assert_eq!(refusal("sms", endpoint, TOPIC), Some(expected));
        }
    }
}
