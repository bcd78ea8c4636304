"""Splitting a model at named blocks."""

from __future__ import annotations

import pickle

import pytest
import torch

from tests.learning.plain import CLASSES, SMALL, inputs, is_trained_to, network, places, same, spec
from wirelessfsl.learning.evaluate import apply
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.optim import SGD, Adam
from wirelessfsl.learning.stage import Part, initial_parts, split

every_model = pytest.mark.parametrize("model", SMALL)


def cuts_of(model: str) -> list[tuple[str, ...]]:
    """No cut, every single cut, and the cut everywhere."""
    names = places(model)
    return [(), *((name,) for name in names), names]


@every_model
def test_stages_follow_each_other_and_cover_the_model(model: str) -> None:
    for cuts in cuts_of(model):
        stages = split(spec(model), cuts)
        assert len(stages) == len(cuts) + 1
        assert stages[0].takes_data
        assert not any(stage.takes_data for stage in stages[1:])
        x = inputs(model, 2)
        net = network(model, seed=5).eval()
        through = x
        for stage, part in zip(stages, initial_parts(stages, seed=5), strict=True):
            through = apply(stage, part, through)
        assert same(through, net(x))


@every_model
def test_initial_values_are_torchs_of_the_whole_model_whatever_the_cut(model: str) -> None:
    net = network(model, seed=5)
    for cuts in cuts_of(model):
        stages = split(spec(model), cuts)
        assert is_trained_to(net, stages, initial_parts(stages, seed=5))


def test_another_seed_gives_other_initial_values() -> None:
    stages = split(ModelSpec("mlp", (1, 8, 8), CLASSES), ())
    assert not same(initial_parts(stages, 1)[0].params, initial_parts(stages, 2)[0].params)


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**64 - 1])
def test_any_64_bit_key_is_a_seed(seed: int) -> None:
    initial_parts(split(ModelSpec("mlp", (1, 8, 8), CLASSES), ()), seed)


def test_initial_values_leave_torchs_own_generator_alone() -> None:
    before = torch.get_rng_state()
    initial_parts(split(ModelSpec("mlp", (1, 8, 8), CLASSES), ()), 1)
    assert same(torch.get_rng_state(), before)


@every_model
def test_the_output_shape_is_what_comes_out(model: str) -> None:
    stages = split(spec(model), places(model))
    x = inputs(model, 2)
    for stage, block in zip(stages, network(model, seed=0), strict=True):
        x = block(x)
        assert stage.output_shape() == x.shape[1:]
    assert stages[-1].output_shape() == (CLASSES,)


def test_a_stage_holds_no_values_and_travels() -> None:
    stage = split(ModelSpec("small_cnn_bn", (1, 8, 8), CLASSES), ("block1",))[1]
    assert all(p.is_meta for p in stage.module().parameters())
    assert pickle.loads(pickle.dumps(stage)) == stage
    assert len({stage, pickle.loads(pickle.dumps(stage))}) == 1


@pytest.mark.parametrize("cut", ["head", "block9", ""])
def test_a_cut_that_does_not_exist_is_refused_with_those_that_do(cut: str) -> None:
    with pytest.raises(ValueError, match=rf"got '{cut}', allowed cuts of small_cnn: block1, block2$"):
        split(ModelSpec("small_cnn", (1, 8, 8), CLASSES), (cut,))


@pytest.mark.parametrize("cuts", [("block2", "block1"), ("block1", "block1")])
def test_cuts_out_of_order_or_twice_are_refused(cuts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must be different and in the model's order: block1, block2"):
        split(ModelSpec("small_cnn", (1, 8, 8), CLASSES), cuts)


def test_loading_weights_keeps_the_optimisers_state() -> None:
    stages = split(ModelSpec("small_cnn_bn", (1, 8, 8), CLASSES), ("block1",))
    mine, other = (initial_parts(stages, seed)[0].begin(Adam(), 1) for seed in (1, 2))
    mine = mine._replace(optimizer=tuple(torch.ones_like(t) for t in mine.optimizer))
    loaded = mine.load(other.weights)
    assert same(loaded.weights, other.weights)
    assert len(loaded.buffers) == 3
    assert same(loaded.optimizer, mine.optimizer)


def test_a_fresh_state_is_zero() -> None:
    part = Part((torch.ones(3), torch.ones(2, 2)))
    assert part.begin(SGD(lr=0.1), 1).optimizer == ()
    state = part.begin(SGD(lr=0.1, momentum=0.5), 1).optimizer
    assert same(state, (torch.zeros(3), torch.zeros(2, 2)))


def test_random_operations_are_numbered_through_the_whole_model() -> None:
    model = ModelSpec("tests.learning.plain:Woven", (1, 8, 8), CLASSES, (("p", 0.5),))
    assert [stage.first_draw() for stage in split(model, ("stem", "drop"))] == [0, 0, 1]
    assert [stage.first_draw() for stage in split(spec("mlp"), ("fc1",))] == [0, 0]
