from __future__ import annotations

import inspect
import pickle

import pytest

import router
from router import errors
from router.errors import upstream_error
from router.telemetry.events import AttemptRecord
from router.types import FailureClass

ATTEMPTS = (
    AttemptRecord(1, "g", "p/a", "rate_limited", 429, 0.0, 0.1),
    AttemptRecord(2, "g", "p/b", "connection", None, 0.1, 0.1),
)


def test_tree() -> None:
    """Every error is exported, has a code of its own and the gateway's status."""
    classes = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, Exception)]
    assert {item.__name__ for item in classes} == set(errors.__all__) - {"upstream_error"}
    tree = [item for item in classes if issubclass(item, errors.RouterError)]
    statuses = {item.__name__: item.status_hint for item in tree}
    assert statuses == {
        "RouterError": 500,
        "ConfigError": 500,
        "RequestError": 400,
        "UnknownModel": 404,
        "InvalidRequest": 400,
        "RequestTooLong": 400,
        "UpstreamError": 502,
        "BadRequest": 400,
        "ContextOverflow": 400,
        "ContentRefused": 400,
        "RateLimited": 429,
        "Overloaded": 503,
        "Timeout": 504,
        "AuthenticationFailed": 502,
        "NotFound": 502,
        "ConnectionFailed": 502,
        "ServerFailed": 502,
        "ProtocolViolation": 502,
        "AllAttemptsFailed": 502,
        "StreamInterrupted": 502,
    }
    # InvalidRequest has RequestError's, RequestTooLong has ContextOverflow's: the same to a client.
    codes = [item.code for item in tree if item not in (errors.InvalidRequest, errors.RequestTooLong)]
    assert len(set(codes)) == len(codes)
    assert issubclass(errors.RouterClosed, RuntimeError)
    assert not issubclass(errors.RouterClosed, errors.RouterError)


def test_upstream_error_tells_of_the_last_attempt() -> None:
    """status and target are the last attempt's; all attempts are there."""
    error = errors.AllAttemptsFailed("m", attempts=ATTEMPTS, provider_message="w", retry_after=2.0)
    assert (error.status, error.target, error.attempts) == (None, "p/b", ATTEMPTS)
    assert (str(error), error.provider_message, error.retry_after) == ("m", "w", 2.0)
    empty = errors.Timeout("m")
    assert (empty.status, empty.target, empty.attempts, empty.retry_after) == (None, None, (), None)


@pytest.mark.parametrize(
    "error",
    [
        errors.AllAttemptsFailed("m", attempts=ATTEMPTS, provider_message="w", retry_after=2.0),
        errors.UnknownModel("m", param="model"),
        errors.ConfigError(["one", "two"]),
        errors.RouterClosed(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_processes(error: Exception) -> None:
    """An error survives pickling, as process pools do it, with all that it says."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_config_error_shows_every_finding() -> None:
    """Its text is one line a finding."""
    assert str(errors.ConfigError(["one", "two"])) == "one\ntwo"


KINDS = [kind for kind in FailureClass if kind is not FailureClass.CANCELLED]


@pytest.mark.parametrize("kind", KINDS)
def test_one_class_for_all(kind: FailureClass) -> None:
    """Attempts that failed alike raise one class, however many there were."""
    assert upstream_error([kind]) is upstream_error([kind, kind])
    assert upstream_error([kind]) is not errors.AllAttemptsFailed


def test_mixed_classes() -> None:
    """Different failures raise AllAttemptsFailed, unless the last was for the request's own sake."""
    assert upstream_error([FailureClass.TIMEOUT, FailureClass.CONNECTION]) is errors.AllAttemptsFailed
    assert upstream_error([FailureClass.AUTH, FailureClass.PAYMENT]) is errors.AuthenticationFailed
    assert upstream_error([FailureClass.TIMEOUT, FailureClass.BAD_REQUEST]) is errors.BadRequest
    assert upstream_error([FailureClass.BAD_REQUEST, FailureClass.TIMEOUT]) is errors.AllAttemptsFailed
    assert upstream_error([FailureClass.UNSUPPORTED]) is errors.BadRequest
    assert upstream_error([]) is errors.Timeout


def test_public_names() -> None:
    """Every public name loads from the package; another is an AttributeError."""
    for name in router.__all__:
        assert getattr(router, name) is not None
    with pytest.raises(AttributeError, match="nope"):
        _ = router.nope
