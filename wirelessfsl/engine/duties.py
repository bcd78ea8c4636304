"""Duties: what devices draw that send in shares of the time, booked for all of a band at once.

With every message that comes or goes the shares of all others change, and with them the power of all their senders. Of
a radio that does nothing but send one message this takes a line of arithmetic, which is done here on columns: the same
numbers that :meth:`wirelessfsl.engine.node.Node.radiate` books one by one. Before anybody else looks at such a radio
they are written back (``Node.put_off``). All other senders are told each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from wirelessfsl.engine.airs import Index, Use
from wirelessfsl.engine.flight import Flight
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.power import TRANSMIT

_NOBODY = -1


class Duties:
    """Power of the senders of a band, and the energy and time that their radios are yet to be told.

    A row each of ``_columns``: power now; since when chain and meter have it; energy per transfer, and time and energy
    of transmission until then; idle power; level of the sender's power, and the power that it draws at it. ``_owner``
    is the number of the flight that a row is about.
    """

    def __init__(self) -> None:
        self._columns, self._owner = np.zeros((9, 8)), np.full(8, _NOBODY)
        self._free = list(range(8))

    def radiate(self, flying: Sequence[Flight], numbers: Index, rows: Index, use: Use, now: float) -> None:
        """Let every sender be on the air for its share of the time, with its part of the power.

        numbers: of the flights. rows: where those were that had one; new ones are entered.
        """
        booked = self._owner[rows] == numbers
        self._book(flying, np.flatnonzero(booked), rows, use, now)
        if booked.all():
            return
        others = np.flatnonzero(~booked).tolist()
        _tell([flying[at] for at in others], use.duty[others].tolist(), use.level[others].tolist())
        for at in others:
            if _only_sends(flying[at].sender):
                rows[at] = self._enter(flying[at].sender, numbers[at], use.level[at])

    def _book(self, flying: Sequence[Flight], places: Index, rows: Index, use: Use, now: float) -> None:
        mine, duty, level = rows[places], np.minimum(1.0, use.duty[places]), use.level[places]
        watts, chain_s, meter_s, share_j, time_s, energy_j, idle_w, at_level, level_w = self._columns
        for k in np.flatnonzero(level != at_level[mine]).tolist():
            at_level[mine[k]], level_w[mine[k]] = level[k], flying[places[k]].sender.radio.sent_w(level[k].item())
        wanted = duty * level_w[mine] + (1.0 - duty) * idle_w[mine]
        changed = wanted != watts[mine]
        mine, wanted = mine[changed], wanted[changed]
        before_w, elapsed = watts[mine], now - meter_s[mine]
        share_j[mine] += (now - chain_s[mine]) * before_w
        time_s[mine] += elapsed
        energy_j[mine] += elapsed * before_w
        chain_s[mine] = meter_s[mine] = now
        watts[mine] = wanted

    def _enter(self, node: Node, number: int, level: float) -> int:
        if not self._free:
            count = len(self._owner)
            self._columns = np.hstack((self._columns, np.zeros_like(self._columns)))
            self._owner = np.hstack((self._owner, np.full(count, _NOBODY)))
            self._free = list(range(count, 2 * count))
        row, radio = self._free.pop(), node.radio
        chain, meter = radio.transmitter, radio.meter
        booked = chain.share_j, meter.time_s.get(TRANSMIT, 0.0), meter.energy_j.get(TRANSMIT, 0.0)
        powers = radio.states.silent[0].power_w, level, radio.sent_w(level)
        self._columns[:, row] = radio.sending_w, chain.since_s, meter.since_s, *booked, *powers
        self._owner[row] = number
        node.put_off = partial(self._write_back, node, row)
        return row

    def _write_back(self, node: Node, row: int) -> None:
        node.put_off = None
        watts, chain_s, meter_s, share_j, time_s, energy_j, *_ = self._columns[:, row].tolist()
        radio, self._owner[row] = node.radio, _NOBODY
        self._free.append(row)
        chain, meter = radio.transmitter, radio.meter
        radio.sending_w = chain.power_w = meter.power_w = watts
        chain.since_s, chain.share_j = chain_s, share_j
        if meter_s > meter.since_s:
            meter.since_s, meter.time_s[TRANSMIT], meter.energy_j[TRANSMIT] = meter_s, time_s, energy_j


def _only_sends(node: Node) -> bool:
    """Whether a radio sends one message and does nothing else, and no battery waits for the end of its charge."""
    radio = node.radio
    sends = radio.transmitter.active == 1 and not radio.receiver.active and not radio.transmitter.j_per_bit
    return sends and node.up and not node.on_battery and node.put_off is None


def _tell(flights: Sequence[Flight], duty: Iterable[float], level: Iterable[float]) -> None:
    """One by one, all that a sender has in the air together."""
    duties: dict[Node, float] = {}
    levels: dict[Node, float] = {}
    for flight, own_duty, own_level in zip(flights, duty, level, strict=True):
        sender = flight.sender
        duties[sender] = min(1.0, duties.get(sender, 0.0) + own_duty)
        levels[sender] = max(own_level, levels.get(sender, 0.0))
    for node, share in duties.items():
        node.radiate(share, levels[node])
