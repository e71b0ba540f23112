"""The account as a CI job sees it: STS, which gives the push role by its trust policy, and ECR, which allows what the push
policy does. What is allowed goes on to `serve`, where there is one, but for the registry's password, which it does not have.
"""

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from fnmatch import fnmatchcase
from xml.sax.saxutils import escape

from ci_docker import PASSWORD
from loopback import Handler, Server

ACCOUNT, REGION = "111122223333", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop-web-push"
USER_KEY = "AKIAOFTHEUSER"
"""The access key of a user with the push policy, for where no role can be had."""
_SESSION_KEY = "ASIAOFTHEROLE"


class Unknown(Exception):
    """Something that is not known here. It is never taken to be harmless."""


@dataclass
class Call:
    action: str
    key: str | None
    allowed: bool
    tag: str | None = None


class Account(Server):
    """The account, until the end of its `with`."""

    def __init__(self, serve: str | None, policy: dict):
        self.serve, self.policy = serve, policy
        self.trust: dict | None = None
        """The role's trust policy; without one there is no role."""
        self.calls: list[Call] = []
        self.keys = {USER_KEY}
        """Those that have the push policy."""
        self.refused_tag: str | None = None
        """A push under this tag is refused, as where tags are immutable and it exists."""
        super().__init__(_Calls)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def pushed(self) -> list[str | None]:
        """The tags under which an image was put, in their order."""
        return [call.tag for call in self.calls if call.action == "ecr:PutImage" and call.allowed]

    def forget(self) -> None:
        self.calls.clear()
        self.keys = {USER_KEY}
        self.refused_tag = None

    def take_role(self, role: str, token: str) -> dict[str, str]:
        """The credentials of a session, if the role's trust policy gives them to the token's owner."""
        allowed = role == ROLE and self.trust is not None and trusts(self.trust, claims_of(token))
        self.calls.append(Call("sts:AssumeRoleWithWebIdentity", None, allowed))
        if not allowed:
            raise PermissionError("Not authorized to perform sts:AssumeRoleWithWebIdentity")
        self.keys.add(_SESSION_KEY)
        return session()


def session() -> dict[str, str]:
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    return {"AccessKeyId": _SESSION_KEY, "SecretAccessKey": "rehearsal", "SessionToken": "t", "Expiration": later}


def allows(policy: dict, action: str, resource: str) -> bool:
    """Whether a policy of nothing but plain grants allows it."""
    found = False
    for statement in policy["Statement"]:
        if set(statement) != {"Effect", "Action", "Resource"} or statement["Effect"] != "Allow":
            raise Unknown(f"the statement {statement}")
        actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
        if any("*" in one or "?" in one for one in actions):
            raise Unknown(f"a pattern of actions in {actions}")
        found |= action in actions and any(one in ("*", resource) for one in resources)
    return found


def trusts(policy: dict, claims: dict[str, str]) -> bool:
    """Whether a role with this trust policy is given for a token with these claims."""
    issuer = claims["iss"].removeprefix("https://")
    for statement in policy["Statement"]:
        provider = statement["Principal"]["Federated"]
        holds = statement["Effect"] == "Allow" and statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        holds &= provider == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
        for operator, conditions in statement["Condition"].items():
            if operator not in ("StringEquals", "StringLike"):
                raise Unknown(f"the operator {operator}")
            for key, values in conditions.items():
                value = claims.get(key.removeprefix(f"{issuer}:"), "")
                same = fnmatchcase if operator == "StringLike" else str.__eq__
                holds &= any(same(value, one) for one in as_list(values))
        if holds:
            return True
    return False


def token_of(claims: dict[str, str]) -> str:
    """A token as an issuer would sign it. Nothing here verifies a signature."""
    parts = [json.dumps({"alg": "none"}), json.dumps(claims), ""]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def claims_of(token: str) -> dict[str, str]:
    if token.count(".") != 2:
        raise PermissionError("The ID Token provided is not a valid JWT")
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


class _Calls(Handler):
    server: Account

    def do_GET(self) -> None:
        """Where CodeBuild's containers find the credentials of the project's role."""
        if self.path != "/credentials":
            return self.answer(404)
        self.server.keys.add(_SESSION_KEY)
        found = session()
        found["Token"] = found.pop("SessionToken")
        return self.answer(200, json.dumps(found).encode())

    def do_POST(self) -> None:
        body = self.body()
        target = self.headers.get("X-Amz-Target", "")
        if target.startswith("AmazonEC2ContainerRegistry_V20150921."):
            return self._ecr(target.rpartition(".")[2], body)
        form = dict(urllib.parse.parse_qsl(body.decode(errors="replace")))
        if form.get("Action") == "AssumeRoleWithWebIdentity":
            return self._sts(form)
        action = target or form.get("Action") or f"{self.command} {self.path}"
        return self._deny(Call(f"another service's {action}", self._key(), False))

    def _sts(self, form: dict[str, str]) -> None:
        try:
            found = self.server.take_role(form["RoleArn"], form["WebIdentityToken"])
        except PermissionError as error:
            said = f"<Code>AccessDenied</Code><Message>{escape(str(error))}</Message>"
            text = f"<ErrorResponse><Error>{said}</Error></ErrorResponse>"
            return self.answer(403, text.encode(), [("Content-Type", "text/xml")])
        members = "".join(f"<{name}>{value}</{name}>" for name, value in found.items())
        result = f"<AssumeRoleWithWebIdentityResult><Credentials>{members}</Credentials></AssumeRoleWithWebIdentityResult>"
        text = f"<AssumeRoleWithWebIdentityResponse>{result}</AssumeRoleWithWebIdentityResponse>"
        return self.answer(200, text.encode(), [("Content-Type", "text/xml")])

    def _ecr(self, operation: str, body: bytes) -> None:
        given = json.loads(body or b"{}")
        name = given.get("repositoryName")
        resource = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}" if name else "*"
        action, key = f"ecr:{operation}", self._key()
        allowed = key in self.server.keys and allows(self.server.policy, action, resource)
        call = Call(action, key, allowed, given.get("imageTag"))
        if not allowed:
            return self._deny(call)
        if operation == "PutImage" and call.tag == self.server.refused_tag:
            call.allowed = False
            self.server.calls.append(call)
            return self._error("ImageTagAlreadyExistsException", "The image tag already exists")
        self.server.calls.append(call)
        if operation == "GetAuthorizationToken":
            token = base64.b64encode(f"AWS:{PASSWORD}{key}".encode()).decode()
            registry = f"https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
            data = {"authorizationToken": token, "expiresAt": time.time() + 43200, "proxyEndpoint": registry}
            return self.answer(200, json.dumps({"authorizationData": [data]}).encode(), _JSON)
        if self.server.serve is None:
            return self.answer(200, b"{}", _JSON)
        return self._forward(body)

    def _forward(self, body: bytes) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")}
        request = urllib.request.Request(self.server.serve, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return self.answer(answer.status, answer.read(), _JSON)
        except urllib.error.HTTPError as error:
            return self.answer(error.code, error.read(), _JSON)

    def _deny(self, call: Call) -> None:
        self.server.calls.append(call)
        self._error("AccessDeniedException", f"{call.key} is not authorized to perform: {call.action}")

    def _error(self, code: str, message: str) -> None:
        self.answer(400, json.dumps({"__type": code, "message": message}).encode(), _JSON)

    def _key(self) -> str | None:
        _, _, credential = self.headers.get("Authorization", "").partition("Credential=")
        return credential.split("/")[0] or None


_JSON = [("Content-Type", "application/x-amz-json-1.1")]
