"""Whole runs come out the same whichever executor computes them: events, metrics, and weights bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from torch import Tensor

from tests.contracts.conftest import EXECUTORS, PARAMETERS, Kind
from tests.engine.test_accounts import FEDAVG, SPLITFED
from tests.engine.test_accounts import stormy as storm
from tests.engine.test_checkpoint import Broken, stormy
from tests.golden.golden import FOLDER, NAMES
from tests.worlds import ListLog, tiny
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.engine.journal import SimulationError
from wirelessfsl.learning.evaluate import Mixture
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.keeping import from_bytes, to_bytes
from wirelessfsl.learning.optim import SGD
from wirelessfsl.scenario import Model, Scenario, load_scenario
from wirelessfsl.simulation import Outcome, play

OTHERS = [each for name, each in PARAMETERS.items() if name != "sequential"]


@pytest.fixture(scope="module", params=OTHERS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return EXECUTORS[request.param]


def weights(outcome: Outcome) -> list[Tensor]:
    """Every number of the final models."""
    models: list[Any] = [outcome.parts]
    for model in outcome.models.values():
        models += model.models if isinstance(model, Mixture) else [model]
    return [tensor for model in models for part in model for tensor in part.weights]


def alike(kind: Kind, found: list[Tensor], expected: list[Tensor]) -> bool:
    """Whether weights are equal; or nearly, where kernels round otherwise, which a quantiser turns into whole steps."""
    if not kind.tolerance:
        return kind.equal(found, expected)
    pairs = zip(found, expected, strict=True)
    return all(float((a.double() - b.double()).norm()) <= 0.05 * float(b.double().norm()) + 1e-6 for a, b in pairs)


def assert_same(kind: Kind, executor: Executor, scenario: Scenario) -> None:
    one, other = ListLog(), ListLog()
    expected, found = play(scenario, one, Sequential()), play(scenario, other, executor)
    assert other.events == one.events
    if not kind.tolerance:
        assert list(map(repr, other.metrics)) == list(map(repr, one.metrics))  # a NaN is not itself
    assert alike(kind, weights(found), weights(expected))
    assert (found.status, found.rounds, found.client_steps) == (expected.status, expected.rounds, expected.client_steps)


CHEAP = {"splitfed_dropouts", "fedem", "async_sl"}
"""With drop-outs, mixtures, and no rounds that everybody ends together."""


@pytest.mark.parametrize(
    "name", [name if name in CHEAP else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_every_scheme_comes_out_the_same(kind: Kind, executor: Executor, name: str) -> None:
    assert_same(kind, executor, load_scenario(FOLDER / f"{name}.yaml"))


STORMS = {
    "deadlines, empty batteries and clients that drop out": storm("fdma"),
    "whole models": storm("tdma", FEDAVG),
    "error feedback, top k and holes in messages": stormy("cells of moving devices that lose packets"),
    "a broadcast that some hear in part": replace(
        storm("constant", SFLGA(rounds=3, local_steps=2, batch_size=16)), codecs=storm("fdma").codecs
    ),
    "statistics of batches": tiny(
        3, model=Model(name="small_cnn_bn", cuts=("block1",)), algorithm=replace(SPLITFED, rounds=2)
    ),
    "masks": load_scenario(FOLDER / "fedsl.yaml"),
    "random numbers in the model": tiny(
        2, model=Model(name="femnist_cnn", cuts=("conv1",)), algorithm=replace(SPLITFED, rounds=1)
    ),
}


@pytest.mark.parametrize("name", STORMS)
def test_whatever_happens_in_a_run_it_comes_out_the_same(kind: Kind, executor: Executor, name: str) -> None:
    assert_same(kind, executor, STORMS[name])


def test_a_run_goes_on_under_another_executor(kind: Kind, executor: Executor) -> None:
    scenario = stormy("constant")
    whole, kept = ListLog(), dict[int, tuple[bytes, int, int]]()
    expected = play(scenario, whole, Sequential())
    for first, second in ((Sequential(), executor), (executor, Sequential())):
        begun = ListLog()

        def boundary(number: int, pack: Any, log: ListLog = begun) -> None:
            kept[number] = to_bytes(*pack(), {}), len(log.events), len(log.metrics)

        play(scenario, begun, first, boundary=boundary)
        content, events, metrics = kept[2]
        log = Broken(begun, events, metrics)
        found = play(scenario, log, second, start=from_bytes(content, ())[:2])
        assert log.events == whole.events
        assert alike(kind, weights(found), weights(expected))


def test_a_run_that_fails_says_where_in_the_same_words(kind: Kind, executor: Executor) -> None:
    diverging = replace(SPLITFED, optimizer=SGD(lr=1e30), rounds=3)
    scenario, said = storm("fdma", diverging), []
    for each in (Sequential(), executor):
        with pytest.raises(SimulationError) as error:
            play(scenario, ListLog(), each)
        said.append(str(error.value))
    assert said[0] == said[1]
    assert "session of client-" in said[0]
    assert_same(kind, executor, tiny(2))  # and the executor can go on
