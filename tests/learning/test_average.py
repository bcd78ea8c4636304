"""Weighted mean of models."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.learning.plain import same
from wirelessfsl.learning.kernels import average


def models(count: int) -> list[tuple[Tensor, ...]]:
    rng = torch.Generator().manual_seed(0)
    return [tuple(torch.randn(shape, generator=rng) for shape in [(4, 3), (5,), ()]) for _ in range(count)]


@pytest.mark.parametrize("shares", [[1, 1, 1], [10, 30, 60], [0.2, 0.0, 0.8], [7, 1, 10**6]], ids=str)
def test_the_mean_is_weighted_by_shares(shares: list[float]) -> None:
    three = models(3)
    expected = [
        sum(s * w.double() for s, w in zip(shares, tensors, strict=True)) / sum(shares)
        for tensors in zip(*three, strict=True)
    ]
    for got, wanted in zip(average(three, shares), expected, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.double(), wanted, rtol=1e-6, atol=1e-7)


def test_only_the_proportion_of_shares_matters() -> None:
    three = models(3)
    assert same(average(three, [1, 2, 5]), average(three, [4, 8, 20]))


def test_one_model_comes_back_bit_for_bit() -> None:
    (one,) = models(1)
    assert same(average([one], [17]), one)


def test_equal_models_average_to_themselves() -> None:
    (one,) = models(1)
    for got, wanted in zip(average([one] * 7, [3, 1, 4, 1, 5, 9, 2]), one, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("counts", "shares", "mean"), [([4, 8], [1, 1], 6), ([1, 2], [1, 3], 2), ([2**53 - 2, 2**53], [1, 1], 2**53 - 1)]
)
def test_integers_are_rounded_and_stay_integers(counts: list[int], shares: list[float], mean: int) -> None:
    (got,) = average([(torch.tensor(count),) for count in counts], shares)
    assert got.dtype == torch.int64
    assert int(got) == mean


def test_float64_is_not_narrowed() -> None:
    fine = torch.tensor([1.0 + 1e-12], dtype=torch.float64)
    (got,) = average([(fine,), (fine,)], [1, 1])
    assert same(got, fine)


def test_models_stay_as_they_were() -> None:
    three = models(3)
    before = [tuple(t.clone() for t in model) for model in three]
    average(three, [1, 2, 3])
    assert same(three, before)


def test_models_of_different_depth_or_shape_are_refused() -> None:
    first, second = models(2)
    for other in (second[:1], (*second, second[0]), (second[0], second[2], second[2])):  # the last can be broadcast
        with pytest.raises(ValueError, match="different shapes"):
            average([first, other], [1, 1])
