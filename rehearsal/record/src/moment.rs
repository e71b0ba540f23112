//! Simulated moments in JSON: RFC 3339 in UTC with nanoseconds, so that reading restores exactly what was written.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serializer, de, ser};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

fn written<E: ser::Error>(moment: SystemTime) -> Result<String, E> {
    OffsetDateTime::from(moment)
        .format(&Rfc3339)
        .map_err(E::custom)
}

fn read<E: de::Error>(given: &str) -> Result<SystemTime, E> {
    let read = OffsetDateTime::parse(given, &Rfc3339);
    let expected = "expected a moment such as `2026-01-31T12:00:00.5Z`";
    read.map(SystemTime::from)
        .map_err(|error| E::custom(format!("`{given}` is not a moment: {error}, {expected}")))
}

pub(crate) fn serialize<S: Serializer>(
    moment: &SystemTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&written(*moment)?)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SystemTime, D::Error> {
    read(&String::deserialize(deserializer)?)
}

/// The same for an optional moment.
pub(crate) mod optional {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        moment: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match moment {
            Some(moment) => serializer.serialize_some(&written(*moment)?),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let given = Option::<String>::deserialize(deserializer)?;
        given.as_deref().map(read).transpose()
    }
}
