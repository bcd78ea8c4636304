"""What a run writes down about the model: each client's figures are those on its own test samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.learning.plain import network
from tests.worlds import ListLog, dataset, run, tiny
from wirelessfsl import simulation
from wirelessfsl.algorithms.centralised import Centralised
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.local_only import LocalOnly
from wirelessfsl.engine.participation import Participation
from wirelessfsl.learning.executors.promises import gathered
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.partition import Classes, Iid, deal_test
from wirelessfsl.records import Metric
from wirelessfsl.scenario import Data, EvaluationSettings, Scenario, deal
from wirelessfsl.simulation import play
from wirelessfsl.streams import stream


def evaluated(scenario: Scenario) -> tuple[Metric, dict[str | None, Metric], torch.nn.Module]:
    """The last evaluation of a run, of all and by client, and the trained model."""
    log, outcome = run(scenario)
    rows = [m for m in log.metrics if m.split == "test" and m.round == outcome.rounds]
    net = network("mlp", seed=0).eval()
    with torch.no_grad():
        for param, value in zip(net.parameters(), (w for part in outcome.parts for w in part.weights), strict=True):
            param.copy_(value)
    assert rows[0].client is None
    return rows[0], {row.client: row for row in rows[1:]}, net


def test_a_clients_figures_equal_torch_on_its_own_test_samples_which_are_of_its_own_classes() -> None:
    scenario = tiny(5, rounds=3, data=Data(name="blobs", clients=5, partition=Classes(classes_per_client=4)))
    overall, by_client, net = evaluated(scenario)
    data = dataset(scenario)
    train = [data.labels[part].numpy() for part in deal(scenario, data)]
    labels = data.test_labels.numpy()
    owner = deal_test(train, labels, data.classes, stream(scenario.seed, "test-partition"))
    assert list(by_client) == [f"client-{k}" for k in range(5)]
    for k in range(5):
        own = torch.from_numpy(owner == k)
        assert set(labels[owner == k]) == set(train[k])
        with torch.no_grad():
            logits = net(data.test_inputs[own])
        row = by_client[f"client-{k}"]
        expected = torch.nn.functional.cross_entropy(logits.double(), data.test_labels[own])
        assert row.loss == pytest.approx(float(expected), rel=1e-5)
        assert row.accuracy == float((logits.argmax(1) == data.test_labels[own]).double().mean())
    # Every class has a client here, so the clients' samples are all there are.
    rows = by_client.values()
    weights = np.bincount(owner) / len(labels)
    assert weights @ [row.loss for row in rows] == pytest.approx(overall.loss, rel=1e-12)
    assert weights @ [row.accuracy for row in rows] == pytest.approx(overall.accuracy, rel=1e-12)


def test_a_client_without_a_test_sample_has_no_row() -> None:
    scenario = tiny(12, data=Data(name="blobs", clients=12, partition=Iid(), test_fraction=0.005))
    _, by_client, _ = evaluated(scenario)
    assert len(dataset(scenario).test_labels) == 10
    assert 0 < len(by_client) <= 10
    assert all(np.isfinite(row.loss) and row.accuracy is not None for row in by_client.values())


def test_whose_a_test_sample_is_does_not_depend_on_the_scheme_and_does_on_the_seed() -> None:
    data = Data(name="blobs", clients=12, partition=Iid(), test_fraction=0.005)
    split, whole = tiny(12, data=data), tiny(12, data=data, algorithm=FedAvg(rounds=1, local_steps=1))
    assert evaluated(split)[1].keys() == evaluated(whole)[1].keys()
    assert evaluated(split)[1].keys() != evaluated(tiny(12, data=data, seed=2))[1].keys()


def test_without_clients_there_are_figures_over_all_test_samples_alone() -> None:
    log, _ = run(tiny(algorithm=Centralised(rounds=2, local_steps=1)))
    assert {m.client for m in log.metrics} == {None}
    assert sum(m.split == "test" for m in log.metrics) == 2


def test_a_second_run_with_the_same_executor_counts_its_own_kernels() -> None:
    executor, scenario = Sequential(), tiny(3)
    first, second = (play(scenario, ListLog(), executor, dataset=dataset(scenario)) for _ in range(2))
    assert first.kernels == second.kernels == executor.kernels / 2
    assert 0 < second.overhead_fraction < 1


def test_steps_of_clients_that_drop_out_later_count() -> None:
    scenario = tiny(3, algorithm=FedAvg(rounds=1, local_steps=50), participation=Participation(deadline_s=30.0))
    log, outcome = run(scenario)
    done = log.rows(activity="compute", phase="client_step")
    assert log.rows(activity="drop")
    assert outcome.client_steps in range(len(done) - 3, len(done) + 1)
    assert outcome.client_steps > 0


def test_models_are_read_where_they_are_evaluated_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(simulation, "gathered", lambda value: read.append(value) or gathered(value))
    log, outcome = run(
        tiny(algorithm=LocalOnly(rounds=5, local_steps=1), evaluation=EvaluationSettings(every_rounds=2))
    )
    assert [each.round for each in log.metrics if each.split == "test" and each.client is None] == [2, 4, 5]
    assert len(read) == 4  # once more when the run has ended
    assert all(isinstance(tensor, torch.Tensor) for (part,) in outcome.models.values() for tensor in part.params)
