"""Division of a band against reference instances, an independent optimiser, hand calculation and its properties."""

from __future__ import annotations

import json
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests.radio.test_sharing import Plain, Steps
from wirelessfsl.radio.division import (
    equal,
    greedy_blocks,
    in_turn_s,
    makespan_s,
    max_min,
    max_rate,
    min_makespan,
    one_each,
    proportional,
    proportional_fair,
    rounded,
    water_filling,
)
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.phy import FixedEfficiency, Shannon
from wirelessfsl.radio.sharing import OwnPower, Requests, SpreadPower
from wirelessfsl.streams import Floats

REFERENCE = json.loads((Path(__file__).parent / "data" / "allocation.json").read_text())
EXACT = {"rel": 1e-6, "abs": 0}
UNCAPPED = Shannon(cap_bit_s_hz=100.0)


def requests_of(case: dict[str, Any], phy: Any = UNCAPPED) -> OwnPower:
    noise = case["N0_w_hz"] * 10.0 ** (case["noise_figure_db"] / 10.0)
    snr = case["p_w"] * np.array(case["gain"]) / (noise * case["B_hz"])
    return OwnPower(np.array(case["bits"]), snr, phy, case["B_hz"])


@pytest.mark.parametrize("phy", [UNCAPPED, Plain()], ids=["closed form", "table"])
@pytest.mark.parametrize("case", REFERENCE["instances"], ids=lambda case: str(case["seed"]))
def test_reference_instances(case: dict[str, Any], phy: Any) -> None:
    requests, ready_s = requests_of(case, phy), np.array(case["compute_s"])
    seconds, shares = min_makespan(requests, ready_s)
    assert seconds == pytest.approx(case["fdma_minmax_T_s"], **EXACT)
    assert seconds == pytest.approx(case["fdma_minmax_T_slsqp_s"], **EXACT)
    assert shares * case["B_hz"] == pytest.approx(np.array(case["fdma_minmax_b_hz"]), **EXACT)
    assert min_makespan(requests)[0] == pytest.approx(case["fdma_minmax_T_no_compute_s"], **EXACT)
    assert makespan_s(requests, shares, ready_s) == pytest.approx(seconds, **EXACT)
    assert makespan_s(requests, equal(requests), ready_s) == pytest.approx(case["fdma_equal_T_s"], **EXACT)
    assert makespan_s(requests, proportional(requests), ready_s) == pytest.approx(case["fdma_prop_data_T_s"], **EXACT)
    assert in_turn_s(requests, ready_s) == pytest.approx(case["tdma_T_s"], **EXACT)


def test_reference_instance_with_rates_that_are_linear_in_the_share() -> None:
    case = REFERENCE["linear_rate"]
    requests = SpreadPower(np.array(case["bits"]), np.array(case["spectral_eff"]) * case["B_hz"])
    seconds, shares = min_makespan(requests)
    assert seconds == pytest.approx(case["T_s"], **EXACT)
    assert shares * case["B_hz"] == pytest.approx(np.array(case["b_hz"]), **EXACT)
    assert proportional_fair(requests) * case["B_hz"] == pytest.approx(np.array(case["pf_b_hz"]), **EXACT)
    assert max_min(requests) * case["B_hz"] == pytest.approx(np.array(case["maxmin_rate_b_hz"]), **EXACT)
    assert max_rate(requests) * case["B_hz"] == pytest.approx(np.array(case["max_sum_rate_b_hz"]), **EXACT)


# Random instances

CAPPED = Shannon(gap_db=1.0, cap_bit_s_hz=5.0)
SOME = st.lists(st.tuples(st.floats(1e3, 1e7), st.floats(-20.0, 40.0), st.floats(0.0, 3.0)), min_size=1, max_size=6)


def drawn(values: list[tuple[float, float, float]], phy: Any) -> tuple[OwnPower, Floats]:
    bits, snr_db, ready_s = np.array(values).T
    return OwnPower(bits, 10.0 ** (snr_db / 10.0), phy, 1e6), ready_s


KINDS = [equal, proportional, max_min, max_rate, proportional_fair, lambda requests: min_makespan(requests)[1]]


@pytest.mark.parametrize("phy", [UNCAPPED, CAPPED, Plain(5.0), Steps(), FixedEfficiency()], ids=repr)
@given(values=SOME, order=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_shares_are_never_above_the_band_and_belong_to_their_messages(phy: Any, values: Any, order: Any) -> None:
    requests, _ = drawn(values, phy)
    turn = list(range(len(values)))
    order.shuffle(turn)
    turned = drawn([values[at] for at in turn], phy)[0]
    spread = [SpreadPower(each.bits, each.rate_bit_s(1.0) + 1.0) for each in (requests, turned)]
    for divide, (plain, permuted) in product(KINDS, [(requests, turned), tuple(spread)]):
        shares = divide(plain)
        assert (shares >= 0.0).all()
        assert shares.sum() <= 1.0 + 1e-12
        assert divide(permuted) == pytest.approx(shares[turn], rel=1e-9, abs=1e-12)


@given(values=SOME)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("phy", [UNCAPPED, CAPPED, Plain(5.0)], ids=repr)
def test_the_least_makespan_is_never_above_another_and_all_finish_then(phy: Any, values: Any) -> None:
    requests, ready_s = drawn(values, phy)
    for ready in np.zeros(len(values)), ready_s:
        seconds, shares = min_makespan(requests, ready)
        assert makespan_s(requests, shares, ready) == pytest.approx(seconds, rel=1e-6)
        for other in equal, proportional, max_min, max_rate, proportional_fair:
            assert seconds <= makespan_s(requests, other(requests), ready) * (1.0 + 1e-6)
    # Ready at once, all radiate all the time, and turns are never better.
    assert min_makespan(requests)[0] <= in_turn_s(requests) * (1.0 + 1e-6)


@given(values=SOME)
@settings(max_examples=60, deadline=None)
def test_with_steps_of_modulation_it_is_never_above_equal_shares(values: Any) -> None:
    requests, ready_s = drawn(values, Steps())
    assert min_makespan(requests, ready_s)[0] <= makespan_s(requests, equal(requests), ready_s) * 1.006


@pytest.mark.parametrize("phy", [UNCAPPED, CAPPED, Plain(5.0)], ids=repr)
def test_goals_are_the_best_that_an_optimiser_finds(phy: Any) -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        count = int(rng.integers(2, 6))
        snr = 10.0 ** rng.uniform(-1.0, 3.0, count)
        requests = OwnPower(rng.uniform(1.0, 5.0, count), snr, phy, 1.0)
        ready_s = rng.uniform(0.0, 2.0, count)

        def best(goal: Any, requests: OwnPower = requests, count: int = count) -> float:
            constraint = {"type": "ineq", "fun": lambda b: 1.0 - b.sum()}
            found = [
                minimize(goal, start, bounds=[(1e-6, 1.0)] * count, constraints=[constraint], tol=1e-12)
                for start in (equal(requests), proportional(requests), rng.dirichlet(np.ones(count)))
            ]
            return min(float(goal(each.x / max(1.0, each.x.sum()))) for each in found)

        def slowest(b: Floats, requests: OwnPower = requests) -> Any:
            return -requests.rate_bit_s(b).min()

        def total(b: Floats, requests: OwnPower = requests) -> Any:
            return -requests.rate_bit_s(b).sum()

        def fairness(b: Floats, requests: OwnPower = requests) -> Any:
            return -np.log(requests.rate_bit_s(b)).sum()

        # Fairness is tabulated in steps of 0.02 dB, within which a cap may lie.
        goals = {max_min: (slowest, 1e-6), max_rate: (total, 1e-6), proportional_fair: (fairness, 1e-4)}
        for divide, (goal, within) in goals.items():
            assert goal(divide(requests)) <= best(goal) + within
        found_s = best(lambda b, r=requests, c=ready_s: makespan_s(r, b, c))
        assert min_makespan(requests, ready_s)[0] <= found_s * (1.0 + 1e-6)


def test_the_least_makespan_equals_that_of_slsqp() -> None:
    rng = np.random.default_rng(2)
    for count in 2, 4, 7:
        requests = OwnPower(rng.uniform(1.0, 5.0, count), 10.0 ** rng.uniform(-1.0, 3.0, count), UNCAPPED, 1.0)
        ready_s = rng.uniform(0.0, 2.0, count)
        start = np.append(equal(requests), makespan_s(requests, equal(requests), ready_s))
        found = minimize(
            lambda x: x[-1],
            start,
            bounds=[(1e-6, 1.0)] * count + [(float(ready_s.max()) + 1e-6, None)],
            constraints=[
                {"type": "ineq", "fun": lambda x: 1.0 - x[:-1].sum()},
                {"type": "ineq", "fun": lambda x, r=requests, c=ready_s: r.rate_bit_s(x[:-1]) * (x[-1] - c) - r.bits},
            ],
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        seconds, shares = min_makespan(requests, ready_s)
        assert seconds == pytest.approx(found.x[-1], rel=1e-6)
        assert shares == pytest.approx(found.x[:-1], rel=1e-4)


def test_the_nr_layer_is_divided_so_that_all_are_through_together() -> None:
    rng = np.random.default_rng(7)
    phy = Nr().one_way("uplink")
    for count in 2, 5, 9:
        requests = OwnPower(rng.uniform(1e5, 1e6, count), 10.0 ** rng.uniform(-1.0, 3.0, count), phy, 2e7)
        seconds, shares = min_makespan(requests)
        assert shares.sum() <= 1.0 + 1e-12
        assert seconds <= makespan_s(requests, equal(requests)) * (1.0 + 1e-6)
        assert requests.bits / requests.rate_bit_s(shares) == pytest.approx(np.full(count, seconds), rel=5e-3)


def test_dead_links_get_nothing_and_hold_nobody_up() -> None:
    for requests in (
        SpreadPower(np.ones(3), np.array([1.0, 0.0, 2.0])),
        OwnPower(np.ones(3), np.array([1.0, 0.0, 2.0]), UNCAPPED, 1.0),
        OwnPower(np.ones(3), np.array([1.0, 0.0, 2.0]), Plain(), 1.0),
    ):
        seconds, shares = min_makespan(requests)
        assert 0.0 < seconds < np.inf
        for found in shares, max_min(requests), max_rate(requests), proportional_fair(requests):
            assert found[1] == 0.0
            assert found.sum() == pytest.approx(1.0)
    for dead in SpreadPower(np.ones(2), np.zeros(2)), OwnPower(np.ones(2), np.zeros(2), UNCAPPED, 1.0):
        assert min_makespan(dead)[0] == np.inf
        assert [divide(dead).sum() for divide in (max_min, max_rate, proportional_fair)] == [0.0] * 3


def test_equally_good_links_share_what_the_best_gets() -> None:
    assert max_rate(SpreadPower(np.ones(3), np.array([2.0, 1.0, 2.0]))).tolist() == [0.5, 0.0, 0.5]


def test_turns_by_readiness_are_the_best_order() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        requests = SpreadPower(rng.uniform(0.1, 1.0, 4), rng.uniform(0.5, 2.0, 4))
        ready_s, airtime = rng.uniform(0.0, 2.0, 4), requests.bits / requests.whole_bit_s
        ends = []
        for order in permutations(range(4)):
            now = 0.0
            for at in order:
                now = max(now, ready_s[at]) + airtime[at]
            ends.append(now)
        assert in_turn_s(requests, ready_s) == pytest.approx(min(ends), rel=1e-12)


def test_water_stands_at_one_level_and_only_above_the_ground() -> None:
    gain = 10.0 ** np.random.default_rng(4).uniform(-2.0, 2.0, 10)
    for total_w in 0.1, 1.0, 100.0:
        power = water_filling(gain, total_w)
        assert power.sum() == pytest.approx(total_w, rel=1e-12)
        level = (power + 1.0 / gain)[power > 0.0]
        assert level == pytest.approx(level[0], rel=1e-12)
        assert (1.0 / gain[power == 0.0] >= level[0] * (1.0 - 1e-12)).all()


# Whole blocks


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8), st.integers(1, 300))
def test_rounding_keeps_the_sum_and_moves_nobody_by_a_block(values: list[float], blocks: int) -> None:
    shares = np.array(values) / max(1.0, sum(values))
    whole = rounded(shares, blocks)
    assert whole.sum() == round(float((shares * blocks).sum()))
    assert (np.abs(whole - shares * blocks) <= 1.0 + 1e-9).all()


@pytest.mark.parametrize("phy", [UNCAPPED, CAPPED], ids=repr)
def test_greedy_blocks_are_the_best_of_all_divisions(phy: Any) -> None:
    rng = np.random.default_rng(5)
    blocks = 9
    for _ in range(10):
        requests: Requests = OwnPower(rng.uniform(1.0, 5.0, 3), 10.0 ** rng.uniform(-1.0, 3.0, 3), phy, 1.0)
        ready_s = rng.uniform(0.0, 2.0, 3)
        held = greedy_blocks(requests, blocks, ready_s)
        assert held.sum() == blocks
        every = [np.array(each) for each in product(range(1, blocks), repeat=3) if sum(each) == blocks]
        best = min(makespan_s(requests, each / blocks, ready_s) for each in every)
        assert makespan_s(requests, held / blocks, ready_s) == pytest.approx(best, rel=1e-12)
        assert best >= min_makespan(requests, ready_s)[0] * (1.0 - 1e-9)


def test_greedy_needs_a_block_for_each() -> None:
    with pytest.raises(ValueError, match="blocks: got 2 for 3 messages, must be one each or more"):
        greedy_blocks(SpreadPower(np.ones(3), np.ones(3)), 2)


def test_one_block_each_has_the_greatest_sum() -> None:
    values = np.random.default_rng(6).uniform(size=(4, 6))
    best = max(sum(values[i, at] for i, at in enumerate(order)) for order in permutations(range(6), 4))
    chosen = one_each(values)
    assert len(set(chosen.tolist())) == 4
    assert values[np.arange(4), chosen].sum() == pytest.approx(best, rel=1e-12)


def test_fair_shares_of_links_that_their_power_limits_leave_a_part_of_the_band() -> None:
    # At -40 dB over the whole band no link reaches the first step but in a small part of it, and all of them do.
    requests = OwnPower(np.ones(3), np.full(3, 1e-4), Steps(), 1e6)
    shares = proportional_fair(requests)
    assert 0.0 < shares.sum() < 1.0
    assert (requests.rate_bit_s(shares) > 0.0).all()
