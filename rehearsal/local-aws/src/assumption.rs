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
        "second-answer-is-accepted" => SecondAnswerIsAccepted:
            "A second answer to a hook is accepted without an error if it is the same as the first",
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
            "`startedBy` of a task that CodeDeploy deployed is a number that nothing else shows, not the id of its task set",
        "native-services-send-no-events" => NativeServicesSendNoEvents:
            "A service that ECS deploys blue/green, linear or canary emits no *ECS Deployment State Change*",
        "half-shifted-green-becomes-blue" => HalfShiftedGreenBecomesBlue:
            "An UpdateService while production is half shifted makes the half-shifted revision the new blue, and does not return to the last successful one",
        "baking-deployment-is-rolled-back" => BakingDeploymentIsRolledBack:
            "An UpdateService during the bake time rolls the deployment back first, and does not make its revision the new blue",
        "update-during-rollback-is-refused" => UpdateDuringRollbackIsRefused:
            "An UpdateService that needs a deployment is refused while a rollback is in progress",
        "update-answers-previous-deployment" => UpdateAnswersPreviousDeployment:
            "UpdateService answers with the previous `currentServiceDeployment`, not with the new one",
        "ecs-forgets-left-out-configuration" => EcsForgetsLeftOutConfiguration:
            "Members that UpdateService's `deploymentConfiguration` leaves out are reset, hooks included",
        "rolling-runs-no-hooks" => RollingRunsNoHooks:
            "A rolling deployment runs none of the service's lifecycle hooks",
        "service-hook-errors-are-retried" => ServiceHookErrorsAreRetried:
            "A lifecycle hook's function error or throttle is retried within the hook's time-out, and does not fail at once",
        "execution-id-changes-each-call" => ExecutionIdChangesEachCall:
            "A lifecycle hook's `executionId` is another one with each call of a hook in progress",
        "call-back-delay-is-clamped" => CallBackDelayIsClamped:
            "A lifecycle hook's `callBackDelay` is rounded up to whole seconds between 1 and 900",
        "failed-hook-fails-the-rollback" => FailedHookFailsTheRollback:
            "A lifecycle hook that fails during a rollback ends it as ROLLBACK_FAILED, and is not ignored",
        "test-hooks-need-a-test-rule" => TestHooksNeedATestRule:
            "The hooks at TEST_TRAFFIC_SHIFT and POST_TEST_TRAFFIC_SHIFT are skipped without a test listener rule",
        "weights-are-those-after-the-step" => WeightsAreThoseAfterTheStep:
            "The weights of a hook at PRE_PRODUCTION_TRAFFIC_SHIFT are those after the step, not before it",
        "native-service-revision-changes-later" => NativeServiceRevisionChangesLater:
            "A blue/green, linear or canary service names the new task definition from CLEAN_UP on, not from UpdateService on",
        "service-revisions-omit-pinned-digests" => ServiceRevisionsOmitPinnedDigests:
            "A service revision has no `imageDigest` for an image that the task definition pins by digest",
        "service-revisions-state-platform-digests" => ServiceRevisionsStatePlatformDigests:
            "A service revision states the digest of the platform's manifest of a multi-platform image, not of the index",
        "ended-early-sends-no-event" => EndedEarlySendsNoEvent:
            "A service deployment that is stopped, rolled back by request or fails to roll back emits no SERVICE_DEPLOYMENT_FAILED",
        "stop-without-type-keeps-both-revisions" => StopWithoutTypeKeepsBothRevisions:
            "StopServiceDeployment without a stop type or with ABORT leaves both revisions as they are; otherwise it rolls back, and ABORT is refused",
        "stop-of-ended-deployment-succeeds" => StopOfEndedDeploymentSucceeds:
            "StopServiceDeployment of an ended deployment succeeds without effect, and is no ConflictException",
        "breaker-is-ignored-on-native" => BreakerIsIgnoredOnNative:
            "The deployment circuit breaker of a blue/green, linear or canary service is accepted and ignored",
        "deployment-succeeds-at-the-shift" => DeploymentSucceedsAtTheShift:
            "A service deployment is SUCCESSFUL when production has shifted, not when the bake time is over",
        "move-to-ecs-starts-a-deployment" => MoveToEcsStartsADeployment:
            "An UpdateService that changes the deployment controller from CODE_DEPLOY to ECS starts a service deployment of what runs",
        "rollback-calls-every-traffic-hook" => RollbackCallsEveryTrafficHook:
            "A rollback calls the hooks of both traffic shifts again even if the deployment had not reached them",
    }
}

impl Assumption {
    /// Whether it is about services that ECS itself deploys.
    pub fn is_of_service_deployments(self) -> bool {
        self >= Assumption::NativeServicesSendNoEvents
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
