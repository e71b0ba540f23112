//! CloudWatch: whether alarms exist, and their states.

use rules::doctor::Alarm;
use serde_json::json;

use crate::Session;
use crate::call::{Call, CallFailed};
use crate::raw::Json;

/// What one call may name (CloudWatch API Reference, DescribeAlarms).
const NAMES_AT_MOST: usize = 100;

/// CloudWatch's operations.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    client: Json,
}

impl CloudWatch {
    /// A client of this session.
    pub fn new(session: &Session) -> Self {
        Self {
            client: Json::new(session, "monitoring", "GraniteServiceVersion20100801"),
        }
    }

    /// Those of these alarms that exist, metric and composite ones.
    pub async fn describe_alarms(&self, names: &[String]) -> Result<Vec<Alarm>, CallFailed> {
        let call = Call::new("cloudwatch:DescribeAlarms", names.join(", "));
        let mut found = Vec::new();
        for names in names.chunks(NAMES_AT_MOST) {
            let request = json!({ "AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 100 });
            let answer = self.client.ask(&call, "DescribeAlarms", &request).await?;
            let lists = [&answer["MetricAlarms"], &answer["CompositeAlarms"]];
            let alarms = lists
                .into_iter()
                .flat_map(|list| list.as_array().into_iter().flatten());
            found.extend(alarms.filter_map(|alarm| {
                Some(Alarm {
                    name: alarm["AlarmName"].as_str()?.to_owned(),
                    state: alarm["StateValue"].as_str().unwrap_or_default().to_owned(),
                })
            }));
        }
        Ok(found)
    }
}
