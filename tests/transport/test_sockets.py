"""Sockets are found by their numbers, cheaply, and no other is touched."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from router.transport import sockets
from router.transport.sockets import Places, next_descriptor, shut_down, shut_down_all, state

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def numbered(*numbers: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """A connection for each number, which its first end carries."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        made = []
        for number in numbers:
            one = stack.enter_context(socket.create_connection(server.getsockname()))
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, sockets.USUAL_MS + number)
            made.append((one, stack.enter_context(server.accept()[0])))
        yield made


@pytest.mark.parametrize("blocking", [False, True])
def test_other_sockets_are_left_alone(blocking: bool) -> None:
    """Neither a socket with another number nor one of another kind is touched; nor is its mode."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one, other = (socket.create_connection(server.getsockname()) for _ in range(2))
        a, b = socket.socketpair()
        with one, other, a, b:
            one.setblocking(False)
            other.setblocking(blocking)
            for number, connected in ((7, one), (8, other)):
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000 + number)
            assert shut_down_all({7, 9}) == {7}
            assert shut_down_all({7, 9}) == set()
            with pytest.raises(BrokenPipeError):
                one.send(b"x")
            assert other.send(b"x") == 1
            assert a.send(b"x") == 1
            assert other.getblocking() is blocking


def test_found_where_it_was_and_elsewhere() -> None:
    """From a guess on, or anywhere; but not what was closed, nor what has its descriptor since."""
    with numbered(70_001, 70_002) as ((one, _), (two, _)):
        places = Places()
        at = one.fileno()
        assert places.find(70_001, at) == places.find(70_001, max(at - 3, 0)) == at
        assert places.find(70_002, 100_000) == two.fileno()
        assert places.find(70_003, 0) is None
        one.close()
        with socket.socket() as other:
            assert other.fileno() == at
            assert places.find(70_001, at) is None
            assert state(at, 70_001) == 0
            assert not shut_down(at, 70_001)


def test_all_are_looked_at_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often one is looked for that is not there, looking everywhere takes a twentieth of the time."""
    now = [100.0]
    spent = [0.0]

    def walk() -> list[tuple[int, int]]:
        now[0] += 0.02
        spent[0] += 0.02
        return []

    monkeypatch.setattr(sockets, "_walk", walk)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    places = Places()
    while now[0] < 110:
        assert places.find(70_001, 100_000) is None
        now[0] += 0.001
    assert 0.4 < spent[0] <= 0.5


def test_one_look_serves_all() -> None:
    """What a look at all has seen is known of the others too, while no further look is allowed."""
    with numbered(70_001, 70_002) as ((one, _), (two, _)):
        places = Places()
        assert places.find(70_001, 100_000) == one.fileno()
        places._not_before = float("inf")
        assert places.find(70_002, 100_000) == two.fileno()
        two.close()
        assert places.find(70_002, 100_000) is None


def test_state() -> None:
    """It tells a connection that stands from one that the other side has closed, and from none."""
    with numbered(70_001) as ((one, other),):
        at = one.fileno()
        assert state(at, 70_001) == sockets.ESTABLISHED
        assert state(at, 70_002) == 0
        other.close()
        assert state(at, 70_001) not in (0, sockets.ESTABLISHED)
        one.close()
        assert state(at, 70_001) == 0
        assert not shut_down(at, 70_001)


def test_what_is_no_socket_is_left_alone() -> None:
    """Neither a pipe nor what is closed is shut down, whatever a lane remembers of it; nothing leaks."""
    before = next_descriptor()
    reading, writing = os.pipe2(os.O_NONBLOCK)
    assert not shut_down(writing, 70_001)
    assert os.write(writing, b"x") == 1
    os.close(reading)
    os.close(writing)
    assert not shut_down(writing, 70_001)
    assert next_descriptor() == before


def test_next_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is opened next has it; where nothing can be opened, any will do."""
    expected = next_descriptor()
    with socket.socket() as opened:
        assert opened.fileno() == expected

    def none_left(_value: int) -> int:
        raise OSError

    monkeypatch.setattr(os, "eventfd", none_left)
    assert next_descriptor() == 0
