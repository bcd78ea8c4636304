"""Code of a user's own, as the tests name it by import path: a fading, a partition with its own ranges, a model."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated

import numpy as np

from wirelessfsl.lazy import torch
from wirelessfsl.settings import settings
from wirelessfsl.units import Ge, Le

NUMBER = 3


@settings
class Steady:
    """The same gain always. ``levels``: gain of the links in turn, 0 to 10."""

    levels: tuple[Annotated[float, Ge(0), Le(10)], ...] = (0.5,)

    def process(self, stream_keys, carrier_hz, speed_m_s, bandwidth_hz):  # type: ignore[no-untyped-def]
        return self

    def gain(self, time_s, travelled_m):  # type: ignore[no-untyped-def]
        return np.resize(np.array(self.levels), len(travelled_m(time_s)))

    def next_change_s(self, time_s):  # type: ignore[no-untyped-def]
        return np.inf


@settings
class First:
    """Gives every client the same number of samples, in order. ``each``: samples of a client; must be given."""

    each: Annotated[int, Ge(1)]

    def deal(self, labels, clients, rng):  # type: ignore[no-untyped-def]
        return [np.arange(k * self.each, (k + 1) * self.each) for k in range(clients)]


@settings
class Halves:
    """Half of the band, in equal shares; the rest stays free."""

    def shares(self, requests):  # type: ignore[no-untyped-def]
        return np.full(len(requests.bits), 0.5 / len(requests.bits))


def net(shape, classes):  # type: ignore[no-untyped-def]
    """Two blocks: body, head."""
    nn = torch.nn
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU())
    return nn.Sequential(OrderedDict(body=body, head=nn.Linear(8, classes)))


def broken(shape, classes):  # type: ignore[no-untyped-def]
    """Fails when it is called."""
    raise KeyError("width")
