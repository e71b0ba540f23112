"""Services that ECS itself deploys, as users of boto3 and the AWS CLI make them: from a load balancer that is not there
yet to a deployment that is stopped by hand.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from claims import Claims
from real_deployments import Deployments
from real_waiters import BRIEFLY, QUICKLY, waited
from serving import Serving, eventually

CLUSTER = "prod"
# Any role outside the stack's template: the local AWS lets it do everything.
ROLE = "arn:aws:iam::111122223333:role/of-the-shop"
HOOK = "hook-of-ecs"
HOOK_ARN = f"arn:aws:lambda:eu-central-1:111122223333:function:{HOOK}"
STAGE = "POST_TEST_TRAFFIC_SHIFT"
NETWORK = {
    "awsvpcConfiguration": {
        "subnets": ["subnet-0rehearsala", "subnet-0rehearsalb"],
        "securityGroups": ["sg-0rehearsal"],
        "assignPublicIp": "DISABLED",
    }
}


@dataclass
class Hook:
    """A hook function that answers what it is told to, and keeps what it was called with."""

    answer: dict = field(default_factory=lambda: {"hookStatus": "SUCCEEDED"})
    events: list[dict] = field(default_factory=list)

    def __call__(self, event: dict, context: object) -> dict:
        self.events.append(event)
        return self.answer

    def holds(self) -> None:
        self.answer = {"hookStatus": "IN_PROGRESS", "callBackDelay": 1}

    def lets_pass(self) -> None:
        self.answer = {"hookStatus": "SUCCEEDED"}


class EcsServices:
    """Services of the controller ECS, and what they are behind."""

    def __init__(self, aws: Serving, deployments: Deployments):
        self._deployments = deployments
        self.ecs, self.elb = aws.client("ecs"), aws.client("elbv2")

    def register(self, family: str, image_digest: str) -> str:
        """What `web` runs with another image, as a revision of a family of its own."""
        return self._deployments.register(image_digest, family=family)

    def groups(self, name: str, count: int) -> list[str]:
        """New target groups."""
        members = {"Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-0rehearsal", "TargetType": "ip"}
        check = {"HealthCheckPath": "/healthz", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2}
        check |= {"HealthyThresholdCount": 2}
        made = [self.elb.create_target_group(Name=f"{name}-{n}", **members, **check) for n in range(count)]
        arns = [one["TargetGroups"][0]["TargetGroupArn"] for one in made]
        for arn in arns:
            # Blue's tasks drain for so long; five minutes where nothing is said.
            delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
            self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return arns

    def balancer(self, name: str) -> str:
        subnets = NETWORK["awsvpcConfiguration"]["subnets"]
        made = self.elb.create_load_balancer(Name=name, Subnets=subnets, SecurityGroups=["sg-0rehearsal"])
        return made["LoadBalancers"][0]["LoadBalancerArn"]

    def listener(self, balancer: str, group: str) -> tuple[str, str]:
        """A new listener in front of a group: its URL, and the ARN of its default rule."""
        port = free_port()
        action = {"Type": "forward", "TargetGroupArn": group}
        made = self.elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=[action])
        rules = self.elb.describe_rules(ListenerArn=made["Listeners"][0]["ListenerArn"])["Rules"]
        return f"http://localhost:{port}/", next(rule["RuleArn"] for rule in rules if rule["IsDefault"])

    def create(self, name: str, revision: str, behind: dict, configuration: dict) -> dict:
        created = self.ecs.create_service(
            cluster=CLUSTER,
            serviceName=name,
            taskDefinition=revision,
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            loadBalancers=[{"containerName": "web", "containerPort": 8080} | behind],
            deploymentConfiguration=configuration,
        )
        return created["service"]

    def update(self, name: str, revision: str) -> str:
        """UpdateService, and the ARN of the deployment that follows: the list shows it a moment later."""
        before = self.newest(name)
        self.ecs.update_service(cluster=CLUSTER, service=name, taskDefinition=revision)
        return str(eventually(lambda: self.newest(name) != before and self.newest(name)))

    def newest(self, name: str) -> str:
        listed = self.ecs.list_service_deployments(cluster=CLUSTER, service=name)["serviceDeployments"]
        return listed[0]["serviceDeploymentArn"] if listed else ""

    def get(self, deployment: str) -> dict:
        return self.ecs.describe_service_deployments(serviceDeploymentArns=[deployment])["serviceDeployments"][0]

    def end(self, deployment: str) -> dict:
        """What is known of a deployment when it has ended."""
        ends = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
        eventually(lambda: self.get(deployment)["status"] in ends, 180)
        return self.get(deployment)

    def described(self, name: str) -> dict:
        return self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def image(aws: Serving, tag: str) -> str:
    found = aws.client("ecr").describe_images(repositoryName="shop/web", imageIds=[{"imageTag": tag}])
    return found["imageDetails"][0]["imageDigest"]


def a_service_from_nothing(claims: Claims, aws: Serving, deployments: Deployments, hook: Hook) -> None:
    claims.about("in real time: boto3 makes a blue/green service of ECS from nothing, and deploys it")
    services = EcsServices(aws, deployments)
    blue, green = services.groups("orders", 2)
    balancer = services.balancer("orders")
    (url, production), (test_url, test) = services.listener(balancer, blue), services.listener(balancer, green)
    advanced = {"alternateTargetGroupArn": green, "productionListenerRule": production, "testListenerRule": test}
    behind = {"targetGroupArn": blue, "advancedConfiguration": advanced | {"roleArn": ROLE}}
    hooks = [{"hookTargetArn": HOOK_ARN, "roleArn": ROLE, "lifecycleStages": [STAGE], "hookDetails": {"of": "orders"}}]
    configuration = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": hooks}
    what_is_refused(claims, services, {"targetGroupArn": blue}, behind, configuration)
    first = services.register("orders", deployments.push("2.0.0").found)
    service = services.create("orders", first, behind, configuration)
    claims.equal("CreateService: ACTIVE", service["status"], "ACTIVE")
    created = str(eventually(lambda: services.newest("orders")))
    claims.equal("its first deployment is SUCCESSFUL", services.end(created)["status"], "SUCCESSFUL")
    claims.equal("and serves", aws.version(url), "2.0.0")
    arrived = hook.events[0] if hook.events else {}
    told = (arrived.get("lifecycleStage"), arrived.get("resourceArn"), arrived.get("hookDetails"))
    claims.equal("its hook was called", told, (STAGE, created, {"of": "orders"}))
    second = services.register("orders", deployments.push("2.1.0").found)
    hook.holds()
    deployment = services.update("orders", second)
    holds = lambda: any(event["resourceArn"] == deployment for event in hook.events)
    claims.holds("UpdateService starts another one, which waits for its hook", bool(eventually(holds, 120)), "no call")
    described = services.get(deployment)
    told = (described["status"], described["lifecycleStage"])
    claims.equal("at the hook's stage", told, ("IN_PROGRESS", STAGE))
    versions = (aws.version(url), aws.version(test_url))
    claims.equal("production is blue's, test traffic is green's", versions, ("2.0.0", "2.1.0"))
    stable = {"cluster": CLUSTER, "services": ["orders"]}
    waits = waited(services.ecs, "services_stable", BRIEFLY, **stable)
    claims.contains("services_stable does not end while it is under way", waits, "Max attempts exceeded")
    hook.lets_pass()
    claims.equal("the hook passes: SUCCESSFUL", services.end(deployment)["status"], "SUCCESSFUL")
    claims.equal("production is green's", aws.version(url), "2.1.0")
    claims.equal("services_stable ends", waited(services.ecs, "services_stable", QUICKLY, **stable), "")
    said = aws.aws("ecs", "wait", "services-stable", "--cluster", CLUSTER, "--services", "orders")
    claims.equal("and so does `aws ecs wait services-stable`", (said.code, said.err), (0, ""))
    revisions = [services.get(one)["targetServiceRevision"]["arn"] for one in (created, deployment)]
    described = services.ecs.describe_service_revisions(serviceRevisionArns=revisions)["serviceRevisions"]
    resolved = {one["resolvedConfiguration"]["loadBalancers"][0]["targetGroupArn"] for one in described}
    claims.equal("the two revisions are in one target group each", resolved, {blue, green})
    it_is_stopped_by_hand(claims, aws, services, hook, (first, second), url)


def it_is_stopped_by_hand(
    claims: Claims, aws: Serving, services: EcsServices, hook: Hook, revisions: tuple[str, str], url: str
) -> None:
    claims.about("in real time: StopServiceDeployment, with ROLLBACK")
    (other, serving), ecs = revisions, services.ecs
    hook.holds()
    deployment = services.update("orders", other)
    eventually(lambda: any(event["resourceArn"] == deployment for event in hook.events), 120)
    stopped = ecs.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ROLLBACK")
    claims.equal("it answers the deployment", stopped["serviceDeploymentArn"], deployment)
    hook.lets_pass()
    ended = services.end(deployment)
    claims.equal("which rolls back", ended["status"], "ROLLBACK_SUCCESSFUL")
    claims.equal("to the revision before it", services.described("orders")["taskDefinition"], serving)
    claims.equal("which serves", aws.version(url), "2.1.0")
    again = error_of(lambda: ecs.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ROLLBACK"))
    claims.equal("an ended one is not stopped", type(again), ecs.exceptions.ConflictException)
    unknown = f"{deployment[:-4]}none"
    missing = error_of(lambda: ecs.stop_service_deployment(serviceDeploymentArn=unknown, stopType="ROLLBACK"))
    claims.equal("nor is one that is none", type(missing), ecs.exceptions.ServiceDeploymentNotFoundException)
    failures = ecs.describe_service_deployments(serviceDeploymentArns=[unknown])["failures"]
    told = [(failure["arn"], failure["reason"]) for failure in failures]
    claims.equal("DescribeServiceDeployments names it among the failures", told, [(unknown, "MISSING")])


def what_is_refused(
    claims: Claims, services: EcsServices, plain: dict, behind: dict, configuration: dict
) -> None:
    ecs = services.ecs
    revision = services.register("refused", f"sha256:{'0' * 64}")
    nowhere = behind["targetGroupArn"][:-4] + "none"
    invalid = ecs.exceptions.InvalidParameterException
    create = lambda one: lambda: services.create("refused", revision, one, configuration)
    rolling = lambda one: lambda: services.create("refused", revision, one, {})
    unattached = {"targetGroupArn": services.groups("unattached", 1)[0]}
    advanced = behind["advancedConfiguration"]
    listener = advanced["productionListenerRule"].replace(":listener-rule/", ":listener/").rpartition("/")[0]
    no_rule = behind | {"advancedConfiguration": advanced | {"productionListenerRule": listener}}
    revisions = {"cluster": CLUSTER, "service": "nobody", "taskDefinition": revision}
    for claim, call, expected, *said in [
        ("blue/green without a second group", create(plain), invalid, "advancedConfiguration field is required"),
        ("a listener in place of its rule", create(no_rule), invalid, "productionListenerRule", "Must be RuleArn"),
        ("a target group that is none", rolling({"targetGroupArn": nowhere}), invalid, "does not exist"),
        ("a target group behind nothing", rolling(unattached), invalid, "does not have an associated load balancer"),
        ("an update of a service that is none", lambda: ecs.update_service(**revisions),
         ecs.exceptions.ServiceNotFoundException, "Service not found"),
        ("the deployments of a service that is none",
         lambda: ecs.list_service_deployments(cluster=CLUSTER, service="nobody"),
         ecs.exceptions.ServiceNotFoundException, "Service not found"),
        ("a cluster that is none", lambda: ecs.list_service_deployments(cluster="none", service="nobody"),
         ecs.exceptions.ClusterNotFoundException, "Cluster not found"),
        ("a revision that is none", lambda: ecs.update_service(**revisions | {"service": "web"} | {"taskDefinition": "none"}),
         invalid, "CODE_DEPLOY"),
    ]:
        error = error_of(call)
        claims.equal(f"{claim} is refused", type(error), expected)
        claims.contains("in words that say why", error, *said)


def a_breaker_rolls_back(claims: Claims, aws: Serving, deployments: Deployments) -> None:
    claims.about("a rolling service: its circuit breaker rolls back an image that nobody pushed")
    services = EcsServices(aws, deployments)
    group, balancer = services.groups("rolling", 1)[0], services.balancer("rolling")
    url, _ = services.listener(balancer, group)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    first = services.register("rolling", deployments.push("2.0.0").found)
    services.create("rolling", first, {"targetGroupArn": group}, breaker)
    created = str(eventually(lambda: services.newest("rolling")))
    claims.equal("its first deployment is SUCCESSFUL", services.end(created)["status"], "SUCCESSFUL")
    bad = services.register("rolling", f"sha256:{'0' * 64}")
    deployment = services.update("rolling", bad)
    ended = services.end(deployment)
    claims.equal("the bad one ends ROLLBACK_SUCCESSFUL", ended["status"], "ROLLBACK_SUCCESSFUL")
    claims.contains("by its breaker", ended["statusReason"], "circuit breaker")
    breaker = ended["deploymentCircuitBreaker"]
    told = (breaker["status"], breaker["failureCount"], breaker["threshold"])
    claims.equal("at its threshold", told, ("TRIGGERED", 3, 3))
    source = ended["rollback"]["serviceRevisionArn"]
    claims.equal("back to the revision before it", source, services.get(created)["targetServiceRevision"]["arn"])
    claims.equal("which the service wants again", services.described("rolling")["taskDefinition"], first)
    claims.equal("and which serves", aws.version(url), "2.0.0")
    stable = waited(services.ecs, "services_stable", QUICKLY, cluster=CLUSTER, services=["rolling"])
    claims.equal("services_stable ends as after a success: it does not tell", stable, "")


def error_of(call: Callable[[], object]) -> ClientError | None:
    try:
        call()
    except ClientError as error:
        return error
    return None
