"""A lost message is a case of the scheme: the client leaves, the batch is skipped, or the last value is taken again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.worlds import BATCH, ListLog, assert_tiled, played, tell, tiny, world_of
from wirelessfsl.algorithms.async_sl import AsyncSL
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.codecs.sparse import TopK
from wirelessfsl.engine.access import ConstantLink
from wirelessfsl.engine.medium import Medium
from wirelessfsl.engine.transport import Outage, Transport
from wirelessfsl.engine.world import World
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.optim import SGD
from wirelessfsl.records import (
    ACTIVATIONS,
    ACTIVATIONS_DOWN,
    DROP,
    GRADIENTS,
    GRADIENTS_UP,
    LABELS,
    MODEL_DOWNLOAD,
    MODEL_UPLOAD,
)
from wirelessfsl.scenario import Codecs, Model, Scenario

ONE_STEP = [ParallelSL, CPSL, SFLGA, EPSL, MTSL]
"""Schemes whose server steps once for the batches of all."""
SCHEMES = [SplitFedV1, SplitFedV2, SplitFedV3, SplitLearning, FedSL, AsyncSL, *ONE_STEP]
MORE: dict[Any, dict[str, Any]] = {EPSL: {"phi": 1.0}, FedEM: {"learners": 2}}
LINK = ConstantLink(uplink_bit_s=1e6, downlink_bit_s=1e6, latency_s=0.0)


class Deaf:
    """A medium on which the n-th message of a kind (a broadcast is one) is too long ever to arrive."""

    def __init__(self, world: World, kind: str, nth: set[int]) -> None:
        self.world, self.kind, self.nth, self.count = world, kind, nth, 0
        self.whole = world.messages._fly
        world.messages._fly = self.fly  # type: ignore[method-assign]

    def fly(self, sender: Any, receiver: Any, sizes: Any, flight: Any = None) -> Any:
        if next(iter(sizes)) == self.kind and (flight is None or flight.receivers == [receiver]):
            self.count += 1
            if self.count in self.nth:
                sizes = dict.fromkeys(sizes, 10**9)
                if flight:
                    flight.size_bytes = 10**9
        return self.whole(sender, receiver, sizes, flight)


def lossy(scheme: Any, outage: Outage, clients: int = 2, **budget: Any) -> Scenario:
    given = (
        {"rounds": 2, "local_steps": 3, "batch_size": BATCH, "optimizer": SGD(lr=0.1)} | budget | MORE.get(scheme, {})
    )
    if scheme is FedLite:
        del given["local_steps"]
    model = Model(name="mlp", cuts=("fc1", "fc2") if scheme is PFSL else None)
    transport = Transport(timeout_s=2.0, outage=outage)
    return tiny(clients, algorithm=scheme(**given), model=model, medium=LINK, transport=transport)


def clients_of(scheme: Any) -> int:
    """Two; one of async_sl, whose others would go on meanwhile."""
    return 1 if scheme is AsyncSL else 2


def lose(scenario: Scenario, kind: str, *nth: int) -> tuple[World, ListLog]:
    """Run a scenario in which these messages of a kind (counted from 1, in order of sending) are lost."""
    world, log = world_of(scenario)
    closed: list[Any] = []
    world.on_round = lambda world, parts, losses, cut: closed.append((parts, losses))
    Deaf(world, kind, set(nth))
    tell(world, scenario.algorithm.train(world, scenario.algorithm.begin(world)))
    world.closed = closed  # type: ignore[attr-defined]
    return world, log


def first_losses(world: World) -> dict[str, int]:
    """Number of batches of every client that counted in the first round."""
    _, losses = world.closed[0]  # type: ignore[attr-defined]
    return {client.name: len(own) for client, own in losses.items()}


@pytest.mark.parametrize("scheme", [*SCHEMES, FedLite, PFSL, FedEM], ids=lambda scheme: scheme.kind)
def test_by_default_a_lost_message_drops_its_client(scheme: Any) -> None:
    kind = MODEL_DOWNLOAD if scheme is FedEM else ACTIVATIONS
    world, log = lose(lossy(scheme, Outage(), clients_of(scheme)), kind, 1)
    (row,) = log.rows(activity=DROP)
    assert (row.phase, row.round) == ("lost", 1)
    assert sorted(first_losses(world).values()) == [1 if scheme is FedLite else 3]  # async_sl's begins again


@pytest.mark.parametrize("kind", [ACTIVATIONS, GRADIENTS])
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_a_skipped_batch_costs_its_time_and_the_client_goes_on(scheme: Any, kind: str) -> None:
    outage = Outage(activations="skip", gradients="skip")
    clients = clients_of(scheme)
    world, log = lose(lossy(scheme, outage, clients), kind, 1)
    assert not log.rows(activity=DROP)
    lost = [r for r in log.rows(activity="transfer", delivered=False) if r.phase in (ACTIVATIONS, LABELS, GRADIENTS)]
    assert max(row.end_s for row in lost) - min(row.start_s for row in lost) == pytest.approx(2.0)
    common = kind == GRADIENTS and scheme in (SFLGA, EPSL)  # a broadcast is lost to both
    served, stepped = clients * 2 * 3 - (kind == ACTIVATIONS), clients * 2 * 3 - (2 if common else 1)
    assert sum(first_losses(world).values()) == clients * 3 - (kind == ACTIVATIONS)
    assert len(log.rows(phase="client_backward", activity="compute")) == stepped
    if scheme not in ONE_STEP:
        assert len(log.rows(phase="server_step", activity="compute")) == served
    for client in world.clients:
        assert_tiled(log, client.name, log.end_s)


def test_a_batch_that_nobody_gets_through_is_no_step_of_the_server() -> None:
    for scheme in ONE_STEP:
        world, log = lose(lossy(scheme, Outage(activations="skip")), ACTIVATIONS, 1, 2)
        assert len(log.rows(phase="server_step", activity="compute")) == 5
        assert first_losses(world) == {"client-0": 2, "client-1": 2}


def gradients_used(scenario: Scenario, *nth: int, kind: str = GRADIENTS, at: str = "backward") -> list[torch.Tensor]:
    """The gradients that went into the backward passes of a kernel, in order."""
    used: list[torch.Tensor] = []

    class Watching(Sequential):
        def submit(self, kernel: Any, *args: Any, **how: Any) -> Any:
            if kernel.name == at:
                used.append(args[5])
            return super().submit(kernel, *args, **how)

    world, _ = world_of(scenario)
    world.executor = Watching()
    Deaf(world, kind, set(nth))
    tell(world, scenario.algorithm.train(world, scenario.algorithm.begin(world)))
    return used


@pytest.mark.parametrize(
    ("kind", "served", "stepped"), [(ACTIVATIONS, 22, 11), (ACTIVATIONS_DOWN, 23, 11), (GRADIENTS_UP, 23, 12)]
)
def test_pfsl_skips_what_comes_after_the_lost_message(kind: str, served: int, stepped: int) -> None:
    # Twelve batches: forward and backward pass at the server, and between them the step of the model's end.
    outage = Outage(activations="skip", activations_down="skip", gradients_up="skip")
    world, log = lose(lossy(PFSL, outage), kind, 1)
    assert not log.rows(activity=DROP)
    assert len(log.rows(phase="server_step", activity="compute")) == served
    assert len(log.rows(phase="client_step", activity="compute")) == stepped
    assert sum(first_losses(world).values()) == 6 - (12 - stepped)
    for client in world.clients:
        assert_tiled(log, client.name, log.end_s)


@pytest.mark.parametrize("kind", [ACTIVATIONS, ACTIVATIONS_DOWN, GRADIENTS_UP])
def test_by_default_a_lost_message_at_either_cut_of_pfsl_drops_its_client(kind: str) -> None:
    _, log = lose(lossy(PFSL, Outage()), kind, 1)
    assert [(row.phase, row.round) for row in log.rows(activity=DROP)] == [("lost", 1)]


def test_pfsls_server_uses_the_last_gradient_again() -> None:
    one = lossy(PFSL, Outage(gradients_up="reuse"), clients=1, rounds=1)
    first, second, third = gradients_used(one, 2, kind=GRADIENTS_UP, at="retrace")
    assert torch.equal(first, second)
    assert not torch.equal(second, third)
    assert len(gradients_used(one, 1, kind=GRADIENTS_UP, at="retrace")) == 2


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.kind)
def test_the_last_gradient_is_used_again(scheme: Any) -> None:
    one = lossy(scheme, Outage(gradients="reuse"), clients=1, rounds=1)
    first, second, third = gradients_used(one, 2)
    assert torch.equal(first, second)
    assert not torch.equal(second, third)


@pytest.mark.parametrize("scheme", [SplitFedV1, SFLGA, EPSL], ids=lambda scheme: scheme.kind)
def test_a_gradient_used_again_has_the_way_back_of_its_own_batch_and_one_from_a_broadcast_that_of_the_new(
    scheme: Any,
) -> None:
    one = lossy(scheme, Outage(gradients="reuse"), clients=1, rounds=1)
    first, second, third = gradients_used(replace(one, codecs=Codecs(activations=(TopK(fraction=0.5),))), 2)
    kept = [gradient != 0 for gradient in (first, second, third)]
    assert not torch.equal(kept[0], kept[2])
    if scheme is SplitFedV1:
        assert torch.equal(first, second)
    else:
        assert not torch.equal(kept[0], kept[1])
        both = kept[0] & kept[1]
        assert both.any()
        assert torch.equal(first[both], second[both])


@pytest.mark.parametrize("scheme", [SplitFedV1, SFLGA], ids=lambda scheme: scheme.kind)
def test_without_a_last_gradient_the_batch_is_skipped(scheme: Any) -> None:
    one = lossy(scheme, Outage(gradients="reuse"), clients=1, rounds=1)
    assert len(gradients_used(one, 1)) == 2


@pytest.mark.parametrize("scheme", [SplitFedV1, FedAvg, FedEM, CPSL], ids=lambda scheme: scheme.kind)
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
