//! What an invocation decided, as the function's answer states it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A decision, and its reason in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The pipeline that it is about, where the answer names one.
    pub pipeline: Option<String>,
    /// The answer's word: `start`, `already-running`, `succeeded`, `shipped`.
    pub decision: String,
    pub reason: Option<String>,
}

/// The decision of an answer that reports none of the things it is asked for: no pipeline, no outcome.
const SKIP: &str = "skip";

impl Decision {
    /// The decisions of an answer, in its order; none where it does not say what was decided.
    pub fn of_answer(answer: &Value) -> Vec<Decision> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let one = |decision: Option<String>, reason: Option<String>| Decision {
            pipeline: None,
            decision: decision.unwrap_or_else(|| SKIP.to_owned()),
            reason,
        };
        let reason = text(&answer["reason"]);
        match (answer["pipelines"].as_array(), answer.get("outcome")) {
            // `start-deployment`: a report for each pipeline, or why there is none.
            (Some(reports), _) if !reports.is_empty() => {
                let report = |report: &Value| {
                    Some(Decision {
                        pipeline: text(&report["pipeline"]),
                        decision: text(&report["decision"])?,
                        reason: text(&report["reason"]),
                    })
                };
                reports.iter().filter_map(report).collect()
            }
            (Some(_), _) => reason
                .into_iter()
                .map(|reason| one(None, Some(reason)))
                .collect(),
            // `report-outcome`: what was published, or why nothing was.
            (None, Some(outcome)) => {
                let summary = text(&answer["summary"]);
                vec![one(text(outcome), reason.or(summary))]
            }
            // A hook.
            (None, None) => {
                let answered = text(&answer["answer"]).into_iter();
                answered
                    .map(|answer| one(Some(answer), reason.clone()))
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_states_what_was_decided_and_why() {
        let pipelines = json!({"pipelines": [
            {"pipeline": "web", "decision": "already-running", "reason": "it runs", "image": null},
            {"pipeline": "api", "decision": "start", "reason": "it is newer"},
        ]});
        for (answer, expected) in [
            (
                pipelines,
                "web already-running (it runs), api start (it is newer)",
            ),
            (
                json!({"pipelines": [], "reason": "no pipeline follows it"}),
                "skip (no pipeline follows it)",
            ),
            (
                json!({"deployment_id": "d-1", "outcome": null, "reason": "it goes on"}),
                "skip (it goes on)",
            ),
            (
                json!({"deployment_id": "d-1", "outcome": "shipped", "summary": "1.1.0 runs"}),
                "shipped (1.1.0 runs)",
            ),
            (
                json!({"answer": "failed", "reason": "exit code 1", "late": false}),
                "failed (exit code 1)",
            ),
            (json!({"answer": "later"}), "later ()"),
            (json!({"pipelines": []}), ""),
            (json!({"hookStatus": "SUCCEEDED"}), ""),
            (json!({"answer": 1, "pipelines": "none"}), ""),
            (json!("text"), ""),
            (Value::Null, ""),
        ] {
            let found = Decision::of_answer(&answer).into_iter().map(|found| {
                let pipeline = found.pipeline.map_or(String::new(), |name| name + " ");
                let reason = found.reason.unwrap_or_default();
                format!("{pipeline}{} ({reason})", found.decision)
            });
            assert_eq!(found.collect::<Vec<_>>().join(", "), expected, "{answer}");
        }
    }
}
