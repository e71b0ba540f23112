//! A migration that ran in a revision of its own: its 0 counts where that revision is what the shipped one gives.

use super::*;

fn shipped() -> RevisionArn {
    task(None).revision
}

/// The migration of the shipped revision, which ran in `web-migration:4`.
fn ran(exit_code: Option<i64>) -> Task {
    Task {
        revision: "arn:aws:ecs:eu-central-1:111122223333:task-definition/web-migration:4"
            .parse()
            .unwrap(),
        ..task(exit_code)
    }
}

fn world(exit_code: Option<i64>, alone: Described<Vec<String>>) -> World {
    let world = World::new(described(ran(exit_code))).with_record(|record| {
        if let Some(runs) = &mut record.runs {
            runs.alone_of = Some(shipped());
            runs.revision = ran(None).revision;
        }
    });
    World { alone, ..world }
}

fn differing(differences: &[&str]) -> Described<Vec<String>> {
    let differences = differences.iter().map(|one| (*one).to_owned());
    Described::This(Box::new(differences.collect()))
}

const UNPROVEN: &str = "failed: the task exited with code 0, but its revision `web-migration:4` is not known to be the migration of \
                        `web:2`: ";

#[test]
fn a_0_counts_where_the_revision_is_derived_from_the_shipped_one() {
    for event in [ended(), time_out()] {
        assert_eq!(world(Some(0), differing(&[])).said(&event), "succeeded");
        let tag = "it has no tag `greenlight:migration-of`";
        let content = "compared with what the migration needs of `web:2`: container `web`: `entryPoint` is added";
        for differences in [&[tag][..], &[content], &[tag, content]] {
            assert_eq!(
                world(Some(0), differing(differences)).said(&event),
                format!("{UNPROVEN}{} []", differences.join(", "))
            );
        }
    }
}

#[test]
fn what_fails_needs_no_evidence() {
    let (finish, needed) = world(Some(3), Described::Unknown).decide(&ended());
    assert!(said(finish.unwrap()).starts_with("failed: the migration exited with code 3"));
    let asked = |need: &Need| matches!(need, Need::Alone(..));
    assert!(!needed.iter().any(asked), "{needed:?}");
    let (_, needed) = world(Some(0), differing(&[])).decide(&ended());
    let container = "web".parse().unwrap();
    let expected = Need::Alone(ran(None).revision, shipped(), container, IfUnreadable::Fail);
    assert!(needed.contains(&expected), "{needed:?}");
}

/// The event comes again; the time-out comes once.
#[test]
fn a_revision_that_cannot_be_read_is_no_evidence() {
    let denied = || Described::Unreadable("denied".to_owned());
    assert_eq!(world(Some(0), denied()).said(&ended()), "error: denied");
    assert_eq!(
        world(Some(0), denied()).said(&time_out()),
        format!("{UNPROVEN}it could not be compared (denied) []")
    );
    assert_eq!(
        world(Some(0), Described::Unknown).said(&time_out()),
        format!("{UNPROVEN}ECS does not know it []")
    );
}

/// Where a death left the ARN out, the task must be one of the revision that was registered.
#[test]
fn a_task_of_the_shipped_revision_is_not_the_migration_that_runs_alone() {
    let mut world = world(Some(0), differing(&[])).with_unnoted_task();
    assert_eq!(world.said(&ended()), "succeeded");
    world.task = described(task(Some(0)));
    let said = world.said(&ended());
    assert!(said.contains("its revision is `arn:"), "{said}");
}

impl World {
    fn with_unnoted_task(mut self) -> Self {
        let mut record = Record::read(&self.input.unwrap()).unwrap();
        record.task = None;
        self.input = Some(record.to_json());
        self
    }
}
