"""The journal: every fact goes to the log with the round, the batch and the client that it is about.

A process is about a session, one client's part in a round; what a server computes is put down to the client whose
session it is done in. What fails is told with the same particulars.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from simpy import Environment, Process

from wirelessfsl.records import IDLE, RECEIVE, TRANSFER, Event, Log

if TYPE_CHECKING:
    from wirelessfsl.engine.node import Node


class SimulationError(RuntimeError):
    """Something failed inside the simulation; the message says which node, kernel, round, step and simulated time."""


class Place(NamedTuple):
    """Something that a node does in the simulation; as a text, what is said of it if it fails."""

    what: str
    node: str
    client: str
    step: int
    round: int
    time_s: float

    def __str__(self) -> str:
        session = f", session of {self.client}, step {self.step}" if self.client else ""
        return f"{self.what} at {self.node}{session}, round {self.round}, simulated time {self.time_s:.6g} s"


@dataclass(eq=False)
class Session:
    """One client's part in a round; ``step`` is its batch (-1 outside of batches)."""

    client: Node
    step: int = -1


class Journal:
    """What is written down of what happens; ``began_s`` has when each round began, from round 0 on (before the first).

    ``sessions`` has those that processes are about.
    """

    KEPT: ClassVar = ("began_s",)

    def __init__(self, env: Environment, log: Log) -> None:
        self.env, self.log = env, log
        self.began_s = [0.0]
        self.sessions: dict[Process | None, Session] = {}

    @property
    def round(self) -> int:
        """Number of the round, from 1; 0 before the first."""
        return len(self.began_s) - 1

    @property
    def session(self) -> Session:
        """The session of the process that runs now. Raises KeyError if it has none."""
        return self.sessions[self.env.active_process]

    @contextmanager
    def about(self, node: Node, step: int) -> Iterator[None]:
        """What the process does inside is about this batch of a node."""
        process = self.env.active_process
        self.sessions[process] = Session(node, step)
        try:
            yield
        finally:
            del self.sessions[process]

    def write(
        self,
        start_s: float,
        end_s: float,
        node: Node,
        activity: str,
        phase: str,
        peer: Node | None = None,
        size_bytes: int = 0,
        flops: float = 0.0,
        energy_j: float = 0.0,
        attempts: int = 0,
        delivered: bool = True,
    ) -> None:
        """Append a fact; step and (unless given) the client that a node works for come from the session.

        Its round is the one in which it ended. Whoever waits for its turn does so for nobody.
        """
        session, step = self.sessions.get(self.env.active_process), -1
        if session is not None:
            step = session.step
            if peer is None and session.client is not node and phase != IDLE:
                peer = session.client
        name = "" if peer is None else peer.name
        at = start_s, end_s, node.name, name, activity, phase, self._round_of(end_s), step
        self.log.event(Event(*at, size_bytes, flops, energy_j, attempts, delivered))

    def write_flown(
        self,
        start_s: float,
        end_s: float,
        sender: Node,
        receiver: Node,
        kind: str,
        size_bytes: int,
        transmit_j: float,
        receive_j: float,
        attempts: int,
        delivered: bool,
    ) -> None:
        """Append what flew as :meth:`write` does: a row of the sender, with the bytes, and one of the receiver."""
        session = self.sessions.get(self.env.active_process)
        step, number = -1 if session is None else session.step, self._round_of(end_s)
        sent = Event(
            start_s, end_s, sender.name, receiver.name, TRANSFER, kind, number, step, size_bytes, 0.0, transmit_j,
            attempts, delivered,
        )  # fmt: skip
        heard = Event(
            start_s, end_s, receiver.name, sender.name, RECEIVE, kind, number, step, 0, 0.0, receive_j,
            attempts, delivered,
        )  # fmt: skip
        self.log.event(sent)
        self.log.event(heard)

    def _round_of(self, instant_s: float) -> int:
        """The round that an instant is in; it may be over by now."""
        number = len(self.began_s) - 1
        while instant_s < self.began_s[number]:
            number -= 1
        return number

    def place(self, node: Node, what: str) -> Place:
        """What a node does now, and where in the simulation that is."""
        session = self.sessions.get(self.env.active_process)
        client, step = ("", -1) if session is None else (session.client.name, session.step)
        return Place(what, node.name, client, step, len(self.began_s) - 1, self.env.now)
