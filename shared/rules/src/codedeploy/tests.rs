//! A deployment for the tests of this module.

use time::UtcDateTime;

use super::{Creator, Deployment, DeploymentStatus};
use crate::config::{Config, Pipeline};

/// A deployment with this description.
pub(crate) fn described(description: &str) -> Deployment {
    Deployment {
        id: "d-1".parse().unwrap(),
        application: "shop".parse().unwrap(),
        deployment_group: "shop-web".parse().unwrap(),
        status: DeploymentStatus::Succeeded,
        creator: Creator::Caller,
        description: Some(description.to_owned()),
        created_at: UtcDateTime::UNIX_EPOCH,
        completed_at: None,
        error: None,
        rolled_back_by: None,
        rolls_back: None,
        rolls_back_on_failure: None,
        app_spec_sha256: None,
    }
}

/// The pipelines of one service that follow these repositories.
pub(crate) fn pipelines(repositories: &[&str]) -> Vec<Pipeline> {
    let tables = repositories.iter().map(|repository| {
        format!(
            "[[pipeline]]\nname='{repository}'\nrepository='{repository}'\ntag='latest'\ncluster='prod'\nservice='web'\n"
        )
    });
    Config::parse(&tables.collect::<String>())
        .unwrap()
        .pipelines
}
