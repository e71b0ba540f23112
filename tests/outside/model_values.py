"""Values against the shapes of AWS's own models, more strictly than any client is.

A value is checked in two steps: `decode_…` turns what was on the wire into members by their names, and tells what
cannot be on the wire; `constraints` compares the members with what the model says of them. Both give problems as
sentences that begin with the path of the member.
"""

import base64
import binascii
import datetime
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

# AWS began after the first and this will be obsolete before the second: a time outside is in the wrong unit.
EARLIEST, LATEST = 946684800, 4102444800
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
LIMITS = {"integer": 2**31, "long": 2**63}
# Members of a structure that travel elsewhere than in the body.
OUTSIDE_THE_BODY = ("header", "headers", "uri", "querystring", "statusCode")


def in_body(shape) -> dict:
    """The members of a structure that are in the body, by their names on the wire."""
    members = shape.members.items()
    return {
        member.serialization.get("name", name): (name, member)
        for name, member in members
        if member.serialization.get("location") not in OUTSIDE_THE_BODY
    }


def decode_json(value: object, shape, path: str, problems: list[str]) -> object:
    """A JSON value with members by their names in the model. A member that is null is one that is not there."""
    if shape.type_name == "structure" and isinstance(value, dict) and not is_document(shape):
        known, members = in_body(shape), {}
        for wire_name, member_value in value.items():
            name, member = known.get(wire_name, (wire_name, None))
            if member is None:
                members[name] = member_value
            elif member_value is not None:
                members[name] = decode_json(member_value, member, f"{path}.{name}", problems)
        return members
    if shape.type_name == "list" and isinstance(value, list):
        return [decode_json(one, shape.member, f"{path}[{i}]", problems) for i, one in enumerate(value)]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: decode_json(one, shape.value, f"{path}.{key}", problems) for key, one in value.items()}
    if shape.type_name == "timestamp":
        wanted = shape.serialization.get("timestampFormat", "unixTimestamp")
        return decode_time(value, wanted, path, problems)
    return value


def decode_time(value: object, wanted: str, path: str, problems: list[str]) -> object:
    """Seconds since the epoch, from the form in which this timestamp travels."""
    if wanted == "unixTimestamp":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            problems.append(f"{path}: {value!r} is no timestamp, expected seconds since 1970 as a number")
        return value
    if not isinstance(value, str) or not ISO_8601.fullmatch(value):
        problems.append(f"{path}: {value!r} is no timestamp, expected ISO 8601 in UTC")
        return value
    return datetime.datetime.fromisoformat(value).timestamp()


def decode_xml(element: ElementTree.Element, shape, path: str, problems: list[str]) -> object:
    """An element of a Query answer as members by their names in the model."""
    if shape.type_name == "structure":
        return _structure_of_xml(element, shape, path, problems)
    if shape.type_name == "list":
        return _list_of_xml(list(element), shape, path, problems)
    if shape.type_name == "map":
        return _map_of_xml(list(element), shape, path, problems)
    if len(element):
        problems.append(f"{path}: has elements, expected text")
    return decode_text(element.text or "", shape, path, problems)


def _structure_of_xml(element, shape, path: str, problems: list[str]) -> dict:
    known, members, children = {}, {}, {}
    for name, member in shape.members.items():
        flattened = member.type_name == "list" and member.serialization.get("flattened")
        inner = member.member.serialization.get("name") if flattened else None
        known[inner or member.serialization.get("name", name)] = (name, member, flattened)
    for child in element:
        children.setdefault(local_name(child), []).append(child)
    for tag, found in children.items():
        name, member, flattened = known.get(tag, (tag, None, False))
        if member is None:
            members[name] = "an element"
        elif flattened:
            members[name] = [decode_xml(one, member.member, f"{path}.{name}", problems) for one in found]
        else:
            if len(found) > 1:
                problems.append(f"{path}.{name}: is there {len(found)} times")
            members[name] = decode_xml(found[0], member, f"{path}.{name}", problems)
    return members


def _list_of_xml(children: list, shape, path: str, problems: list[str]) -> list:
    expected = shape.member.serialization.get("name", "member")
    values = []
    for index, child in enumerate(children):
        if local_name(child) != expected:
            problems.append(f"{path}[{index}]: is `<{local_name(child)}>`, expected `<{expected}>`")
        values.append(decode_xml(child, shape.member, f"{path}[{index}]", problems))
    return values


def _map_of_xml(entries: list, shape, path: str, problems: list[str]) -> dict:
    names = [part.serialization.get("name", word) for part, word in ((shape.key, "key"), (shape.value, "value"))]
    values = {}
    for entry in entries:
        parts = {local_name(part): part for part in entry}
        if local_name(entry) != "entry" or sorted(parts) != sorted(names):
            problems.append(f"{path}: an entry has {sorted(parts)}, expected {sorted(names)}")
            continue
        key = parts[names[0]].text or ""
        values[key] = decode_xml(parts[names[1]], shape.value, f"{path}.{key}", problems)
    return values


def local_name(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def decode_text(text: str, shape, path: str, problems: list[str]) -> object:
    """A scalar that travels as text: in XML, in a form, in a path or in a header."""
    kind = shape.type_name
    if kind == "timestamp":
        return decode_time(text, "iso8601", path, problems)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in LIMITS and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind in ("float", "double") and re.fullmatch(r"-?\d+(\.\d+)?([eE]-?\d+)?", text):
        return float(text)
    return text


def constraints(value: object, shape, path: str, allowed: frozenset[str] = frozenset()) -> Iterator[str]:
    """What is wrong with a value by its model. `allowed` are members that may be there though no model has them."""
    if shape.type_name == "structure":
        yield from _structure(value, shape, path, allowed)
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{path}: {kind_of(value)}, expected a list"
            return
        yield from _within(len(value), shape, f"{path}: has", "elements")
        for index, one in enumerate(value):
            yield from constraints(one, shape.member, f"{path}[{index}]", allowed)
    elif shape.type_name == "map":
        if not isinstance(value, dict):
            yield f"{path}: {kind_of(value)}, expected a map"
            return
        yield from _within(len(value), shape, f"{path}: has", "entries")
        for key, one in value.items():
            yield from constraints(key, shape.key, f"{path} (key `{key}`)", allowed)
            yield from constraints(one, shape.value, f"{path}.{key}", allowed)
    else:
        yield from _scalar(value, shape, path)


def _structure(value: object, shape, path: str, allowed: frozenset[str]) -> Iterator[str]:
    if is_document(shape):
        return
    if not isinstance(value, dict):
        yield f"{path}: {kind_of(value)}, expected a structure"
        return
    for name, member_value in value.items():
        if name in shape.members:
            yield from constraints(member_value, shape.members[name], f"{path}.{name}", allowed)
        elif name not in allowed:
            yield f"{path}.{name}: the model has no such member in {shape.name}"
    for name in shape.required_members:
        if name not in value:
            yield f"{path}.{name}: is required in {shape.name} and not there"
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield f"{path}: has {len(value)} members, expected exactly one of {shape.name}"


def _scalar(value: object, shape, path: str) -> Iterator[str]:
    kind = shape.type_name
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in LIMITS:
        if not isinstance(value, int) or not is_number:
            yield f"{path}: {kind_of(value)}, expected a whole number"
        elif not -LIMITS[kind] <= value < LIMITS[kind]:
            yield f"{path}: {value} does not fit into a number of type {kind}"
        else:
            yield from _within(value, shape, f"{path}: is", "")
    elif kind in ("float", "double"):
        if not is_number:
            yield f"{path}: {kind_of(value)}, expected a number"
        else:
            yield from _within(value, shape, f"{path}: is", "")
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{path}: {kind_of(value)}, expected true or false"
    elif kind == "timestamp":
        if is_number and not EARLIEST <= value < LATEST:
            yield f"{path}: {value} is no time of this century in seconds"
    elif not isinstance(value, str):
        yield f"{path}: {kind_of(value)}, expected a string"
    elif kind == "blob":
        yield from _base64(value, path)
    else:
        yield from _text(value, shape, path)


def _base64(value: str, path: str) -> Iterator[str]:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        yield f"{path}: is not base64"


# A value that AWS's guide has and an enum of its model lacks. The hooks' own enum has this stage; whether a deployment shows it
# is an assumption of the local AWS with two sides, `pre-production-stage-is-not-shown`.
MISSING_FROM_ENUMS = {("ServiceDeploymentLifecycleStage", "PRE_PRODUCTION_TRAFFIC_SHIFT")}


def _text(value: str, shape, path: str) -> Iterator[str]:
    values = getattr(shape, "enum", None) or shape.metadata.get("enum")
    if values and value not in values and (shape.name, value) not in MISSING_FROM_ENUMS:
        yield f"{path}: {value!r} is none of the values of {shape.name}: {', '.join(values)}"
    yield from _within(len(value), shape, f"{path}: has", "characters")
    pattern = shape.metadata.get("pattern")
    # As Smithy has it, a pattern matches anywhere unless it says otherwise.
    if pattern and not re.search(python_pattern(pattern), value):
        yield f"{path}: {value!r} does not match {pattern}"


def python_pattern(pattern: str) -> str:
    """The models' patterns are Java's. Python has `\\w` for letters and digits; the underscore that this adds is allowed
    wherever one of these models uses the classes."""
    for java, python in ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s"), (r"\w-_", r"\w_-")):
        pattern = pattern.replace(java, python)
    return pattern


def _within(measure: float, shape, subject: str, unit: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and measure < least or most is not None and measure > most:
        bounds = f"{least if least is not None else 'any'} to {most if most is not None else 'any'}"
        yield f"{subject} {measure} {unit}".rstrip() + f", expected {bounds}"


def is_document(shape) -> bool:
    """JSON of any form."""
    return getattr(shape, "is_document_type", False)


def kind_of(value: object) -> str:
    names = {
        dict: "a structure",
        list: "a list",
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a string",
    }
    return f"{names.get(type(value), 'null')} ({str(value)[:60]})"
