"""Rounds of split learning in which the clients go in step: one batch of everybody at a time, one server model.

What the server makes of a batch of every client is the scheme's business; averaging the client parts is common. A
client that drops out in a round is as it was before; the server keeps what it has learnt. A deadline binds clients: a
server that is busy beyond it still ends its step.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol, TypeAlias

from wirelessfsl.algorithms.exchange import learn, send_batch
from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.kernels import average
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.stage import Part, Weights

if TYPE_CHECKING:
    from torch import Tensor

Sent: TypeAlias = "dict[Node, tuple[Tensor, Tensor]]"
"""Smashed data and labels of every client, as the server has them."""


class Serve(Protocol):
    """What the server does with one batch of every client."""

    def __call__(self, world: World, rule: Optimizer, part: Part, sent: Sent, step: int) -> Steps:
        """Returns the server's part, each client's cut gradient and each client's loss."""
        ...


class InStep(Protocol):
    """The settings of a scheme whose clients go in step."""

    @property
    def rounds(self) -> int: ...
    @property
    def local_steps(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def optimizer(self) -> Optimizer: ...
    @property
    def weighting(self) -> str: ...
    @property
    def deadline_s(self) -> float | None: ...


def in_step(scheme: InStep, world: World, serve: Serve, cluster_size: int | None = None) -> Steps:
    """Rounds in which clients exchange one batch at a time with one server model, and average their parts.

    cluster_size: clients that go in step; one cluster after the other continues with the averages of the one before. By
        default all clients are one cluster.
    """
    client_part, server_part = world.initial
    parts = {k: client_part.begin(scheme.optimizer, world.key(k)) for k in world.clients}
    server_part = server_part.begin(scheme.optimizer, world.key(world.clients[0]))
    for t in world.rounds(scheme.rounds):
        rule = scheme.optimizer.at(t, scheme.rounds)
        clients = yield from world.available()
        size = cluster_size or len(clients)
        losses: dict[Node, list[float]] = {}
        for first in range(0, len(clients), size):
            cluster = {k: parts[k] for k in clients[first : first + size]}
            turn = _turn(scheme, world, serve, rule, cluster, client_part, server_part)
            client_part, server_part, trained, own = yield from turn
            parts |= trained
            losses |= own
        world.close_round((client_part, server_part), losses)


def _turn(
    scheme: InStep,
    world: World,
    serve: Serve,
    rule: Optimizer,
    parts: dict[Node, Part],
    client_part: Part,
    server_part: Part,
) -> Steps:
    """One cluster's local steps: both parts of the model, and the parts and losses of the clients that finished."""
    until_s = inf if scheme.deadline_s is None else world.now + scheme.deadline_s
    fetching = {k: _fetch(world, k, client_part.weights, part) for k, part in parts.items()}
    here: dict[Node, Part] = yield from world.together(fetching, max(until_s - world.now, 0.0), more=True)
    losses: dict[Node, list[float]] = {k: [] for k in here}
    for step in range(scheme.local_steps):
        count, size = scheme.local_steps, scheme.batch_size
        sending = {k: send_batch(world, k, part, step, count, size) for k, part in here.items()}
        sent = yield from world.together(sending, max(until_s - world.now, 0.0), step, again=True, more=True)
        if not sent:
            return client_part, server_part, {}, {}
        arrived = {k: (smashed, labels) for k, (_, _, smashed, labels, _) in sent.items()}
        server_part, gradients, loss = yield from serve(world, rule, server_part, arrived, step)
        learning = {k: learn(world, k, rule, part, tape, x, gradients[k]) for k, (part, tape, _, _, x) in sent.items()}
        here = yield from world.together(learning, max(until_s - world.now, 0.0), step, again=True, more=True)
        for k in here:
            losses[k].append(loss[k])
    uploading = {k: world.transfer(k, world.server, model_upload=part.weights) for k, part in here.items()}
    uploads = yield from world.together(uploading, max(until_s - world.now, 0.0), again=True)
    if uploads:
        shares = [world.samples(k) if scheme.weighting == "samples" else 1 for k in uploads]
        mean = yield from world.server.compute(average, [*uploads.values()], shares)
        client_part = client_part.load(mean)
    return client_part, server_part, {k: here[k] for k in uploads}, {k: losses[k] for k in uploads}


def _fetch(world: World, client: Node, weights: Weights, part: Part) -> Steps:
    weights = yield from world.transfer(world.server, client, model_download=weights)
    return part.load(weights)
