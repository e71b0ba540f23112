//! What became of a storm, as far as the same seed gives the same: the order of what happened to each service.
//!
//! Moments are not the same to the second: functions and containers really run, and take the time that the machine gives
//! them. What a storm does waits for happenings and not for moments, so that the order mostly stays.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::record::Record;

/// By service: its deployments in order, then what people were told, in no order.
pub(super) fn of(record: &Record) -> BTreeMap<String, Vec<String>> {
    let mut story: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let services: BTreeMap<&str, &str> = record
        .deployments
        .iter()
        .map(|deployment| (deployment.id.as_str(), deployment.service.as_str()))
        .collect();
    for deployment in &record.deployments {
        let code = deployment.error.as_deref().unwrap_or_default();
        let line = format!(
            "{} by {} {} {}",
            digest(deployment.image_digest.as_deref()),
            deployment.creator,
            deployment.status,
            code.split(':').next().unwrap_or_default()
        );
        let lines = story.entry(deployment.service.clone()).or_default();
        lines.push(line.trim_end().to_owned());
    }
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in &record.messages {
        let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
        let of_deployment = || {
            let id = body["deployment_id"].as_str()?;
            services.get(id).copied()
        };
        let service = body["service"].as_str().or_else(of_deployment);
        let line = format!(
            "told {} {}",
            message.outcome(),
            digest(body["image"]["digest"].as_str())
        );
        let lines = told.entry(service.unwrap_or_default().to_owned());
        lines.or_default().push(line);
    }
    for (service, mut lines) in told {
        lines.sort();
        story.entry(service).or_default().extend(lines);
    }
    story
}

fn digest(digest: Option<&str>) -> &str {
    digest.and_then(|digest| digest.get(..19)).unwrap_or("-")
}
