"""The classifier: each row, their order, and totality."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.core.classify import ErrorInfo, classify
from router.core.failure import RULES, Again, Failure, FailureClass, Other

NOTHING = ErrorInfo()
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # The machine is shared.


def kind(status: int, info: ErrorInfo = NOTHING) -> str:
    return str(classify(status, info, {}, 0.0).kind)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (100, "protocol"),
        (200, "server_error"),
        (301, "protocol"),
        (400, "bad_request"),
        (401, "auth"),
        (402, "payment"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "bad_request"),
        (408, "timeout"),
        (409, "overloaded"),
        (413, "context_overflow"),
        (422, "bad_request"),
        (425, "overloaded"),
        (429, "rate_limited"),
        (451, "content_policy"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "server_error"),
        (504, "server_error"),
        (529, "overloaded"),
        (600, "protocol"),
        (0, "protocol"),
        (-1, "protocol"),
    ],
)
def test_status(status: int, expected: str) -> None:
    """Without further words the status decides."""
    assert kind(status) == expected


@pytest.mark.parametrize(
    ("status", "info", "expected"),
    [
        (429, ErrorInfo(code="insufficient_quota"), "payment"),
        (429, ErrorInfo(code="rate_limit_exceeded", type="insufficient_quota"), "payment"),
        (429, ErrorInfo(code="rate_limit_exceeded"), "rate_limited"),
        (503, ErrorInfo(code="rate_limit_exceeded"), "rate_limited"),
        (400, ErrorInfo(code="context_length_exceeded"), "context_overflow"),
        (400, ErrorInfo(type="exceed_context_size_error"), "context_overflow"),
        (400, ErrorInfo(code="content_filter"), "content_policy"),
        (403, ErrorInfo(code="content_policy_violation"), "content_policy"),
        (400, ErrorInfo(code="ResponsibleAIPolicyViolation"), "content_policy"),
        (400, ErrorInfo(code="unsupported_parameter", param="stop"), "unsupported"),
        (400, ErrorInfo(code="unknown_parameter"), "unsupported"),
        (400, ErrorInfo(code="unsupported_value", param="temperature"), "unsupported"),
        (422, ErrorInfo(code="extra_forbidden", param="top_k"), "unsupported"),
        (400, ErrorInfo(code="invalid_type", param="temperature"), "bad_request"),
        (403, ErrorInfo(code="model_not_found"), "not_found"),
        (529, ErrorInfo(type="overloaded_error"), "overloaded"),
        (500, ErrorInfo(type="overloaded_error"), "overloaded"),
        (403, ErrorInfo(code="invalid_api_key"), "auth"),
        # A plain refusal stays one, whatever its code claims.
        (400, ErrorInfo(code="rate_limit_exceeded"), "bad_request"),
        (401, ErrorInfo(code="overloaded_error"), "auth"),
        (413, ErrorInfo(code="rate_limit_exceeded"), "context_overflow"),  # More than the limit ever allows.
        # Messages, where nothing better is said.
        (400, ErrorInfo(message="This model's maximum context length is 8 tokens"), "context_overflow"),
        (500, ErrorInfo(message="image input is not supported - hint: mmproj"), "unsupported"),
        (400, ErrorInfo(message="Unsupported params were passed to the api: ['seed']"), "unsupported"),
        (400, ErrorInfo(message="Rate limit exceeded"), "bad_request"),
        # The code wins over the message.
        (400, ErrorInfo(code="content_filter", message="maximum context length"), "content_policy"),
        (429, ErrorInfo(code="rate_limit_exceeded", message="insufficient credits"), "rate_limited"),
        # Bytez, with status 200.
        (200, ErrorInfo(message="Rate limited, try again"), "rate_limited"),
        (200, ErrorInfo(message="Rate limit exceeded"), "rate_limited"),
        (200, ErrorInfo(message="Unauthorized"), "auth"),
        (200, ErrorInfo(message="Payment Required: Insufficient credits."), "payment"),
        (200, ErrorInfo(message="Model does not exist or has yet to be added"), "not_found"),
        (200, ErrorInfo(message="Expected parameter(s): text"), "bad_request"),
        (200, ErrorInfo(message="CUDA out of memory"), "server_error"),
        (200, ErrorInfo(type="invalid_request_error"), "bad_request"),
        # A status written in the body of a good reply.
        (200, ErrorInfo(code="402"), "payment"),
        (204, ErrorInfo(code="429"), "rate_limited"),
        (299, ErrorInfo(code="429"), "rate_limited"),
        (300, ErrorInfo(code="429"), "protocol"),
        (200, ErrorInfo(code="200"), "server_error"),
        (200, ErrorInfo(code="4x2"), "server_error"),
        (500, ErrorInfo(code="402"), "server_error"),
    ],
)
def test_words(status: int, info: ErrorInfo, expected: str) -> None:
    """Codes come before messages, messages before the status, each only where it may."""
    assert kind(status, info) == expected


_PLAIN = {
    400: "bad_request",
    401: "auth",
    402: "payment",
    403: "forbidden",
    404: "not_found",
    413: "context_overflow",
    422: "bad_request",
    429: "rate_limited",
    451: "content_policy",
    200: "server_error",
    500: "server_error",
    502: "server_error",
    503: "server_error",
    529: "overloaded",
}
"""What each status means by itself."""
_ABOUT_THE_REQUEST = {200, 400, 422, 500}
_ABOUT_LOAD = {200, 500, 502, 503, 529}
_WORDS: list[tuple[str, set[int], list[str], list[str]]] = [
    (
        "payment",
        {200, 402, 403, 429},
        [
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
            "insufficient_credits",
        ],
        ["insufficient credits"],
    ),
    (
        "payment",
        {403, 429},
        [],
        ["used all available credits", "doesn't have any credits", "Key limit exceeded"],
    ),
    (
        "context_overflow",
        {*_ABOUT_THE_REQUEST, 413},
        ["context_length_exceeded", "exceed_context_size_error"],
        [
            "maximum context length",
            "exceeds the available context size",
            "prompt is too long",
            "exceed context limit",
            "exceeds the maximum number of tokens allowed",
            "`inputs` tokens + `max_new_tokens` must be",
        ],
    ),
    (
        "content_policy",
        {*_ABOUT_THE_REQUEST, 403, 451},
        [
            "content_filter",
            "content_policy_violation",
            "ResponsibleAIPolicyViolation",
            "moderation_blocked",
        ],
        ["Your input was flagged for", "Content violates usage guidelines", "Content Exists Risk"],
    ),
    (
        "unsupported",
        _ABOUT_THE_REQUEST,
        ["unsupported_parameter", "unknown_parameter", "unsupported_value", "extra_forbidden"],
        [
            "Unsupported params were passed",
            "Unrecognized request argument",
            "Extra inputs are not permitted",
            "does not support tools",
            "does not support image",
            "is not a multimodal model",
            "image input is not supported",
            "audio input is not supported",
        ],
    ),
    (
        "rate_limited",
        {*_ABOUT_LOAD, 429},
        ["rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"],
        [],
    ),
    (
        "overloaded",
        _ABOUT_LOAD,
        [
            "overloaded_error",
            "overloaded",
            "server_is_overloaded",
            "engine_overloaded_error",
            "unavailable_error",
        ],
        [],
    ),
    (
        "overloaded",
        {503, 529},
        [],
        ["is currently loading", "maximum pending requests exceeded", "Server overloaded, please retry"],
    ),
    ("auth", {200, 401, 403}, ["invalid_api_key", "authentication_error"], []),
    ("not_found", {200, 403, 404}, ["model_not_found", "not_found_error"], []),
    ("not_found", {400, 404}, ["invalid_model"], []),
    ("rate_limited", {200}, [], ["Rate limit"]),
    ("auth", {200}, [], ["Unauthorized"]),
    ("not_found", {200}, [], ["Model does not exist"]),
    ("bad_request", {200}, ["invalid_request_error"], ["Expected parameter(s)"]),
]
"""By class: the statuses beside which these codes and phrases count."""


@pytest.mark.parametrize(("expected", "statuses", "codes", "phrases"), _WORDS)
def test_known_words_count_beside_their_statuses(
    expected: str, statuses: set[int], codes: list[str], phrases: list[str]
) -> None:
    """A known code, as code or type, or a known phrase decides beside its statuses, and only there."""
    infos = [info for code in codes for info in (ErrorInfo(code=code), ErrorInfo(type=code))]
    infos += [ErrorInfo(message=f"Sorry: {phrase}, said the model") for phrase in phrases]
    for status, plain in _PLAIN.items():
        for info in infos:
            assert kind(status, info) == (expected if status in statuses else plain), (status, info)


@pytest.mark.parametrize(
    ("expected", "opening"),
    [
        ("payment", "Your credit balance is too low"),
        ("payment", "You have reached your specified API usage limits"),
        ("auth", "API key not valid"),
        ("auth", "API key expired"),
        ("auth", "API Key not found"),
        ("auth", "Incorrect API key provided"),
    ],
)
def test_known_openings_count_in_a_400_and_only_at_its_beginning(expected: str, opening: str) -> None:
    """A 400 is about the account or the key only if it begins so: further on it may quote the caller."""
    for status, plain in _PLAIN.items():
        found = kind(status, ErrorInfo(message=f"{opening}, said the model"))
        assert found == (expected if status == 400 else plain), status
    assert kind(400, ErrorInfo(message=f"Sorry: {opening}")) == "bad_request"
    assert kind(400, ErrorInfo(code="unknown_parameter", message=opening)) == "unsupported"


def test_hint() -> None:
    """A hint is kept where waiting helps; a 503 that names a time is overloaded."""
    after = {"retry-after": "3"}
    assert classify(429, NOTHING, after, 0.0) == Failure(FailureClass.RATE_LIMITED, 429, 3.0)
    assert classify(503, NOTHING, after, 0.0) == Failure(FailureClass.OVERLOADED, 503, 3.0)
    assert classify(503, NOTHING, {"retry-after": "soon"}, 0.0).kind is FailureClass.SERVER_ERROR
    date = {"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}
    assert classify(429, NOTHING, date, 50.0) == Failure(FailureClass.RATE_LIMITED, 429, 10.0)
    assert classify(500, NOTHING, after, 0.0) == Failure(FailureClass.SERVER_ERROR, 500, 3.0)
    assert classify(500, NOTHING, {"x-ratelimit-reset-requests": "3s"}, 0.0).hint_s is None
    assert classify(402, NOTHING, after, 0.0).hint_s is None


def test_resets_only_beside_429() -> None:
    """Reset headers accompany good replies too: they hint only when the status is 429."""
    reset = {"ratelimit-reset": "2", "ratelimit-remaining": "0"}
    assert classify(429, NOTHING, reset, 0.0).hint_s == 2.0
    assert classify(503, NOTHING, reset, 0.0) == Failure(FailureClass.SERVER_ERROR, 503)


def test_status_stays_as_it_came() -> None:
    """A status found in the body classifies, but the failure reports the HTTP status."""
    assert classify(200, ErrorInfo(code="402", message="no"), {}, 0.0) == Failure(
        FailureClass.PAYMENT, 200, None, "no"
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a" * 2000, "a" * 1024),
        ("é" * 2000, "é" * 512),
        ("x" + "é" * 2000, "x" + "é" * 511),
        ("\ud800", "?"),
    ],
)
def test_message_is_cut(message: str, expected: str) -> None:
    """A message has at most 1 KiB of UTF-8 and never half a character."""
    assert classify(500, ErrorInfo(message=message), {}, 0.0).message == expected


TEXT = (
    st.none()
    | st.text(max_size=40)
    | st.sampled_from(
        ["402", "429", "insufficient_quota", "rate limit", "API key not valid", "invalid_model"]
    )
)
INFOS = st.builds(ErrorInfo, TEXT, TEXT, TEXT, TEXT | st.text("aé", min_size=1000, max_size=1500))
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "ratelimit-reset"]), st.text())


@RELAXED
@given(st.sampled_from([400, 401, 402, 403, 404, 405, 413, 422]), INFOS, HEADERS)
def test_refusals_are_not_repeated(status: int, info: ErrorInfo, headers: dict[str, str]) -> None:
    """No wording makes a refusal something to ask the same target again; 400 goes elsewhere rarely."""
    found = classify(status, info, headers, 0.0).kind
    assert RULES[found].again is Again.NEVER
    if status in (400, 413, 422):
        elsewhere = {FailureClass.CONTEXT_OVERFLOW, FailureClass.CONTENT_POLICY, FailureClass.UNSUPPORTED}
        if status == 400:  # Some speak of the key, the account or the model so.
            elsewhere |= {FailureClass.AUTH, FailureClass.PAYMENT, FailureClass.NOT_FOUND}
        assert found in elsewhere or RULES[found].other is Other.NONE
