//! Whether an image is in the archive, and where it is to be.

/// `imageStatus`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageStatus {
    Active,
    Archived,
    /// It is being restored.
    Activating,
}

/// `targetStorageClass`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageClass {
    Standard,
    Archive,
}

impl ImageStatus {
    pub const ALL: [ImageStatus; 3] = [
        ImageStatus::Active,
        ImageStatus::Archived,
        ImageStatus::Activating,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ImageStatus::Active => "ACTIVE",
            ImageStatus::Archived => "ARCHIVED",
            ImageStatus::Activating => "ACTIVATING",
        }
    }
}

impl StorageClass {
    pub const ALL: [StorageClass; 2] = [StorageClass::Standard, StorageClass::Archive];

    pub fn as_str(self) -> &'static str {
        match self {
            StorageClass::Standard => "STANDARD",
            StorageClass::Archive => "ARCHIVE",
        }
    }
}
