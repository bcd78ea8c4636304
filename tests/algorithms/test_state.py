"""What a round of a scheme leaves to the next is its state and nothing else, and the state can be kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
from safetensors.torch import load, save

from tests.algorithms.test_hierarchical import two_edges
from tests.worlds import BATCH, DEVICE, ListLog, dataset, tell, tiny
from wirelessfsl.algorithms.centralised import Centralised
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedprox import FedProx
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.hierarchical import Hierarchical
from wirelessfsl.algorithms.local_only import LocalOnly
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.algorithms.state import Scheme
from wirelessfsl.build import build
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.engine.access import ConstantLink
from wirelessfsl.engine.participation import Participation, RandomChoice
from wirelessfsl.engine.world import Steps, World
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.shapes import ShapesOnly
from wirelessfsl.learning.keeping import pack, unpack
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.pruning import Cubic, FilterPruning, OneShot, WeightPruning
from wirelessfsl.records import Event
from wirelessfsl.scenario import Algorithm, Model, Scenario

MOMENTUM = SGD(lr=0.05, momentum=0.9)
BUDGET: dict[str, Any] = {"rounds": 4, "local_steps": 2, "batch_size": BATCH, "optimizer": MOMENTUM}
ADAM = BUDGET | {"optimizer": Adam()}
SPLIT, CNN = Model(name="mlp", cuts=("fc1",)), Model(name="small_cnn_bn", cuts=("block1",))
WHOLE, U_SHAPE = Model(name="mlp"), Model(name="mlp", cuts=("fc1", "fc2"))
AIR = ConstantLink(uplink_bit_s=1e6, downlink_bit_s=2e6)
RUNS: dict[str, tuple[Any, Model]] = {
    "centralised": (Centralised(**ADAM), WHOLE),
    "local_only": (LocalOnly(**BUDGET), WHOLE),
    "fedavg": (FedAvg(upload="update", **ADAM), WHOLE),
    "fedprox": (FedProx(**BUDGET), WHOLE),
    "fedem": (FedEM(learners=2, **BUDGET), WHOLE),
    "split_learning": (SplitLearning(hand_over="peer", order="random", **BUDGET), CNN),
    "splitfed_v1": (SplitFedV1(upload="update", **ADAM), CNN),
    "splitfed_v2": (SplitFedV2(**BUDGET), SPLIT),
    "splitfed_v3": (SplitFedV3(**BUDGET), SPLIT),
    "parallel_sl": (ParallelSL(**ADAM), SPLIT),
    "cpsl": (CPSL(cluster_size=2, **BUDGET), SPLIT),
    "sfl_ga": (SFLGA(**BUDGET), SPLIT),
    "epsl": (EPSL(**BUDGET), SPLIT),
    "mtsl": (MTSL(newcomers=1, newcomers_round=3, **BUDGET), SPLIT),
    "fedlite": (FedLite(rounds=4, batch_size=BATCH, optimizer=MOMENTUM), SPLIT),
    "fedsl": (FedSL(interval=2, pruning=FilterPruning(importance="taylor", schedule=Cubic(steps=2)), **BUDGET), CNN),
    "fedsl pruned at once": (FedSL(pruning=WeightPruning(schedule=OneShot()), **BUDGET), SPLIT),
    "pfsl": (PFSL(checkpoint=3, **BUDGET), U_SHAPE),
}


class Between(Exception):
    """A round is over."""


def restarted(world: World, scheme: Scheme, kept: Callable[[Any], Any]) -> Steps:
    """Begin ``train`` anew after every round, with the state as it was kept."""
    state = scheme.begin(world)

    def stop(world: World, at_boundary: Any) -> None:
        assert at_boundary is state
        raise Between

    world.on_boundary = stop
    while True:
        try:
            yield from scheme.train(world, state)
        except Between:
            state = kept(state)
        else:
            return


def straight(world: World, scheme: Scheme) -> Steps:
    yield from scheme.train(world, scheme.begin(world))


def filed(world: World, scheme: Scheme) -> Callable[[Any], Any]:
    """What becomes of a state that is written to a file and read again."""
    fresh = scheme.begin(world)
    classes = {type(fresh), *map(type, getattr(fresh, "edges", {}).values())}
    things = {node.name: node for node in world.nodes}

    def kept(state: Any) -> Any:
        tree, tensors = pack(state, things, classes)
        return unpack(json.loads(json.dumps(tree, allow_nan=False)), load(save(tensors)), things, classes)

    return kept


def told(scenario: Scenario, again: bool, timing_only: bool = False) -> tuple[list[Event], list[bytes]]:
    """Events of a run, and the models that all and each client had after every round."""
    log, models = ListLog(), list[bytes]()
    world = build(scenario, dataset(scenario), ShapesOnly() if timing_only else Sequential(), log, None, timing_only)  # type: ignore[arg-type]
    scheme: Scheme = Hierarchical(scenario.algorithm) if world.edges else scenario.algorithm

    def show(world: World, model: Any, losses: Any, cut: Any) -> None:
        named = {k.name: own for k, own in model.items()} if isinstance(model, dict) else tuple(model)
        tree, tensors = pack(named, {})
        models.append(json.dumps([tree, [*losses.values()]]).encode() + save(tensors))

    world.on_round = show
    tell(world, restarted(world, scheme, filed(world, scheme)) if again else straight(world, scheme))
    return log.events, models


def scene(name: str) -> Scenario:
    """Four clients of which two take part and one is away for a while."""
    algorithm, model = RUNS[name]
    if name == "centralised":
        return tiny(4, model=model, algorithm=algorithm)
    away = replace(DEVICE, failures=FailAt(times_s=(7.0,), repair_s=9.0))
    choice = Participation(choice=RandomChoice(fraction=0.5))
    devices = (replace(DEVICE, count=3), away)
    return tiny(devices=devices, medium=AIR, model=model, algorithm=algorithm, participation=choice)


@pytest.mark.parametrize("name", RUNS)
def test_a_scheme_begun_anew_after_every_round_from_a_file_does_the_same(name: str) -> None:
    expected, found = (told(scene(name), again) for again in (False, True))
    assert len(expected[1]) == 4
    assert found == expected


@pytest.mark.parametrize("name", ["fedavg", "splitfed_v1", "parallel_sl", "fedlite"])
def test_so_do_edge_servers_below_a_cloud(name: str) -> None:
    scenario = two_edges(scene(name), edge_rounds=2)
    assert told(scenario, again=True) == told(scenario, again=False)


@pytest.mark.parametrize("name", ["fedavg", "fedsl", "pfsl"])
def test_so_does_a_run_without_values(name: str) -> None:
    scenario = scene("fedavg") if name == "fedavg" else scene(name)
    expected, found = (told(scenario, again, timing_only=True) for again in (False, True))
    assert found == expected


def test_every_scheme_is_here_but_those_that_say_why_they_have_no_quiet_instant() -> None:
    schemes = get_args(get_args(Algorithm)[0])
    restless = {scheme.kind for scheme in schemes if getattr(scheme, "restless", "")}
    assert restless == {"async_sl"}
    assert {algorithm.kind for algorithm, _ in RUNS.values()} | restless == {scheme.kind for scheme in schemes}


def test_a_scheme_that_keeps_something_to_itself_would_be_caught() -> None:
    class Forgetful(FedAvg):
        def train(self, world: World, state: Any) -> Steps:
            own = dict(state.parts)
            for t in world.rounds(self.rounds, state):
                own |= {k: part._replace(params=tuple(p + t for p in part.params)) for k, part in own.items()}
                yield from world.participants()
                world.close_round((own[world.clients[0]],), {})

    scenario = replace(scene("fedavg"), algorithm=Forgetful(**BUDGET))
    assert told(scenario, again=True) != told(scenario, again=False)
