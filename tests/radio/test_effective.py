"""Effective SINR: its identities and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wirelessfsl.radio.effective import exponential, mean_capacity

SINRS = st.lists(st.floats(1e-4, 1e5), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(0.0, 1e6), st.floats(1.0, 600.0), st.integers(1, 20))
def test_on_a_flat_channel_it_is_the_sinr(sinr: float, beta: float, parts: int) -> None:
    flat = np.full((1, parts), sinr)
    assert exponential(flat, np.array([beta]))[0] == pytest.approx(sinr, rel=1e-12)
    assert mean_capacity(flat)[0] == pytest.approx(sinr, rel=1e-9)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SINRS, st.floats(1.0, 600.0))
def test_it_lies_between_the_worst_part_and_the_mean(sinrs: list[float], beta: float) -> None:
    parts, margin = np.array([sinrs]), 1 + 1e-9
    for effective in (exponential(parts, np.array([beta]))[0], mean_capacity(parts)[0]):
        assert min(sinrs) / margin <= effective <= np.mean(sinrs) * margin


def test_limits_of_beta_are_the_worst_part_and_the_mean() -> None:
    parts = np.array([[1.0, 2.0, 6.0]])
    assert exponential(parts, np.array([1e-3]))[0] == pytest.approx(1.0, abs=2e-3)
    assert exponential(parts, np.array([1e6]))[0] == pytest.approx(3.0, rel=1e-5)


def test_by_hand_two_parts() -> None:
    # -2 ln((e^-0.5 + e^-2) / 2) = 1.98 for 1 and 4 with beta 2; sqrt(2 * 5) - 1 by capacity.
    assert exponential(np.array([[1.0, 4.0]]), np.array([2.0]))[0] == pytest.approx(
        -2 * np.log((np.exp(-0.5) + np.exp(-2.0)) / 2)
    )
    assert mean_capacity(np.array([[1.0, 4.0]]))[0] == pytest.approx(np.sqrt(10.0) - 1)


def test_parts_that_are_all_strong_do_not_underflow() -> None:
    assert exponential(np.array([[1e5, 2e5]]), np.array([1.6]))[0] == pytest.approx(1e5 + 1.6 * np.log(2))
