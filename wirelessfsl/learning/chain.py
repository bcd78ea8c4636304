"""What the package's models are made of: named blocks, one after the other."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from wirelessfsl.lazy import torch

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]


def chain(**blocks: nn.Module) -> nn.Module:
    """Named blocks, one after the other."""
    return torch.nn.Sequential(OrderedDict(blocks))
