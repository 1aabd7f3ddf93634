"""Several credentials of one provider: turns, refusals, cooling, trials and panic."""

from __future__ import annotations

import pytest

from router.core.events import Finish, GiveUp, Send, SetTimer
from router.core.failure import Failure, FailureClass
from router.core.health import Ejection, Health, Status
from router.core.keys import alone, least_bad, unused
from router.core.limits import Limits, Scope
from router.core.rooms import Want, room_at
from router.core.table import Retries
from tests.core.crowd import NEVER, Caller, Crowd
from tests.core.world import Reply, World, group, target

KEYS = {"a": "env:K1 env:K2 env:K3"}


def crowd_of(*targets: str, retries: Retries | None = None, keys: str = KEYS["a"]) -> Crowd:
    """One group; provider ``a`` has *keys*, others one of their own."""
    return Crowd([group(*targets, retries=retries or Retries(max=4))], credentials={"a": keys})


def used(one: World) -> list[str]:
    """The target and the credential of each attempt."""
    asked = [(one.chain.target_of(attempt), attempt.credential) for attempt in one.chain.attempts]
    return [f"{item.id} {one.plan.credential(item, key)}" for item, key in asked]


def ask(crowd: Crowd, **bad: FailureClass) -> World:
    """One request to its end; attempts with the keys in *bad* fail so after a tenth of a second."""
    one = crowd.arrive()

    def script(send: Send) -> Reply:
        asked = crowd.groups[send.group].targets[send.target]
        kind = bad.get(crowd.plan.credential(asked, send.credential).removeprefix("env:"))
        return Reply(Failure(kind, hint_s=20.0) if kind else None, after_s=0.1)

    one.run(script)
    crowd.now = one.now
    return one


def test_credentials_take_turns_over_all_targets_of_their_provider() -> None:
    """One after the other, whatever target is asked; a lone one is always the first."""
    crowd = crowd_of("a/x", "b/y", "a/z")
    taken = [used(ask(crowd))[0] for _ in range(6)]
    assert [entry for entry in taken if entry[0] == "a"] == [
        "a/x env:K1",
        "a/z env:K2",
        "a/x env:K3",
        "a/z env:K1",
    ]
    assert {entry for entry in taken if entry[0] == "b"} == {"b/y env:b"}


@pytest.mark.parametrize("keys", ["env:K1 env:K2", KEYS["a"]])
@pytest.mark.parametrize("kind", [FailureClass.AUTH, FailureClass.PAYMENT, FailureClass.RATE_LIMITED])
def test_another_credential_asks_the_same_target_at_once(kind: FailureClass, keys: str) -> None:
    """Without a pause: what was said was said to the one credential."""
    one = ask(crowd_of("a/x", keys=keys), K1=kind)
    assert used(one) == ["a/x env:K1", "a/x env:K2"]
    assert isinstance(one.actions[-1][1], Finish)
    assert one.chain.attempts[1].wait_s == 0
    assert one.of(SetTimer) == []


def test_untried_targets_come_before_another_credential() -> None:
    """No target twice while another is untried, by whichever key."""
    one = ask(crowd_of("a/x", "b/y"), K1=FailureClass.AUTH, b=FailureClass.AUTH)
    assert used(one) == ["a/x env:K1", "b/y env:b", "a/x env:K2"]


def test_no_refused_credential_is_used_again() -> None:
    """Each once; then the provider is out, and the chain ends with what they said."""
    one = ask(crowd_of("a/x"), K1=FailureClass.AUTH, K2=FailureClass.PAYMENT, K3=FailureClass.AUTH)
    assert used(one) == ["a/x env:K1", "a/x env:K2", "a/x env:K3"]
    assert one.chain.refused == {"env:K1", "env:K2", "env:K3"}
    assert (one.chain.barred, one.chain.spent) == ({"a"}, {"a/x"})
    assert one.actions[-1][1] == GiveUp()


def test_a_refusal_takes_a_second_try_like_any_other() -> None:
    """Another credential on a tried target takes a token, and counts among the retries."""
    crowd = crowd_of("a/x", retries=NEVER)
    assert used(ask(crowd, K1=FailureClass.AUTH)) == ["a/x env:K1"]
    crowd = crowd_of("a/x")
    while crowd.shared.budget(crowd.groups[0]).left(0.0) >= 1:
        crowd.shared.budget(crowd.groups[0]).take(0.0)
    assert used(ask(crowd, K1=FailureClass.AUTH)) == ["a/x env:K1"]


def test_a_refused_credential_is_left_out_by_later_requests() -> None:
    """Until its time is served; then one request tries it out."""
    crowd = crowd_of("a/x")
    ask(crowd, K1=FailureClass.AUTH)
    assert [used(ask(crowd))[0] for _ in range(4)] == [f"a/x env:K{n}" for n in (3, 2, 3, 2)]
    crowd.now += 10.0
    crowd.run([Caller()] * 4, {"a/x": [Reply()]})
    late = [used(one)[0] for one in crowd.worlds[-4:]]
    assert late == [f"a/x env:K{n}" for n in (3, 2, 3, 2)]


def test_a_credential_is_tried_out_when_no_other_is_ready() -> None:
    """A trial stands behind those in health, and before none at all."""
    crowd = crowd_of("a/x", keys="env:K1 env:K2", retries=NEVER)
    crowd.shared.credential("env:K1").eject(Ejection(), 0.0, 0.5)
    crowd.shared.credential("env:K2").eject(Ejection(base_s=50.0), 0.0, 0.5)
    crowd.now = 6.0
    one = ask(crowd)
    assert used(one) == ["a/x env:K1"]
    assert one.chain.attempts[0].key_trial
    assert crowd.shared.credential("env:K1").status(crowd.now) is Status.READY


def test_a_rate_limit_cools_one_credential_on_one_target() -> None:
    """The others go on with it, and it goes on with other targets; after the hint all is as before."""
    crowd = crowd_of("a/x", "a/z")
    ask(crowd, K1=FailureClass.RATE_LIMITED)
    taken = {used(ask(crowd))[0] for _ in range(12)}
    assert taken == {"a/x env:K2", "a/x env:K3", *(f"a/z env:K{number}" for number in (1, 2, 3))}
    crowd.now += 20.0
    taken = {used(ask(crowd))[0] for _ in range(12)}
    assert taken == {f"a/{name} env:K{number}" for name in "xz" for number in (1, 2, 3)}
    assert crowd.shared.health["a/x"].keys[0].cooled == 0


def test_an_overload_is_the_targets_own() -> None:
    """A 503 cools the target for every credential."""
    crowd = crowd_of("a/x", retries=NEVER)
    ask(crowd, K1=FailureClass.OVERLOADED)
    assert crowd.status("a/x") == "COOLING"
    assert crowd.shared.health["a/x"].keys == {}


def test_when_all_cool_the_first_that_is_ready_is_waited_for() -> None:
    """And without time for that the caller learns when it is."""
    crowd = crowd_of("a/x", keys="env:K1 env:K2", retries=Retries(max_wait_s=5.0))
    health = crowd.shared.health_of(crowd.groups[0], crowd.groups[0].targets[0])
    ask(crowd)
    ask(crowd, K2=FailureClass.RATE_LIMITED)
    health.keys[0] = type(health)(cooling_until=crowd.now + 3.0)
    one = ask(crowd)
    assert used(one) == ["a/x env:K1"]
    assert one.chain.attempts[0].wait_s == pytest.approx(3.0)
    health.keys[0].cool(crowd.now + 50.0)
    health.keys[1].cool(crowd.now + 30.0)
    last = ask(crowd).actions[-1][1]
    assert isinstance(last, GiveUp)
    assert last.retry_after_s == pytest.approx(30.0)


@pytest.mark.parametrize("keys", ["env:K1", "env:K1 env:K2"])
def test_a_cooling_key_is_waited_for_beyond_the_targets_ejection(keys: str) -> None:
    """However many keys there are: the ejection is over before they have cooled, and then it may be asked."""
    asked = group("a/x", ejection=Ejection(consecutive=2, base_s=1.0), retries=Retries(max=0, max_wait_s=5.0))
    crowd = Crowd([asked], credentials={"a": keys})
    replies = [
        *[Reply(Failure(FailureClass.SERVER_ERROR), after_s=0.9)] * 2,
        *[Reply(Failure(FailureClass.RATE_LIMITED, hint_s=3.0), after_s=1.0)] * 2,
        Reply(after_s=0.1),
    ]
    crowd.run([*[Caller()] * 4, Caller(gap_s=1.1)], {"a/x": replies})
    waited, sent, ended = [action for _, action in crowd.worlds[-1].actions]
    assert isinstance(waited, SetTimer)
    assert waited.at == pytest.approx(4.0)
    assert isinstance(sent, Send)
    assert isinstance(ended, Finish)


def test_panic_takes_the_least_bad_credential_that_does_not_cool() -> None:
    """Refused ones may be tried once when nothing is ready, one that said "later" may not."""
    crowd = crowd_of("a/x", retries=Retries(max_wait_s=1.0))
    health = crowd.shared.health_of(crowd.groups[0], crowd.groups[0].targets[0])
    crowd.shared.credential("env:K1").eject(Ejection(base_s=60.0), 0.0, 0.5)
    crowd.shared.credential("env:K3").eject(Ejection(base_s=50.0), 0.0, 0.5)
    health.keys[1] = type(health)(cooling_until=40.0)
    assert used(ask(crowd)) == ["a/x env:K3"]


def test_one_credential_of_two_providers_is_refused_for_both() -> None:
    """A label says which key it is; a provider is out when all of its own are refused."""
    crowd = Crowd(
        [group("a/x", "twin/y", "a/z", retries=Retries(max=5))],
        credentials={"a": "env:K1 env:K2", "twin": "env:K1"},
    )
    one = ask(crowd, K1=FailureClass.AUTH)
    assert used(one) == ["a/x env:K1", "a/z env:K2"]
    assert one.chain.barred == {"twin"}


def test_each_credential_has_the_providers_limits_for_itself() -> None:
    """Two at once with two keys and concurrency 1; the third waits for the first that is free."""
    crowd = Crowd(
        [group(target("a/x"))], credentials={"a": "env:K1 env:K2"}, limits={"a": Limits(concurrency=1)}
    )
    crowd.run([Caller(), Caller(0.2), Caller(0.2)], {"a/x": [Reply(after_s=1.0)]})
    assert [used(one) for one in crowd.worlds] == [["a/x env:K1"], ["a/x env:K2"], ["a/x env:K1"]]
    assert [one.of(Send)[0][0] for one in crowd.worlds] == [0.0, 0.2, 1.0]


@pytest.mark.parametrize("stream", [False, True])
def test_an_attempt_is_sent_with_the_credential_whose_turn_it_is(*, stream: bool) -> None:
    """A stream as a plain request: what the driver is told is what the attempt goes by."""
    crowd = crowd_of("a/x", keys="env:K1 env:K2")
    crowd.ask()  # The first has had its turn.
    one = crowd.arrive(stream=stream)
    assert one.start().credential == one.chain.attempts[0].credential == 1


def test_a_lone_credential_cools_for_what_it_was_told_when_there_were_several() -> None:
    """What is known of it with one target does not depend on how many there are now."""
    crowd = crowd_of("a/x", keys="env:K1")
    item = crowd.groups[0].targets[0]
    health = crowd.shared.health_of(crowd.groups[0], item)
    health.keys[0] = Health(cooling_until=30.0)
    assert [alone(crowd.shared, item, ("env:K1",), now) for now in (29.0, 30.0)] == [
        Status.COOLING,
        Status.READY,
    ]


def test_a_credential_that_was_used_is_no_other_one() -> None:
    """The first served a broken target, the second was told "later": the first is paused for."""
    one = crowd_of("a/x", keys="env:K1 env:K2").arrive()
    one.start()
    pause = one.fail(FailureClass.SERVER_ERROR)
    assert isinstance(pause, SetTimer)
    one.fire(pause)
    assert used(one) == ["a/x env:K1", "a/x env:K2"]
    assert isinstance(one.fail(FailureClass.RATE_LIMITED, hint=3.0), SetTimer)


def test_what_is_in_flight_asks_for_no_other_credential() -> None:
    """Nothing was said to it yet."""
    crowd = crowd_of("a/x")
    one = crowd.arrive()
    one.start()
    assert not unused(crowd.plan, crowd.shared, one.chain, one.chain.attempts[0], one.now)


def test_a_refused_credential_is_not_the_least_bad() -> None:
    """However soon it may be tried out."""
    crowd = crowd_of("a/x", keys="env:K1 env:K2")
    item = crowd.groups[0].targets[0]
    crowd.shared.credential("env:K1").eject(Ejection(base_s=50.0), 0.0, 0.5)
    crowd.shared.credential("env:K2").eject(Ejection(base_s=60.0), 0.0, 0.5)
    found = [least_bad(crowd.plan, crowd.shared, item, refused, 1.0) for refused in ((), {"env:K1"})]
    assert found == [0, 1]


def test_panic_within_limits_takes_the_least_bad_credential() -> None:
    """Each credential is looked at with its own room."""
    crowd = Crowd([group("a/x")], credentials={"a": "env:K1 env:K2"}, limits={"a": Limits(rpm=9)})
    crowd.shared.credential("env:K1").eject(Ejection(base_s=60.0), 0.0, 0.5)
    crowd.shared.credential("env:K2").eject(Ejection(base_s=50.0), 0.0, 0.5)
    assert used(ask(crowd)) == ["a/x env:K2"]


def test_of_several_credentials_the_first_with_room_is_waited_for() -> None:
    """Whichever stands first in the config."""
    crowd = Crowd([group("a/x")], credentials={"a": "env:K1 env:K2"}, limits={"a": Limits(rpm=1)})
    for label, at in (("env:K1", 20.0), ("env:K2", 10.0)):
        crowd.shared.rooms.usage(Scope("provider", "a", label)).begin(0, at)
    want = Want(crowd.groups[0], crowd.groups[0].targets[0], 0, ())
    assert room_at(crowd.plan, crowd.shared, want, 30.0) == (70.0, 1)
