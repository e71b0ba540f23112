//! Whether a log group exists.

use super::Logs;
use crate::call::{Call, CallFailed};

impl Logs {
    /// Whether there is a log group of this very name (DescribeLogGroups).
    pub async fn has_log_group(&self, name: &str) -> Result<bool, CallFailed> {
        let call = Call::new("logs:DescribeLogGroups", name);
        let mut pages = self
            .client
            .describe_log_groups()
            .log_group_name_prefix(name)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(error))?;
            // Names are in order, so that it is among the first of those that begin with it.
            if page
                .log_groups()
                .iter()
                .any(|group| group.log_group_name() == Some(name))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
