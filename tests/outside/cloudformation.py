"""What CloudFormation makes of a template and its parameters, as far as the templates of examples/ go: conditions, functions,
rules, and the outputs. What it does not know is an error, never a guess."""

import functools
import hashlib
import ipaddress
import re
from typing import Any

import yaml

ACCOUNT, REGION = "111122223333", "eu-central-1"
ABSENT = object()
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": ABSENT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
# What `Ref` gives: a property that the template sets, or an id of AWS's in this form.
REFS = {
    "AWS::AutoScaling::AutoScalingGroup": "{id}",
    "AWS::CloudWatch::Alarm": "{id}",
    "AWS::CodeDeploy::Application": "=ApplicationName",
    "AWS::CodeDeploy::DeploymentGroup": "=DeploymentGroupName",
    "AWS::EC2::EIP": "192.0.2.10",
    "AWS::EC2::InternetGateway": "igw-{hex}",
    "AWS::EC2::LaunchTemplate": "lt-{hex}",
    "AWS::EC2::NatGateway": "nat-{hex}",
    "AWS::EC2::RouteTable": "rtb-{hex}",
    "AWS::EC2::SecurityGroup": "sg-{hex}",
    "AWS::EC2::Subnet": "subnet-{hex}",
    "AWS::EC2::VPC": "vpc-{hex}",
    "AWS::ECR::Repository": "=RepositoryName",
    "AWS::ECS::Cluster": "=ClusterName",
    "AWS::ECS::TaskDefinition": "arn:aws:ecs:{region}:{account}:task-definition/{Family}:1",
    "AWS::ElasticLoadBalancingV2::Listener": "arn:aws:elasticloadbalancing:{region}:{account}:listener/app/{id}",
    "AWS::ElasticLoadBalancingV2::ListenerRule": "arn:aws:elasticloadbalancing:{region}:{account}:listener-rule/app/{id}",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/{id}",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{id}",
    "AWS::Events::Rule": "{id}",
    "AWS::IAM::InstanceProfile": "{id}",
    "AWS::IAM::OIDCProvider": "arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com",
    "AWS::IAM::Role": "=RoleName",
    "AWS::Logs::LogGroup": "=LogGroupName",
    "AWS::SQS::Queue": "https://sqs.{region}.amazonaws.com/{account}/{id}",
}
# What `Fn::GetAtt` gives, by type and attribute.
ATTRIBUTES = {
    "AWS::EC2::EIP": {"AllocationId": "eipalloc-{hex}", "PublicIp": "192.0.2.10"},
    "AWS::EC2::LaunchTemplate": {"LatestVersionNumber": "1"},
    "AWS::ECR::Repository": {
        "Arn": "arn:aws:ecr:{region}:{account}:repository/{RepositoryName}",
        "RepositoryUri": "{account}.dkr.ecr.{region}.amazonaws.com/{RepositoryName}",
    },
    "AWS::ECS::Service": {"Name": "=ServiceName"},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "DNSName": "{id}.{region}.elb.amazonaws.com",
        "LoadBalancerFullName": "app/{id}",
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {"TargetGroupFullName": "targetgroup/{id}", "TargetGroupName": "{id}"},
    "AWS::Events::ApiDestination": {"Arn": "arn:aws:events:{region}:{account}:api-destination/{id}/{hex}"},
    "AWS::Events::Connection": {"Arn": "arn:aws:events:{region}:{account}:connection/{id}/{hex}"},
    "AWS::Events::Rule": {"Arn": "arn:aws:events:{region}:{account}:rule/{EventBusName}/{id}"},
    "AWS::IAM::InstanceProfile": {"Arn": "arn:aws:iam::{account}:instance-profile/{id}"},
    "AWS::IAM::Role": {"Arn": "arn:aws:iam::{account}:role/{RoleName}"},
    "AWS::Logs::LogGroup": {"Arn": "arn:aws:logs:{region}:{account}:log-group:{LogGroupName}:*"},
    "AWS::SQS::Queue": {"Arn": "arn:aws:sqs:{region}:{account}:{id}"},
}


class Invalid(Exception):
    """CloudFormation would refuse it, or this file does not know it."""


# The one in C is many times as fast, where PyYAML has it.
class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    pass


def function(loader: Loader, suffix: str, node: yaml.Node) -> dict:
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", function)
# A version such as 2012-10-17 is a text, as CloudFormation reads it.
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@functools.cache
def read(text: str) -> dict:
    """A template's text as data, which nothing changes."""
    return yaml.load(text, Loader)


class Stack:
    """A template with its parameters: `resources` has those whose condition holds, resolved; `outputs` the texts."""

    def __init__(self, template: dict, parameters: dict[str, str]) -> None:
        self.template = template
        self.values = self.parameter_values(parameters)
        self.open: list[str] = []
        self.conditions = {name: self.condition(name) for name in template.get("Conditions", {})}
        self.check_rules()
        self.all = template["Resources"]
        self.resources = {name: self.resource(name) for name in self.all if self.exists(name)}
        self.outputs = {
            name: self.resolve(output["Value"])
            for name, output in template.get("Outputs", {}).items()
            if "Condition" not in output or self.conditions[output["Condition"]]
        }

    def of(self, kind: str) -> dict[str, dict]:
        """The properties of the resources of a type, by logical id."""
        return {name: found["Properties"] for name, found in self.resources.items() if found["Type"] == kind}

    def parameter_values(self, given: dict[str, str]) -> dict[str, Any]:
        declared = self.template.get("Parameters", {})
        for name in given.keys() - declared.keys():
            raise Invalid(f"`{name}` is not a parameter")
        return {name: self.parameter_value(name, about, given.get(name)) for name, about in declared.items()}

    @staticmethod
    def parameter_value(name: str, about: dict, given: str | None) -> Any:
        value = given if given is not None else about.get("Default")
        if value is None:
            raise Invalid(f"parameter `{name}` has no value and no default")
        value = str(value)
        kind = about["Type"]
        listed = kind == "CommaDelimitedList" or kind.startswith("List<")
        for part in value.split(",") if listed else [value]:
            if "AllowedPattern" in about and not re.fullmatch(about["AllowedPattern"], part):
                raise Invalid(f"parameter `{name}`: `{part}` does not match {about['AllowedPattern']}")
        if "AllowedValues" in about and value not in map(str, about["AllowedValues"]):
            raise Invalid(f"parameter `{name}`: `{value}` is not allowed")
        if kind == "Number" and not float(about.get("MinValue", "-inf")) <= float(value) <= float(about.get("MaxValue", "inf")):
            raise Invalid(f"parameter `{name}`: {value} is out of its bounds")
        if kind.startswith("AWS::SSM::Parameter::Value"):
            return f"value-of:{value}"
        return value.split(",") if listed else value

    def condition(self, name: str) -> bool:
        if name not in self.template.get("Conditions", {}):
            raise Invalid(f"`{name}` is not a condition")
        return self.holds(self.template["Conditions"][name])

    def holds(self, test: Any) -> bool:
        key, value = single(test)
        if key == "Condition":
            return self.condition(value)
        if key == "Fn::Equals":
            first, second = map(self.resolve, value)
            return first == second
        if key == "Fn::Not":
            return not self.holds(value[0])
        if key in ("Fn::And", "Fn::Or"):
            if not 2 <= len(value) <= 10:
                raise Invalid(f"{key} takes 2 to 10 conditions, not {len(value)}")
            return (all if key == "Fn::And" else any)([self.holds(part) for part in value])
        if key == "Fn::Contains":
            return self.resolve(value[1]) in self.resolve(value[0])
        raise Invalid(f"{key} is not a known condition")

    def check_rules(self) -> None:
        for name, rule in self.template.get("Rules", {}).items():
            if "RuleCondition" in rule and not self.holds(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not self.holds(assertion["Assert"]):
                    raise Invalid(f"rule `{name}`: {assertion['AssertDescription']}")

    def exists(self, name: str) -> bool:
        condition = self.all[name].get("Condition")
        if condition is not None and condition not in self.conditions:
            raise Invalid(f"`{name}` has the condition `{condition}`, which is not there")
        return condition is None or self.conditions[condition]

    def resource(self, name: str) -> dict:
        found = self.all[name]
        after = found.get("DependsOn", [])
        for other in [after] if isinstance(after, str) else after:
            self.need(other, name)
        if name in self.open:
            raise Invalid(f"circular: {' -> '.join([*self.open, name])}")
        self.open.append(name)
        properties = self.resolve(found.get("Properties", {}))
        self.open.pop()
        return {"Type": found["Type"], "Properties": properties}

    def need(self, name: str, user: str) -> dict:
        if name not in self.all:
            raise Invalid(f"{user} refers to `{name}`, which is not there")
        if not self.exists(name):
            raise Invalid(f"{user} refers to `{name}`, which its condition leaves out")
        return self.all[name]

    def user(self) -> str:
        return self.open[-1] if self.open else "an output"

    def reference(self, name: str) -> Any:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.values:
            return self.values[name]
        kind = self.need(name, self.user())["Type"]
        if kind not in REFS:
            raise Invalid(f"what Ref of {kind} gives is not known")
        return self.filled(name, REFS[kind])

    def attribute(self, name: str, attribute: str) -> str:
        kind = self.need(name, self.user())["Type"]
        if attribute not in ATTRIBUTES.get(kind, {}):
            raise Invalid(f"{kind} has no known attribute `{attribute}`")
        return self.filled(name, ATTRIBUTES[kind][attribute])

    def filled(self, name: str, form: str) -> str:
        if name in self.open:
            raise Invalid(f"circular: {' -> '.join([*self.open, name])}")
        self.open.append(name)
        properties = self.all[name].get("Properties", {})
        known = {"id": name, "hex": hashlib.sha256(name.encode()).hexdigest()[:17], "account": ACCOUNT, "region": REGION}

        def value(member: str) -> str:
            return known[member] if member in known else str(self.resolve(properties.get(member, f"{name}-of-AWS")))

        text = value(form[1:]) if form.startswith("=") else re.sub(r"\{(\w+)\}", lambda found: value(found[1]), form)
        self.open.pop()
        return text

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [part for part in map(self.resolve, value) if part is not ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            key, inner = single(value)
            if key == "Ref":
                return self.reference(inner)
            if key.startswith("Fn::"):
                return self.call(key, inner)
        resolved = {key: self.resolve(part) for key, part in value.items()}
        return {key: part for key, part in resolved.items() if part is not ABSENT}

    def call(self, key: str, value: Any) -> Any:
        match key:
            case "Fn::If":
                condition, yes, no = value
                if condition not in self.conditions:
                    raise Invalid(f"Fn::If in {self.user()}: `{condition}` is not a condition")
                return self.resolve(yes if self.conditions[condition] else no)
            case "Fn::GetAtt":
                return self.attribute(*value)
            case "Fn::Sub":
                return self.substitute(value)
            case "Fn::Join":
                parts = self.resolve(value[1])
                if not all(isinstance(part, str) for part in parts):
                    raise Invalid(f"Fn::Join in {self.user()} joins {parts}")
                return value[0].join(parts)
            case "Fn::FindInMap":
                found = self.template.get("Mappings", {})
                for part in map(self.resolve, value):
                    if part not in found:
                        raise Invalid(f"Fn::FindInMap in {self.user()}: `{part}` is not in the mapping")
                    found = found[part]
                return found
            case "Fn::Select":
                return self.resolve(value[1])[int(value[0])]
            case "Fn::Split":
                return self.resolve(value[1]).split(value[0])
            case "Fn::Base64":
                return self.resolve(value)
            case "Fn::GetAZs":
                return [f"{REGION}{zone}" for zone in "abc"]
            case "Fn::Cidr":
                block, count, bits = value
                subnets = ipaddress.ip_network(self.resolve(block)).subnets(new_prefix=32 - int(bits))
                return [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]
        raise Invalid(f"{key} in {self.user()} is not known")

    def substitute(self, value: Any) -> str:
        text, own = value if isinstance(value, list) else (value, {})

        def one(found: re.Match) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                part = self.resolve(own[name])
            elif "." in name:
                part = self.attribute(*name.split(".", 1))
            else:
                part = self.reference(name)
            if not isinstance(part, str):
                raise Invalid(f"Fn::Sub in {self.user()}: `{name}` is {part}")
            return part

        return re.sub(r"\$\{([^}]+)\}", one, text)


def single(value: Any) -> tuple[str, Any]:
    if not isinstance(value, dict) or len(value) != 1:
        raise Invalid(f"expected one function, found {value}")
    return next(iter(value.items()))
