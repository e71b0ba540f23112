//! Secrets Manager: secrets with their versions, and the keys that encrypt them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::context::Context;

/// The label of the version that is read where none is named.
const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was current before.
const PREVIOUS: &str = "AWSPREVIOUS";

/// All secrets of the account.
pub struct SecretsManager {
    context: Context,
    secrets: Mutex<Vec<Secret>>,
}

/// A secret that is there from the beginning.
#[derive(Debug, Clone)]
pub struct SecretSettings {
    /// Its whole ARN, with the hyphen and six characters that Secrets Manager adds to the name.
    pub arn: String,
    pub text: String,
    pub key: KmsKey,
}

/// What encrypts a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KmsKey {
    /// `aws/secretsmanager`, which every principal of the account may use.
    #[default]
    AwsManaged,
    /// A key of the account's, by its ARN: who reads the secret needs `kms:Decrypt` on it.
    Own(String),
    /// One that is disabled: nobody can read the secret.
    Disabled(String),
}

/// A secret and its versions.
#[derive(Debug, Clone)]
pub struct Secret {
    pub arn: String,
    pub name: String,
    pub key: KmsKey,
    pub versions: Vec<Version>,
    /// When its deletion was scheduled.
    pub deleted_at: Option<SystemTime>,
}

/// One version of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Version {
    pub id: String,
    pub content: Content,
    pub stages: Vec<String>,
    pub created_at: SystemTime,
}

/// What a version holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// In base64.
    Binary(String),
}

/// What a caller names a version by; without either it is the current one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub id: Option<&'a str>,
    pub stage: Option<&'a str>,
}

/// Why Secrets Manager does not give a secret, with its sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("Secrets Manager can't find the specified secret.")]
    NoSecret,
    #[error("Secrets Manager can't find the specified secret value for {0}")]
    NoVersion(String),
    /// Recorded of a secret whose deletion is scheduled.
    #[error("You can't perform this operation on the secret because it was marked for deletion.")]
    Deleted,
    #[error("You provided a VersionStage that is not associated to the provided VersionId.")]
    OtherStage,
    /// The model's own description of the error.
    #[error("Secrets Manager can't decrypt the protected secret text using the provided KMS key.")]
    CannotDecrypt,
    #[error("The operation failed because the secret {0} already exists.")]
    Exists(String),
}

impl Refused {
    /// The error's code.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::NoSecret | Refused::NoVersion(_) => "ResourceNotFoundException",
            Refused::Deleted | Refused::OtherStage => "InvalidRequestException",
            Refused::CannotDecrypt => "DecryptionFailure",
            Refused::Exists(_) => "ResourceExistsException",
        }
    }
}

impl SecretsManager {
    pub fn new(context: Context) -> SecretsManager {
        SecretsManager {
            context,
            secrets: Mutex::default(),
        }
    }

    /// Keeps a secret that is there from the beginning.
    pub fn keep(&self, settings: SecretSettings) {
        let (_, resource) = settings.arn.split_once(":secret:").unwrap_or_default();
        let name = resource.rsplit_once('-').map_or(resource, |(name, _)| name);
        let version = self.version(Content::Text(settings.text), None);
        self.lock().push(Secret {
            name: name.to_owned(),
            arn: settings.arn,
            key: settings.key,
            versions: vec![version],
            deleted_at: None,
        });
    }

    /// Creates a secret, with its first version if it has content. Returns it.
    pub fn create(
        &self,
        name: &str,
        key: KmsKey,
        content: Option<Content>,
        token: Option<&str>,
    ) -> Result<Secret, Refused> {
        let suffix: String = self.context.ids.hexadecimal().chars().take(6).collect();
        let arn = crate::identity::arn("secretsmanager", &format!("secret:{name}-{suffix}"));
        let first = content.map(|content| self.version(content, token));
        let mut secrets = self.lock();
        if let Some(known) = secrets.iter().find(|secret| secret.name == name) {
            return Err(match known.deleted_at {
                // A name is free again when the secret is gone for good.
                Some(_) => Refused::Deleted,
                None => Refused::Exists(name.to_owned()),
            });
        }
        let secret = Secret {
            arn,
            name: name.to_owned(),
            key,
            versions: first.into_iter().collect(),
            deleted_at: None,
        };
        secrets.push(secret.clone());
        Ok(secret)
    }

    /// Adds a version, which becomes the current one. Returns the secret's ARN and name, and the version.
    pub fn put(
        &self,
        secret_id: &str,
        content: Content,
        token: Option<&str>,
    ) -> Result<(Secret, Version), Refused> {
        let version = self.version(content, token);
        let mut secrets = self.lock();
        let secret = secrets.iter_mut().find(|secret| secret.is(secret_id));
        let secret = secret.ok_or(Refused::NoSecret)?;
        if secret.deleted_at.is_some() {
            return Err(Refused::Deleted);
        }
        for known in &mut secret.versions {
            known.stages.retain(|stage| stage != PREVIOUS);
            for stage in &mut known.stages {
                if stage == CURRENT {
                    PREVIOUS.clone_into(stage);
                }
            }
        }
        secret.versions.push(version.clone());
        Ok((secret.clone(), version))
    }

    /// Schedules a secret's deletion. Returns it.
    pub fn delete(&self, secret_id: &str) -> Result<Secret, Refused> {
        let now = self.context.clock.now();
        let mut secrets = self.lock();
        let secret = secrets.iter_mut().find(|secret| secret.is(secret_id));
        let secret = secret.ok_or(Refused::NoSecret)?;
        secret.deleted_at.get_or_insert(now);
        Ok(secret.clone())
    }

    /// A secret and the version that is named of it.
    pub fn value(&self, secret_id: &str, wanted: Wanted<'_>) -> Result<(Secret, Version), Refused> {
        let secret = self.secret(secret_id).ok_or(Refused::NoSecret)?;
        if secret.deleted_at.is_some() {
            return Err(Refused::Deleted);
        }
        let version = secret.named(wanted)?.clone();
        match &secret.key {
            KmsKey::Disabled(_) => Err(Refused::CannotDecrypt),
            KmsKey::AwsManaged | KmsKey::Own(_) => Ok((secret, version)),
        }
    }

    /// A secret by its ARN or name.
    pub fn secret(&self, secret_id: &str) -> Option<Secret> {
        let secrets = self.lock();
        let mut all = secrets.iter();
        all.find(|secret| secret.is(secret_id)).cloned()
    }

    /// (name, text) of every version that has text, for who looks whether one was told.
    pub fn texts(&self) -> Vec<(String, String)> {
        let secrets = self.lock();
        let texts = secrets.iter().flat_map(|secret| {
            let texts = secret.versions.iter().map(|version| &version.content);
            texts.filter_map(|content| match content {
                Content::Text(text) => Some((secret.name.clone(), text.clone())),
                Content::Binary(_) => None,
            })
        });
        texts.collect()
    }

    fn version(&self, content: Content, token: Option<&str>) -> Version {
        Version {
            id: token.map_or_else(|| self.context.ids.uuid(), str::to_owned),
            content,
            stages: vec![CURRENT.to_owned()],
            created_at: self.context.clock.now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Secret>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secret {
    /// By its name, its ARN, or its ARN without the characters that Secrets Manager has added.
    fn is(&self, secret_id: &str) -> bool {
        let partial = self.arn.rsplit_once('-').map(|(partial, _)| partial);
        [Some(self.name.as_str()), Some(self.arn.as_str()), partial].contains(&Some(secret_id))
    }

    fn named(&self, wanted: Wanted<'_>) -> Result<&Version, Refused> {
        let has = |version: &&Version, stage: &str| version.stages.iter().any(|one| one == stage);
        let mut versions = self.versions.iter();
        let Some(id) = wanted.id else {
            let stage = wanted.stage.unwrap_or(CURRENT);
            let found = versions.find(|version| has(version, stage));
            return found.ok_or_else(|| Refused::NoVersion(format!("staging label: {stage}")));
        };
        let found = versions.find(|version| version.id == id);
        let found = found.ok_or_else(|| Refused::NoVersion(format!("VersionId: {id}")))?;
        match wanted.stage {
            Some(stage) if !has(&found, stage) => Err(Refused::OtherStage),
            Some(_) | None => Ok(found),
        }
    }
}

/// Its content is not shown.
impl std::fmt::Debug for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {:?}", self.id, self.stages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assumption::Assumptions;
    use crate::clock::Clock;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/token-AbCdEf";

    fn manager(key: KmsKey) -> SecretsManager {
        let context = Context::new(Clock::start(), Assumptions::default());
        let manager = SecretsManager::new(context);
        manager.keep(SecretSettings {
            arn: ARN.to_owned(),
            text: "first".to_owned(),
            key,
        });
        manager
    }

    fn read(manager: &SecretsManager, id: &str, wanted: Wanted<'_>) -> Result<String, Refused> {
        manager
            .value(id, wanted)
            .map(|(_, version)| match version.content {
                Content::Text(text) | Content::Binary(text) => text,
            })
    }

    #[tokio::test]
    async fn a_secret_is_found_by_name_and_arn_and_its_versions_by_label_and_id() {
        let manager = manager(KmsKey::AwsManaged);
        let first = manager.secret(ARN).unwrap().versions[0].id.clone();
        manager
            .put("shop/token", Content::Text("second".to_owned()), None)
            .unwrap();
        let (by_stage, by_id) = (
            |stage| Wanted {
                id: None,
                stage: Some(stage),
            },
            |id, stage| Wanted {
                id: Some(id),
                stage,
            },
        );
        let of = |id: &str, wanted| read(&manager, id, wanted);
        for id in [ARN, "shop/token", ARN.trim_end_matches("-AbCdEf")] {
            assert_eq!(of(id, Wanted::default()).as_deref(), Ok("second"), "{id}");
        }
        assert_eq!(of(ARN, by_stage("AWSPREVIOUS")).as_deref(), Ok("first"));
        assert_eq!(of(ARN, by_id(&first, None)).as_deref(), Ok("first"));
        let stage = Some("AWSCURRENT");
        assert_eq!(of(ARN, by_id(&first, stage)), Err(Refused::OtherStage));
        for (id, wanted, said) in [
            (
                "shop/other",
                Wanted::default(),
                "can't find the specified secret.",
            ),
            (
                ARN,
                by_stage("blue"),
                "secret value for staging label: blue",
            ),
            (ARN, by_id("none", None), "secret value for VersionId: none"),
        ] {
            let refused = of(id, wanted).unwrap_err();
            assert_eq!(refused.code(), "ResourceNotFoundException");
            assert!(refused.to_string().ends_with(said), "{refused}");
        }
        manager.delete(ARN).unwrap();
        assert_eq!(of(ARN, Wanted::default()), Err(Refused::Deleted));
    }

    #[tokio::test]
    async fn nobody_reads_a_secret_whose_key_is_disabled() {
        let manager = manager(KmsKey::Disabled("arn:aws:kms:key".to_owned()));
        let refused = read(&manager, ARN, Wanted::default()).unwrap_err();
        assert_eq!(refused.code(), "DecryptionFailure");
        let missing = Wanted {
            id: Some("none"),
            stage: None,
        };
        assert!(matches!(
            read(&manager, ARN, missing),
            Err(Refused::NoVersion(_))
        ));
    }
}
