"""boto3's waiters, which end as they end on AWS: also those that never do."""

from botocore.exceptions import WaiterError

from claims import Claims
from real_deployments import Deployments
from serving import Serving

# The waiters' own pace is for services that take minutes; what they wait for is the same.
QUICKLY = {"Delay": 1, "MaxAttempts": 60}
BRIEFLY = {"Delay": 1, "MaxAttempts": 3}


def waiters_end_as_on_aws(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about("boto3's waiters end as they end on AWS")
    tasks_that_run_and_stop(claims, aws, deployments)
    targets_that_come_and_go(claims, aws, deployments)
    never_ends = waited(aws.client("ecs"), "services_stable", BRIEFLY, cluster="prod", services=["web"])
    claims.contains("services_stable does not end for a service of CodeDeploy", never_ends, "Max attempts exceeded")
    gone = waited(aws.client("ecs"), "services_stable", BRIEFLY, cluster="prod", services=["nobody"])
    claims.contains("services_stable fails for a service that is none", gone, "terminal failure", "MISSING")


def tasks_that_run_and_stop(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    ecs = aws.client("ecs")
    network = deployments.service()["taskSets"][0]["networkConfiguration"]
    once = {"cluster": "prod", "launchType": "FARGATE", "networkConfiguration": network}
    revision = deployments.current()
    task = ecs.run_task(**once, taskDefinition=revision, startedBy="outside")["tasks"][0]["taskArn"]
    claims.equal("tasks_running", waited(ecs, "tasks_running", QUICKLY, cluster="prod", tasks=[task]), "")
    ecs.stop_task(cluster="prod", task=task, reason="seen enough")
    claims.equal("tasks_stopped, by hand", waited(ecs, "tasks_stopped", QUICKLY, cluster="prod", tasks=[task]), "")
    stopped = ecs.describe_tasks(cluster="prod", tasks=[task])["tasks"][0]
    told = (stopped["stopCode"], stopped["stoppedReason"])
    claims.equal("the task says by whom and why", told, ("UserInitiated", "seen enough"))
    too_late = waited(ecs, "tasks_running", QUICKLY, cluster="prod", tasks=[task])
    claims.contains("tasks_running fails for a task that has stopped", too_late, "terminal failure", "STOPPED")
    command = {"containerOverrides": [{"name": "web", "command": ["sample-service", "migrate"]}]}
    task = ecs.run_task(**once, taskDefinition=revision, overrides=command)["tasks"][0]["taskArn"]
    claims.equal("tasks_stopped, by itself", waited(ecs, "tasks_stopped", QUICKLY, cluster="prod", tasks=[task]), "")
    stopped = ecs.describe_tasks(cluster="prod", tasks=[task])["tasks"][0]
    told = (stopped["stopCode"], stopped["containers"][0]["exitCode"])
    claims.equal("the task says how it ended", told, ("EssentialContainerExited", 0))


def targets_that_come_and_go(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    elb = aws.client("elbv2")
    serving = deployments.service()["taskSets"][0]["loadBalancers"][0]["targetGroupArn"]
    groups = [group["TargetGroupArn"] for group in elb.describe_target_groups()["TargetGroups"]]
    other = next(group for group in groups if group != serving)
    described = elb.describe_target_health(TargetGroupArn=serving)["TargetHealthDescriptions"]
    targets = [one["Target"] for one in described]
    claims.equal("two targets serve", len(targets), 2)
    claims.equal("target_in_service", waited(elb, "target_in_service", QUICKLY, TargetGroupArn=serving), "")
    gone = waited(elb, "target_deregistered", QUICKLY, TargetGroupArn=other, Targets=targets)
    claims.equal("target_deregistered, for targets of the other group", gone, "")
    stays = waited(elb, "target_deregistered", BRIEFLY, TargetGroupArn=serving, Targets=targets)
    claims.contains("target_deregistered does not end while they serve", stays, "Max attempts exceeded")
    empty = waited(elb, "target_in_service", BRIEFLY, TargetGroupArn=other)
    claims.contains("target_in_service does not end for a group without targets", empty, "Max attempts exceeded")


def waited(client, waiter: str, pace: dict, **members: object) -> str:
    """Why a waiter failed; nothing when it ended well."""
    try:
        client.get_waiter(waiter).wait(**members, WaiterConfig=pace)
    except WaiterError as error:
        return str(error)
    return ""
