//! ECR: repositories, images, tags that move, and the resolution of image references.
//!
//! Layers are not simulated: those of a manifest count as uploaded.

mod image_status;
mod mutability;
mod policy;
mod push;
mod settings;
mod storage;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::Value;

use self::settings::digest;
use crate::identity::Location;

pub use self::image_status::{ImageStatus, StorageClass};
pub use self::mutability::TagMutability;
pub use self::policy::RepositoryPolicy;
pub use self::push::{Ecr, push_event};
pub use self::settings::{
    Attestations, ImageSettings, IndexSettings, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, OCI_VERSION,
    RepositorySettings,
};

/// An image in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub digest: String,
    pub tags: Vec<String>,
    /// The time of its first push. Adding a tag does not change it (observed: aws/containers-roadmap#2746).
    pub pushed_at: SystemTime,
    pub media_type: String,
    pub artifact_media_type: Option<String>,
    pub manifest: String,
    /// `None` for a manifest from another client, which cannot run here.
    pub version: Option<String>,
    pub environment: BTreeMap<String, String>,
    pub status: ImageStatus,
    /// When it was archived and restored last.
    pub archived_at: Option<SystemTime>,
    pub activated_at: Option<SystemTime>,
}

impl Image {
    /// For an index, the digest of the manifest that the rehearsal runs: its first one.
    pub fn platform_digest(&self) -> Option<String> {
        let manifest: Value = serde_json::from_str(&self.manifest).ok()?;
        let first = manifest["manifests"].get(0)?;
        first["digest"].as_str().map(ToOwned::to_owned)
    }
}

#[derive(Debug, Clone)]
pub struct Repository {
    /// The account and Region of its registry.
    pub registry: Location,
    pub name: String,
    pub tags: TagMutability,
    pub created_at: SystemTime,
    pub images: Vec<Image>,
    pub policy: Option<RepositoryPolicy>,
    /// The text of its lifecycle policy, which is not carried out.
    pub lifecycle: Option<String>,
}

/// The result of resolving a container's image reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An image in one of the rehearsal's repositories.
    Found(Box<Image>),
    /// It names a registry of the rehearsal, but no image in it.
    Missing,
    /// The repository of another account does not let the task pull it.
    Forbidden,
    /// An image of another registry, which cannot run here.
    Foreign,
}

/// Why a push was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushRefused {
    #[error("the repository does not exist")]
    NoSuchRepository,
    /// The image exists with this tag, if one was given, so nothing would change.
    #[error("the image is there already, under this tag")]
    AlreadyExists,
    #[error("the tag is immutable")]
    TagIsImmutable,
    /// The index refers to manifests that are not in the repository.
    #[error("the index refers to manifests that are not in the repository")]
    ChildrenMissing,
}

impl Image {
    /// A manifest as a client sends it, before it is in a repository.
    pub fn read(manifest: &str, media_type: Option<&str>, now: SystemTime) -> Image {
        let parsed: Value = serde_json::from_str(manifest).unwrap_or_default();
        let declared = media_type
            .or(parsed["mediaType"].as_str())
            .unwrap_or(OCI_MANIFEST);
        let artifact = parsed["config"]["mediaType"].as_str();
        Image {
            digest: digest(manifest),
            tags: Vec::new(),
            pushed_at: now,
            media_type: declared.to_owned(),
            artifact_media_type: artifact.map(ToOwned::to_owned),
            manifest: manifest.to_owned(),
            version: parsed["annotations"][OCI_VERSION]
                .as_str()
                .map(ToOwned::to_owned),
            environment: BTreeMap::new(),
            status: ImageStatus::Active,
            archived_at: None,
            activated_at: None,
        }
    }

    /// The digests that an index refers to.
    fn children(&self) -> Vec<String> {
        let parsed: Value = serde_json::from_str(&self.manifest).unwrap_or_default();
        let children = parsed["manifests"].as_array().into_iter().flatten();
        let digest = |child: &Value| child["digest"].as_str().map(ToOwned::to_owned);
        children.filter_map(digest).collect()
    }
}

/// All repositories, those of other accounts and Regions included.
pub struct Repositories {
    repositories: Mutex<Vec<Repository>>,
}

impl Repositories {
    pub fn new(repositories: Vec<RepositorySettings>, now: SystemTime) -> Repositories {
        let create = |settings| Repository::new(settings, now);
        Repositories {
            repositories: Mutex::new(repositories.into_iter().map(create).collect()),
        }
    }

    /// Creates a repository, as CreateRepository does. Fails with its sentence if the registry has it already.
    pub fn create(&self, settings: RepositorySettings, now: SystemTime) -> Result<(), String> {
        let mut repositories = self.lock();
        let (registry, name) = (&settings.registry, &settings.name);
        if repositories.iter().any(|known| known.is(registry, name)) {
            return Err(format!(
                "The repository with name '{name}' already exists in the registry with id '{}'",
                registry.account
            ));
        }
        repositories.push(Repository::new(settings, now));
        Ok(())
    }

    pub fn repositories(&self) -> Vec<Repository> {
        self.lock().clone()
    }

    pub fn repository(&self, registry: &Location, name: &str) -> Option<Repository> {
        self.lock()
            .iter()
            .find(|repository| repository.is(registry, name))
            .cloned()
    }

    /// Whether this Region has a registry: the stack's own, or one with a repository.
    pub fn has_region(&self, region: &str) -> bool {
        let is_there = |registry: &Location| registry.region == region;
        is_there(&Location::default()) || self.lock().iter().any(|one| is_there(&one.registry))
    }

    /// Changes a repository; `None` if it does not exist.
    fn edit<T>(
        &self,
        registry: &Location,
        name: &str,
        edit: impl FnOnce(&mut Repository) -> T,
    ) -> Option<T> {
        let mut repositories = self.lock();
        let mut all = repositories.iter_mut();
        all.find(|repository| repository.is(registry, name))
            .map(edit)
    }

    /// Changes an image; `None` if it does not exist.
    fn edit_image<T>(
        &self,
        registry: &Location,
        repository: &str,
        digest: &str,
        edit: impl FnOnce(&mut Image) -> T,
    ) -> Option<T> {
        let in_repository = |repository: &mut Repository| {
            let mut images = repository.images.iter_mut();
            images.find(|image| image.digest == digest).map(edit)
        };
        self.edit(registry, repository, in_repository).flatten()
    }

    /// Stores a manifest in a repository, with one tag or without. If its digest exists, the existing image gets the
    /// tag.
    pub fn put(
        &self,
        registry: &Location,
        repository: &str,
        image: Image,
        tag: Option<&str>,
    ) -> Result<Image, PushRefused> {
        self.edit(registry, repository, |repository| {
            repository.put(image, tag)
        })
        .unwrap_or(Err(PushRefused::NoSuchRepository))
    }

    /// Parses a manifest as a client sends it, before it is in a repository. One with OCI's version annotation
    /// represents the sample service in that version; others cannot run here.
    pub fn read(
        &self,
        repository: &Repository,
        manifest: &str,
        media_type: Option<&str>,
        now: SystemTime,
    ) -> Image {
        let mut image = Image::read(manifest, media_type, now);
        if let Some(version) = &image.version {
            image.environment = repository.environment(version);
        }
        image
    }

    /// Resolves the `image` of a container definition, whoever may pull it.
    pub fn resolve(&self, reference: &str) -> Reference {
        self.resolve_where(reference, |_| true)
    }

    fn resolve_where(
        &self,
        reference: &str,
        may_pull: impl FnOnce(&Repository) -> bool,
    ) -> Reference {
        let registry = reference
            .split_once('/')
            .and_then(|(host, path)| Some((Location::of_registry(host)?, path)));
        let Some((registry, path)) = registry else {
            return Reference::Foreign;
        };
        let (name, wanted) = match path.split_once('@') {
            Some((name, digest)) => (name.split(':').next().unwrap_or(name), digest),
            None => path.rsplit_once(':').unwrap_or((path, "latest")),
        };
        let repositories = self.lock();
        let is_known =
            registry.is_of_stack() || repositories.iter().any(|one| one.registry == registry);
        if !is_known {
            return Reference::Foreign;
        }
        let mut all = repositories.iter();
        match all.find(|repository| repository.is(&registry, name)) {
            Some(repository) if !may_pull(repository) => Reference::Forbidden,
            Some(repository) => match repository.find(wanted) {
                Some(image) => Reference::Found(Box::new(image.clone())),
                None => Reference::Missing,
            },
            None => Reference::Missing,
        }
    }

    /// Returns the version of an image reference in the rehearsal's registry.
    pub fn version(&self, reference: &str) -> Option<String> {
        match self.resolve(reference) {
            Reference::Found(image) => image.version,
            Reference::Missing | Reference::Forbidden | Reference::Foreign => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Repository>> {
        self.repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repository {
    fn new(settings: RepositorySettings, now: SystemTime) -> Repository {
        Repository {
            registry: settings.registry,
            name: settings.name,
            tags: settings.tags,
            created_at: now,
            images: Vec::new(),
            policy: None,
            lifecycle: None,
        }
    }

    pub fn arn(&self) -> String {
        self.registry
            .arn("ecr", &format!("repository/{}", self.name))
    }

    /// As texts and records write it.
    pub fn written(&self) -> String {
        self.registry.repository(&self.name)
    }

    fn is(&self, registry: &Location, name: &str) -> bool {
        self.registry == *registry && self.name == name
    }

    /// The `ENV` of another version: that of the newest image, without its misbehaviour.
    fn environment(&self, version: &str) -> BTreeMap<String, String> {
        let newest = self.images.iter().rfind(|image| image.version.is_some());
        let mut environment = newest
            .map(|image| image.environment.clone())
            .unwrap_or_default();
        environment.remove("SAMPLE_MISBEHAVE");
        environment.insert("SAMPLE_VERSION".to_owned(), version.to_owned());
        environment
    }

    /// Finds an image by digest or tag.
    pub fn find(&self, wanted: &str) -> Option<&Image> {
        self.images
            .iter()
            .find(|image| image.digest == wanted || image.tags.iter().any(|tag| tag == wanted))
    }

    fn has(&self, digest: &str) -> bool {
        self.images.iter().any(|image| image.digest == digest)
    }

    fn put(&mut self, image: Image, tag: Option<&str>) -> Result<Image, PushRefused> {
        let tagged = tag
            .and_then(|tag| self.find(tag))
            .map(|holder| holder.digest.clone());
        let known = self.has(&image.digest);
        // A push of an image that is in the archive restores it (ECR User Guide, "Archiving an image").
        let is_restored = self
            .images
            .iter()
            .any(|one| one.digest == image.digest && one.status != ImageStatus::Active);
        match tagged {
            Some(holder) if holder == image.digest && is_restored => {}
            Some(holder) if holder == image.digest => return Err(PushRefused::AlreadyExists),
            Some(_) if tag.is_some_and(|tag| !self.tags.lets_move(tag)) => {
                return Err(PushRefused::TagIsImmutable);
            }
            None if known && tag.is_none() && !is_restored => {
                return Err(PushRefused::AlreadyExists);
            }
            Some(_) | None => {}
        }
        if !known && !image.children().iter().all(|child| self.has(child)) {
            return Err(PushRefused::ChildrenMissing);
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
        if is_restored {
            kept.activate(image.pushed_at);
        }
        kept.tags.extend(tag.map(ToOwned::to_owned));
        Ok(kept.clone())
    }
}

/// ECR's message about a repository that does not exist.
pub fn no_such_repository(name: &str, registry: &str) -> String {
    format!("The repository with name '{name}' does not exist in the registry with id '{registry}'")
}

#[cfg(test)]
mod tests;
