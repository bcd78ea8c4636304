"""Where a model can be cut, and that its pieces are the model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.learning.plain import CLASSES, SMALL, Woven, inputs, places, spec
from wirelessfsl.learning.graph import cut, cut_points, trace
from wirelessfsl.learning.models import make


class Tied(nn.Module):
    """Two layers that are one and the same."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.between = nn.ReLU()
        self.last = self.first

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.between(self.first(x)))
        return out


class Scaled(nn.Module):
    """A parameter of no module's, used behind the cut; a size taken before it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.full((4,), 3.0))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x) * self.scale)
        return out


class Branching(nn.Module):
    """Goes where the values say."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def points(module: nn.Module) -> tuple[str, ...]:
    return tuple(cut_points(trace(module).graph))


def test_a_chain_can_be_cut_after_every_module_but_the_last() -> None:
    assert points(make(spec("lenet"))) == (
        "block1.0", "block1.1", "block1", "block1.2",
        "block2.0", "block2.1", "block2.2", "block2", "block2.3",
        "fc1.0", "fc1", "fc1.1", "fc2.0", "fc2", "fc2.1",
    )  # fmt: skip
    assert places("lenet") == ("block1", "block2", "fc1", "fc2")


def test_a_residual_network_can_be_cut_between_its_blocks_and_not_inside_of_one() -> None:
    found = points(make(spec("resnet8")))
    assert {"stem", "layer1", "layer2", "layer3"} <= set(found)
    assert not [name for name in found if name.startswith("layer")][3:]


def test_no_cut_follows_a_branch_whose_input_is_needed_again() -> None:
    # left is added to stem; drop takes the sum, and after pool nothing else is alive.
    assert points(Woven((1, 8, 8), CLASSES)) == ("stem", "drop", "pool")


@pytest.mark.parametrize("model", [*SMALL, "tests.learning.plain:Woven"])
def test_pieces_one_after_another_are_the_model(model: str) -> None:
    net = make(spec(model)).eval()
    x = inputs(model, 3)
    for name in points(net):
        first, second = cut(net, (name,))
        assert torch.equal(second(first(x)), net(x))
        assert len([*first.parameters(), *second.parameters()]) == len([*net.parameters()])


def test_a_parameter_of_no_module_goes_to_the_piece_that_uses_it() -> None:
    net = Scaled()
    first, second = cut(net, ("body",))
    assert [len(list(piece.parameters())) for piece in (first, second)] == [2, 3]
    x = torch.rand(5, 4)
    assert torch.equal(second(first(x)), net(x))


def test_without_cuts_a_model_is_one_piece_and_need_not_be_traced() -> None:
    net = Branching()
    assert cut(net, ()) == (net,)
    with pytest.raises(ValueError, match=r"cannot be cut, for torch\.fx cannot trace it: TraceError"):
        cut(net, ("x",))


def test_a_parameter_on_both_sides_of_a_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be cut at between: both sides use the same parameter"):
        cut(Tied(), ("between",))
