"""Schedulers by hand, at their limits, and against a numerical optimum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from wirelessfsl.radio.scheduling import MaxRate, ProportionalFair, RoundRobin, Users
from wirelessfsl.streams import Floats


def users(*whole_bit_s: float, average_bit_s: Floats | None = None) -> Users:
    return Users(np.array(whole_bit_s), np.ones(len(whole_bit_s)) if average_bit_s is None else average_bit_s)


@pytest.mark.parametrize(("free", "count"), [(10, 1), (10, 3), (12, 4), (3, 7), (1, 5)])
def test_round_robin_deals_out_all_blocks_evenly_over_the_slots(free: int, count: int) -> None:
    dealt = np.array([RoundRobin().blocks(free, users(*range(1, count + 1)), slot) for slot in range(5 * count)])
    assert (dealt.sum(axis=1) == free).all()
    assert (dealt.max(axis=1) - dealt.min(axis=1) <= 1).all()
    assert (dealt.sum(axis=0) == 5 * free).all()


def test_proportional_fair_weighs_a_rate_by_what_there_was_of_late() -> None:
    blocks = ProportionalFair().blocks(10, users(4.0, 3.0, 1.0, average_bit_s=np.array([4.0, 1.0, 2.0])), slot=0)
    assert blocks.tolist() == [0, 10, 0]


def test_proportional_fair_shares_are_those_with_the_best_averages_at_the_end() -> None:
    rng, scheduler = np.random.default_rng(1), ProportionalFair(time_constant_s=1.0)
    for span_s in (0.05, 0.3, 3.0):
        there = Users(rng.uniform(1.0, 5.0, 6), rng.uniform(0.1, 1.0, 6))
        left = math.exp(-span_s)

        def worth(shares: Floats, there: Users = there, left: float = left) -> float:
            return -float(np.log(left * there.average_bit_s + (1.0 - left) * there.whole_bit_s * shares).sum())

        simplex = [{"type": "eq", "fun": lambda shares: shares.sum() - 1.0}]
        found = minimize(worth, np.full(6, 1 / 6), bounds=[(0, 1)] * 6, constraints=simplex, tol=1e-12)
        shares = scheduler.shares(there, span_s)
        assert shares.sum() == pytest.approx(1.0)
        assert worth(shares) <= found.fun + 1e-9
        assert shares == pytest.approx(found.x, abs=1e-4)


def test_proportional_fair_is_the_best_alone_in_a_short_span_and_equal_in_a_long_one() -> None:
    there = users(4.0, 3.0, 1.0, average_bit_s=np.array([4.0, 1.0, 2.0]))
    for span_s in (1e-6, 1e-12, 0.0, -1e-15):
        assert ProportionalFair().shares(there, span_s).tolist() == [0.0, 1.0, 0.0]
    assert ProportionalFair().shares(there, span_s=math.inf) == pytest.approx(1 / 3)


def test_a_dead_link_has_no_share_of_the_time() -> None:
    assert ProportionalFair().shares(users(0.0, 1.0), span_s=1.0).tolist() == [0.0, 1.0]
    assert ProportionalFair().shares(users(0.0, 0.0), span_s=1.0).tolist() == [0.0, 0.0]


def test_max_rate_gives_all_to_the_best_and_takes_equals_in_turn() -> None:
    there = users(2.0, 3.0, 3.0)
    assert MaxRate().shares(there, span_s=1.0).tolist() == [0.0, 0.5, 0.5]
    assert [MaxRate().blocks(7, there, slot).tolist() for slot in (0, 1)] == [[0, 7, 0], [0, 0, 7]]
