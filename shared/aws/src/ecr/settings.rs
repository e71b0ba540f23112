//! A repository's settings, its lifecycle policy, and the platforms that an image is made for.

use rules::doctor::{Platform, Repository};
use rules::names::Digest;
use rules::observed::ImageDetail;
use serde_json::Value;

use super::{Ecr, Place, translate};
use crate::call::{Call, CallFailed};

impl Ecr {
    /// The repository's settings.
    pub async fn describe_repository(&self, place: Place<'_>) -> Result<Repository, CallFailed> {
        let call = Call::new("ecr:DescribeRepositories", place.repository.as_str());
        let request = self
            .client(place)
            .describe_repositories()
            .set_registry_id(place.registry_id());
        let request = request.repository_names(place.repository.as_str());
        let answer = request.send().await.map_err(|error| call.failed(error))?;
        let found = call.required(answer.repositories().first(), "repositories")?;
        let filters = found.image_tag_mutability_exclusion_filters().iter();
        Ok(Repository {
            mutability: found
                .image_tag_mutability()
                .map_or("MUTABLE", |one| one.as_str())
                .to_owned(),
            exclusions: filters.map(|filter| filter.filter().to_owned()).collect(),
        })
    }

    /// The repository's lifecycle policy; none where it has none.
    pub async fn get_lifecycle_policy(
        &self,
        place: Place<'_>,
    ) -> Result<Option<Value>, CallFailed> {
        let call = Call::new("ecr:GetLifecyclePolicy", place.repository.as_str());
        let request = self
            .client(place)
            .get_lifecycle_policy()
            .set_registry_id(place.registry_id());
        let sent = request
            .repository_name(place.repository.as_str())
            .send()
            .await;
        match sent {
            Ok(answer) => {
                let text = call.required(answer.lifecycle_policy_text(), "lifecyclePolicyText")?;
                let policy = serde_json::from_str(text);
                policy.map(Some).map_err(|error| {
                    call.unexpected(&format!("`lifecyclePolicyText` is not JSON: {error}"))
                })
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_lifecycle_policy_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(call.failed(error)),
        }
    }

    /// Every image of the repository, those without a tag as well.
    pub async fn describe_images(&self, place: Place<'_>) -> Result<Vec<ImageDetail>, CallFailed> {
        let call = Call::new("ecr:DescribeImages", place.repository.as_str());
        let request = self
            .client(place)
            .describe_images()
            .set_registry_id(place.registry_id());
        let mut pages = request
            .repository_name(place.repository.as_str())
            .into_paginator()
            .send();
        let mut images = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(error))?;
            for image in page.image_details() {
                images.push(translate(&call, image)?);
            }
        }
        Ok(images)
    }

    /// The platforms that an image index names; none where the image is not an index, or where it does not name all of them.
    pub async fn batch_get_image_platforms(
        &self,
        place: Place<'_>,
        digest: &Digest,
    ) -> Result<Vec<Platform>, CallFailed> {
        let manifests = self.index_of(place, digest).await?;
        let platforms: Option<Vec<Platform>> = manifests
            .iter()
            .map(|manifest| {
                let part = |name: &str| Some(manifest["platform"][name].as_str()?.to_owned());
                Some(Platform {
                    os: part("os")?,
                    architecture: part("architecture")?,
                })
            })
            .collect();
        Ok(platforms.unwrap_or_default())
    }
}
