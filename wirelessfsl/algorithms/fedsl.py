"""Lightweight federated split learning: pruned client parts, few-bit gradients, few aggregations.

Zhang, Ni, Wang, "Federated Split Learning with Model Pruning and Gradient Quantization in Wireless Networks", IEEE
Transactions on Vehicular Technology (arXiv:2412.06414). Of the paper are parallel clients, aggregation every I rounds,
sparsity that rises during training by an importance from gradients, stochastic quantisation to q bits, and dropout of
activations. Choices of this project are the replicas of the server's half, averaged every round as in SplitFed V1, the
schedules, masks that the server draws from the average so that all clients have the same, and how they are sent:

    client k <- server: pruned client part w_c * m and its mask m, if there is a new one
    for every batch (x, y):
        client k:  a = f(w_c,k * m; x)                    -> server: a, y        (dropout: the codec of activations)
        server:    loss, w_s,k <- step, dL/da             -> client k: dL/da     (of what was not dropped)
        client k:  w_c,k <- step with Q(g) * m            (Q: stochastic rounding to q bits)
    server: w_s <- sum_k p_k w_s,k
    every I rounds:
        client k -> server: w_c,k, only what is kept      (and its importance, if that is first-order Taylor)
        server: w_c <- sum_k p_k w_c,k;  m <- mask of sparsity s_t by importance

Random dropout of activations is the codec ``dropout`` of the activations. With I = 1, no pruning, full precision and no
dropout this is SplitFed V1, step for step.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Cut, Node, Skipped, Steps, World
from wirelessfsl.learning.kernels import average, backward, forward, prune, serve
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.pruning import NoPruning, Plan, Pruning
from wirelessfsl.learning.stage import Part, Weights
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.units import Count, Ge, Le

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Pruned(State):
    """A state with what is pruned of the client's part.

    flags: those of the plan that holds (:class:`Plan`). sparsity: for which it was made.
    holders: clients that have the model and the plan.
    """

    flags: bytes = b""
    sparsity: float = 0.0
    holders: set[Node] = field(default_factory=set)


@settings
class FedSL:
    """Lightweight federated split learning: client parts are pruned, their gradients rounded, and rarely aggregated.

    Labels go to the server with the smashed data. Per step a client sends activations and labels and receives the cut
    gradient; every ``interval`` rounds it sends what is kept of its part and receives the average, pruned again. A
    client that missed an aggregation gets the model when it is back. Evaluation uses the mean of the clients' parts.
    Source: Zhang, Ni, Wang, Federated Split Learning with Model Pruning and Gradient Quantization in Wireless Networks,
    arXiv:2412.06414; what is this project's own choice stands at the top of algorithms/fedsl.py. Random dropout of
    activations is the codec dropout.

    rounds: global rounds.
    interval: I, rounds between two aggregations of the client parts.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client part and each server replica has a state of its own.
    pruning: of the client part: none, single weights, or whole filters.
    gradient_bits: q, bits of the gradients that a client's update uses (2-16); by default they are not rounded.
    weighting: share p_k of a client in the averages: its number of samples, or the same for all.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)

    kind: Literal["fedsl"] = "fedsl"
    rounds: Count = 30
    interval: Count = 1
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()
    pruning: Pruning = NoPruning()
    gradient_bits: Annotated[int, Ge(2), Le(16)] | None = None
    weighting: Literal["samples", "uniform"] = "samples"

    @property
    def prunes(self) -> bool:
        """Whether any round is trained with something pruned."""
        aggregations = range(self.interval, self.rounds, self.interval)
        return any(self.pruning.sparsity_at(t + 1) for t in (0, *aggregations))

    def begin(self, world: World) -> Pruned:
        client_part, server_part = world.initial
        parts = {k: client_part.begin(self.optimizer, world.key(k)) for k in world.clients}
        replicas = {k: server_part.begin(self.optimizer, world.key(k)) for k in world.clients}
        return Pruned(world.initial, parts, replicas)

    def train(self, world: World, state: Pruned) -> Steps:
        whole = Plan(world.stages[0], self.pruning)
        if not world.round and (first := self.pruning.sparsity_at(1)):
            plan = yield from world.server.compute(prune, whole, first, world.initial[0].weights, ())
            state.flags, state.sparsity = plan.flags, first
        for t in world.rounds(self.rounds, state):
            shown, losses = yield from self.round(world, state, whole, t)
            plan = replace(whole, flags=state.flags)
            world.close_round((shown, state.model[1]), losses, Cut(plan.narrow, plan.widen))

    def round(self, world: World, state: Pruned, whole: Plan, t: int) -> Steps:
        """Round t: the client part to be evaluated, and the losses of the clients that finished."""
        server, tensors = world.server, len(world.initial[0].weights)
        plan, (client_part, server_part) = replace(whole, flags=state.flags), state.model
        rule = self.optimizer.at(t, self.rounds)
        aggregate, target = t % self.interval == 0, self.pruning.sparsity_at(t + 1)
        clients = yield from world.participants()
        pruned, shown = (*plan.pack(client_part.weights), *plan.message), client_part
        counting = self.pruning.taylor and self.pruning.sparsity_at(self.rounds) > state.sparsity
        sessions = {
            k: self.session(
                world,
                k,
                rule,
                plan,
                None if k in state.holders else pruned,
                state.parts[k],
                state.replicas[k].load(server_part.weights),
                aggregate,
                counting,
                counting and target > state.sparsity,
            )
            for k in clients
        }
        done = yield from world.together(sessions)
        state.parts |= {k: part for k, (part, _, _, _) in done.items()}
        state.replicas |= {k: replica.bare() for k, (_, replica, _, _) in done.items()}
        state.holders |= done.keys()
        shares = world.shares(done, self.weighting)
        if done and aggregate:
            uploads = [upload for _, _, upload, _ in done.values()]
            mean = plan.unpack((yield from server.compute(average, uploads, shares)))
            weights, importance = mean[:tensors], mean[tensors:]
            if target > state.sparsity:
                plan = yield from server.compute(prune, plan, target, weights, importance)
                weights = plan.unpack(plan.pack(weights))
                state.flags, state.sparsity = plan.flags, target
            client_part, state.holders = client_part.load(weights), set()
            state.parts = {k: part.bare() for k, part in state.parts.items()}
            shown = client_part
        elif state.holders:
            here = [k for k in world.clients if k in state.holders]
            kept = [plan.flown(state.parts[k].weights) for k in here]
            of = world.shares(here, self.weighting)
            shown = client_part.load(plan.unpack(world.aside(average, kept, of)))
        if done:
            halves = [replica.weights for _, replica, _, _ in done.values()]
            server_part = server_part.load((yield from server.compute(average, halves, shares)))
        state.model = client_part, server_part
        return shown, {k: losses for k, (_, _, _, losses) in done.items()}

    def session(
        self,
        world: World,
        client: Node,
        rule: Optimizer,
        plan: Plan,
        pruned: Weights | None,
        part: Part,
        replica: Part,
        aggregate: bool,
        counting: bool,
        asked: bool,
    ) -> Steps:
        """One client's round: its part, the server's replica, what it uploaded, the loss of every batch.

        pruned: the model that the client has to fetch, if any. aggregate: whether it uploads its part. counting:
        whether the importance of weights is wanted some time, asked: whether it is to be uploaded, too.
        """
        server, (_, server_stage) = world.server, world.stages
        losses: list[Tensor] = []
        upload: Weights = ()
        if pruned is not None:
            message = yield from world.transfer(server, client, model_download=pruned)
            plan, weights = plan.received(message)
            part = plan.load(part, weights, rule, counting)
        for x, y in world.batches(client, self.local_steps, self.batch_size):
            with suppress(Skipped):
                part, smashed, tape = yield from client.compute(forward, plan.slim, part, x)
                smashed, labels = yield from world.transfer(client, server, activations=smashed, labels=y)
                smashed = plan.widen(smashed)
                replica, gradient, loss = yield from server.compute(serve, server_stage, rule, replica, smashed, labels)
                losses.append(loss)
                gradient = yield from world.transfer(server, client, gradients=plan.narrow(gradient))
                part = yield from client.compute(backward, plan.slim, rule, part, tape, x, gradient, self.gradient_bits)
        if aggregate:
            upload = plan.flown(part.weights) + plan.flown(part.importance if asked else ())
            upload = yield from world.transfer(client, server, model_upload=upload)
        return part, replica, upload, losses
