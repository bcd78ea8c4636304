"""Airs: what carries the messages of a band, and the rate that each of those in the air has at an instant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.network.traces import Steps
from wirelessfsl.radio.allocation import Allocation, Equal, checked
from wirelessfsl.radio.link import Links
from wirelessfsl.radio.phy import OneWay
from wirelessfsl.radio.sharing import OwnPower, Requests, SpreadPower, filling, in_part
from wirelessfsl.streams import Floats

Index = NDArray[np.intp]
LEAST = 1e-12
"""Share of a band that counts as one where there is none."""


class Flying(NamedTuple):
    """The messages in the air, in the order of their take-off; arrays of shape (k,).

    links: which link each flies over. quality: of these links now. bits: left to fly. uplink: whether a client sends.
    size_bits: of the whole. numbers: ascending, one for every message that ever took off. time_s: now.
    """

    links: Index
    quality: Floats
    bits: Floats
    uplink: NDArray[np.bool_]
    size_bits: Floats = np.empty(0)
    numbers: Index = np.empty(0, np.intp)
    time_s: float = 0.0


class Use(NamedTuple):
    """How senders use their radios; arrays of shape (k,).

    duty: share of the time that each sends. level: part of its power that it sends with, > 0 where it sends.
    """

    duty: Floats
    level: Floats


class Air(Protocol):
    """What a band needs to know of what carries its messages.

    Qualities, and what an air remembers of them, are those of the instant that they were asked for last.
    """

    KEPT: ClassVar[tuple[str, ...]] = ()

    def quality(self, time_s: float) -> Floats:
        """What rates depend on, the greater the better: of every link at an instant, shape (n,)."""

    def rates_bit_s(self, flying: Flying) -> Floats:
        """Rate of every message in the air, bit/s, shape (k,)."""

    def next_change_s(self, time_s: float) -> float:
        """First instant after ``time_s`` at which qualities or rates change by themselves, s."""

    @property
    def lanes(self) -> int:
        """How many such queues there are."""
        return 1

    def residual(self, flying: Flying) -> Floats | None:
        """Probability that what the messages in the air send now is lost, shape (k,); None where nothing ever is.

        Of messages whose rates were asked for last.
        """
        return None

    def lane(self, link: int) -> int:
        """Number of the queue that messages over a link stand in, where not all can be in the air at once."""
        return 0

    def delay_s(self, link: int) -> float:
        """What a message over a link waits besides its airtime and the medium's latency, s."""
        return 0.0

    def use(self) -> Use | None:
        """How the messages of the last rates are sent; None if all the time and with the whole power."""
        return None


class SharedAir(Air, Protocol):
    """An air whose links have parts of one band."""

    def expected(self, time_s: float) -> Floats:
        """The quality of every link to plan with, not knowing what else will be in the air, shape (n,)."""
        return self.quality(time_s)

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        """Rate, bit/s, of links of these qualities, each on an n-th part of the band, with n = ``sharing``."""


class Contended(NamedTuple):
    """What messages that contend for a channel have of it until the next change; arrays of shape (k,).

    bit_s: rates. airtime: share of time that the sender is on the air with it. attempt_hz: accesses per second.
    """

    bit_s: Floats
    airtime: Floats
    attempt_hz: Floats


@runtime_checkable
class ContendedAir(Air, Protocol):
    """An air whose messages are on it in turns, as it comes."""

    def contended(self, flying: Flying, time_s: float) -> Contended:
        """What every message in the air has from now on until :meth:`next_change_s`, if none comes or goes."""


class RadioAir(SharedAir):
    """One direction of the radio channel, shared as an allocation has it.

    With the power P in a share B/n the SNR is P g / (N0 B/n): an uplink sender has all its power there, so its SNR
    grows with n; the downlink's power is spread over the band (``spread``), so each share has P/n and the SNR stays.

    transmit_w, noise_w_hz: per link, shape (n,). phy: of this direction. loses: whether what it gives up is lost.
    """

    def __init__(
        self,
        links: Links,
        phy: OneWay,
        transmit_w: Floats,
        noise_w_hz: Floats,
        bandwidth_hz: float,
        spread: bool,
        allocation: Allocation = Equal(),  # noqa: B008 (a frozen value)
        loses: bool = False,
    ) -> None:
        self._links, self._phy, self._spread, self._allocation = links, phy, spread, allocation
        self._bandwidth_hz = phy.occupied_hz(bandwidth_hz)
        self._per_gain = transmit_w / (noise_w_hz * self._bandwidth_hz)
        self._loses, self._snr = loses, np.empty(0)
        self._share: float | Floats = 1.0

    def snr(self, time_s: float) -> Floats:
        """SNR of every link over the whole band, linear, shape (n,)."""
        gain = self._links.gain(time_s)
        if gain.ndim == 1:
            return self._per_gain * gain
        return self._phy.effective_sinr(self._per_gain[:, None] * gain)

    def quality(self, time_s: float) -> Floats:
        """SNR of every link over the whole band or, if that is all that rates depend on, its efficiency."""
        self._snr = self.snr(time_s)
        return self._phy.efficiency(self._snr) if self._spread else self._snr

    def requests(self, bits: Floats, quality: Floats) -> Requests:
        """Messages of so many bits over links of these qualities, as an allocation sees them."""
        if self._spread:
            return SpreadPower(bits, quality * self._bandwidth_hz)
        return OwnPower(bits, quality, self._phy, self._bandwidth_hz)

    def rates_bit_s(self, flying: Flying) -> Floats:
        if isinstance(self._allocation, Equal):
            self._share = 1.0 / len(flying.bits)
            return self.rate_bit_s(flying.quality, len(flying.bits))
        requests = self.requests(flying.bits, flying.quality)
        self._share = checked(self._allocation.shares(requests), requests, self._allocation)
        return requests.rate_bit_s(self._share)

    def residual(self, flying: Flying) -> Floats | None:
        if not self._loses:
            return None
        snr = self._snr[flying.links]
        return self._phy.residual(snr if self._spread else in_part(self._phy, snr / np.maximum(self._share, LEAST)))

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        efficiency = quality if self._spread else self._filled(quality * sharing)
        return efficiency * (self._bandwidth_hz / sharing)

    @cached_property
    def _filled(self) -> Callable[[Floats], Floats]:
        return filling(self._phy)

    def next_change_s(self, time_s: float) -> float:
        return self._links.next_change_s(time_s)


class PairAir(RadioAir):
    """The radio channel between two clients: one link, which answers for any."""

    def quality(self, time_s: float) -> Floats:
        quality = super().quality(time_s)
        self._snr = np.broadcast_to(self._snr, 2**59)
        return np.broadcast_to(quality, 2**59)


class ConstantAir(SharedAir):
    """A pipe of constant rate, shared equally; the same for every link."""

    def __init__(self, bit_s: float) -> None:
        self.bit_s = bit_s
        self._quality = np.broadcast_to(1.0, 2**59)  # takes no memory

    def quality(self, time_s: float) -> Floats:
        return self._quality

    def rates_bit_s(self, flying: Flying) -> Floats:
        return self.rate_bit_s(flying.quality, len(flying.bits))

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        return quality * (self.bit_s / sharing)

    def next_change_s(self, time_s: float) -> float:
        return inf


class TraceAir(Air):
    """Pipes whose rates follow traces, shared equally: one that answers for any link, or one a link."""

    def __init__(self, traces: Sequence[Steps]) -> None:
        self._traces = traces

    def quality(self, time_s: float) -> Floats:
        rates = np.array([trace.value(time_s) for trace in self._traces])
        return rates if len(rates) > 1 else np.broadcast_to(rates, 2**59)

    def rates_bit_s(self, flying: Flying) -> Floats:
        return flying.quality / len(flying.bits)

    def next_change_s(self, time_s: float) -> float:
        return min(trace.next_change_s(time_s) for trace in self._traces)
