//! What began beside a migration: another start's, or somebody else's deployment.

use super::*;
use crate::gate::Verdict;
use crate::task_log::TaskLog;

#[test]
fn only_what_succeeded_is_marked_as_superseded() {
    let unread = TaskLog::default;
    let failed = || Verdict::Failed {
        reason: "exit code 1".to_owned(),
        log: unread(),
    };
    let table = [
        (
            Some(Verdict::Succeeded("0".to_owned())),
            false,
            Ended::Succeeded,
        ),
        (
            Some(Verdict::Succeeded("0".to_owned())),
            true,
            Ended::Superseded,
        ),
        (Some(failed()), true, Ended::Failed(None)),
        (None, true, Ended::Unknown),
    ];
    for (verdict, is_superseded, expected) in table {
        let mark = marked_as(&record(), None, verdict.as_ref(), is_superseded, at(1));
        assert_eq!(mark.ended, expected, "{verdict:?} {is_superseded}");
    }
}
