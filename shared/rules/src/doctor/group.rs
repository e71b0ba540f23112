//! A deployment group: its settings, its target groups and its alarms.

use serde_json::{Value, json};

use super::finding::{Checks, Read};
use crate::codedeploy::DeploymentGroup;
use crate::config::{Pipeline, Rollback};
use crate::counted::counted;
use crate::names::TargetGroupArn;

/// What a deployment group has beside [`DeploymentGroup`] (GetDeploymentGroup).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// ARN of the role with which CodeDeploy acts.
    pub service_role: Option<String>,
    /// How long green waits for a person, in minutes; none where it does not wait.
    pub ready_wait: Option<i32>,
    /// What becomes of blue after a deployment, where the group says it.
    pub blue: Option<BlueEnds>,
}

/// `terminateBlueInstancesOnDeploymentSuccess`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlueEnds {
    /// `TERMINATE`, `KEEP_ALIVE`.
    pub action: String,
    /// How long it stays until then, in minutes.
    pub wait: i32,
}

/// An alarm (DescribeAlarms).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA`.
    pub state: String,
}

/// A target group (DescribeTargetGroups).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// `ip`, `instance`, `lambda`, `alb`.
    pub target_type: String,
    /// `HTTP`, `HTTPS`, `TCP`, …
    pub protocol: String,
    /// Its VPC.
    pub vpc: Option<String>,
}

/// The group's settings, as far as no function refuses them.
pub fn group(
    checks: &mut Checks,
    pipeline: &Pipeline,
    group: &DeploymentGroup,
    settings: &GroupSettings,
) {
    let deploys = &pipeline.codedeploy;
    let (application, name) = (&deploys.application, &deploys.deployment_group);
    let update = format!(
        "aws deploy update-deployment-group --application-name {application} --current-deployment-group-name {name}"
    );
    match deploys.rollback {
        Rollback::Group if !group.rolls_back => checks.wrong(
            "rollback",
            format!(
                "deployment group `{name}` does not roll back a deployment that fails, and the pipeline leaves that to it (`rollback = \
                 \"group\"`): a failed deployment would leave the test listener on green, and CodeDeploy would refuse every later one"
            ),
            format!("{update} --auto-rollback-configuration enabled=true,events=DEPLOYMENT_FAILURE,DEPLOYMENT_STOP_ON_ALARM"),
        ),
        Rollback::Group | Rollback::Automatic => {}
    }
    if let Some(minutes) = settings.ready_wait {
        checks.doubt(
            "ready-wait",
            format!(
                "deployment group `{name}` waits up to {} for a person before production shifts, and then stops the \
                 deployment: Greenlight does not continue it",
                counted(minutes, "minute", "minutes")
            ),
            format!(
                "where nobody is to continue it:\n{update} --blue-green-deployment-configuration '{}'",
                without_wait(settings)
            ),
        );
    }
}

/// The group's structure without the wait, and with all else that it has: what a call leaves out of it, it may take away.
fn without_wait(settings: &GroupSettings) -> Value {
    let mut structure =
        json!({ "deploymentReadyOption": { "actionOnTimeout": "CONTINUE_DEPLOYMENT" } });
    if let Some(BlueEnds { action, wait }) = &settings.blue {
        structure["terminateBlueInstancesOnDeploymentSuccess"] =
            json!({ "action": action, "terminationWaitTimeInMinutes": wait });
    }
    structure
}

/// The alarms that stop a deployment; `named_by` says what names them, `remedy` how that is changed.
pub fn alarms(
    checks: &mut Checks,
    named_by: &str,
    names: &[String],
    found: &Read<Vec<Alarm>>,
    remedy: &str,
) {
    let found = match found {
        Read::Found(found) => found.as_slice(),
        Read::Absent => &[],
        Read::NotKnown(why) => {
            return checks.not_known(
                "alarms",
                &format!("whether the alarms of {named_by} exist is not known: {why}"),
            );
        }
    };
    for name in names {
        match found.iter().find(|alarm| alarm.name == *name) {
            None => checks.wrong(
                "alarms",
                format!("{named_by} names the alarm `{name}`, which does not exist: nothing would stop a deployment for it"),
                format!("make it (`aws cloudwatch put-metric-alarm`), or take it out:\n{remedy}"),
            ),
            Some(alarm) if alarm.state == "ALARM" => checks.doubt(
                "alarms",
                format!("the alarm `{name}` of {named_by} is in the state ALARM: it would end a deployment at once"),
                format!("aws cloudwatch describe-alarm-history --alarm-name {name}"),
            ),
            Some(_) => {}
        }
    }
}

/// The pair of target groups of a service; `serving` is the one that production's tasks are in, `network` the revision's network mode.
pub fn target_groups(
    checks: &mut Checks,
    named_by: &str,
    pair: &[(String, Read<TargetGroup>)],
    serving: Option<&TargetGroupArn>,
    network: Option<&str>,
) {
    const SUBJECT: &str = "target-groups";
    let mut found: Vec<&TargetGroup> = Vec::new();
    for (name, read) in pair {
        match read {
            Read::Found(group) => found.push(group),
            Read::Absent => checks.wrong(
                SUBJECT,
                format!("{named_by} names the target group `{name}`, which does not exist"),
                "name one of what `aws elbv2 describe-target-groups` lists there, or make it (`aws elbv2 create-target-group`)",
            ),
            Read::NotKnown(why) => checks.not_known(
                SUBJECT,
                &format!("the target group `{name}` of {named_by} is not known: {why}"),
            ),
        }
    }
    if found.len() < pair.len() {
        return;
    }
    let names: Vec<String> = found
        .iter()
        .map(|group| format!("`{}`", group.name))
        .collect();
    let are_two = found.len() == 2 && found[0].arn != found[1].arn;
    if !are_two {
        let given = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(" and ")
        };
        return checks.wrong(
            SUBJECT,
            format!("{named_by} has the target groups {given}, expected two different ones, for blue and for green"),
            "make the second one (`aws elbv2 create-target-group`), and name it there",
        );
    }
    if let Some(serving) = serving
        && found.iter().all(|group| group.arn != *serving)
    {
        let serving = serving.as_str().split('/').nth(1).unwrap_or_default();
        checks.wrong(
            SUBJECT,
            format!("{named_by} has the target groups {}, and production's tasks are in `{serving}`, expected one of the two", names.join(" and ")),
            format!("name `{serving}` there"),
        );
    }
    types_fit(checks, &found, network);
    let [blue, green] = [found[0], found[1]];
    for (what, one, other) in [
        ("protocols", Some(&blue.protocol), Some(&green.protocol)),
        ("VPCs", blue.vpc.as_ref(), green.vpc.as_ref()),
    ] {
        if let (Some(one), Some(other)) = (one, other)
            && one != other
        {
            checks.wrong(
                SUBJECT,
                format!("target groups `{}` and `{}` have different {what}, `{one}` and `{other}`: green could not take blue's place", blue.name, green.name),
                "make one like the one that serves (`aws elbv2 create-target-group`), in place of the other",
            );
        }
    }
}

/// How targets are registered follows from the network mode, and cannot be changed later.
fn types_fit(checks: &mut Checks, found: &[&TargetGroup], network: Option<&str>) {
    const SUBJECT: &str = "target-groups";
    let wanted = network.map(|mode| if mode == "awsvpc" { "ip" } else { "instance" });
    for group in found {
        if let Some(wanted) = wanted
            && group.target_type != wanted
        {
            checks.wrong(
                SUBJECT,
                format!(
                    "target group `{}` has targets of the type `{}`, and tasks in the network mode `{}` are registered by `{wanted}`",
                    group.name,
                    group.target_type,
                    network.unwrap_or_default()
                ),
                format!("make another one with `--target-type {wanted}` in its place (`aws elbv2 create-target-group`): the type of a target group cannot be changed"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn pipeline(more: &str) -> Pipeline {
        let file = format!(
            "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\napplication='shop'\n\
             deployment_group='dg'\n{more}"
        );
        Config::parse(&file).unwrap().pipelines.remove(0)
    }

    fn target_group(name: &str, target_type: &str, protocol: &str, vpc: &str) -> TargetGroup {
        TargetGroup {
            name: name.to_owned(),
            arn: arn(name),
            target_type: target_type.to_owned(),
            protocol: protocol.to_owned(),
            vpc: Some(vpc.to_owned()),
        }
    }

    fn arn(name: &str) -> TargetGroupArn {
        format!("arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/{name}/0123456789abcdef").parse().unwrap()
    }

    fn found(checks: &Checks) -> Vec<String> {
        let one = |one: &crate::doctor::Finding| {
            format!("{} {}: {}", one.subject, one.severity.code(), one.sentence)
        };
        checks.findings.iter().map(one).collect()
    }

    #[track_caller]
    fn check_pair(pair: &[TargetGroup], serving: &str, network: &str, expected: &[&str]) {
        let pair: Vec<_> = pair
            .iter()
            .map(|one| (one.name.clone(), Read::Found(one.clone())))
            .collect();
        let mut checks = Checks::default();
        let (serving, network) = (arn(serving), Some(network));
        target_groups(&mut checks, "the group", &pair, Some(&serving), network);
        assert_eq!(found(&checks), expected);
    }

    #[test]
    fn a_pair_is_two_groups_of_one_kind_one_of_which_serves() {
        let check = check_pair;
        let (blue, green) = (
            target_group("blue", "ip", "HTTP", "vpc-1"),
            target_group("green", "ip", "HTTP", "vpc-1"),
        );
        check(&[blue.clone(), green.clone()], "green", "awsvpc", &[]);
        check(
            &[blue.clone(), blue.clone()],
            "blue",
            "awsvpc",
            &[
                "target-groups wrong: the group has the target groups `blue` and `blue`, expected two different ones, for blue and for green",
            ],
        );
        check(
            &[],
            "blue",
            "awsvpc",
            &[
                "target-groups wrong: the group has the target groups none, expected two different ones, for blue and for green",
            ],
        );
        check(
            &[blue.clone(), green.clone()],
            "old",
            "awsvpc",
            &[
                "target-groups wrong: the group has the target groups `blue` and `green`, and production's tasks are in `old`, expected one of the two",
            ],
        );
        check(
            &[
                blue.clone(),
                target_group("green", "instance", "HTTP", "vpc-1"),
            ],
            "blue",
            "awsvpc",
            &[
                "target-groups wrong: target group `green` has targets of the type `instance`, and tasks in the network mode `awsvpc` are registered by `ip`",
            ],
        );
        check(
            &[blue.clone(), target_group("green", "ip", "HTTPS", "vpc-2")],
            "blue",
            "awsvpc",
            &[
                "target-groups wrong: target groups `blue` and `green` have different protocols, `HTTP` and `HTTPS`: green could not take blue's place",
                "target-groups wrong: target groups `blue` and `green` have different VPCs, `vpc-1` and `vpc-2`: green could not take blue's place",
            ],
        );
        let pair = [
            ("blue".to_owned(), Read::Found(blue)),
            ("gone".to_owned(), Read::Absent),
        ];
        let mut checks = Checks::default();
        target_groups(&mut checks, "the group", &pair, None, None);
        assert_eq!(
            found(&checks),
            ["target-groups wrong: the group names the target group `gone`, which does not exist"]
        );
    }

    #[test]
    fn alarms_exist_and_are_quiet() {
        let names = ["errors".to_owned(), "slow".to_owned()];
        let alarm = |name: &str, state: &str| Alarm {
            name: name.to_owned(),
            state: state.to_owned(),
        };
        let check = |read: Read<Vec<Alarm>>, expected: &[&str]| {
            let mut checks = Checks::default();
            alarms(&mut checks, "the group", &names, &read, "change it");
            assert_eq!(found(&checks), expected);
        };
        check(
            Read::Found(vec![
                alarm("errors", "OK"),
                alarm("slow", "INSUFFICIENT_DATA"),
            ]),
            &[],
        );
        check(
            Read::Found(vec![alarm("errors", "ALARM")]),
            &[
                "alarms doubt: the alarm `errors` of the group is in the state ALARM: it would end a deployment at once",
                "alarms wrong: the group names the alarm `slow`, which does not exist: nothing would stop a deployment for it",
            ],
        );
        check(
            Read::NotKnown("denied".to_owned()),
            &["alarms not_known: whether the alarms of the group exist is not known: denied"],
        );
    }

    #[test]
    fn a_group_rolls_back_where_the_pipeline_leaves_it_to_it() {
        let check = |more: &str, rolls_back: bool, ready_wait: Option<i32>, expected: &[&str]| {
            let of_group = DeploymentGroup {
                service: None,
                target_groups: Vec::new(),
                production_listener: None,
                test_listener: None,
                deployment_config: None,
                rolls_back,
                alarms: Vec::new(),
            };
            let settings = GroupSettings {
                ready_wait,
                blue: Some(BlueEnds {
                    action: "TERMINATE".to_owned(),
                    wait: 60,
                }),
                ..GroupSettings::default()
            };
            let mut checks = Checks::default();
            group(&mut checks, &pipeline(more), &of_group, &settings);
            let subjects: Vec<String> = checks
                .findings
                .iter()
                .map(|one| format!("{} {}", one.subject, one.severity.code()))
                .collect();
            assert_eq!(subjects, expected);
            for one in &checks.findings {
                let remedy = one.remedy.as_deref().unwrap_or_default();
                let keeps =
                    remedy.contains(r#"{"action":"TERMINATE","terminationWaitTimeInMinutes":60}"#);
                assert_eq!(keeps, one.subject == "ready-wait", "{remedy}");
            }
        };
        check("", false, None, &[]);
        check("rollback='group'", true, None, &[]);
        check("rollback='group'", false, None, &["rollback wrong"]);
        check("", true, Some(60), &["ready-wait doubt"]);
    }
}
