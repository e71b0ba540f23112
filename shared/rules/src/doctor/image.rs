//! The repository and the image: whether its tag can move, whether it can be pulled, and where it runs.

use super::finding::Checks;
use super::like::like;
use crate::config::Pipeline;
use crate::observed::{ImageDetail, ImageStatus};
use crate::tag_rule::TagRule;

/// A repository (DescribeRepositories).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// `MUTABLE`, `IMMUTABLE`, or either `_WITH_EXCLUSION`.
    pub mutability: String,
    /// Tags for which the other holds, with `*`.
    pub exclusions: Vec<String>,
}

/// A platform that an image is made for (OCI image specification, image index).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// `linux`, `windows`.
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
}

impl Platform {
    fn words(&self) -> String {
        format!("{}/{}", self.os, self.architecture)
    }
}

/// A tag that is followed wherever it points must be able to move.
pub fn mutability(checks: &mut Checks, pipeline: &Pipeline, repository: &Repository) {
    let TagRule::Exact(tag) = &pipeline.tag else {
        return;
    };
    let is_excluded = repository
        .exclusions
        .iter()
        .any(|filter| like(filter, tag.as_str()));
    let is_fixed = match repository.mutability.as_str() {
        "IMMUTABLE" => true,
        "IMMUTABLE_WITH_EXCLUSION" => !is_excluded,
        "MUTABLE_WITH_EXCLUSION" => is_excluded,
        _ => false,
    };
    if is_fixed {
        let name = &pipeline.repository;
        checks.wrong(
            "repository",
            format!("repository `{name}` has immutable tags, and the pipeline follows the tag `{tag}`, which can never move to a newer image"),
            format!(
                "aws ecr put-image-tag-mutability --repository-name {name} --image-tag-mutability IMMUTABLE_WITH_EXCLUSION \
                 --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter={tag}\nor a `tag` that follows versions, such as \
                 `semver:*`"
            ),
        );
    }
}

/// An image that is in the archive cannot be pulled.
pub fn archived(checks: &mut Checks, pipeline: &Pipeline, what: &str, image: &ImageDetail) {
    let (name, digest) = (&pipeline.repository, &image.digest);
    match image.status {
        ImageStatus::Active => {}
        ImageStatus::Archived | ImageStatus::Activating => checks.wrong(
            "image",
            format!("{what} `{name}@{}` is in ECR's archive, and no task can pull it", digest.short()),
            format!(
                "aws ecr update-image-storage-class --repository-name {name} --image-id imageDigest={digest} --target-storage-class STANDARD"
            ),
        ),
    }
}

/// Whether an image is made for the platform of its tasks. `made_for` is empty where that is not known: an image without an index says it in
/// its configuration, which is not read. Whether it is known.
pub fn platform(
    checks: &mut Checks,
    pipeline: &Pipeline,
    image: &ImageDetail,
    made_for: &[Platform],
    wanted: &Platform,
) -> bool {
    // The architecture of an attestation is `unknown`.
    let known: Vec<&Platform> = made_for
        .iter()
        .filter(|one| one.architecture != "unknown")
        .collect();
    let runs = |one: &&Platform| one.architecture == wanted.architecture && one.os == wanted.os;
    if known.is_empty() {
        // Most images are made for this one.
        if wanted.words() != "linux/amd64" {
            checks.not_known(
                "architecture",
                &format!(
                    "whether image `{}@{}` is made for `{}`, which the tasks run on, is not known: it has no index that says so",
                    pipeline.repository,
                    image.digest.short(),
                    wanted.words()
                ),
            );
        }
        return false;
    }
    if known.iter().any(runs) {
        return true;
    }
    let made: Vec<String> = known
        .iter()
        .map(|one| format!("`{}`", one.words()))
        .collect();
    let wanted = wanted.words();
    checks.wrong(
        "architecture",
        format!(
            "image `{}@{}` is made for {}, and the tasks run on `{wanted}`: they could not start",
            pipeline.repository,
            image.digest.short(),
            made.join(" and ")
        ),
        format!(
            "`--platform {wanted}` of `docker buildx build`, or `RuntimePlatform` of the task definition"
        ),
    );
    true
}

#[cfg(test)]
mod tests {
    use time::UtcDateTime;

    use super::*;
    use crate::config::Config;

    fn pipeline(tag: &str) -> Pipeline {
        let file = format!(
            "[[pipeline]]\nname='web'\nrepository='shop/web'\ntag='{tag}'\ncluster='prod'\nservice='web'\n"
        );
        Config::parse(&file).unwrap().pipelines.remove(0)
    }

    #[test]
    fn a_followed_tag_can_move() {
        let check = |tag: &str, mutability_of: &str, exclusions: &[&str], is_wrong: bool| {
            let repository = Repository {
                mutability: mutability_of.to_owned(),
                exclusions: exclusions.iter().map(|one| (*one).to_owned()).collect(),
            };
            let mut checks = Checks::default();
            mutability(&mut checks, &pipeline(tag), &repository);
            assert_eq!(
                checks.is_wrong(),
                is_wrong,
                "{tag} {mutability_of} {exclusions:?}"
            );
        };
        check("latest", "MUTABLE", &[], false);
        check("latest", "IMMUTABLE", &[], true);
        check("latest", "IMMUTABLE_WITH_EXCLUSION", &["latest"], false);
        check("latest", "IMMUTABLE_WITH_EXCLUSION", &["lat*"], false);
        check("latest", "IMMUTABLE_WITH_EXCLUSION", &["dev-*"], true);
        check("latest", "MUTABLE_WITH_EXCLUSION", &["lat*"], true);
        check("latest", "MUTABLE_WITH_EXCLUSION", &["v*"], false);
        check("semver:*", "IMMUTABLE", &[], false);
        check("prod-*", "IMMUTABLE", &[], false);
    }

    #[test]
    fn an_image_is_made_for_the_platform_of_its_tasks() {
        let image = ImageDetail {
            digest: format!("sha256:{}", "4c".repeat(32)).parse().unwrap(),
            tags: Vec::new(),
            pushed_at: UtcDateTime::UNIX_EPOCH,
            media_type: None,
            artifact_media_type: None,
            status: ImageStatus::Active,
        };
        let of = |text: &str| {
            let (os, architecture) = text.split_once('/').unwrap();
            Platform {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
            }
        };
        let check = |made_for: &[&str], wanted: &str, expected: &str| {
            let made_for: Vec<Platform> = made_for.iter().map(|one| of(one)).collect();
            let mut checks = Checks::default();
            let is_known = platform(
                &mut checks,
                &pipeline("latest"),
                &image,
                &made_for,
                &of(wanted),
            );
            assert_eq!(
                is_known,
                !expected.contains("not known") && !made_for.is_empty()
            );
            let found = checks
                .findings
                .first()
                .map_or("", |one| one.sentence.as_str());
            assert_eq!(found, expected);
        };
        check(&["linux/amd64"], "linux/amd64", "");
        check(
            &["linux/amd64", "linux/arm64", "unknown/unknown"],
            "linux/arm64",
            "",
        );
        check(&[], "linux/amd64", "");
        for unknown in [&[][..], &["unknown/unknown"]] {
            check(
                unknown,
                "linux/arm64",
                "whether image `shop/web@sha256:4c4c4c4c4c4c` is made for `linux/arm64`, which the tasks run on, is not known: it has no index that says so",
            );
        }
        check(
            &["linux/arm64", "unknown/unknown"],
            "linux/amd64",
            "image `shop/web@sha256:4c4c4c4c4c4c` is made for `linux/arm64`, and the tasks run on `linux/amd64`: they could not start",
        );
        let mut checks = Checks::default();
        archived(&mut checks, &pipeline("latest"), "the candidate", &image);
        assert_eq!(checks, Checks::default());
        let image = ImageDetail {
            status: ImageStatus::Archived,
            ..image
        };
        archived(&mut checks, &pipeline("latest"), "the candidate", &image);
        assert!(checks.is_wrong());
    }
}
