//! Why a deployment ended badly.

use super::{Ending, Subject};
use crate::config::{Pipeline, WhenBusy};
use crate::names::FunctionName;

/// The step that failed, the engine's sentence, and what AWS knows beyond them.
pub(super) fn reason(pipeline: &Pipeline, deployment: &Subject, ending: &Ending) -> String {
    let engine = deployment.engine;
    let failed = ending.steps.iter().find(|step| step.has_failed);
    let error_says = |text: &str| {
        let error = deployment.error.as_ref();
        error.is_some_and(|(_, message)| message.contains(text))
    };
    let of_step = failed.and_then(|step| step.message.as_deref());
    let of_step = of_step
        .map(|message| message.trim().trim_end_matches('.'))
        .filter(|message| !message.is_empty() && !error_says(message))
        .map(str::to_owned);
    // Another tool's deployment calls what it likes.
    let called = |step: &str| {
        deployment.image.as_ref()?;
        match own_hook(pipeline, step) {
            Some(function) => Some(format!("your function `{function}`")),
            None => engine.gate_of(pipeline, step).map(str::to_owned),
        }
    };
    let step = failed.map(|step| match called(&step.name) {
        Some(called) => format!("{} failed ({called})", step.name),
        None => format!("{} failed", step.name),
    });
    let error = deployment.error.as_ref().map(|(code, message)| {
        match message.trim().trim_end_matches('.') {
            "" => code.clone(),
            message => format!("{message} ({code})"),
        }
    });
    let stopped = was_perhaps_replaced(pipeline, deployment).then(|| {
        "a person stopped it, or a newer image replaces it (`when_busy = \"replace\"`)".to_owned()
    });
    let parts: Vec<String> = step
        .into_iter()
        .chain(of_step)
        .chain(error)
        .chain(stopped)
        .chain(ending.causes.iter().cloned())
        .collect();
    if parts.is_empty() {
        format!("{engine} gave no reason")
    } else {
        parts.join("; ")
    }
}

/// The function of the user's that CodeDeploy calls at a lifecycle event. It does nothing else at such an event, so that one which
/// failed failed by that function.
fn own_hook<'a>(pipeline: &'a Pipeline, step: &str) -> Option<&'a FunctionName> {
    let mut hooks = pipeline.hooks.iter();
    hooks
        .find(|(event, _)| event.name() == step)
        .map(|(_, function)| function)
}

/// AWS reports the same for both, what Greenlight replaced and what a person stopped: a call stopped it.
pub(super) fn was_perhaps_replaced(pipeline: &Pipeline, deployment: &Subject) -> bool {
    pipeline.when_busy == WhenBusy::Replace && deployment.stopped_by_call
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codedeploy::tests::described;
    use crate::codedeploy::{Creator, Deployment};
    use crate::config::Config;
    use crate::outcome::Step;

    fn pipeline(more: &str) -> Pipeline {
        let text = format!(
            "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n{more}"
        );
        Config::parse(&text).unwrap().pipelines.remove(0)
    }

    fn failed_at(name: &str) -> Ending {
        Ending {
            steps: vec![Step {
                name: name.to_owned(),
                status: "Failed",
                has_failed: true,
                seconds: 1,
                message: None,
            }],
            ..Ending::default()
        }
    }

    fn ours() -> Deployment {
        described(&format!("greenlight sha256:{}", "4c".repeat(32)))
    }

    const MIGRATION: &str = "[pipeline.migration]\ncontainer='web'\ncommand=['migrate']";
    const PRODUCTION: &str =
        "[pipeline.production_traffic]\n[[pipeline.production_traffic.request]]\npath='/'";

    #[test]
    fn a_gate_is_named_where_it_is_greenlights() {
        let (migration, test, production) = (
            "AfterInstall failed (the migration gate)",
            "AfterAllowTestTraffic failed (the test traffic gate)",
            "AfterAllowTraffic failed (the production traffic gate)",
        );
        for (more, event, deployment, expected) in [
            (MIGRATION, "AfterInstall", ours(), migration),
            (
                MIGRATION,
                "AfterInstall",
                described(""),
                "AfterInstall failed",
            ),
            (
                "[pipeline.hooks]\nAfterInstall='CodeDeployHook_announce'",
                "AfterInstall",
                ours(),
                "AfterInstall failed (your function `CodeDeployHook_announce`)",
            ),
            ("", "AfterAllowTestTraffic", ours(), test),
            (
                "",
                "AfterAllowTestTraffic",
                described("by another tool"),
                "AfterAllowTestTraffic failed",
            ),
            (PRODUCTION, "AfterAllowTraffic", ours(), production),
            (
                PRODUCTION,
                "AfterAllowTraffic",
                described(""),
                "AfterAllowTraffic failed",
            ),
            ("", "AfterAllowTraffic", ours(), "AfterAllowTraffic failed"),
            (
                "[pipeline.hooks]\nAfterAllowTraffic='CodeDeployHook_announce'",
                "AfterAllowTraffic",
                ours(),
                "AfterAllowTraffic failed (your function `CodeDeployHook_announce`)",
            ),
            (MIGRATION, "BeforeInstall", ours(), "BeforeInstall failed"),
        ] {
            let pipeline = pipeline(more);
            let subject = deployment.subject(&pipeline);
            assert_eq!(
                reason(&pipeline, &subject, &failed_at(event)),
                expected,
                "{more}"
            );
        }
    }

    #[test]
    fn a_rollback_is_stopped_by_a_person_alone() {
        let replaces = pipeline("when_busy='replace'");
        let told = |creator, rolls_back: Option<&str>| {
            let stopped = Deployment {
                creator,
                rolls_back: rolls_back.map(|id| id.parse().unwrap()),
                error: Some(("MANUAL_STOP".to_owned(), "Stopped by the user.".to_owned())),
                ..ours()
            };
            let subject = stopped.subject(&replaces);
            reason(&replaces, &subject, &Ending::default()).contains("a newer image replaces it")
        };
        assert!(told(Creator::Caller, None));
        assert!(!told(Creator::Rollback, Some("d-1")));
        assert!(!told(Creator::Rollback, None));
    }
}
