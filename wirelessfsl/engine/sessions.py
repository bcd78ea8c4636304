"""Sessions: who is running what, and how it ends.

A session is one client's part in a round, as a process of its own. Those of a round are gathered (``together``) or
taken as they end (``start`` and ``arrived``). A client that falls (failure, empty battery), loses a message or is late
is dropped; so is one that falls between two sessions of which the second goes on with the first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any, ClassVar

from simpy import Environment, Event, Interrupt, Process

from wirelessfsl.engine.journal import Journal, Session
from wirelessfsl.engine.node import Node, Steps
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.transport import Lost
from wirelessfsl.records import DOWN, DROP, IDLE, WAIT

_END = "end"
"""Why sessions are cut off when the run is over, which is no reason to tell."""


class Exhausted(Exception):
    """No client is left and none will come back: the training ends here."""


class Sessions:
    """The sessions of all clients; ``running`` has the processes of those that are under way."""

    KEPT: ClassVar = ("_until_s",)

    def __init__(self, env: Environment, journal: Journal, participation: Participation) -> None:
        self.env, self.journal, self.participation = env, journal, participation
        self.running: dict[Node, Process] = {}
        self._lending: dict[Node, Process] = {}
        self._between: set[Node] = set()
        self._more = False
        self._until_s = inf
        self._arrivals: deque[tuple[Node, Any]] | None = None
        self._arrival: Event | None = None
        self._waiting: set[Node] = set()
        self._away: set[Node] = set()

    def together(
        self,
        sessions: Mapping[Node, Steps],
        step: int = -1,
        again: bool = False,
        more: bool = False,
    ) -> Generator[Event, Any, dict[Node, Any]]:
        """Run one session per client at once; returns the results of those that finished, in the order given.

        A client whose battery runs empty, that fails, that loses a message or that is not done at the deadline is
        dropped: its session ends where it is, and the others go on. One that is down already does not begin.

        step: the batch that the sessions are about, for the log; -1 if they are about several or none.
        again: these sessions go on with what others before them in the round began; a client that has fallen in between
            does not. The clock of the deadline goes on, too; else it begins here.
        more: others will go on with these; a client that falls until then is dropped, too.
        """
        if not again:
            deadline_s = self.participation.deadline_s
            self._until_s = inf if deadline_s is None else self.env.now + deadline_s
        running = {}
        began = {client: client.falls for client in sessions}
        for client, steps in sessions.items():
            if not client.up or (again and client not in self._between):
                steps.close()
                if not again:
                    self.journal.write(self.env.now, self.env.now, client, DROP, DOWN)
                continue
            running[client] = process = self.env.process(self._session(client, steps))
            self.journal.sessions[process] = Session(client, step)
        self.running.update(running)
        self._more = more
        if self._until_s < inf and self.participation.late == "drop":
            yield self.env.all_of(running.values()) | self.env.timeout(max(self._until_s - self.env.now, 0.0))
            for process in running.values():
                if process.is_alive:
                    process.interrupt("deadline")
        # Made anew: SimPy takes a condition inside of another apart when the outer one happens.
        yield self.env.all_of(running.values())
        for client, process in running.items():
            del self.running[client], self.journal.sessions[process]
        done = {client: process.value[0] for client, process in running.items() if process.value}
        if more:  # who fell after its own session, while those of others went on, does not go on either
            done = {client: result for client, result in done.items() if client.falls == began[client]}
        self._between = (self._between - set(sessions) | set(done) if again else set(done)) if more else set()
        return done

    def start(self, client: Node, steps: Steps, step: int = -1, again: bool = False) -> None:
        """Let a session of one client run while the scheme goes on; :meth:`arrived` tells its end.

        step: as for :meth:`together`. again: it follows on the result of the client's last session; if the client has
            fallen since, it does not, and the client arrives anew when it is up. Needed where there is such a result.
        """
        assert client not in self.running, f"{client.name} has a session already"
        if client.up and (client in self._waiting or not again):
            self._waiting.discard(client)
            self.running[client] = process = self.env.process(self._visit(client, steps))
            self.journal.sessions[process] = Session(client, step)
            return
        steps.close()
        if not again:  # it fell since it was told to be ready
            self._away.add(client)

    def arrived(self, clients: Sequence[Node]) -> Generator[Event, Any, tuple[Node, Any]]:
        """Wait for the next of the clients: with the result of its session, or with None if it has nothing to do.

        It has nothing to do at the beginning, or if its session was dropped and it is up (again). In order of arrival.
        Raises Exhausted if no client will ever come.
        """
        if self._arrivals is None:
            self._arrivals = deque((client, None) for client in clients)
        while not self._arrivals:
            if all(node.gone for node in clients):
                raise Exhausted("no client is left")
            self._arrival = self.env.event()
            yield self._arrival
        return self._arrivals.popleft()

    def halt(self) -> Steps:
        """Cut off all sessions that are under way: the run ends here."""
        running = [*self.running.values()]
        for process in running:
            process.interrupt(_END)
        yield self.env.all_of(running)

    @property
    def overdue(self) -> bool:
        """Whether clients that are late end the batch that they are in, and it is late."""
        return self.participation.late == "partial" and self.env.now >= self._until_s

    @contextmanager
    def lending(self, sender: Node) -> Iterator[None]:
        """Another client, which has no session now, does something in this one.

        If it falls meanwhile, this session ends as if a message was lost.
        """
        self.wait_over(sender)
        self._lending[sender] = self.running[self.journal.session.client]
        try:
            yield
        finally:
            del self._lending[sender]
            sender.free_since_s = self.env.now

    def fell(self, node: Node, reason: str) -> None:
        """A node is off from now on: its session, if any, is dropped."""
        node.switch(up=False)
        node.falls += 1
        process = self.running.get(node)
        if process is not None and process.is_alive:
            process.interrupt(reason)
        elif node in self._lending:
            self._lending[node].interrupt("lost")
        elif node in self._waiting:
            self._waiting.discard(node)
            self._away.add(node)
            self.journal.write(self.env.now, self.env.now, node, DROP, reason)
            self._arrive()
        elif node in self._between or (process is not None and process.value and self._more):
            self._between.discard(node)
            self.journal.write(self.env.now, self.env.now, node, DROP, reason)

    def rose(self, node: Node) -> None:
        """A node is on again; it arrives, if it had been told to be ready."""
        node.switch(up=True)
        if node in self._away:
            self._away.discard(node)
            self._arrive((node, None))

    def close_round(self) -> None:
        """Nothing goes on with what was begun."""
        self._between, self._more = set(), False

    def wait_over(self, client: Node) -> None:
        """Book the time since the client's last session as waiting."""
        if self.env.now > client.free_since_s:
            self.journal.write(client.free_since_s, self.env.now, client, WAIT, IDLE)
            client.free_since_s = self.env.now

    def _session(self, client: Node, steps: Steps) -> Steps:
        self.wait_over(client)
        try:
            result = yield from steps
        except Interrupt as interrupt:
            reason = str(interrupt.cause)
            if reason == _END:
                return None
        except Lost:
            reason = "lost"
        else:
            return (result,)
        finally:
            client.free_since_s = self.env.now
        self.journal.write(self.env.now, self.env.now, client, DROP, reason)
        return None

    def _visit(self, client: Node, steps: Steps) -> Steps:
        done = yield from self._session(client, steps)
        del self.running[client], self.journal.sessions[self.env.active_process]
        if done:
            self._waiting.add(client)
            self._arrive((client, done[0]))
        elif client.up:
            self._arrive((client, None))
        else:
            self._away.add(client)
            self._arrive()

    def _arrive(self, *arrivals: tuple[Node, Any]) -> None:
        """Queue arrivals, if any, and wake up who waits for them."""
        if self._arrivals is not None:
            self._arrivals.extend(arrivals)
        if self._arrival is not None:
            self._arrival.succeed()
            self._arrival = None
