//! Events that a function failed on after all retries: the dead-letter queue keeps them with the error.

use record::{DeadLetter, Record, counted};
use serde_json::Value;

use crate::claims::{self, expect, list};
use crate::{Expectation, quoted};

/// The queue for invocations that failed after all retries, by its logical id in the template.
const QUEUE: &str = "FailedInvocations";

/// The queue has the one event that a function failed on, once per delivery, with an error that contains all texts.
pub fn event_kept(says: &[&str]) -> Expectation {
    let claim = format!(
        "the event is kept in {QUEUE} with an error that says {}",
        quoted(says)
    );
    let says: Vec<String> = says.iter().map(|&text| text.to_owned()).collect();
    Expectation::new(claim, move |record| {
        let deliveries = if claims::events_come_twice(record) {
            2
        } else {
            1
        };
        let requests = requests(record, deliveries, &says)?;
        let same = requests.windows(2).all(|two| two[0] == two[1]);
        expect(same, || "each letter holds another event".to_owned())
    })
}

/// The queue has this number of hook calls, each with an error that contains all texts. EventBridge is not involved.
pub fn calls_kept(count: usize, says: &[&str]) -> Expectation {
    let claim = format!(
        "{count} call(s) of the hook are kept in {QUEUE} with an error that says {}",
        quoted(says)
    );
    let says: Vec<String> = says.iter().map(|&text| text.to_owned()).collect();
    Expectation::new(claim, move |record| {
        let requests = requests(record, count, &says)?;
        let mut deployments: Vec<String> = requests
            .iter()
            .map(|request| request["DeploymentId"].to_string())
            .collect();
        deployments.sort();
        deployments.dedup();
        expect(deployments.len() == count, || list(&deployments))
    })
}

/// The payloads of the letters in the queue, if there are `count` of them and each error contains all texts.
fn requests<'a>(
    record: &'a Record,
    count: usize,
    says: &[String],
) -> Result<Vec<&'a Value>, String> {
    let letters = &record.dead_letters;
    // People who read the queue see the last answer; it has the same text as the first one.
    let tells = |letter: &DeadLetter| {
        let error = letter.message["responsePayload"].to_string();
        letter.queue == QUEUE && says.iter().all(|says| error.contains(says.as_str()))
    };
    expect(letters.len() == count && letters.iter().all(tells), || {
        let found = letters.iter();
        let found: Vec<String> = found
            .map(|letter| format!("{}: {}", letter.queue, letter.message))
            .collect();
        format!(
            "{}: {}",
            counted(found.len(), "letter", "letters"),
            list(&found)
        )
    })?;
    let requests = letters.iter();
    Ok(requests
        .map(|letter| &letter.message["requestPayload"])
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn letter(queue: &str, request: &Value, error: &str) -> DeadLetter {
        DeadLetter {
            queue: queue.to_owned(),
            message: json!({
                "requestPayload": request,
                "responsePayload": { "errorType": "AwsDenied", "errorMessage": error },
            }),
        }
    }

    fn record(dead_letters: Vec<DeadLetter>) -> Record {
        Record {
            dead_letters,
            ..Record::default()
        }
    }

    #[test]
    fn one_event_is_kept_as_often_as_it_was_delivered() {
        let says: &[&str] = &["AwsDenied", "ecs:RunTask"];
        let (event, other) = (json!({ "id": "a" }), json!({ "id": "b" }));
        let kept = || letter(QUEUE, &event, "no ecs:RunTask");
        for (letters, once, twice) in [
            (vec![], false, false),
            (vec![kept()], true, false),
            (vec![kept(), kept()], false, true),
            (vec![kept(), kept(), kept()], false, false),
            (
                vec![kept(), letter(QUEUE, &other, "no ecs:RunTask")],
                false,
                false,
            ),
            (
                vec![letter("Other", &event, "no ecs:RunTask")],
                false,
                false,
            ),
            (vec![letter(QUEUE, &event, "throttled")], false, false),
            (
                vec![kept(), letter(QUEUE, &event, "throttled")],
                false,
                false,
            ),
        ] {
            let mut record = record(letters);
            assert_eq!(event_kept(says).problem(&record).is_none(), once);
            record.assumptions.push("events-come-twice".to_owned());
            assert_eq!(event_kept(says).problem(&record).is_none(), twice);
        }
    }

    #[test]
    fn each_call_of_a_hook_is_kept_once() {
        let call =
            |deployment: &str| letter(QUEUE, &json!({ "DeploymentId": deployment }), "no answer");
        for (letters, expected) in [
            (vec![call("d-1")], false),
            (vec![call("d-1"), call("d-2")], true),
            (vec![call("d-1"), call("d-1")], false),
            (vec![call("d-1"), call("d-2"), call("d-3")], false),
        ] {
            let record = record(letters);
            let holds = calls_kept(2, &["AwsDenied"]).problem(&record).is_none();
            assert_eq!(holds, expected);
        }
    }
}
