"""What schemes hold on to: after an average no client's weights but it, and of the samples one copy for all."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.algorithms.test_state import AIR, CNN, SPLIT, U_SHAPE, WHOLE
from tests.worlds import BATCH, ListLog, dataset, tell, tiny, world_of
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.build import build
from wirelessfsl.learning.executors.graph import Task
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.pruning import OneShot, WeightPruning
from wirelessfsl.learning.stage import Part
from wirelessfsl.scenario import Model

CLIENTS = 12
BUDGET: dict[str, Any] = {"rounds": 2, "local_steps": 2, "batch_size": BATCH}
SCHEMES: dict[str, tuple[Any, Model]] = {
    "fedavg": (FedAvg(**BUDGET), WHOLE),
    "fedavg of updates": (FedAvg(upload="update", **BUDGET), WHOLE),
    "fedem": (FedEM(learners=2, **BUDGET), WHOLE),
    "splitfed_v1": (SplitFedV1(**BUDGET), CNN),
    "splitfed_v3": (SplitFedV3(**BUDGET), SPLIT),
    "mtsl": (MTSL(**BUDGET), SPLIT),
    "fedlite": (FedLite(rounds=2, batch_size=BATCH), SPLIT),
    "parallel_sl": (ParallelSL(**BUDGET), SPLIT),
    "cpsl": (CPSL(cluster_size=4, **BUDGET), SPLIT),
    "split_learning": (SplitLearning(**BUDGET), SPLIT),
    "fedsl": (FedSL(pruning=WeightPruning(schedule=OneShot()), **BUDGET), SPLIT),
    "pfsl": (PFSL(**BUDGET | {"optimizer": SGD()}), U_SHAPE),
}
"""Without momentum, so that nothing but weights could be kept."""


pytestmark = pytest.mark.usefixtures("nothing_older")


def held_bytes() -> int:
    """Memory of all tensors that there are, each piece once."""
    gc.collect()
    there = [each.untyped_storage() for each in gc.get_objects() if type(each) is torch.Tensor and not each.is_meta]
    return sum({memory.data_ptr(): memory.nbytes() for memory in there}.values())


def of_parts(parts: tuple[Part, ...]) -> int:
    return sum(tensor.nbytes for part in parts for tensor in part.weights)


@pytest.mark.parametrize("name", SCHEMES)
def test_at_the_end_of_a_round_nobody_has_a_model_of_which_an_average_takes_the_place(name: str) -> None:
    algorithm, model = SCHEMES[name]
    world, _ = world_of(tiny(CLIENTS, medium=AIR, model=model, algorithm=algorithm))
    own = CLIENTS * of_parts(world.initial[:1]) if name in ("mtsl", "splitfed_v3") else 0
    before, held = held_bytes(), list[int]()
    world.on_round = lambda *_: held.append(held_bytes() - before)
    tell(world, algorithm.train(world, algorithm.begin(world)))
    assert len(held) == algorithm.rounds
    assert max(held) <= own + 3 * of_parts(world.initial)


@pytest.mark.parametrize("name", ["fedavg", "fedem", "splitfed_v1", "pfsl"])
def test_an_average_takes_each_clients_weights_before_the_next_are_computed(name: str) -> None:
    algorithm, model = SCHEMES[name]
    scenario, held = tiny(CLIENTS, medium=AIR, model=model, algorithm=replace(algorithm, rounds=1)), list[int]()

    class Weighing(Sequential):
        taken = 0

        def run(self, task: Task) -> None:
            super().run(task)
            self.taken += task.kernel.name == "average"
            if self.taken == CLIENTS and not held:
                held.append(held_bytes())

    world = build(scenario, dataset(scenario), Weighing(), ListLog())
    before = held_bytes()
    tell(world, scenario.algorithm.train(world, scenario.algorithm.begin(world)))
    assert held[0] - before <= 6 * of_parts(world.initial)


def test_samples_are_there_once_for_all_clients() -> None:
    scenario = tiny(CLIENTS)
    data, log, before = dataset(scenario), ListLog(), held_bytes()
    world = build(scenario, data, Sequential(), log)
    x, y = world.data[world.clients[0]].batch(0, BATCH)
    assert held_bytes() - before <= of_parts(world.initial) + x.nbytes + y.nbytes + len(data.labels) * y.itemsize
