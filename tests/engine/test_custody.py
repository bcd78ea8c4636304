"""A tensor that reaches another node without a transfer is caught."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
import torch

from tests.worlds import BATCH, one_round, run, tell, tiny, world_of
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.engine.custody import Custody, CustodyError, NoCustody
from wirelessfsl.engine.world import World
from wirelessfsl.learning.kernels import forward, serve
from wirelessfsl.learning.optim import SGD


def smash(world: World, hand_over: str) -> Generator[Any, Any, Any]:
    """A step that takes smashed data or labels to the server with or without the network."""
    (client,), server = world.clients, world.server
    own, replica = world.initial
    for x, y in world.batches(client, 1, BATCH):
        own, smashed, _ = yield from client.compute(forward, world.stages[0], own, x)
        sent, labels = yield from world.transfer(client, server, activations=smashed, labels=y)
        if hand_over == "activations":
            sent = smashed
        if hand_over == "labels":
            labels = y
        yield from server.compute(serve, world.stages[1], SGD(), replica, sent, labels)


@pytest.mark.parametrize("what", ["activations", "labels"])
def test_handing_the_server_a_clients_tensor_without_a_transfer_raises(what: str) -> None:
    world, _ = world_of(tiny())
    with pytest.raises(CustodyError, match=r"serve at server was given a tensor of shape .* that is at client-0"):
        one_round(world, {world.clients[0]: smash(world, what)})


def test_what_was_transferred_may_be_used() -> None:
    world, _ = world_of(tiny())
    assert world.clients[0] in one_round(world, {world.clients[0]: smash(world, "nothing")})


def test_a_clients_tensor_cannot_be_sent_by_the_server() -> None:
    world, _ = world_of(tiny(2))
    first, second = world.clients

    def story() -> Generator[Any, Any, Any]:
        own, *_ = yield from first.compute(forward, world.stages[0], world.initial[0], torch.zeros(BATCH, 1, 8, 8))
        own, smashed, _ = yield from first.compute(forward, world.stages[0], own, torch.zeros(BATCH, 1, 8, 8))
        yield from world.transfer(world.server, second, model_download=(smashed,))

    with pytest.raises(CustodyError, match=r"model_download sent at server .* at client-0"):
        tell(world, story())


def test_a_scheme_that_averages_weights_it_was_not_sent_fails_in_a_whole_run() -> None:
    class Cheat(SplitFedV1):
        def session(self, *args: Any) -> Generator[Any, Any, Any]:
            part, replica, _, losses = yield from super().session(*args)
            return part, replica, part.weights, losses

    with pytest.raises(CustodyError, match="average at server"):
        run(tiny(2, algorithm=Cheat(rounds=1, local_steps=1, batch_size=BATCH)))


def test_tensors_without_values_are_held_by_nobody() -> None:
    blank = torch.empty(4, device="meta")
    custody = NoCustody()
    custody.claim("client-0", (blank, [blank]))
    custody.check("server", "serve", (blank,))
    Custody().check("server", "serve", (blank,))  # it has no mark
    Custody().claim("client-0", (1, [blank]))
    with pytest.raises(CustodyError, match=r"serve at server .* at client-0"):
        Custody().check("server", "serve", ((), (blank, 2)))
