"""What the codecs share that let a few elements of a tensor fly and leave zeros for the others.

The gradient of a dropped position is zero. So of activations only the gradients of the kept positions fly back, without
positions, since both ends know them. ``gradient: full`` lets all of them fly, as programs do that do not care; what is
learnt is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np

from wirelessfsl.codecs.bits import Positions, positions_bytes, unpack_positions
from wirelessfsl.codecs.codec import Backward, Coded, Doubt, Memory, Opened, Shape, Take, doubt, first
from wirelessfsl.codecs.wire import Body
from wirelessfsl.lazy import torch

Returned: TypeAlias = Literal["kept", "full"]
"""Which gradients of activations fly back."""


def finite(name: str, x: torch.Tensor) -> tuple[torch.Tensor, tuple[Doubt, ...]]:
    """The values in one row. Raises ValueError for NaN and infinities; on a device that is a doubt."""
    flat = x.detach().reshape(-1)
    if not len(flat):
        return flat, ()
    good = flat.abs().amax() < math.inf  # a tenth of the time of isfinite().all() on a CPU
    return flat, doubt(good, lambda: (first(flat, ~flat.isfinite()),), partial(_infinite, name))


def _infinite(name: str, value: float) -> ValueError:
    return ValueError(f"{name}: got {value}, values must be finite")


def power_of_two(flat: torch.Tensor) -> torch.Tensor:
    """The least above all magnitudes, from 2^-1000 to 2^1000, or 1: dividing by it changes no digit, and squares of
    what is left do not overflow. A float64 without dimensions."""
    largest = flat.abs().amax().double()
    power = torch.where(largest > 0, largest / torch.frexp(largest).mantissa, 1.0)
    return power.clamp(2.0**-1000, 2.0**1000)


def rows_of(per: str, shape: Shape) -> tuple[int, int]:
    """How many rows there are that elements are chosen from, and of how many each."""
    return (shape[0], prod(shape[1:])) if per == "sample" and len(shape) > 1 else (1, prod(shape))


def greatest(score: torch.Tensor, kept: int) -> Positions:
    """Ascending positions of the greatest scores of every row; of equal ones the first.

    score: shape (rows, count), float64. On a CPU NumPy's selection takes a fifth of the time of a sort.
    """
    rows, count = score.shape
    if kept >= count:
        return torch.arange(rows * count, device=score.device)
    if score.is_cpu:
        array = score.numpy()
        last = np.partition(array, -kept, axis=1)[:, -kept, None]
        chosen, equal = array > last, array == last
        chosen |= equal & (equal.cumsum(axis=1) <= kept - chosen.sum(axis=1, keepdims=True))
        return torch.from_numpy(np.flatnonzero(chosen))
    of_row = score.argsort(dim=1, descending=True, stable=True)[:, :kept].sort(dim=1).values
    return (of_row + count * torch.arange(rows, device=score.device)[:, None]).reshape(-1)


def at_least(score: torch.Tensor, least: float) -> Positions:
    """Ascending positions of scores that are not less; on a device the host waits for how many they are."""
    if score.is_cpu:  # NumPy takes a quarter of the time
        return torch.from_numpy(np.flatnonzero(score.numpy() >= least))
    return (score >= least).nonzero().view(-1)


def coded(
    head: Body | torch.Tensor,
    flat: torch.Tensor,
    doubts: tuple[Doubt, ...],
    positions: Positions,
    x: torch.Tensor,
    gradient: Returned,
    scale: float = 1.0,
    memory: Memory = None,
) -> Coded:
    """The elements at positions, times scale; their gradients are scaled in the same way. Raises ValueError if that is
    too much for some of them."""
    values = flat.index_select(0, positions)
    if scale != 1.0:
        values = values * scale
        doubts += doubt(values.isfinite().all(), tuple, partial(_too_large, scale, values.dtype))
    back = partial(_returned, gradient=gradient, positions=positions, shape=tuple(x.shape), scale=scale)
    return Coded(head, values, memory, Backward(back, 0.0 if scale == 1.0 else 1.0 * len(positions)), doubts)


def _too_large(scale: float, dtype: torch.dtype) -> ValueError:
    return ValueError(f"a value is too large to be multiplied by {scale:g} in {dtype}")


def _returned(back: torch.Tensor, gradient: Returned, positions: Positions, shape: Shape, scale: float) -> torch.Tensor:
    kept = back.reshape(-1)[positions] if gradient == "full" else back
    return spread(kept if scale == 1.0 else kept * scale, positions, shape)


def opened(
    dtype: torch.dtype, shape: Shape, kept: int, positions: Callable[[], Positions], gradient: Returned
) -> Opened:
    """What comes back from kept values and their positions, which are asked for when the values are there."""
    once = _Once(positions)

    def restore(values: torch.Tensor) -> torch.Tensor:
        return spread(values, once(values.device), shape)

    def lost(of_values: torch.Tensor) -> torch.Tensor:
        return spread(of_values, once(of_values.device), shape)

    return Opened(dtype, (kept,), restore, Backward(partial(_picked, once)) if gradient == "kept" else None, lost)


def returned_flops(gradient: Returned) -> float | None:
    """FLOPs of picking which gradients fly back; None where all do."""
    return 0.0 if gradient == "kept" else None


class _Once:
    """Positions that are made when they are first asked for, at the latest when they go to another process, and then
    are on the device of the values that they belong to."""

    def __init__(self, make: Callable[[], Positions]) -> None:
        self._make = make
        self._made: Positions | None = None

    def __call__(self, device: torch.device) -> Positions:
        self._made = (self._make() if self._made is None else self._made).to(device)
        return self._made

    def __reduce__(self) -> tuple[Any, ...]:
        return _once, (self(torch.device("cpu")),)


def _once(positions: Positions) -> _Once:
    return _Once(lambda: positions)


def _picked(positions: _Once, full: torch.Tensor) -> torch.Tensor:
    return full.reshape(-1)[positions(full.device)]


def open_positions(
    dtype: torch.dtype, shape: Shape, take: Take, count: int, kept: int, gradient: Returned, rows: int = 1
) -> Opened:
    positions = unpack_positions(take(positions_bytes(count, kept, rows)), count, kept, rows)
    # Positions are too many bytes to be guarded against loss as heads are.
    return opened(dtype, shape, rows * kept, lambda: positions, gradient)._replace(lost=None)


def spread(values: torch.Tensor, positions: Positions, shape: Shape) -> torch.Tensor:
    """A tensor of zeros with values at positions."""
    flat = values.new_zeros(prod(shape))
    flat[positions] = values
    return flat.view(shape)
