//! Timestamps on the wire: epoch seconds in JSON 1.1, ISO 8601 in XML and in events, HTTP's date in headers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use time::UtcDateTime;
use time::macros::format_description;

/// The format of a timestamp.
pub(crate) type Stamp = fn(SystemTime) -> Value;

/// Milliseconds since the epoch.
pub(crate) fn epoch_milliseconds(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Epoch seconds as a number with milliseconds.
pub(crate) fn epoch_seconds(moment: SystemTime) -> Value {
    json!(epoch_milliseconds(moment) as f64 / 1000.0)
}

/// `2026-10-14T09:38:42.117Z`.
pub(crate) fn iso(moment: SystemTime) -> Value {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    json!(
        UtcDateTime::from(moment)
            .format(&format)
            .unwrap_or_default()
    )
}

/// `Wed, 14 Oct 2026 09:38:42 GMT`, as in HTTP's `Date` header.
pub(crate) fn http_date(moment: SystemTime) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    UtcDateTime::from(moment)
        .format(&format)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_every_format() {
        let moment = UNIX_EPOCH + Duration::from_millis(1_791_970_682_117);
        assert_eq!(epoch_seconds(moment), json!(1_791_970_682.117));
        assert_eq!(iso(moment), json!("2026-10-14T09:38:02.117Z"));
        assert_eq!(http_date(moment), "Wed, 14 Oct 2026 09:38:02 GMT");
    }
}
