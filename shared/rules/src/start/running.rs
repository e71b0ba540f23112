//! Which image production runs where its revision names a tag: that tag may have moved since, so only the running tasks
//! show it.

use super::RunningImage;
use crate::names::{Digest, RevisionArn};
use crate::observed::{Task, TaskContainer};

/// ECS's word for a task whose containers run.
const RUNNING: &str = "RUNNING";

/// The image of these containers, from the tasks that run this revision now; `why` is the reason why the revision itself does
/// not show it. ECS states a task's digests as soon as it has pulled its images, for private ECR repositories.
pub fn running_image(
    why: &str,
    revision: &RevisionArn,
    containers: &[&str],
    tasks: &[Task],
) -> RunningImage {
    let running = tasks
        .iter()
        .filter(|task| task.revision == *revision && task.last_status == RUNNING);
    let ours = |container: &&TaskContainer| containers.contains(&container.name.as_str());
    let mut found: Option<&Digest> = None;
    for container in running.flat_map(|task| task.containers.iter().filter(ours)) {
        let Some(digest) = &container.image_digest else {
            return RunningImage::Unknown(format!("{why}, and ECS states no digest for its tasks"));
        };
        match found {
            Some(other) if other != digest => {
                return RunningImage::Unknown(format!("{why}, and its tasks run different images"));
            }
            Some(_) | None => found = Some(digest),
        }
    }
    found.cloned().map_or_else(
        || RunningImage::Unknown(format!("{why}, and none of its tasks runs")),
        RunningImage::Known,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVISION: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1";

    fn digest(digit: char) -> Digest {
        format!("sha256:{}", digit.to_string().repeat(64))
            .parse()
            .unwrap()
    }

    /// `web=a sidecar=b` runs; `-` in place of a digest is none, and a word before a colon is the task's status.
    fn task(text: &str) -> Task {
        let (status, containers) = text.split_once(": ").unwrap_or((RUNNING, text));
        let containers = containers.split(' ').map(|container| {
            let (name, image) = container.split_once('=').unwrap();
            TaskContainer {
                image_digest: (image != "-").then(|| digest(image.chars().next().unwrap())),
                ..TaskContainer::for_tests(name, None)
            }
        });
        Task {
            revision: REVISION.parse().unwrap(),
            last_status: status.to_owned(),
            containers: containers.collect(),
            ..Task::for_tests(&[])
        }
    }

    #[track_caller]
    fn check(tasks: &[&str], expected: &str) {
        let tasks: Vec<Task> = tasks.iter().map(|text| task(text)).collect();
        let image = running_image("a tag", &REVISION.parse().unwrap(), &["web"], &tasks);
        let said = match image {
            RunningImage::Known(digest) => digest.as_str()[7..8].to_owned(),
            RunningImage::Mixed => "mixed".to_owned(),
            RunningImage::Unknown(why) => why,
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn the_running_tasks_tell_where_all_agree() {
        check(&["web=a log=b", "web=a log=c"], "a");
        check(&["web=a", "PENDING: web=b", "STOPPED: web=c"], "a");
        check(
            &["web=a", "web=b"],
            "a tag, and its tasks run different images",
        );
        check(
            &["web=a", "web=-"],
            "a tag, and ECS states no digest for its tasks",
        );
        check(&["PENDING: web=a"], "a tag, and none of its tasks runs");
        check(&["log=a"], "a tag, and none of its tasks runs");
        check(&[], "a tag, and none of its tasks runs");
    }

    #[test]
    fn tasks_of_another_revision_say_nothing() {
        let mut green = task("web=b");
        green.revision = REVISION.replace(":1", ":2").parse().unwrap();
        let tasks = [green, task("web=a")];
        let image = running_image("a tag", &REVISION.parse().unwrap(), &["web"], &tasks);
        assert_eq!(image, RunningImage::Known(digest('a')));
    }
}
