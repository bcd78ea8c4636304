"""Networks that read the last characters of a text and predict the next one.

Inputs are whole numbers below the size of the vocabulary, of shape (length,); the answer is one number per character of
the vocabulary, from the last position alone. Each block is a module of its own, so that a cut can follow any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wirelessfsl.lazy import torch
from wirelessfsl.learning.chain import Shape, chain

if TYPE_CHECKING:
    from torch import nn


def char_lstm(shape: Shape, classes: int) -> nn.Module:
    """LEAF's network for Shakespeare: 8 numbers a character, two LSTM layers of 256 units, one linear layer.

    Caldas et al., "LEAF: A Benchmark for Federated Settings", 2018 (arXiv:1812.01097). Blocks embedding, lstm1, lstm2,
    head. A layer of h units on e numbers costs 4 h (e + h) multiply-accumulates a character, and between the layers
    h numbers a character cross a cut.
    """
    from wirelessfsl.learning.blocks import Last, Lstm

    nn = torch.nn
    return chain(
        embedding=nn.Embedding(classes, 8),
        lstm1=Lstm(8, 256),
        lstm2=Lstm(256, 256),
        head=nn.Sequential(Last(), nn.Linear(256, classes)),
    )


def char_transformer(shape: Shape, classes: int) -> nn.Module:
    """A small transformer (Vaswani et al., NeurIPS 2017): width 64, two blocks of 4 heads, no dropout.

    Blocks embedding (characters and learned positions), block1, block2, head; the input of each part is normalised. All
    characters of a window come before the one that is asked for, so attention needs no mask. A block of width d costs
    12 d^2 + 2 n d multiply-accumulates a character in a window of n.
    """
    from wirelessfsl.learning.blocks import Attention, Last, Positions

    nn = torch.nn
    return chain(
        embedding=nn.Sequential(nn.Embedding(classes, 64), Positions(shape[0], 64)),
        block1=Attention(64, heads=4),
        block2=Attention(64, heads=4),
        head=nn.Sequential(Last(), nn.LayerNorm(64), nn.Linear(64, classes)),
    )
