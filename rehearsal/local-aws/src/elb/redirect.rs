//! A listener's answer that sends the client elsewhere.

/// As RedirectActionConfig has it: each part of the new URL is text, in which `#{host}` and the like are the request's (Elastic Load
/// Balancing User Guide, "Redirect actions").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    pub protocol: String,
    pub port: String,
    pub host: String,
    pub path: String,
    pub query: String,
    /// 301 or 302.
    pub status: u16,
}

impl Default for Redirect {
    /// Every part as it was requested.
    fn default() -> Redirect {
        Redirect {
            protocol: "#{protocol}".to_owned(),
            port: "#{port}".to_owned(),
            host: "#{host}".to_owned(),
            path: "/#{path}".to_owned(),
            query: "#{query}".to_owned(),
            status: 301,
        }
    }
}

/// The parts of a request's URL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requested<'r> {
    /// `HTTP` or `HTTPS`.
    pub(super) protocol: &'r str,
    pub(super) port: u16,
    /// Without a port.
    pub(super) host: &'r str,
    pub(super) path: &'r str,
    pub(super) query: &'r str,
}

impl Redirect {
    /// Whether a request to a listener of this protocol and port would come back to it, whatever its query.
    pub fn is_loop(&self, protocol: &str, port: u16) -> bool {
        let usual = Redirect::default();
        let is_protocol = self.protocol == usual.protocol || self.protocol == protocol;
        let is_port = self.port == usual.port || self.port == port.to_string();
        is_protocol && is_port && self.host == usual.host && self.path == usual.path
    }

    /// The header `Location`. The port is always in it, as load balancers write it: `https://shop.example.com:443/orders`.
    pub(super) fn location(&self, requested: Requested<'_>) -> String {
        let port = requested.port.to_string();
        let filled = |part: &str| {
            let parts = [
                ("#{protocol}", requested.protocol),
                ("#{port}", port.as_str()),
                ("#{host}", requested.host),
                ("#{path}", requested.path.trim_start_matches('/')),
                ("#{query}", requested.query),
            ];
            let fill = |text: String, (name, value): (&str, &str)| text.replace(name, value);
            parts.into_iter().fold(part.to_owned(), fill)
        };
        let query = match filled(&self.query) {
            query if query.is_empty() => query,
            query => format!("?{query}"),
        };
        let protocol = filled(&self.protocol).to_ascii_lowercase();
        let (host, port, path) = (filled(&self.host), filled(&self.port), filled(&self.path));
        format!("{protocol}://{host}:{port}{path}{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_https() -> Redirect {
        Redirect {
            protocol: "HTTPS".to_owned(),
            port: "443".to_owned(),
            ..Redirect::default()
        }
    }

    #[test]
    fn what_is_not_given_stays_as_it_was_requested() {
        let requested = |path, query| Requested {
            protocol: "HTTP",
            port: 80,
            host: "shop.example.com",
            path,
            query,
        };
        let elsewhere = Redirect {
            host: "www.#{host}".to_owned(),
            path: "/shop/#{path}".to_owned(),
            query: "from=#{host}".to_owned(),
            ..to_https()
        };
        for (redirect, path, query, expected) in [
            (
                to_https(),
                "/orders",
                "page=2",
                "https://shop.example.com:443/orders?page=2",
            ),
            (to_https(), "/", "", "https://shop.example.com:443/"),
            (
                elsewhere,
                "/orders",
                "page=2",
                "https://www.shop.example.com:443/shop/orders?from=shop.example.com",
            ),
        ] {
            assert_eq!(redirect.location(requested(path, query)), expected);
        }
    }

    #[test]
    fn one_that_comes_back_is_a_loop() {
        for (redirect, protocol, port, expected) in [
            (to_https(), "HTTP", 80, false),
            (to_https(), "HTTPS", 443, true),
            (to_https(), "HTTPS", 8443, false),
            (Redirect::default(), "HTTP", 80, true),
        ] {
            assert_eq!(
                redirect.is_loop(protocol, port),
                expected,
                "{protocol} {port}"
            );
        }
        let path = Redirect {
            path: "/new".to_owned(),
            ..Redirect::default()
        };
        assert!(!path.is_loop("HTTP", 80));
    }
}
