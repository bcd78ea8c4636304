"""Asynchronous split learning: the server takes smashed data as they come, and no client ever waits for another.

One server model steps at every arrival, as in splitfed_v2. The client part is mixed at every upload, by its staleness,
as whole models are in Xie, Koyejo, Gupta, "Asynchronous Federated Optimization", arXiv:1903.03934 (2019), algorithm 1.
The two together are ours.

Client k, over and over:

    v_k <- v;  client k <- server: client part w_c
    for every batch:  client k:  a = f(w_k; x)                   -> server: a, y
                      server, first come, first served:  loss, w_s <- step, dL/da
                      client k:  w_k <- step                     <- server: dL/da
    client k -> server: w_k
    server: beta = alpha s(v - v_k);  w_c <- (1 - beta) w_c + beta w_k;  v <- v + 1

A round is a number of uploads, whosever they are, and nobody waits for its end. A client that fails, or loses a
message, begins again from the newest model as soon as it can. What is under way when the last round ends is cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from wirelessfsl.algorithms.exchange import learn, send
from wirelessfsl.algorithms.staleness import PolynomialWeight, Staleness
from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, SimulationError, Skipped, Steps, World
from wirelessfsl.learning.kernels import average, serve
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part, Weights
from wirelessfsl.records import ACTIVATIONS, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.settings import settings
from wirelessfsl.units import Count, Fraction

if TYPE_CHECKING:
    from torch import Tensor


class Sent(NamedTuple):
    """A batch at the server, and what its client keeps of it."""

    part: Part
    tape: tuple[Tensor, ...]
    smashed: Tensor
    labels: Tensor
    x: Tensor
    step: int


class Uploaded(NamedTuple):
    """A client's part after its last batch, and its weights at the server."""

    part: Part
    weights: Weights


PATIENCE = 100
"""So many times every client may begin again without a message that gets through, after which the run gives up."""


@settings
class AsyncSL:
    """Asynchronous split learning, client parts mixed by staleness (after FedAsync, Xie et al., arXiv:1903.03934).

    Labels go to the server with the smashed data. Rows of the log carry the round in which they end.

    alpha: weight of a fresh upload in the client part, in [0, 1].
    staleness: how the weight of an upload falls with the uploads that came in since its client was sent the model.
    uploads: uploads of a round; by default as many as there are clients.
    rounds: global rounds.
    local_steps: batches of a client between download and upload.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of both halves; each client and the server have a state of their own.
    """

    cuts: ClassVar[int] = 1
    messages: ClassVar[tuple[str, ...]] = (ACTIVATIONS, LABELS, GRADIENTS, MODEL_UPLOAD, MODEL_DOWNLOAD)
    restless: ClassVar[str] = "nobody waits for the end of a round, so that at no instant all is quiet"

    kind: Literal["async_sl"] = "async_sl"
    alpha: Fraction = 0.6
    staleness: Staleness = PolynomialWeight()
    uploads: Count | None = None
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()

    def begin(self, world: World) -> State:
        client_part, server_part = world.initial
        parts = {k: client_part.begin(self.optimizer, world.key(k)) for k in world.clients}
        return State((client_part, server_part.begin(self.optimizer, world.key(world.clients[0]))), parts)

    def train(self, world: World, state: State) -> Steps:
        (client_part, server_part), parts = state.model, state.parts
        version, versions = 0, dict.fromkeys(world.clients, 0)
        fruitless, patience = 0, PATIENCE * len(world.clients)
        for t in world.rounds(self.rounds, state):
            rule = self.optimizer.at(t, self.rounds)
            losses: dict[Node, list[Tensor]] = {}
            until = version + (self.uploads or len(world.clients))
            while version < until:
                k, brought = yield from world.arrived()
                fruitless = 0 if brought else fruitless + 1
                if fruitless > patience:
                    raise SimulationError(
                        f"round {t}, simulated time {world.now:.6g} s: {patience} clients in a row lost a message and"
                        " began again; raise network.transport.timeout_s, bring the devices nearer or give the"
                        " queues of wires room"
                    )
                if isinstance(brought, Sent):
                    with world.about(brought.step):
                        server_part, gradient, loss = yield from world.server.compute(
                            serve, world.stages[1], rule, server_part, brought.smashed, brought.labels
                        )
                    losses.setdefault(k, []).append(loss)
                    world.start(k, self.go_on(world, k, rule, brought, gradient), brought.step, again=True)
                    continue
                if brought:
                    beta = self.alpha * self.staleness.weight(version - versions[k])
                    both = [client_part.weights, brought.weights]
                    mixed = yield from world.server.compute(average, both, [1.0 - beta, beta])
                    client_part, parts[k] = client_part.load(mixed), brought.part.bare()
                    version += 1
                versions[k] = version
                world.start(k, self.fetch(world, k, client_part.weights, parts[k]), again=brought is not None)
            if t == self.rounds:
                yield from world.halt()
            state.model = client_part, server_part
            world.close_round(state.model, losses)

    def fetch(self, world: World, client: Node, weights: Weights, part: Part) -> Steps:
        """Download of the client part, and the first batch."""
        weights = yield from world.transfer(world.server, client, model_download=weights)
        return (yield from self.next(world, client, part.load(weights), 0))

    def go_on(self, world: World, client: Node, rule: Optimizer, sent: Sent, gradient: Tensor) -> Steps:
        """What follows the server's answer: step, and the next batch."""
        part = yield from learn(world, client, rule, sent.part, sent.tape, sent.x, gradient)
        return (yield from self.next(world, client, part, sent.step + 1))

    def next(self, world: World, client: Node, part: Part, step: int) -> Steps:
        """The next batch that reaches the server or, after the last, the upload of the client part."""
        for at in range(step, self.local_steps):
            x, y = world.next_batch(client, at, self.batch_size)
            try:
                part, tape, smashed, labels = yield from send(world, client, part, x, y)
            except Skipped:
                continue
            return Sent(part, tape, smashed, labels, x, at)
        upload = yield from world.transfer(client, world.server, model_upload=part.weights)
        return Uploaded(part, upload)
