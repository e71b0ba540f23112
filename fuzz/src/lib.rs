//! What must hold for any input. The fuzz targets look for one for which it does not; the tests hold it for every input
//! of the kept corpus, and for more that they make.

pub mod app_spec;
pub mod configuration;
pub mod event;
pub mod matcher;
pub mod tag_rule;
