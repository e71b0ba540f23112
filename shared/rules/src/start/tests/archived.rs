//! What is in ECR's archive.

use super::*;

/// Every situation in which something would be started, stopped or cut for an image; all others stay as they are.
#[test]
fn what_no_task_could_pull_is_neither_started_nor_makes_room() {
    let mut acted = 0;
    for choice in every_situation() {
        let (pipeline, mut observed) = situation(&choice);
        let before = decide(pipeline, &observed).unwrap();
        let Some(candidate) = &mut observed.candidate else {
            continue;
        };
        for status in [ImageStatus::Archived, ImageStatus::Activating] {
            candidate.detail.status = status;
            let observed = Observed {
                candidate: Some(candidate.clone()),
                ..situation(&choice).1
            };
            let after = decide(pipeline, &observed).unwrap();
            let waits = matches!(before, Decision::Skip(Skip::Waiting(_)));
            if waits || !matches!(before, Decision::Skip(_)) {
                acted += 1;
                let image = candidate.image.clone();
                let skip = Decision::Skip(Skip::ImageArchived(image, status));
                assert_eq!(after, skip, "{choice:?}");
            } else {
                assert_eq!(after, before, "{choice:?}");
            }
        }
    }
    assert!(acted > 0);
}

#[test]
fn an_image_in_the_archive_is_said_to_be_there_with_the_remedy() {
    let (_, observed) = situation(&[1, 1, 0, 0, 2, 0, 0, 0, 0, 0]);
    let image = observed.candidate.unwrap().image;
    for (status, found, remedy) in [
        (
            ImageStatus::Archived,
            "`ARCHIVED`",
            "aws ecr update-image-storage-class",
        ),
        (ImageStatus::Activating, "`ACTIVATING`", "request it then"),
    ] {
        let skip = Skip::ImageArchived(image.clone(), status);
        let said = skip.to_string();
        assert!(said.contains(found) && said.contains(remedy), "{said}");
        assert_eq!(skip.code(), "image-archived");
    }
}

#[test]
fn no_rule_chooses_what_is_in_the_archive() {
    let (mut archived, mut older) = (detail('a', 20), detail('b', 10));
    archived.tags = vec!["2.1.0".parse().unwrap()];
    older.tags = vec!["2.0.5".parse().unwrap()];
    for rule in ["semver:^2", "2.*", r"regex:2\..*"] {
        let rule: TagRule = rule.parse().unwrap();
        for status in [ImageStatus::Archived, ImageStatus::Activating] {
            archived.status = status;
            let images = [archived.clone(), older.clone()];
            let (chosen, _) = rule.choose(&images).unwrap();
            assert_eq!(chosen.digest, older.digest, "{rule}");
        }
    }
}
