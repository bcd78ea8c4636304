"""What a codec is: tensors to the bytes that fly, and back.

Nothing is simulated here. The payload *is* bytes, so its length is the size of the message, and what the receiver
decodes is what it learns from. Every codec writes the frame of :mod:`wirelessfsl.codecs.wire`; a chain of codecs,
error feedback and stochastic rounding need no more than this interface, because what a codec remembers from one
message to the next goes in and comes out as data. Who encodes, when, and what that costs is the engine's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from wirelessfsl.codecs.wire import Payload

if TYPE_CHECKING:
    import torch

Memory: TypeAlias = "int | torch.Tensor | tuple[Memory, ...] | None"
"""What a codec carries between the messages of one link: None at first and for a codec without memory; otherwise
residuals (tensors), the key or counter of a random stream (int), or a tuple of these, one entry a codec of a chain."""


class Codec(Protocol):
    """Tensors to bytes and back; a value object, so that both ends of a link may share one.

    Round trip: ``decode(encode(tensors, memory)[0])`` has the shapes and dtypes of ``tensors`` and values within the
    bound that the codec documents; the same input gives the same bytes.
    """

    def encode(self, tensors: tuple[torch.Tensor, ...], memory: Memory) -> tuple[Payload, Memory]:
        """Payload of a message and the memory for the next one.

        tensors: of a dtype in :data:`wirelessfsl.codecs.wire.DTYPES`, any shape, strides and device.
        memory: what the previous call returned; None for the first message.

        Raises ValueError for a dtype without a code and for a value that the codec cannot carry.
        """
        ...

    def decode(self, payload: Payload) -> tuple[torch.Tensor, ...]:
        """Tensors of a payload, on the CPU and owning their memory.

        payload: what ``encode`` of an equal codec returned.

        Raises CorruptPayload, a ValueError, for anything else.
        """
        ...

    def encode_flops(self, elements: int) -> float:
        """Floating-point operations that encoding costs the sender.

        elements: number of elements of all tensors, >= 0.
        """
        ...

    def decode_flops(self, elements: int) -> float:
        """Floating-point operations that decoding costs the receiver.

        elements: number of elements of all tensors, >= 0.
        """
        ...

    def size_bytes(self, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[torch.dtype]) -> int:
        """Length of the payload in bytes, in closed form, for runs that only ask for time.

        shapes: one a tensor.
        dtypes: one a tensor, in the same order.
        """
        ...
