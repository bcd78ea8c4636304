"""FedEM: the E-step by hand, its limits, what it sends and computes, and what mixtures are measured with."""

from __future__ import annotations

import json
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.algorithms.ideal import apart, ideal
from tests.worlds import (
    BATCH,
    FORWARD,
    MESSAGE,
    OVERHEAD,
    SERVE,
    WHOLE_MODEL,
    WHOLE_STEP,
    dataset,
    run,
    tell,
    tiny,
    world_of,
)
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.learning.data import ClientData
from wirelessfsl.learning.evaluate import Mixture, evaluate
from wirelessfsl.learning.kernels import responsibilities, train, train_mixture
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.stage import Part, initial_parts, split
from wirelessfsl.scenario import deal

BUDGET: dict[str, Any] = {"rounds": 3, "local_steps": 4, "batch_size": BATCH}
STAGES = split(ModelSpec("mlp", (1, 8, 8), 10), ())
GENERATOR = torch.Generator().manual_seed(0)
X, Y = torch.rand(6, 1, 8, 8, generator=GENERATOR), torch.randint(10, (6,), generator=GENERATOR)


def learners(count: int) -> tuple[Part, ...]:
    return tuple(initial_parts(STAGES, key)[0].begin(SGD(), 1) for key in range(count))


@pytest.mark.parametrize("optimizer", [SGD(lr=0.05, momentum=0.9), Adam()], ids=["momentum", "adam"])
@pytest.mark.parametrize("model", ["small_cnn", "small_cnn_bn"])
def test_one_learner_is_fedavg(model: str, optimizer: SGD | Adam) -> None:
    left = ideal(FedEM(learners=1, optimizer=optimizer, **BUDGET), clients=3, model=model)
    right = ideal(FedAvg(optimizer=optimizer, **BUDGET), clients=3, model=model)
    assert left.losses == pytest.approx(right.losses, abs=1e-6)
    for mixture in left.outcome.models.values():
        assert isinstance(mixture, Mixture)
        assert mixture.shares == (1.0,)
        assert apart(mixture.models[0][0].weights, right.outcome.parts[0].weights) <= 1e-6


def test_responsibilities_are_shares_times_likelihoods() -> None:
    parts, shares = learners(3), (0.5, 0.3, 0.2)
    q, mean = responsibilities(STAGES[0], parts, shares, X, Y)
    losses = [evaluate(STAGES, (part,), X, Y).loss for part in parts]
    for i in range(len(Y)):
        joint = [share * exp(-loss[i]) for share, loss in zip(shares, losses, strict=True)]
        assert q[i].tolist() == pytest.approx([each / sum(joint) for each in joint], rel=1e-5)
    assert mean.tolist() == pytest.approx(q.mean(0).tolist())
    assert torch.equal(responsibilities(STAGES[0], parts, (0.0, 1.0, 0.0), X, Y)[0][:, 1], torch.ones(6))


def test_a_learner_steps_with_its_share_of_every_sample() -> None:
    parts = learners(2)
    q = torch.stack([torch.tensor([1.0, 1, 1, 0, 0, 0]), torch.zeros(6)], 1)
    (first, second), loss = train_mixture(STAGES[0], SGD(lr=0.2), parts, X, Y, q)
    half, mean = train(
        STAGES[0], SGD(lr=0.1), parts[0], X[:3], Y[:3]
    )  # half of the samples, at weight 1: half the step
    assert apart(first.params, half.params) <= 1e-6
    assert apart(second.params, parts[1].params) == 0.0
    assert float(loss) == pytest.approx(float(mean) / 2)


def test_a_mixture_answers_with_the_mean_of_probabilities() -> None:
    parts, shares = learners(3), (0.5, 0.3, 0.2)
    found = evaluate(STAGES, Mixture(shares, tuple((part,) for part in parts)), X, Y)
    alone = [np.exp(-evaluate(STAGES, (part,), X, Y).loss) for part in parts]
    expected = sum(share * p for share, p in zip(shares, alone, strict=True))
    assert np.exp(-found.loss) == pytest.approx(expected, rel=1e-5)
    one = evaluate(STAGES, Mixture((0.0, 1.0, 0.0), tuple((part,) for part in parts)), X, Y)
    assert one.loss == pytest.approx(evaluate(STAGES, parts[1:2], X, Y).loss, rel=1e-5)


@pytest.mark.parametrize("m", [1, 2, 5])
def test_m_learners_are_m_models_in_one_frame_and_cost_a_forward_pass_more_each(m: int) -> None:
    log, outcome = run(tiny(2, algorithm=FedEM(learners=m, **BUDGET)))
    frame = OVERHEAD + MESSAGE
    for phase in "model_upload", "model_download":
        assert {row.bytes for row in log.rows(activity="transfer", phase=phase)} == {frame + m * (WHOLE_MODEL - frame)}
    flops = {
        row.phase: row.flops for row in log.rows(activity="compute", node="client-0") if row.phase != "aggregation"
    }
    assert flops == {"client_forward": m * (FORWARD + SERVE / 3), "client_step": m * WHOLE_STEP}
    assert outcome.client_steps == 2 * 3 * 4


def test_clients_whose_labels_contradict_each_other_come_to_use_different_learners() -> None:
    # No single model can serve both kinds: what is class c for two of the clients is class 9 - c for the other two.
    scheme = FedEM(learners=2, rounds=12, local_steps=10, batch_size=BATCH, optimizer=SGD(lr=0.2))
    scenario = tiny(4, algorithm=scheme)
    world, _ = world_of(scenario)
    data = dataset(scenario)
    world.data = {
        client: ClientData(data.inputs, labels, client.name, world.seed, own)
        for client, own, labels in zip(
            world.clients, deal(scenario, data), 2 * [data.labels] + 2 * [9 - data.labels], strict=True
        )
    }
    rounds: list[Any] = []
    world.on_round = lambda _, models, losses, cut: rounds.append((models, losses))
    tell(world, scheme.train(world, scheme.begin(world)))
    models, losses = rounds[-1]
    first, *others = (max(models[k].shares) == models[k].shares[0] for k in world.clients)
    assert others == [first, not first, not first]
    assert min(max(models[k].shares) for k in world.clients) > 0.7
    assert max(np.mean(each) for each in losses.values()) < 0.3


def test_the_common_models_and_the_shares_are_saved(tmp_path: Path) -> None:
    _, outcome = run(tiny(3, algorithm=FedEM(rounds=1, local_steps=1, batch_size=BATCH, learners=2)))
    outcome.save(tmp_path)
    assert sorted(file.name for file in (tmp_path / "models").iterdir()) == [
        "learner-0.safetensors",
        "learner-1.safetensors",
        "shares.json",
    ]
    shares = json.loads((tmp_path / "models" / "shares.json").read_text())
    assert {name: sum(own) for name, own in shares.items()} == {f"client-{k}": pytest.approx(1.0) for k in range(3)}
