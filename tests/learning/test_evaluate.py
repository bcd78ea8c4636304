"""Evaluation against torch in evaluation mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.learning.plain import CLASSES, batches, network, places, same, spec, torch_optimizer, train_step
from wirelessfsl.learning.evaluate import Evaluation, apply, evaluate
from wirelessfsl.learning.models import MODELS, ModelSpec
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.stage import Part, split


def trained(model: str) -> torch.nn.Sequential:
    """A network whose running statistics are not the initial ones."""
    net = network(model, seed=1)
    optimizer = torch_optimizer(SGD(lr=0.05), list(net.parameters()))
    for x, y in batches(model, 3):
        train_step(net, optimizer, x, y)
    return net


def parts_of(net: torch.nn.Sequential) -> list[Part]:
    return [Part(tuple(p.detach() for p in block.parameters()), tuple(block.buffers())) for block in net]


@pytest.mark.parametrize("model", MODELS)
def test_loss_and_accuracy_equal_torch_in_evaluation_mode(model: str) -> None:
    net = trained(model)
    stages = split(spec(model), places(model))
    ((x, y),) = batches(model, 1, batch_size=1234, seed=9)  # more than goes through the model at once
    loss, accuracy = evaluate(stages, parts_of(net), x, y).mean()
    net.eval()
    with torch.no_grad():
        logits = net(x)
    assert loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits.double(), y)), rel=1e-6)
    assert accuracy == pytest.approx(float((logits.argmax(1) == y).double().mean()), abs=1e-12)


def test_evaluating_changes_no_running_statistic() -> None:
    net = trained("small_cnn_bn")
    stages = split(ModelSpec("small_cnn_bn", (1, 8, 8), CLASSES), ("block1", "block2"))
    parts = parts_of(net)
    before = [[t.clone() for t in part.weights] for part in parts]
    ((x, y),) = batches("small_cnn_bn", 1)
    evaluate(stages, parts, x, y)
    assert same([list(part.weights) for part in parts], before)


def test_a_stage_applies_its_running_statistics() -> None:
    net = trained("small_cnn_bn")
    stage = split(ModelSpec("small_cnn_bn", (1, 8, 8), CLASSES), ("block1",))[0]
    ((x, _),) = batches("small_cnn_bn", 1)
    assert same(apply(stage, parts_of(net)[0], x), net[0].eval()(x).detach())


def evaluation() -> Evaluation:
    """Three classes of 10, 30 and no test samples."""
    return Evaluation(np.array([5.0, 60.0, 0.0]), np.array([9.0, 15.0, 0.0]), np.array([10.0, 30.0, 0.0]))


def test_the_mean_is_over_samples() -> None:
    assert evaluation().mean() == pytest.approx((65 / 40, 24 / 40))


def test_weights_stand_for_other_class_frequencies() -> None:
    # Losses of 0.5 and 2 a sample and accuracies of 0.9 and 0.5, mixed 3 to 1.
    loss, accuracy = evaluation().mean(np.array([6.0, 2.0, 0.0]))
    assert loss == pytest.approx(0.75 * 0.5 + 0.25 * 2.0)
    assert accuracy == pytest.approx(0.75 * 0.9 + 0.25 * 0.5)


def test_classes_that_the_test_set_lacks_are_left_out() -> None:
    assert evaluation().mean(np.array([6.0, 2.0, 100.0])) == evaluation().mean(np.array([6.0, 2.0, 0.0]))


def test_class_sums_add_up_to_the_test_set() -> None:
    stages = split(ModelSpec("mlp", (1, 8, 8), CLASSES), ())
    net = network("mlp", seed=1)
    part = Part(tuple(p.detach() for p in net.parameters()))
    ((x, y),) = batches("mlp", 1, batch_size=50)
    y = y % 7  # classes 7 to 9 are missing
    result = evaluate(stages, [part], x, y)
    assert result.count.tolist() == y.bincount(minlength=CLASSES).tolist()
    assert result.loss[7:].tolist() == result.correct[7:].tolist() == [0.0, 0.0, 0.0]
    assert result.loss.sum() / 50 == pytest.approx(result.mean()[0])
