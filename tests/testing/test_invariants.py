"""Each invariant: a story that breaks it, one that does not, and when it has nothing to say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from router.core.failure import Failure
from router.testing import (
    Breach,
    FailureClass,
    Health,
    Invariant,
    Reply,
    VirtualClock,
    always_answers_if_any_healthy,
    commits_once,
    failing,
    invariant,
    max_attempts,
    max_seconds,
    never_before,
    no_secret_leaves_its_provider,
    stays_within,
)
from tests.testing.configs import MODELS, PROVIDERS, chat, policy

if TYPE_CHECKING:
    from router.testing import Policy, Told

DOWN = failing(FailureClass.SERVER_ERROR)


def _told(known: Policy, *given: tuple[str, Reply] | Health, model: str = "chat", **request: Any) -> Told:
    """What came of one request, *given* upstreams and health."""
    clock = VirtualClock(known)
    for one in given:
        if isinstance(one, Health):
            clock.set_aside(one)
        else:
            clock.upstream(*one)
    return clock.ask(model, **request)


def _says(invariant: Invariant, told: Told) -> str | None:
    """What is broken, in words; None: nothing."""
    assert invariant.applies(told)
    how = invariant.check(told)
    return how.message if isinstance(how, Breach) else how


_ALL_EU_DOWN = (("eu/small", DOWN), ("eu/large", DOWN))


def test_stays_within() -> None:
    """Each attempt's target has every tag."""
    assert _says(stays_within("eu"), _told(policy(), ("eu/small", DOWN))) is None
    told = _told(chat(retries=1), *_ALL_EU_DOWN)
    assert _says(stays_within("eu"), told) == "attempt 3 went to us/large, which lacks the tag 'eu'"
    how = stays_within(["eu", "moon"]).check(told)
    assert how == Breach("attempt 1 went to eu/small, which lacks the tag 'moon'", 1)
    assert not stays_within("eu").applies(_told(policy(), model="nope"))


def test_max_attempts() -> None:
    """As many are allowed, one more is not; hedges count."""
    told = _told(policy(), ("eu/small", DOWN))
    assert _says(max_attempts(2), told) is None
    assert max_attempts(1).check(told) == Breach("2 attempts were made", 2)
    assert max_attempts(0).check(_told(policy())) == Breach("1 attempt was made", 1)
    hedged = _told(chat(hedge={"after": "1s"}), ("eu/small", Reply(after_s=9.0)))
    assert max_attempts(1).check(hedged) == Breach("2 attempts were made", 2)


def test_max_seconds() -> None:
    """Up to the reply, an error, or a stream's first content; a caller that left waits for nothing."""
    slow = ("eu/small", Reply(after_s=5.0, content_s=2.0))
    assert _says(max_seconds(5), _told(policy(), slow)) is None
    assert _says(max_seconds(4), _told(policy(), slow)) == "it took 5 seconds"
    assert _says(max_seconds(2), _told(policy(), slow, stream=True)) is None
    clock = VirtualClock(policy())
    clock.upstream("eu/small", Reply(after_s=math.inf))
    told = clock.begin(_told(policy(), leaves_s=1.0).request)
    assert _says(max_seconds(4), told) == "it never ended"
    clock.finish()
    assert _says(max_seconds(4), told) is None


@pytest.mark.parametrize("which", [("us/*", "free"), ("us/large", "eu/*")])
def test_never_before(which: tuple[str, str]) -> None:
    """By tag or by name: the paid only once no free one could be asked."""
    invariant, well = never_before(*which), _told(policy(), *_ALL_EU_DOWN)
    assert _says(invariant, well) is None
    turned = policy(
        models={**MODELS, "chat": {"targets": ["us/large", {"model": "eu/small", "tags": ["free"]}]}}
    )
    told = _told(turned)
    assert _says(invariant, told) == "attempt 1 went to us/large while eu/small could be asked"
    for health in (
        Health("eu/small", "cooling"),
        Health("eu/small", "ejected"),
        Health("env:EU_KEY", "refused"),
    ):
        assert _says(invariant, _told(turned, health)) is None
    assert not invariant.applies(_told(policy(), model="spare"))


def test_never_before_says_nothing_after_a_failure_of_the_request_itself() -> None:
    """What the fallbacks of content_policy are for is nobody's fault; nor are further paid attempts."""
    refused = chat(
        fallbacks={"on_content_policy": ["spare"]}, targets=["eu/small", {"model": "eu/x", "tier": 2}]
    )
    told = _told(refused, ("eu/small", failing(FailureClass.CONTENT_POLICY)))
    assert [one.id for one in told.targets] == ["eu/small", "us/large"]
    assert _says(never_before("us/*", "eu/*"), told) is None
    busy = failing(FailureClass.RATE_LIMITED, hint_s=2.0)
    later = _told(chat(retries=0), ("eu/small", DOWN), ("us/large", busy), Health("eu/large", "cooling", 1.0))
    assert [one.id for one in later.targets][1:3] == ["us/large", "us/large"]
    assert _says(never_before("us/*", "eu/*"), later) is None


def test_always_answers_if_any_healthy() -> None:
    """Too few retries keep a healthy target from being asked."""
    told = _told(chat(retries=0, fallbacks=[]), ("eu/small", DOWN))
    said = _says(always_answers_if_any_healthy, told)
    assert said == "it ended in ServerFailed, though eu/large was well all along"
    assert _says(always_answers_if_any_healthy, _told(policy(), *_ALL_EU_DOWN)) is None


@pytest.mark.parametrize(
    "told",
    [
        _told(chat(retries=0, fallbacks=[]), ("eu/small", DOWN), timeout=5.0),
        _told(chat(fallbacks=[]), *_ALL_EU_DOWN),
        _told(policy(), model="nope"),
    ],
    ids=["a timeout of its own", "nobody is well", "refused"],
)
def test_always_answers_has_nothing_to_say(told: Told) -> None:
    """Of these requests nothing is promised."""
    assert not always_answers_if_any_healthy.applies(told)


@pytest.mark.parametrize(
    ("reply", "stream"),
    [
        (failing(FailureClass.BAD_REQUEST), False),
        (Reply(Failure(FailureClass.CONNECTION), 1.0, content_s=0.5), True),
    ],
)
def test_always_answers_asks_nothing_impossible(reply: Reply, stream: bool) -> None:
    """The request's own fault, and a stream that breaks half-way, are no breach."""
    told = _told(policy(), ("eu/small", reply), stream=stream)
    assert told.error is not None
    assert _says(always_answers_if_any_healthy, told) is None


def test_no_secret_leaves_its_provider() -> None:
    """A key that a provider at another address uses too is found out when it is sent there."""
    assert _says(no_secret_leaves_its_provider, _told(policy(), *_ALL_EU_DOWN)) is None
    lent = {**PROVIDERS, "us": {**PROVIDERS["us"], "api_key": "env:EU_KEY"}}
    told = _told(policy(providers=lent), model="spare")
    assert _says(no_secret_leaves_its_provider, told) == (
        "attempt 1 sent env:EU_KEY to us (https://us.example); it belongs to eu (https://eu.example)"
    )
    near = {**lent, "us": {**lent["us"], "base_url": "https://eu.example/v2"}}
    assert _says(no_secret_leaves_its_provider, _told(policy(providers=near), model="spare")) is None


@pytest.mark.parametrize(
    "more", [{"headers": {"x-token": "env:EU_KEY"}}, {"headers": {"x-token": "env:EU_SECRET"}}]
)
def test_secret_headers_are_secrets_too(more: dict[str, Any]) -> None:
    """Whatever is a reference is a secret; what another provider calls its own may go there."""
    eu = {**PROVIDERS["eu"], "headers": {"x-token": "env:EU_SECRET", "x-plain": "blue"}}
    told = _told(policy(providers={"eu": eu, "us": {**PROVIDERS["us"], **more}}), model="spare")
    assert "it belongs to eu" in str(_says(no_secret_leaves_its_provider, told))


def test_bytez_keeps_its_key_though_it_is_not_written() -> None:
    """The built-in key belongs to bytez, and to any provider where bytez is not used."""
    hungry = {
        "my": {"adapter": "openai", "base_url": "https://my.example/v1", "api_key": "env:BYTEZ_API_KEY"}
    }
    alone = policy(providers=hungry, models={"m": "my/x"})
    assert _says(no_secret_leaves_its_provider, _told(alone, model="m")) is None
    beside = policy(providers={"bytez": {}, **hungry}, models={"m": "my/x", "b": "bytez/o/x"})
    told = _told(beside, model="m")
    assert "it belongs to bytez (https://api.bytez.com)" in str(_says(no_secret_leaves_its_provider, told))


def test_commits_once() -> None:
    """Only a policy that lets another attempt go on breaks it."""
    broken = ("eu/small", Reply(Failure(FailureClass.CONNECTION), 1.0, content_s=0.5, resumable=True))
    told = _told(policy(), broken, stream=True)
    assert _says(commits_once, told) is None
    goes_on = [{"model": name, "supports": {"prefill": True}} for name in ("eu/small", "eu/large")]
    told = _told(chat(targets=goes_on, stream={"on_break": "continue"}), broken, stream=True)
    assert commits_once.check(told) == Breach(
        "attempt 2 began after content of another had been delivered", 2
    )
    assert not commits_once.applies(_told(policy()))


# --- of one's own


def test_an_invariant_for_some_requests_alone() -> None:
    """By group, under whatever name it is asked, and by anything else."""
    aliased = chat(aliases=["talk"])
    one = stays_within("eu").on("chat")
    assert one.name == "stays_within('eu').on('chat')"
    assert one.applies(_told(aliased, model="talk"))
    assert not one.applies(_told(aliased, model="spare"))
    assert not one.applies(_told(aliased, model="nope"))
    streams = one.when(lambda told: told.request.stream)
    assert [streams.applies(_told(aliased, stream=stream)) for stream in (True, False)] == [True, False]


def test_a_function_is_an_invariant() -> None:
    """It goes by its name, and applies to every request."""

    def nothing_at_all(told: Told) -> str | None:
        return f"{told.answered} answered"

    one = invariant(nothing_at_all)
    assert (one.name, _says(one, _told(policy()))) == ("nothing_at_all", "eu/small answered")
    assert invariant(one) is one
