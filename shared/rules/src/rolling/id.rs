//! What a migration before a rolling update is called: by its service, and by the deployment that it is to replace.

use std::fmt;
use std::str::FromStr;

use crate::fnv;
use crate::names::{ClusterName, DeploymentId, ServiceName, StackName};

/// What `startedBy` of every migration task of a rolling service begins with; the migration's id follows.
pub const STARTED_BY: &str = "greenlight-rolling/";

/// Stands where the service has no deployment yet. ECS's ids are longer.
const NONE: &str = "none";

/// A service of a stack, in 16 hex digits: its names may have 255 characters each, and a schedule's has 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceKey(String);

impl ServiceKey {
    /// The key of a service.
    pub fn of(stack: &StackName, cluster: &ClusterName, service: &ServiceName) -> Self {
        // None of the names has a blank.
        let hash = fnv::hash(&format!("{stack} {cluster} {service}"));
        Self(format!("{hash:016x}"))
    }

    /// The name of the schedule that ends a migration of the service which takes too long. There is one for a service, so that only one
    /// start can make it: it is what keeps two migrations apart.
    pub fn schedule_name(&self) -> String {
        format!("greenlight-migration-rolling-{}", self.0)
    }
}

impl FromStr for ServiceKey {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        match text.len() == 16 && text.bytes().all(is_hex) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAnId),
        }
    }
}

/// A migration: of this service, before what replaces this deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationId {
    /// The service.
    pub service: ServiceKey,
    /// Its newest deployment when the migration was started; none where it had none.
    pub before: Option<DeploymentId>,
}

impl MigrationId {
    /// `startedBy` of the task: at most 128 characters of letters, digits, `-`, `/` and `_` (ECS API Reference, RunTask).
    pub fn started_by(&self) -> String {
        format!("{STARTED_BY}{self}")
    }

    /// RunTask's token: the same for every start from the same state. `last` is the number of the newest revision whose migration has
    /// ended, however it did: the next one is another migration.
    pub fn client_token(&self, last: Option<u32>) -> String {
        let state = format!("{self} {}", last.unwrap_or_default());
        format!("greenlight-rolling-{:016x}", fnv::hash(&state))
    }
}

/// The deployment as a word.
pub(super) fn word(before: Option<&DeploymentId>) -> &str {
    before.map_or(NONE, DeploymentId::as_str)
}

/// The deployment of a word.
pub(super) fn of_word(word: &str) -> Option<Option<DeploymentId>> {
    match word {
        NONE => Some(None),
        id => id.parse().ok().map(Some),
    }
}

impl fmt::Display for MigrationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}-{}",
            self.service.0,
            word(self.before.as_ref())
        )
    }
}

/// The text is not a migration's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not `<16 hex digits>-<service deployment>`")]
pub struct NotAnId;

impl FromStr for MigrationId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let (service, before) = text.split_once('-').ok_or(NotAnId)?;
        Ok(Self {
            service: service.parse()?,
            before: of_word(before).ok_or(NotAnId)?,
        })
    }
}
