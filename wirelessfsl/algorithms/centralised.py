"""Centralised training: all data and the whole model at the server, no network. The yardstick of the other schemes."""

from __future__ import annotations

from typing import ClassVar, Literal

from wirelessfsl.algorithms.state import State
from wirelessfsl.engine.world import Steps, World
from wirelessfsl.learning.kernels import train_there
from wirelessfsl.learning.optim import SGD, Optimizer
from wirelessfsl.learning.stage import Part
from wirelessfsl.settings import settings
from wirelessfsl.units import Count


@settings
class Centralised:
    """Plain mini-batch training of the whole model on all data at the server (Robbins and Monro 1951), no network.

    Its time and energy are the server's computation. Devices, network and codecs play no part and are refused.

    rounds: evaluations are counted in rounds here too.
    local_steps: batches per round.
    batch_size: samples per batch.
    optimizer: update rule.
    """

    cuts: ClassVar[int] = 0
    messages: ClassVar[tuple[str, ...]] = ()
    clients: ClassVar[bool] = False

    kind: Literal["centralised"] = "centralised"
    rounds: Count = 30
    local_steps: Count = 50
    batch_size: Count = 16
    optimizer: Optimizer = SGD()

    def begin(self, world: World) -> State:
        return State((world.initial[0].begin(self.optimizer, world.key(world.server)),))

    def train(self, world: World, state: State) -> Steps:
        for t in world.rounds(self.rounds, state):
            rule = self.optimizer.at(t, self.rounds)
            done = yield from world.together({world.server: self.session(world, rule, *state.model)})
            part, losses = done[world.server]
            state.model = (part,)
            world.close_round(state.model, {world.server: losses})

    def session(self, world: World, rule: Optimizer, part: Part) -> Steps:
        """One round: the model and the loss of every batch."""
        (stage,) = world.stages
        losses = []
        for x, y in world.batches(world.server, self.local_steps, self.batch_size):
            part, loss = yield from world.server.compute(train_there, stage, rule, part, x, y)
            losses.append(loss)
        return part, losses
