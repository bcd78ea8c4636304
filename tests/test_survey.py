"""A survey: looks and changes nothing, measures what training meets, and every knob reaches its term of the bound."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.worlds import ListLog
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.lossless import Zstd
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.learning.bound import bound
from wirelessfsl.learning.optim import SGD, Adam, Cosine
from wirelessfsl.learning.partition import Dirichlet
from wirelessfsl.learning.pruning import FilterPruning, OneShot, WeightPruning
from wirelessfsl.scenario import Codecs, Data, Devices, Model, Scenario
from wirelessfsl.scenario.settings import EvaluationSettings
from wirelessfsl.simulation import play
from wirelessfsl.survey import Survey

BUDGET: dict[str, Any] = {"rounds": 4, "local_steps": 2, "batch_size": 32, "optimizer": SGD(lr=0.05)}


def scenario(algorithm: Any = FedSL(**BUDGET), **changes: Any) -> Scenario:  # noqa: B008 (a frozen value)
    data = Data(name="digits", clients=3, partition=Dirichlet(alpha=1.0))
    return Scenario(data=data, model=Model(name="small_cnn", cuts=("block2",)), algorithm=algorithm, **changes)


@pytest.fixture(autouse=True, scope="module")
def few_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wirelessfsl.survey.BATCHES", 4)
        yield


@cache
def surveyed(algorithm: Any = FedSL(**BUDGET), **changes: Any) -> Survey:  # noqa: B008
    asked = scenario(algorithm, **changes)
    survey = Survey(asked)
    play(asked, ListLog(), watch=survey)
    return survey


def test_a_run_that_is_watched_goes_as_one_that_is_not() -> None:
    watched, alone = ListLog(), ListLog()
    (one, other) = (play(scenario(), log, watch=w) for log, w in ((watched, Survey(scenario())), (alone, lambda *_: 0)))
    assert (watched.events, watched.metrics) == (alone.events, alone.metrics)
    for part, same in zip(one.parts, other.parts, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(part.weights, same.weights, strict=True))


def test_two_surveys_of_one_run_are_equal() -> None:
    again = Survey(scenario())
    play(scenario(), ListLog(), watch=again)
    assert again.points == surveyed().points


def test_it_looks_before_the_first_round_and_at_every_evaluation() -> None:
    assert [point.round for point in surveyed().points] == [0, 1, 2, 3, 4]
    sparse = surveyed(evaluation=EvaluationSettings(every_rounds=3))
    assert [point.round for point in sparse.points] == [0, 3, 4]
    first, last = sparse.rows
    assert (first.iterations, last.iterations) == (6, 8)
    slopes = [point.slope for point in sparse.points]
    assert first.running_mean == pytest.approx(slopes[0])
    assert last.running_mean == pytest.approx((3 * slopes[0] + slopes[1]) / 4)


def test_constants_are_the_largest_on_the_way_and_the_gap_is_the_first_loss() -> None:
    points, constants = surveyed().points, surveyed().constants
    assert constants.gap == points[0].loss == pytest.approx(np.log(10), rel=0.02)
    assert constants.beta == max(point.bend for point in points)
    assert constants.variance == max(point.variance for point in points)
    assert constants.client_sizes == (144, 16, 4608, 32)
    assert constants.server_moment == pytest.approx(
        sum(max(point.moments[i] for point in points) for i in range(4, len(points[0].moments)))
    )


def test_the_bound_is_above_what_is_measured_where_the_theorem_holds() -> None:
    survey = surveyed()
    assert survey.caveats == []
    assert survey.algorithm.optimizer.lr <= survey.constants.largest_rate
    assert all(row.running_mean <= row.terms.total for row in survey.rows)


def test_with_everything_off_it_is_that_of_splitfed_v1() -> None:
    other = surveyed(SplitFedV1(**BUDGET))
    assert other.rows == surveyed().rows
    assert other.constants == surveyed().constants


def test_shares_of_unequal_clients_count_as_fewer_clients() -> None:
    by_samples, uniform = surveyed(), surveyed(FedSL(**BUDGET, weighting="uniform"))
    assert uniform.clients == pytest.approx(3)
    assert 1 < by_samples.clients < 3


KNOBS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "quantisation": ({"gradient_bits": 4}, {}),
    "pruning": ({"pruning": WeightPruning(sparsity=0.5, schedule=OneShot())}, {}),
    "dropout": ({}, {"codecs": Codecs(activations=(Dropout(p=0.3),))}),
}


@pytest.mark.parametrize("term", KNOBS)
def test_every_means_has_its_term_and_no_other(term: str) -> None:
    algorithm, rest = KNOBS[term]
    last = surveyed(FedSL(**BUDGET, **algorithm), **rest).rows[-1].terms._asdict()
    for name in KNOBS:
        assert (last[name] > 0) == (name == term), name


def test_the_interval_and_the_steps_of_a_round_make_the_drift() -> None:
    budget = BUDGET | {"local_steps": 1}
    assert surveyed(FedSL(**budget)).rows[-1].terms.drift == 0.0
    rare, often = surveyed(FedSL(**BUDGET, interval=2)), surveyed()
    c = rare.constants
    step = 16 * (c.beta * 0.05) ** 2
    assert rare.rows[-1].terms.drift == pytest.approx(step * (16 * sum(c.client_moments) + 4 * c.server_moment))
    c = often.constants
    step = 16 * (c.beta * 0.05) ** 2
    assert often.rows[-1].terms.drift == pytest.approx(step * 4 * (sum(c.client_moments) + c.server_moment))


def test_sparsity_counts_from_the_round_that_has_it() -> None:
    survey = surveyed(FedSL(**BUDGET, pruning=WeightPruning(sparsity=0.5, schedule=OneShot(round=3))))
    assert [row.sparsity for row in survey.rows] == pytest.approx([0.0, 0.5, 0.5, 0.5], abs=1e-3)
    known = {"iterations": 8, "rate": 0.05, "clients": survey.clients, "interval": 2, "server_interval": 2}
    expected = bound(survey.constants, **known, sparsity=[row.sparsity for row in survey.rows])
    assert survey.rows[-1].terms == expected


def test_it_says_why_the_theorem_does_not_apply() -> None:
    fast = surveyed(FedSL(**BUDGET | {"optimizer": SGD(lr=2.0)})).caveats
    assert fast[0].startswith("learning rate 2 > 1 / (2 beta) = 0.")
    filters = FedSL(**BUDGET, pruning=FilterPruning(schedule=OneShot()))
    assert surveyed(filters).caveats == ["pruning does not take the smallest weights"]
    codecs = Codecs(activations=(Dropout(p=0.1), Quantize(), Zstd()), model_upload=(Cast(),))
    assert surveyed(codecs=codecs).caveats == ["not counted: quantize of activations, cast of model_upload"]
    devices = (Devices(count=2), Devices(count=1, failures=FailAt(times_s=(0.001,))))
    assert surveyed(devices=devices).caveats == ["clients trained 16 of 24 batches"]


def test_a_training_that_failed_is_no_case_of_the_theorem() -> None:
    assert surveyed(FedSL(**BUDGET | {"optimizer": SGD(lr=1e9)})).caveats[0] == "the loss is not a number"


def test_what_is_saved_are_the_rows_and_the_constants(tmp_path: Path) -> None:
    survey = surveyed()
    survey.save(tmp_path)
    with (tmp_path / "bound.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [float(row["bound"]) for row in rows] == [row.terms.total for row in survey.rows]
    assert [float(row["running_mean"]) for row in rows] == [row.running_mean for row in survey.rows]
    known = json.loads((tmp_path / "bound.json").read_text())
    assert known["constants"]["beta"] == survey.constants.beta
    assert known["caveats"] == []


@pytest.mark.parametrize(
    ("algorithm", "says"),
    [
        (FedAvg(), "algorithm.kind: got fedavg, a bound is known here for fedsl and splitfed_v1"),
        (FedSL(optimizer=Adam()), "algorithm.optimizer: the bound is of sgd"),
        (FedSL(optimizer=SGD(momentum=0.5)), "without momentum"),
        (FedSL(optimizer=SGD(schedule=Cosine())), "constant learning rate"),
    ],
)
def test_what_has_no_bound_is_refused_before_anything_runs(algorithm: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Survey(replace(scenario(), algorithm=algorithm))
