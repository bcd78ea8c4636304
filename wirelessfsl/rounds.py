"""How long a round takes clients that share bands and a server, in closed form from means.

``in_step``: all wait for each other after every leg. ``free``: each is as quick as it can be. Of a free round's H steps

    max_k (D_k + U_k + C_k + max_i (p_i - s_ik) + max((H - 1) C'_k, max_i q_i))

with the model's download D and upload U, the cycle C of a first step that all begin at once, the cycle C' of a later
one, and queues i (the server with its slots, the bands of TDMA) that serve client k for s_ik seconds, everybody once in
p_i and H - 1 times more in q_i. C' is found by approximate mean value analysis of the closed queueing network (Bard,
"Some extensions to multiclass queueing network analysis", Performance of Computer Systems, 1979; Schweitzer,
"Approximate analysis of multiclass closed networks of queues", Int. Conf. Stochastic Control and Optimization, 1979):
at a station i client k meets others as often as they are there at any time,

    n_ik = 1 + sum_j R_ij / max(C'_j, C'_k),    C'_k = Z_k + sum_i R_ik

with its time Z_k on its own and R_ik at the station: its airtime on a share 1 / n_ik of FDMA's band, or its service and
the backlog of those it meets. The greater of both cycles, as who is quicker is through earlier and gone. Clients whose
steps are about equally long stay together: in H - 1 steps they drift apart by less than R_ik / N is at the beginning.
They count as there all the time on a band that is divided, and wait for one another in a queue once, which makes equal
clients at constant rates a flow shop of equal jobs, and exact. Where all begin at once, with d_j to send on the whole
band, n_k = sum_j d_j / max(d_j, d_k).

Where the shares of a band are such that all get through together (min_makespan; max_min, for messages of one size), the
others count in proportion to their need: with the share b_k at which all would be through, n_k = (1 - b_k) / b_k + 1 of
those who begin at once. Other allocations count as equal shares.

Who takes part is a random choice of so many: another is there with the odds of that, and a round ends with the expected
last of them. Rates are means over as many coherence blocks as a time T meets, 1 + T / coherence time, and a cost is the
mean over such windows within the first :data:`BLOCKS`: T is a round of the free, and a step of those that wait for each
other in each.

Left out: how the shares of a band change while equal clients wait for the server; deterministic service times (a queue
is taken to be as long as it is for exponential ones); the order of fading within a round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, comb
from typing import Literal, NamedTuple, Protocol

import numpy as np

from wirelessfsl.devices.compute import Processor
from wirelessfsl.devices.power_states import Powered
from wirelessfsl.engine.access import ConstantLink, Fdma, MediumSettings, Ofdma, Tdma
from wirelessfsl.radio.allocation import Allocation, MaxMin, MinMakespan
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.streams import Floats
from wirelessfsl.units import BITS_PER_BYTE

BLOCKS = 256
"""Coherence blocks that means are taken over."""
DIVIDED = Fdma, Ofdma, Wifi, SlottedAloha
"""Media of which all who send have a part at once; but for the first two, one channel has both directions."""
_ITERATIONS = 40
"""Of the fixed point, each half way to what it gives: an error of the beginning becomes 2^-40 of it."""


class Load(NamedTuple):
    """What a step, or the transfer of models, costs the clients.

    down_bytes, flops, up_bytes, messages: received, computed and sent by a client, and how many messages that makes,
        shape (legs, clients).
    coding_flops, server_flops: of the server, for a client's messages and for its batch, shape (clients,).
    """

    down_bytes: Floats
    flops: Floats
    up_bytes: Floats
    messages: Floats
    coding_flops: Floats
    server_flops: Floats

    def of(self, clients: slice) -> Load:
        """Of some of the clients."""
        return Load(*(each[..., clients] for each in self))


class OutOfReach(ValueError):
    """A client has no rate in any of the coherence blocks that means are taken over.

    client: its number in its crew. uplink: whether it is the uplink that has none.
    """

    def __init__(self, client: int, uplink: bool) -> None:
        super().__init__(client, uplink)
        self.client, self.uplink = client, uplink


class Cost(NamedTuple):
    """Duration of a round, and how long a client that takes part receives and transmits in it, shape (clients,)."""

    seconds: float
    down_s: Floats
    up_s: Floats


class Parts(Protocol):
    """What has to be known of an air whose links have parts of one band."""

    def next_change_s(self, time_s: float) -> float: ...
    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats: ...


@dataclass(frozen=True)
class Link:
    """One direction of all links: their qualities in every coherence block, shape (blocks, clients)."""

    air: Parts
    quality: Floats

    def bit_s(self, sharing: Floats, window: int) -> Floats:
        """Rates on a band that is shared by so many, means over windows of that many blocks, shape (windows, clients).

        Where a link has none in a window, its window lasts until the end of the next in which it has. It is 0 only
        where a link has none in all.

        sharing: shape (windows or 1, clients or 1).
        """
        blocks, clients = self.quality.shape
        window = min(window, blocks)
        quality = self.quality[: blocks // window * window].reshape(-1, window, clients)
        rates: Floats = self.air.rate_bit_s(quality, np.asarray(sharing)[:, None]).mean(axis=1)
        if rates.all():
            return rates
        at = np.arange(2 * len(rates))[:, None]  # after the last window comes the first
        twice = np.concatenate([rates, rates])
        ends = np.minimum.accumulate(np.where(twice > 0.0, at, at[-1])[::-1])[::-1][: len(rates)]
        longer: Floats = np.take_along_axis(twice, ends, axis=0) / (1 + ends - at[: len(rates)])
        return longer


@dataclass(frozen=True)
class Crew:
    """Clients that can be at work at once, of which ``taking`` take part in a round.

    window: coherence blocks that a rate is the mean of. wire_s_per_byte: what a byte takes on wires behind the air.
    """

    processors: Sequence[Processor]
    radios: Sequence[Powered]
    server: Processor
    down: Link
    up: Link
    medium: MediumSettings
    taking: int
    window: int = BLOCKS
    wire_s_per_byte: float = 0.0

    @property
    def odds(self) -> float:
        """That another client takes part."""
        return (self.taking - 1) / max(1, len(self.processors) - 1)

    def free(self, step: Load, transfer: Load, steps: int) -> Cost:
        """A round of clients that wait for nobody but in queues."""
        divided, queued = isinstance(self.medium, DIVIDED), isinstance(self.medium, Tdma)
        others = self._others(step)
        first, models = (self._air_s(load, self._at_once(load)).sum(axis=1) for load in (step, transfer))
        flops, own = step.server_flops + step.coding_flops, self._own_s(step).sum(axis=0)
        serving = np.broadcast_to(self.server.seconds(1.0) * flops, first[:1].shape)
        stay = alone_s = np.concatenate([first, serving])  # down, up, at the server
        begun = own + stay.sum(axis=0)
        alike = _near(begun, stay / (self.taking * max(1, steps - 1)))
        slots = np.array([1, 1, self.server.slots])[:, None, None]
        for _ in range(_ITERATIONS):
            cycle = own + stay.sum(axis=0)
            if divided:
                drifted = _met(stay[:2], cycle) - alike[:2] * stay[:2] / cycle
                company = alike[:2] - 1 + drifted
                if not isinstance(self.medium, Fdma | Ofdma):  # one channel for both ways
                    company = company + drifted[::-1]
                alone_s = np.concatenate([self._air_s(step, 1.0 + self.odds * company * others).sum(axis=1), serving])
            backlog = self.odds * (_met(stay * alone_s, cycle) - alike * stay * alone_s / cycle)
            waiting = np.maximum(backlog - (slots - 1) * alone_s, 0.0) / slots
            waiting[:2] *= queued
            stay = (stay + alone_s + waiting) / 2
        waits = [np.array(self._served_s(flops) - self.server.seconds(float(flops.mean())))]
        busy = [self._served_s(flops, steps) - self._served_s(flops)]
        if queued:
            waits += [*self._behind_s(first), *self._behind_s(models)]
            busy += [*((steps - 1) * self.taking * first.mean(axis=-1, keepdims=True))]
        rest = np.max(np.broadcast_arrays((steps - 1) * (own + stay.sum(axis=0)), *busy), axis=0)
        fixed = self._own_s(transfer).sum(axis=0) + self.server.seconds(1.0) * transfer.coding_flops
        total = fixed + models.sum(axis=0) + begun + np.max(np.broadcast_arrays(*waits), axis=0) + rest
        air = models + first + (steps - 1) * alone_s[:2]
        return Cost(float(self._last(total).mean()), *air.mean(axis=1))

    def in_step(self, step: Load, transfer: Load, steps: int) -> Cost:
        """A round of clients that wait for each other after every leg, and whose batches the server takes at once."""
        seconds = steps * self.taking * self.server.seconds(float(step.server_flops.mean()))
        airs = [self._air_s(load, self._at_once(load)) for load in (step, transfer)]
        for load, air, times in zip((step, transfer), airs, (steps, 1), strict=True):
            legs = self._own_s(load) + air.sum(axis=0)
            if isinstance(self.medium, Tdma):
                legs = legs + self._behind_s(air).sum(axis=0)
            seconds += times * (float(self._last(legs).mean(axis=-1).sum()) + self._served_s(load.coding_flops))
        return Cost(seconds, *(steps * airs[0].sum(axis=1) + airs[1].sum(axis=1)).mean(axis=1))

    def meeting(self, seconds: float) -> Crew:
        """This crew with rates that are means over as many coherence blocks as this time meets."""
        return replace(self, window=1 + round(seconds / self.down.air.next_change_s(0.0)))

    def slower(self, less_db: Floats) -> Floats:
        """How many times as long clients send with powers that are so much lower, in dB, shape (powers, clients).

        They send at once, on equal parts of a band, and means are over all blocks.
        """
        sharing = np.full((1, 1), float(self.taking) if isinstance(self.medium, Fdma | Ofdma) else 1.0)
        scales = np.ones(1) if isinstance(self.medium, ConstantLink) else 10.0 ** (-less_db / 10.0)
        rates = [replace(self.up, quality=self.up.quality * scale).bit_s(sharing, BLOCKS)[0] for scale in scales]
        with np.errstate(divide="ignore"):
            times: Floats = rates[0] / np.array(rates)
        return np.broadcast_to(times, (len(less_db), len(self.processors)))

    def _last(self, times: Floats) -> Floats:
        """The expected greatest, along the last axis, of those that take part."""
        count = len(self.processors)
        odds = [comb(less, self.taking - 1) / comb(count, self.taking) for less in range(count)]
        last: Floats = np.sort(times, axis=-1) @ np.array(odds)
        return last

    def _served_s(self, flops: Floats, times: int = 1) -> float:
        """Time in which the server's slots do this so many times for every client."""
        return ceil(times * self.taking / self.server.slots) * self.server.seconds(float(flops.mean()))

    def _own_s(self, load: Load) -> Floats:
        """Time of a client's computing, latencies and wires in every leg, shape (legs, 1, clients)."""
        speeds = np.array([each.seconds(1.0) for each in self.processors])
        wires_s = self.wire_s_per_byte * (load.down_bytes + load.up_bytes)
        own: Floats = (speeds * load.flops + self.medium.latency_s * load.messages + wires_s)[:, None]
        return own

    def _air_s(self, load: Load, sharing: Sequence[Floats] | Floats) -> Floats:
        """Airtime down and up in every leg, on bands that are shared by so many, shape (2, legs, windows, clients)."""
        ways = zip((False, True), (load.down_bytes, load.up_bytes), sharing, strict=True)
        return np.stack([BITS_PER_BYTE * size[:, None] / self._bit_s(uplink, n) for uplink, size, n in ways])

    def _bit_s(self, uplink: bool, sharing: Floats) -> Floats:
        """Rates up or down, as :meth:`Link.bit_s` has them. Raises OutOfReach if one is 0."""
        rates = (self.up if uplink else self.down).bit_s(sharing, self.window)
        if not rates.all():
            raise OutOfReach(int(rates.all(axis=0).argmin()), uplink)
        return rates

    def _at_once(self, load: Load) -> list[Floats]:
        """How many share a band, down and up, of those who begin at once."""
        if not isinstance(self.medium, DIVIDED):
            return [np.ones((1, 1))] * 2
        if self._together:
            return [1.0 + self.odds * (len(self.processors) - 1) * each for each in self._others(load)]
        alone = [1.0 / self._bit_s(uplink, np.full((1, 1), float(self.taking))) for uplink in (False, True)]
        return [1.0 + self.odds * (_met(each, each) - 1.0) for each in alone]

    @property
    def _together(self) -> Allocation | None:
        """The allocation, if its shares are such that all get through at once."""
        allocation = self.medium.allocation if isinstance(self.medium, Fdma) else None
        return allocation if isinstance(allocation, MinMakespan | MaxMin) else None

    def _others(self, load: Load) -> Floats:
        """Need of band of the others over one's own, their mean, down and up, shape (2, windows, clients)."""
        count = len(self.processors)
        if not self._together or count == 1:
            return np.ones((2, 1, 1))
        means = []
        for uplink, sizes in (False, load.down_bytes), (True, load.up_bytes):
            size = sizes.sum(axis=0)
            size = size if isinstance(self._together, MinMakespan) and size.all() else np.ones(count)
            share = np.full((1, count), 1.0 / count)
            for _ in range(_ITERATIONS):
                need = size * share / self._bit_s(uplink, 1.0 / share)
                share = need / need.sum(axis=-1, keepdims=True)
            means.append((1.0 / share - 1.0) / (count - 1))
        return np.array(means)

    def _behind_s(self, air: Floats) -> Floats:
        """Airtime of all others that take part."""
        others: Floats = self.odds * (air.sum(axis=-1, keepdims=True) - air)
        return others


def _near(times: Floats, reach: Floats) -> Floats:
    """How many clients have a time within reach of one's own, itself included.

    times: shape (windows, clients). reach: shape (stations, windows, clients), as what is returned.
    """
    ordered = [np.sort(row) for row in times]

    def below(bounds: Floats, side: Literal["left", "right"]) -> Floats:
        return np.array([[np.searchsorted(*each, side) for each in zip(ordered, rows, strict=True)] for rows in bounds])

    near: Floats = below(times + reach, "right") - below(times - reach, "left")
    return near


def _met(part: Floats, whole: Floats) -> Floats:
    """How many there are of clients who are there for a part of a whole: sum_j part_j / max(whole_j, whole_k).

    part, whole: shape (..., clients). Returns that shape; in it every client k meets itself, too.

    >>> _met(np.array([1.0, 1.0, 1.0]), np.array([1.0, 2.0, 4.0]))
    array([1.75, 1.25, 0.75])
    """
    part, whole = np.broadcast_arrays(part, whole)
    order = np.argsort(whole, axis=-1)
    part, whole = (np.take_along_axis(each, order, axis=-1) for each in (part, whole))
    share = part / whole
    longer = np.cumsum(share[..., ::-1], axis=-1)[..., ::-1] - share
    met = np.empty_like(share)
    np.put_along_axis(met, order, np.cumsum(part, axis=-1) / whole + longer, axis=-1)
    return met
