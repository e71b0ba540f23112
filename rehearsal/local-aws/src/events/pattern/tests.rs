use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn check(pattern: Value, matching: &[Value], others: &[Value]) {
    let parsed = Pattern::parse(&pattern).unwrap();
    for event in matching {
        assert!(parsed.matches(event), "{pattern} should match {event}");
    }
    for event in others {
        assert!(!parsed.matches(event), "{pattern} should not match {event}");
    }
}

#[test]
fn values_are_matched_exactly() {
    check(
        json!({ "a": ["x", 1, true, null] }),
        &[
            json!({"a": "x"}),
            json!({"a": 1}),
            json!({"a": true}),
            json!({"a": null}),
            json!({"a": "x", "b": 2}),
        ],
        &[
            json!({"a": "X"}),
            json!({"a": "1"}),
            json!({"a": 2}),
            json!({"a": false}),
            json!({}),
            json!({"b": "x"}),
        ],
    );
    check(
        json!({"a": [300]}),
        &[json!({"a": 300}), json!({"a": 300.0}), json!({"a": 3.0e2})],
        &[json!({"a": 301}), json!({"a": 300.5}), json!({"a": "300"})],
    );
    check(
        json!({"a": [""]}),
        &[json!({"a": ""})],
        &[json!({"a": null}), json!({}), json!({"a": " "})],
    );
}

#[test]
fn every_field_must_match_and_nested_ones_too() {
    check(
        json!({ "source": ["aws.ecr"], "detail": { "result": ["SUCCESS"], "deep": { "er": [1] } } }),
        &[
            json!({"source": "aws.ecr", "detail": {"result": "SUCCESS", "deep": {"er": 1}, "more": 1}}),
        ],
        &[
            json!({"source": "aws.ecr", "detail": {"result": "SUCCESS"}}),
            json!({"source": "aws.ecs", "detail": {"result": "SUCCESS", "deep": {"er": 1}}}),
            json!({"source": "aws.ecr", "detail": "SUCCESS"}),
            json!({"source": "aws.ecr"}),
        ],
    );
}

#[test]
fn an_array_in_an_event_matches_by_any_of_its_elements() {
    check(
        json!({ "resources": ["b", {"prefix": "arn:"}] }),
        &[
            json!({"resources": ["a", "b"]}),
            json!({"resources": ["arn:1", "c"]}),
            json!({"resources": "b"}),
        ],
        &[json!({"resources": []}), json!({"resources": ["a"]})],
    );
    check(
        json!({ "containers": { "name": ["web"], "exitCode": [1] } }),
        &[
            json!({"containers": [{"name": "web", "exitCode": 1}, {"name": "proxy", "exitCode": 0}]}),
        ],
        &[
            json!({"containers": [{"name": "web", "exitCode": 0}, {"name": "proxy", "exitCode": 1}]}),
        ],
    );
}

#[test]
fn exists_sees_leaves_only() {
    let there = json!({ "detail": { "tag": [{"exists": true}] } });
    let not_there = json!({ "detail": { "tag": [{"exists": false}] } });
    let with = [
        json!({"detail": {"tag": ""}}),
        json!({"detail": {"tag": null}}),
        json!({"detail": {"tag": [1]}}),
    ];
    let without = [
        json!({"detail": {}}),
        json!({}),
        json!({"detail": {"tag": {"a": 1}}}),
        json!({"detail": {"tag": []}}),
    ];
    check(there, &with, &without);
    check(not_there, &without, &with);
    check(
        json!({"a": [{"exists": false}, "x"]}),
        &[json!({}), json!({"a": "x"})],
        &[json!({"a": "y"})],
    );
}

#[test]
fn fields_of_one_array_must_match_in_the_same_element() {
    let containers =
        json!({ "detail": { "containers": { "name": ["web"], "exitCode": [{"exists": true}] } } });
    check(
        containers,
        &[
            json!({"detail": {"containers": [{"name": "web", "exitCode": 0}, {"name": "proxy"}]}}),
            json!({"detail": {"containers": {"name": "web", "exitCode": 0}}}),
            json!({"detail": {"containers": [[{"name": "web", "exitCode": 0}]]}}),
        ],
        &[
            json!({"detail": {"containers": [{"name": "web"}, {"name": "proxy", "exitCode": 0}]}}),
            json!({"detail": {"containers": []}}),
        ],
    );
    // A field that must be absent must be so in every element.
    check(
        json!({ "containers": { "exitCode": [{"exists": false}] } }),
        &[json!({"containers": [{"name": "web"}]})],
        &[json!({"containers": [{"name": "web"}, {"exitCode": 1}]})],
    );
    // Two arrays are independent.
    check(
        json!({ "a": { "x": [1] }, "b": { "y": [1] } }),
        &[json!({"a": [{"x": 1}], "b": [{"y": 0}, {"y": 1}]})],
        &[json!({"a": [{"x": 0}], "b": [{"y": 1}]})],
    );
}

#[test]
fn examples_of_the_user_guide_match() {
    let event = json!({
        "version": "0", "id": "3e3c153a-8339-4e30-8c35-687ebef853fe", "detail-type": "EC2 Instance Launch Successful",
        "source": "aws.autoscaling", "account": "123456789012", "time": "2017-10-02T18:43:48Z", "region": "us-east-1",
        "resources": ["arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup", "arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f"],
        "detail": {
            "eventVersion": "", "responseElements": null, "state": "running", "c-count": 5, "d-count": 3,
            "x-limit": 301.8, "source-ip": "10.0.0.33", "FileName": "dir/a.png", "Location": "New York",
            "service": "EventBridge",
        },
    });
    for (pattern, wanted) in [
        (
            json!({"resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f", "arn:aws:ec2:us-east-1:111122223333:instance/i-b188560f"]}),
            true,
        ),
        (json!({"detail": {"eventVersion": [""]}}), true),
        (json!({"detail": {"responseElements": [null]}}), true),
        (json!({"detail": {"responseElements": [""]}}), false),
        (json!({"time": [{"prefix": "2017-10-02"}]}), true),
        (
            json!({"detail": {"service": [{"prefix": {"equals-ignore-case": "eventb"}}]}}),
            true,
        ),
        (json!({"detail": {"FileName": [{"suffix": ".png"}]}}), true),
        (
            json!({"detail": {"service": [{"suffix": {"equals-ignore-case": "tBridge"}}]}}),
            true,
        ),
        (
            json!({"detail": {"state": [{"anything-but": "initializing"}]}}),
            true,
        ),
        (
            json!({"detail": {"x-limit": [{"anything-but": 123}]}}),
            true,
        ),
        (
            json!({"detail": {"state": [{"anything-but": ["stopped", "running"]}]}}),
            false,
        ),
        (
            json!({"detail": {"x-limit": [{"anything-but": [100, 200, 300]}]}}),
            true,
        ),
        (
            json!({"detail": {"state": [{"anything-but": {"equals-ignore-case": "RUNNING"}}]}}),
            false,
        ),
        (
            json!({"detail": {"state": [{"anything-but": {"prefix": ["init", "run"]}}]}}),
            false,
        ),
        (
            json!({"detail": {"FileName": [{"anything-but": {"suffix": [".txt", ".rtf"]}}]}}),
            true,
        ),
        (
            json!({"detail": {"FileName": [{"anything-but": {"wildcard": "*/lib/*"}}]}}),
            true,
        ),
        (
            json!({"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}], "d-count": [{"numeric": ["<", 10]}], "x-limit": [{"numeric": ["=", 3.018e2]}]}}),
            true,
        ),
        (
            json!({"detail": {"source-ip": [{"cidr": "10.0.0.0/24"}]}}),
            true,
        ),
        (json!({"detail": {"state": [{"exists": true}]}}), true),
        (json!({"detail": {"c-count": [{"exists": false}]}}), false),
        (
            json!({"source": [{"equals-ignore-case": "AWS.AutoScaling"}]}),
            true,
        ),
        (
            json!({"detail": {"FileName": [{"wildcard": "dir/*.png"}]}}),
            true,
        ),
        (
            json!({"detail": {"$or": [{"c-count": [{"numeric": [">", 5]}]}, {"d-count": [{"numeric": ["<", 10]}]}, {"x-limit": [{"numeric": ["=", 3.018e2]}]}]}}),
            true,
        ),
        (
            json!({"detail": {"$or": [{"Location": ["Paris"]}, {"c-count": [6]}]}}),
            false,
        ),
    ] {
        assert_eq!(
            Pattern::parse(&pattern).unwrap().matches(&event),
            wanted,
            "{pattern}"
        );
    }
}

#[test]
fn one_pattern_of_an_or_must_match() {
    check(
        json!({ "source": ["s"], "$or": [{"a": [1]}, {"b": [{"numeric": [">", 5]}]}] }),
        &[
            json!({"source": "s", "a": 1}),
            json!({"source": "s", "b": 6}),
        ],
        &[
            json!({"source": "s", "a": 2}),
            json!({"source": "t", "a": 1}),
            json!({"source": "s"}),
        ],
    );
}

#[test]
fn an_invalid_pattern_is_refused_with_its_path() {
    for (pattern, expected) in [
        (json!({}), "Empty objects are not allowed"),
        (
            json!([1]),
            "Filter is not an object (hint: an event pattern is `[1]`",
        ),
        (
            json!({"source": "aws.ecr"}),
            "at `source`: \"source\" must be an object or an array (hint: write `[\"aws.ecr\"]`)",
        ),
        (
            json!({"detail": {"a": []}}),
            "at `detail`: at `a`: Empty arrays are not allowed",
        ),
        (
            json!({"a": [{"starts-with": "x"}]}),
            "at `a`: Unrecognized match type starts-with (hint: expected `prefix`",
        ),
        (
            json!({"a": [{"prefix": 1}]}),
            "at `a`: prefix match pattern must be a string (hint: `prefix` takes a string, not `1`)",
        ),
        (
            json!({"a": [{"numeric": [">"]}]}),
            "at `a`: Value of > must be numeric (hint: `numeric` takes",
        ),
        (
            json!({"a": [{"numeric": ["!=", 1]}]}),
            "at `a`: Unrecognized numeric range operator: !=",
        ),
        (
            json!({"a": [{"exists": "yes"}]}),
            "(hint: `exists` takes `true` or `false`, not `\"yes\"`)",
        ),
        (
            json!({"a": [{"wildcard": "a**b"}]}),
            "at `a`: Consecutive wildcard characters at pos 2 (hint: `wildcard` contains two `*` in a row",
        ),
        (
            json!({"a": [{"prefix": "a", "suffix": "b"}]}),
            "at `a`: Only one key allowed in match expression",
        ),
        (
            json!({"a": [["x"]]}),
            "(hint: `[\"x\"]` is not a value or a matcher",
        ),
        (
            json!({"$or": [{"a": [1]}, {}]}),
            "at `$or`: Empty objects are not allowed",
        ),
        (
            json!({"$or": [{"prefix": "a"}, {"b": [1]}]}),
            "at `$or`: Unrecognized match type b",
        ),
        (json!({"a": ["x".repeat(2048)]}), "expected at most 2048"),
        (
            json!({"$or": [{"a": [1]}, {"b": 1}]}),
            "at `$or`: at `b`: \"b\" must be an object or an array",
        ),
    ] {
        let error = format!("{:#}", Pattern::parse(&pattern).unwrap_err());
        assert!(error.contains(expected), "{pattern}: {error}");
    }
}

#[test]
fn the_number_of_combinations_is_limited() {
    let either = |name: &str| json!({ "$or": (0..11).map(|value| json!({name: [value]})).collect::<Vec<_>>() });
    let two = json!({ "a": either("x"), "b": either("y") });
    assert!(
        Pattern::parse(&two)
            .unwrap()
            .matches(&json!({"a": {"x": 10}, "b": {"y": 0}}))
    );
    let three = json!({ "a": either("x"), "b": either("y"), "c": either("z") });
    let error = Pattern::parse(&three).unwrap_err().to_string();
    assert!(error.contains("more than 1000 combinations"), "{error}");
}

#[test]
fn a_too_complex_pattern_is_refused_with_eventbridges_message() {
    for pattern in [
        json!({"resources": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}),
        json!({"detail": {"a": [{"anything-but": {"wildcard": "*a*a*a*a*a*a*b"}}]}}),
    ] {
        let error = format!("{:#}", Pattern::parse(&pattern).unwrap_err());
        assert!(
            error.contains(
                "Rule is too complex - try using fewer wildcard characters or fewer repeating"
            ),
            "{error}"
        );
    }
}

/// Small values with nested arrays, whose names contain no dots.
fn events() -> impl Strategy<Value = Value> {
    let leaf = (0..3_u8).prop_map(|number| json!(number));
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|members| json!(members)),
        ]
    })
}

/// Patterns for these values.
fn patterns() -> impl Strategy<Value = Value> {
    let field = prop_oneof![
        4 => proptest::collection::vec((0..3_u8).prop_map(|number| json!(number)), 1..3),
        1 => any::<bool>().prop_map(|exists| vec![json!({"exists": exists})]),
    ];
    let field = field.prop_map(Value::from);
    field.prop_recursive(3, 12, 3, |inner| {
        proptest::collection::btree_map("[abc]", inner, 1..4).prop_map(|members| json!(members))
    })
}

proptest! {
    #[test]
    fn the_walk_agrees_with_trying_everything(event in events(), pattern in patterns()) {
        prop_assume!(pattern.is_object());
        let parsed = Pattern::parse(&pattern).unwrap();
        let leaves = leaves::leaves(&event);
        let mut combinations = parsed.combinations.iter();
        let expected = combinations.any(|fields| {
            let mut fields: Vec<&Field> = fields.iter().collect();
            fields.sort_by_key(|field| &field.path);
            leaves::all_match(&fields, &leaves, &BTreeMap::new())
        });
        prop_assert_eq!(parsed.matches(&event), expected, "{} {}", pattern, event);
    }
}

#[test]
fn names_with_dots_are_tried_as_one_name_and_as_a_path() {
    check(
        json!({"a.b": [1]}),
        &[
            json!({"a": {"b": 1}}),
            json!({"a.b": 1}),
            json!({"a": {"b": 2}, "a.b": 1}),
        ],
        &[json!({"a": {"b": 2}}), json!({"b": 1})],
    );
}

/// A thousand values for each of six fields, none of which matches the last one: trying every combination would never
/// end.
#[test]
fn matching_many_arrays_takes_linear_time() {
    let many: Vec<u32> = (0..1_000).collect();
    let event = json!({"a": many, "b": many, "c": many, "d": many, "e": many, "f": many, "list": [{"a": many}, {"b": many}]});
    let any = json!([{"numeric": [">=", 0]}]);
    let pattern = json!({"a": any, "b": any, "c": any, "d": any, "e": any, "f": [-1], "list": {"a": any, "b": any}});
    check(pattern, &[], &[event]);
}
