"""Errors that a service gives for every operation, though no operation declares them.

Each API reference lists them on its page "Common Errors". By code and protocol: the HTTP status, and why the rehearsal
gives it. What is not in this table must be declared by the operation.
"""

JSON, QUERY, REST = "json", "query", "rest-json"


def _everywhere(code: str, status: int, why: str) -> dict:
    return {(code, protocol): (status, why) for protocol in (JSON, REST)}


def _query(code: str, status: int, why: str) -> dict:
    return {(code, QUERY): (status, why)}


DENIED = "a policy does not allow the call; services of AWS JSON answer 400, the others 403"
UNSIGNED = "the request is signed by nobody"
ELSEWHERE = "the request is signed for another Region"
MALFORMED = "the body is not what the protocol says, or a member is of another type"
INVALID = "a constraint of the model is not met, which services of newer frameworks all say this way"
FAILED = "something went wrong on AWS's side, and the operation declares no error for that"
UNKNOWN = "there is no such operation, or the rehearsal does not simulate it"

COMMON: dict[tuple[str, str], tuple[int, str]] = {
    ("AccessDeniedException", JSON): (400, DENIED),
    ("AccessDeniedException", REST): (403, DENIED),
    ("AccessDenied", QUERY): (403, DENIED),
    **_everywhere("ThrottlingException", 400, "the caller's token bucket is empty"),
    **_query("Throttling", 400, "the caller's token bucket is empty"),
    **_everywhere("InternalFailure", 500, FAILED),
    **_query("InternalFailure", 500, FAILED),
    ("MissingAuthenticationTokenException", JSON): (400, UNSIGNED),
    ("MissingAuthenticationTokenException", REST): (403, UNSIGNED),
    ("MissingAuthenticationToken", QUERY): (403, UNSIGNED),
    ("InvalidSignatureException", JSON): (400, ELSEWHERE),
    ("InvalidSignatureException", REST): (403, ELSEWHERE),
    **_query("SignatureDoesNotMatch", 403, ELSEWHERE),
    **_everywhere("SerializationException", 400, MALFORMED),
    **_query("MalformedInput", 400, MALFORMED),
    **_everywhere("ValidationException", 400, INVALID),
    **_query("ValidationError", 400, INVALID),
    ("UnknownOperationException", JSON): (400, UNKNOWN),
    ("UnknownOperationException", REST): (404, UNKNOWN),
    **_query("InvalidAction", 400, UNKNOWN),
}
