"""A forward proxy in front of an AWS mock that keeps what was said, byte by byte, and can change an answer on its way
(a field that the mock does not know, a failure that it never gives).
"""

import collections
import contextlib
import http.client
import json
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from loopback import Handler, Server

# Everything else in the operations of this project changes something.
READ_ONLY = ("Describe", "Get", "List", "BatchGet")
# What Scheduler's REST calls are, by method.
OF_SCHEDULES = {"POST": "CreateSchedule", "GET": "GetSchedule", "PUT": "UpdateSchedule", "DELETE": "DeleteSchedule"}
# The date is this proxy's own, and stands in an answer once.
NOT_FORWARDED = {"host", "content-length", "transfer-encoding", "connection", "date", "server"}


@dataclass
class Exchange:
    """One request and its answer."""

    operation: str
    request: bytes
    status: int
    answer: bytes

    @property
    def changes_something(self) -> bool:
        return not self.operation.startswith(READ_ONLY)

    def sent(self) -> dict:
        """The request's body, where it is JSON."""
        return json.loads(self.request)

    def said(self) -> dict:
        """The answer's body, where it is JSON."""
        return json.loads(self.answer)


def forwarded(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in NOT_FORWARDED]


Change = Callable[[Exchange], None]


class Recorder:
    """The proxy. `exchanges` is what was said since `forget` was called last."""

    def __init__(self, mock_port: int):
        self.exchanges: list[Exchange] = []
        self.change_answer: Change | None = None
        self.refuse: dict[str, tuple[int, bytes]] = {}
        """Operations that are answered here, with this status and body, and do not reach the mock."""
        self.stand_in: dict[str, Callable[[dict], dict]] = {}
        """Operations that the mock does not have, and what answers them in its place."""
        self.stood_in: collections.Counter = collections.Counter()
        """How often that was needed."""
        self._mock_port = mock_port
        self._server = Server(self._handler())

    @property
    def url(self) -> str:
        return f"http://{self._server.address}"

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_) -> None:
        self._server.stop()

    def forget(self) -> None:
        self.exchanges = []

    def of(self, operation: str) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.operation == operation]

    def before(self, operation: str) -> list[Exchange]:
        """Everything that came before the first of these."""
        first = next((at for at, exchange in enumerate(self.exchanges) if exchange.operation == operation), 0)
        return self.exchanges[:first]

    def changing(self) -> list[str]:
        """The operations that change something, in order."""
        return [exchange.operation for exchange in self.exchanges if exchange.changes_something]

    def _handler(self) -> type[Handler]:
        recorder = self

        class Proxy(Handler):
            def do_POST(self) -> None:
                self._exchange()

            def do_GET(self) -> None:
                self._exchange()

            def do_PUT(self) -> None:
                self._exchange()

            def do_DELETE(self) -> None:
                self._exchange()

            def _exchange(self) -> None:
                body = self.body()
                operation = self._operation(body)
                headers: list[tuple[str, str]] = []
                if operation in recorder.refuse:
                    status, answer = recorder.refuse[operation]
                elif operation in recorder.stand_in:
                    recorder.stood_in[operation] += 1
                    status, answer = 200, json.dumps(recorder.stand_in[operation](json.loads(body))).encode()
                else:
                    status, headers, answer = self._forward(body)
                exchange = Exchange(operation, body, status, answer)
                if recorder.change_answer:
                    recorder.change_answer(exchange)
                recorder.exchanges.append(exchange)
                self.answer(exchange.status, exchange.answer, headers)

            def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                mock = http.client.HTTPConnection("127.0.0.1", recorder._mock_port, timeout=30)
                with contextlib.closing(mock):
                    mock.request(self.command, self.path, body, dict(forwarded(self.headers.items())))
                    response = mock.getresponse()
                    return response.status, forwarded(response.getheaders()), response.read()

            def _operation(self, body: bytes) -> str:
                # JSON services name it in a header, query services in the body.
                target = self.headers.get("X-Amz-Target")
                if target:
                    return target.rsplit(".", 1)[-1]
                if self.path.startswith("/schedules/"):
                    return OF_SCHEDULES[self.command]
                return urllib.parse.parse_qs(body.decode()).get("Action", [self.path])[0]

        return Proxy
