"""Contention: stations that share one channel by random access, as means (Bianchi) and slot by slot.

Of the distributed coordination function of IEEE 802.11 there are its idle slots, its exponential backoff and what an
exchange of frames costs, all in the model of Bianchi, "Performance Analysis of the IEEE 802.11 Distributed Coordination
Function", IEEE JSAC 18(3), 2000: stations always have something to send, hear each other, never give up a frame, and
count a busy channel as one slot of their backoff. Stations may differ in the length of their frames, so that the slow
ones take the channel from the quick ones (Heusse et al., "Performance Anomaly of 802.11b", IEEE INFOCOM 2003). Of
slotted ALOHA there is a constant probability of sending in every slot. Left out: capture, hidden stations, priorities.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.streams import Floats, Keys, uniforms

Index = NDArray[np.intp]
_HALVINGS = 60
"""Of the interval that holds the fixed point: 2^-60 of it is left."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What an access to the channel costs beside the data, and how long stations back off.

    A slot of the backoff takes ``slot_s`` if nobody sends, data + ``success_s`` if one does, and the longest data of
    those that do + ``collision_s`` if several do. Where stations ask first (RTS/CTS), a collision takes
    ``collision_s`` alone, of which a sender is on the air for ``request_s``.

    slot_s: an idle slot, s.
    success_s: what an exchange takes beside the data, s.
    collision_s: what a collision takes beside the data, s.
    request_s: airtime of a request to send, s; 0 for none, the data are sent at once.
    window: slots W of the first backoff, which is uniform on 0 to W - 1.
    stages: m, how often the window doubles with collisions in a row.
    """

    slot_s: float
    success_s: float
    collision_s: float
    request_s: float = 0.0
    window: int = 16
    stages: int = 6


class Shares(NamedTuple):
    """What messages have of a channel that they contend for, arrays of shape (k,).

    success_hz: accesses with success, per second. attempt_hz: all accesses, per second. airtime: share of time that
    the sender is on the air with the message.
    """

    success_hz: Floats
    attempt_hz: Floats
    airtime: Floats


def attempt_probability(window: int, stages: int, collision: float) -> float:
    """Probability tau that a station sends in a slot, if its accesses collide with probability p.

    tau = 2 / (1 + W + p W sum_{i<m} (2p)^i), which is 2 (1 - 2p) / ((1 - 2p)(W + 1) + p W (1 - (2p)^m)) (Bianchi 2000,
    eq. 7) without the gap at p = 1/2.

    >>> attempt_probability(32, 3, 0.0) == 2 / 33
    True
    """
    return 2.0 / (1.0 + window + collision * window * sum((2.0 * collision) ** i for i in range(stages)))


@cache
def fixed_point(stations: int, window: int, stages: int) -> tuple[float, float]:
    """Probabilities that a station sends in a slot, and that this collides: tau(p) and p = 1 - (1 - tau)^(n - 1).

    The one falls and the other rises with p, so that there is one solution (Bianchi 2000, sec. IV-A).

    stations: n >= 1.

    >>> tau, p = fixed_point(10, 32, 3)
    >>> round(tau, 6), round(p, 6)
    (0.038685, 0.298884)
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        p = (low + high) / 2.0
        if 1.0 - (1.0 - attempt_probability(window, stages, p)) ** (stations - 1) > p:
            low = p
        else:
            high = p
    return attempt_probability(window, stages, high), high


def saturated(rules: Rules, data_s: Floats, station: Index) -> Shares:
    """What messages have of the channel while all their stations contend: Bianchi's model, with data of any lengths.

    All stations have the same chance of an access, whatever their rate, and the messages of one station have equal
    parts of its accesses. With P(no longer data than T on the air) = prod_s (1 - tau q_s(T)), where q_s(T) is the
    share of station s's messages that are longer, a slot takes on average

        (1 - tau)^n slot + P_1 success + sum_i P_i T_i + (P - P_1) collision + (E[max T] - sum_i P_i T_i)

    with the probability P_i that message i alone is on the air, P_1 their sum, and P = 1 - (1 - tau)^n.

    rules: costs and backoff.
    data_s: airtime T of an access for each message, s, shape (k,), k >= 1.
    station: which station sends it, shape (k,).
    """
    names, station, counts = np.unique(station, return_inverse=True, return_counts=True)
    n, shared = len(names), 1.0 / counts[station]
    tau, _ = fixed_point(n, rules.window, rules.stages)
    attempt = tau * shared
    success = attempt * (1.0 - tau) ** (n - 1)
    idle, alone = (1.0 - tau) ** n, success.sum()
    exchange_s = float(success @ data_s) + alone * rules.success_s
    collided = 1.0 - idle - alone
    sent_s = data_s
    if rules.request_s:
        collision_s = collided * rules.collision_s
        sent_s = rules.request_s + data_s * (success / attempt)
    else:
        collision_s = collided * rules.collision_s + _longest_s(tau, data_s, station, shared) - success @ data_s
    slot_s = idle * rules.slot_s + exchange_s + float(collision_s)
    return Shares(success / slot_s, attempt / slot_s, attempt * sent_s / slot_s)


def among_equals(rules: Rules, data_s: Floats, stations: Floats) -> Floats:
    """Accesses with success per second that a station has among n that are like it, shape as both arguments together.

    tau (1 - tau)^(n-1) over the mean length of a slot (Bianchi 2000, sec. IV-B); n need not be whole, as in a mean.

    data_s: airtime of an access, s. stations: n >= 1.

    >>> among_equals(Rules(slot_s=1.0, success_s=2.0, collision_s=2.0, window=3), np.array([10.0]), np.array([1.0]))
    array([0.07692308])
    """
    whole = np.arange(1, int(np.max(stations)) + 2)
    tau = np.interp(stations, whole, [fixed_point(n, rules.window, rules.stages)[0] for n in whole.tolist()])
    success = tau * (1.0 - tau) ** (stations - 1.0)
    idle, alone = (1.0 - tau) ** stations, stations * success
    collision_s = rules.collision_s + (0.0 if rules.request_s else data_s)
    slot_s = idle * rules.slot_s + alone * (data_s + rules.success_s) + (1.0 - idle - alone) * collision_s
    found: Floats = success / slot_s
    return found


def _longest_s(tau: float, data_s: Floats, station: Index, shared: Floats) -> float:
    """E[max T] over those on the air, 0 if nobody is: T times the probability that the first silent one is longer."""
    order = np.argsort(-data_s, kind="stable")
    data_s, station, shared = data_s[order], station[order], shared[order]
    # How many longer messages of the same station come before each.
    grouped = np.argsort(station, kind="stable")
    first = np.searchsorted(station[grouped], station[grouped])
    before = np.empty(len(order))
    before[grouped] = np.arange(len(order)) - first
    silent = np.cumprod((1.0 - tau * shared * (before + 1.0)) / (1.0 - tau * shared * before))
    return float(-data_s @ np.diff(silent, prepend=1.0))


class Backoff:
    """Backoff of stations, slot by slot: who is on the air next, and after how many idle slots.

    Every number drawn is a pure function of the station's stream and of the slots that were busy before.

    rules: the window and how it doubles.
    stream_keys: key of every station's stream, shape (n,).
    """

    KEPT: ClassVar = ("_busy", "_stage", "_left")

    def __init__(self, rules: Rules, stream_keys: Keys) -> None:
        self._window, self._stages, self._keys = rules.window, rules.stages, stream_keys
        self._busy = 0
        self._stage = np.zeros(len(stream_keys), np.int64)
        self._left = np.full(len(stream_keys), -1, np.int64)

    def idle_slots(self, contending: Index) -> int:
        """Idle slots until the first of the contending stations sends; those that are new draw their backoff."""
        new = contending[self._left[contending] < 0]
        self._draw(new)
        return int(self._left[contending].min())

    def pass_by(self, contending: Index, slots: int) -> None:
        """Let so many idle slots pass."""
        self._left[contending] -= slots

    def send(self, contending: Index) -> Index:
        """The stations whose backoff is over, which now send, all others counting the busy slot as one."""
        ready = self._left[contending] == 0
        senders: Index = contending[ready]
        self._left[contending[~ready]] -= 1
        self._stage[senders] = np.minimum(self._stage[senders] + 1, self._stages) if len(senders) > 1 else 0
        self._busy += 1
        self._draw(senders)
        return senders

    def leave(self, stations: Index) -> None:
        """Stations that have nothing to send any more forget their backoff."""
        self._left[stations], self._stage[stations] = -1, 0

    def _draw(self, stations: Index) -> None:
        windows = self._window * 2 ** self._stage[stations]
        self._left[stations] = (uniforms(self._keys[stations], self._busy) * windows).astype(np.int64)
