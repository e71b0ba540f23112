//! Which account and Region an event is of: a bus may be fed from others.

use serde_json::Value;

use super::is_from_event_bridge;
use crate::config::Registry;
use crate::names::{AccountId, Region, TopicArn, shortened};

/// The account and Region of an event, beside those of the stack. An event that names neither, or a person's request, is of the
/// stack's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The event's account.
    account: String,
    /// The event's Region.
    region: String,
    /// The stack's account.
    own_account: String,
    /// The stack's Region.
    own_region: String,
}

impl Origin {
    /// Reads them, the stack's from the ARN of its topic.
    pub fn of(event: &Value, topic: &TopicArn) -> Self {
        let from_event_bridge = is_from_event_bridge(event);
        let named = |field: &str, own: &str| {
            let named = event.get(field).and_then(Value::as_str);
            named
                .filter(|_| from_event_bridge)
                .unwrap_or(own)
                .to_owned()
        };
        let (own_account, own_region) = (topic.account(), topic.region());
        Self {
            account: named("account", own_account),
            region: named("region", own_region),
            own_account: own_account.to_owned(),
            own_region: own_region.to_owned(),
        }
    }

    /// Why an event is not the stack's; none where it is.
    pub fn elsewhere(&self) -> Option<String> {
        let other = |what: &str, there: &str, here: &str| {
            (there != here).then(|| {
                format!(
                    "an event of the {what} `{}`, not `{here}`",
                    shortened(there)
                )
            })
        };
        other("account", &self.account, &self.own_account)
            .or_else(|| other("region", &self.region, &self.own_region))
    }

    /// Whether an event of ECR is of this registry.
    pub fn is_of(&self, registry: &Registry) -> bool {
        let account = registry.account.as_ref().map(AccountId::as_str);
        let region = registry.region.as_ref().map(Region::as_str);
        self.account == account.unwrap_or(&self.own_account)
            && self.region == region.unwrap_or(&self.own_region)
    }
}

/// The reason why an event is not of the stack's account and Region; none where it is.
pub fn other_account(event: &Value, topic: &TopicArn) -> Option<String> {
    Origin::of(event, topic).elsewhere()
}
