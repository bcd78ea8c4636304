"""The loops that the benchmarks compare with train what they say: held against plain SGD, and against our scheme."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from benchmarks.peer_loops import LOOPS, Images, Job, splitfed
from benchmarks.split_training import Mean
from tests.worlds import ListLog
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.engine.world import World
from wirelessfsl.learning.data import ClientData, Dataset
from wirelessfsl.learning.models import MODELS
from wirelessfsl.learning.optim import SGD
from wirelessfsl.learning.partition import Iid
from wirelessfsl.learning.stage import Part
from wirelessfsl.scenario import Data, Model, Scenario
from wirelessfsl.simulation import play

BATCH, STEPS, LR = 32, 8, 0.3
"""Each client has one batch of samples: loops that shuffle them differ in rounding alone."""


def samples(clients: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(4, (BATCH * clients,), generator=random)
    return torch.randn(len(labels), 1, 4, 4, generator=random) + labels[:, None, None, None], labels


def job(halves: Sequence[nn.Module], clients: Sequence[tuple[Tensor, Tensor]]) -> Job:
    return Job(*halves, [TensorDataset(*own) for own in clients], STEPS, BATCH, partial(torch.optim.SGD, lr=LR))


@pytest.mark.parametrize("name", LOOPS)
def test_with_one_client_each_published_loop_is_sgd_on_the_whole_model(name: str) -> None:
    torch.manual_seed(1)
    fc1, *rest = MODELS["mlp"]((1, 4, 4), 4).children()
    (x, y), whole = samples(1), deepcopy(nn.Sequential(fc1, *rest))
    trained = LOOPS[name](job((fc1, nn.Sequential(*rest)), [(x, y)]))
    rule, losses = torch.optim.SGD(whole.parameters(), lr=LR), []
    for _ in range(STEPS):
        loss = cross_entropy(whole(x), y)
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert trained.losses == pytest.approx(losses, rel=1e-5)
    torch.testing.assert_close([*trained.bottom.values(), *trained.top.values()], [*whole.state_dict().values()])


def test_the_loop_of_splitfeds_authors_does_what_our_scheme_does() -> None:
    clients, begun = 3, list[tuple[Part, ...]]()
    owned: list[tuple[Tensor, Tensor]] = []

    def watch(world: World, parts: tuple[Part, ...]) -> None:
        begun.append(parts)
        if not owned:
            owned.extend(own.batch(0, BATCH) for own in world.data.values() if isinstance(own, ClientData))

    x, y = samples(clients)
    scenario = Scenario(
        data=Data(name="blobs", clients=clients, partition=Iid()),
        model=Model(name="mlp", cuts=("fc1",)),
        algorithm=SplitFedV1(rounds=1, local_steps=STEPS, batch_size=BATCH, optimizer=SGD(lr=LR)),
    )
    ours = play(scenario, ListLog(), dataset=Dataset(x, y, x, y, classes=4), watch=watch)
    fc1, *rest = MODELS["mlp"]((1, 4, 4), 4).children()
    halves = fc1, nn.Sequential(*rest)
    with torch.no_grad():
        for half, part in zip(halves, begun[0], strict=True):
            for weight, first in zip(half.parameters(), part.params, strict=True):
                weight.copy_(first)
    assert [len(labels) for _, labels in owned] == [BATCH] * clients
    theirs = splitfed(job(halves, owned))
    for state, part in zip((theirs.bottom, theirs.top), ours.parts, strict=True):
        torch.testing.assert_close([*state.values()], [p.clone() for p in part.params])


def test_images_are_normalised_when_they_are_asked_for() -> None:
    pixels = torch.tensor([[[[0, 51]], [[102, 255]]]], dtype=torch.uint8)  # one image of 2 x 1 pixels, two channels
    image, label = Images(pixels, torch.tensor([3]))[0]
    torch.testing.assert_close(image, torch.tensor([[[-2.0], [-0.4]], [[-1.2], [2.0]]]))
    assert label == 3


def test_clients_of_a_bare_loop_begin_with_the_same_weights_and_leave_their_mean() -> None:
    module = nn.Linear(2, 1)
    first, mean = deepcopy(module), Mean(module)
    for change in (1.0, 2.0, 6.0):
        mean.begin()
        torch.testing.assert_close(module.weight, first.weight)
        with torch.no_grad():
            module.weight += change
        mean.add()
    mean.end(3)
    torch.testing.assert_close(module.weight, first.weight + 3.0)
    torch.testing.assert_close(module.bias, first.bias)
