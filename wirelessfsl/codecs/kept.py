"""What the codecs share that let a few elements of a tensor fly and leave zeros for the others.

The gradient of a dropped position is zero. So of activations only the gradients of the kept positions fly back, without
positions, since both ends know them. ``gradient: full`` lets all of them fly, as programs do that do not care; what is
learnt is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.codecs.bits import Positions, positions_bytes, unpack_positions
from wirelessfsl.codecs.codec import Backward, Coded, Memory, Opened, Shape, Take
from wirelessfsl.lazy import torch

Returned: TypeAlias = Literal["kept", "full"]
"""Which gradients of activations fly back."""


def finite(name: str, x: torch.Tensor) -> torch.Tensor:
    """The values in one row. Raises ValueError for NaN and infinities."""
    flat = x.detach().cpu().reshape(-1)
    if not flat.isfinite().all():
        raise ValueError(f"{name}: got {float(flat[~flat.isfinite()][0])}, values must be finite")
    return flat


def rows_of(per: str, shape: Shape) -> tuple[int, int]:
    """How many rows there are that elements are chosen from, and of how many each."""
    return (shape[0], prod(shape[1:])) if per == "sample" and len(shape) > 1 else (1, prod(shape))


def greatest(score: NDArray[np.float64], kept: int) -> Positions:
    """Ascending positions of the greatest scores of every row; of equal ones the first."""
    if kept < score.shape[1]:
        last = np.partition(score, -kept, axis=1)[:, -kept, None]
        chosen, equal = score > last, score == last
        chosen |= equal & (equal.cumsum(axis=1) <= kept - chosen.sum(axis=1, keepdims=True))
        return np.flatnonzero(chosen)
    return np.arange(score.size)


def coded(
    head: bytes,
    flat: torch.Tensor,
    positions: Positions,
    x: torch.Tensor,
    gradient: Returned,
    scale: float = 1.0,
    memory: Memory = None,
) -> Coded:
    """The elements at positions, times scale; their gradients are scaled in the same way. Raises ValueError if that is
    too much for some of them."""
    at, shape = torch.from_numpy(positions), tuple(x.shape)
    values = flat[at] if scale == 1.0 else flat[at] * scale
    if not values.isfinite().all():
        raise ValueError(f"a value is too large to be multiplied by {scale:g} in {values.dtype}")
    back = partial(_returned, gradient=gradient, positions=positions, shape=shape, scale=scale)
    return Coded(head, values, memory, Backward(back, 0.0 if scale == 1.0 else 1.0 * len(positions)))


def _returned(back: torch.Tensor, gradient: Returned, positions: Positions, shape: Shape, scale: float) -> torch.Tensor:
    kept = back.reshape(-1)[torch.from_numpy(positions)] if gradient == "full" else back
    return spread(kept if scale == 1.0 else kept * scale, positions, shape)


def opened(
    dtype: torch.dtype, shape: Shape, kept: int, positions: Callable[[], Positions], gradient: Returned
) -> Opened:
    """What comes back from kept values and their positions, which are asked for when the values are there."""
    positions = _Once(positions)

    def restore(values: torch.Tensor) -> torch.Tensor:
        return spread(values, positions(), shape)

    def lost(of_values: torch.Tensor) -> torch.Tensor:
        return spread(of_values, positions(), shape)

    return Opened(dtype, (kept,), restore, Backward(partial(_picked, positions)) if gradient == "kept" else None, lost)


class _Once:
    """Positions that are made when they are first asked for, at the latest when they go to another process."""

    def __init__(self, make: Callable[[], Positions]) -> None:
        self._made = cache(make)

    def __call__(self) -> Positions:
        return self._made()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Once, (partial(np.asarray, self()),)


def _picked(positions: Callable[[], Positions], full: torch.Tensor) -> torch.Tensor:
    return full.reshape(-1)[torch.from_numpy(positions())]


def open_positions(
    dtype: torch.dtype, shape: Shape, take: Take, count: int, kept: int, gradient: Returned, rows: int = 1
) -> Opened:
    positions = unpack_positions(take(positions_bytes(count, kept, rows)), count, kept, rows)
    # Positions are too many bytes to be guarded against loss as heads are.
    return opened(dtype, shape, rows * kept, lambda: positions, gradient)._replace(lost=None)


def spread(values: torch.Tensor, positions: Positions, shape: Shape) -> torch.Tensor:
    """A tensor of zeros with values at positions."""
    flat = torch.zeros(prod(shape), dtype=values.dtype)
    flat[torch.from_numpy(positions)] = values
    return flat.view(shape)
