//! AWS's behaviour where it is neither documented nor confirmed by observation: both possibilities.
//!
//! The rehearsal simulates the likelier one unless the other is assumed. Every scenario should hold under both.

use std::collections::BTreeSet;

use crate::named::named;

named! {
    /// The less likely, or less harmless, of two possibilities. Each meaning states what AWS would do.
    pub enum Assumption {
        "hook-error-fails-at-once" => HookErrorFailsAtOnce:
            "A hook function's error fails its lifecycle event at once, not after an hour without an answer",
        "hook-is-called-synchronously" => HookIsCalledSynchronously:
            "A hook function is invoked synchronously: an error is not retried",
        "rollback-calls-hooks" => RollbackCallsHooks:
            "A rollback deployment calls the hooks again",
        "green-is-primary-later" => GreenIsPrimaryLater:
            "Green becomes PRIMARY after AfterAllowTraffic, not before it",
        "service-revision-changes-later" => ServiceRevisionChangesLater:
            "The service names green's revision when the deployment has ended, not when green becomes PRIMARY",
        "second-answer-is-accepted" => SecondAnswerIsAccepted:
            "A second answer to a hook is accepted without an error if it is the same as the first",
        "sha256-is-not-checked" => Sha256IsNotChecked:
            "An AppSpec's SHA-256 is not compared with its content",
        "description-may-be-longer" => DescriptionMayBeLonger:
            "A deployment's description may have 512 characters, not 256",
        "ready-timeout-rolls-back" => ReadyTimeoutRollsBack:
            "A deployment that is not continued in time counts as failed for the automatic rollback",
        "task-stops-before-answer" => TaskStopsBeforeAnswer:
            "A task that ends at once emits its STOPPED event before RunTask has answered",
        "new-tasks-are-missing" => NewTasksAreMissing:
            "DescribeTasks, ListTasks and StopTask do not find a new task for some seconds",
        "untagged-push-omits-tag" => UntaggedPushOmitsTag:
            "A push without a tag has no `image-tag` in its event, not an empty one",
        "repeated-push-is-told" => RepeatedPushIsTold:
            "A push that changes nothing emits an event like any other",
        "other-kinds-of-events-are-told" => OtherKindsOfEventsAreTold:
            "CodeDeploy also emits events of its target, and ECS of the service's deployment, as they do for other kinds of services",
        "events-come-twice" => EventsComeTwice:
            "Every event is delivered twice",
        "deployment-actions-know-no-resource" => DeploymentActionsKnowNoResource:
            "CodeDeploy's actions on one deployment, a hook's answer included, support no resource: only policies for `*` allow them",
        "nodes-learn-late" => NodesLearnLate:
            "A load balancer's nodes receive new weights one after the other, the last of them after three seconds",
        "tasks-state-platform-digests" => TasksStatePlatformDigests:
            "A task that runs a multi-platform image reports the digest of its platform's manifest, not of the index",
        "listener-rules-follow" => ListenerRulesFollow:
            "CodeDeploy changes every rule of a listener that forwards to one of its two target groups, not only the default one",
        "missing-alarm-stops" => MissingAlarmStops:
            "A deployment is stopped in Install if an alarm of its group does not exist, unless failures to poll alarms are ignored",
        "tasks-do-not-name-their-task-set" => TasksDoNotNameTheirTaskSet:
            "`startedBy` of a service's task is a number that nothing else shows, not the id of its task set",
        "past-schedule-is-refused" => PastScheduleIsRefused:
            "CreateSchedule refuses an `at(…)` that is past, which would call at once otherwise",
    }
}

/// The assumptions of one rehearsal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumptions(BTreeSet<Assumption>);

impl Assumptions {
    pub fn hold(&self, assumption: Assumption) -> bool {
        self.0.contains(&assumption)
    }

    /// The union of both.
    pub fn and(mut self, others: Assumptions) -> Assumptions {
        self.0.extend(others.0);
        self
    }

    /// Returns their names, in the form of `--assume`.
    pub fn names(&self) -> Vec<String> {
        let name = |assumption: &Assumption| assumption.name().to_owned();
        self.0.iter().map(name).collect()
    }
}

impl FromIterator<Assumption> for Assumptions {
    fn from_iter<T: IntoIterator<Item = Assumption>>(assumptions: T) -> Assumptions {
        Assumptions(assumptions.into_iter().collect())
    }
}
