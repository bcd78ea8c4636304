"""Airs for which messages contend: their means, or the accesses one by one.

Both directions share one channel. A client is a station and the server another, which sends its messages in turns. On
:class:`MeanAir` rates are those that the model of the access gives for the stations that are there, on
:class:`PlayedAir` each slot has its sender or its collision, drawn from the stations' own streams: it validates the
means. Both agree where stations are saturated; where they are not, a message that takes few accesses has less delay in
turns than at a mean rate, of which all have a part at once. A link out of range does not contend.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor, inf, ulp
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.engine.airs import Contended, ContendedAir, Flying, Index, RadioAir
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.contention import Backoff, Shares
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.streams import Floats, Keys, uniforms

Mask = NDArray[np.bool_]
_ALMOST = 1e-6
"""Part of a slot or of an access that rounding may take."""


class Access(Protocol):
    """A rule of access: what a message's accesses are, and what of them it has in the mean."""

    def accesses(self, size_bits: Floats, bit_s: Floats) -> tuple[Floats, Floats]: ...
    def shares(self, data_s: Floats, station: Index) -> Shares: ...
    def among_equals(self, data_s: Floats, stations: Floats) -> Floats: ...


class Channel:
    """The one channel that all share, as good in both directions but for power and noise.

    down: the links from the server. gain_up: SNR upwards over SNR downwards, shape (n,). rate: bit/s at an SNR while on
    the air.
    """

    def __init__(self, down: RadioAir, gain_up: Floats, rate: Callable[[Floats], Floats]) -> None:
        self.snr, self.next_change_s = down.snr, down.next_change_s
        self.server = len(gain_up)
        self._gain_up, self._rate = gain_up, rate

    def bit_s(self, flying: Flying) -> Floats:
        """Rate of every message while it is on the air."""
        return self._rate(np.where(flying.uplink, flying.quality * self._gain_up[flying.links], flying.quality))

    def snr_of(self, time_s: float, uplink: bool) -> Floats:
        """SNR of every link in one direction, linear, shape (n,)."""
        return self.snr(time_s) * (self._gain_up if uplink else 1.0)

    def bit_s_of(self, time_s: float, uplink: bool) -> Floats:
        """Rate of every link, in one direction, while it is on the air, shape (n,)."""
        return self._rate(self.snr_of(time_s, uplink))

    def station(self, flying: Flying) -> Index:
        """Who sends every message: the number of a client, or the server's, which follows."""
        return np.where(flying.uplink, flying.links, self.server)


class MeanAir(ContendedAir):
    """Messages that contend, each at its mean rate among those that are there."""

    def __init__(self, channel: Channel, access: Access) -> None:
        self._channel, self._access = channel, access

    def quality(self, time_s: float) -> Floats:
        return self._channel.snr(time_s)

    def next_change_s(self, time_s: float) -> float:
        return self._channel.next_change_s(time_s)

    def rates_bit_s(self, flying: Flying) -> Floats:
        return self.contended(flying, 0.0).bit_s

    def contended(self, flying: Flying, time_s: float) -> Contended:
        rates = self._channel.bit_s(flying)
        heard = rates > 0.0
        found = Contended(*np.zeros((3, len(rates))))
        if heard.any():
            size_bits = flying.size_bits[heard]
            count, data_s = self._access.accesses(size_bits, rates[heard])
            shares = self._access.shares(data_s, self._channel.station(flying)[heard])
            found.bit_s[heard] = shares.success_hz * size_bits / count
            found.airtime[heard], found.attempt_hz[heard] = shares.airtime, shares.attempt_hz
        return found


class EqualsAir:
    """One direction of a channel for stations that are alike and send messages of one size: for prediction.

    The quality of a link is its rate while on the air. Upwards every message is of another station, downwards all are
    of the server, which contends with nobody.
    """

    def __init__(self, channel: Channel, access: Access, size_bits: float, uplink: bool) -> None:
        self._access, self._size_bits, self._uplink = access, np.array(size_bits), uplink
        self.next_change_s = channel.next_change_s

    def rate_bit_s(self, quality: Floats, sharing: float | Floats) -> Floats:
        count, data_s = self._access.accesses(self._size_bits, quality)
        share = np.asarray(sharing)
        stations, messages = (share, 1.0) if self._uplink else (np.ones_like(share), share)
        return self._access.among_equals(data_s, stations) * (self._size_bits / count) / messages

    def airtime(self, quality: Floats) -> Floats:
        """Time on the air over bits, s/bit."""
        count, data_s = self._access.accesses(self._size_bits, quality)
        spent: Floats = count * data_s / self._size_bits
        return spent


class Turn(NamedTuple):
    """What the channel is used for: nothing, or accesses of some messages.

    begin_s, length_s: from when and for how long. numbers: of the messages that are on the air. airtime_s: of each, its
    own. bits: that the one of them carries if it is alone, else 0. last: whether it ends with this.
    """

    begin_s: float
    length_s: float
    numbers: Index = np.empty(0, np.intp)
    airtime_s: Floats = np.empty(0)
    bits: float = 0.0
    last: bool = False

    @property
    def until_s(self) -> float:
        """When the next turn begins by itself; the landing of a message begins one, too."""
        return inf if self.last else self.begin_s + self.length_s


class Slots(Protocol):
    """A rule of access, slot by slot, for stations by their numbers."""

    KEPT: ClassVar[tuple[str, ...]] = ()

    def idle(self, stations: Index, time_s: float) -> float:
        """When the next of the stations that contend sends, s; at once if that is now."""

    def senders(self, stations: Index, time_s: float) -> Index:
        """Who sends now."""

    def taken_s(self, data_s: Floats) -> tuple[float, Floats]:
        """For how long the channel is taken by data of these airtimes, and each sender's own airtime, s."""


class WifiSlots(Slots):
    """Backoff slot by slot, as :class:`Backoff` has it."""

    KEPT: ClassVar = ("_backoff", "_stations", "_since_s")

    def __init__(self, wifi: Wifi, stream_keys: Keys) -> None:
        self._rules, self._backoff = wifi.rules, Backoff(wifi.rules, stream_keys)
        self._stations, self._since_s = np.empty(0, np.intp), inf

    def idle(self, stations: Index, time_s: float) -> float:
        slot_s = self._rules.slot_s
        if self._since_s < inf:  # what was idle so far has been interrupted, or is over
            passed = floor((time_s - self._since_s) / slot_s + _ALMOST)
            self._backoff.pass_by(self._stations, passed)
            self._since_s += passed * slot_s
        else:
            self._since_s = time_s
        self._backoff.leave(np.setdiff1d(self._stations, stations))
        self._stations = stations
        return self._since_s + self._backoff.idle_slots(stations) * slot_s

    def senders(self, stations: Index, time_s: float) -> Index:
        self._since_s = inf
        return self._backoff.send(stations)

    def taken_s(self, data_s: Floats) -> tuple[float, Floats]:
        rules = self._rules
        if len(data_s) == 1:
            return data_s[0] + rules.success_s, rules.request_s + data_s
        if rules.request_s:
            return rules.collision_s, np.full(len(data_s), rules.request_s)
        return data_s.max() + rules.collision_s, data_s


class AlohaSlots(Slots):
    """Slots of a common clock, in which each station sends or does not, as its stream says for this slot."""

    def __init__(self, aloha: SlottedAloha, stream_keys: Keys) -> None:
        self._aloha, self._keys = aloha, stream_keys

    def idle(self, stations: Index, time_s: float) -> float:
        slot = ceil(time_s / self._aloha.slot_s - _ALMOST)
        while not self._sends(stations, slot).any():
            slot += 1
        return slot * self._aloha.slot_s

    def senders(self, stations: Index, time_s: float) -> Index:
        chosen: Index = stations[self._sends(stations, round(time_s / self._aloha.slot_s))]
        return chosen

    def taken_s(self, data_s: Floats) -> tuple[float, Floats]:
        return self._aloha.slot_s, data_s

    def _sends(self, stations: Index, slot: int) -> Mask:
        return uniforms(self._keys[stations], slot) < self._aloha.probability(len(stations))


class PlayedAir(ContendedAir):
    """Messages that contend, access by access.

    Between two instants of :meth:`next_change_s` the channel is idle, carries an access, or a collision. An access that
    began goes on at the rate that it began with.
    """

    KEPT: ClassVar = ("_slots", "_turn", "_served", "_turns")

    def __init__(self, channel: Channel, access: Access, slots: Slots) -> None:
        self._channel, self._access, self._slots = channel, access, slots
        self._turn = Turn(0.0, 0.0)
        self._served: dict[int, int] = {}
        self._turns = 0

    def quality(self, time_s: float) -> Floats:
        return self._channel.snr(time_s)

    def next_change_s(self, time_s: float) -> float:
        return min(self._turn.until_s, self._channel.next_change_s(time_s))

    def rates_bit_s(self, flying: Flying) -> Floats:
        return self.contended(flying, self._turn.begin_s).bit_s

    def contended(self, flying: Flying, time_s: float) -> Contended:
        turn = self._turn
        over = time_s >= turn.until_s - 4 * ulp(time_s) or not np.isin(turn.numbers, flying.numbers).any()
        if over:
            self._turn = turn = self._next(flying, time_s)
        found = Contended(*np.zeros((3, len(flying.bits))))
        on, own = np.nonzero(flying.numbers[:, None] == turn.numbers)
        if len(on):
            found.airtime[on], found.attempt_hz[on] = turn.airtime_s[own] / turn.length_s, 1.0 / turn.length_s
            found.bit_s[on] = turn.bits / turn.length_s
        return found

    def _next(self, flying: Flying, time_s: float) -> Turn:
        """What comes next on the channel."""
        rates, station = self._channel.bit_s(flying), self._channel.station(flying)
        heard = rates > 0.0
        stations = np.unique(station[heard])
        if not len(stations):
            return Turn(time_s, inf)
        begin_s = self._slots.idle(stations, time_s)
        if begin_s > time_s + 4 * ulp(time_s):
            return Turn(time_s, begin_s - time_s)
        senders = self._slots.senders(stations, time_s)
        at = np.array([self._in_turn(flying, (station == each) & heard) for each in senders])
        count, data_s = self._access.accesses(flying.size_bits[at], rates[at])
        length_s, airtime_s = self._slots.taken_s(data_s)
        if len(at) > 1:
            return Turn(time_s, length_s, flying.numbers[at], airtime_s)
        bits, left = (flying.size_bits[at] / count).item(), flying.bits[at].item()
        last = left <= bits * (1.0 + _ALMOST)
        return Turn(time_s, length_s, flying.numbers[at], airtime_s, left if last else bits, last)

    def _in_turn(self, flying: Flying, own: Mask) -> int:
        """Which of a station's messages is served: the one that was so longest ago."""
        at = min(np.flatnonzero(own).tolist(), key=lambda at: self._served.get(int(flying.numbers[at]), -1))
        self._turns += 1
        present = set(flying.numbers.tolist())
        self._served = {number: turn for number, turn in self._served.items() if number in present}
        self._served[int(flying.numbers[at])] = self._turns
        return int(at)
