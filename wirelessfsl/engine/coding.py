"""Tensors to payloads and back at the two ends of every link: what codecs remember, and the way back of gradients.

Gradients return the way that their activations came. A codec that dropped positions of an activation lets only the
gradients of the others fly back, and the sender of the activation makes of them the gradient of what it had before it
was coded. The chain of the gradients themselves codes what is left.

Coding is a kernel like others. Where a chain's payloads have one length whatever the values, that length is known here
before the bytes are made, and checked when they are; where they have not, who asks for it waits for the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from numpy.typing import NDArray

from wirelessfsl.codecs.chain import Chain, WayBack
from wirelessfsl.codecs.codec import Memory
from wirelessfsl.codecs.wire import Payload
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.kernels import Hidden, Kernel, blank
from wirelessfsl.records import ACTIVATIONS, GRADIENTS_OF
from wirelessfsl.streams import key

if TYPE_CHECKING:
    from torch import Tensor, dtype

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


def _seal(
    chain: Chain, tensors: tuple[Tensor, ...], memory: Memory, way: WayBack | None, size_bytes: int | None
) -> tuple[Payload, Memory, WayBack, Facts]:
    """A payload, memory for the next, and what its sender does to gradients that come back.

    way: what the sender does to these tensors, being gradients. size_bytes: what the payload must have.
    """
    flown = way(tensors) if way else tensors
    payload, memory, back = chain.send(flown, memory)
    if size_bytes not in (None, len(payload)):
        raise AssertionError(f"a payload of {len(payload)} bytes, {size_bytes} by its closed form")
    return payload, memory, back, Facts(len(payload), _spec(flown), back.flops)


def _unseal(
    chain: Chain, payload: Payload, lost: NDArray[Any] | None, way: WayBack | None, given: Spec
) -> tuple[tuple[Tensor, ...], WayBack, Facts]:
    """A payload's tensors, and what its receiver does to gradients before they go back.

    way: what the receiver does to these tensors, being gradients. given: what the sender gave.
    """
    tensors, back = chain.receive(payload, lost)
    return way(tensors) if way else tensors, back, Facts(len(payload), _spec(tensors), back.flops)


def _lead_back(tensors: tuple[Tensor, ...], *ways: WayBack) -> tuple[Tensor, ...]:
    """Gradients after both ends' steps."""
    for way in ways:
        tensors = way(tensors) if way else tensors
    return tensors


def _free(*_: Any) -> float:
    return 0.0


SEAL = Kernel("encode", "encode", _seal, _free, lambda *_: (Hidden(),) * 4, trains=False)
UNSEAL = Kernel(
    "decode",
    "decode",
    _unseal,
    _free,
    lambda chain, payload, lost, way, given: (tuple(map(blank, *given)), Hidden(), Hidden()),
    trains=False,
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


class Sealed(NamedTuple):
    """A payload (or what stands for it), and what making it costs the sender in FLOPs."""

    payload: Any
    flops: float


class Unsealed(NamedTuple):
    """A payload's tensors, and what reading them costs the receiver in FLOPs."""

    tensors: tuple[Tensor, ...]
    flops: float


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
        payload, _ = chain.encode((activations,), key(self._seed, "codec", "evaluation"))
        return chain.decode(payload)[0]

    def seal(
        self,
        sender: str,
        receiver: str,
        kind: str,
        tensors: tuple[Tensor, ...],
        whose: str = "",
        about: object = None,
    ) -> Sealed:
        """Encode a message of one kind.

        whose: the client whose work it is. about: what is said of it if it fails, for a value that the chain cannot
        carry or gradients that are not of the activations that came last.
        """
        chain, given, link = self._chains[kind], _spec(tensors), (sender, receiver, kind)
        way, facts = self._far.pop((receiver, sender, ACTIVATIONS_OF.get(kind, "")), (None, None))
        size_bytes, flops, _ = self._cost(kind, given)
        if chain and link not in self._memory:
            self._memory[link] = key(self._seed, "codec", *link)
        if way is not None:
            size_bytes, flops = None, facts.read().back_flops
        work = self._executor.submit(
            SEAL, chain, tensors, self._memory.get(link), way, size_bytes, chain=whose, about=about
        )
        payload, memory, back, coded = work.result()
        if chain:
            self._memory[link] = memory
        if kind in GRADIENTS_OF and not chain.straight:
            self._near[link] = back, coded
        letter = Letter(payload, size_bytes, given, coded, way is not None)
        if way is not None and chain:
            flops += chain.encode_flops(*letter.flown)
        return Sealed(letter, flops)

    def unseal(
        self,
        sender: str,
        receiver: str,
        kind: str,
        letter: Letter,
        lost: NDArray[Any] | None = None,
        whose: str = "",
        about: object = None,
    ) -> Unsealed:
        """Decode a message of one kind, of whose bytes some may be lost; the others are as for :meth:`seal`."""
        chain = self._chains[kind]
        way, facts = self._near.pop((receiver, sender, ACTIVATIONS_OF.get(kind, "")), (None, None))
        work = self._executor.submit(UNSEAL, chain, letter.payload, lost, way, letter.given, chain=whose, about=about)
        tensors, back, read = work.result()
        self._far.pop((sender, receiver, kind), None)
        if kind in GRADIENTS_OF and (lost is not None or not chain.straight):
            self._far[sender, receiver, kind] = back, read
        _, _, flops = self._cost(kind, letter.flown)
        return Unsealed(tensors, flops if facts is None else flops + facts.read().back_flops)

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

    def _cost(self, kind: str, spec: Spec) -> tuple[int | None, float, float]:
        """Bytes of a message of such tensors (None where they depend on the values), FLOPs to encode and to decode."""
        if (kind, spec) not in self._costs:
            chain = self._chains[kind]
            flops = (chain.encode_flops(*spec), chain.decode_flops(*spec)) if chain else (0.0, 0.0)
            self._costs[kind, spec] = chain.size_bytes(*spec), *flops
        return self._costs[kind, spec]


def _spec(tensors: tuple[Tensor, ...]) -> Spec:
    return tuple(tuple(tensor.shape) for tensor in tensors), tuple(tensor.dtype for tensor in tensors)
