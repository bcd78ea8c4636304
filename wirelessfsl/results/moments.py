"""One round of a run, lane by lane: what a timeline shows, before anything is drawn.

A client's lane holds what it computes, what it sends and what is sent to it; the server's lane what the server
computes, in as many slots as ran at once. Of many clients an even choice is shown.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.records import COMPUTE, SERVER, TRANSFER, WAIT
from wirelessfsl.results.columns import Facts, Floats, Mask

Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One round of a run.

    facts: of the round.
    round: the round.
    start_s: when its first computation, transfer or wait began.
    length_s: until the last of them ended.
    lanes: nodes to show, the server first.
    clients: how many clients the round has, shown or not.
    """

    facts: Facts
    round: int
    start_s: float
    length_s: float
    lanes: tuple[str, ...]
    clients: int

    def rows(self, *activities: str, node: str | None = None) -> Mask:
        """Which facts are one of the activities, of one node or of all that have a lane."""
        return self.facts.activity.among(*activities) & self.facts.node.among(*((node,) if node else self.lanes))

    def bars(self, node: str) -> tuple[Indices, Indices]:
        """Rows to draw in a node's lane, and the slot of each within the lane."""
        if node != SERVER:
            sent_to = self.rows(TRANSFER, node=SERVER) & self.facts.peer.among(node)
            rows = np.flatnonzero(self.rows(COMPUTE, TRANSFER, node=node) | sent_to)
            return rows, np.zeros_like(rows)
        rows = np.flatnonzero(self.rows(COMPUTE, node=SERVER))
        return rows, slots(self.facts.start_s[rows], self.facts.end_s[rows])

    def phases(self) -> set[str]:
        """Phases that have a bar in some lane."""
        codes = {code for node in self.lanes for code in self.facts.phase.codes[self.bars(node)[0]]}
        return {self.facts.phase.names[code] for code in codes}


def moment(facts: Facts, round: int | None = None, max_lanes: int = 20) -> Moment:
    """The round of a run to show.

    facts: of the run; at least one.
    round: which round; the first in the log by default.
    max_lanes: nodes to show at most, >= 2.

    Raises ValueError if nothing was computed, sent or waited for in the round.
    """
    round = int(facts.round[0]) if round is None else round
    inside = facts.where(facts.round == round)
    timed = inside.where(inside.activity.among(COMPUTE, TRANSFER, WAIT))
    if not timed.start_s.size:
        there = f"{facts.round.min()} to {facts.round.max()}"
        raise ValueError(f"no events in round {round}; the run has rounds {there}")
    nodes = {timed.node.names[code] for code in np.unique(timed.node.codes)}
    clients = sorted(nodes - {SERVER}, key=_natural)
    server = [SERVER] if SERVER in nodes else []
    shown = np.linspace(0, len(clients) - 1, min(max_lanes - len(server), len(clients))).astype(int)
    start_s = float(timed.start_s.min())
    return Moment(
        facts=inside,
        round=round,
        start_s=start_s,
        length_s=float(timed.end_s.max()) - start_s,
        lanes=(*server, *(clients[i] for i in shown)),
        clients=len(clients),
    )


def slots(start_s: Floats, end_s: Floats) -> Indices:
    """A slot for each of several intervals so that none overlaps another in its slot; as few slots as can be.

    >>> slots(np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 4.0]))
    array([0, 1, 0])
    """
    found = np.zeros(start_s.size, dtype=np.intp)
    busy: list[tuple[float, int]] = []
    for i in np.lexsort((end_s, start_s)):
        found[i] = heapq.heappop(busy)[1] if busy and busy[0][0] <= start_s[i] else len(busy)
        heapq.heappush(busy, (float(end_s[i]), int(found[i])))
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key under which client-2 comes before client-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
