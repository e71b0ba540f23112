"""The functions as `template.yaml` deploys them: their names, hooks and variables, resolved as CloudFormation does it for a
stack named `greenlight`. Needs PyYAML, which moto and the AWS CLI bring along.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

from runtime_api import ACCOUNT, REGION

ROOT = Path(__file__).resolve().parents[2]
STACK = "greenlight"
BUS = f"{STACK}-outcomes"
"""The name of its event bus."""
HOOK = "GREENLIGHT_HOOK_"
OF_AWS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
"""Pseudo parameters."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` is `{"Ref": "X"}`."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict:
    kinds = {yaml.ScalarNode: "scalar", yaml.SequenceNode: "sequence", yaml.MappingNode: "mapping"}
    construct = getattr(loader, f"construct_{kinds[type(node)]}")
    value = construct(node) if isinstance(node, yaml.ScalarNode) else construct(node, deep=True)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
_TEMPLATE = yaml.load((ROOT / "template.yaml").read_text(), _Loader)
_RESOURCES = _TEMPLATE["Resources"]
_FUNCTIONS = {id: one for id, one in _RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}


@dataclass(frozen=True)
class Deployed:
    """A function of the template."""

    id: str
    """`RunMigration`"""
    name: str
    """Of its folder, its package and its binary: `run-migration`."""

    @property
    def physical_name(self) -> str:
        return _text(_FUNCTIONS[self.id]["Properties"]["FunctionName"], {})

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.physical_name}"

    @property
    def hook(self) -> str | None:
        """The lifecycle event that CodeDeploy calls it at: `AfterInstall`."""
        for function in _FUNCTIONS.values():
            for variable, value in _own_variables(function).items():
                if variable.startswith(HOOK) and value == {"Ref": self.id}:
                    return "".join(word.capitalize() for word in variable.removeprefix(HOOK).split("_"))
        return None

    def environment(self, config: Path, topic: str) -> dict[str, str]:
        """Its variables, in a stack that deploys, with this configuration file and this topic for outcomes."""
        given = {"OutcomeTopic": topic, "Mode": "deploy", "AWS::StackName": STACK}
        variables = _own_variables(_TEMPLATE["Globals"]["Function"]) | _own_variables(_FUNCTIONS[self.id]["Properties"])
        return {name: _text(value, given) for name, value in variables.items()} | {"GREENLIGHT_CONFIG": str(config)}


def _own_variables(function: dict) -> dict:
    return function.get("Properties", function).get("Environment", {}).get("Variables", {})


def _text(value: object, given: dict[str, str]) -> str:
    """A value of the template as text."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            if name in given:
                return given[name]
            if name in _FUNCTIONS:
                return BY_ID[name].physical_name
            return str(_TEMPLATE["Parameters"][name]["Default"])
        case {"Fn::GetAtt": str(attribute)}:
            id = attribute.removesuffix(".Arn")
            if _RESOURCES.get(id, {}).get("Type") == "AWS::Events::EventBus":
                return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{BUS}"
            return BY_ID[id].arn if id in BY_ID else f"arn:aws:iam::{ACCOUNT}:role/{STACK}-{id}"
        case {"Fn::Sub": str(text)}:
            for name, parameter in _TEMPLATE["Parameters"].items():
                text = text.replace(f"${{{name}}}", str(parameter.get("Default")))
            for name, given_by_aws in OF_AWS.items():
                text = text.replace(f"${{{name}}}", given_by_aws)
            if "${" not in text:
                return text
    raise SystemExit(f"`{value}` of template.yaml is of a form that is not known (hint: teach tests/outside/deployed.py)")


BY_ID = {id: Deployed(id, one["Metadata"]["BuildProperties"]["Binary"]) for id, one in _FUNCTIONS.items()}
FUNCTIONS = {function.name: function for function in BY_ID.values()}
"""By name, in the order of the template."""
