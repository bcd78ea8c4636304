"""Evaluation against torch in evaluation mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.learning.executors.elsewhere import Elsewhere, There
from tests.learning.plain import CLASSES, SMALL, batches, network, places, same, spec, torch_optimizer, train_step
from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.learning.evaluate import Evaluation, apply, evaluate
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.stage import Part, Stage, split, tensor_names


def trained(model: str) -> torch.nn.Sequential:
    """A network whose running statistics are not the initial ones."""
    net = network(model, seed=1)
    optimizer = torch_optimizer(SGD(lr=0.05), list(net.parameters()))
    for x, y in batches(model, 3):
        train_step(net, optimizer, x, y)
    return net


def parts_of(net: torch.nn.Sequential, stages: tuple[Stage, ...]) -> list[Part]:
    values = net.state_dict()
    names = tensor_names(stages[0].model, stages[0].cuts)
    empty = (Part(tuple(s.module().parameters()), tuple(s.module().buffers())) for s in stages)
    return [part.load(tuple(values[each] for each in own)) for part, own in zip(empty, names, strict=True)]


@pytest.mark.parametrize("model", SMALL)
def test_loss_and_accuracy_equal_torch_in_evaluation_mode(model: str) -> None:
    net = trained(model)
    stages = split(spec(model), places(model))
    ((x, y),) = batches(model, 1, batch_size=1234, seed=9)  # more than goes through the model at once
    loss, accuracy = evaluate(stages, parts_of(net, stages), x, y).mean()
    net.eval()
    with torch.no_grad():
        logits = net(x)
    assert loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits.double(), y)), rel=1e-6)
    assert accuracy == pytest.approx(float((logits.argmax(1) == y).double().mean()), abs=1e-12)


def test_evaluating_changes_no_running_statistic() -> None:
    net = trained("small_cnn_bn")
    stages = split(ModelSpec("small_cnn_bn", (1, 8, 8), CLASSES), ("block1", "block2"))
    parts = parts_of(net, stages)
    before = [[t.clone() for t in part.weights] for part in parts]
    ((x, y),) = batches("small_cnn_bn", 1)
    evaluate(stages, parts, x, y)
    assert same([list(part.weights) for part in parts], before)


def test_a_stage_applies_its_running_statistics() -> None:
    net = trained("small_cnn_bn")
    stages = split(ModelSpec("small_cnn_bn", (1, 8, 8), CLASSES), ("block1",))
    ((x, _),) = batches("small_cnn_bn", 1)
    assert same(apply(stages[0], parts_of(net, stages)[0], x), net[0].eval()(x).detach())


def test_an_owners_mean_equals_torch_on_exactly_its_samples() -> None:
    net = trained("small_cnn_bn")
    stages = split(ModelSpec("small_cnn_bn", (1, 8, 8), CLASSES), ("block1", "block2"))
    ((x, y),) = batches("small_cnn_bn", 1, batch_size=300, seed=9)
    owner = np.random.default_rng(0).integers(-1, 4, 300)
    owner[owner == 2] = 3  # owner 2 has none
    means = evaluate(stages, parts_of(net, stages), x, y).mean_by_owner(owner)
    assert list(means) == [0, 1, 3]
    net.eval()
    for k, (loss, accuracy) in means.items():
        with torch.no_grad():
            logits = net(x[owner == k])
        expected = torch.nn.functional.cross_entropy(logits.double(), y[owner == k])
        assert loss == pytest.approx(float(expected), rel=1e-6)
        assert accuracy == pytest.approx(float((logits.argmax(1) == y[owner == k]).double().mean()), abs=1e-12)


def test_the_owners_means_weighted_by_samples_are_the_mean() -> None:
    rng = np.random.default_rng(0)
    result = Evaluation(rng.exponential(size=200), rng.random(200) < 0.7)
    owner = rng.integers(0, 6, 200)
    weights = np.bincount(owner) / 200
    assert weights @ np.array(list(result.mean_by_owner(owner).values())) == pytest.approx(np.array(result.mean()))


def test_where_all_samples_are_nobodys_there_is_no_mean_by_owner() -> None:
    assert Evaluation(np.array([1.0]), np.array([True])).mean_by_owner(np.array([-1])) == {}


def test_on_a_device_what_crosses_the_cut_stays_there() -> None:
    stages = split(ModelSpec("small_cnn", (1, 8, 8), CLASSES), ("block1", "block2"))
    parts, chain = parts_of(trained("small_cnn"), stages), Chain((Quantize(bits=6, per="sample"),))
    ((x, y),) = batches("small_cnn", 1, batch_size=40)
    seen: list[bool] = []

    def crossing(stage: int, smashed: torch.Tensor) -> torch.Tensor:
        seen.append(isinstance(smashed, There))
        return chain.through((smashed,))[0]

    with Elsewhere() as elsewhere:
        there = evaluate(stages, parts, x, y, cut=crossing, device="lazy")
    assert elsewhere.copies["cpu"] == 3  # the heads of two crossings, and what the model says
    here = evaluate(stages, parts, x, y, cut=crossing)
    assert seen == [True, True, False, False]
    assert np.array_equal(there.loss, here.loss)
