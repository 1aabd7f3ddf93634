"""Every way a request can fail, in OpenAI's error shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from router.errors import Overloaded, RateLimited, RequestError, RouterClosed, RouterError, UpstreamError

if TYPE_CHECKING:
    from router.server.exchange import Headers

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_SERVER_FAULT = 500


class Refused(Exception):
    """A request that the gateway itself refuses.

    The message names what is wrong and what to send instead; it never holds a secret or a prompt.

    Attributes:
        status: the HTTP status.
        code: a stable word for programs.
        param: the field at fault; None when it is not one field.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, *, param: str | None = None, headers: Headers = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = headers


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error as it is sent.

    Attributes:
        status: the HTTP status.
        code: a stable word for programs.
        error: the object under ``error``.
        headers: the headers that go with it.
    """

    status: int
    code: str
    error: dict[str, Any]
    headers: Headers = ()

    def body(self) -> bytes:
        """The JSON body."""
        return orjson.dumps({"error": self.error})


def error_reply(error: Exception, request_id: str) -> ErrorReply:
    """What the client gets for *error*; of an error that nobody foresaw it learns the request id only."""
    match error:
        case Refused():
            return _reply(error.status, error.code, str(error), error.param, error.headers)
        case UpstreamError():
            return _upstream_reply(error)
        case RequestError():
            return _reply(error.status_hint, error.code, str(error), error.param)
        case RouterError():
            return _reply(error.status_hint, error.code, str(error))
        case RouterClosed():
            return _reply(503, "shutting_down", "the gateway is shutting down; try again")
        case _:
            message = f"the gateway failed; its log has more under the request id {request_id}"
            return _reply(500, "internal_error", message)


def _upstream_reply(error: UpstreamError) -> ErrorReply:
    # The chain has retried already: an SDK's own retries would only multiply the load.
    headers = [("x-should-retry", "false")]
    if isinstance(error, RateLimited | Overloaded) and error.retry_after is not None:
        headers.append(("retry-after", str(math.ceil(error.retry_after))))
    reply = _reply(error.status_hint, error.code, str(error), None, headers)
    reply.error["attempts"] = [
        {
            "number": attempt.number,
            "group": attempt.group,
            "target": attempt.target,
            "outcome": attempt.outcome,
            "status": attempt.status,
        }
        for attempt in error.attempts
    ]
    if error.provider_message:
        reply.error["provider_message"] = error.provider_message
    return reply


def _reply(
    status: int, code: str, message: str, param: str | None = None, headers: Headers = ()
) -> ErrorReply:
    usual = "server_error" if status >= _SERVER_FAULT else "invalid_request_error"
    error = {"message": message, "type": _TYPES.get(status, usual), "param": param, "code": code}
    return ErrorReply(status, code, error, headers)
