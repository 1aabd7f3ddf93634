"""From what an upstream answered to the failure class: total, pure, and data rather than code.

The order is fixed: a status hidden in the body of a good reply, then the provider's error codes,
then a few phrases of its message, then the HTTP status. A row holds only for the statuses it
names, so that no wording can turn a plain refusal (400, 401, 404 …) into something that is asked
again. Where no page of a provider names a code or phrase, it stands as its users saw it sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.core.failure import Failure, FailureClass
from router.core.hints import retry_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What an error body says, as far as it could be read. All None: it said nothing.

    Attributes:
        code: the provider's error code; a number is given as its digits.
        type: its error type, often a broader word than the code.
        param: the parameter it names.
        message: its words for people.
    """

    code: str | None = None
    type: str | None = None
    param: str | None = None
    message: str | None = None


_HIDDEN = 200  # Stands for every 2xx whose body is an error.
_REQUEST = frozenset({_HIDDEN, 400, 422, 500})
_LOAD = frozenset({_HIDDEN, 429, 500, 502, 503, 529})


@dataclass(frozen=True, slots=True)
class _Row:
    kind: FailureClass
    statuses: frozenset[int]
    codes: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    openings: tuple[str, ...] = ()  # How a message must begin.


_ROWS: tuple[_Row, ...] = (
    _Row(
        # Before rate_limited: OpenAI sends both as 429, and waiting does not fill an account.
        FailureClass.PAYMENT,
        frozenset({_HIDDEN, 402, 403, 429}),
        codes=frozenset(
            {
                "insufficient_quota",  # OpenAI, error codes guide
                "billing_hard_limit_reached",  # OpenAI
                "billing_not_active",  # OpenAI
                "insufficient_credits",  # Gitlawb's gateway
            }
        ),
        phrases=("insufficient credits",),  # Bytez, billing page; OpenRouter
    ),
    _Row(
        # Not in a good reply: there the text may be a model's.
        FailureClass.PAYMENT,
        frozenset({403, 429}),
        phrases=(
            "used all available credits",  # xAI
            "doesn't have any credits",  # xAI, a new team
            "key limit exceeded",  # OpenRouter, a key's own spending limit
        ),
    ),
    # A 400 may quote the caller further on, and no caller may cost us a credential.
    _Row(
        FailureClass.PAYMENT,
        frozenset({400}),
        openings=(
            "your credit balance is too low",  # Anthropic
            "you have reached your specified api usage limits",  # Anthropic
        ),
    ),
    _Row(
        FailureClass.AUTH,
        frozenset({400}),
        openings=(
            "api key not valid",  # Google, reason API_KEY_INVALID
            "api key expired",  # Google, the same
            "api key not found",  # Google, the same
            "incorrect api key provided",  # xAI
        ),
    ),
    _Row(
        # Groq sends 413 and rate_limit_exceeded for more tokens than a minute ever allows: that
        # stays with the status.
        FailureClass.CONTEXT_OVERFLOW,
        _REQUEST | {413},
        codes=frozenset(
            {
                "context_length_exceeded",  # OpenAI, Groq
                "exceed_context_size_error",  # llama.cpp server
            }
        ),
        phrases=(
            "maximum context length",  # OpenAI, vLLM, DeepSeek
            "exceeds the available context size",  # llama.cpp server
            "prompt is too long",  # Anthropic
            "exceed context limit",  # Anthropic, with max_tokens
            "exceeds the maximum number of tokens allowed",  # Google
            "`inputs` tokens + `max_new_tokens` must be",  # Hugging Face TGI, Together
        ),
    ),
    _Row(
        FailureClass.CONTENT_POLICY,
        _REQUEST | {403, 451},
        codes=frozenset(
            {
                "content_filter",  # Azure OpenAI
                "content_policy_violation",  # OpenAI
                "responsibleaipolicyviolation",  # Azure OpenAI, inner code
                "moderation_blocked",  # OpenAI
            }
        ),
        phrases=(
            "your input was flagged for",  # OpenRouter, 403
            "content violates usage guidelines",  # xAI, 403
            "content exists risk",  # DeepSeek, 400
        ),
    ),
    _Row(
        FailureClass.UNSUPPORTED,
        _REQUEST,
        codes=frozenset(
            {
                "unsupported_parameter",  # OpenAI
                "unknown_parameter",  # OpenAI
                "unsupported_value",  # OpenAI
                "extra_forbidden",  # pydantic, through FastAPI's detail list
            }
        ),
        phrases=(
            "unsupported params were passed",  # Bytez's containers
            "unrecognized request argument",  # OpenAI, older routes
            "extra inputs are not permitted",  # pydantic, wrapped by gateways
            "does not support tools",  # Ollama
            "does not support image",  # Ollama and gateways
            "is not a multimodal model",  # vLLM
            "image input is not supported",  # llama.cpp server
            "audio input is not supported",  # llama.cpp server
        ),
    ),
    _Row(
        FailureClass.RATE_LIMITED,
        _LOAD,
        codes=frozenset(
            {
                "rate_limit_exceeded",  # OpenAI
                "rate_limit_error",  # Anthropic
                "resource_exhausted",  # Google
            }
        ),
    ),
    _Row(
        FailureClass.OVERLOADED,
        _LOAD - {429},
        codes=frozenset(
            {
                "overloaded_error",  # Anthropic
                "overloaded",  # Hugging Face TGI
                "server_is_overloaded",  # OpenAI, in a stream
                "engine_overloaded_error",  # Moonshot
                "unavailable_error",  # llama.cpp server, while the model is loading
            }
        ),
    ),
    _Row(
        FailureClass.OVERLOADED,
        frozenset({503}),
        phrases=(
            "is currently loading",  # Hugging Face
            "maximum pending requests exceeded",  # Ollama
            "server overloaded, please retry",  # Ollama's cloud
        ),
    ),
    _Row(
        FailureClass.AUTH,
        frozenset({_HIDDEN, 401, 403}),
        codes=frozenset({"invalid_api_key", "authentication_error"}),  # OpenAI; Anthropic
    ),
    _Row(
        FailureClass.NOT_FOUND,
        frozenset({_HIDDEN, 403, 404}),
        codes=frozenset({"model_not_found", "not_found_error"}),  # OpenAI; Anthropic
    ),
    _Row(FailureClass.NOT_FOUND, frozenset({400}), codes=frozenset({"invalid_model"})),  # Mistral
    # A body that hides an error in a good reply has no status to go by: Bytez's own words.
    _Row(FailureClass.RATE_LIMITED, frozenset({_HIDDEN}), phrases=("rate limit",)),
    _Row(FailureClass.AUTH, frozenset({_HIDDEN}), phrases=("unauthorized",)),
    _Row(FailureClass.NOT_FOUND, frozenset({_HIDDEN}), phrases=("model does not exist",)),
    _Row(
        FailureClass.BAD_REQUEST,
        frozenset({_HIDDEN}),
        codes=frozenset({"invalid_request_error"}),  # OpenAI: a type, so the codes above win.
        phrases=("expected parameter(s)",),  # Bytez
    ),
)

# RFC 9110, RFC 6585 (429), RFC 8470 (425), RFC 7725 (451); 529 is Anthropic's.
_BY_STATUS: dict[int, FailureClass] = {
    401: FailureClass.AUTH,
    402: FailureClass.PAYMENT,
    403: FailureClass.FORBIDDEN,
    404: FailureClass.NOT_FOUND,
    408: FailureClass.TIMEOUT,
    409: FailureClass.OVERLOADED,
    413: FailureClass.CONTEXT_OVERFLOW,
    425: FailureClass.OVERLOADED,
    429: FailureClass.RATE_LIMITED,
    451: FailureClass.CONTENT_POLICY,
    529: FailureClass.OVERLOADED,
}
_BY_HUNDRED: dict[int, FailureClass] = {
    2: FailureClass.SERVER_ERROR,  # An error in the body of a good reply.
    4: FailureClass.BAD_REQUEST,
    5: FailureClass.SERVER_ERROR,
}
HINTED = frozenset({FailureClass.RATE_LIMITED, FailureClass.OVERLOADED, FailureClass.SERVER_ERROR})
"""Where an upstream's Retry-After counts."""


def classify(status: int, info: ErrorInfo, headers: Mapping[str, str], now_wall: float) -> Failure:
    """The failure that an answer came to. Total: any status, any text, any headers.

    Args:
        status: the HTTP status; with a 2xx the caller has found an error in the body.
        info: what the body says.
        headers: response headers, names lower-cased.
        now_wall: seconds since 1970, to read an HTTP-date.

    Returns:
        A failure with *status* as it came, the message cut to 1 KiB, and a hint only where
        waiting helps (rate_limited, overloaded, server_error). 3xx and anything that is no HTTP error status
        is ``protocol``: redirects are never followed.
    """
    message = cut(info.message or "")
    effective = _effective(status, info.code)
    hint_s = retry_hint(headers, now_wall, resets=effective == 429)  # noqa: PLR2004 - RFC 6585
    kind = _by_code(effective, info) or _by_phrase(effective, message)
    if kind is None:
        kind = _by_status(effective, hinted=hint_s is not None)
    return Failure(kind, status, hint_s if kind in HINTED else None, message)


def cut(message: str) -> str:
    """*message* in at most 1 KiB of UTF-8, cut between characters."""
    encoded = message[:MAX_MESSAGE_BYTES].encode("utf-8", "replace")
    return encoded[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore")


def _effective(status: int, code: str | None) -> int:
    """The status to judge by: one written in the body of a good reply, else the HTTP status."""
    if not 200 <= status <= 299:  # noqa: PLR2004 - RFC 9110: the successful statuses
        return status
    if code is not None and len(code) == 3 and code.isascii() and code.isdigit() and code[0] in "45":  # noqa: PLR2004
        return int(code)
    return _HIDDEN


def _by_code(status: int, info: ErrorInfo) -> FailureClass | None:
    words = {word.lower() for word in (info.code, info.type) if word is not None}
    for row in _ROWS:
        if status in row.statuses and not words.isdisjoint(row.codes):
            return row.kind
    return None


def _by_phrase(status: int, message: str) -> FailureClass | None:
    text = message.lower()
    for row in _ROWS:
        if status not in row.statuses:
            continue
        if text.startswith(row.openings) or any(phrase in text for phrase in row.phrases):
            return row.kind
    return None


def _by_status(status: int, *, hinted: bool) -> FailureClass:
    if status == 503 and hinted:  # noqa: PLR2004 - an upstream that names a time is busy, not broken
        return FailureClass.OVERLOADED
    return _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, FailureClass.PROTOCOL)
