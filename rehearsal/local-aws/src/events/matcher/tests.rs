use serde_json::json;

use super::*;

#[test]
fn content_filters_match_as_the_user_guide_states() {
    for (matcher, matching, others) in [
        (
            json!({"prefix": "prod-"}),
            json!(["prod-", "prod-1"]),
            json!(["Prod-1", "a prod-", 1, null]),
        ),
        (
            json!({"prefix": {"equals-ignore-case": "prod-"}}),
            json!(["PROD-1"]),
            json!(["a-prod-"]),
        ),
        (
            json!({"suffix": ".png"}),
            json!(["a.png", ".png"]),
            json!(["a.PNG", "a.png "]),
        ),
        (
            json!({"suffix": {"equals-ignore-case": ".png"}}),
            json!(["a.PnG"]),
            json!(["a.jpg"]),
        ),
        (
            json!({"equals-ignore-case": "alice"}),
            json!(["ALICE", "alice"]),
            json!(["alice ", "bob"]),
        ),
        (
            json!({"wildcard": "rel-*-x"}),
            json!(["rel-1-x", "rel--x", "rel-x-x"]),
            json!(["rel-1-xy", "rel-x"]),
        ),
        (
            json!({"wildcard": "a\\*b"}),
            json!(["a*b"]),
            json!(["axb", "ab"]),
        ),
        (
            json!({"wildcard": "greenlight/*"}),
            json!(["greenlight/d-1", "greenlight/"]),
            json!(["greenlight"]),
        ),
        (
            json!({"numeric": ["=", 3]}),
            json!([3, 3.0]),
            json!([2, "3", null]),
        ),
        (
            json!({"numeric": [">", 0, "<=", 5]}),
            json!([0.1, 5]),
            json!([0, 5.1]),
        ),
        (json!({"numeric": [">=", 2]}), json!([2, 3]), json!([1])),
        (
            json!(300),
            json!([300, 300.0, 3.0e2]),
            json!(["300", 301, 300.1, null, true]),
        ),
        (json!(-1.50), json!([-1.5, -15e-1]), json!([1.5, "-1.5"])),
        (json!(0), json!([0, 0.0, -0.0]), json!([false, null, ""])),
        // Beyond five billion a number is a word.
        (
            json!(6_000_000_000_u64),
            json!([6_000_000_000_u64]),
            json!([6.0e9]),
        ),
        (json!({"numeric": ["<", 2]}), json!([1]), json!([2])),
        (
            json!({"anything-but": "a"}),
            json!(["b", "", 1]),
            json!(["a"]),
        ),
        (json!({"anything-but": [""]}), json!(["1.4.2"]), json!([""])),
        (
            json!({"anything-but": ["a", "b"]}),
            json!(["c", 1, null]),
            json!(["a", "b"]),
        ),
        (
            json!({"anything-but": [1, 2]}),
            json!([3, "1", 5.0e10]),
            json!([1, 1.0, 2]),
        ),
        (
            json!({"cidr": "10.0.0.0/24"}),
            json!(["10.0.0.1", "10.0.0.255"]),
            json!(["10.0.1.0", "10.0.0", "::1", 10]),
        ),
        (
            json!({"cidr": "2001:db8::/32"}),
            json!(["2001:db8::1", "2001:0db8:ffff::"]),
            json!(["2001:db9::1", "10.0.0.1"]),
        ),
        (
            json!({"cidr": "0.0.0.0/0"}),
            json!(["10.0.0.1"]),
            json!(["::1"]),
        ),
        (
            json!({"anything-but": {"prefix": "sha-"}}),
            json!(["1.0"]),
            json!(["sha-1"]),
        ),
        (
            json!({"anything-but": {"suffix": ["-a", "-b"]}}),
            json!(["c"]),
            json!(["1-a", "1-b"]),
        ),
        (
            json!({"anything-but": {"wildcard": "*-dev"}}),
            json!(["prod"]),
            json!(["x-dev"]),
        ),
        (
            json!({"anything-but": {"equals-ignore-case": ["A", "b"]}}),
            json!(["c"]),
            json!(["a", "B"]),
        ),
    ] {
        let parsed = Matcher::parse(&matcher).unwrap();
        for value in matching.as_array().unwrap() {
            assert!(parsed.matches(value), "{matcher} should match {value}");
        }
        for value in others.as_array().unwrap() {
            assert!(!parsed.matches(value), "{matcher} should not match {value}");
        }
    }
}

#[test]
fn a_filter_that_eventbridge_refuses_is_an_error() {
    for (matcher, expected) in [
        (
            json!({"cidr": "10.0.0.0"}),
            "one '/' required (hint: `cidr` takes a network",
        ),
        (json!({"cidr": "10.0.0.0/33"}), "at most 32"),
        (
            json!({"exactly": 33}),
            "exactly match pattern must be a string",
        ),
        (json!({"anything-but": []}), "`anything-but` takes"),
        (json!({"anything-but": [true]}), "`anything-but` takes"),
        (json!({"anything-but": null}), "`anything-but` takes"),
        (
            json!({"anything-but": ["a", 1]}),
            "mixed type is not supported",
        ),
        (
            json!({"anything-but": {"prefix": ""}}),
            "Null prefix/suffix not allowed",
        ),
        (
            json!({"anything-but": {"suffix": ["a", ""]}}),
            "Null prefix/suffix not allowed",
        ),
        (
            json!({"anything-but": {"equals-ignore-case": [1]}}),
            "Inside anything-but/equals-ignore-case list",
        ),
        (
            json!({"anything-but": {"numeric": [">", 1]}}),
            "Unsupported anything-but pattern: numeric",
        ),
        (json!({"numeric": ["=", "1"]}), "Value of = must be numeric"),
        (
            json!({"numeric": ["<", 1, ">", 0]}),
            "Too many elements in numeric expression",
        ),
        (
            json!({"numeric": [">", 5, "<", 1]}),
            "Bottom must be less than top",
        ),
        (json!({"numeric": [">", 6.0e9]}), "between -5.0e9 and 5.0e9"),
        (json!({"wildcard": "a\\b"}), "is not followed by"),
        (json!({"equals-ignore-case": ["a"]}), "takes a string"),
        (
            json!({"prefix": {"suffix": "a"}}),
            "`prefix` takes a string or",
        ),
    ] {
        let error = Matcher::parse(&matcher).unwrap_err().to_string();
        assert!(error.contains(expected), "{matcher}: {error}");
    }
}
