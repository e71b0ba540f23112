//! What the stacks print is in the record, and is what a person takes from it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{BLUE_GREEN, GIVEN, ON_FARGATE, examples, rehearse_more, told};
use crate::scenarios::run::binaries;

/// The outputs of each stack, by its name.
fn outputs(record: &Value) -> BTreeMap<String, Value> {
    let stacks = record["stacks"].as_array().unwrap().iter();
    let named = stacks.map(|stack| {
        let name = stack["name"].as_str().unwrap().to_owned();
        (name, stack["outputs"].clone())
    });
    named.collect()
}

#[test]
fn the_printed_pipelines_are_played_as_they_are() {
    let parameters = [&GIVEN[..], &[BLUE_GREEN, ON_FARGATE]].concat();
    let output = rehearse_more(&examples(), &parameters, &["--json"]);
    assert!(output.status.success(), "{}", told(&output));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let outputs = outputs(&record);
    let names: Vec<&String> = outputs.keys().collect();
    assert_eq!(names, ["network", "repository", "service"]);
    // What only the made resource has is in it, too.
    let push_role = outputs["repository"]["PushRoleArn"].as_str().unwrap();
    assert!(push_role.starts_with("arn:aws:iam::"), "{push_role}");
    let url = outputs["service"]["Url"].as_str().unwrap();
    assert!(url.starts_with("http://") && !url.contains('«'), "{url}");
    let parameters_of_service = outputs["network"]["ServiceParameters"].as_str().unwrap();
    assert!(parameters_of_service.starts_with("Cluster=prod Capacity=FARGATE Vpc=vpc-"));
    for name in ["network", "service"] {
        let printed = outputs[name]["GreenlightParameters"].as_str().unwrap();
        assert!(
            printed.lines().all(|line| line.trim().ends_with("\",")),
            "{printed}"
        );
    }

    let file = binaries()
        .join("infrastructure")
        .join("printed-pipelines.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, outputs["service"]["Pipelines"].as_str().unwrap()).unwrap();
    let file = file.to_str().unwrap();
    let output = rehearse_more(&examples(), &parameters, &["--pipelines", file]);
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("stack `service`: outputs `GreenlightParameters`, `LoadBalancerName`, `Pipelines`, `Url`"), "{told}");
}
