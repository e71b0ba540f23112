//! UpdateImageStorageClass: an image is put into the archive, or restored.

use serde_json::json;

use super::{ImageId, find};
use crate::api::error::ApiError;
use crate::api::operation::{Answer, Call};
use crate::ecr::StorageClass;

pub(super) fn update_image_storage_class(call: Call<'_>) -> Answer {
    let repository = find(call, call.input.required_text("repositoryName")?)?;
    let id = call.input.required_structure("imageId")?;
    let id = ImageId {
        digest: id.text("imageDigest")?,
        tag: id.text("imageTag")?,
    };
    let class = call.input.required_text("targetStorageClass")?;
    let mut classes = StorageClass::ALL.into_iter();
    let Some(class) = classes.find(|known| known.as_str() == class) else {
        let message = "Invalid parameter at 'targetStorageClass' failed to satisfy constraint: 'Member must satisfy enum \
                       value set: [ARCHIVE, STANDARD]'";
        return Err(ApiError::new("InvalidParameterException", message));
    };
    let not_found = || id.not_found(&repository);
    let image = id.find(&repository).ok_or_else(not_found)?;
    let changed = call.aws.ecr.update_storage_class(
        &repository.registry,
        &repository.name,
        &image.digest,
        class,
    );
    let status = changed.ok_or_else(not_found)?;
    Ok(json!({
        "registryId": repository.registry.account,
        "repositoryName": repository.name,
        "imageId": id.describe(),
        "imageStatus": status.as_str(),
    }))
}
