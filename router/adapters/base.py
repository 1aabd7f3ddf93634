"""The seam between the engine and a wire: bytes out, bytes in, no I/O.

An adapter is built once for each provider when a Router opens, with its base URL and credentials
resolved. Its wires prepare requests, read whole replies and decode streams; they never raise for what
an upstream sends, they return a Failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from router.core.failure import Failure

if TYPE_CHECKING:
    from router.types import Secret


Headers = Mapping[str, str]
"""Response headers, names lower-cased; of a repeated name the last value."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What an adapter must know of its provider, resolved.

    Attributes:
        provider: the provider's name in the config, for messages.
        base_url: without a trailing slash.
        credential: the API key; None sends none.
        provider_key: Bytez's ``provider-key``, for closed models; None sends none.
        headers: extra request headers from the config; values that are secrets stay Secret.
        auto_scale: Bytez's ``autoScale``.
        passthrough: None lets any unknown param go up; else the names that may, beyond the known.
        protocol: which of Bytez's wires are used: ``auto``, ``native`` or ``openai``.
    """

    provider: str
    base_url: str
    credential: Secret | None = None
    provider_key: Secret | None = None
    headers: tuple[tuple[str, str | Secret], ...] = ()
    auto_scale: bool = False
    passthrough: frozenset[str] | None = None
    protocol: str = "auto"


# The calls, requests, answers and chunks that follow are made for each request or chunk: frozen, they
# would take four times as long to make. Nobody changes them.


@dataclass(slots=True)
class ChatCall:
    """One chat request for one target, params merged.

    Attributes:
        model: the upstream's model id, such as ``google/gemma-3-4b-it``.
        messages: OpenAI's messages, as the caller gave them. Not to be changed.
        params: effective params under their canonical names (``adapters.params``).
        stream: whether the reply is wanted piece by piece.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    params: Mapping[str, Any]
    stream: bool


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """One embedding request for one target, params merged.

    Attributes:
        model: the upstream's model id.
        input: as the caller gave it: a text, a list of texts, a list of token ids, or a list of such
            lists. Not to be changed.
        params: effective params under their canonical names.
        vectors: what the wire has got so far for the first inputs, in the form that is wanted.
        costs: US dollars as the upstream stated them, one for each of *vectors*; None: it did not.
    """

    model: str
    input: str | Sequence[Any]
    params: Mapping[str, Any]
    vectors: tuple[Any, ...] = field(default=(), repr=False)
    costs: tuple[float | None, ...] = ()


@dataclass(slots=True)
class UpstreamRequest:
    """One HTTP request, complete. Secrets stay wrapped until the transport writes them."""

    method: str
    url: str
    headers: tuple[tuple[str, str | Secret], ...]
    body: bytes = field(repr=False)


@dataclass(slots=True)
class Completion:
    """A whole answer.

    Attributes:
        data: OpenAI's ``chat.completion`` object, decoded, where ``usage`` is absent when unknown; for
            embeddings its ``list`` object, where it is then None.
        raw: the upstream's own bytes when *data* is exactly what they hold, so that they can be
            passed on untouched; None when the adapter had to build or change anything.
        cost: US dollars as the upstream stated them; None when it did not.
        assumed_finish: True when the upstream gave no finish reason and "stop" was put in for a
            reply known to be complete.
        suspect: True when the end of the text looks like an upstream's error message.
    """

    data: dict[str, Any]
    raw: bytes | None = field(default=None, repr=False)
    cost: float | None = None
    assumed_finish: bool = False
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class Further:
    """A part of the answer has come; the same attempt sends *call* for the rest."""

    call: EmbeddingCall


@dataclass(slots=True)
class Chunk:
    """One piece of a streamed answer.

    Attributes:
        data: OpenAI's ``chat.completion.chunk`` object, decoded.
        raw: the upstream's bytes of this object when unchanged, else None.
        commits: True when it carries content: non-empty content, reasoning, refusal, audio or a
            tool-call delta. A role-only chunk does not.
    """

    data: dict[str, Any]
    raw: bytes | None = field(default=None, repr=False)
    commits: bool = False


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """A stream that ended as its wire declares a good end.

    Attributes: as in Completion. ``skipped`` counts malformed events between good ones.
    """

    cost: float | None = None
    assumed_finish: bool = False
    suspect: bool = False
    skipped: int = 0


StreamItem = Chunk | StreamEnd | Failure
"""What a decoder gives: any number of chunks, then exactly one StreamEnd or Failure."""


class Decoder(Protocol):
    """Decodes one streamed reply. After a StreamEnd or Failure it is never called again.

    Splitting the bytes differently never changes the chunks' concatenated content.
    """

    def feed(self, data: bytes) -> list[StreamItem]:
        """Items complete after *data*."""
        ...

    def pass_on(self, data: bytes) -> list[StreamItem | bytes]:
        """As ``feed``, but chunks that only carry the text on may come as bytes: their events, whole.

        They are what the chunks would be sent on as. None of them states a finish reason or usage.
        """
        ...

    def finish(self) -> list[StreamItem]:
        """The remaining items, after a complete HTTP message: the last is StreamEnd or Failure."""
        ...


Call_contra = TypeVar("Call_contra", contravariant=True)


class Wire(Protocol[Call_contra]):
    """One wire, for one provider and one kind of call."""

    def carries(self, param: str, value: object) -> bool:
        """Whether this wire can carry the canonical *param* with this *value*."""
        ...

    def sends(self, param: str, value: object) -> str | None:
        """The name under which a carried *param* goes up; None when it asks for nothing and is not sent."""
        ...

    def refuses(self, call: Call_contra) -> str | None:
        """Why this wire cannot carry *call*'s messages or input, as ``field: reason``; None when it can.

        Params are judged by ``carries``, except where they matter in combination.
        """
        ...

    def prepare(self, call: Call_contra) -> UpstreamRequest:
        """The HTTP request for *call*.

        Raises:
            Uncarried: a message holds a part that this wire cannot carry.
        """
        ...

    def parse(
        self, call: Call_contra, status: int, headers: Headers, body: bytes
    ) -> Completion | Further | Failure:
        """Read a whole reply."""
        ...


class ChatWire(Wire[ChatCall], Protocol):
    """A wire for chat, which can be streamed.

    Attributes:
        streams_tell: whether a stream of this wire can say that its answer failed half-way.
    """

    streams_tell: bool

    def decoder(self, call: ChatCall, status: int, headers: Headers) -> Decoder:
        """A decoder for a streamed reply with a 2xx status."""
        ...


class Adapter(Protocol):
    """All wires of one provider.

    Attributes:
        streams_tell: whether the streams of all its wires for chat do, see ChatWire.
    """

    streams_tell: bool

    def wires(self, model: str) -> tuple[ChatWire, ...]:
        """The wires over which *model* can chat, at least one, the preferred first.

        A request takes the one that carries most of its caller's params, and the first of equals. The
        same wires, in the same order, for as long as the adapter lives.
        """
        ...

    def embedders(self, model: str) -> tuple[Wire[EmbeddingCall], ...]:
        """As ``wires``, for embeddings."""
        ...


class Uncarried(Exception):
    """A message part that the wire cannot carry: the target is not eligible for the request.

    The message names the place (``messages[0].content[1]``) and what to write instead; it never
    holds the content.
    """
