"""What a codec is: one step of turning a tensor into bytes, and back.

A codec takes the floating-point values of one tensor, writes what it must say about them into a *head* of bytes and
leaves *values*, a tensor that is smaller or has cheaper elements: positions and the kept numbers, a grid and its codes,
a seed and what was drawn. The next codec of a chain takes those; what the last one leaves flies as it lies in memory.
Nothing is simulated here, and no codec knows of messages, links or clocks: :mod:`wirelessfsl.codecs.chain` makes
payloads of them, and who encodes, when, and what that costs is the engine's business.

A codec computes where its tensors are. On a device other than the CPU nothing is read back: a head that depends on the
values stays there as bytes, and so does the flag that says whether a value cannot be carried (:class:`Doubt`). Random
numbers are drawn on the host, whatever the device, from the key that the codec remembers.

Training goes backward through a codec as it goes through a layer. Of activations the receiver computes the gradient of
what it restored; :class:`Opened` says what of it has to go back (of dropped positions nothing), and :class:`Coded` what
the sender makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from wirelessfsl.codecs.wire import Body, raw
from wirelessfsl.lazy import torch

Shape: TypeAlias = tuple[int, ...]
Take: TypeAlias = Callable[[int], memoryview]
"""Gives the next so many bytes of what was received."""
Memory: TypeAlias = "int | torch.Tensor | tuple[Memory, ...] | None"
"""What a codec carries from one message of a link to the next, as data: the key of a random stream (int), a residual
(tensor), a tuple of such things, or None for a codec that forgets."""


class Backward(NamedTuple):
    """What a codec does to the gradient of what it coded: a function of the gradient, and its FLOPs."""

    run: Callable[[torch.Tensor], torch.Tensor]
    flops: float = 0.0


class Doubt(NamedTuple):
    """Whether a codec cannot carry a value, where nobody has looked yet.

    good: the flag that it can, a tensor of one element. seen: such tensors, whose numbers the error tells.
    """

    good: torch.Tensor
    seen: tuple[torch.Tensor, ...]
    error: Callable[..., ValueError]

    def settle(self) -> None:
        """Raises the error unless all is good."""
        if not self.good:
            raise self.error(*(number.item() for number in self.seen))


def doubt(
    good: torch.Tensor, seen: Callable[[], tuple[torch.Tensor, ...]], error: Callable[..., ValueError]
) -> tuple[Doubt, ...]:
    """A doubt about values on a device; on the CPU it is settled at once, and nothing is left."""
    if not good.is_cpu:
        return (Doubt(good, seen(), error),)
    if not good:
        raise error(*(number.item() for number in seen()))
    return ()


def first(values: torch.Tensor, flags: torch.Tensor) -> torch.Tensor:
    """The first value that has a flag, shape (1,), found without a look at the flags."""
    flat = values.reshape(-1)
    return flat.gather(0, flags.reshape(-1).byte().argmax(0, keepdim=True)) if len(flat) else flat.new_zeros(1)


def head_of(values: torch.Tensor) -> Body | torch.Tensor:
    """A tensor's bytes as a head: on a device they stay there."""
    return bytes(raw(values)) if values.is_cpu else values.reshape(-1).view(torch.uint8)


class Coded(NamedTuple):
    """One tensor after a codec: bytes to be sent first, values for the next codec, memory for the next message.

    head: known on the host, or bytes as a tensor of one dimension where the values are.
    backward: makes the gradient of the coded tensor out of what came back; None passes it straight through.
    doubts: about values on a device other than the CPU; to be settled before the bytes fly.
    """

    head: Body | torch.Tensor
    values: torch.Tensor
    memory: Memory = None
    backward: Backward | None = None
    doubts: tuple[Doubt, ...] = ()


class Layout(NamedTuple):
    """What a codec makes of a tensor before any value is known.

    head_bytes: length of the head. dtype, shape: of the values that it leaves.
    fixed: whether that is certain; otherwise it depends on the values, and this is the most that it can be.
    near_flops, far_flops: of what sender and receiver do to the tensor's gradient; None where it passes straight
        through. What the receiver does leaves it in the shape of the values, what the sender does restores it.
    """

    head_bytes: int
    dtype: torch.dtype
    shape: Shape
    fixed: bool = True
    near_flops: float | None = None
    far_flops: float | None = None


class Opened(NamedTuple):
    """A head that was read: dtype and shape of the values that follow, and how to get the tensor back from them.

    restore: of values on any device, on which the tensor will be.
    backward: makes what goes back out of the gradient of the restored tensor; None passes it straight through.
    check: of the values as they came, on the CPU: raises CorruptPayload if they make no sense.
    lost: makes flags of the elements that were lost, in the tensor's shape, of flags of the values that were; None
        where nothing can be made of the others.
    """

    dtype: torch.dtype
    shape: Shape
    restore: Callable[[torch.Tensor], torch.Tensor]
    backward: Backward | None = None
    lost: Callable[[torch.Tensor], torch.Tensor] | None = None
    check: Callable[[torch.Tensor], None] | None = None


@runtime_checkable
class DiffersAtTest(Protocol):
    """A codec that is another one, or none, when the model is evaluated."""

    def at_test(self) -> Codec | None: ...


class Codec(Protocol):
    """One step of a chain; a value object, so that both ends of a link may share one.

    Only floating-point tensors come here: integers and bools (labels, counters of batches) fly as they are.
    """

    @property
    def kind(self) -> str: ...

    def begin(self, key: int) -> Memory:
        """Memory for a link's first message; ``key`` names the random numbers of this codec on this link."""
        ...

    def encode(self, x: torch.Tensor, memory: Memory) -> Coded:
        """Head, values and new memory; the same arguments give the same bytes.

        x: floating-point, any shape and device. memory: of :meth:`begin`, or of the message before.

        Raises ValueError for a value that the codec cannot carry; on a device other than the CPU that is a doubt.
        """
        ...

    def open(self, dtype: torch.dtype, shape: Shape, take: Take) -> Opened:
        """Read the head of a tensor of this dtype and shape. Raises CorruptPayload if it makes no sense."""
        ...

    def layout(self, dtype: torch.dtype, shape: Shape) -> Layout:
        """What encoding a tensor of this dtype and shape gives, in closed form."""
        ...

    def encode_flops(self, shape: Shape) -> float:
        """Floating-point operations that encoding a tensor of this shape costs the sender."""
        ...

    def decode_flops(self, shape: Shape) -> float:
        """Floating-point operations that decoding to a tensor of this shape costs the receiver."""
        ...
