"""Stochastic rounding of gradients before a step, to the few levels that low-precision hardware computes with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.lazy import torch
from wirelessfsl.streams import subkey

if TYPE_CHECKING:
    from torch import Tensor

FLOPS_PER_ELEMENT = 7.0
"""Magnitude, norm (2), division, product, random number, floor."""


def rounded(gradients: Sequence[Tensor], bits: int, key: int | NDArray[Any]) -> tuple[Tensor, ...]:
    """Gradients after QSGD, Q(g)_j = |g|_2 sgn(g_j) floor(s |g_j| / |g|_2 + U) / s with s = 2^(bits - 1) - 1.

    Unbiased; one norm a tensor. Source: Alistarh et al., QSGD, NeurIPS 2017, sec. 3.1.

    gradients: any shapes. bits: a sign and a level, 2 or more. key: of the random numbers U in [0, 1); or an array of
        them, for the gradients of many that are stacked along a first axis.

    >>> rounded([torch.tensor([3.0, -4.0, 0.0])], bits=8, key=1)[0].abs().le(5.0).all().item()
    True
    """
    if isinstance(key, np.ndarray):
        each = [rounded(own, bits, of) for *own, of in zip(*gradients, key, strict=True)]
        return tuple(map(torch.stack, zip(*each, strict=True)))
    levels = 2 ** (bits - 1) - 1
    out = []
    for at, gradient in enumerate(gradients):
        norm = torch.linalg.vector_norm(gradient)
        if not norm:
            out.append(gradient)
            continue
        draws = torch.rand(gradient.shape, generator=torch.Generator().manual_seed(subkey(key, at)))
        draws = draws.to(gradient.device)
        level = (gradient.abs() * (levels / norm) + draws).floor_()
        out.append(level.mul_(norm / levels).copysign_(gradient))
    return tuple(out)
