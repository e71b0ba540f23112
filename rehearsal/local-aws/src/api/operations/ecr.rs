//! ECR's operations. Each call is for the registry of an account (`registryId`) and of the Region that it is signed for.

mod archive;
mod filter;
mod policy;

use serde_json::{Value, json};

use self::filter::Filter;
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::ecr::{Image, ImageStatus, PushRefused, Repository, no_such_repository};
use crate::iam::{Guard, Permission};
use crate::identity::{ACCOUNT, Location};
use crate::stamp::epoch_seconds;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("BatchGetImage", batch_get_image, on_repository),
    Operation::new(
        "DeleteLifecyclePolicy",
        policy::delete_lifecycle,
        on_repository,
    ),
    Operation::new("DeleteRepositoryPolicy", policy::delete, on_repository),
    Operation::new("DescribeImages", describe_images, on_repository),
    Operation::new(
        "DescribeRepositories",
        describe_repositories,
        on_repositories,
    ),
    Operation::new("GetLifecyclePolicy", policy::get_lifecycle, on_repository),
    Operation::new("GetRepositoryPolicy", policy::get, on_repository),
    Operation::new("ListImages", list_images, on_repository),
    Operation::new("PutImage", put_image, on_repository),
    Operation::new("PutLifecyclePolicy", policy::put_lifecycle, on_repository),
    Operation::new("SetRepositoryPolicy", policy::set, on_repository),
    Operation::new(
        "UpdateImageStorageClass",
        archive::update_image_storage_class,
        on_repository,
    ),
];

fn describe_repositories(call: Call<'_>) -> Answer {
    let names = call.input.texts("repositoryNames")?;
    let size = page_size(&call.input, "repositoryNames")?;
    let registry = registry(call);
    let in_registry = |repository: &Repository| repository.registry == registry;
    let all = match names.is_empty() {
        true => {
            let all = call.aws.ecr.repositories().into_iter();
            all.filter(in_registry).collect()
        }
        false => names
            .iter()
            .map(|name| find(call, name))
            .collect::<Result<_, _>>()?,
    };
    let part = page(all, size, call.input.text("nextToken")?).map_err(|_| unknown_token())?;
    let mut answer = json!({
        "repositories": part.items.iter().map(describe_repository).collect::<Vec<_>>()
    });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

fn describe_repository(repository: &Repository) -> Value {
    let mut described = json!({
        "repositoryArn": repository.arn(),
        "registryId": repository.registry.account,
        "repositoryName": repository.name,
        "repositoryUri": format!("{}/{}", repository.registry.registry(), repository.name),
        "createdAt": epoch_seconds(repository.created_at),
        "imageTagMutability": repository.tags.as_str(),
        "imageScanningConfiguration": { "scanOnPush": false },
        "encryptionConfiguration": { "encryptionType": "AES256" },
    });
    let filters = repository.tags.exclusions();
    if !filters.is_empty() {
        let filter = |filter| json!({ "filterType": "WILDCARD", "filter": filter });
        described["imageTagMutabilityExclusionFilters"] = filters.iter().map(filter).collect();
    }
    described
}

fn describe_images(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let ids = image_ids(&call.input)?;
    let size = page_size(&call.input, "imageIds")?;
    let filter = Filter::asked(&call.input)?;
    let wanted = |image: &&Image| filter.holds(image);
    let mut images = Vec::new();
    if ids.is_empty() {
        images.extend(repository.images.iter().filter(wanted));
    }
    for id in &ids {
        if id.digest.is_none() && id.tag.is_none() {
            let message = "Invalid parameter at 'imageIds' failed to satisfy constraint: 'must contain a tag or a digest'";
            return Err(ApiError::new("InvalidParameterException", message));
        }
        let image = id
            .find(&repository)
            .ok_or_else(|| id.not_found(&repository))?;
        if !images
            .iter()
            .any(|seen: &&Image| seen.digest == image.digest)
        {
            images.push(image);
        }
    }
    let part = page(images, size, call.input.text("nextToken")?).map_err(|_| unknown_token())?;
    let details: Vec<Value> = part
        .items
        .iter()
        .map(|image| describe(&repository, image))
        .collect();
    let mut answer = json!({ "imageDetails": details });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

fn list_images(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let size = page_size(&call.input, "imageIds")?;
    let filter = Filter::asked(&call.input)?;
    let mut ids = Vec::new();
    for image in repository.images.iter().filter(|image| filter.holds(image)) {
        // One entry a tag; an untagged image has one with its digest alone.
        let untagged = image.tags.is_empty().then_some(None);
        for tag in image
            .tags
            .iter()
            .map(|tag| Some(tag.as_str()))
            .chain(untagged)
        {
            let id = ImageId {
                digest: Some(&image.digest),
                tag,
            };
            ids.push(id.describe());
        }
    }
    let part = page(ids, size, call.input.text("nextToken")?).map_err(|_| unknown_token())?;
    let mut answer = json!({ "imageIds": part.items });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

fn batch_get_image(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let ids = image_ids(&call.input)?;
    if ids.is_empty() {
        return Err(call.input.missing("imageIds"));
    }
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        match id.find(&repository) {
            // Inferred: the code came with the archive, and no answer of this kind was found.
            Some(image) if image.status != ImageStatus::Active => failures.push(json!({
                "imageId": id.describe(),
                "failureCode": "ImageInaccessible",
                "failureReason": "Requested image is archived",
            })),
            Some(image) => images.push(with_manifest(&repository, image, id.tag)),
            None => {
                let (code, reason) = id.failure(&repository);
                failures.push(json!({
                    "imageId": id.describe(),
                    "failureCode": code,
                    "failureReason": reason,
                }));
            }
        }
    }
    Ok(json!({ "images": images, "failures": failures }))
}

fn put_image(call: Call<'_>) -> Answer {
    let name = call.input.required_text("repositoryName")?;
    let repository = find(call, name)?;
    let manifest = call.input.required_text("imageManifest")?;
    let tag = call.input.text("imageTag")?.filter(|tag| !tag.is_empty());
    if tag.is_some_and(|tag| !valid_tag(tag)) {
        let message = "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression \
                       '[a-zA-Z0-9-_]{1}[a-zA-Z0-9-_.]{0,299}''";
        return Err(ApiError::new("InvalidParameterException", message));
    }
    let parsed = serde_json::from_str::<Value>(manifest).ok();
    let Some(parsed) = parsed.filter(Value::is_object) else {
        let message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'";
        return Err(ApiError::new("InvalidParameterException", message));
    };
    let media_type = call.input.text("imageManifestMediaType")?;
    let written = parsed["mediaType"].as_str();
    if let (Some(given), Some(written)) = (media_type, written)
        && given != written
    {
        let message = format!(
            "Invalid parameter at 'imageManifestMediaType' failed to satisfy constraint: 'must be the manifest's own, \
             {written}'"
        );
        return Err(ApiError::new("InvalidParameterException", message));
    }
    let image = call
        .aws
        .ecr
        .read(&repository, manifest, media_type, call.aws.clock.now());
    if call
        .input
        .text("imageDigest")?
        .is_some_and(|digest| digest != image.digest)
    {
        let message = "The specified image digest does not match the digest that Amazon ECR calculated for the image.";
        return Err(ApiError::new("ImageDigestDoesNotMatchException", message));
    }
    let digest = image.digest.clone();
    let image = call
        .aws
        .ecr
        .push(&repository.registry, name, image, tag)
        .map_err(|refused| refusal(&refused, &repository, &digest, tag))?;
    Ok(json!({ "image": with_manifest(&repository, &image, tag) }))
}

fn refusal(
    refused: &PushRefused,
    repository: &Repository,
    digest: &str,
    tag: Option<&str>,
) -> ApiError {
    let (account, repository) = (&repository.registry.account, &repository.name);
    match refused {
        PushRefused::NoSuchRepository => ApiError::new(
            "RepositoryNotFoundException",
            no_such_repository(repository, account),
        ),
        PushRefused::AlreadyExists => {
            let tagged = tag
                .map(|tag| format!(" and tag '{tag}'"))
                .unwrap_or_default();
            let message = format!(
                "Image with digest '{digest}'{tagged} already exists in the repository with name '{repository}' in \
                 registry with id '{account}'"
            );
            ApiError::new("ImageAlreadyExistsException", message)
        }
        PushRefused::TagIsImmutable => {
            let message = format!(
                "The image tag '{}' already exists in the '{repository}' repository and cannot be overwritten because \
                 the tag is immutable.",
                tag.unwrap_or_default()
            );
            ApiError::new("ImageTagAlreadyExistsException", message)
        }
        // The model's description of the error: no observed message was found.
        PushRefused::ChildrenMissing => ApiError::new(
            "ReferencedImagesNotFoundException",
            "The manifest list is referencing an image that does not exist.",
        ),
    }
}

/// How a request names an image: by digest, by tag, or by both.
struct ImageId<'a> {
    digest: Option<&'a str>,
    tag: Option<&'a str>,
}

impl ImageId<'_> {
    fn find<'r>(&self, repository: &'r Repository) -> Option<&'r Image> {
        let image = repository.find(self.digest.or(self.tag)?)?;
        let tagged = self
            .tag
            .is_none_or(|tag| image.tags.iter().any(|other| other == tag));
        (tagged && self.digest.is_none_or(|digest| image.digest == digest)).then_some(image)
    }

    fn describe(&self) -> Value {
        let members = [("imageDigest", self.digest), ("imageTag", self.tag)];
        members
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Code and message of BatchGetImage's failure for an image that it does not find.
    fn failure(&self, repository: &Repository) -> (&'static str, &'static str) {
        let is_digest = |digest: &str| {
            let hexadecimal = digest.strip_prefix("sha256:").unwrap_or_default();
            hexadecimal.len() == 64 && hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match (self.digest, self.tag) {
            (None, None) => (
                "MissingDigestAndTag",
                "Invalid request parameters: both tag and digest cannot be null",
            ),
            (Some(digest), _) if !is_digest(digest) => (
                "InvalidImageDigest",
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
            ),
            (Some(digest), Some(_)) if repository.find(digest).is_some() => (
                "ImageTagDoesNotMatchDigest",
                "The image tag does not match the image digest",
            ),
            _ => ("ImageNotFound", "Requested image not found"),
        }
    }

    fn not_found(&self, repository: &Repository) -> ApiError {
        let message = format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name \
             '{}' in the registry with id '{}'",
            self.digest.unwrap_or("null"),
            self.tag.unwrap_or("null"),
            repository.name,
            repository.registry.account
        );
        ApiError::new("ImageNotFoundException", message)
    }
}

fn image_ids<'a>(input: &Input<'a>) -> Result<Vec<ImageId<'a>>, ApiError> {
    let ids = input.structures("imageIds")?;
    if ids.len() > 100 {
        return Err(not_between("imageIds", 1, 100));
    }
    let read = |id: Input<'a>| {
        let (digest, tag) = (id.text("imageDigest")?, id.text("imageTag")?);
        Ok(ImageId { digest, tag })
    };
    ids.into_iter().map(read).collect()
}

/// `maxResults`, which ECR refuses beside a list of names or ids.
fn page_size(input: &Input<'_>, names: &str) -> Result<usize, ApiError> {
    let named = input.list(names)?.is_some_and(|list| !list.is_empty());
    let asked = input.integer("maxResults")?;
    if named && (asked.is_some() || input.value("nextToken").is_some()) {
        let message = format!(
            "Invalid parameter at 'maxResults' or 'nextToken': not to be combined with '{names}'"
        );
        return Err(ApiError::new("InvalidParameterException", message));
    }
    match (asked, named) {
        (Some(size @ 1..=1000), _) => Ok(usize::try_from(size).unwrap_or(1000)),
        (Some(_), _) => Err(not_between("maxResults", 1, 1000)),
        (None, true) => Ok(1000),
        (None, false) => Ok(100),
    }
}

fn not_between(member: &str, low: u32, high: u32) -> ApiError {
    let message = format!(
        "Invalid parameter at '{member}' failed to satisfy constraint: 'must be between {low} and {high}'"
    );
    ApiError::new("InvalidParameterException", message)
}

fn unknown_token() -> ApiError {
    ApiError::new(
        "InvalidParameterException",
        "Invalid parameter at 'nextToken' failed to satisfy constraint: 'must be a token from an earlier answer'",
    )
}

/// The registry that a call is for, the caller's own unless it names another.
fn registry(call: Call<'_>) -> Location {
    Location::new(call.named("registryId").unwrap_or(ACCOUNT), call.region)
}

fn find(call: Call<'_>, name: &str) -> Result<Repository, ApiError> {
    // Refuses another type than text.
    call.input.text("registryId")?;
    let registry = registry(call);
    let found = call.aws.ecr.repository(&registry, name);
    found.ok_or_else(|| {
        ApiError::new(
            "RepositoryNotFoundException",
            no_such_repository(name, &registry.account),
        )
    })
}

fn describe(repository: &Repository, image: &Image) -> Value {
    let mut detail = json!({
        "registryId": repository.registry.account,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageSizeInBytes": image.manifest.len(),
        "imagePushedAt": epoch_seconds(image.pushed_at),
        "imageManifestMediaType": image.media_type,
        "imageStatus": image.status.as_str(),
    });
    for (member, at) in [
        ("lastArchivedAt", image.archived_at),
        ("lastActivatedAt", image.activated_at),
    ] {
        if let Some(at) = at {
            detail[member] = epoch_seconds(at);
        }
    }
    if !image.tags.is_empty() {
        detail["imageTags"] = json!(image.tags);
    }
    if let Some(artifact) = &image.artifact_media_type {
        detail["artifactMediaType"] = json!(artifact);
    }
    detail
}

fn with_manifest(repository: &Repository, image: &Image, tag: Option<&str>) -> Value {
    let id = ImageId {
        digest: Some(&image.digest),
        tag,
    };
    json!({
        "registryId": repository.registry.account,
        "repositoryName": repository.name,
        "imageId": id.describe(),
        "imageManifest": image.manifest,
        "imageManifestMediaType": image.media_type,
    })
}

fn valid_tag(tag: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    tag.len() <= 300 && tag.bytes().all(plain) && !tag.starts_with('.')
}

/// SAR, Amazon ECR: `repository/NAME`.
fn on_repository(call: Call<'_>) -> Vec<Permission> {
    vec![on_named(call, call.named_or_any("repositoryName"))]
}

fn on_repositories(call: Call<'_>) -> Vec<Permission> {
    let named = call.all_named("repositoryNames");
    let named: Vec<Permission> = named.map(|name| on_named(call, name)).collect();
    match named.is_empty() {
        true => vec![on_named(call, "*")],
        false => named,
    }
}

/// The repository's own policy counts as well. Of one that does not exist the operation says so; no policy could let another
/// account list the repositories of a registry.
fn on_named(call: Call<'_>, name: &str) -> Permission {
    let registry = registry(call);
    let permission = call
        .on(registry.arn("ecr", &format!("repository/{name}")))
        .with("aws:RequestedRegion", call.region);
    match call.aws.ecr.repository(&registry, name) {
        Some(repository) => permission.guarded(repository.guard()),
        None if name == "*" => permission.guarded(Guard {
            account: registry.account,
            policy: None,
        }),
        None => permission,
    }
}
