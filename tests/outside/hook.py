"""A lifecycle hook as a team would write it that knows AWS and not this project: boto3, and nothing else.

It lets a deployment pass unless its description says `refuse`, and fails without an answer when it says `crash`.
"""

import boto3


def handler(event: dict, context: object) -> dict:
    codedeploy = boto3.client("codedeploy")
    deployment = codedeploy.get_deployment(deploymentId=event["DeploymentId"])["deploymentInfo"]
    if "crash" in deployment["description"]:
        raise RuntimeError("told to crash")
    status = "Failed" if "refuse" in deployment["description"] else "Succeeded"
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )
    return {"answered": status}
