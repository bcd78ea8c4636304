"""The world: all that a training scheme may see and do.

A scheme is a generator that tells both ends of its protocol: nodes compute, ``transfer`` moves tensors, ``together``
runs one session per client at once. Time, energy, bytes, queues, contention, losses and failures happen underneath, and
every fact goes to the log. The world itself counts rounds, deals batches and lets nodes fail; who runs what is known to
``sessions``, what is sent to ``messages``, and what is written down to ``journal``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from simpy import Environment, Event

from wirelessfsl.devices.compute import Jitter, NoJitter
from wirelessfsl.devices.failures import Failures, NoFailures
from wirelessfsl.engine.custody import Custody, NoCustody
from wirelessfsl.engine.journal import Journal, SimulationError
from wirelessfsl.engine.medium import Medium
from wirelessfsl.engine.messages import Broadcast, Messages
from wirelessfsl.engine.node import Node, Steps
from wirelessfsl.engine.outages import Outages
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.sessions import Exhausted, Sessions
from wirelessfsl.engine.transport import Lost, Skipped
from wirelessfsl.learning.data import BlankData, ClientData
from wirelessfsl.learning.evaluate import Mixture
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.kernels import Kernel, batch
from wirelessfsl.learning.stage import Part, Stage
from wirelessfsl.records import IDLE, Log
from wirelessfsl.records import Event as Fact

if TYPE_CHECKING:
    from torch import Tensor

    from wirelessfsl.engine.edges import Edge

__all__ = ["Broadcast", "Cut", "Exhausted", "Lost", "Model", "Node", "SimulationError", "Skipped", "Steps", "World"]


class Cut(NamedTuple):
    """What of smashed data flies, and how the receiver fills it up again; in evaluation as in training."""

    flown: Callable[[Tensor], Tensor] = lambda smashed: smashed
    filled: Callable[[Tensor], Tensor] = lambda received: received


Model = Sequence[Part] | Mapping[Node, Sequence[Part] | Mixture]
"""Parts of one model for all, or of a model (or of a mixture of models) for each client."""


class World:
    """Nodes, model, data and clock. Built by ``build.py``; algorithms use the methods up to ``close_round``."""

    KEPT: ClassVar[tuple[str, ...]] = ("client_steps", "journal", "sessions")

    def __init__(
        self,
        seed: int,
        executor: Executor,
        log: Log,
        participation: Participation = Participation(),  # noqa: B008 (a frozen value)
        custody: Custody | NoCustody = Custody(),  # noqa: B008 (has no state)
    ) -> None:
        self.env = Environment(initial_time=0.0)
        self.seed, self.executor, self.log, self.participation = seed, executor, log, participation
        self.journal, self.custody = Journal(self.env, log), custody
        self.sessions = Sessions(self.env, self.journal, participation)
        self.messages: Messages
        self.medium: Medium
        self.rounds_planned = 0
        self.client_steps = 0
        self.clients: tuple[Node, ...] = ()
        self.relays: tuple[Node, ...] = ()
        self.server: Node
        self.edge_servers: tuple[Node, ...] = ()
        self.edges: tuple[Edge, ...] = ()
        self.stages: tuple[Stage, ...] = ()
        self.crossings: tuple[str, ...] = ()
        self.initial: tuple[Part, ...] = ()
        self.pretrained: Mapping[str, Any] | None = None
        self.own_stages: dict[Node, tuple[Stage, ...]] = {}
        self.own_initial: dict[Node, tuple[Part, ...]] = {}
        self.data: Mapping[Node, ClientData | BlankData] = {}
        self.on_round: Callable[[World, Model, Mapping[Node, Sequence[float]], Cut], None] = lambda *_: None
        self.on_boundary: Callable[[World, Any], None] = lambda *_: None
        self.outages: list[Outages] = []
        self._jitter: dict[Node, Jitter] = {}
        self._back: Event | None = None
        self._batches: Counter[Node] = Counter()

    # What a scheme uses: rounds and who takes part

    def rounds(self, count: int, state: object) -> Iterator[int]:
        """The numbers of those of ``count`` rounds that are left, from 1 if none is over.

        state: all that a round leaves to the next. After each round, the last one too, nothing is in flight (but of
            sessions of :meth:`start`), and ``on_boundary`` is shown it.
        """
        self.rounds_planned = count
        while self.round < count:
            self.journal.began_s.append(self.now)
            for node, jitter in self._jitter.items():
                node.slowness = jitter.factor(self.seed, node.name, self.round)
            yield self.round
            self.on_boundary(self, state)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that have an account."""
        return (*self.clients, *self.relays, *self.edge_servers, self.server)

    @property
    def networked(self) -> bool:
        """Whether there is a medium, and messages on it."""
        return hasattr(self, "medium")

    @property
    def round(self) -> int:
        """Number of the round, from 1; 0 before the first."""
        return self.journal.round

    @property
    def now(self) -> float:
        """Simulated time in s."""
        return float(self.env.now)

    def participants(self, of: Collection[Node] | None = None) -> Generator[Event, Any, tuple[Node, ...]]:
        """The clients of this round, as the scenario chooses them of those that are up.

        of: clients that there are at all; by default all.

        Waits for the first to come back if none is up. Raises Exhausted if none ever will.
        """
        there = self.clients if of is None else [client for client in self.clients if client in of]
        while not (up := tuple(node for node in there if node.up)):
            if all(node.gone for node in there) and not all(node.gone for node in self.clients):
                return ()  # others will come later
            if all(node.gone for node in there):
                raise Exhausted("no client is left")
            self._back = self.env.event()
            yield self._back
        return self.participation.choice.choose(self, up)

    # Model and data

    def stages_of(self, client: Node) -> tuple[Stage, ...]:
        """The stages of a client's model: those of the world, unless the client has some of its own."""
        return self.own_stages.get(client, self.stages)

    def initial_of(self, client: Node) -> tuple[Part, ...]:
        """Initial values of :meth:`stages_of`."""
        return self.own_initial.get(client, self.initial)

    def key(self, client: Node) -> int:
        """Key of a client's random numbers in training (dropout), for :meth:`Part.begin`."""
        return self.data[client].key

    def shares(self, clients: Iterable[Node], weighting: str) -> list[int]:
        """Weights of clients in an average: their numbers of training samples, or for ``uniform`` 1 each."""
        return [len(self.data[client]) if weighting == "samples" else 1 for client in clients]

    def steps(self, count: int) -> Iterator[int]:
        """Numbers of this round's batches, from 0; fewer than ``count`` if late clients do part of the work."""
        for step in range(count):
            if step and self.sessions.overdue:
                return
            yield step

    def batches(self, client: Node, count: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """This round's batches of a client: inputs and labels, a function of seed, client and round alone."""
        session = self.journal.session
        for session.step in self.steps(count):
            yield self.batch(client, session.step, count, batch_size)
        session.step = -1

    def batch(self, client: Node, step: int, count: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Batch ``step`` (from 0) of this round's ``count`` of a client: inputs and labels, as :meth:`batches`."""
        return self._batch(client, (self.round - 1) * count + step, batch_size)

    def next_batch(self, client: Node, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """The batch after the client's last one, whatever the round; the session is about ``step`` from here on."""
        self.journal.session.step = step
        self._batches[client] += 1
        return self._batch(client, self._batches[client] - 1, batch_size)

    def _batch(self, client: Node, number: int, batch_size: int) -> tuple[Tensor, Tensor]:
        about = self.journal.place(client, batch.name)
        work = self.executor.submit(batch, self.data[client], number, batch_size, chain=client.name, about=about)
        drawn = work.result()
        self.custody.claim(client.name, drawn)
        self.client_steps += 1
        x, y = drawn
        return x, y

    def aside(self, kernel: Kernel, *args: Any) -> Any:
        """Result of a kernel that no node computes, for evaluation: outside of simulated time and at no cost."""
        return self.executor.submit(kernel, *args).result()

    # Sessions

    def together(
        self, sessions: Mapping[Node, Steps], step: int = -1, again: bool = False, more: bool = False
    ) -> Generator[Event, Any, dict[Node, Any]]:
        """Run one session per client at once; returns the results of those that finished: :meth:`Sessions.together`."""
        return self.sessions.together(sessions, step, again, more)

    def start(self, client: Node, steps: Steps, step: int = -1, again: bool = False) -> None:
        """Let a session of one client run while the scheme goes on: :meth:`Sessions.start`."""
        self.sessions.start(client, steps, step, again)

    def arrived(self) -> Generator[Event, Any, tuple[Node, Any]]:
        """Wait for the next client that has nothing to do, and the result of its session: :meth:`Sessions.arrived`."""
        return self.sessions.arrived(self.clients)

    def halt(self) -> Steps:
        """Cut off all sessions that are under way: the run ends here."""
        return self.sessions.halt()

    def about(self, step: int) -> AbstractContextManager[None]:
        """What the server computes inside, for nobody in particular, is about this batch: for the log."""
        return self.journal.about(self.server, step)

    # Messages

    def transfer(self, sender: Node, receiver: Node, **messages: Tensor | tuple[Tensor, ...]) -> Steps:
        """Send tensors in one message, ``kind=value`` each; returns what is decoded: :meth:`Messages.transfer`."""
        return self.messages.transfer(sender, receiver, messages)

    def hand_over(self, sender: Node, **messages: Tensor | tuple[Tensor, ...]) -> Steps:
        """As :meth:`transfer`, from another client, which has no session now, to the one whose session this is."""
        receiver = self.journal.session.client
        return self.messages.transfer(sender, receiver, messages, self.sessions.lending(sender))

    def broadcast(self, sender: Node, **message: Tensor | tuple[Tensor, ...]) -> Steps:
        """Encode tensors, ``kind=value``, for all who :meth:`hear` it: :meth:`Messages.broadcast`."""
        return self.messages.broadcast(sender, **message)

    def hear(self, receiver: Node, message: Broadcast) -> Steps:
        """Listen to a broadcast, from its first bit; returns what is decoded: :meth:`Messages.hear`."""
        return self.messages.hear(receiver, message)

    def way_back(self, client: Node) -> Callable[[Tensor], Steps]:
        """For gradients that return in a broadcast or in pieces; call it before: :meth:`Messages.way_back`."""
        return self.messages.way_back(client)

    def close_round(self, parts: Model, losses: Mapping[Node, Sequence[Tensor]], cut: Cut = Cut()) -> None:  # noqa: B008
        """End the round: account for idle time and energy, evaluate, write down.

        A quiet instant, unless sessions of :meth:`start` are under way: what they do is accounted for when it ends.

        parts: values of the world's stages as they stand now; or those of each client, if it has a model of its own;
            promises, too, which are read where they are evaluated.
        losses: training loss of every batch of each client that finished.
        cut: what evaluation through codecs does with smashed data before and after.
        """
        began_s, now = self.journal.began_s[-1], self.env.now
        self.sessions.close_round()
        for node in self.nodes:
            if (node.link >= 0 or node in self.edge_servers) and node not in self.sessions.running:
                self.sessions.wait_over(node)
            node.settle()
            idle_j = node.take_idle_j()
            self.log.event(Fact(began_s, now, node.name, "", IDLE, IDLE, self.round, -1, 0, 0.0, idle_j, 0, True))
        self.executor.settle()
        numbers = {client: [float(each) for each in own] for client, own in losses.items()}
        self.on_round(self, parts, numbers, cut)
        self.log.flush()

    # What happens underneath

    def watch(self, node: Node, jitter: Jitter, failures: Failures) -> None:
        """Let a client's speed vary and its failures happen."""
        if not isinstance(jitter, NoJitter):
            self._jitter[node] = jitter
        if not isinstance(failures, NoFailures):
            self.outages.append(Outages(node, failures.outages(self.seed, node.name)))

    def back(self, node: Node) -> None:
        """A client is on again, and whoever waits for one goes on."""
        self.sessions.rose(node)
        if self._back is not None:
            self._back.succeed()
            self._back = None
