//! The repository of a pipeline, its candidate, and the image that runs.

use aws::ecr::Place;
use rules::config::Pipeline;
use rules::doctor::{self, Checks, Platform, Read};
use rules::names::Digest;
use rules::observed::ImageDetail;
use rules::tag_rule::TagRule;
use tokio::join;

use super::account::{Account, read, why};

/// Checks them; `running` is what production is pinned to, where that is known, `wanted` the platform of its tasks.
pub(super) async fn check(
    account: &Account<'_>,
    pipeline: &Pipeline,
    running: Option<&Digest>,
    wanted: Option<&Platform>,
) -> Checks {
    let mut checks = Checks::default();
    let place = Place::of(pipeline);
    let name = &pipeline.repository;
    // The settings of another account's repository are for its owner to see.
    let is_own = pipeline.registry.account.is_none();
    if is_own && !settings(account, &mut checks, pipeline).await {
        return checks;
    }
    let (candidate, runs) = join!(candidate(account, pipeline), async {
        match running {
            Some(digest) => Some(account.ecr.describe_image_by_digest(place, digest).await),
            None => None,
        }
    });
    let candidate = match candidate {
        Ok(Some(candidate)) => Some(candidate),
        Ok(None) => {
            no_candidate(account, &mut checks, pipeline).await;
            None
        }
        Err(why) => {
            checks.not_known(
                "image",
                &format!("the images of `{name}` are not known: {why}"),
            );
            return checks;
        }
    };
    let runs = match (runs, running) {
        (Some(Ok(pointed)), Some(digest)) => {
            if pointed.image.is_none() {
                gone(&mut checks, pipeline, digest);
            }
            pointed.image
        }
        (Some(Err(failed)), _) => {
            checks.not_known(
                "image",
                &format!("the image that runs is not known: {}", why(&failed)),
            );
            None
        }
        (Some(Ok(_)) | None, _) => None,
    };
    let mut has_platform = false;
    if let Some(image) = &candidate {
        doctor::archived(&mut checks, pipeline, "the candidate", image);
        has_platform = platform(account, &mut checks, pipeline, image, wanted).await;
    }
    // A revision that names a tag runs what the tag pointed at.
    let runs = runs.or(candidate);
    if let Some(image) = runs.as_ref().filter(|_| is_own) {
        lifecycle(account, &mut checks, pipeline, image).await;
    }
    let seen = runs.map_or_else(
        || "no image".to_owned(),
        |image| image.digest.short().to_owned(),
    );
    let more = match (is_own, has_platform) {
        (true, true) => ", its platform and lifecycle",
        (true, false) => ", its lifecycle",
        (false, _) => {
            " of another account, whose lifecycle policy and events are not seen from here"
        }
    };
    checks.checked(format!("repository {name}, image {seen}{more}"));
    checks
}

/// The repository's settings. Whether there may be images in it.
async fn settings(account: &Account<'_>, checks: &mut Checks, pipeline: &Pipeline) -> bool {
    let name = &pipeline.repository;
    match read(account.ecr.describe_repository(Place::of(pipeline)).await) {
        Read::Found(repository) => doctor::mutability(checks, pipeline, &repository),
        Read::Absent => {
            account.note_absent(name.as_str());
            checks.wrong(
                "repository",
                format!("pipeline `{}` follows the repository `{name}`, which does not exist", pipeline.name),
                format!("correct the pipeline's `repository`, or make it:\naws ecr create-repository --repository-name {name}"),
            );
            return false;
        }
        Read::NotKnown(why) => checks.not_known(
            "repository",
            &format!("the repository `{name}` is not known: {why}"),
        ),
    }
    true
}

/// The image that the tag rule selects.
async fn candidate(
    account: &Account<'_>,
    pipeline: &Pipeline,
) -> Result<Option<ImageDetail>, String> {
    let place = Place::of(pipeline);
    match &pipeline.tag {
        TagRule::Exact(tag) => {
            let pointed = account.ecr.describe_image_by_tag(place, tag).await;
            pointed
                .map(|pointed| pointed.image)
                .map_err(|failed| why(&failed))
        }
        rule @ (TagRule::Glob(_) | TagRule::Semver(_) | TagRule::Regex(_)) => {
            let tagged = account.ecr.describe_tagged_images(place).await;
            let (tagged, _) = tagged.map_err(|failed| why(&failed))?;
            Ok(rule.choose(&tagged).map(|(image, _)| image.clone()))
        }
    }
}

/// An empty repository waits for its first push; one that is not, for a tag that nobody gives.
async fn no_candidate(account: &Account<'_>, checks: &mut Checks, pipeline: &Pipeline) {
    let (name, repository) = (&pipeline.name, &pipeline.repository);
    let tagged = account
        .ecr
        .describe_tagged_images(Place::of(pipeline))
        .await;
    let tags: Vec<String> = match tagged {
        Ok((images, _)) => {
            let tags = images.iter().rev().flat_map(|image| &image.tags);
            tags.take(5).map(|tag| format!("`{tag}`")).collect()
        }
        Err(_) => Vec::new(),
    };
    match tags.as_slice() {
        [] => checks.doubt(
            "image",
            format!("repository `{repository}` has no tagged image: pipeline `{name}` has nothing to deploy"),
            "push the first image (docs/deploying.md)",
        ),
        tags => checks.wrong(
            "image",
            format!(
                "no image of repository `{repository}` has a tag that pipeline `{name}` follows, expected one; it has {}",
                tags.join(", ")
            ),
            "correct the pipeline's `tag`, or push an image with a tag that it follows",
        ),
    }
}

fn gone(checks: &mut Checks, pipeline: &Pipeline, digest: &Digest) {
    checks.wrong(
        "image",
        format!(
            "production runs `{}@{}`, which is not in ECR any more: no task of it can be started again",
            pipeline.repository,
            digest.short()
        ),
        format!("deploy one that is there: greenlight deploy {}; and keep what runs in the repository's lifecycle policy", pipeline.name),
    );
}

/// Whether it is known what the image is made for.
async fn platform(
    account: &Account<'_>,
    checks: &mut Checks,
    pipeline: &Pipeline,
    image: &ImageDetail,
    wanted: Option<&Platform>,
) -> bool {
    let Some(wanted) = wanted else {
        return false;
    };
    let made_for = match image.may_be_index() {
        true => {
            let place = Place::of(pipeline);
            let asked = account.ecr.batch_get_image_platforms(place, &image.digest);
            asked.await
        }
        false => Ok(Vec::new()),
    };
    match made_for {
        Ok(made_for) => doctor::platform(checks, pipeline, image, &made_for, wanted),
        Err(failed) => {
            checks.not_known(
                "architecture",
                &format!("the platforms of the image are not known: {}", why(&failed)),
            );
            false
        }
    }
}

async fn lifecycle(
    account: &Account<'_>,
    checks: &mut Checks,
    pipeline: &Pipeline,
    image: &ImageDetail,
) {
    let place = Place::of(pipeline);
    let (policy, images) = join!(
        account.ecr.get_lifecycle_policy(place),
        account.ecr.describe_images(place)
    );
    let (policy, images) = match (policy, images) {
        (Ok(Some(policy)), Ok(images)) => (policy, images),
        (Ok(None), _) => return,
        (Err(failed), _) | (_, Err(failed)) => {
            return checks.not_known(
                "lifecycle",
                &format!(
                    "whether ECR expires the image is not known: {}",
                    why(&failed)
                ),
            );
        }
    };
    if let Some((expires, change)) = doctor::expiry(&policy, &images, image) {
        let name = &pipeline.repository;
        checks.wrong(
            "lifecycle",
            format!("the lifecycle policy of repository `{name}` takes the image away that runs, `{}`: {expires}", image.digest.short()),
            format!(
                "aws ecr get-lifecycle-policy --repository-name {name} --query lifecyclePolicyText --output text > policy.json\nin that file {change}, \
                 then\naws ecr put-lifecycle-policy --repository-name {name} --lifecycle-policy-text file://policy.json"
            ),
        );
    }
}
