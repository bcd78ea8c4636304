"""What coding comes to where there are no values: how long payloads are, and what making and reading them costs.

Where a chain's layout is fixed, lengths are exact. Where they depend on the values or on draws (thresholds, clusters,
dropout, entropy coding) they are those of one draw: standard normal numbers, or whole numbers from 0 to 9, of the
message's shapes, of which every message of its kind and shapes has the length. What error feedback adds to a message is
left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from wirelessfsl.codecs.chain import Chain, WayBack
from wirelessfsl.lazy import torch
from wirelessfsl.streams import key, stream

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

Spec: TypeAlias = "tuple[tuple[tuple[int, ...], torch.dtype], ...]"
"""Shape and dtype of every tensor of a message."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """What coding messages of one kind and shape comes to.

    spec: of their tensors. answered: the activations whose gradients they are, if these come back through codecs.
    """

    chain: Chain
    kind: str
    seed: int
    spec: Spec
    answered: Estimate | None = None

    @cached_property
    def size_bytes(self) -> int:
        closed = self.chain.size_bytes(*self._coded)
        return len(self._sent[0]) if closed is None else closed

    @cached_property
    def encode_flops(self) -> float:
        return (self.answered.far.flops if self.answered else 0.0) + self.chain.encode_flops(*self._coded)

    @cached_property
    def decode_flops(self) -> float:
        return self.chain.decode_flops(*self._coded)

    @property
    def near(self) -> WayBack:
        """What the sender of activations does to their gradients."""
        return self._sent[1]

    @property
    def far(self) -> WayBack:
        """What the receiver of activations does to their gradients."""
        return self._sent[2]

    @cached_property
    def _coded(self) -> tuple[list[tuple[int, ...]], list[torch.dtype]]:
        """Shapes and dtypes that the chain gets: of gradients of activations what is left for them to fly."""
        if self.answered and self.answered.far:
            given = self.answered.far(self._drawn)
            return [tuple(tensor.shape) for tensor in given], [tensor.dtype for tensor in given]
        return [shape for shape, _ in self.spec], [dtype for _, dtype in self.spec]

    @cached_property
    def _sent(self) -> tuple[bytes, WayBack, WayBack]:
        tensors = self.answered.far(self._drawn) if self.answered else self._drawn
        payload, _, near = self.chain.send(tensors, key(self.seed, "codec", "estimate", self.kind))
        return payload, near, self.chain.receive(payload).way_back

    @property
    def _drawn(self) -> tuple[Tensor, ...]:
        rng = stream(self.seed, "estimate", self.kind)
        return tuple(_drawn(rng, shape, dtype) for shape, dtype in self.spec)


def _drawn(rng: Generator, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    numbers = rng.standard_normal(shape) if dtype.is_floating_point else rng.integers(10, size=shape)
    return torch.as_tensor(numbers).to(dtype)


@dataclass(eq=False, slots=True)
class Envelope:
    """Stands for a payload: its length is that of the estimate, and the tensors are what will be decoded from it."""

    estimate: Estimate
    tensors: tuple[Tensor, ...]

    def __len__(self) -> int:
        return self.estimate.size_bytes
