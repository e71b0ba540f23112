"""Lambda's Invoke API on loopback in front of one Python function, as far as `sam local start-lambda` serves it."""

import json
from collections.abc import Callable

from loopback import Handler, Server


class InvokeApi:
    """Serves until the end of its `with`; `invocations` are the paths that were asked for."""

    def __init__(self, handler: Callable[[dict, object], object]):
        self.invocations: list[str] = []
        self._server = Server(self._answers(handler))

    @property
    def url(self) -> str:
        return f"http://{self._server.address}"

    def __enter__(self) -> "InvokeApi":
        return self

    def __exit__(self, *_) -> None:
        self._server.stop()

    def _answers(self, handler: Callable[[dict, object], object]) -> type[Handler]:
        api = self

        class Invocation(Handler):
            def do_POST(self) -> None:
                event = json.loads(self.body())
                api.invocations.append(self.path)
                headers = [("Content-Type", "application/json")]
                try:
                    result: object = handler(event, None)
                except Exception as error:  # Whatever a function raises, Lambda answers.
                    result = {"errorType": type(error).__name__, "errorMessage": str(error)}
                    headers.append(("X-Amz-Function-Error", "Unhandled"))
                self.answer(200, json.dumps(result).encode(), headers)

        return Invocation
