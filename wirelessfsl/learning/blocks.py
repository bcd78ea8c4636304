"""Network blocks that torch does not ship. Imported only when such a model is built, since it needs torch at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wirelessfsl.learning.recurrence import lstm


class Residual(nn.Module):
    """Basic residual block: two 3x3 convolutions and a shortcut, 1x1 where the shape changes (He et al. 2016)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        out: Tensor = (y + self.downsample(x)).relu()
        return out


class Lstm(nn.Module):
    """One LSTM layer that returns its state at every position; one bias a gate, as in LEAF."""

    def __init__(self, numbers_in: int, units: int) -> None:
        super().__init__()
        self.gates = nn.Linear(numbers_in, 4 * units)
        self.weight = nn.Parameter(torch.empty(units, 4 * units).uniform_(-(units**-0.5), units**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        states: Tensor = lstm(self.gates(x), self.weight)[0]
        return states


class Last(nn.Module):
    """The last position of a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1]


class Positions(nn.Module):
    """Adds to each position of a sequence numbers of its own, which are learnt."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(length, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


class Attention(nn.Module):
    """Transformer block: attention of several heads, then two linear layers, each normalised first and added.

    softmax(Q K^T / sqrt(d / heads)) V over all positions (Vaswani et al. 2017, eq. 1), written out: torch's fused
    attention has dropout inside, whose random numbers no seed could name.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.query_key_value(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = (parts.select(2, i).transpose(1, 2) for i in range(3))
        weights = (query @ key.transpose(-2, -1) * self.scale).softmax(-1)
        x = x + self.out((weights @ value).transpose(1, 2).flatten(2))
        out: Tensor = x + self.down(nn.functional.gelu(self.up(self.norm2(x))))
        return out
