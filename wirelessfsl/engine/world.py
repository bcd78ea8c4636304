"""The world: all that a training scheme may see and do.

A scheme is a generator that tells both ends of its protocol: nodes compute, ``transfer`` moves tensors, ``together``
runs one session per client at once. Time, energy, bytes, queues, contention, losses and failures happen underneath, and
every fact goes to the log.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from simpy import Environment, Event, Interrupt, Process

from wirelessfsl.devices.compute import Jitter, NoJitter
from wirelessfsl.devices.failures import Failures
from wirelessfsl.engine.coding import Coding
from wirelessfsl.engine.custody import check, claim
from wirelessfsl.engine.medium import Delivery, Flight, Medium
from wirelessfsl.engine.node import Node, Steps
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.transport import Lost, Skipped, Transport
from wirelessfsl.learning.data import ClientData
from wirelessfsl.learning.evaluate import Mixture
from wirelessfsl.learning.executor import Executor, Work
from wirelessfsl.learning.stage import Part, Stage
from wirelessfsl.records import DOWN, DROP, IDLE, MODEL_DOWNLOAD, RECEIVE, TRANSFER, WAIT, Log
from wirelessfsl.records import Event as Fact

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Cut", "Exhausted", "Lost", "Node", "SimulationError", "Skipped", "Steps", "World"]


_END = "end"
"""Why sessions are cut off when the run is over, which is no reason to tell."""


@dataclass(eq=False)
class Broadcast:
    """A message to several receivers at once, ready to fly; it takes off when the first listens."""

    sender: Node
    kind: str
    payload: bytes
    single: bool
    flight: Flight | None = None


class Cut(NamedTuple):
    """What of smashed data flies, and how the receiver fills it up again; in evaluation as in training."""

    flown: Callable[[Tensor], Tensor] = lambda smashed: smashed
    filled: Callable[[Tensor], Tensor] = lambda received: received


Model = Sequence[Part] | Mapping[Node, Sequence[Part] | Mixture]
"""Parts of one model for all, or of a model (or of a mixture of models) for each client."""


class SimulationError(RuntimeError):
    """Something failed inside the simulation; the message says which node, kernel, round, step and simulated time."""


class Exhausted(Exception):
    """No client is left and none will come back: the training ends here."""


@dataclass(eq=False)
class Session:
    """One client's part in a round; ``step`` is its batch (-1 outside of batches)."""

    client: Node
    step: int = -1


class World:
    """Nodes, medium, codecs and clock. Built by ``build.py``; algorithms use the methods up to ``close_round``."""

    def __init__(
        self,
        seed: int,
        executor: Executor,
        log: Log,
        transport: Transport = Transport(),  # noqa: B008 (a frozen value)
        participation: Participation = Participation(),  # noqa: B008
    ) -> None:
        self.env = Environment(initial_time=0.0)
        self.seed, self.executor, self.log = seed, executor, log
        self.transport, self.participation = transport, participation
        self.round = 0
        self.rounds_planned = 0
        self.client_steps = 0
        self.clients: tuple[Node, ...] = ()
        self.server: Node
        self.medium: Medium
        self.coding: Coding
        self.stages: tuple[Stage, ...] = ()
        self.crossings: tuple[str, ...] = ()
        self.initial: tuple[Part, ...] = ()
        self.pretrained: Mapping[str, Any] | None = None
        self.own_stages: dict[Node, tuple[Stage, ...]] = {}
        self.own_initial: dict[Node, tuple[Part, ...]] = {}
        self.data: Mapping[Node, ClientData] = {}
        self.on_round: Callable[[World, Model, Mapping[Node, Sequence[float]], Cut], None] = lambda *_: None
        self._jitter: dict[Node, Jitter] = {}
        self._sessions: dict[Process | None, Session] = {}
        self._running: dict[Node, Process] = {}
        self._back: Event | None = None
        self._between: set[Node] = set()
        self._more = False
        self._last: dict[tuple[str, str, str], tuple[Tensor, ...]] = {}
        self._lending: dict[Node, Process] = {}
        self._until_s = inf
        self._arrivals: deque[tuple[Node, Any]] | None = None
        self._arrival: Event | None = None
        self._waiting: set[Node] = set()
        self._away: set[Node] = set()
        self._batches: Counter[Node] = Counter()
        self._round_began_s = 0.0

    # What a scheme uses

    def rounds(self, count: int) -> Iterator[int]:
        """Count the rounds, from 1."""
        self.rounds_planned = count
        for self.round in range(1, count + 1):
            self._round_began_s = self.env.now
            for node, jitter in self._jitter.items():
                node.slowness = jitter.factor(self.seed, node.name, self.round)
            yield self.round

    def stages_of(self, client: Node) -> tuple[Stage, ...]:
        """The stages of a client's model: those of the world, unless the client has some of its own."""
        return self.own_stages.get(client, self.stages)

    def initial_of(self, client: Node) -> tuple[Part, ...]:
        """Initial values of :meth:`stages_of`."""
        return self.own_initial.get(client, self.initial)

    def participants(self, of: Collection[Node] | None = None) -> Generator[Event, Any, tuple[Node, ...]]:
        """The clients of this round, as the scenario chooses them of those that are up.

        of: clients that there are at all; by default all.

        Waits for the first to come back if none is up. Raises Exhausted if none ever will.
        """
        there = self.clients if of is None else [client for client in self.clients if client in of]
        while not (up := tuple(node for node in there if node.up)):
            if all(node.gone for node in there):
                raise Exhausted("no client is left")
            self._back = self.env.event()
            yield self._back
        return self.participation.choice.choose(self, up)

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
                    self.log_event(self.env.now, self.env.now, client, DROP, DOWN)
                continue
            running[client] = process = self.env.process(self._session(client, steps))
            self._sessions[process] = Session(client, step)
        self._running.update(running)
        self._more = more
        if self._until_s < inf and self.participation.late == "drop":
            yield self.env.all_of(running.values()) | self.env.timeout(max(self._until_s - self.env.now, 0.0))
            for process in running.values():
                if process.is_alive:
                    process.interrupt("deadline")
        # Made anew: SimPy takes a condition inside of another apart when the outer one happens.
        yield self.env.all_of(running.values())
        for client, process in running.items():
            del self._running[client], self._sessions[process]
        done = {client: process.value[0] for client, process in running.items() if process.value}
        if more:  # who fell after its own session, while those of others went on, does not go on either
            done = {client: result for client, result in done.items() if client.falls == began[client]}
        self._between = (self._between - set(sessions) | set(done) if again else set(done)) if more else set()
        return done

    def start(self, client: Node, steps: Steps, step: int = -1, again: bool = False) -> None:
        """Let a session of one client run while the scheme goes on; :meth:`arrived` tells its end.

        step: as for :meth:`together`. again: it goes on with what the client's last session began; if the client has
        fallen since, it does not.
        """
        if client.up and (client in self._waiting or not again):
            self._waiting.discard(client)
            self._running[client] = process = self.env.process(self._visit(client, steps))
            self._sessions[process] = Session(client, step)
            return
        steps.close()
        if not again:  # it fell since it was told to be ready
            self._away.add(client)

    def arrived(self) -> Generator[Event, Any, tuple[Node, Any]]:
        """Wait for the next client: with the result of its session, or with None if it has nothing to do.

        It has nothing to do at the beginning, or if its session was dropped and it is up (again). In order of arrival.
        Raises Exhausted if no client will ever come.
        """
        if self._arrivals is None:
            self._arrivals = deque((client, None) for client in self.clients)
        while not self._arrivals:
            if all(node.gone for node in self.clients):
                raise Exhausted("no client is left")
            self._arrival = self.env.event()
            yield self._arrival
        return self._arrivals.popleft()

    def halt(self) -> Steps:
        """Cut off all sessions that are under way: the run ends here."""
        running = [*self._running.values()]
        for process in running:
            process.interrupt(_END)
        yield self.env.all_of(running)

    @contextmanager
    def about(self, step: int) -> Iterator[None]:
        """What the server computes inside, for nobody in particular, is about this batch: for the log."""
        process = self.env.active_process
        self._sessions[process] = Session(self.server, step)
        try:
            yield
        finally:
            del self._sessions[process]

    @property
    def now(self) -> float:
        """Simulated time in s."""
        return float(self.env.now)

    def batch(self, client: Node, step: int, count: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Batch ``step`` (from 0) of this round's ``count`` of a client: inputs and labels, as :meth:`batches`."""
        return self._batch(client, (self.round - 1) * count + step, batch_size)

    def next_batch(self, client: Node, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """The batch after the client's last one, whatever the round; the session is about ``step`` from here on."""
        self._sessions[self.env.active_process].step = step
        self._batches[client] += 1
        return self._batch(client, self._batches[client] - 1, batch_size)

    def steps(self, count: int) -> Iterator[int]:
        """Numbers of this round's batches, from 0; fewer than ``count`` if late clients do part of the work."""
        for step in range(count):
            if step and self.participation.late == "partial" and self.env.now >= self._until_s:
                return
            yield step

    def batches(self, client: Node, count: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """This round's batches of a client: inputs and labels, a function of seed, client and round alone."""
        session = self._sessions[self.env.active_process]
        for session.step in self.steps(count):
            yield self.batch(client, session.step, count, batch_size)
        session.step = -1

    def key(self, client: Node) -> int:
        """Key of a client's random numbers in training (dropout), for :meth:`Part.begin`."""
        return self.data[client].key

    def samples(self, client: Node) -> int:
        """Number of training samples of a client."""
        return len(self.data[client])

    def transfer(self, sender: Node, receiver: Node, **messages: Tensor | tuple[Tensor, ...]) -> Steps:
        """Send tensors in one message, ``kind=value`` each; returns what the receiver decodes, in the same order.

        Encoding is paid for by the sender, the air by both, decoding by the receiver. ``gradients`` are those of the
        last ``activations`` that went the other way, and return through the same codecs. If the message does not
        arrive, the scenario's case of outage (by its first kind) is met: raises Lost or Skipped, or returns what came
        last.
        """
        sealed = {}
        for kind, value in messages.items():
            check(sender.name, f"{kind} sent", value)
            try:
                sealed[kind] = self.coding.seal(sender.name, receiver.name, kind, _tensors(value))
            except ValueError as error:
                self._fail(sender, f"encoding {kind}", error)
        if flops := sum(each.flops for each in sealed.values()):
            yield from sender.spend("encode", flops)
        sizes = {kind: len(each.payload) for kind, each in sealed.items()}
        sizes[next(iter(sizes))] += self.transport.overhead_bytes
        case = self.transport.outage.of(next(iter(messages)))
        links = [(sender.name, receiver.name, kind) for kind in messages]
        try:
            yield from self._fly(sender, receiver, sizes)
        except Lost:
            last = [self._last.get(link, ()) for link in links]
            if case == "reuse" and _shapes(last) == _shapes(messages.values()):
                return self._as_sent(messages, last)
            if case == "skip" or (case == "reuse" and MODEL_DOWNLOAD not in messages):
                raise Skipped from None
            raise
        unsealed = [self.coding.unseal(sender.name, receiver.name, kind, sealed[kind].payload) for kind in messages]
        if flops := sum(each.flops for each in unsealed):
            yield from receiver.spend("decode", flops)
        received = [tensors for tensors, _ in unsealed]
        claim(receiver.name, received)
        if case == "reuse":
            self._last |= zip(links, received, strict=True)
        return self._as_sent(messages, received)

    def hand_over(self, sender: Node, **messages: Tensor | tuple[Tensor, ...]) -> Steps:
        """As :meth:`transfer`, from another client, which has no session now, to the one whose session this is."""
        session = self._sessions[self.env.active_process]
        self._wait_over(sender)
        self._lending[sender] = self._running[session.client]
        try:
            return (yield from self.transfer(sender, session.client, **messages))
        finally:
            del self._lending[sender]
            sender.free_since_s = self.env.now

    def broadcast(self, sender: Node, **message: Tensor | tuple[Tensor, ...]) -> Steps:
        """Encode tensors, ``kind=value``, for all who :meth:`hear` it: one transmission at the rate of the slowest.

        The bytes fly and count once: they and the sender's energy are shared out among those who receive them.
        Gradients in a broadcast are nobody's own, so that codecs of activations have no part in it: see
        :meth:`way_back`.
        """
        ((kind, value),) = message.items()
        check(sender.name, f"{kind} sent", value)
        try:
            sealed = self.coding.seal(sender.name, "", kind, _tensors(value))
        except ValueError as error:
            self._fail(sender, f"encoding {kind}", error)
        if sealed.flops:
            yield from sender.spend("encode", sealed.flops)
        return Broadcast(sender, kind, sealed.payload, not isinstance(value, tuple))

    def hear(self, receiver: Node, message: Broadcast) -> Steps:
        """Listen to a broadcast, from its first bit; returns what this receiver decodes.

        A receiver that falls meanwhile leaves, and the others go on. Raises Lost or Skipped, or returns what came last,
        as :meth:`transfer` does.
        """
        sender, kind = message.sender, message.kind
        link = sender.name, receiver.name, f"{kind} to all"
        size_bytes = len(message.payload) + self.transport.overhead_bytes
        if message.flight is None:
            message.flight = self.medium.broadcast(sender, size_bytes)
        assert message.flight.start_s == inf, f"{receiver.name} listens to a broadcast that is on the air already"
        message.flight.receivers.append(receiver)
        case = self.transport.outage.of(kind)
        try:
            yield from self._fly(sender, receiver, {kind: size_bytes}, message.flight)
        except Lost:
            last = self._last.get(link)
            if case == "reuse" and last:
                return last[0] if message.single else last
            if case in ("skip", "reuse"):
                raise Skipped from None
            raise
        tensors, flops = self.coding.unseal(sender.name, "", kind, message.payload)
        if flops:
            yield from receiver.spend("decode", flops)
        claim(receiver.name, tensors)
        if case == "reuse":
            self._last[link] = tensors
        return tensors[0] if message.single else tensors

    def way_back(self, client: Node) -> Callable[[Tensor], Steps]:
        """For gradients of the client's last activations that return in a broadcast or in pieces: call it before.

        Returns what the client does with the gradient of what the server decoded, to have that of what it encoded.
        """
        steps, flops = self.coding.way_back(client.name, self.server.name)

        def back(gradient: Tensor) -> Steps:
            if flops:
                yield from client.spend("decode", flops)
            (own,) = steps((gradient,))
            claim(client.name, own)
            return own

        return back

    def close_round(self, parts: Model, losses: Mapping[Node, Sequence[float]], cut: Cut = Cut()) -> None:  # noqa: B008
        """End the round: account for idle time and energy, evaluate, write down.

        A quiet instant, unless sessions of :meth:`start` are under way: what they do is accounted for when it ends.

        parts: values of the world's stages as they stand now; or those of each client, if it has a model of its own.
        losses: training loss of every batch of each client that finished.
        cut: what evaluation through codecs does with smashed data before and after.
        """
        now = self.env.now
        self._between, self._more = set(), False
        for node in (*self.clients, self.server):
            if node is not self.server and node not in self._running:
                self._wait_over(node)
            node.settle()
            idle_j = node.take_idle_j()
            self.log.event(
                Fact(self._round_began_s, now, node.name, "", IDLE, IDLE, self.round, -1, 0, 0.0, idle_j, 0, True)
            )
        self.on_round(self, parts, losses, cut)
        self.log.flush()

    # What happens underneath

    def _batch(self, client: Node, number: int, batch_size: int) -> tuple[Tensor, Tensor]:
        batch = self.data[client].batch(number, batch_size)
        claim(client.name, batch)
        self.client_steps += 1
        return batch

    def watch(self, node: Node, jitter: Jitter, failures: Failures) -> None:
        """Let a client's speed vary and its failures happen."""
        if not isinstance(jitter, NoJitter):
            self._jitter[node] = jitter
        self.env.process(self._outages(node, failures))

    def fell(self, node: Node, reason: str) -> None:
        """A node is off from now on: its session, if any, is dropped."""
        node.switch(up=False)
        node.falls += 1
        process = self._running.get(node)
        if process is not None and process.is_alive:
            process.interrupt(reason)
        elif node in self._lending:
            self._lending[node].interrupt("lost")
        elif node in self._waiting:
            self._waiting.discard(node)
            self._away.add(node)
            self.log_event(self.env.now, self.env.now, node, DROP, reason)
            self._arrive()
        elif node in self._between or (process is not None and process.value and self._more):
            self._between.discard(node)
            self.log_event(self.env.now, self.env.now, node, DROP, reason)

    def demand(self, node: Node, what: str, work: Work) -> Any:
        """The result of a kernel; its failure is told with place and simulated time."""
        try:
            return work.result()
        except Exception as error:
            self._fail(node, what, error)

    def log_event(
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
        """Append a fact; round, step and (unless given) the client that a server works for come from the session."""
        session = self._sessions.get(self.env.active_process)
        step = -1 if session is None else session.step
        peer = peer or (None if session is None or session.client is node else session.client)
        name = "" if peer is None else peer.name
        at = (start_s, end_s, node.name, name, activity, phase, self.round, step)
        self.log.event(Fact._make((*at, size_bytes, flops, energy_j, attempts, delivered)))

    def _session(self, client: Node, steps: Steps) -> Steps:
        self._wait_over(client)
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
        self.log_event(self.env.now, self.env.now, client, DROP, reason)
        return None

    def _visit(self, client: Node, steps: Steps) -> Steps:
        done = yield from self._session(client, steps)
        del self._running[client], self._sessions[self.env.active_process]
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

    def _wait_over(self, client: Node) -> None:
        """Book the time since the client's last session as waiting."""
        if self.env.now > client.free_since_s:
            self.log_event(client.free_since_s, self.env.now, client, WAIT, IDLE)
            client.free_since_s = self.env.now

    @staticmethod
    def _as_sent(messages: Mapping[str, Any], received: Sequence[tuple[Tensor, ...]]) -> Any:
        """What came, in the form in which it was given."""
        shaped = [
            got if isinstance(was, tuple) else got[0] for was, got in zip(messages.values(), received, strict=True)
        ]
        return shaped[0] if len(shaped) == 1 else tuple(shaped)

    def _fly(self, sender: Node, receiver: Node, sizes: Mapping[str, int], flight: Flight | None = None) -> Steps:
        asked_s = self.env.now
        flight = flight or self.medium.transmit(sender, receiver, sum(sizes.values()))
        try:
            if self.transport.timeout_s is None:
                yield flight
            else:
                yield flight | self.env.timeout(self.transport.timeout_s)
            delivery = flight.part(receiver) if flight.processed else self.medium.leave(flight, receiver)
        except Interrupt:
            self._log_flight(asked_s, sender, receiver, sizes, self.medium.leave(flight, receiver))
            raise
        self._log_flight(asked_s, sender, receiver, sizes, delivery)
        if not delivery.arrived:
            raise Lost

    def _log_flight(
        self, asked_s: float, sender: Node, receiver: Node, sizes: Mapping[str, int], delivery: Delivery
    ) -> None:
        """Log one message as one row a kind and end; time and energy are shared out by bytes."""
        start_s = min(delivery.start_s, delivery.end_s)
        if start_s > asked_s:
            self.log_event(asked_s, start_s, sender, WAIT, next(iter(sizes)), peer=receiver)
        total, before = sum(sizes.values()), 0
        span_s = delivery.end_s - start_s
        sent_bytes = delivery.sent_bytes
        for kind, size in sizes.items():
            sent = min(size, sent_bytes)
            sent_bytes -= sent
            share = size / total
            begin_s = start_s + span_s * (before / total)
            before += size
            end_s = delivery.end_s if before == total else start_s + span_s * (before / total)
            self.log_event(
                begin_s, end_s, sender, TRANSFER, kind, receiver, sent, energy_j=delivery.transmit_j * share,
                attempts=delivery.attempts, delivered=delivery.arrived,
            )  # fmt: skip
            self.log_event(
                begin_s, end_s, receiver, RECEIVE, kind, sender, energy_j=delivery.receive_j * share,
                attempts=delivery.attempts, delivered=delivery.arrived,
            )  # fmt: skip
        if sender is self.server:
            receiver.downlink_bytes += delivery.sent_bytes
        else:
            sender.uplink_bytes += delivery.sent_bytes

    def _outages(self, node: Node, failures: Failures) -> Steps:
        for down_s, up_s in failures.outages(self.seed, node.name):
            yield self.env.timeout(down_s - self.env.now)
            if node.gone:
                return
            node.gone = up_s == inf
            self.fell(node, "failure")
            if node.gone:
                return
            yield self.env.timeout(up_s - self.env.now)
            node.switch(up=True)
            if node in self._away:
                self._away.discard(node)
                self._arrive((node, None))
            if self._back is not None:
                self._back.succeed()
                self._back = None

    def _fail(self, node: Node, what: str, error: Exception) -> NoReturn:
        session = self._sessions.get(self.env.active_process)
        where = "" if session is None else f", session of {session.client.name}, step {session.step}"
        raise SimulationError(
            f"{what} at {node.name}{where}, round {self.round}, simulated time {self.env.now:.6g} s: {error}"
        ) from error


def _tensors(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def _shapes(values: Iterable[Tensor | tuple[Tensor, ...]]) -> list[list[tuple[int, ...]]]:
    return [[tuple(tensor.shape) for tensor in _tensors(value)] for value in values]
