"""Calls as they went over the wire, and what AWS's own models and botocore's own parsers make of them."""

import base64
import functools
import io
import json
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import botocore.parsers
import botocore.serialize
import botocore.session
import botocore.validate

from common_errors import COMMON
from model_values import constraints, decode_json, decode_text, decode_xml, in_body, local_name

SERVICES = (
    "cloudformation",
    "cloudwatch",
    "codedeploy",
    "ecr",
    "ecs",
    "elbv2",
    "events",
    "iam",
    "lambda",
    "logs",
    "scheduler",
    "secretsmanager",
    "sns",
    "ssm",
    "sts",
)
JSON, QUERY, REST = "json", "query", "rest-json"
CONTENT_TYPES = {
    QUERY: "text/xml",
    REST: "application/json",
}


@dataclass
class Call:
    """One line of a recording."""

    caller: str | None
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer_headers: dict[str, str]
    answer_body: bytes

    @classmethod
    def of(cls, line: dict) -> "Call":
        def body(name: str) -> bytes:
            return base64.b64decode(line[f"{name}_base64"]) if f"{name}_base64" in line else line[name].encode()

        headers, answer_headers = dict(line["headers"]), dict(line["answer_headers"])
        start = (line["caller"], line["method"], line["path"], headers, body("body"))
        return cls(*start, line["status"], answer_headers, body("answer_body"))


def read(path: Path) -> Iterator[Call]:
    with path.open() as lines:
        for line in lines:
            yield Call.of(json.loads(line))


@functools.cache
def model(service: str):
    return botocore.session.get_session().get_service_model(service)


@dataclass
class Known:
    """The operation that a call is of, and the protocol that it is made in."""

    service: str
    name: str
    protocol: str

    @property
    def operation(self):
        return model(self.service).operation_model(self.name)

    def __str__(self) -> str:
        return f"{self.service}:{self.name}"


def known(call: Call) -> Known | None:
    """The operation in the models, if there is one."""
    found = _named(call)
    return found if found and found.name in model(found.service).operation_names else None


def _named(call: Call) -> Known | None:
    if target := call.headers.get("x-amz-target"):
        prefix, _, name = target.rpartition(".")
        services = [s for s in SERVICES if model(s).metadata.get("targetPrefix") == prefix]
        return Known(services[0], name, JSON) if services else None
    if urllib.parse.urlsplit(call.path).path == "/":
        form = dict(urllib.parse.parse_qsl(call.body.decode(errors="replace")))
        version = form.get("Version")
        services = [s for s in SERVICES if _is_query(s) and model(s).api_version == version]
        return Known(services[0], form.get("Action", ""), QUERY) if services else None
    for service in SERVICES:
        if model(service).metadata["protocol"] == REST:
            for name in model(service).operation_names:
                if _labels(call, model(service).operation_model(name)) is not None:
                    return Known(service, name, REST)
    return None


def _is_query(service: str) -> bool:
    return model(service).metadata["protocol"] == QUERY


def _labels(call: Call, operation) -> dict[str, str] | None:
    """What stands in the path for `{Name}` and `{Name+}`, if the path is this operation's."""
    template = operation.http["requestUri"].split("?")[0]
    pattern = "".join(
        (
            part
            if not part.startswith("{")
            else f"(?P<{part[1:-1].rstrip('+')}>{'.+' if part.endswith('+}') else '[^/]+'})"
        )
        for part in re.split(r"(\{[^}]+\})", template)
    )
    match = re.fullmatch(pattern, urllib.parse.urlsplit(call.path).path)
    if not match or call.method != operation.http["method"]:
        return None
    return {name: urllib.parse.unquote(value) for name, value in match.groupdict().items()}


# ---- what was sent


def request_problems(call: Call, of: Known, allowed: frozenset[str]) -> list[str]:
    """What the model, and botocore's own validator and serializer, say against a request."""
    operation, problems = of.operation, []
    shape = operation.input_shape
    if shape is None:
        return problems
    try:
        members = _members_sent(call, of, shape, problems)
    except (ValueError, UnicodeDecodeError, botocore.parsers.ResponseParserError) as error:
        return [f"request: cannot be read as {of.protocol}: {error}"]
    problems += constraints(members, shape, "request", allowed)
    report = botocore.validate.ParamValidator().validate(members, shape)
    if report.has_errors():
        problems.append(f"request: botocore would not send it: {report.generate_report()}")
    elif not problems:
        problems += _sent_otherwise(call, of, members)
    return problems


def _members_sent(call: Call, of: Known, shape, problems: list[str]) -> dict:
    if of.protocol == QUERY:
        pairs = urllib.parse.parse_qsl(call.body.decode(), keep_blank_values=True)
        form = {name: value for name, value in pairs if name not in ("Action", "Version")}
        members = _of_form(form, "", shape, "request", problems)
        problems += [f"request.{name}: the model has no such member in {shape.name}" for name in form]
        return members
    if of.protocol == JSON:
        return decode_json(json.loads(call.body or b"{}"), shape, "request", problems)
    members = {}
    payload = shape.serialization.get("payload")
    if payload:
        members[payload] = call.body.decode()
    else:
        members = decode_json(json.loads(call.body or b"{}"), shape, "request", problems)
    labels = _labels(call, of.operation) or {}
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(call.path).query))
    places = {"uri": labels, "querystring": query, "header": call.headers}
    for name, member in shape.members.items():
        place = places.get(member.serialization.get("location"), {})
        wire_name = member.serialization.get("name", name)
        text = place.get(wire_name.lower() if place is call.headers else wire_name)
        if text is not None:
            members[name] = decode_text(text, member, f"request.{name}", problems)
    return members


def _of_form(form: dict[str, str], prefix: str, shape, path: str, problems: list[str]) -> dict:
    """The members of a Query request; what is understood is taken out of the form."""
    members = {}
    for name, member in shape.members.items():
        at = prefix + member.serialization.get("name", name)
        value = _member_of_form(form, at, member, f"{path}.{name}", problems)
        if value is not None:
            members[name] = value
    return members


def _member_of_form(form: dict[str, str], at: str, shape, path: str, problems: list[str]) -> object:
    if shape.type_name == "structure":
        return _of_form(form, f"{at}.", shape, path, problems) or None
    if shape.type_name == "list":
        word = shape.member.serialization.get("name", "member")
        at = at if shape.serialization.get("flattened") else f"{at}.{word}"
        return _numbered(form, at, lambda one, p: _member_of_form(form, one, shape.member, p, problems), path) or None
    if shape.type_name == "map":
        at = at if shape.serialization.get("flattened") else f"{at}.entry"
        names = [part.serialization.get("name", word) for part, word in ((shape.key, "key"), (shape.value, "value"))]

        def entry(one: str, p: str) -> object:
            key = form.pop(f"{one}.{names[0]}", None)
            value = _member_of_form(form, f"{one}.{names[1]}", shape.value, p, problems)
            return None if key is None or value is None else (key, value)

        return dict(_numbered(form, at, entry, path)) or None
    text = form.pop(at, None)
    return None if text is None else decode_text(text, shape, path, problems)


def _numbered(form: dict[str, str], at: str, one, path: str) -> list:
    values = []
    while (value := one(f"{at}.{len(values) + 1}", f"{path}[{len(values)}]")) is not None:
        values.append(value)
    return values


def _sent_otherwise(call: Call, of: Known, members: dict) -> list[str]:
    """botocore, given the same members, must send the same."""
    serializer = botocore.serialize.create_serializer(of.protocol, include_validation=False)
    wanted = serializer.serialize_to_request(members, of.operation)
    body = wanted["body"]
    if of.protocol == QUERY:
        same = dict(urllib.parse.parse_qsl(call.body.decode(), keep_blank_values=True)) == {
            name: str(value) for name, value in body.items()
        }
    elif of.operation.input_shape.serialization.get("payload"):
        same = call.body == (body if isinstance(body, bytes) else body.encode())
    else:
        same = without_nulls(json.loads(call.body or b"{}")) == json.loads(body or b"{}")
    return [] if same else [f"request: botocore would send {body!r}"]


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


# ---- what was answered


def answer_problems(call: Call, of: Known, allowed: frozenset[str]) -> list[str]:
    """What the model, and botocore's own parser, say against an answer."""
    problems = _frame_problems(call, of)
    answer = {"status_code": call.status, "headers": _headers(call), "body": call.answer_body}
    shape = of.operation.output_shape
    try:
        parsed = botocore.parsers.create_parser(of.protocol).parse(answer, shape)
    except Exception as error:  # Whatever a parser does not take is the answer's fault.
        return [*problems, f"answer: botocore cannot parse it: {type(error).__name__}: {error}"]
    try:
        if call.status >= 300:
            return problems + _error_problems(call, of, parsed.get("Error", {}))
        return problems + _output_problems(call, of, shape, allowed)
    except ValueError as error:  # botocore takes some bodies that are not what their protocol says.
        return [*problems, f"answer: cannot be read as {of.protocol}: {error}"]


def _headers(call: Call):
    return botocore.awsrequest.HeadersDict(call.answer_headers)


def _frame_problems(call: Call, of: Known) -> list[str]:
    problems = []
    content_type = call.answer_headers.get("content-type")
    expected = CONTENT_TYPES.get(of.protocol)
    if of.protocol == JSON:
        expected = f"application/x-amz-json-{model(of.service).metadata['jsonVersion']}"
    if call.answer_body and content_type != expected:
        problems.append(f"answer: its content type is {content_type!r}, expected {expected!r}")
    if not call.answer_headers.get("x-amzn-requestid"):
        problems.append("answer: has no x-amzn-RequestId")
    return problems


def _output_problems(call: Call, of: Known, shape, allowed: frozenset[str]) -> list[str]:
    problems: list[str] = []
    if of.protocol == QUERY:
        root = _xml_root(call, of, f"{of.name}Response", problems)
        if shape is None or root is None:
            return problems
        wrapper = shape.serialization.get("resultWrapper")
        result = next((one for one in root if local_name(one) == wrapper), None) if wrapper else root
        if result is None:
            return [*problems, f"answer: has no `<{wrapper}>`"]
        members = decode_xml(result, shape, "answer", problems)
    elif shape is None:
        return [] if call.answer_body in (b"", b"{}") else ["answer: has a body, the model has none"]
    elif shape.serialization.get("payload"):
        return problems  # Lambda's payload is the function's own; botocore has parsed the headers.
    else:
        members = decode_json(json.loads(call.answer_body or b"{}"), shape, "answer", problems)
        if not isinstance(members, dict):
            return [*problems, "answer: is no structure"]
    return problems + list(constraints(members, shape, "answer", allowed))


def _xml_root(call: Call, of: Known, expected: str, problems: list[str]) -> ElementTree.Element | None:
    root = ElementTree.parse(io.BytesIO(call.answer_body)).getroot()
    namespace = model(of.service).metadata["xmlNamespace"]
    if root.tag != f"{{{namespace}}}{expected}":
        problems.append(f"answer: is a `{root.tag}`, expected `{expected}` of {namespace}")
    if root.find(".//{*}RequestId") is None:
        problems.append("answer: has no RequestId")
    return root


def _error_problems(call: Call, of: Known, error: dict) -> list[str]:
    code, problems = error.get("Code", ""), []
    if of.protocol == QUERY:
        _xml_root(call, of, "ErrorResponse", problems)
    # On the wire, Query has codes of its own; the other protocols name the shape.
    declared = {s.error_code if of.protocol == QUERY else s.name: s for s in of.operation.error_shapes}
    if code in declared:
        status = declared_status(declared[code])
        problems += _error_member_problems(call, of, declared[code])
    elif (code, of.protocol) in COMMON:
        status, _ = COMMON[code, of.protocol]
    else:
        return [*problems, f"error: `{code}` is none that {of} declares, and none that every service may give"]
    if call.status != status:
        problems.append(f"error: `{code}` comes with HTTP {call.status}, expected {status}")
    return problems


def declared_status(shape) -> int:
    """By the model; a fault of the service is 500 where the model names no status, anything else 400."""
    by_model = shape.metadata.get("error", {}).get("httpStatusCode")
    # botocore leaves `fault` out of what it makes of a model.
    return by_model or (500 if shape._shape_model.get("fault") else 400)


def _error_member_problems(call: Call, of: Known, shape) -> list[str]:
    if of.protocol == QUERY:
        return []
    problems: list[str] = []
    body = json.loads(call.answer_body or b"{}")
    # Every error has a type and a sentence, also where the model declares no member for it.
    body = {name: value for name, value in body.items() if name != "__type"}
    if not any(name in in_body(shape) for name in ("message", "Message")):
        body = {name: value for name, value in body.items() if name.lower() != "message"}
    members = decode_json(body, shape, "error", problems)
    return problems + list(constraints(members, shape, "error"))
