"""Local training: every client learns from its own data alone, and nothing ever travels.

What federated schemes are measured against by those who might not need them: a scheme is worth its traffic to a client
if it makes a better model for that client than its own samples do.

Each round, for all clients k at once:

    for every batch:  w_k <- step with the gradient of client k's loss
"""

from __future__ import annotations

from typing import ClassVar, Literal

from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Node, Steps, World
from wirelessfsl.learning.kernels import train
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part
from wirelessfsl.settings import settings
from wirelessfsl.units import Count


@settings
class LocalOnly:
    """Local training: each client has a whole model and its own data, and no network (as in Marfoq et al. 2021).

    Clients begin with the same values. Each is evaluated with its own model on its own test samples; the figure of the
    run is their mean. There is no server. Network, codecs and radios play no part and are refused.

    rounds: evaluations are counted in rounds here too; a round ends when the slowest client is done.
    local_steps: batches per client and round.
    batch_size: samples per batch; a client that has fewer sees some of them more than once in a batch.
    optimizer: update rule of the clients.
    """

    cuts: ClassVar[int] = 0
    messages: ClassVar[tuple[str, ...]] = ()

    kind: Literal["local_only"] = "local_only"
    rounds: Count = 30
    local_steps: Count = 5
    batch_size: Count = 16
    optimizer: Optimizer = SGD()

    def begin(self, world: World) -> State:
        (model,) = world.initial
        return State(parts={k: model.copy().begin(self.optimizer, world.key(k)) for k in world.clients})

    def train(self, world: World, state: State) -> Steps:
        for t in world.rounds(self.rounds, state):
            rule = self.optimizer.at(t, self.rounds)
            clients = yield from world.participants()
            done = yield from world.together({k: self.session(world, k, rule, state.parts[k]) for k in clients})
            state.parts |= {k: part for k, (part, _) in done.items()}
            models = {k: (part,) for k, part in state.parts.items()}
            world.close_round(models, {k: losses for k, (_, losses) in done.items()})

    def session(self, world: World, client: Node, rule: Optimizer, part: Part) -> Steps:
        """One client's round: its model and the loss of every batch."""
        losses = []
        for x, y in world.batches(client, self.local_steps, self.batch_size):
            part, loss = yield from client.compute(train, world.stages[0], rule, part, x, y)
            losses.append(loss)
        return part, losses
