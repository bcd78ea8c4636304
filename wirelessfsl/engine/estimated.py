"""Coding without values, for runs that are about time alone: as :mod:`wirelessfsl.engine.coding`, by estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.estimate import Envelope, Estimate, Spec
from wirelessfsl.engine.coding import ACTIVATIONS_OF
from wirelessfsl.records import ACTIVATIONS, GRADIENTS_OF

if TYPE_CHECKING:
    from torch import Tensor


class EstimatedCoding:
    """As :class:`wirelessfsl.engine.coding.Coding`, of tensors without values."""

    KEPT: ClassVar[tuple[str, ...]] = ()

    def __init__(self, seed: int, chains: Mapping[str, Chain]) -> None:
        self._seed, self._chains = seed, chains
        self._estimates: dict[tuple[str, Spec, Estimate | None], Estimate] = {}
        self._near: dict[tuple[str, str, str], Estimate] = {}
        self._far: dict[tuple[str, str, str], Estimate] = {}

    def evaluated(self, activations: Tensor, kind: str = ACTIVATIONS) -> Tensor:
        """Nothing is evaluated where there are no values."""
        raise NotImplementedError

    def seal(
        self, sender: str, receiver: str, message: Mapping[str, tuple[Tensor, ...]], place: object = None
    ) -> tuple[dict[str, Any], float]:
        letters, flops = {}, 0.0
        for kind, tensors in message.items():
            answered = self._far.pop((receiver, sender, ACTIVATIONS_OF[kind]), None) if kind in ACTIVATIONS_OF else None
            spec = tuple([(tensor.shape, tensor.dtype) for tensor in tensors])
            made = self._estimates.get((kind, spec, answered))
            if made is None:
                made = Estimate(self._chains[kind], kind, self._seed, spec, answered)
                self._estimates[kind, spec, answered] = made
            if made.chain and kind in GRADIENTS_OF:
                self._near[sender, receiver, kind] = made
            letters[kind] = Envelope(made, tensors)
            flops += made.encode_flops
        return letters, flops

    def unseal(
        self, sender: str, receiver: str, message: Mapping[str, Envelope], lost: object = None, place: object = None
    ) -> tuple[dict[str, tuple[Tensor, ...]], float]:
        received, flops = {}, 0.0
        for kind, envelope in message.items():
            made = envelope.estimate
            own_flops = made.decode_flops
            if made.chain and kind in GRADIENTS_OF:
                self._far[sender, receiver, kind] = made
            if kind in ACTIVATIONS_OF and (answered := self._near.pop((receiver, sender, ACTIVATIONS_OF[kind]), None)):
                own_flops += answered.near.flops
            flops += own_flops
            received[kind] = envelope.tensors
        return received, flops

    def way_back(
        self, sender: str, receiver: str, whose: str = ""
    ) -> tuple[Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]], float]:
        near, far = (way.pop((sender, receiver, ACTIVATIONS), None) for way in (self._near, self._far))
        flops = (far.far.flops if far else 0.0) + (near.near.flops if near else 0.0)
        return lambda tensors: tensors, flops
