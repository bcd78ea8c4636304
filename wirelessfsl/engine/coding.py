"""Tensors to payloads and back at the two ends of every link: what codecs remember, and the way back of gradients.

Gradients return the way that their activations came. A codec that dropped positions of an activation lets only the
gradients of the others fly back, and the sender of the activation makes of them the gradient of what it had before it
was coded. The chain of the gradients themselves codes what is left.

Coding is a kernel like others, of two halves: codecs compute where the tensors are, frames are made and read in the
host's memory, and between them passes what flies. Where a chain's payloads have one length whatever the values, that
length, and what its codecs do to gradients, are known here before the bytes are made, and checked when they are; where
they have not, who asks waits for the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from numpy.typing import NDArray

from wirelessfsl.codecs.chain import Chain, WayBack
from wirelessfsl.codecs.codec import Memory, Shape
from wirelessfsl.codecs.wire import Payload
from wirelessfsl.learning.executors.contract import Executor, Work
from wirelessfsl.learning.kernels import Hidden, Kernel, blank
from wirelessfsl.records import ACTIVATIONS, GRADIENTS_OF
from wirelessfsl.streams import key

if TYPE_CHECKING:
    from torch import Tensor, dtype

    from wirelessfsl.engine.journal import Place

ACTIVATIONS_OF = {gradients: activations for activations, gradients in GRADIENTS_OF.items()}
Spec: TypeAlias = "tuple[tuple[tuple[int, ...], ...], tuple[dtype, ...]]"
"""Shapes and dtypes of a message's tensors."""
Link: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a message when it is coded: bytes of its payload, what of its tensors flew, and the FLOPs of
    what its sender (or, of a message that was read, its receiver) does to gradients that come back, if anything.

    Before it is coded: the same in closed form, None for what depends on the values. Executors take it for one thing.
    """

    size_bytes: int | None = None
    flown: Spec | None = None
    back_flops: float | None = None

    def held_to(self, foretold: Facts) -> Facts:
        for name in () if self == foretold else ("size_bytes", "flown", "back_flops"):
            made, known = getattr(self, name), getattr(foretold, name)
            if known not in (None, made):
                raise AssertionError(f"{name}: {made}, and {known} by the closed form")
        return self


class _Way(NamedTuple):
    """What one end does to gradients of a message: the steps, their FLOPs if they are known without the facts."""

    steps: Any
    flops: float | None
    facts: Any

    @property
    def back_flops(self) -> float:
        return self.facts.read().back_flops if self.flops is None else self.flops


class _Closed(NamedTuple):
    """What a message of such tensors comes to before any value is known.

    sealed, read: facts at its sender and its receiver. returned: shapes of what flies of its gradients, if they are
    known.
    """

    sealed: Facts
    read: Facts
    encode_flops: float
    decode_flops: float
    returned: tuple[Shape, ...] | None


class _Message(NamedTuple):
    """One kind of a message on its way from one half of a kernel to the other.

    moving: what goes from one memory to the other.
    """

    chain: Chain
    moving: Any
    aside: _Aside


@dataclass(frozen=True, slots=True)
class _Aside:
    """What the first half knows and is wanted at the end; nobody looks for tensors in it."""

    what: tuple[Any, ...]


def _draft(_: None, *pieces: tuple[Chain, tuple[Tensor, ...], Memory, WayBack | None, Facts]) -> Any:
    """The half of :func:`_seal` that runs where the tensors are."""
    drafted = []
    for chain, tensors, memory, way, foretold in pieces:
        flown = way(tensors) if way else tensors
        draft, *rest = chain.draft(flown, memory)
        drafted.append(_Message(chain, draft, _Aside((*rest, _spec(flown), foretold))))
    return drafted


def _finish(drafted: Sequence[_Message]) -> tuple[Any, ...]:
    """The half of :func:`_seal` that runs in the host's memory."""
    sealed = []
    for chain, draft, aside in drafted:
        payload, (memory, back, flown, foretold) = chain.seal(draft), aside.what
        sealed.append((payload, memory, back, Facts(len(payload), flown, back.flops).held_to(foretold)))
    return tuple(sealed)


def _seal(*pieces: Any) -> tuple[Any, ...]:
    """Of every kind in a message: payload, memory for the next, what its sender does to gradients, facts.

    pieces: of every kind the chain, tensors and memory, what the sender does to these tensors, being gradients, and the
    facts in closed form.
    """
    return _finish(_draft(None, *pieces))


def _unpack(_: None, *pieces: tuple[Chain, Payload, NDArray[Any] | None, WayBack | None, Facts, Spec]) -> Any:
    """The half of :func:`_unseal` that runs in the host's memory."""
    return [
        _Message(chain, chain.unpack(payload, lost), _Aside((len(payload), way, foretold)))
        for chain, payload, lost, way, foretold, _ in pieces
    ]


def _restore(unpacked: Sequence[_Message]) -> tuple[Any, ...]:
    """The half of :func:`_unseal` that runs where the tensors are wanted."""
    unsealed = []
    for chain, values, aside in unpacked:
        (tensors, back), (size_bytes, way, foretold) = chain.restore(values), aside.what
        facts = Facts(size_bytes, _spec(tensors), back.flops).held_to(foretold)
        unsealed.append((way(tensors) if way else tensors, back, facts))
    return tuple(unsealed)


def _unseal(*pieces: Any) -> tuple[Any, ...]:
    """Of every kind in a message: its tensors, what its receiver does to gradients before they go back, and facts.

    pieces: of every kind the chain, the payload, what of it is lost, what the receiver does to these tensors, being
    gradients, the facts in closed form, and what the sender gave.
    """
    return _restore(_unpack(None, *pieces))


def _lead_back(tensors: tuple[Tensor, ...], *ways: WayBack) -> tuple[Tensor, ...]:
    """Gradients after both ends' steps."""
    for way in ways:
        tensors = way(tensors) if way else tensors
    return tensors


def _free(*_: Any) -> float:
    return 0.0


_DRAFT = Kernel("encode", "encode", _draft, _free, trains=False)
_FINISH = Kernel("encode", "encode", _finish, _free, trains=False, host=True)
_UNPACK = Kernel("decode", "decode", _unpack, _free, trains=False, host=True)
_RESTORE = Kernel("decode", "decode", _restore, _free, trains=False)
SEAL = Kernel(
    "encode",
    "encode",
    _seal,
    _free,
    lambda *pieces: ((Hidden(),) * 4,) * len(pieces),
    trains=False,
    host=True,
    halves=lambda *pieces: [(_DRAFT, pieces), (_FINISH, ())],
)
UNSEAL = Kernel(
    "decode",
    "decode",
    _unseal,
    _free,
    lambda *pieces: tuple((tuple(map(blank, *given)), Hidden(), Hidden()) for *_, given in pieces),
    trains=False,
    host=True,
    halves=lambda *pieces: [(_UNPACK, pieces), (_RESTORE, ())],
)
LEAD_BACK = Kernel("decode", "decode", _lead_back, _free, lambda tensors, *_: tensors, trains=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """A payload on its way: its bytes, what its tensors are, facts in closed form, and all of them."""

    payload: Any
    given: Spec
    foretold: Facts
    facts: Any

    def __len__(self) -> int:
        known = self.foretold.size_bytes
        return self.facts.read().size_bytes if known is None else known

    @property
    def flown(self) -> Spec:
        """What of the tensors flies: all, unless they are gradients of activations of which some was dropped."""
        return self.foretold.flown or self.facts.read().flown


class Coding:
    """All links' chains; ``chains`` has one for every kind of message, links have memories of their own."""

    KEPT: ClassVar = ("_memory",)

    def __init__(self, seed: int, chains: Mapping[str, Chain], executor: Executor) -> None:
        self._seed, self._chains, self._executor = seed, chains, executor
        self._memory: dict[Link, Any] = {}
        self._near: dict[Link, _Way] = {}
        self._far: dict[Link, _Way] = {}
        self._known: dict[tuple[str, Spec], _Closed] = {}

    def evaluated(self, activations: Tensor, kind: str = ACTIVATIONS) -> Tensor:
        """Activations as the receiver would have them in evaluation: without draws, without memory, at no cost."""
        chain = self._chains[kind].at_test()
        return chain.through((activations,), key(self._seed, "codec", "evaluation"))[0]

    def seal(
        self,
        sender: str,
        receiver: str,
        message: Mapping[str, tuple[Tensor, ...]],
        place: Callable[[str], Place] | None = None,
    ) -> tuple[dict[str, Any], float]:
        """Encode the tensors of a message; returns letters by kind, and what making them costs the sender in FLOPs.

        place: says where in the simulation what is done is done, if it fails: for a value that a chain cannot carry or
        gradients that are not of the activations that came last.
        """
        ways = {kind: self._far.pop((receiver, sender, ACTIVATIONS_OF.get(kind, "")), None) for kind in message}
        pieces = []
        for kind, tensors in message.items():
            chain, link, way = self._chains[kind], (sender, receiver, kind), ways[kind]
            if chain and link not in self._memory:
                self._memory[link] = key(self._seed, "codec", *link)
            pieces.append(
                (chain, tensors, self._memory.get(link), way and way.steps, self._foretold(kind, tensors, way))
            )
        letters, flops = {}, 0.0
        work = self._submit(SEAL, pieces, place, f"encoding {', '.join(message)}")
        for (kind, way), piece, made in zip(ways.items(), pieces, work.result(), strict=True):
            (chain, tensors, _, _, foretold), (payload, memory, back, facts) = piece, made
            link = sender, receiver, kind
            if chain:
                self._memory[link] = memory
            if kind in GRADIENTS_OF and not chain.straight:
                self._near[link] = _Way(back, foretold.back_flops, facts)
            letters[kind] = letter = Letter(payload, _spec(tensors), foretold, facts)
            own_flops = self._closed(kind, letter.flown).encode_flops
            flops += own_flops if way is None else own_flops + way.back_flops
        return letters, flops

    def unseal(
        self,
        sender: str,
        receiver: str,
        message: Mapping[str, Letter],
        lost: Mapping[str, NDArray[Any]] = MappingProxyType({}),
        place: Callable[[str], Place] | None = None,
    ) -> tuple[dict[str, tuple[Tensor, ...]], float]:
        """Decode a message, of whose bytes some may be lost; returns tensors by kind, and what that costs in FLOPs.

        The other arguments are as for :meth:`seal`.
        """
        ways = {kind: self._near.pop((receiver, sender, ACTIVATIONS_OF.get(kind, "")), None) for kind in message}
        pieces = []
        for kind, letter in message.items():
            chain, way, flown = self._chains[kind], ways[kind], letter.foretold.flown
            foretold = self._closed(kind, flown).read if flown else Facts()
            pieces.append((chain, letter.payload, lost.get(kind), way and way.steps, foretold, letter.given))
        received, flops = {}, 0.0
        work = self._submit(UNSEAL, pieces, place, f"decoding {', '.join(message)}")
        for (kind, letter), piece, made in zip(message.items(), pieces, work.result(), strict=True):
            (*_, foretold, _), (tensors, back, facts) = piece, made
            link, way = (sender, receiver, kind), ways[kind]
            self._far.pop(link, None)
            if kind in GRADIENTS_OF and (kind in lost or not self._chains[kind].straight):
                self._far[link] = _Way(back, foretold.back_flops, facts)
            own_flops = self._closed(kind, letter.flown).decode_flops
            flops += own_flops if way is None else own_flops + way.back_flops
            received[kind] = tensors
        return received, flops

    def way_back(
        self, sender: str, receiver: str, whose: str
    ) -> tuple[Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]], float]:
        """What the sender of activations makes of a gradient that does not return by :meth:`seal`, and its FLOPs.

        It does both ends' steps: what it gets is the gradient of what the receiver decoded.
        """
        ways = [own for each in (self._far, self._near) if (own := each.pop((sender, receiver, ACTIVATIONS), None))]

        def back(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            work = self._executor.submit(LEAD_BACK, tensors, *(way.steps for way in ways), chain=whose)
            led: tuple[Tensor, ...] = work.result()
            return led

        return back if ways else lambda tensors: tensors, sum(way.back_flops for way in ways)

    def _submit(self, kernel: Kernel, pieces: Sequence[Any], place: Callable[[str], Place] | None, doing: str) -> Work:
        if place is None:
            return self._executor.submit(kernel, *pieces)
        about = place(doing)
        return self._executor.submit(kernel, *pieces, chain=about.client, about=about)

    def _foretold(self, kind: str, tensors: tuple[Tensor, ...], way: _Way | None) -> Facts:
        """What is known of a message before it is coded; ``way`` is what the sender does to the tensors before."""
        shapes, dtypes = _spec(tensors)
        flown = shapes if way is None else self._closed(ACTIVATIONS_OF[kind], (shapes, dtypes)).returned
        return Facts() if flown is None else self._closed(kind, (flown, dtypes)).sealed

    def _closed(self, kind: str, spec: Spec) -> _Closed:
        if (kind, spec) not in self._known:
            chain = self._chains[kind]
            flops = (chain.encode_flops(*spec), chain.decode_flops(*spec)) if chain else (0.0, 0.0)
            size_bytes, answer = chain.size_bytes(*spec), chain.answer(*spec)
            returned, *back = answer or (None, None, None)
            sealed, read = (Facts(size_bytes, spec, back_flops) for back_flops in back)
            self._known[kind, spec] = _Closed(sealed, read, *flops, returned)
        return self._known[kind, spec]


def _spec(tensors: tuple[Tensor, ...]) -> Spec:
    return tuple(tuple(tensor.shape) for tensor in tensors), tuple(tensor.dtype for tensor in tensors)
