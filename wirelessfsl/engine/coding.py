"""Tensors to payloads and back at the two ends of every link: what codecs remember, and the way back of gradients.

Gradients return the way that their activations came. A codec that dropped positions of an activation lets only the
gradients of the others fly back, and the sender of the activation makes of them the gradient of what it had before it
was coded. The chain of the gradients themselves codes what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.chain import Chain, WayBack
from wirelessfsl.codecs.codec import Memory
from wirelessfsl.codecs.wire import Payload
from wirelessfsl.records import ACTIVATIONS, GRADIENTS_OF
from wirelessfsl.streams import key

if TYPE_CHECKING:
    from torch import Tensor, dtype

ACTIVATIONS_OF = {gradients: activations for activations, gradients in GRADIENTS_OF.items()}


class Sealed(NamedTuple):
    """A payload (or, in a run without values, what stands for it), and what making it costs the sender in FLOPs."""

    payload: Any
    flops: float


class Unsealed(NamedTuple):
    """A payload's tensors, and what reading them costs the receiver in FLOPs."""

    tensors: tuple[Tensor, ...]
    flops: float


class Coding:
    """All links' chains; ``chains`` has one for every kind of message, links have memories of their own."""

    KEPT: ClassVar = ("_memory",)

    def __init__(self, seed: int, chains: Mapping[str, Chain]) -> None:
        self._seed = seed
        self._chains = chains
        self._memory: dict[tuple[str, str, str], Memory] = {}
        self._near: dict[tuple[str, str, str], WayBack] = {}
        self._far: dict[tuple[str, str, str], WayBack] = {}

    def evaluated(self, activations: Tensor, kind: str = ACTIVATIONS) -> Tensor:
        """Activations as the receiver would have them in evaluation: without draws, without memory, at no cost."""
        chain = self._chains[kind].at_test()
        payload, _ = chain.encode((activations,), key(self._seed, "codec", "evaluation"))
        return chain.decode(payload)[0]

    def seal(self, sender: str, receiver: str, kind: str, tensors: tuple[Tensor, ...]) -> Sealed:
        """Encode a message of one kind.

        Raises ValueError for a value that the chain cannot carry, and for gradients that are not of the activations
        that came last.
        """
        chain, flops = self._chains[kind], 0.0
        if way := self._far.pop((receiver, sender, ACTIVATIONS_OF.get(kind, "")), None):
            tensors, flops = way(tensors), way.flops
        if not chain:
            return Sealed(chain.encode(tensors)[0], flops)
        link = sender, receiver, kind
        if link not in self._memory:
            self._memory[link] = key(self._seed, "codec", *link)
        payload, self._memory[link], way = chain.send(tensors, self._memory[link])
        if kind in GRADIENTS_OF:
            self._near[link] = way
        return Sealed(payload, flops + chain.encode_flops(*_described(tensors)))

    def unseal(
        self, sender: str, receiver: str, kind: str, payload: Payload, lost: NDArray[np.bool_] | None = None
    ) -> Unsealed:
        """Decode a message of one kind, of whose bytes some may be lost."""
        chain, flops = self._chains[kind], 0.0
        tensors, way = chain.receive(payload, lost)
        if chain:
            flops = chain.decode_flops(*_described(tensors))
        if kind in GRADIENTS_OF:
            self._far[sender, receiver, kind] = way
        if back := self._near.pop((receiver, sender, ACTIVATIONS_OF.get(kind, "")), None):
            return Unsealed(back(tensors), flops + back.flops)
        return Unsealed(tensors, flops)

    def way_back(self, sender: str, receiver: str) -> tuple[Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]], float]:
        """What the sender of activations makes of a gradient that does not return by :meth:`seal`, and its FLOPs.

        It does both ends' steps: what it gets is the gradient of what the receiver decoded.
        """
        near, far = (way.pop((sender, receiver, ACTIVATIONS), None) for way in (self._near, self._far))
        steps = [way for way in (far, near) if way]
        return lambda tensors: reduce(lambda given, way: way(given), steps, tensors), sum(way.flops for way in steps)


def _described(tensors: tuple[Tensor, ...]) -> tuple[list[tuple[int, ...]], list[dtype]]:
    return [tuple(tensor.shape) for tensor in tensors], [tensor.dtype for tensor in tensors]
