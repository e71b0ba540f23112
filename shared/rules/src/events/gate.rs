//! The call of a one-time schedule that has the production gate of a rolling update held. It is neither CodeDeploy's nor ECS's contract:
//! ECS calls no hook after a rolling update, and nothing waits for an answer.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{UnreadableEvent, read};
use crate::names::{ClusterName, ServiceDeploymentArn, ServiceName};

/// A rolling update that may be due to be judged. Whoever may call the function may name another one, so everything is read again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateCall {
    /// The service's cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// The deployment.
    pub deployment: ServiceDeploymentArn,
}

impl GateCall {
    /// Reads a schedule's input; none where it is not this one.
    ///
    /// # Errors
    /// It is, and lacks what it needs.
    pub fn parse(event: &Value) -> Result<Option<Self>, UnreadableEvent> {
        if event.get("gate").is_none() {
            return Ok(None);
        }
        let Input { gate } = read(event)?;
        let deployment = &gate.deployment;
        if (deployment.cluster(), deployment.service())
            != (gate.cluster.as_str(), gate.service.as_str())
        {
            return Err(UnreadableEvent::new(
                "gate.deployment",
                "it is of another service, expected one of `gate.service`",
            ));
        }
        Ok(Some(gate))
    }

    /// What the schedule sends.
    pub fn input(&self) -> Value {
        let Self {
            cluster,
            service,
            deployment,
        } = self;
        json!({"gate": {"cluster": cluster, "service": service, "deployment": deployment}})
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    gate: GateCall,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str =
        "arn:aws:ecs:eu-central-1:111122223333:service-deployment/prod/web/EZe5RNVLH6PPzHXINuP28";

    #[test]
    fn what_a_schedule_sends_is_read_and_nothing_else() {
        let call = GateCall {
            cluster: "prod".parse().unwrap(),
            service: "web".parse().unwrap(),
            deployment: ARN.parse().unwrap(),
        };
        assert_eq!(GateCall::parse(&call.input()), Ok(Some(call)));
        assert_eq!(GateCall::parse(&json!({"look": {}})), Ok(None));
        for wrong in [
            json!({"gate": null}),
            json!({"gate": {"cluster": "prod", "service": "web"}}),
            json!({"gate": {"cluster": "prod", "service": "api", "deployment": ARN}}),
            json!({"gate": {"cluster": "prod", "service": "web", "deployment": ARN, "passed": true}}),
        ] {
            assert!(GateCall::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
