"""One round of a run, lane by lane: what a timeline shows, before anything is drawn.

A client's lane holds the rows that tile its round: what it computes, sends and waits for, and what the server computes
and sends for it or keeps waiting for it. The server's lane holds what the server computes, in as many slots as ran at
once, so a server step stands in both. Of many clients an even choice is shown.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wirelessfsl.records import COMPUTE, DROP, TRANSFER, WAIT, is_server
from wirelessfsl.results.columns import Facts, Floats, Ints, Mask

Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One round of a run.

    facts: of the round.
    round: the round.
    start_s: when its first computation, transfer or wait began.
    length_s: until the last of them ended; 0 where every client left at once.
    lanes: nodes to show, servers first.
    clients: how many clients the round has, shown or not.
    """

    facts: Facts
    round: int
    start_s: float
    length_s: float
    lanes: tuple[str, ...]
    clients: int

    def bars(self, node: str) -> tuple[Indices, Indices]:
        """Rows to draw in a node's lane, and the slot of each within the lane."""
        if is_server(node):
            f = self.facts
            here, between = f.node.among(node), f.node.servers & f.peer.servers
            shown = f.activity.among(COMPUTE) | (f.activity.among(TRANSFER) & between)
            rows = np.flatnonzero(shown & (here | (f.peer.among(node) & between)))
            return rows, slots(self.facts.start_s[rows], self.facts.end_s[rows])
        rows = self._of_client(node, COMPUTE, TRANSFER)
        return rows, np.zeros_like(rows)

    def waits(self, node: str) -> Indices:
        """Rows in which a client, or a message to it, waits; none for the server."""
        return self._of_client(node, WAIT)

    def drops(self, node: str) -> Indices:
        """Rows in which a client leaves the round."""
        return self._of_client(node, DROP)

    def _of_client(self, node: str, *activities: str) -> Indices:
        f = self.facts
        named: Mask = (f.node.among(node) | f.peer.among(node)) & (not is_server(node))
        return np.flatnonzero(named & f.activity.among(*activities))

    def phases(self) -> dict[str, float]:
        """Phases that have a bar in some lane, each with its share of the round in the lane where it has most."""
        seconds = self.facts.end_s - self.facts.start_s
        most: dict[str, float] = {}
        for node in self.lanes:
            drawn = np.zeros(seconds.size, dtype=bool)
            drawn[self.bars(node)[0]] = True
            for phase, total in self.facts.phase.totals(seconds, drawn).items():
                most[phase] = max(most.get(phase, 0.0), total / self.length_s if self.length_s else 0.0)
        return most


def moment(facts: Facts, round: int | None = None, max_lanes: int = 20) -> Moment:
    """The round of a run to show.

    facts: of the run; at least one.
    round: which round; the first in the log by default.
    max_lanes: nodes to show at most, >= 2.

    Raises ValueError if nothing was computed, sent or waited for in the round and nobody left it.
    """
    round = int(facts.round[0]) if round is None else round
    inside = facts.where(facts.round == round)
    timed = inside.where(inside.activity.among(COMPUTE, TRANSFER, WAIT, DROP))
    if not timed.start_s.size:
        there = f"{facts.round.min()} to {facts.round.max()}"
        raise ValueError(f"no events in round {round}; the run has rounds {there}")
    nodes = {who.names[code] for who in (timed.node, timed.peer) for code in np.unique(who.codes)}
    servers = sorted(filter(is_server, nodes), key=natural)
    clients = sorted(nodes - {*servers, ""}, key=natural)
    shown = np.linspace(0, len(clients) - 1, min(max(max_lanes - len(servers), 1), len(clients))).astype(int)
    start_s = float(timed.start_s.min())
    return Moment(
        facts=inside,
        round=round,
        start_s=start_s,
        length_s=float(timed.end_s.max()) - start_s,
        lanes=(*servers, *(clients[i] for i in shown)),
        clients=len(clients),
    )


def slots(start: Floats | Ints, end: Floats | Ints) -> Indices:
    """A slot for each of several intervals so that none overlaps another in its slot; as few slots as can be.

    >>> slots(np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 4.0]))
    array([0, 1, 0])
    """
    found = np.zeros(start.size, dtype=np.intp)
    busy: list[tuple[float, int]] = []
    for i in np.lexsort((end, start)):
        found[i] = heapq.heappop(busy)[1] if busy and busy[0][0] <= start[i] else len(busy)
        heapq.heappush(busy, (end[i].item(), int(found[i])))
    return found


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key under which client-2 comes before client-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
