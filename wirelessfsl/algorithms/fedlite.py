"""FedLite: clients send clustered activations and gradients of their part; the server holds and updates both halves.

Wang, Qi, Rawat, Reddi, Waghmare, Yu, Joshi, "FedLite: A Scalable Approach for Federated Learning on
Resource-constrained Clients", arXiv:2201.11865 (2022). Clustering and gradient correction are the codec ``clustering``
of the activations.

Each iteration, for S sampled clients i at once:

    client i <- server: client part w_c
    client i:  z_b = u(w_c; x_b), clustered to z'_b                     -> server: codebooks, indices, labels
    server:    dh/dz'_b;  w_s <- step with the average over clients     -> client i: dh/dz'_b
    client i:  g_i = mean_b J_b^T (dh/dz'_b + lambda (z_b - z'_b))      -> server: g_i
    server:    w_c <- step with the average of g_i

Both halves step at the server, so clients keep nothing from one iteration to the next and may be others each time. An
iteration is a round here. Averages are over the clients that took part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from wirelessfsl.algorithms.exchange import send_batch
from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.kernels import average, gradient_of, serve_all, step
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part, Weights
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.units import Count

if TYPE_CHECKING:
    from torch import Tensor


@settings
class FedLite:
    """FedLite: sampled clients, one server model of both halves, averaged gradients (Wang et al., arXiv:2201.11865).

    Labels go to the server with the smashed data. An iteration is a round: clients fetch the client part, send
    activations and labels, receive the cut gradient and send the gradient of the client part; the server steps. Give
    codecs.activations the codec clustering with its correction, and participation a random choice of S clients; without
    codecs this is federated split SGD.

    rounds: iterations.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves, at the server.
    weighting: share of a client in the average of the client part's gradients: its number of samples, or the same for
        all; the server's half steps by the mean over all samples of the batches.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)
    merges: ClassVar[bool] = True
    pace: ClassVar[str] = "in_step"

    kind: Literal["fedlite"] = "fedlite"
    rounds: Count = 150
    batch_size: Count = 20
    optimizer: Optimizer = SGD()
    weighting: Literal["samples", "uniform"] = "uniform"

    def begin(self, world: World) -> State:
        keeper = world.key(world.clients[0])
        return State(tuple(part.begin(self.optimizer, keeper) for part in world.initial))

    def train(self, world: World, state: State) -> Steps:
        for t in world.rounds(self.rounds, state):
            losses = yield from self.round(world, state, self.optimizer.at(t, self.rounds))
            world.close_round(state.model, losses)

    def round(self, world: World, state: State, rule: Optimizer) -> Steps:
        """One iteration: the losses of the clients that finished."""
        server, (client_part, server_part) = world.server, state.model
        clients = yield from world.participants()
        sending = {k: self.there(world, k, client_part) for k in clients}
        begun = yield from world.together(sending, step=0, more=True)
        sent = {k: each for k, each in begun.items() if each}
        losses: dict[Node, list[Tensor]] = {}
        if sent:
            smashed, labels = ([each[i] for each in sent.values()] for i in (2, 3))
            with world.about(0):
                server_part, gradients, loss = yield from server.compute(
                    serve_all, world.stages[1], rule, server_part, smashed, labels
                )
            returning = {
                k: self.back(world, k, part, tape, x, gradient)
                for (k, (part, tape, _, _, x)), gradient in zip(sent.items(), gradients, strict=True)
            }
            updates = yield from world.together(returning, step=0, again=True)
            losses = {k: [each] for k, each in zip(sent, loss, strict=True) if k in updates}
            if updates:
                shares = world.shares(updates, self.weighting)
                mean = yield from server.compute(average, [*updates.values()], shares)
                client_part = yield from server.compute(step, rule, client_part, mean)
        state.model = client_part, server_part
        return losses

    def there(self, world: World, client: Node, part: Part) -> Steps:
        """Download of the client part, forward pass and upload: part, tape, smashed data, labels and inputs."""
        weights = yield from world.transfer(world.server, client, model_download=part.weights)
        part = part.load(weights)._replace(optimizer=(), key=world.key(client) + world.round - 1)
        return (yield from send_batch(world, client, part, 0, 1, self.batch_size))

    def back(self, world: World, client: Node, part: Part, tape: Weights, x: Tensor, gradient: Tensor) -> Steps:
        """Download of the cut gradient, backward pass and upload: the client part's gradient, as the server has it."""
        gradient = yield from world.transfer(world.server, client, gradients=gradient)
        update = yield from client.compute(gradient_of, world.stages[0], part, tape, x, gradient)
        return (yield from world.transfer(client, world.server, model_upload=update))
