//! CBOR (RFC 8949), as far as Smithy's RPC v2 protocol uses it: values of JSON's types, bytes and times.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value, json};

/// How deep a value may nest: each level uses a stack frame, and no operation has a shape half as deep.
const DEEPEST: usize = 32;
/// The tag of a time in seconds since 1970.
const TIME: u64 = 1;

/// The bytes are not one value, or one that the protocol does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotCbor;

/// Writes a value; `is_time` says of which members the numbers are times.
pub(super) fn encode(value: &Value, is_time: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, value, is_time);
    bytes
}

fn write(bytes: &mut Vec<u8>, value: &Value, is_time: &dyn Fn(&str) -> bool) {
    match value {
        Value::Null => bytes.push(0xf6),
        Value::Bool(false) => bytes.push(0xf4),
        Value::Bool(true) => bytes.push(0xf5),
        Value::Number(number) => write_number(bytes, number),
        Value::String(text) => {
            head(bytes, 3, text.len() as u64);
            bytes.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(bytes, 4, items.len() as u64);
            for item in items {
                write(bytes, item, is_time);
            }
        }
        Value::Object(members) => {
            // A member that is null is absent, as on every AWS wire.
            let members = members.iter().filter(|(_, member)| !member.is_null());
            head(bytes, 5, members.clone().count() as u64);
            for (name, member) in members {
                head(bytes, 3, name.len() as u64);
                bytes.extend(name.as_bytes());
                if member.is_number() && is_time(name) {
                    head(bytes, 6, TIME);
                }
                write(bytes, member, is_time);
            }
        }
    }
}

fn write_number(bytes: &mut Vec<u8>, number: &Number) {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => head(bytes, 0, number),
        // -1 is written as 0, -2 as 1.
        (None, Some(number)) => head(bytes, 1, number.unsigned_abs() - 1),
        (None, None) => {
            bytes.push(0xfb);
            bytes.extend(number.as_f64().unwrap_or_default().to_be_bytes());
        }
    }
}

/// A major type and its argument.
fn head(bytes: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..=23 => bytes.push(major | argument.to_le_bytes()[0]),
        24..=0xff => bytes.extend([major | 24, argument.to_le_bytes()[0]]),
        0x100..=0xffff => {
            bytes.push(major | 25);
            bytes.extend(&argument.to_be_bytes()[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            bytes.push(major | 26);
            bytes.extend(&argument.to_be_bytes()[4..]);
        }
        _ => {
            bytes.push(major | 27);
            bytes.extend(argument.to_be_bytes());
        }
    }
}

/// Reads one value. Bytes become base64, as JSON protocols have them, and times numbers.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, NotCbor> {
    let mut rest = bytes;
    let value = read(&mut rest, 0)?.ok_or(NotCbor)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(NotCbor)
    }
}

/// Returns `None` at the end of something whose length is not given.
fn read(rest: &mut &[u8], depth: usize) -> Result<Option<Value>, NotCbor> {
    if depth > DEEPEST {
        return Err(NotCbor);
    }
    let first = take(rest, 1)?[0];
    let (major, info) = (first >> 5, first & 31);
    if first == 0xff {
        return Ok(None);
    }
    if major == 7 {
        return simple(rest, info).map(Some);
    }
    let argument = match info {
        0..=23 => Some(u64::from(info)),
        24..=27 => {
            let bytes = take(rest, 1 << (info - 24))?;
            Some(
                bytes
                    .iter()
                    .fold(0, |number, byte| number << 8 | u64::from(*byte)),
            )
        }
        31 if (2..=5).contains(&major) => None,
        _ => return Err(NotCbor),
    };
    let value = match (major, argument) {
        (0, Some(number)) => json!(number),
        (1, Some(number)) => json!(-1 - i64::try_from(number).map_err(|_| NotCbor)?),
        (2, _) => json!(STANDARD.encode(string(rest, 2, argument)?)),
        (3, _) => {
            let text = String::from_utf8(string(rest, 3, argument)?);
            json!(text.map_err(|_| NotCbor)?)
        }
        (4, _) => Value::Array(items(rest, argument, depth)?),
        (5, _) => {
            // Names and values in turn.
            let twice = argument.map(|count| count.checked_mul(2).ok_or(NotCbor));
            let mut items = items(rest, twice.transpose()?, depth)?.into_iter();
            let mut members = Map::new();
            while let Some(name) = items.next() {
                let name = name.as_str().ok_or(NotCbor)?.to_owned();
                members.insert(name, items.next().ok_or(NotCbor)?);
            }
            Value::Object(members)
        }
        (6, Some(TIME)) => read(rest, depth + 1)?.ok_or(NotCbor)?,
        _ => return Err(NotCbor),
    };
    Ok(Some(value))
}

fn items(rest: &mut &[u8], count: Option<u64>, depth: usize) -> Result<Vec<Value>, NotCbor> {
    let mut items = Vec::new();
    loop {
        if count.is_some_and(|count| items.len() as u64 >= count) {
            return Ok(items);
        }
        match (read(rest, depth + 1)?, count) {
            (Some(item), _) => items.push(item),
            (None, None) => return Ok(items),
            (None, Some(_)) => return Err(NotCbor),
        }
    }
}

/// A string of bytes or text. Without a length it comes in parts of the same kind, each with its own.
fn string(rest: &mut &[u8], major: u8, length: Option<u64>) -> Result<Vec<u8>, NotCbor> {
    if let Some(length) = length {
        let length = usize::try_from(length).map_err(|_| NotCbor)?;
        return take(rest, length).map(<[u8]>::to_vec);
    }
    let mut whole = Vec::new();
    loop {
        let first = take(rest, 1)?[0];
        let info = first & 31;
        let length = match (first, first >> 5, info) {
            (0xff, _, _) => return Ok(whole),
            (_, part, 0..=23) if part == major => usize::from(info),
            (_, part, 24..=26) if part == major => {
                let bytes = take(rest, 1 << (info - 24))?;
                bytes
                    .iter()
                    .fold(0, |number, byte| number << 8 | usize::from(*byte))
            }
            _ => return Err(NotCbor),
        };
        whole.extend(take(rest, length)?);
    }
}

fn simple(rest: &mut &[u8], info: u8) -> Result<Value, NotCbor> {
    Ok(match info {
        20 => json!(false),
        21 => json!(true),
        22 | 23 => Value::Null,
        25 => {
            let bytes = take(rest, 2)?;
            finite(half(u16::from_be_bytes([bytes[0], bytes[1]])))?
        }
        26 => {
            let bytes = take(rest, 4)?.try_into().map_err(|_| NotCbor)?;
            finite(f64::from(f32::from_be_bytes(bytes)))?
        }
        27 => {
            let bytes = take(rest, 8)?.try_into().map_err(|_| NotCbor)?;
            finite(f64::from_be_bytes(bytes))?
        }
        _ => return Err(NotCbor),
    })
}

/// No member of an operation here takes NaN or an infinity, and JSON has neither.
fn finite(number: f64) -> Result<Value, NotCbor> {
    let number = Number::from_f64(number).ok_or(NotCbor)?;
    Ok(Value::Number(number))
}

/// A half-precision number (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = ((bits >> 10) & 31, f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 => f64::INFINITY,
        exponent => (mantissa + 1024.0) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Result<&'b [u8], NotCbor> {
    let (taken, after) = rest.split_at_checked(count).ok_or(NotCbor)?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of RFC 8949, appendix A.
    #[test]
    fn values_are_read_as_the_standard_has_them() {
        let long = "a".repeat(300);
        let mut with_length = vec![0x79, 0x01, 0x2c];
        with_length.extend(long.as_bytes());
        for (bytes, expected) in [
            (&[0x00][..], json!(0)),
            (&[0x18, 0x64], json!(100)),
            (&[0x19, 0x03, 0xe8], json!(1000)),
            (&[0x1a, 0x00, 0x0f, 0x42, 0x40], json!(1_000_000)),
            (
                &[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0],
                json!(1_000_000_000_000_u64),
            ),
            (&[0x20], json!(-1)),
            (&[0x39, 0x03, 0xe7], json!(-1000)),
            (&[0xf9, 0x3e, 0x00], json!(1.5)),
            (&[0xf9, 0xc4, 0x00], json!(-4.0)),
            (&[0xf9, 0x00, 0x01], json!(5.960464477539063e-8)),
            (&[0xfa, 0x47, 0xc3, 0x50, 0x00], json!(100_000.0)),
            (
                &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
                json!(1.1),
            ),
            (&[0xf4], json!(false)),
            (&[0xf6], json!(null)),
            (&[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0], json!(1_363_896_240)),
            (&[0x44, 1, 2, 3, 4], json!("AQIDBA==")),
            (&[0x62, 0xc3, 0xbc], json!("ü")),
            (&with_length, json!(long)),
            (&[0x83, 1, 0x82, 2, 3, 0x80], json!([1, [2, 3], []])),
            (
                &[0xa2, 0x61, 0x61, 1, 0x61, 0x62, 0x82, 2, 3],
                json!({ "a": 1, "b": [2, 3] }),
            ),
            (&[0x7f, 0x62, 0x61, 0x62, 0x61, 0x63, 0xff], json!("abc")),
            (&[0x9f, 1, 0x82, 2, 3, 0xff], json!([1, [2, 3]])),
            (&[0xbf, 0x61, 0x61, 1, 0xff], json!({ "a": 1 })),
        ] {
            assert_eq!(decode(bytes), Ok(expected), "{bytes:x?}");
        }
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        let deep = [vec![0x81; 1_000_000], vec![0]].concat();
        for bytes in [
            &[][..],
            &[0x18],
            &[0x62, 0x61],
            &[0x61, 0xff],
            &[0x83, 1],
            &[0xa1, 0x61, 0x61],
            &[0xa1, 1, 1],
            &[0x9f, 1],
            &[0xff],
            &[0x81, 0xff],
            &[0x1c],
            &[0xc2, 0x41, 1],
            &[0, 0],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xf9, 0x7c, 0x00],
            &[0xf9, 0xfc, 0x00],
            &[0xf9, 0x7e, 0x00],
            &[0xfa, 0x7f, 0x80, 0x00, 0x00],
            &[0xfa, 0xff, 0x80, 0x00, 0x00],
            &[0xfa, 0x7f, 0xc0, 0x00, 0x00],
            &[0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],
            &[0xfb, 0xff, 0xf0, 0, 0, 0, 0, 0, 0],
            &[0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
            &[0xa1, 0x61, b'n', 0xf9, 0x7e, 0x00],
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &deep,
        ] {
            assert_eq!(
                decode(bytes),
                Err(NotCbor),
                "{:x?}",
                &bytes[..bytes.len().min(9)]
            );
        }
    }

    #[test]
    fn times_are_tagged() {
        let value = json!({ "createTime": 1.5, "n": 1.5, "gone": null });
        let bytes = encode(&value, &|name| name.ends_with("Time"));
        let expected = [
            &[0xa2, 0x6a][..],
            b"createTime",
            &[0xc1, 0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0x61, b'n'],
            &[0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(bytes, expected.concat());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..30).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{0,5}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in any_value()) {
            prop_assert_eq!(decode(&encode(&value, &|_| false)), Ok(value));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }
}
