//! Whether a pipeline fits the deployment group that it names.

use super::DeploymentGroup;
use crate::config::Pipeline;
use crate::names::TargetGroupName;

/// A pipeline that does not fit its deployment group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The deployment group deploys to another service.
    #[error(
        "deployment group `{group}` deploys to {given}, expected `{expected}` (hint: correct the pipeline's `deployment_group` or `service`)"
    )]
    Group {
        /// The group.
        group: String,
        /// Where it deploys to.
        given: String,
        /// The pipeline's service.
        expected: String,
    },
    /// A gate names a target group of another service, or of none.
    #[error(
        "deployment group `{group}` has the target groups {known}, and `{gate}.target_group` is `{given}`, expected one of them or none: \
         CodeDeploy deploys behind one load balancer"
    )]
    NoSuchTargetGroup {
        /// The group.
        group: String,
        /// Its target groups.
        known: String,
        /// The gate, as the file names it.
        gate: &'static str,
        /// What it names.
        given: TargetGroupName,
    },
    /// There is no listener to send test requests through.
    #[error(
        "deployment group `{group}` has no test listener, expected one for the requests of `test_traffic` \
         (hint: add a test listener to the group, or take the requests out of the pipeline)"
    )]
    NoTestListener {
        /// The group.
        group: String,
    },
}

/// Whether the pipeline fits the deployment group that it names.
///
/// # Errors
/// The first thing that does not.
pub fn fits(pipeline: &Pipeline, group: &DeploymentGroup) -> Result<(), Mismatch> {
    let name = &pipeline.codedeploy.deployment_group;
    let expected = pipeline.place();
    let given = group
        .service
        .as_ref()
        .map(|(cluster, service)| format!("{cluster}/{service}"));
    if given.as_ref() != Some(&expected) {
        return Err(Mismatch::Group {
            group: name.to_string(),
            given: given.map_or("no ECS service".to_owned(), |service| {
                format!("`{service}`")
            }),
            expected,
        });
    }
    if group.test_listener.is_none() && !pipeline.test_traffic.checks.requests.is_empty() {
        return Err(Mismatch::NoTestListener {
            group: name.to_string(),
        });
    }
    for (gate, traffic) in [
        ("test_traffic", Some(&pipeline.test_traffic.checks)),
        ("production_traffic", pipeline.production_traffic.as_ref()),
    ] {
        let named = traffic.and_then(|traffic| traffic.target_group.as_ref());
        let is_known = |named: &&TargetGroupName| {
            let mut known = group.target_groups.iter();
            known.any(|known| known == named.as_str())
        };
        if let Some(given) = named.filter(|named| !is_known(named)) {
            return Err(Mismatch::NoSuchTargetGroup {
                group: name.to_string(),
                known: group.target_groups.join(" and "),
                gate,
                given: given.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_target_group_that_a_gate_names_is_one_of_the_deployment_groups() {
        let group = DeploymentGroup {
            target_groups: vec!["shop-blue".to_owned(), "shop-green".to_owned()],
            service: Some(("prod".parse().unwrap(), "web".parse().unwrap())),
            production_listener: None,
            test_listener: Some(
                "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/web/1/2"
                    .parse()
                    .unwrap(),
            ),
            deployment_config: None,
            rolls_back: true,
            alarms: Vec::new(),
        };
        for (table, named, expected) in [
            ("test_traffic", "shop-blue", ""),
            ("test_traffic", "shop-green", ""),
            ("test_traffic", "api", "test_traffic"),
            ("production_traffic", "shop-green", ""),
            ("production_traffic", "api", "production_traffic"),
        ] {
            let text = format!(
                "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
                 [pipeline.{table}]\ntarget_group='{named}'\n[[pipeline.{table}.request]]\npath='/'\n"
            );
            let pipeline = Config::parse(&text).unwrap().pipelines.remove(0);
            let found = match fits(&pipeline, &group) {
                Err(Mismatch::NoSuchTargetGroup { gate, .. }) => gate,
                Err(other) => panic!("{other}"),
                Ok(()) => "",
            };
            assert_eq!(found, expected, "{table} {named}");
        }
    }
}
