"""PowerSGD: a matrix of low rank comes back whole, any other one sooner or later."""

from __future__ import annotations

import pytest
import torch

from wirelessfsl.codecs.chain import Chain
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.wire import frame_bytes


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_a_matrix_of_that_rank_comes_back_whole(rank: int) -> None:
    x = normal(30, rank) @ normal(rank, 40, seed=1)
    (y,) = Chain((PowerSGD(rank=rank),)).decode(Chain((PowerSGD(rank=rank),)).encode((x,), 1)[0])
    assert torch.allclose(x, y)


def test_repeated_steps_find_the_best_approximation() -> None:
    x = normal(30, 40)
    s = torch.linalg.svdvals(x)
    best = float(s[3:].square().sum())
    chain, memory, lost = Chain((PowerSGD(rank=3),)), None, []
    for _ in range(200):
        payload, memory = chain.encode((x,), memory)  # type: ignore[assignment]
        lost.append(float((chain.decode(payload)[0] - x).square().sum()))
    assert lost[-1] == pytest.approx(best, rel=1e-3)
    assert lost[0] > lost[5] > lost[50] >= best * (1 - 1e-12)
    forgetful = float((chain.decode(chain.encode((x,), 1)[0])[0] - x).square().sum())
    assert forgetful > lost[50]


def test_a_convolution_is_a_matrix_of_its_filters() -> None:
    x = normal(64, 32, 3, 3).float()
    payload, _ = Chain((PowerSGD(rank=2),)).encode((x,), 1)
    assert len(payload) == frame_bytes([tuple(x.shape)]) + 4 * 2 * (64 + 288)


@pytest.mark.parametrize("shape", [(), (10,), (3, 3), (0, 5), (5, 0)])
def test_what_would_not_be_shorter_flies_as_it_is(shape: tuple[int, ...]) -> None:
    x = normal(*shape)
    chain = Chain((PowerSGD(rank=2),))
    payload, _ = chain.encode((x,), 1)
    assert len(payload) == frame_bytes([shape]) + 8 * x.numel()
    assert torch.equal(chain.decode(payload)[0], x)
    assert PowerSGD(rank=2).encode_flops(shape) == 0.0


def test_with_error_feedback_the_mean_of_what_is_sent_is_what_was_meant() -> None:
    x = normal(20, 30)
    chain, memory, total = Chain((PowerSGD(rank=1),), feedback=True), None, torch.zeros_like(x)
    for _ in range(400):
        payload, memory = chain.encode((x,), memory)  # type: ignore[assignment]
        total += chain.decode(payload)[0]
    assert float((total / 400 - x).norm() / x.norm()) < 0.06


def test_flops_by_hand() -> None:
    assert PowerSGD(rank=2).encode_flops((64, 32, 3, 3)) == 4 * 18432 * 2 + 2 * 64 * 4
    assert PowerSGD(rank=2).decode_flops((64, 32, 3, 3)) == 2 * 18432 * 2


def test_a_link_whose_matrix_changes_its_shape_begins_anew() -> None:
    chain, x = Chain((PowerSGD(rank=1),)), normal(10, 20)
    _, memory = chain.encode((normal(10, 10),), 1)
    assert chain.encode((x,), memory)[0] == chain.encode((x,), 1)[0]
