//! A storm's plan in words, for whoever looks for what went wrong in it.

use std::fmt::Write as _;
use std::time::Duration;

use local_aws::assumption::Assumptions;
use local_aws::ecr::ImageSettings;
use local_aws::events::DeliveryFault;

use super::plan::{Action, Chances, DeliveryFaults, Pipeline, Plan, Until};

/// Everything that the seed has drawn, a line each.
pub(super) fn plan(plan: &Plan) -> String {
    let mut lines = vec![format!("seed {}: {}", plan.seed, chances(plan.chances))];
    lines.extend(plan.pipelines.iter().map(pipeline));
    let assumptions: Assumptions = plan.assumptions.iter().copied().collect();
    if !plan.assumptions.is_empty() {
        lines.push(format!("  assumed: {}", assumptions.names().join(", ")));
    }
    lines.extend(plan.delivery_faults.iter().map(delivery_faults));
    lines.extend(
        plan.call_faults
            .iter()
            .map(|fault| format!("  fault: {fault}")),
    );
    for (index, next) in plan.actions.iter().enumerate() {
        lines.push(format!("  {}. {}", index + 1, action(next)));
    }
    lines.join("\n")
}

fn chances(chances: Chances) -> String {
    let Chances {
        delivery_fault,
        call_fault,
        broken,
        person,
        burst,
        assumed,
    } = chances;
    format!(
        "deliveries with faults {delivery_fault} %, calls with faults {call_fault} %, versions broken {broken} %, \
         people {person} %, bursts {burst} %, assumptions {assumed} %"
    )
}

fn pipeline(pipeline: &Pipeline) -> String {
    let mut text = format!(
        "  pipeline {} in {}: {} `{}`, when busy {}, termination wait {}, {}, blue stays {}",
        pipeline.service,
        pipeline.cluster,
        pipeline.repository,
        pipeline.rule.text(),
        pipeline.when_busy,
        pipeline.termination_wait,
        pipeline.deployment_config,
        duration(pipeline.blue_stays),
    );
    if pipeline.migrates {
        text += ", migrates";
    }
    if !pipeline.asks.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(text, ", asks for {}", pipeline.asks.join(" and "));
    }
    if let Some(wait) = pipeline.ready_wait {
        let _ = write!(text, ", waits {} for somebody to continue", duration(wait));
    }
    if !pipeline.rolls_back_on_stop {
        text += ", rolls nothing back that is stopped";
    }
    text
}

fn delivery_faults(delivery_faults: &DeliveryFaults) -> String {
    let DeliveryFaults {
        rule,
        about,
        faults,
    } = delivery_faults;
    let faults = faults.iter().enumerate().filter_map(|(index, fault)| {
        let what = match (*fault)? {
            DeliveryFault::Lost => "lost".to_owned(),
            DeliveryFault::Twice => "twice".to_owned(),
            DeliveryFault::Late(delay) => format!("{} late", duration(delay)),
            DeliveryFault::Refused(times, refusal) => {
                format!("refused {times} times ({refusal:?})")
            }
        };
        Some(format!("{}: {what}", index + 1))
    });
    let faults: Vec<String> = faults.collect();
    format!(
        "  deliveries by {rule} about {about}: {}",
        faults.join(", ")
    )
}

fn action(action: &Action) -> String {
    match action {
        Action::InjectDeliveryFaults(delivery_faults) => self::delivery_faults(delivery_faults),
        Action::Push(image) => push(image),
        Action::Pass(time) => format!("{} pass", duration(*time)),
        Action::Until(service, until) => format!("until {service} {}", reached(*until)),
        Action::Settle => "until nothing is under way".to_owned(),
        Action::Stop(service, true) => {
            format!("somebody stops the deployment of {service}, with rollback")
        }
        Action::Stop(service, false) => {
            format!("somebody stops the deployment of {service}, without rollback")
        }
        Action::EndWait(service, wait) => format!("somebody ends the {wait:?} wait of {service}"),
        Action::Redeploy {
            service, version, ..
        } => format!("somebody deploys {version} to {service} in the console"),
        Action::Ask(request) => format!("somebody asks start-deployment: {request}"),
        Action::Alarm(service, state) => format!("the alarm of {service} goes to {state:?}"),
        Action::Calm => "nothing fails any more, and every alarm is off".to_owned(),
        Action::Converge => "hours pass until a look changes nothing".to_owned(),
    }
}

fn push(image: &ImageSettings) -> String {
    let mut text = format!(
        "push {} {} as {}",
        image.repository,
        image.version,
        image.tags.join(", ")
    );
    if let Some(how) = image.environment.get("SAMPLE_MISBEHAVE") {
        let _ = write!(text, ", which {how}");
    }
    text
}

fn reached(until: Until) -> String {
    match until {
        Until::LifecycleEvent(event, status) => format!("has {event} {status}"),
        Until::Status(status) => format!("has a deployment {status}"),
        Until::Shift => "sends production to green".to_owned(),
    }
}

fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
