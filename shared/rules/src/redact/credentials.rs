//! Credentials that are recognized by how they are written, whoever they belong to.
//!
//! A secret that is written like any other word cannot be distinguished from one.

/// What stands in place of a credential.
const REDACTED: &str = "…";

/// A line of a log without what looks like a credential in it: `PASSWORD=…`, `"api_key": "…"`, `Authorization: …`,
/// `Bearer …`, the password of a URL, and keys and tokens with a beginning of their own.
pub(crate) fn redact_credentials(line: &str) -> String {
    without_known_forms(&without_named(&without_passwords_in_urls(line)))
}

/// `https://deploy:hunter2@host` keeps the user and loses the password; a user alone is a token.
fn without_passwords_in_urls(line: &str) -> String {
    let mut said = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("://") {
        let (before, address) = rest.split_at(start + 3);
        said.push_str(before);
        let end = address.find(|c: char| c.is_whitespace() || "/?#\"'`<>".contains(c));
        let authority = &address[..end.unwrap_or(address.len())];
        let host = match authority.rsplit_once('@') {
            Some((user, host)) => {
                if let Some((user, _)) = user.split_once(':') {
                    said.push_str(user);
                    said.push(':');
                }
                said.push_str(REDACTED);
                said.push('@');
                host
            }
            None => authority,
        };
        said.push_str(host);
        rest = &address[authority.len()..];
    }
    said + rest
}

/// The last part of the name of something secret, without `_`, `-` and `.`.
const NAMES: [&str; 13] = [
    "accesskey",
    "apikey",
    "authorization",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "token",
];

/// A value behind the name of something secret.
fn without_named(line: &str) -> String {
    let mut said = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['=', ':']) {
        let (before, after) = rest.split_at(at);
        let (sign, after) = after.split_at(1);
        said.push_str(before);
        said.push_str(sign);
        rest = after;
        let Some(name) = secret_name(before, sign) else {
            continue;
        };
        let (opening, value) = value(&name, after);
        let is_redacted = value.starts_with('[') || value.starts_with(REDACTED);
        if !value.is_empty() && !is_redacted {
            said.push_str(opening);
            said.push_str(REDACTED);
            rest = &after[opening.len() + value.len()..];
        }
    }
    said + rest
}

/// Whether something with this name is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = in_one_word(name);
    NAMES.iter().any(|secret| name.ends_with(secret))
}

fn in_one_word(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The name before a sign, where it is one of something secret. `unexpected token: }` is a sentence: behind a colon only
/// names that are quoted or made of several words count, and what is asked for in such a way.
fn secret_name(before: &str, sign: &str) -> Option<String> {
    let trimmed = before.trim_end();
    let bare = trimmed.trim_end_matches(['"', '\'', '\\']);
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let written = &bare[bare.trim_end_matches(is_part).len()..];
    let name = in_one_word(written);
    let is_secret = is_secret_name(written);
    let is_name = sign == "="
        || bare.len() < trimmed.len()
        || written.contains(['_', '-'])
        || ["authorization", "passwd", "password", "pwd"].contains(&name.as_str());
    (is_secret && is_name).then_some(name)
}

/// What stands before a value (blanks and a quote), and the value.
fn value<'a>(name: &str, after: &'a str) -> (&'a str, &'a str) {
    let blanks = after.len() - after.trim_start_matches(' ').len();
    let given = &after[blanks..];
    let quote = ["\\\"", "\"", "'"]
        .into_iter()
        .find(|quote| given.starts_with(quote));
    let (opening, end) = match quote {
        Some(quote) => (blanks + quote.len(), given[quote.len()..].find(quote)),
        // A scheme, a blank, and the credential.
        None if name.ends_with("authorization") => (blanks, given.find(['"', '\'', ','])),
        None => {
            let ends = |c: char| c.is_whitespace() || ",;&)}]\"'`".contains(c);
            (blanks, given.find(ends))
        }
    };
    let (opening, rest) = after.split_at(opening);
    // `password == null` compares, `password => …` points.
    if quote.is_none() && rest.starts_with(['=', '>']) {
        return (opening, "");
    }
    (opening, &rest[..end.unwrap_or(rest.len())])
}

/// What keys and tokens begin with: AWS, JSON Web Tokens, GitHub, GitLab, Slack, Stripe.
const BEGINNINGS: [&str; 12] = [
    "AKIA",
    "ASIA",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "sk_live_",
    "xoxb-",
    "xoxp-",
    "xapp-",
];
const CHARACTERS_AT_LEAST: usize = 20;

/// Words that are keys by their form, and what follows `Bearer`.
fn without_known_forms(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.+/=~".contains(c);
    let mut said = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let (before, word) = rest.split_at(start);
        let (word, after) = word.split_at(word.find(|c| !is_part(c)).unwrap_or(word.len()));
        said.push_str(before);
        let begins = BEGINNINGS.iter().any(|known| word.starts_with(known));
        let is_long = word.len() >= CHARACTERS_AT_LEAST;
        let bearer = said.trim_end().to_ascii_lowercase().ends_with("bearer");
        let is_token = word.len() >= 8 && word.contains(|c: char| c.is_ascii_digit());
        said.push_str(if (begins && is_long) || (bearer && is_token) {
            REDACTED
        } else {
            word
        });
        rest = after;
    }
    said + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_as_a_credential_is_redacted() {
        for (line, said) in [
            ("PASSWORD=hunter2", "PASSWORD=…"),
            (
                "export DB_PASSWORD='hunter2 and more' DEBUG=1",
                "export DB_PASSWORD='…' DEBUG=1",
            ),
            (
                r#"{"user": "shop", "api_key": "hunter2", "port": 8080}"#,
                r#"{"user": "shop", "api_key": "…", "port": 8080}"#,
            ),
            (
                r#"msg="{\"client_secret\":\"hunter2\"}""#,
                r#"msg="{\"client_secret\":\"…\"}""#,
            ),
            ("Password: hunter2", "Password: …"),
            ("x-auth-token: hunter2, retried", "x-auth-token: …, retried"),
            (
                "> Authorization: Basic c2hvcDpodW50ZXIy",
                "> Authorization: …",
            ),
            ("sent Bearer hunter2.hunter2 to it", "sent Bearer … to it"),
            (
                "GET /v1?token=hunter2&page=2 500",
                "GET /v1?token=…&page=2 500",
            ),
            (
                "postgres://shop:hunter2@db:5432/shop and redis://hunter2@cache",
                "postgres://shop:…@db:5432/shop and redis://…@cache",
            ),
            (
                "key AKIAIOSFODNN7EXAMPLE is not valid",
                "key … is not valid",
            ),
            (
                "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl expired",
                "jwt … expired",
            ),
            (
                "password=[DATABASE_PASSWORD]",
                "password=[DATABASE_PASSWORD]",
            ),
        ] {
            assert_eq!(redact_credentials(line), said);
        }
    }

    #[test]
    fn ordinary_lines_stay_as_they_are() {
        for line in [
            "SyntaxError: Unexpected token: } at line 3",
            "parse error near token: `;`",
            "password authentication failed for user \"shop\"",
            "FATAL: no secret: the operator did not mount one",
            "if password == null || token => next",
            "secrets=3 tokens=1200 passwords_checked=7",
            "Running migrations: 0042_add_token_to_users... OK",
            "error: no such table: order_history (SQLITE_ERROR: 1)",
            "2026-10-14T09:21:47Z INFO http://10.0.0.1:8080/healthz 200",
            "the bearer of this message, Bearer authentication is required",
            "mail to ops@example.com, see https://example.com/a@b?c=d",
            "PASSWORD=",
            "AKIA is short, eyJ too, ghp_ as well",
            "key: value, a=b, c:d, ::1, ==",
        ] {
            assert_eq!(redact_credentials(line), line);
        }
    }

    /// What has no sign of a credential is what it was. So are contents of secrets that are printed bare: nobody can know
    /// them, because Greenlight does not read secrets.
    #[test]
    fn what_looks_like_any_other_word_cannot_be_redacted() {
        for line in ["connecting with hunter2", "the PIN is 1234", "aHVudGVyMg"] {
            assert_eq!(redact_credentials(line), line);
        }
    }

    proptest! {
        #[test]
        fn any_line_is_redacted_once(line in "(password|token|://|[=:@ \"'a-z1.…\\[\\\\]){0,30}") {
            let once = redact_credentials(&line);
            prop_assert_eq!(redact_credentials(&once), once);
        }

        #[test]
        fn no_named_value_survives(before in "\\PC{0,20}", name in "[A-Z]{0,4}_(PASSWORD|TOKEN|SECRET|API_KEY)", value in "[a-z]{4}[0-9]{6}") {
            prop_assume!(!before.contains(&value));
            let said = redact_credentials(&format!("{before} {name}={value} \"{name}\": \"{value}\""));
            prop_assert!(!said.contains(&value), "{}", said);
        }

        #[test]
        fn words_and_numbers_stay_as_they_are(line in "([a-zA-Z0-9,.]{1,12} ){0,8}") {
            prop_assume!(!line.to_ascii_lowercase().contains("bearer"));
            prop_assume!(!BEGINNINGS.iter().any(|known| line.contains(known)));
            prop_assert_eq!(redact_credentials(&line), line);
        }
    }
}
