"""What split learning does with one batch, at the client, over the air and at the server; the schemes put it together.

    client:  a = f(w_c; x)              -> server: a, y
    server:  loss, w_s <- step, dL/da   -> client: dL/da
    client:  w_c <- step

Gupta and Raskar, "Distributed learning of deep neural network over multiple agents", Journal of Network and Computer
Applications 116, 2018 (arXiv:1810.06060), algorithms 1 and 2, with labels at the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.kernels import backward, forward, serve
from wirelessfsl.learning.optim import Optimizer
from wirelessfsl.learning.stage import Part

if TYPE_CHECKING:
    from torch import Tensor


def send(world: World, client: Node, part: Part, x: Tensor, y: Tensor) -> Steps:
    """Forward pass and upload: the client's part, its tape, smashed data and labels as the server has them."""
    part, smashed, tape = yield from client.compute(forward, world.stages[0], part, x)
    smashed, labels = yield from world.transfer(client, world.server, activations=smashed, labels=y)
    return part, tape, smashed, labels


def send_batch(world: World, client: Node, part: Part, step: int, count: int, batch_size: int) -> Steps:
    """As :func:`send`, of batch ``step`` of the round's ``count``; with the inputs behind it."""
    x, y = world.batch(client, step, count, batch_size)
    part, tape, smashed, labels = yield from send(world, client, part, x, y)
    return part, tape, smashed, labels, x


def learn(
    world: World, client: Node, rule: Optimizer, part: Part, tape: tuple[Tensor, ...], x: Tensor, gradient: Tensor
) -> Steps:
    """Download of the cut gradient, backward pass and step: the client's part."""
    gradient = yield from world.transfer(world.server, client, gradients=gradient)
    part = yield from client.compute(backward, world.stages[0], rule, part, tape, x, gradient)
    return part


def split_step(
    world: World, client: Node, rule: Optimizer, part: Part, server_part: Part, x: Tensor, y: Tensor
) -> Steps:
    """One batch from end to end: the client's part, the server's, and the loss."""
    part, tape, smashed, labels = yield from send(world, client, part, x, y)
    server_part, gradient, loss = yield from world.server.compute(
        serve, world.stages[1], rule, server_part, smashed, labels
    )
    part = yield from learn(world, client, rule, part, tape, x, gradient)
    return part, server_part, float(loss)
