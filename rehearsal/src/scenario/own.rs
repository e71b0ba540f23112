//! Somebody's own pipelines file: a world is made as the file wants it, and the usual scenarios are played in it.

pub(crate) mod pipelines;
