//! DescribeRules.

use aws::elb::Elb;
use rules::names::{ListenerArn, TargetGroupArn};
use rules::observed::{ListenerRule, RuleAction, RuleCondition};

use crate::others::{LISTENER, TARGET_GROUP, form, pairs, xml};
use crate::server::Server;

/// Two pages, every kind of condition and action in both of the forms that ELB gives them.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table, a case a line")]
async fn rules_come_with_conditions_and_weights_from_every_page() {
    let page = |rules: &str, marker: &str| {
        format!(
            "<DescribeRulesResponse><DescribeRulesResult><Rules>{rules}</Rules>{marker}</DescribeRulesResult>\
             </DescribeRulesResponse>"
        )
    };
    let list = |name: &str, values: &[&str]| {
        let members: String = values
            .iter()
            .map(|value| format!("<member>{value}</member>"))
            .collect();
        format!("<{name}>{members}</{name}>")
    };
    let rule = |priority: &str, conditions: &str, actions: &str| {
        format!(
            "<member><Priority>{priority}</Priority><Conditions>{conditions}</Conditions><Actions>{actions}</Actions></member>"
        )
    };
    let condition =
        |field: &str, rest: &str| format!("<member><Field>{field}</Field>{rest}</member>");
    let values = |values: &[&str]| list("Values", values);
    let weighted = format!(
        "<member><Type>forward</Type><Order>2</Order><ForwardConfig><TargetGroups><member>\
         <TargetGroupArn>{TARGET_GROUP}</TargetGroupArn><Weight>0</Weight></member><member>\
         <TargetGroupArn>{TARGET_GROUP}</TargetGroupArn></member></TargetGroups></ForwardConfig></member>\
         <member><Type>authenticate-oidc</Type><Order>1</Order></member>\
         <member><Type>authenticate-cognito</Type><Order>1</Order><AuthenticateCognitoConfig>\
         <OnUnauthenticatedRequest>allow</OnUnauthenticatedRequest></AuthenticateCognitoConfig></member>"
    );
    let conditions = [
        condition("host-header", &values(&["a.example.com"])),
        condition(
            "host-header",
            &format!(
                "<HostHeaderConfig>{}</HostHeaderConfig>",
                values(&["b.*", "c.*"])
            ),
        ),
        condition(
            "path-pattern",
            &format!(
                "<PathPatternConfig>{}</PathPatternConfig>",
                list("RegexValues", &["^/a$"])
            ),
        ),
        condition("path-pattern", &values(&["/orders*"])),
        condition(
            "http-header",
            &format!(
                "<HttpHeaderConfig><HttpHeaderName>X-Test</HttpHeaderName>{}</HttpHeaderConfig>",
                values(&["1"])
            ),
        ),
        condition(
            "query-string",
            "<QueryStringConfig><Values><member><Key>v</Key><Value>1</Value></member><member><Value>2</Value></member>\
             </Values></QueryStringConfig>",
        ),
        condition(
            "http-request-method",
            &format!(
                "<HttpRequestMethodConfig>{}</HttpRequestMethodConfig>",
                values(&["GET"])
            ),
        ),
        condition(
            "source-ip",
            &format!(
                "<SourceIpConfig>{}</SourceIpConfig>",
                values(&["10.0.0.0/8"])
            ),
        ),
    ];
    let first = page(
        &rule("7", &conditions.concat(), &weighted),
        "<NextMarker>more</NextMarker>",
    );
    let single = format!(
        "<member><Type>forward</Type><TargetGroupArn>{TARGET_GROUP}</TargetGroupArn></member>"
    );
    let last = page(&rule("default", "", &single), "");
    let server = Server::answering([xml(200, &first), xml(200, &last)]).await;
    let arn: ListenerArn = LISTENER.parse().unwrap();
    let found = Elb::new(&server.session()).describe_rules(&arn).await;
    let asked = form(&server.requests()[1].body);
    let expected = pairs(&[
        ("Action", "DescribeRules"),
        ("Version", "2015-12-01"),
        ("ListenerArn", LISTENER),
        ("Marker", "more"),
    ]);
    assert_eq!(asked, expected);
    let group: TargetGroupArn = TARGET_GROUP.parse().unwrap();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let expected = vec![
        ListenerRule {
            priority: "7".to_owned(),
            conditions: vec![
                RuleCondition::Host(texts(&["a.example.com"])),
                RuleCondition::Host(texts(&["b.*", "c.*"])),
                RuleCondition::Unknown("path-pattern".to_owned()),
                RuleCondition::Path(texts(&["/orders*"])),
                RuleCondition::Header {
                    name: "X-Test".to_owned(),
                    values: texts(&["1"]),
                },
                RuleCondition::Query(vec![
                    (Some("v".to_owned()), "1".to_owned()),
                    (None, "2".to_owned()),
                ]),
                RuleCondition::Method(texts(&["GET"])),
                RuleCondition::Unknown("source-ip".to_owned()),
            ],
            actions: vec![
                RuleAction::Other("authenticate-oidc".to_owned()),
                RuleAction::Forward(vec![(group.clone(), 0), (group.clone(), 1)]),
            ],
            sticks_for: None,
        },
        ListenerRule {
            priority: "default".to_owned(),
            conditions: Vec::new(),
            actions: vec![RuleAction::Forward(vec![(group, 1)])],
            sticks_for: None,
        },
    ];
    assert_eq!(found, Ok(expected));
}

#[tokio::test]
async fn one_rule_is_asked_for_by_its_arn() {
    let rule = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/web/0a1b/2c3d/4e5f";
    let body = format!(
        "<DescribeRulesResponse><DescribeRulesResult><Rules><member><Priority>10</Priority><Conditions/><Actions><member>\
         <Type>forward</Type><TargetGroupArn>{TARGET_GROUP}</TargetGroupArn></member></Actions></member></Rules>\
         </DescribeRulesResult></DescribeRulesResponse>"
    );
    let server = Server::answering([xml(200, &body)]).await;
    let found = Elb::new(&server.session())
        .describe_rule(&rule.parse().unwrap())
        .await;
    let asked = form(&server.requests()[0].body);
    let expected = pairs(&[
        ("Action", "DescribeRules"),
        ("Version", "2015-12-01"),
        ("RuleArns.member.1", rule),
    ]);
    assert_eq!(asked, expected);
    let group: TargetGroupArn = TARGET_GROUP.parse().unwrap();
    let expected = ListenerRule {
        priority: "10".to_owned(),
        conditions: Vec::new(),
        actions: vec![RuleAction::Forward(vec![(group, 1)])],
        sticks_for: None,
    };
    assert_eq!(found, Ok(expected));
}
