"""A lost message is a case of the scheme: the client leaves, the batch is skipped, or the last value is taken again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.worlds import BATCH, ListLog, assert_tiled, played, tell, tiny, world_of
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.engine.medium import ConstantLink, Medium
from wirelessfsl.engine.transport import Outage, Transport
from wirelessfsl.engine.world import World
from wirelessfsl.learning.executor import Sequential
from wirelessfsl.learning.optim import SGD
from wirelessfsl.records import ACTIVATIONS, DROP, GRADIENTS, LABELS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario import Scenario

SCHEMES = [SplitFedV1, SplitFedV2, SplitFedV3, SplitLearning, ParallelSL, FedSL, MTSL]
LINK = ConstantLink(uplink_bit_s=1e6, downlink_bit_s=1e6, latency_s=0.0)


class Deaf:
    """A medium on which the n-th message of a kind never arrives: it is put on a link that is all but dead."""

    def __init__(self, world: World, kind: str, nth: set[int]) -> None:
        self.world, self.kind, self.nth, self.count = world, kind, nth, 0
        self.whole = world.messages._fly
        world.messages._fly = self.fly  # type: ignore[method-assign]

    def fly(self, sender: Any, receiver: Any, sizes: Any) -> Any:
        if next(iter(sizes)) == self.kind:
            self.count += 1
            if self.count in self.nth:
                sizes = dict.fromkeys(sizes, 10**9)
        return self.whole(sender, receiver, sizes)


def lossy(scheme: Any, outage: Outage, clients: int = 2, **budget: Any) -> Scenario:
    algorithm = scheme(**{"rounds": 2, "local_steps": 3, "batch_size": BATCH, "optimizer": SGD(lr=0.1)} | budget)
    return tiny(clients, algorithm=algorithm, medium=LINK, transport=Transport(timeout_s=2.0, outage=outage))


def lose(scenario: Scenario, kind: str, *nth: int) -> tuple[World, ListLog]:
    """Run a scenario in which these messages of a kind (counted from 1, in order of sending) are lost."""
    world, log = world_of(scenario)
    closed: list[Any] = []
    world.on_round = lambda world, parts, losses, cut: closed.append((parts, losses))
    Deaf(world, kind, set(nth))
    tell(world, scenario.algorithm.train(world))
    world.closed = closed  # type: ignore[attr-defined]
    return world, log


def first_losses(world: World) -> dict[str, int]:
    """Number of batches of every client that counted in the first round."""
    _, losses = world.closed[0]  # type: ignore[attr-defined]
    return {client.name: len(own) for client, own in losses.items()}


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_by_default_a_lost_message_drops_its_client(scheme: Any) -> None:
    world, log = lose(lossy(scheme, Outage()), ACTIVATIONS, 1)
    (row,) = log.rows(activity=DROP)
    assert (row.phase, row.round) == ("lost", 1)
    assert sorted(first_losses(world).values()) == [3]


@pytest.mark.parametrize("kind", [ACTIVATIONS, GRADIENTS])
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_a_skipped_batch_costs_its_time_and_the_client_goes_on(scheme: Any, kind: str) -> None:
    outage = Outage(activations="skip", gradients="skip")
    world, log = lose(lossy(scheme, outage), kind, 1)
    assert not log.rows(activity=DROP)
    lost = log.rows(activity="transfer", delivered=False)
    assert max(row.end_s for row in lost) - min(row.start_s for row in lost) == pytest.approx(2.0)
    served, stepped = 2 * 2 * 3 - (kind == ACTIVATIONS), 2 * 2 * 3 - 1
    assert sum(first_losses(world).values()) == 6 - (kind == ACTIVATIONS)
    assert len(log.rows(phase="client_backward", activity="compute")) == stepped
    if scheme not in (ParallelSL, MTSL):
        assert len(log.rows(phase="server_step", activity="compute")) == served
    for client in world.clients:
        assert_tiled(log, client.name, log.end_s)


def test_a_batch_that_nobody_gets_through_is_no_step_of_the_server() -> None:
    for scheme in ParallelSL, MTSL:
        world, log = lose(lossy(scheme, Outage(activations="skip")), ACTIVATIONS, 1, 2)
        assert len(log.rows(phase="server_step", activity="compute")) == 5
        assert first_losses(world) == {"client-0": 2, "client-1": 2}


def gradients_used(scenario: Scenario, *nth: int) -> list[torch.Tensor]:
    """The gradients that went into the client's backward passes, in order."""
    used: list[torch.Tensor] = []

    class Watching(Sequential):
        def submit(self, kernel: Any, *args: Any) -> Any:
            if kernel.name == "backward":
                used.append(args[5])
            return super().submit(kernel, *args)

    world, _ = world_of(scenario)
    world.executor = Watching()
    Deaf(world, GRADIENTS, set(nth))
    tell(world, scenario.algorithm.train(world))
    return used


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_the_last_gradient_is_used_again(scheme: Any) -> None:
    one = lossy(scheme, Outage(gradients="reuse"), clients=1, rounds=1)
    first, second, third = gradients_used(one, 2)
    assert torch.equal(first, second)
    assert not torch.equal(second, third)


def test_without_a_last_gradient_the_batch_is_skipped() -> None:
    one = lossy(SplitFedV1, Outage(gradients="reuse"), clients=1, rounds=1)
    assert len(gradients_used(one, 1)) == 2


@pytest.mark.parametrize("scheme", [SplitFedV1, FedAvg], ids=lambda scheme: scheme.kind)
def test_a_client_without_the_new_model_trains_the_one_it_was_sent_before(scheme: Any) -> None:
    scenario = lossy(scheme, Outage(model_download="reuse"), rounds=2)
    _, log = lose(scenario, MODEL_DOWNLOAD, 3)
    assert not log.rows(activity=DROP)
    assert len(log.rows(phase=MODEL_UPLOAD, activity="transfer", delivered=True)) == 4
    _, log = lose(scenario, MODEL_DOWNLOAD, 1)  # there is none from before
    assert [row.phase for row in log.rows(activity=DROP)] == ["lost"]


def test_without_losses_no_case_changes_anything() -> None:
    plain = lossy(SplitFedV1, Outage())
    every = lossy(SplitFedV1, Outage(activations="skip", gradients="reuse", model_download="reuse"))
    left, right = (played(each)[1] for each in (plain, every))
    assert left.events == right.events
    assert left.events
    assert {LABELS, GRADIENTS} <= {row.phase for row in left.events}
    assert isinstance(played(plain)[0].medium, Medium)
    assert replace(every, seed=2) != every
