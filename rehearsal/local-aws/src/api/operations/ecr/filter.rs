//! The `filter` of ListImages and DescribeImages.

use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::ecr::{Image, ImageStatus};

/// Which images are listed.
pub(super) struct Filter {
    tags: TagStatus,
    /// `None` for every one.
    status: Option<ImageStatus>,
}

/// `filter.tagStatus`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TagStatus {
    Any,
    Tagged,
    Untagged,
}

impl Filter {
    pub(super) fn asked(input: &Input<'_>) -> Result<Filter, ApiError> {
        let filter = input.structure("filter")?;
        let text = |member: &str| {
            let text = filter.map(|filter| filter.text(member)).transpose()?;
            Ok::<_, ApiError>(text.flatten())
        };
        let tags = match text("tagStatus")? {
            Some("TAGGED") => TagStatus::Tagged,
            Some("UNTAGGED") => TagStatus::Untagged,
            Some("ANY") | None => TagStatus::Any,
            Some(_) => return Err(not_one_of("tagStatus", "TAGGED, UNTAGGED, ANY")),
        };
        let status = match text("imageStatus")? {
            Some("ANY") => None,
            // The model: if not specified, only images with ACTIVE status are returned.
            None => Some(ImageStatus::Active),
            Some(given) => {
                let mut known = ImageStatus::ALL.into_iter();
                let found = known.find(|status| status.as_str() == given);
                let expected = "ACTIVE, ARCHIVED, ACTIVATING, ANY";
                Some(found.ok_or_else(|| not_one_of("imageStatus", expected))?)
            }
        };
        Ok(Filter { tags, status })
    }

    pub(super) fn holds(&self, image: &Image) -> bool {
        let by_tags = match self.tags {
            TagStatus::Any => true,
            TagStatus::Tagged => !image.tags.is_empty(),
            TagStatus::Untagged => image.tags.is_empty(),
        };
        by_tags && self.status.is_none_or(|status| image.status == status)
    }
}

fn not_one_of(member: &str, values: &str) -> ApiError {
    let message = format!(
        "Invalid parameter at 'filter.{member}' failed to satisfy constraint: 'Member must satisfy enum value set: [{values}]'"
    );
    ApiError::new("InvalidParameterException", message)
}
