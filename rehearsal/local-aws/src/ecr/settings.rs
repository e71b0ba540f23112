//! Images to push: single-platform ones, and multi-platform ones as BuildKit pushes them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::Image;
use super::mutability::TagMutability;
use crate::identity::{Location, sha256_hex};

/// The media type of an ordinary image's manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an ordinary image's configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of an index: a list of manifests, one for each platform.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The annotation with the version of the program in a manifest.
pub const OCI_VERSION: &str = "org.opencontainers.image.version";

#[derive(Debug, Clone)]
pub struct RepositorySettings {
    pub registry: Location,
    pub name: String,
    pub tags: TagMutability,
    /// Its policy document, if it has one.
    pub policy: Option<String>,
}

impl RepositorySettings {
    /// A repository without a policy, whose tags may move. One that is not in the stack's registry is written with the
    /// registry's host before its name.
    pub fn new(repository: &str) -> RepositorySettings {
        let (registry, name) = Location::of_repository(repository);
        RepositorySettings {
            registry,
            name: name.to_owned(),
            tags: TagMutability::Mutable,
            policy: None,
        }
    }
}

/// An image to push.
#[derive(Debug, Clone)]
pub struct ImageSettings {
    pub registry: Location,
    pub repository: String,
    /// If empty, the image is pushed by digest only.
    pub tags: Vec<String>,
    /// The name of the version, which its tasks return in their responses.
    pub version: String,
    /// The image's `ENV`: `SAMPLE_VERSION`, `SAMPLE_MISBEHAVE`.
    pub environment: BTreeMap<String, String>,
    pub media_type: String,
    /// Absent for an image index.
    pub artifact_media_type: Option<String>,
}

impl ImageSettings {
    /// An ordinary image of the sample service, in a repository that is written as in `RepositorySettings::new`.
    pub fn new(repository: &str, tags: &[&str], version: &str) -> ImageSettings {
        let (registry, repository) = Location::of_repository(repository);
        ImageSettings {
            registry,
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

    /// Its repository as texts and records write it.
    pub fn written_repository(&self) -> String {
        self.registry.repository(&self.repository)
    }

    /// `sha256:…`, the same for the same repository and version.
    pub fn digest(&self) -> String {
        digest(&self.manifest())
    }

    pub(crate) fn image(&self, now: SystemTime) -> Image {
        self.manifest_of(self.manifest(), &self.media_type, now)
    }

    /// A manifest without layers, which represents the sample service in this version.
    fn manifest(&self) -> String {
        let content = digest(&format!("{}:{}", self.repository, self.version));
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

    /// A manifest that represents this version of the sample service.
    fn manifest_of(&self, manifest: String, media_type: &str, now: SystemTime) -> Image {
        Image {
            version: Some(self.version.clone()),
            environment: self.environment.clone(),
            ..Image::read(&manifest, Some(media_type), now)
        }
    }
}

/// A multi-platform image: an index of manifests.
#[derive(Debug, Clone)]
pub struct IndexSettings {
    /// The image that all platforms run; its tags are the index's.
    pub image: ImageSettings,
    /// `linux/amd64`
    pub platforms: Vec<String>,
    pub attestations: Attestations,
}

/// Whether each platform's manifest comes with an attestation manifest, as BuildKit adds by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestations {
    Present,
    Absent,
}

impl IndexSettings {
    /// As `docker buildx build --platform linux/amd64,linux/arm64 --push` creates it.
    pub fn new(repository: &str, tags: &[&str], version: &str) -> IndexSettings {
        IndexSettings {
            image: ImageSettings::new(repository, tags, version),
            platforms: vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()],
            attestations: Attestations::Present,
        }
    }

    /// The digest of the index, to which its tags point.
    pub fn digest(&self) -> String {
        digest(&self.manifest())
    }

    /// The manifests that are pushed before the index, by digest only.
    pub(crate) fn children(&self, now: SystemTime) -> Vec<Image> {
        let child = |manifest| self.image.manifest_of(manifest, OCI_MANIFEST, now);
        self.manifests()
            .into_iter()
            .map(|(manifest, _)| child(manifest))
            .collect()
    }

    pub(crate) fn index(&self, now: SystemTime) -> Image {
        self.image.manifest_of(self.manifest(), OCI_INDEX, now)
    }

    fn manifest(&self) -> String {
        let entry = |(manifest, mut entry): (String, Value)| {
            entry["mediaType"] = json!(OCI_MANIFEST);
            entry["digest"] = json!(digest(&manifest));
            entry["size"] = json!(manifest.len());
            entry
        };
        let manifests: Vec<Value> = self.manifests().into_iter().map(entry).collect();
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests }).to_string()
    }

    /// Each child's manifest, with its entry in the index except the digest.
    fn manifests(&self) -> Vec<(String, Value)> {
        let mut manifests = Vec::new();
        for platform in &self.platforms {
            let (system, architecture) = platform.split_once('/').unwrap_or(("linux", platform));
            let manifest = self.child(platform, Vec::new());
            let about = json!({ "platform": { "architecture": architecture, "os": system } });
            let subject = digest(&manifest);
            manifests.push((manifest, about));
            if self.attestations == Attestations::Present {
                let statement = json!({
                    "mediaType": "application/vnd.in-toto+json",
                    "digest": digest(&format!("how {subject} was built")),
                    "size": 2,
                    "annotations": { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v1" },
                });
                let about = json!({
                    "annotations": {
                        "vnd.docker.reference.digest": subject,
                        "vnd.docker.reference.type": "attestation-manifest",
                    },
                    "platform": { "architecture": "unknown", "os": "unknown" },
                });
                manifests.push((self.child(&subject, vec![statement]), about));
            }
        }
        manifests
    }

    fn child(&self, what: &str, layers: Vec<Value>) -> String {
        let content = digest(&format!(
            "{}:{} {what}",
            self.image.repository, self.image.version
        ));
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": { "mediaType": OCI_CONFIG, "digest": content, "size": 2 },
            "layers": layers,
        })
        .to_string()
    }
}

pub(super) fn digest(manifest: &str) -> String {
    format!("sha256:{}", sha256_hex(manifest))
}
