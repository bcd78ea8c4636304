"""Efficient parallel split learning: last-layer gradients of several clients are averaged and go back as one.

Lin, Zhu, Deng, Chen, Gao, Huang, Fang, "Efficient Parallel Split Learning over Resource-constrained Wireless Edge
Networks", IEEE Transactions on Mobile Computing, 2024 (arXiv:2303.15991). Of C clients' batches of b samples the
first m = ceil(phi b) are aggregated. The paper's choice of subchannels, power and cut is not in here.

Every step, for all clients k at once:

    client k:  a_k = f(w_c,k; x_k)                                        -> server: a_k, y_k
    server:    z_k = h(w_s; a_k),  g_k = dL/dz_k
               for sample j <= m:  g_j = mean_k g_k,j goes back once, at the mean of a_k,j
               for sample j > m:   g_k,j goes back for every k
               w_s <- step
    client k:  w_c,k <- step     <- server, to all at once: dL/da of the m;  to k: dL/da_k of its b - m

Ours: that an averaged gradient goes back through the server's model at the mean of the smashed data, for which the
server pays m forward passes more (a pass of its own, with dropout masks and batch statistics of its own); and equal
weights of the clients. Nothing else is averaged over clients: each keeps a
part of its own.
"""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import TYPE_CHECKING, ClassVar, Literal

from wirelessfsl.algorithms.exchange import Sent, in_step
from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Broadcast, Node, Skipped, Steps, World
from wirelessfsl.learning.kernels import backward, joined, serve_aggregated
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS
from wirelessfsl.settings import settings
from wirelessfsl.units import Count, Fraction

if TYPE_CHECKING:
    from torch import Tensor


@settings
class EPSL:
    """EPSL: parallel split learning with last-layer gradients aggregated over clients (Lin et al., IEEE TMC 2024).

    Labels go to the server with the smashed data. The server goes back with m + C (b - m) samples instead of C b,
    m = ceil(phi b), broadcasts the cut gradients of the m at the rate of the slowest receiver, and sends each client
    those of its other samples. No parameter ever travels; clients begin with the same values. Each client is evaluated
    with its own part on its own test samples; the figure of the run is their mean. phi = 0 is parallel_sl without
    averaging.

    phi: share of a batch that is aggregated, in [0, 1].
    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: b, samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client and the server have a state of their own.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS)
    own: ClassVar[str] = "parts"
    pace: ClassVar[str] = "in_step"

    kind: Literal["epsl"] = "epsl"
    phi: Fraction = 0.5
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()

    @property
    def aggregated(self) -> int:
        """m, samples of every client's batch whose gradients are averaged."""
        return ceil(self.phi * self.batch_size - 1e-9)

    def begin(self, world: World) -> State:
        parts = {k: world.initial_of(k)[0].copy().begin(self.optimizer, world.key(k)) for k in world.clients}
        return State((world.initial[1].begin(self.optimizer, world.key(world.clients[0])),), parts)

    def train(self, world: World, state: State) -> Steps:
        for t in world.rounds(self.rounds, state):
            (server_part,) = state.model
            rule = self.optimizer.at(t, self.rounds)
            clients = yield from world.participants()
            trained, server_part, losses = yield from in_step(
                world,
                {k: state.parts[k] for k in clients},
                dict.fromkeys(clients, rule),
                server_part,
                partial(self.serve, rule),
                self.local_steps,
                self.batch_size,
                amid=False,
                learn=self.learn,
            )
            state.model = (server_part,)
            state.parts |= trained
            world.close_round({k: (state.parts[k], server_part) for k in world.clients}, losses)

    def serve(self, rule: Optimizer, world: World, part: Part, sent: Sent, step: int) -> Steps:
        """One batch of every client at the server: its part, each client's gradients (broadcast, own), and losses."""
        smashed, labels = ([*each] for each in zip(*sent.values(), strict=True))
        with world.about(step):
            part, common, own, losses = yield from world.server.compute(
                serve_aggregated, world.stages[1], rule, part, smashed, labels, self.aggregated
            )
            message = (yield from world.broadcast(world.server, gradients=common)) if self.aggregated else None
        answers = {k: (message, gradient) for k, gradient in zip(sent, own, strict=True)}
        return part, answers, dict(zip(sent, losses, strict=True))

    def learn(
        self,
        world: World,
        client: Node,
        rule: Optimizer,
        part: Part,
        tape: tuple[Tensor, ...],
        x: Tensor,
        answer: tuple[Broadcast | None, Tensor],
    ) -> Steps:
        """Download of both kinds of cut gradients, backward pass and step: the client's part."""
        message, own = answer
        back, pieces = world.way_back(client), []
        try:
            if message:
                pieces.append((yield from world.hear(client, message)))
            if self.aggregated < self.batch_size:
                pieces.append((yield from world.transfer(world.server, client, gradients=own)))
        except Skipped:
            return part
        gradient = yield from client.compute(joined, *pieces)
        gradient = yield from back(gradient)
        return (yield from client.compute(backward, world.stages_of(client)[0], rule, part, tape, x, gradient))
