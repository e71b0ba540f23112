"""What people do to a deployment that is under way, with the AWS CLI and in real time: continue it, stop it, set an alarm
off.
"""

from claims import Claims
from real_deployments import Deployments
from serving import Serving, eventually


def waits_are_ended_by_hand(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about("in real time: `aws deploy continue-deployment` ends the termination wait")
    latest = aws.client("ecr").describe_images(repositoryName="shop/web", imageIds=[{"imageTag": "latest"}])
    revision = deployments.register(latest["imageDetails"][0]["imageDigest"])
    first = deployments.create(revision, [], "ended by hand", config="CodeDeployDefault.ECSAllAtOnce")
    second = deployments.try_to_create(revision)
    claims.holds("a second deployment beside it is refused", second.code != 0, second.out)
    text = f"The Deployment Group '{deployments.group}' already has an active Deployment '{first}'"
    claims.contains("in AWS's words", second.err, "DeploymentLimitExceededException", text)
    early = aws.aws("deploy", "continue-deployment", "--deployment-id", first, "--deployment-wait-type", "READY_WAIT")
    claims.contains("it is not ready", early.err, "DeploymentIsNotInReadyStateException")
    claims.holds(
        "it comes to its termination wait", bool(eventually(lambda: deployments.waits(first), 180)), "it did not"
    )
    claims.equal("in which it is InProgress", deployments.get(first)["status"], "InProgress")
    claims.equal("production is on green", aws.version(), "1.1.0")
    sets = {task_set["status"] for task_set in deployments.service()["taskSets"]}
    claims.equal("blue still runs", sets, {"PRIMARY", "ACTIVE"})
    done = aws.aws(
        "deploy", "continue-deployment", "--deployment-id", first, "--deployment-wait-type", "TERMINATION_WAIT"
    )
    claims.equal("`continue-deployment` says nothing", (done.code, done.out, done.err), (0, "", ""))
    waited = aws.aws("deploy", "wait", "deployment-successful", "--deployment-id", first)
    claims.equal("the CLI's wait ends long before the hour", (waited.code, waited.err), (0, ""))
    again = aws.aws(
        "deploy", "continue-deployment", "--deployment-id", first, "--deployment-wait-type", "TERMINATION_WAIT"
    )
    claims.contains("there is nothing left to continue", again.err, "DeploymentAlreadyCompletedException")


def a_deployment_is_stopped_by_hand(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about("in real time: `aws deploy stop-deployment` in a canary's first step")
    revision = deployments.register(deployments.push("1.2.0").found)
    running = deployments.create(revision, [], "stopped by hand")
    shifts = lambda: deployments.event(running, "AllowTraffic") == "InProgress"
    claims.holds("a tenth of production goes to green", bool(eventually(shifts, 180)), "it did not come to that")
    stopped = aws.aws("deploy", "stop-deployment", "--deployment-id", running, "--auto-rollback-enabled")
    claims.holds("`stop-deployment` answers", stopped.code == 0 and "status" in stopped.json(), stopped.err)
    waited = aws.aws("deploy", "wait", "deployment-successful", "--deployment-id", running)
    claims.contains("the CLI's wait fails", waited.err, "Waiter DeploymentSuccessful failed", "Stopped")
    ended = deployments.end(running)
    told = (ended["status"], ended.get("errorInformation", {}).get("code"))
    claims.equal("it is Stopped, by hand", told, ("Stopped", "MANUAL_STOP"))
    rollback = ended["rollbackInfo"]["rollbackDeploymentId"]
    text = f"Deployment {running} terminated. Automatic rollback is triggered with a DeploymentId {rollback}."
    claims.contains("it names what rolls it back", ended["rollbackInfo"].get("rollbackMessage"), text)
    undone = deployments.end(rollback)
    told = (undone["creator"], undone["status"], undone["rollbackInfo"]["rollbackTriggeringDeploymentId"])
    claims.equal("which succeeds", told, ("codeDeployRollback", "Succeeded", running))
    claims.equal("production is where it was", aws.version(), "1.1.0")
    late = aws.aws("deploy", "stop-deployment", "--deployment-id", running)
    claims.contains("there is nothing left to stop", late.err, "DeploymentAlreadyCompletedException")


def a_ready_wait_is_ended_by_hand(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about(
        "in real time: a group that waits before production, `aws deploy continue-deployment` ends that wait too"
    )
    ready = "deploymentReadyOption={actionOnTimeout=STOP_DEPLOYMENT,waitTimeInMinutes=30}"
    terminate = "terminateBlueInstancesOnDeploymentSuccess={action=TERMINATE,terminationWaitTimeInMinutes=5}"
    updated = deployments.update_group("--blue-green-deployment-configuration", f"{ready},{terminate}")
    claims.equal("`update-deployment-group` is understood", (updated.code, updated.err), (0, ""))
    revision = deployments.register(deployments.push("1.3.0").found)
    waiting = deployments.create(revision, [], "ready wait", config="CodeDeployDefault.ECSAllAtOnce")
    is_ready = lambda: deployments.get(waiting)["status"] == "Ready"
    claims.holds("the deployment becomes Ready", bool(eventually(is_ready, 180)), deployments.get(waiting)["status"])
    claims.equal("production stays where it is", aws.version(), "1.1.0")
    claims.equal("the test listener is on green", aws.version(aws.test), "1.3.0")
    early = aws.aws(
        "deploy", "continue-deployment", "--deployment-id", waiting, "--deployment-wait-type", "TERMINATION_WAIT"
    )
    claims.holds("there is no termination wait yet", early.code != 0, early.out)
    done = aws.aws("deploy", "continue-deployment", "--deployment-id", waiting, "--deployment-wait-type", "READY_WAIT")
    claims.equal("`continue-deployment` says nothing", (done.code, done.out, done.err), (0, "", ""))
    claims.holds("production goes to green", bool(eventually(lambda: deployments.waits(waiting), 60)), "it did not")
    claims.equal("all of it", aws.version(), "1.3.0")
    aws.aws("deploy", "continue-deployment", "--deployment-id", waiting, "--deployment-wait-type", "TERMINATION_WAIT")
    claims.equal("and the deployment ends well", deployments.end(waiting)["status"], "Succeeded")
    deployments.update_group(
        "--blue-green-deployment-configuration",
        f"deploymentReadyOption={{actionOnTimeout=CONTINUE_DEPLOYMENT}},{terminate}",
    )


def an_alarm_goes_off(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about("in real time: an alarm that `aws cloudwatch` sets off in a canary's first step")
    alarm = (
        "--alarm-name",
        "errors",
        "--namespace",
        "AWS/ApplicationELB",
        "--metric-name",
        "HTTPCode_Target_5XX_Count",
    )
    compare = ("--comparison-operator", "GreaterThanThreshold", "--threshold", "1", "--period", "60")
    made = aws.aws(
        "cloudwatch", "put-metric-alarm", *alarm, *compare, "--evaluation-periods", "1", "--statistic", "Sum"
    )
    claims.equal("`put-metric-alarm` is understood", (made.code, made.err), (0, ""))
    updated = deployments.update_group("--alarm-configuration", "enabled=true,alarms=[{name=errors}]")
    claims.equal("the group watches it", (updated.code, updated.err), (0, ""))
    before = aws.version()
    state = ("cloudwatch", "set-alarm-state", "--alarm-name", "errors", "--state-reason", "tried", "--state-value")
    aws.aws(*state, "OK")
    running = deployments.create(deployments.register(deployments.push("1.4.0").found), [], "alarm")
    shifts = lambda: deployments.event(running, "AllowTraffic") == "InProgress"
    claims.holds("a tenth of production goes to green", bool(eventually(shifts, 180)), "it did not come to that")
    gone_off = aws.aws(*state, "ALARM")
    claims.equal("`set-alarm-state` is understood", (gone_off.code, gone_off.err), (0, ""))
    ended = deployments.end(running)
    told = (ended["status"], ended.get("errorInformation", {}).get("code"))
    claims.equal("the deployment is Stopped, by the alarm", told, ("Stopped", "ALARM_ACTIVE"))
    claims.contains("which it names", ended["errorInformation"]["message"], "errors")
    undone = deployments.end(ended["rollbackInfo"]["rollbackDeploymentId"])
    claims.equal("it is rolled back", (undone["creator"], undone["status"]), ("codeDeployRollback", "Succeeded"))
    claims.equal("production is where it was", aws.version(), before)
