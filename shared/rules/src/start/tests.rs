use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use insta::assert_snapshot;
use time::UtcDateTime;

use super::*;
use crate::config::Config;
use crate::names::Digest;
use crate::observed::{ImageDetail, ImageStatus};

mod archived;
mod judging;
mod older;
mod settings;

const DIMENSIONS: [(&str, &[&str]); 10] = [
    ("candidate", &["none", "some"]),
    (
        "running",
        &["candidate", "other", "newer", "mixed", "not known"],
    ),
    (
        "active",
        &[
            "none",
            "ships it",
            "shifting",
            "shifting a newer one",
            "waits",
            "bakes",
            "rolls task by task",
            "accepted",
            "rolls back",
        ],
    ),
    ("tried", &["no", "failed", "stopped", "shipped"]),
    (
        "asked by",
        &[
            "event",
            "person",
            "person for this image",
            "rollback",
            "rollback to what never shipped",
        ],
    ),
    ("when_busy", &["wait", "replace"]),
    ("termination_wait", &["cut", "keep"]),
    ("order", &["exact", "glob"]),
    (
        "candidate ordered",
        &["later", "before the active one began"],
    ),
    ("force", &["no", "yes"]),
];

const WEB: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1";

pub(crate) fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64))
        .parse()
        .unwrap()
}

pub(crate) fn detail(digit: char, pushed_at: i64) -> ImageDetail {
    ImageDetail {
        digest: digest(digit),
        tags: vec!["release-1".parse().unwrap()],
        pushed_at: UtcDateTime::from_unix_timestamp(pushed_at).unwrap(),
        media_type: None,
        artifact_media_type: None,
        status: ImageStatus::Active,
    }
}

/// An attempt at shipping this image, created long ago.
pub(crate) fn attempt(id: &str, end: Option<End>, digest: Digest) -> Attempt {
    Attempt {
        deployment: id.parse().unwrap(),
        order: Some(Order {
            digest,
            ordered_at: Some(UtcDateTime::UNIX_EPOCH),
            tag: None,
            repository: None,
            brings: None,
        }),
        beside: Vec::new(),
        created_at: UtcDateTime::UNIX_EPOCH,
        end,
        ended_at: None,
        content: None,
        registered_at: None,
    }
}

fn word(choice: &[usize], dimension: usize) -> &'static str {
    DIMENSIONS[dimension].1[choice[dimension]]
}

/// One situation, by the index of each dimension's value.
pub(crate) fn situation(choice: &[usize]) -> (&'static Pipeline, Observed) {
    let image = Image {
        repository: "shop/web".parse().unwrap(),
        digest: digest('c'),
        tag: None,
    };
    let candidate = (word(choice, 0) == "some").then(|| Candidate {
        image,
        detail: detail('c', 20),
        ordered_at: UtcDateTime::from_unix_timestamp(20).unwrap(),
        chosen: Chosen::First,
    });
    let known = |digit, pushed_at| {
        (
            RunningImage::Known(digest(digit)),
            Some(detail(digit, pushed_at)),
        )
    };
    let (running, running_detail) = match word(choice, 1) {
        "candidate" => known('c', 20),
        "other" => known('a', 10),
        "newer" => known('b', 30),
        "mixed" => (RunningImage::Mixed, None),
        _ => (RunningImage::Unknown("a tag".to_owned()), None),
    };
    let attempts = match word(choice, 3) {
        "no" => None,
        "failed" => Some(End::Failed),
        "stopped" => Some(End::Stopped),
        _ => Some(End::Succeeded),
    };
    let attempts = attempts.map(|end| attempt("d-TRIED", Some(end), digest('c')));
    let asked_by = [
        AskedBy::Event,
        AskedBy::Person,
        AskedBy::PersonForThisImage,
        AskedBy::Rollback,
        AskedBy::Rollback,
    ][choice[4]];
    let shipped_before = match word(choice, 4) {
        "rollback" => ShippedBefore::Yes,
        _ => ShippedBefore::Never,
    };
    let (active, active_detail) = active(choice).unzip();
    (
        pipeline(choice),
        Observed {
            asked_by,
            force: [Force::No, Force::Yes][choice[9]],
            candidate,
            missing: "no image".to_owned(),
            running,
            service: Running {
                revision: WEB.parse().unwrap(),
                tasks: None,
                active,
            },
            compared: Some(
                running_detail
                    .into_iter()
                    .chain(active_detail)
                    .map(as_pushed)
                    .collect(),
            ),
            attempts: Some(attempts.into_iter().collect()),
            shipped_before: Some(shipped_before),
            template: None,
            rank: None,
            attempts_since_push: Some(Vec::new()),
        },
    )
}

/// Ordered by its first push.
fn as_pushed(detail: ImageDetail) -> Compared {
    Compared {
        ordered_at: detail.pushed_at,
        detail,
    }
}

/// The active deployment, and what is known of the image that it ships.
fn active(choice: &[usize]) -> Option<(Active, ImageDetail)> {
    let begun = [19, 21][choice[8]];
    let active = |ships, pushed_at, phase| {
        let created_at = UtcDateTime::from_unix_timestamp(begun).unwrap();
        let deployed = Deployed {
            digest: digest(ships),
            tag: None,
            at: Some(created_at),
            ordered_at: None,
        };
        let active = Active {
            id: "d-ACTIVE".parse().unwrap(),
            ships: vec![deployed],
            beside: Vec::new(),
            created_at,
            phase,
            template: None,
        };
        Some((active, detail(ships, pushed_at)))
    };
    match word(choice, 2) {
        "none" => None,
        "ships it" => active('c', 20, Phase::Shifting),
        "shifting" => active('d', 15, Phase::Shifting),
        "shifting a newer one" => active('d', 25, Phase::Shifting),
        "waits" => active('d', 15, Phase::TerminationWait),
        "bakes" => active('d', 15, Phase::Bake),
        "rolls task by task" => active('d', 15, Phase::Rolling),
        "accepted" => active('d', 15, Phase::Accepted),
        _ => active('d', 15, Phase::RollingBack),
    }
}

fn pipeline(choice: &[usize]) -> &'static Pipeline {
    static PIPELINES: LazyLock<Vec<Pipeline>> = LazyLock::new(|| {
        let tables = every_situation().filter(|choice| choice[..5].iter().all(|index| *index == 0)).map(|choice| {
            let number = pipeline_number(&choice);
            let tag = if word(&choice, 7) == "exact" { "release-1" } else { "release-*" };
            let (when_busy, termination_wait) = (word(&choice, 5), word(&choice, 6));
            let text = format!(
                "[[pipeline]]\nname = 'p{number}'\nrepository = 'shop/web'\ncluster = 'prod'\nservice = 's{number}'\n\
                 tag = '{tag}'\nwhen_busy = '{when_busy}'\ntermination_wait = '{termination_wait}'\n"
            );
            (number, text)
        });
        let tables: BTreeMap<usize, String> = tables.collect();
        Config::parse(&tables.into_values().collect::<String>())
            .unwrap()
            .pipelines
    });
    &PIPELINES[pipeline_number(choice)]
}

fn pipeline_number(choice: &[usize]) -> usize {
    choice[5] * 4 + choice[6] * 2 + choice[7]
}

fn decided(choice: &[usize]) -> String {
    let (pipeline, observed) = situation(choice);
    match decide(pipeline, &observed).unwrap() {
        Decision::Start(_) => "START".to_owned(),
        Decision::EndWait(id) => format!("end the wait of {id}"),
        Decision::Stop(id) => format!("stop {id}"),
        Decision::Skip(skip) => format!("skip {}", skip.code()),
    }
}

/// Every situation below `choice`, written as a tree: values with the same consequences share a line, and a dimension
/// that makes no difference is left out.
fn tree(choice: &mut Vec<usize>, indent: usize) -> String {
    let Some((name, values)) = DIMENSIONS.get(choice.len()) else {
        return format!(" -> {}", decided(choice));
    };
    let mut branches: Vec<(String, Vec<&str>)> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        choice.push(index);
        let below = tree(choice, indent + 1);
        choice.pop();
        match branches.iter_mut().find(|(known, _)| *known == below) {
            Some((_, same)) => same.push(value),
            None => branches.push((below, vec![value])),
        }
    }
    if branches.len() == 1 {
        // Undo the deeper indentation: this level does not show.
        return tree_without_indent(branches.remove(0).0);
    }
    branches
        .into_iter()
        .fold(String::new(), |mut text, (below, values)| {
            let _ = write!(
                text,
                "\n{}{name} {}{below}",
                "  ".repeat(indent),
                values.join(" | ")
            );
            text
        })
}

fn tree_without_indent(text: String) -> String {
    text.replace("\n  ", "\n")
}

#[test]
fn every_situation_has_its_decision() {
    assert_snapshot!(tree(&mut Vec::new(), 0));
}

pub(crate) fn every_situation() -> impl Iterator<Item = Vec<usize>> {
    let total: usize = DIMENSIONS.iter().map(|(_, values)| values.len()).product();
    (0..total).map(|mut number| {
        DIMENSIONS
            .iter()
            .map(|(_, values)| {
                let index = number % values.len();
                number /= values.len();
                index
            })
            .collect()
    })
}

/// Deciding with nothing observed beyond the beginning, and then with each fact that the decision needs, ends in the same
/// decision; and it needs no fact twice, so the loop that observes ends.
#[test]
fn what_is_not_needed_decides_nothing() {
    let mut needed = [0; 3];
    for choice in every_situation() {
        let (pipeline, whole) = situation(&choice);
        let mut observed = Observed {
            compared: None,
            attempts: None,
            shipped_before: None,
            ..whole.clone()
        };
        let mut asked = Vec::new();
        let decision = loop {
            let need = match decide(pipeline, &observed) {
                Ok(decision) => break decision,
                Err(need) => need,
            };
            assert!(!asked.contains(&need), "{choice:?} needs {need:?} twice");
            asked.push(need);
            match need {
                Need::Compared => observed.compared = whole.compared.clone(),
                Need::Attempts => observed.attempts = whole.attempts.clone(),
                Need::ShippedBefore => observed.shipped_before = whole.shipped_before.clone(),
                // None of these pipelines follows a family's latest revision, or versions.
                Need::Template | Need::Rank => unreachable!(),
                // All are ordered by their pushes.
                Need::AttemptsSincePush => unreachable!(),
            }
        };
        assert_eq!(Ok(decision), decide(pipeline, &whole), "{choice:?}");
        asked.iter().for_each(|need| needed[*need as usize] += 1);
    }
    assert!(needed.iter().all(|times| *times > 0), "{needed:?}");
}

#[test]
fn nothing_starts_while_another_deployment_is_under_way() {
    for choice in every_situation() {
        let (pipeline, observed) = situation(&choice);
        let phase = observed.service.active.as_ref().map(|active| active.phase);
        // An update of the service takes the place of a rolling update.
        let gives_way = phase == Some(Phase::Rolling) && pipeline.when_busy == WhenBusy::Replace;
        if (phase.is_some() && !gives_way) || observed.candidate.is_none() {
            assert_ne!(decided(&choice), "START", "{choice:?}");
        }
    }
}

#[test]
fn no_event_starts_an_image_again_or_goes_back() {
    for choice in every_situation() {
        let (pipeline, observed) = situation(&choice);
        let Some(candidate) = &observed.candidate else {
            continue;
        };
        let mut others = observed.compared.iter().flatten();
        let newer_runs =
            others.any(|other| pipeline.tag.is_before(&candidate.detail, &other.detail));
        let tried = observed.attempts.iter().flatten().next().is_some();
        if observed.asked_by == AskedBy::Event && (newer_runs || tried) {
            let decision = decided(&choice);
            assert_ne!(decision, "START", "{choice:?}");
            assert!(!newer_runs || !decision.starts_with("stop"), "{choice:?}");
        }
    }
}

/// Installing Greenlight deploys nothing: where what runs is not known, only a person starts, stops or ends anything.
#[test]
fn what_runs_unknown_is_touched_by_persons_only() {
    for choice in every_situation() {
        let (_, observed) = situation(&choice);
        if observed.asked_by == AskedBy::Event && word(&choice, 1) == "not known" {
            assert!(decided(&choice).starts_with("skip "), "{choice:?}");
        }
    }
}

#[test]
fn a_rollback_goes_only_to_what_shipped_before() {
    for choice in every_situation() {
        let (_, observed) = situation(&choice);
        if observed.asked_by == AskedBy::Rollback
            && observed.shipped_before == Some(ShippedBefore::Never)
        {
            assert!(decided(&choice).starts_with("skip "), "{choice:?}");
        }
    }
}

#[test]
fn what_a_person_asks_for_by_name_is_refused_only_when_it_runs_or_ships() {
    for choice in every_situation() {
        let (_, observed) = situation(&choice);
        if observed.asked_by == AskedBy::PersonForThisImage && observed.candidate.is_some() {
            let decision = decided(&choice);
            assert!(
                [
                    "skip failed-before",
                    "skip rolled-back-by-hand",
                    "skip older-than-running"
                ]
                .iter()
                .all(|no| *no != decision),
                "{choice:?}"
            );
        }
    }
}

#[test]
fn a_wait_is_cut_only_in_the_wait_and_what_is_stopped_goes_back_to_blue() {
    for choice in every_situation() {
        let (pipeline, observed) = situation(&choice);
        let phase = observed.service.active.as_ref().map(|active| active.phase);
        match decided(&choice).as_str() {
            "end the wait of d-ACTIVE" => {
                assert_eq!(
                    (phase, pipeline.termination_wait),
                    (Some(Phase::TerminationWait), TerminationWait::Cut)
                );
            }
            "stop d-ACTIVE" => {
                let before = [Phase::Shifting, Phase::Bake, Phase::Rolling];
                assert!(phase.is_some_and(|phase| before.contains(&phase)));
                assert_eq!(pipeline.when_busy, WhenBusy::Replace);
            }
            _ => {}
        }
    }
}

/// A person may have rolled back by hand, or requested an older image: no reconciliation undoes that half way.
#[test]
fn no_event_stops_what_began_when_the_candidate_was_there_already() {
    for choice in every_situation() {
        let (_, observed) = situation(&choice);
        let earlier = word(&choice, 8) == "before the active one began";
        if observed.asked_by == AskedBy::Event && earlier {
            assert_ne!(decided(&choice), "stop d-ACTIVE", "{choice:?}");
            let runs = word(&choice, 1) == "candidate";
            let ends_the_wait = decided(&choice) == "end the wait of d-ACTIVE";
            assert!(!runs || !ends_the_wait, "{choice:?}");
        }
    }
}

#[test]
fn a_person_is_told_that_a_request_is_not_remembered() {
    let waiting = Decision::Skip(Skip::Waiting("d-1".parse().unwrap()));
    assert_eq!(
        waiting.reason(AskedBy::Event),
        "deployment `d-1` is under way; its end triggers the next reconciliation"
    );
    assert_eq!(
        waiting.reason(AskedBy::PersonForThisImage),
        "deployment `d-1` is under way; ask again when it has ended, because a request is not remembered"
    );
}
