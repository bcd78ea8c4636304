"""Multi-task split learning: one server model for all clients, a part of its own for each, and no federation at all.

Zheng, Eryilmaz, "Non-Federated Multi-Task Split Learning for Heterogeneous Sources", arXiv:2406.00150 (2024). Client m
has its own data and its own bottom psi_m, all share the top phi; what is minimised is sum_m L_m(phi, psi_m).

Every step, for all clients m at once:

    client m:  s_m = H(psi_m; x_m)                                     -> server: s_m, y_m
    server:    L = sum_m L_m;  phi <- phi - eta_s dL/dphi              -> client m: dL/ds_m
    client m:  psi_m <- psi_m - eta_m (ds_m/dpsi_m)^T dL/ds_m

The server and every client have learning rates of their own: with blocks of curvature L_b, steps of at most 1 / (2 L_b)
descend, where one common rate must obey the largest. With the mean of the losses instead of their sum all gradients are
M times smaller: sum with eta / M is mean with eta.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, ClassVar, Literal

from wirelessfsl.algorithms.exchange import Sent, in_step
from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Steps, World
from wirelessfsl.learning.kernels import serve_all
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS
from wirelessfsl.settings import settings
from wirelessfsl.units import Count, Ge, Positive


@settings
class MTSL:
    """Multi-task split learning: private client parts below one server model (Zheng and Eryilmaz, arXiv:2406.00150).

    Labels go to the server with the smashed data. No parameter ever travels and nothing is averaged. The server waits
    for everybody's batch and steps once. Each client is evaluated with its own part on its own test samples; the figure
    of the run is their mean. A client that drops out keeps the steps that it has done. Client parts may be of different
    models (devices.model), if what they give at the cut has one shape.

    rounds: global rounds.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of the clients' parts.
    server_optimizer: update rule of the server's part; by default that of the clients.
    client_rates: factor of each client's learning rate, one a client; by default 1 for all.
    loss: of all clients together, the sum of their mean losses or the mean of them.
    newcomers: the last so many clients come late, and then they alone learn: the server's model and the parts of all
        others are frozen.
    newcomers_round: round in which they come, >= 2.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS)
    own: ClassVar[str] = "parts"
    pace: ClassVar[str] = "in_step"

    kind: Literal["mtsl"] = "mtsl"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    server_optimizer: Optimizer | None = None
    client_rates: tuple[Positive, ...] | None = None
    loss: Literal["sum", "mean"] = "mean"
    newcomers: Annotated[int, Ge(0)] = 0
    newcomers_round: Annotated[int, Ge(2)] = 2

    @property
    def top_optimizer(self) -> Optimizer:
        """Update rule of the server's part."""
        return self.server_optimizer or self.optimizer

    def begin(self, world: World) -> State:
        parts = {k: world.initial_of(k)[0].copy().begin(self.optimizer, world.key(k)) for k in world.clients}
        return State((world.initial[1].begin(self.top_optimizer, world.key(world.clients[0])),), parts)

    def train(self, world: World, state: State) -> Steps:
        factors = dict(zip(world.clients, self.client_rates or [1.0] * len(world.clients), strict=True))
        first = world.clients[: len(world.clients) - self.newcomers]
        newcomers = world.clients[len(first) :]
        for t in world.rounds(self.rounds, state):
            (server_part,) = state.model
            base = self.optimizer.at(t, self.rounds)
            rules = {k: replace(base, lr=base.lr * factors[k]) for k in world.clients}
            late = self.newcomers > 0 and t >= self.newcomers_round
            clients = yield from world.participants(newcomers if late else first)
            serve = partial(self.serve, self.top_optimizer.at(t, self.rounds), late)
            trained, server_part, losses = yield from in_step(
                world,
                {k: state.parts[k] for k in clients},
                rules,
                server_part,
                serve,
                self.local_steps,
                self.batch_size,
                amid=False,
            )
            state.model = (server_part,)
            state.parts |= trained
            here = world.clients if late else first
            world.close_round({k: (state.parts[k], server_part) for k in here}, losses)

    def serve(self, rule: Optimizer, frozen: bool, world: World, part: Part, sent: Sent, step: int) -> Steps:
        """One batch of every client at the server: its part, each client's cut gradient and each client's loss."""
        smashed, labels = ([*each] for each in zip(*sent.values(), strict=True))
        stage = replace(world.stages[1], frozen=frozen)
        with world.about(step):
            part, gradients, losses = yield from world.server.compute(
                serve_all, stage, rule, part, smashed, labels, self.loss
            )
        return part, dict(zip(sent, gradients, strict=True)), dict(zip(sent, losses, strict=True))
