//! Requests about a running deployment: StopDeployment and ContinueDeployment, and when they are refused.

use super::{CodeDeploy, DeploymentStatus, State, StopRequest, Wait};

/// The wait that a ContinueDeployment request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentWait {
    /// READY_WAIT: before production is rerouted.
    Ready,
    /// TERMINATION_WAIT: before blue is stopped.
    Termination,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no deployment `{0}`")]
    DoesNotExist(String),
    #[error("deployment `{id}` has ended already: {}", .status.as_str())]
    AlreadyCompleted {
        id: String,
        status: DeploymentStatus,
    },
    #[error("deployment `{0}` is not in that wait")]
    IsNotWaiting(String),
}

impl State {
    /// Only the first request counts; a second one changes nothing.
    pub fn request_stop(&mut self, id: &str, roll_back: Option<bool>) -> Result<(), Refusal> {
        let deployment = self.running(id)?;
        deployment.stop.get_or_insert(StopRequest { roll_back });
        Ok(())
    }

    pub fn end_wait(&mut self, id: &str, wait: DeploymentWait) -> Result<(), Refusal> {
        let deployment = self.running(id)?;
        let wait = match wait {
            DeploymentWait::Ready => &mut deployment.ready_wait,
            DeploymentWait::Termination => &mut deployment.termination_wait,
        };
        match wait {
            Wait::Waiting => {
                *wait = Wait::Over;
                Ok(())
            }
            Wait::NotReached | Wait::Over => Err(Refusal::IsNotWaiting(id.to_owned())),
        }
    }

    fn running(&mut self, id: &str) -> Result<&mut super::Deployment, Refusal> {
        let none = || Refusal::DoesNotExist(id.to_owned());
        let deployment = self.deployment_mut(id).ok_or_else(none)?;
        if deployment.status.is_active() {
            Ok(deployment)
        } else {
            let status = deployment.status;
            Err(Refusal::AlreadyCompleted {
                id: id.to_owned(),
                status,
            })
        }
    }
}

impl CodeDeploy {
    /// StopDeployment. `roll_back` overrides the deployment's own rollback events.
    pub fn stop_deployment(&self, id: &str, roll_back: Option<bool>) -> Result<(), Refusal> {
        self.write(|state| state.request_stop(id, roll_back))
    }

    /// ContinueDeployment.
    pub fn continue_deployment(&self, id: &str, wait: DeploymentWait) -> Result<(), Refusal> {
        self.write(|state| state.end_wait(id, wait))
    }
}
