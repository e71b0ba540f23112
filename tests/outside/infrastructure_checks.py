"""What must hold of the stacks of examples/infrastructure that no linter sees. Each check gives its complaints, one text each."""

import fnmatch
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from cloudformation import REGION, Invalid, Stack

# CloudFormation refuses a service whose bake and hooks may take longer: 33 hours.
PROGRESSIVE_MINUTES = 1980
# Where a resource's own name stands, which must be the only one in the account, or in its Region.
NAMES = {
    "AWS::CodeDeploy::Application": "ApplicationName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::IAM::Role": "RoleName",
    "AWS::Logs::LogGroup": "LogGroupName",
}
# Actions for which IAM knows no resource.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken"}
PUSH = {
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
}
HOOKS = {
    "PRE_SCALE_UP": "RunMigrationArn",
    "POST_TEST_TRAFFIC_SHIFT": "CheckTestTrafficArn",
    "POST_PRODUCTION_TRAFFIC_SHIFT": "CheckProductionArn",
}
ELB = "AWS::ElasticLoadBalancingV2::"


@dataclass
class World:
    """The stacks of one stage, each with the outputs of those before it, and Greenlight's template."""

    strategy: str
    capacity: str
    repository: Stack
    network: Stack
    service: Stack
    # The same service in another stage of the same account.
    other: Stack
    greenlight: dict

    @property
    def has_green(self) -> bool:
        return self.strategy != "ROLLING"

    @property
    def is_native(self) -> bool:
        return self.strategy in ("BLUE_GREEN", "CANARY")

    @property
    def ecs(self) -> dict:
        return only(self.service, "AWS::ECS::Service")

    @property
    def container(self) -> dict:
        return only(self.service, "AWS::ECS::TaskDefinition")["ContainerDefinitions"][0]

    def pipeline(self) -> dict:
        (pipeline,) = tomllib.loads(self.service.outputs["Pipelines"])["pipeline"]
        return pipeline

    def narrowed(self) -> dict[str, str]:
        """The parameters of Greenlight that the three stacks print, as the lines of a list in samconfig.toml."""
        lines = "".join(stack.outputs["GreenlightParameters"] for stack in (self.repository, self.network, self.service))
        printed: dict[str, str] = {}
        for line in tomllib.loads(f"list = [\n{lines}]")["list"]:
            name, value = line.split("=", 1)
            if printed.setdefault(name, value) != value:
                raise Invalid(f"two stacks print {name}, as {printed[name]} and {value}")
        return printed


def only(stack: Stack, kind: str) -> dict:
    (found,) = stack.of(kind).values()
    return found


def unless(holds: bool, complaint: str) -> Iterator[str]:
    if not holds:
        yield complaint


def equal(what: str, found: object, expected: object) -> Iterator[str]:
    yield from unless(found == expected, f"{what} is {found}, not {expected}")


def groups(world: World) -> Iterator[str]:
    """Two target groups on one load balancer and in one VPC, and the listeners that lead to them."""
    stack = world.service
    targets = stack.of(f"{ELB}TargetGroup")
    yield from equal("the number of target groups", len(targets), 2 if world.has_green else 1)
    vpcs = {properties["VpcId"] for properties in [*targets.values(), *stack.of("AWS::EC2::SecurityGroup").values()]}
    yield from equal("the VPC", vpcs, {stack.values["Vpc"]})
    for name, group in targets.items():
        check = (group["HealthCheckPath"], group["Matcher"]["HttpCode"])
        yield from equal(f"the health check of {name}", check, (stack.values["HealthPath"], stack.values["HealthStatus"]))
    listeners = stack.of(f"{ELB}Listener")
    yield from equal("the number of listeners", len(listeners), 2 if world.has_green else 1)
    balancers = {properties["LoadBalancerArn"] for properties in listeners.values()}
    yield from equal("the listeners' load balancer", balancers, {stack.reference("LoadBalancer")})
    blue = world.ecs["LoadBalancers"][0]["TargetGroupArn"]
    names = {stack.reference(name) for name in targets}
    rules = stack.of(f"{ELB}ListenerRule")
    yield from equal("the number of rules", len(rules), 2 if world.is_native else 0)
    for name, rule in rules.items():
        weights = {group["TargetGroupArn"]: group["Weight"] for group in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]}
        yield from equal(f"the weights of {name}", weights, {group: 100 if group == blue else 0 for group in names})
    for name, listener in listeners.items():
        action = listener["DefaultActions"][0]
        wanted = None if world.is_native else blue
        yield from equal(f"the default group of {name}", action.get("TargetGroupArn"), wanted)
    if world.is_native:
        advanced = world.ecs["LoadBalancers"][0]["AdvancedConfiguration"]
        yield from equal("the alternate group", advanced["AlternateTargetGroupArn"], (names - {blue}).pop())
        roles = {rules[name]["ListenerArn"] for name in rules}
        yield from equal("the rules' listeners", roles, {stack.reference(name) for name in listeners})
        paths = (advanced["ProductionListenerRule"], advanced["TestListenerRule"])
        yield from equal("the rules", paths, (stack.reference("ProductionRule"), stack.reference("TestRule")))
    else:
        yield from unless("AdvancedConfiguration" not in world.ecs["LoadBalancers"][0], "only native services have one")


def container(world: World) -> Iterator[str]:
    """Name and port of the container are the same wherever they stand."""
    balancer = world.ecs["LoadBalancers"][0]
    yield from equal("the load balancer's container", balancer["ContainerName"], world.container["Name"])
    ports = [mapping["ContainerPort"] for mapping in world.container["PortMappings"]]
    yield from equal("the container's ports", ports, [balancer["ContainerPort"]])
    for name, group in world.service.of(f"{ELB}TargetGroup").items():
        yield from equal(f"the port of {name}", group["Port"], balancer["ContainerPort"])
    pipeline = world.pipeline()
    yield from equal("the pipeline's containers", pipeline["containers"], [world.container["Name"]])
    yield from equal("the migration's container", pipeline["migration"]["container"], world.container["Name"])
    for name, group in world.service.of("AWS::EC2::SecurityGroup").items():
        if name != "LoadBalancerSecurityGroup":
            (rule,) = group["SecurityGroupIngress"]
            yield from equal(f"the port into {name}", {rule["FromPort"], rule["ToPort"]}, {balancer["ContainerPort"]})


def capacity(world: World) -> Iterator[str]:
    """Dynamic host ports on instances, a network interface of its own for each task on Fargate."""
    task = only(world.service, "AWS::ECS::TaskDefinition")
    on_instances = world.capacity == "EC2"
    (mapping,) = world.container["PortMappings"]
    yield from equal("the host port", mapping.get("HostPort"), 0 if on_instances else None)
    yield from equal("the network mode", task["NetworkMode"], "bridge" if on_instances else "awsvpc")
    yield from equal("the compatibility", task["RequiresCompatibilities"], [world.capacity])
    yield from equal("the launch type", world.ecs["LaunchType"], world.capacity)
    for name, group in world.service.of(f"{ELB}TargetGroup").items():
        yield from equal(f"the targets of {name}", group["TargetType"], "instance" if on_instances else "ip")
    yield from equal("a network of the service", "NetworkConfiguration" in world.ecs, not on_instances)
    if not on_instances:
        network = world.ecs["NetworkConfiguration"]["AwsvpcConfiguration"]
        yield from equal("the public address", network["AssignPublicIp"], "DISABLED")
        private = [world.network.reference(f"PrivateSubnet{zone}") for zone in "AB"]
        yield from equal("the tasks' subnets", network["Subnets"], private)
    yield from equal("instances", bool(world.network.of("AWS::AutoScaling::AutoScalingGroup")), on_instances)


def deployments(world: World) -> Iterator[str]:
    """Who deploys, and what rolls a failed deployment back."""
    ecs, stack = world.ecs, world.service
    by_code_deploy = world.strategy == "CODE_DEPLOY"
    yield from equal("the controller", ecs["DeploymentController"]["Type"], "CODE_DEPLOY" if by_code_deploy else "ECS")
    configuration = ecs.get("DeploymentConfiguration", {})
    yield from equal("the strategy", configuration.get("Strategy"), None if by_code_deploy else world.strategy)
    # A revision here would change with every update of the stack, and ECS refuses that under CodeDeploy.
    family = only(stack, "AWS::ECS::TaskDefinition")["Family"]
    revision = stack.reference("TaskDefinition")
    yield from equal("the service's revision", ecs["TaskDefinition"], family if by_code_deploy else revision)
    alarms = {stack.reference(name) for name in stack.of("AWS::CloudWatch::Alarm")}
    if by_code_deploy:
        group = only(stack, "AWS::CodeDeploy::DeploymentGroup")
        yield from code_deploy(world, group)
        watched = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
        yield from equal("the group's alarms", watched, alarms)
        return
    yield from unless(not stack.of("AWS::CodeDeploy::DeploymentGroup"), "a deployment group without CodeDeploy")
    back = {"Enable": True, "Rollback": True}
    yield from equal("the circuit breaker", configuration["DeploymentCircuitBreaker"], back)
    watched = configuration["Alarms"]
    yield from equal("the alarms", set(watched.pop("AlarmNames")), alarms)
    yield from equal("what an alarm does", watched, back)
    yield from equal("steps", "CanaryConfiguration" in configuration, world.strategy == "CANARY")
    hooks = configuration.get("LifecycleHooks", [])
    functions = {hook["LifecycleStages"][0]: hook["HookTargetArn"] for hook in hooks}
    wanted = {stage: stack.values[name] for stage, name in HOOKS.items()} if world.is_native else {}
    yield from equal("the hooks", functions, wanted)
    for hook in hooks:
        yield from equal("the hook's role", hook["RoleArn"], stack.values["HookRole"])
    longest = int(stack.template["Parameters"]["BakeMinutes"]["MaxValue"])
    longest += configuration.get("CanaryConfiguration", {}).get("CanaryBakeTimeInMinutes", 0)
    longest += sum(hook.get("TimeoutConfiguration", {}).get("TimeoutInMinutes", 1440) for hook in hooks)
    yield from unless(not hooks or longest <= PROGRESSIVE_MINUTES, f"bake and hooks may take {longest} minutes")


def code_deploy(world: World, group: dict) -> Iterator[str]:
    stack, pipeline = world.service, world.pipeline()
    names = f"{pipeline['cluster']}-{pipeline['service']}"
    yield from equal("the application", group["ApplicationName"], f"AppECS-{names}")
    yield from equal("the deployment group", group["DeploymentGroupName"], f"DgpECS-{names}")
    (target,) = group["ECSServices"]
    yield from equal("its service", target, {"ClusterName": pipeline["cluster"], "ServiceName": pipeline["service"]})
    (pair,) = group["LoadBalancerInfo"]["TargetGroupPairInfoList"]
    pair_names = {part["Name"] for part in pair["TargetGroups"]}
    wanted = {stack.attribute(name, "TargetGroupName") for name in stack.of(f"{ELB}TargetGroup")}
    yield from equal("its target groups", pair_names, wanted)
    for route, listener in (("ProdTrafficRoute", "ProductionListener"), ("TestTrafficRoute", "TestListener")):
        yield from equal(f"its {route}", pair[route]["ListenerArns"], [stack.reference(listener)])
    rollback = group["AutoRollbackConfiguration"]
    events = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
    yield from equal("its rollback", (rollback["Enabled"], sorted(rollback["Events"])), (True, events))
    wait = group["BlueGreenDeploymentConfiguration"]["TerminateBlueInstancesOnDeploymentSuccess"]
    wanted = {"Action": "TERMINATE", "TerminationWaitTimeInMinutes": stack.values["BakeMinutes"]}
    yield from equal("its termination wait", wait, wanted)
    yield from equal("settings by revision", pipeline.get("revision_from"), "latest")


def alarms(world: World) -> Iterator[str]:
    """One for each target group, of the metric that only tasks cause."""
    stack = world.service
    seen = set()
    for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        yield from equal(f"the metric of {name}", alarm["MetricName"], "HTTPCode_Target_5XX_Count")
        balancer = stack.attribute("LoadBalancer", "LoadBalancerFullName")
        yield from equal(f"the load balancer of {name}", dimensions["LoadBalancer"], balancer)
        yield from equal(f"missing data of {name}", alarm["TreatMissingData"], "notBreaching")
        yield from equal(f"the actions of {name}", alarm.get("AlarmActions"), [stack.values["AlarmTopic"]])
        seen.add(dimensions["TargetGroup"])
    wanted = {stack.attribute(name, "TargetGroupFullName") for name in stack.of(f"{ELB}TargetGroup")}
    yield from equal("the groups with an alarm", seen, wanted)


def closed(world: World) -> Iterator[str]:
    """Production is open to whom the person says, the test listener to Greenlight's checks, tasks to their load balancer."""
    stack = world.service
    values = stack.values
    checks = world.network.attribute("NatAddress", "PublicIp") + "/32"
    balancer = stack.of("AWS::EC2::SecurityGroup")["LoadBalancerSecurityGroup"]
    admitted: dict[object, set[str]] = {}
    for rule in balancer["SecurityGroupIngress"]:
        yield from equal("a range of ports", rule["FromPort"], rule["ToPort"])
        admitted.setdefault(rule["FromPort"], set()).add(rule["CidrIp"])
    production = 443 if values["Certificate"] else 80
    wanted = {production: {values["Clients"], checks}} | ({values["TestPort"]: {checks}} if world.has_green else {})
    yield from equal("who reaches the load balancer", admitted, wanted)
    ports = {name: listener["Port"] for name, listener in stack.of(f"{ELB}Listener").items()}
    yield from equal("the listeners' ports", set(ports.values()), set(wanted))
    from_balancer = stack.reference("LoadBalancerSecurityGroup")
    inner = list(stack.of("AWS::EC2::SecurityGroupIngress").values())
    for name, group in stack.of("AWS::EC2::SecurityGroup").items():
        inner += group["SecurityGroupIngress"] if name != "LoadBalancerSecurityGroup" else []
    yield from equal("the ways to tasks", len(inner), 1)
    for rule in inner:
        yield from equal("who reaches the tasks", rule.get("SourceSecurityGroupId"), from_balancer)
    if world.capacity == "EC2":
        wanted_group = world.network.reference("InstancesSecurityGroup")
        yield from equal("what is opened for it", inner[0].get("GroupId"), wanted_group)
    for group in world.network.of("AWS::EC2::SecurityGroup").values():
        yield from unless("SecurityGroupIngress" not in group, "the network lets something in")


def narrowing(world: World) -> Iterator[str]:
    """What the stacks print for Greenlight are parameters of its template, and fit what the stacks make."""
    declared, printed = world.greenlight["Parameters"], world.narrowed()
    for name, value in printed.items():
        try:
            Stack.parameter_value(name, declared[name], value)
        except (Invalid, KeyError) as wrong:
            yield f"Greenlight does not take {name}={value}: {wrong}"
    task, log = only(world.service, "AWS::ECS::TaskDefinition"), only(world.service, "AWS::Logs::LogGroup")
    made = {
        "Repositories": only(world.repository, "AWS::ECR::Repository")["RepositoryName"],
        "Clusters": only(world.network, "AWS::ECS::Cluster")["ClusterName"],
        "TaskDefinitionFamilies": task["Family"],
        "TaskRoles": task["TaskRoleArn"].split("/", 1)[1],
        "ExecutionRoles": task["ExecutionRoleArn"].split("/", 1)[1],
        "Applications": f"AppECS-{world.pipeline()['cluster']}-{world.pipeline()['service']}",
        "TaskLogGroups": log["LogGroupName"],
    }
    for name, value in made.items():
        pattern = printed.get(name)
        yield from unless(pattern not in (None, "*") and fnmatch.fnmatchcase(value, pattern), f"{name}={pattern} is not {value}")
    subnets = ",".join(world.network.reference(f"PrivateSubnet{zone}") for zone in "AB")
    yield from equal("the checks' subnets", printed.get("CheckTestTrafficSubnets"), subnets)
    group = world.network.reference("ChecksSecurityGroup")
    yield from equal("the checks' group", printed.get("CheckTestTrafficSecurityGroups"), group)
    for name in ["AlarmTopic", "HookRole", *HOOKS.values()]:
        yield from unless(name in world.greenlight["Outputs"], f"{name} is not an output of Greenlight")


def pipelines(world: World) -> Iterator[str]:
    """The printed pipeline is of this service, with the gates that its strategy has."""
    pipeline, values = world.pipeline(), world.service.values
    yield from equal("its cluster", pipeline["cluster"], world.ecs["Cluster"])
    yield from equal("its service", pipeline["service"], world.ecs["ServiceName"])
    repository = only(world.repository, "AWS::ECR::Repository")
    yield from equal("its repository", pipeline["repository"], repository["RepositoryName"])
    (moving,) = repository["ImageTagMutabilityExclusionFilters"]
    yield from equal("its tag", pipeline["tag"], moving["ImageTagMutabilityExclusionFilterValue"])
    yield from equal("its migration", pipeline["migration"]["command"], values["MigrationCommand"])
    host = {"host": values["HostName"]} if values["Certificate"] else {}
    requests = {"request": [{"path": values["HealthPath"], "status": values["HealthStatus"]}]}
    # Without requests of its own the production gate takes those of the test traffic.
    with_green = {"test_traffic": host | requests, "production_traffic": host}
    gates = {gate: pipeline[gate] for gate in ("test_traffic", "production_traffic") if gate in pipeline}
    yield from equal("its gates", gates, with_green if world.has_green else {"production_traffic": host | requests})


def roles(world: World) -> Iterator[str]:
    """No action and no resource is a star that need not be one, and only the two roles of tasks are passed."""
    for stack in (world.repository, world.network, world.service):
        for name, role in stack.of("AWS::IAM::Role").items():
            for policy in role.get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield from statement_is_narrow(name, statement)
    passed = [
        set(statement["Resource"])
        for role in world.service.of("AWS::IAM::Role").values()
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "iam:PassRole"
    ]
    task = only(world.service, "AWS::ECS::TaskDefinition")
    wanted = [{task["TaskRoleArn"], task["ExecutionRoleArn"]}] if world.strategy == "CODE_DEPLOY" else []
    yield from equal("the roles that are passed", passed, wanted)


def statement_is_narrow(role: str, statement: dict) -> Iterator[str]:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    for action in actions:
        yield from unless("*" not in action, f"{role} may do {action}")
    if statement["Resource"] == "*":
        yield from unless(set(actions) <= WITHOUT_RESOURCE, f"{role} may do {actions} with everything")


def pushing(world: World) -> Iterator[str]:
    """One branch of one repository may push, in both forms of the subject, and what is pushed stays what it is."""
    stack = world.repository
    role, repository = only(stack, "AWS::IAM::Role"), only(stack, "AWS::ECR::Repository")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    claims = trust["Condition"].get("StringEquals", {})
    host = "token.actions.githubusercontent.com"
    yield from equal("the audience", claims.get(f"{host}:aud"), "sts.amazonaws.com")
    subjects = ["repo:example/shop:ref:refs/heads/main", "repo:example@101/shop@202:ref:refs/heads/main"]
    yield from equal("the subjects", claims.get(f"{host}:sub"), subjects)
    statements = [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
    actions = {action for statement in statements for action in [statement["Action"]] * isinstance(statement["Action"], str)}
    actions |= {action for statement in statements if isinstance(statement["Action"], list) for action in statement["Action"]}
    yield from equal("what CI may do", actions, PUSH)
    yield from equal("its tags", repository["ImageTagMutability"], "IMMUTABLE_WITH_EXCLUSION")
    yield from equal("the scan", repository["ImageScanningConfiguration"], {"ScanOnPush": True})
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    kinds = [rule["selection"]["tagStatus"] for rule in rules]
    yield from equal("the order of the lifecycle's rules", kinds, ["untagged", "tagged"])
    kept = re.fullmatch(r"[0-9]+", str(rules[-1]["selection"]["countNumber"]))
    yield from unless(bool(kept) and int(kept[0]) >= 20, "too few images are kept")


def apart(world: World) -> Iterator[str]:
    """Two stages meet in no name, and no role in two Regions."""
    both = set(names(world.service)) & set(names(world.other))
    yield from unless(not both, f"two stages have {sorted(both)}")
    for kind, name in names(world.service):
        yield from unless(kind != "AWS::IAM::Role" or REGION in name, f"the role {name} has the same name in each Region")


def names(stack: Stack) -> Iterator[tuple[str, str]]:
    for kind, member in NAMES.items():
        yield from ((kind, properties[member]) for properties in stack.of(kind).values() if member in properties)


CHECKS = (groups, container, capacity, deployments, alarms, closed, narrowing, pipelines, roles, pushing, apart)
