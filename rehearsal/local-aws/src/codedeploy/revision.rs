//! Application revisions: AppSpecs, stored by their SHA-256.

use std::time::SystemTime;

use super::{Deployment, State};

/// An AppSpec, identified by its SHA-256.
#[derive(Debug, Clone)]
pub struct ApplicationRevision {
    pub application: String,
    pub sha256: String,
    pub content: String,
    pub description: Option<String>,
    pub registered_at: SystemTime,
    /// `None` until a deployment uses it.
    pub used: Option<RevisionUse>,
}

#[derive(Debug, Clone)]
pub struct RevisionUse {
    pub groups: Vec<String>,
    pub first: SystemTime,
    pub last: SystemTime,
}

impl State {
    pub fn revision(&self, application: &str, sha256: &str) -> Option<&ApplicationRevision> {
        let mut revisions = self.revisions.iter();
        revisions.find(|known| known.application == application && known.sha256 == sha256)
    }

    /// Stores an AppSpec by its SHA-256.
    pub fn register_revision(
        &mut self,
        application: &str,
        (sha256, content): (&str, &str),
        description: Option<String>,
        now: SystemTime,
    ) {
        if self.revision(application, sha256).is_none() {
            self.revisions.push(ApplicationRevision {
                application: application.to_owned(),
                sha256: sha256.to_owned(),
                content: content.to_owned(),
                description,
                registered_at: now,
                used: None,
            });
        }
    }

    /// Stores a deployment's AppSpec and records its use.
    pub fn use_revision(&mut self, deployment: &Deployment, content: &str) {
        let (application, sha256) = (&deployment.application, &deployment.sha256);
        let now = deployment.created_at;
        // The wording of AWS's own samples.
        let description = format!(
            "Application revision registered by Deployment ID: {}",
            deployment.id
        );
        self.register_revision(application, (sha256, content), Some(description), now);
        let mut revisions = self.revisions.iter_mut();
        let known =
            revisions.find(|known| known.application == *application && known.sha256 == *sha256);
        let Some(revision) = known else { return };
        let used = revision.used.get_or_insert_with(|| RevisionUse {
            groups: Vec::new(),
            first: now,
            last: now,
        });
        used.last = now;
        if !used.groups.contains(&deployment.group) {
            used.groups.push(deployment.group.clone());
        }
    }
}
