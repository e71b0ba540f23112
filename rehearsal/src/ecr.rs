//! ECR: repositories, images, tags that move, and which image a container's reference means.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::identity::{ACCOUNT, REGISTRY, sha256_hex};
use crate::world::{RepositorySettings, TagMutability};

/// The media type of an ordinary image's manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an ordinary image's configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The annotation of a manifest that says which version of a program it holds.
pub const OCI_VERSION: &str = "org.opencontainers.image.version";

/// An image that can be pushed.
#[derive(Debug, Clone)]
pub struct ImageSettings {
    pub repository: String,
    /// None: pushed by digest only.
    pub tags: Vec<String>,
    /// What people call it, and what its tasks say in their answers.
    pub version: String,
    /// The image's own `ENV`: `SAMPLE_VERSION`, `SAMPLE_MISBEHAVE`.
    pub environment: BTreeMap<String, String>,
    pub media_type: String,
    /// Absent for an image index.
    pub artifact_media_type: Option<String>,
}

impl ImageSettings {
    /// An ordinary image of the sample service.
    pub fn new(repository: &str, tags: &[&str], version: &str) -> ImageSettings {
        ImageSettings {
            repository: repository.to_owned(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            version: version.to_owned(),
            environment: BTreeMap::from([("SAMPLE_VERSION".to_owned(), version.to_owned())]),
            media_type: OCI_MANIFEST.to_owned(),
            artifact_media_type: Some(OCI_CONFIG.to_owned()),
        }
    }

    /// Sets the image's `SAMPLE_MISBEHAVE`.
    pub fn misbehaving(mut self, how: &str) -> ImageSettings {
        self.environment
            .insert("SAMPLE_MISBEHAVE".to_owned(), how.to_owned());
        self
    }

    /// `sha256:…`, the same for the same repository and version.
    pub fn digest(&self) -> String {
        format!("sha256:{}", sha256_hex(&self.manifest()))
    }

    /// A manifest without layers: what it stands for is the sample service in this version.
    fn manifest(&self) -> String {
        let content = format!(
            "sha256:{}",
            sha256_hex(&format!("{}:{}", self.repository, self.version))
        );
        let manifest = match &self.artifact_media_type {
            Some(artifact) => json!({
                "schemaVersion": 2,
                "mediaType": self.media_type,
                "config": { "mediaType": artifact, "digest": content, "size": 2 },
                "layers": [],
            }),
            None => json!({
                "schemaVersion": 2,
                "mediaType": self.media_type,
                "manifests": [{ "mediaType": OCI_MANIFEST, "digest": content, "size": 2 }],
            }),
        };
        manifest.to_string()
    }
}

/// An image in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub digest: String,
    pub tags: Vec<String>,
    pub pushed_at: SystemTime,
    pub media_type: String,
    pub artifact_media_type: Option<String>,
    pub manifest: String,
    /// None for a manifest that another client put, which nothing here can run.
    pub version: Option<String>,
    pub environment: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct Repository {
    pub name: String,
    pub tags: TagMutability,
    pub created_at: SystemTime,
    pub images: Vec<Image>,
}

/// What a container's image reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An image of the rehearsal's own repositories.
    Found(Box<Image>),
    /// It names our registry, and nothing there.
    Missing,
    /// An image of another registry: nothing here can run it.
    Foreign,
}

/// Why a push was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushRefused {
    NoSuchRepository,
    AlreadyExists,
    TagIsImmutable,
}

/// All repositories.
pub struct Ecr {
    repositories: Mutex<Vec<Repository>>,
}

impl Ecr {
    pub fn new(repositories: Vec<RepositorySettings>, now: SystemTime) -> Ecr {
        let create = |settings: RepositorySettings| Repository {
            name: settings.name,
            tags: settings.tags,
            created_at: now,
            images: Vec::new(),
        };
        Ecr {
            repositories: Mutex::new(repositories.into_iter().map(create).collect()),
        }
    }

    pub fn repositories(&self) -> Vec<Repository> {
        self.lock().clone()
    }

    pub fn repository(&self, name: &str) -> Option<Repository> {
        self.lock()
            .iter()
            .find(|repository| repository.name == name)
            .cloned()
    }

    /// One completed push: of an image under one tag, or by digest only.
    pub fn push(
        &self,
        image: &ImageSettings,
        tag: Option<&str>,
        now: SystemTime,
    ) -> Result<Image, PushRefused> {
        let pushed = Image {
            digest: image.digest(),
            tags: Vec::new(),
            pushed_at: now,
            media_type: image.media_type.clone(),
            artifact_media_type: image.artifact_media_type.clone(),
            manifest: image.manifest(),
            version: Some(image.version.clone()),
            environment: image.environment.clone(),
        };
        self.put(&image.repository, pushed, tag)
    }

    /// A push of a manifest as a client sends it. One that lies in the repository already is that image. One that says
    /// its version by OCI's annotation stands for the sample service in that version.
    pub fn put_manifest(
        &self,
        repository: &str,
        manifest: &str,
        media_type: Option<&str>,
        tag: Option<&str>,
        now: SystemTime,
    ) -> Result<Image, PushRefused> {
        let parsed: Value = serde_json::from_str(manifest).unwrap_or_default();
        let declared = media_type
            .or(parsed["mediaType"].as_str())
            .unwrap_or(OCI_MANIFEST);
        let version = parsed["annotations"][OCI_VERSION]
            .as_str()
            .map(ToOwned::to_owned);
        let environment = match &version {
            Some(version) => self.environment(repository, version),
            None => BTreeMap::new(),
        };
        let image = Image {
            digest: format!("sha256:{}", sha256_hex(manifest)),
            tags: Vec::new(),
            pushed_at: now,
            media_type: declared.to_owned(),
            artifact_media_type: parsed["config"]["mediaType"]
                .as_str()
                .map(ToOwned::to_owned),
            manifest: manifest.to_owned(),
            environment,
            version,
        };
        self.put(repository, image, tag)
    }

    /// The `ENV` of another version of what is in the repository, which need not misbehave as this one does.
    fn environment(&self, repository: &str, version: &str) -> BTreeMap<String, String> {
        let newest = self.repository(repository).and_then(|repository| {
            let own = |image: &&Image| image.version.is_some();
            repository.images.iter().rfind(own).cloned()
        });
        let mut environment = newest.map(|image| image.environment).unwrap_or_default();
        environment.remove("SAMPLE_MISBEHAVE");
        environment.insert("SAMPLE_VERSION".to_owned(), version.to_owned());
        environment
    }

    fn put(&self, repository: &str, image: Image, tag: Option<&str>) -> Result<Image, PushRefused> {
        let mut repositories = self.lock();
        let found = repositories
            .iter_mut()
            .find(|candidate| candidate.name == repository);
        found.ok_or(PushRefused::NoSuchRepository)?.put(image, tag)
    }

    /// The image that a task definition's `image` means.
    pub fn resolve(&self, reference: &str) -> Reference {
        let Some(path) = reference
            .strip_prefix(REGISTRY)
            .and_then(|rest| rest.strip_prefix('/'))
        else {
            return Reference::Foreign;
        };
        let (name, wanted) = match path.split_once('@') {
            Some((name, digest)) => (name.split(':').next().unwrap_or(name), digest),
            None => path.rsplit_once(':').unwrap_or((path, "latest")),
        };
        let repositories = self.lock();
        let repository = repositories
            .iter()
            .find(|repository| repository.name == name);
        match repository.and_then(|repository| repository.find(wanted)) {
            Some(image) => Reference::Found(Box::new(image.clone())),
            None => Reference::Missing,
        }
    }

    /// The version that an image reference stands for, where it is one of our own.
    pub fn version(&self, reference: &str) -> Option<String> {
        match self.resolve(reference) {
            Reference::Found(image) => image.version,
            Reference::Missing | Reference::Foreign => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Repository>> {
        self.repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repository {
    pub fn arn(&self) -> String {
        crate::identity::arn("ecr", &format!("repository/{}", self.name))
    }

    /// By digest or tag.
    pub fn find(&self, wanted: &str) -> Option<&Image> {
        self.images
            .iter()
            .find(|image| image.digest == wanted || image.tags.iter().any(|tag| tag == wanted))
    }

    fn put(&mut self, image: Image, tag: Option<&str>) -> Result<Image, PushRefused> {
        let tagged = tag
            .and_then(|tag| self.find(tag))
            .map(|holder| holder.digest.clone());
        let known = self
            .images
            .iter()
            .any(|candidate| candidate.digest == image.digest);
        match tagged {
            Some(holder) if holder == image.digest => return Err(PushRefused::AlreadyExists),
            Some(_) if self.tags == TagMutability::Immutable => {
                return Err(PushRefused::TagIsImmutable);
            }
            None if known && tag.is_none() => return Err(PushRefused::AlreadyExists),
            Some(_) | None => {}
        }
        if let Some(tag) = tag {
            self.images
                .iter_mut()
                .for_each(|candidate| candidate.tags.retain(|other| other != tag));
        }
        if !known {
            self.images.push(image.clone());
        }
        let Some(kept) = self
            .images
            .iter_mut()
            .find(|candidate| candidate.digest == image.digest)
        else {
            return Ok(image);
        };
        kept.tags.extend(tag.map(ToOwned::to_owned));
        Ok(kept.clone())
    }
}

/// The detail of the *ECR Image Action* event that a completed push gives.
pub fn push_event(repository: &str, image: &Image, tag: Option<&str>) -> Value {
    let mut detail = json!({
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": image.digest,
        "action-type": "PUSH",
        // Present and empty when there is no tag.
        "image-tag": tag.unwrap_or_default(),
        "manifest-media-type": image.media_type,
    });
    if let Some(artifact) = &image.artifact_media_type {
        detail["artifact-media-type"] = json!(artifact);
    }
    detail
}

/// ECR's sentence about a repository that does not exist.
pub fn no_such_repository(name: &str) -> String {
    format!("The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn ecr(tags: TagMutability) -> Ecr {
        Ecr::new(
            vec![RepositorySettings {
                name: "shop/web".to_owned(),
                tags,
            }],
            UNIX_EPOCH,
        )
    }

    fn image(version: &str) -> ImageSettings {
        ImageSettings::new("shop/web", &[], version)
    }

    #[test]
    fn tags_move_and_digests_stay() {
        let ecr = ecr(TagMutability::Mutable);
        let first = ecr
            .push(&image("1.0.0"), Some("latest"), UNIX_EPOCH)
            .unwrap();
        assert_eq!(
            ecr.push(&image("1.0.0"), Some("latest"), UNIX_EPOCH),
            Err(PushRefused::AlreadyExists)
        );
        assert_eq!(
            ecr.push(&image("1.0.0"), None, UNIX_EPOCH),
            Err(PushRefused::AlreadyExists)
        );
        let second = ecr
            .push(&image("1.1.0"), Some("latest"), UNIX_EPOCH)
            .unwrap();
        let repository = ecr.repository("shop/web").unwrap();
        assert_eq!(repository.find("latest").unwrap().digest, second.digest);
        assert_eq!(repository.find(&first.digest).unwrap().tags, [""; 0]);
        let retagged = ecr
            .put_manifest(
                "shop/web",
                &second.manifest,
                None,
                Some("stable"),
                UNIX_EPOCH,
            )
            .unwrap();
        assert_eq!(retagged.tags, ["latest", "stable"]);
        assert_eq!(retagged.version.as_deref(), Some("1.1.0"));
        assert_eq!(
            ecr.push(&ImageSettings::new("x", &[], "1"), None, UNIX_EPOCH),
            Err(PushRefused::NoSuchRepository)
        );
    }

    #[test]
    fn an_immutable_tag_stays_where_it_is() {
        let ecr = ecr(TagMutability::Immutable);
        ecr.push(&image("1.0.0"), Some("v1"), UNIX_EPOCH).unwrap();
        assert_eq!(
            ecr.push(&image("1.1.0"), Some("v1"), UNIX_EPOCH),
            Err(PushRefused::TagIsImmutable)
        );
        assert!(ecr.push(&image("1.1.0"), Some("v2"), UNIX_EPOCH).is_ok());
    }

    #[test]
    fn references_by_tag_and_digest() {
        let ecr = ecr(TagMutability::Mutable);
        let digest = ecr
            .push(&image("1.0.0"), Some("latest"), UNIX_EPOCH)
            .unwrap()
            .digest;
        let ours = format!("{REGISTRY}/shop/web");
        let cases = [
            (format!("{ours}:latest"), Some("1.0.0")),
            (ours.clone(), Some("1.0.0")),
            (format!("{ours}@{digest}"), Some("1.0.0")),
            (format!("{ours}:1.0.0@{digest}"), Some("1.0.0")),
            (format!("{ours}:other"), None),
            (format!("{REGISTRY}/shop/other:latest"), None),
            ("public.ecr.aws/xray/daemon:latest".to_owned(), None),
        ];
        for (reference, version) in cases {
            assert_eq!(ecr.version(&reference).as_deref(), version, "{reference}");
        }
        assert_eq!(ecr.resolve("nginx"), Reference::Foreign);
        assert_eq!(ecr.resolve(&format!("{ours}:other")), Reference::Missing);
    }

    #[test]
    fn an_untagged_index_has_an_empty_tag_and_no_artifact() {
        let mut index = image("1.0.0");
        index.artifact_media_type = None;
        let pushed = ecr(TagMutability::Mutable)
            .push(&index, None, UNIX_EPOCH)
            .unwrap();
        let detail = push_event("shop/web", &pushed, None);
        assert_eq!(detail["image-tag"], "");
        assert_eq!(detail.get("artifact-media-type"), None);
    }
}
