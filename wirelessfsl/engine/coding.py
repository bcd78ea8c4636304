"""Tensors to payloads and back at the two ends of every link: what codecs remember, and the way back of gradients.

Gradients return the way that their activations came. A codec that dropped positions of an activation lets only the
gradients of the others fly back, and the sender of the activation makes of them the gradient of what it had before it
was coded. The chain of the gradients themselves codes what is left.

Coding is a kernel like others, of two halves: codecs compute where the tensors are, frames are made and read in the
host's memory, and between them passes what flies. Where a chain's payloads have one length whatever the values, that
length is known here before the bytes are made, and checked when they are; where they have not, who asks for it waits
for the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from numpy.typing import NDArray

from wirelessfsl.codecs.chain import Chain, WayBack
from wirelessfsl.codecs.codec import Memory
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


class Facts(NamedTuple):
    """What is known of a message when it is coded: bytes of its payload, what of its tensors flew, and the FLOPs of
    what its sender (or, of a message that was read, its receiver) does to gradients that come back, if anything."""

    size_bytes: int
    flown: Spec
    back_flops: float


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


def _draft(_: None, *pieces: tuple[Chain, tuple[Tensor, ...], Memory, WayBack | None, int | None]) -> Any:
    """The half of :func:`_seal` that runs where the tensors are."""
    drafted = []
    for chain, tensors, memory, way, size_bytes in pieces:
        flown = way(tensors) if way else tensors
        draft, *rest = chain.draft(flown, memory)
        drafted.append(_Message(chain, draft, _Aside((*rest, _spec(flown), size_bytes))))
    return drafted


def _finish(drafted: Sequence[_Message]) -> tuple[Any, ...]:
    """The half of :func:`_seal` that runs in the host's memory."""
    sealed = []
    for chain, draft, aside in drafted:
        payload, (memory, back, flown, size_bytes) = chain.seal(draft), aside.what
        if size_bytes not in (None, len(payload)):
            raise AssertionError(f"a payload of {len(payload)} bytes, {size_bytes} by its closed form")
        sealed.append((payload, memory, back, Facts(len(payload), flown, back.flops)))
    return tuple(sealed)


def _seal(*pieces: Any) -> tuple[Any, ...]:
    """Of every kind in a message: payload, memory for the next, what its sender does to gradients, facts.

    pieces: of every kind the chain, tensors and memory, what the sender does to these tensors, being gradients, and the
    bytes that the payload must have.
    """
    return _finish(_draft(None, *pieces))


def _unpack(_: None, *pieces: tuple[Chain, Payload, NDArray[Any] | None, WayBack | None, Spec]) -> Any:
    """The half of :func:`_unseal` that runs in the host's memory."""
    return [
        _Message(chain, chain.unpack(payload, lost), _Aside((len(payload), way)))
        for chain, payload, lost, way, _ in pieces
    ]


def _restore(unpacked: Sequence[_Message]) -> tuple[Any, ...]:
    """The half of :func:`_unseal` that runs where the tensors are wanted."""
    unsealed = []
    for chain, values, aside in unpacked:
        (tensors, back), (size_bytes, way) = chain.restore(values), aside.what
        unsealed.append((way(tensors) if way else tensors, back, Facts(size_bytes, _spec(tensors), back.flops)))
    return tuple(unsealed)


def _unseal(*pieces: Any) -> tuple[Any, ...]:
    """Of every kind in a message: its tensors, what its receiver does to gradients before they go back, and facts.

    pieces: of every kind the chain, the payload, what of it is lost, what the receiver does to these tensors, being
    gradients, and what the sender gave.
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
    """A payload on its way: its bytes, its length if that is known without them, what its tensors are, and facts."""

    payload: Any
    size_bytes: int | None
    given: Spec
    facts: Any
    led: bool

    def __len__(self) -> int:
        return self.facts.read().size_bytes if self.size_bytes is None else self.size_bytes

    @property
    def flown(self) -> Spec:
        """What of the tensors flies: all, unless they are gradients of activations of which some was dropped."""
        return self.facts.read().flown if self.led else self.given


class Coding:
    """All links' chains; ``chains`` has one for every kind of message, links have memories of their own."""

    KEPT: ClassVar = ("_memory",)

    def __init__(self, seed: int, chains: Mapping[str, Chain], executor: Executor) -> None:
        self._seed, self._chains, self._executor = seed, chains, executor
        self._memory: dict[Link, Any] = {}
        self._near: dict[Link, tuple[Any, Any]] = {}
        self._far: dict[Link, tuple[Any, Any]] = {}
        self._costs: dict[tuple[str, Spec], tuple[int | None, float, float]] = {}

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
            size_bytes = self._cost(kind, _spec(tensors))[0] if way is None else None
            pieces.append((chain, tensors, self._memory.get(link), way and way[0], size_bytes))
        letters, flops = {}, 0.0
        work = self._submit(SEAL, pieces, place, f"encoding {', '.join(message)}")
        for (kind, way), piece, made in zip(ways.items(), pieces, work.result(), strict=True):
            (chain, tensors, _, _, size_bytes), (payload, memory, back, facts) = piece, made
            link = sender, receiver, kind
            if chain:
                self._memory[link] = memory
            if kind in GRADIENTS_OF and not chain.straight:
                self._near[link] = back, facts
            letter = Letter(payload, size_bytes, _spec(tensors), facts, way is not None)
            own_flops = self._cost(kind, letter.flown)[1]
            flops += own_flops if way is None else own_flops + way[1].read().back_flops
            letters[kind] = letter
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
        pieces = [
            (self._chains[kind], letter.payload, lost.get(kind), (way := ways[kind]) and way[0], letter.given)
            for kind, letter in message.items()
        ]
        received, flops = {}, 0.0
        work = self._submit(UNSEAL, pieces, place, f"decoding {', '.join(message)}")
        for (kind, letter), (tensors, back, facts) in zip(message.items(), work.result(), strict=True):
            link, way = (sender, receiver, kind), ways[kind]
            self._far.pop(link, None)
            if kind in GRADIENTS_OF and (kind in lost or not self._chains[kind].straight):
                self._far[link] = back, facts
            own_flops = self._cost(kind, letter.flown)[2]
            flops += own_flops if way is None else own_flops + way[1].read().back_flops
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
            work = self._executor.submit(LEAD_BACK, tensors, *(way for way, _ in ways), chain=whose)
            led: tuple[Tensor, ...] = work.result()
            return led

        return back if ways else lambda tensors: tensors, sum(facts.read().back_flops for _, facts in ways)

    def _submit(self, kernel: Kernel, pieces: Sequence[Any], place: Callable[[str], Place] | None, doing: str) -> Work:
        if place is None:
            return self._executor.submit(kernel, *pieces)
        about = place(doing)
        return self._executor.submit(kernel, *pieces, chain=about.client, about=about)

    def _cost(self, kind: str, spec: Spec) -> tuple[int | None, float, float]:
        """Bytes of a message of such tensors (None where they depend on the values), FLOPs to encode and to decode."""
        if (kind, spec) not in self._costs:
            chain = self._chains[kind]
            flops = (chain.encode_flops(*spec), chain.decode_flops(*spec)) if chain else (0.0, 0.0)
            self._costs[kind, spec] = chain.size_bytes(*spec), *flops
        return self._costs[kind, spec]


def _spec(tensors: tuple[Tensor, ...]) -> Spec:
    return tuple(tuple(tensor.shape) for tensor in tensors), tuple(tensor.dtype for tensor in tensors)
