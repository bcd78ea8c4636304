"""What split learning does with one batch, at the client, over the air and at the server; the schemes put it together.

    client:  a = f(w_c; x)              -> server: a, y
    server:  loss, w_s <- step, dL/da   -> client: dL/da
    client:  w_c <- step

Gupta and Raskar, "Distributed learning of deep neural network over multiple agents", Journal of Network and Computer
Applications 116, 2018 (arXiv:1810.06060), algorithms 1 and 2, with labels at the server.

Where the scenario says so (``network.transport.outage``) a batch whose message was lost is skipped: without smashed
data nothing happens at all, without the gradient the server has stepped and the client has not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from wirelessfsl.engine.world import Broadcast, Node, Skipped, Steps, World
from wirelessfsl.learning.kernels import backward, forward, serve
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.stage import Part

if TYPE_CHECKING:
    from torch import Tensor

Sent: TypeAlias = "dict[Node, tuple[Tensor, Tensor]]"
"""Smashed data and labels of every client, as the server has them."""
Serve: TypeAlias = Callable[[World, Part, Sent, int], Steps]
"""Server's work on batch ``step`` of every client: its part, each client's cut gradient and each client's loss."""

Learn: TypeAlias = Callable[..., Steps]


def send(world: World, client: Node, part: Part, x: Tensor, y: Tensor) -> Steps:
    """Forward pass and upload: the client's part, its tape, smashed data and labels as the server has them."""
    part, smashed, tape = yield from client.compute(forward, world.stages_of(client)[0], part, x)
    smashed, labels = yield from world.transfer(client, world.server, activations=smashed, labels=y)
    return part, tape, smashed, labels


def send_batch(world: World, client: Node, part: Part, step: int, count: int, batch_size: int) -> Steps:
    """As :func:`send`, of batch ``step`` of the round's ``count``; with the inputs behind it. None if it is skipped."""
    x, y = world.batch(client, step, count, batch_size)
    try:
        part, tape, smashed, labels = yield from send(world, client, part, x, y)
    except Skipped:
        return None
    return part, tape, smashed, labels, x


def learn(
    world: World,
    client: Node,
    rule: Optimizer,
    part: Part,
    tape: tuple[Tensor, ...],
    x: Tensor,
    gradient: Tensor | Broadcast,
) -> Steps:
    """Download of the cut gradient, its own or one for all, backward pass and step: the client's part."""
    try:
        if isinstance(gradient, Broadcast):
            back = world.way_back(client)
            gradient = yield from back((yield from world.hear(client, gradient)))
        else:
            gradient = yield from world.transfer(world.server, client, gradients=gradient)
    except Skipped:
        return part
    part = yield from client.compute(backward, world.stages_of(client)[0], rule, part, tape, x, gradient)
    return part


def in_step(
    world: World,
    parts: Mapping[Node, Part],
    rules: Mapping[Node, Optimizer],
    server_part: Part,
    serve: Serve,
    count: int,
    batch_size: int,
    amid: bool,
    learn: Learn = learn,
) -> Steps:
    """This round's batches of clients that go in step: the server has everybody's before it answers.

    parts, rules: part and update rule of every client. serve: the server's work on one batch of every client, see
    :data:`Serve`. amid: whether these sessions are amid others of the round; else they are all that there is. learn: a
    client's work on the server's answer.

    Returns the client parts (those of who dropped out as far as they got), the server's part, and the losses of the
    clients that are still here.
    """
    parts = dict(parts)
    losses: dict[Node, list[Tensor]] = {k: [] for k in parts}
    for step in world.steps(count):
        sending = {k: send_batch(world, k, parts[k], step, count, batch_size) for k in losses}
        begun = yield from world.together(sending, step, again=amid or step > 0, more=True)
        sent = {k: each for k, each in begun.items() if each}  # the others skip this batch
        losses = {k: losses[k] for k in begun}
        if sent:
            arrived = {k: (smashed, labels) for k, (_, _, smashed, labels, _) in sent.items()}
            server_part, gradients, loss = yield from serve(world, server_part, arrived, step)
            learning = {
                k: learn(world, k, rules[k], part, tape, x, gradients[k]) for k, (part, tape, _, _, x) in sent.items()
            }
            learnt = yield from world.together(learning, step, again=True, more=amid or step < count - 1)
            parts |= learnt
            losses = {k: own for k, own in losses.items() if k in learnt or k not in sent}
            for k in learnt:
                losses[k].append(loss[k])
    return parts, server_part, losses


def split_step(
    world: World, client: Node, rule: Optimizer, part: Part, server_part: Part, x: Tensor, y: Tensor
) -> Steps:
    """One batch from end to end: the client's part, the server's, and the loss. Raises Skipped."""
    part, tape, smashed, labels = yield from send(world, client, part, x, y)
    server_part, gradient, loss = yield from world.server.compute(
        serve, world.stages_of(client)[1], rule, server_part, smashed, labels
    )
    part = yield from learn(world, client, rule, part, tape, x, gradient)
    return part, server_part, loss
