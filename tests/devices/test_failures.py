"""Outages: order, purity, and the statistics of the random model."""

from __future__ import annotations

import math
from itertools import islice, pairwise

import numpy as np
import pytest

from wirelessfsl.devices.failures import FailAt, NoFailures, RandomFailures


def test_no_failures_has_no_outage() -> None:
    assert list(NoFailures().outages(1, "client-0")) == []


def test_fail_at_with_repair_gives_the_stated_intervals() -> None:
    assert list(FailAt(times_s=(0.0, 30.0), repair_s=10.0).outages(1, "client-0")) == [(0.0, 10.0), (30.0, 40.0)]


def test_fail_at_without_repair_stays_down() -> None:
    assert list(FailAt(times_s=(30.0,)).outages(1, "client-0")) == [(30.0, math.inf)]


@pytest.mark.parametrize(
    ("times_s", "repair_s"),
    [((), None), ((-1.0,), None), ((10.0, 5.0), 1.0), ((10.0, 15.0), 10.0), ((10.0, 11.0), 1.0), ((10.0, 20.0), None)],
    ids=["empty", "negative", "disorder", "overlap", "touching", "after-the-last"],
)
def test_fail_at_refuses_instants_that_cannot_all_happen(times_s: tuple[float, ...], repair_s: float | None) -> None:
    with pytest.raises(ValueError, match=r"FailAt\.times_s: got"):
        FailAt(times_s=times_s, repair_s=repair_s)


@pytest.mark.parametrize("field", ["mean_time_to_failure_s", "mean_repair_s"])
def test_random_failures_refuse_a_mean_of_zero(field: str) -> None:
    with pytest.raises(ValueError, match=rf"RandomFailures\.{field}: got"):
        RandomFailures(**{field: 0.0})


def test_random_outages_are_in_order_and_do_not_overlap() -> None:
    outages = list(islice(RandomFailures().outages(1, "client-0"), 500))
    assert all(0 < down_s < up_s for down_s, up_s in outages)
    assert all(up_s < down_s for (_, up_s), (down_s, _) in pairwise(outages))


def test_random_outages_have_the_stated_means_and_availability() -> None:
    model = RandomFailures(mean_time_to_failure_s=100.0, mean_repair_s=25.0)
    n = 20_000
    down_s, up_s = np.array(list(islice(model.outages(1, "client-0"), n))).T
    lifetimes_s, repairs_s = down_s - np.r_[0.0, up_s[:-1]], up_s - down_s
    # An exponential's deviation is its mean, so four standard errors of a mean are 4 / sqrt(n) of it (2.8 %).
    assert lifetimes_s.mean() == pytest.approx(100.0, rel=4 / np.sqrt(n))
    assert repairs_s.mean() == pytest.approx(25.0, rel=4 / np.sqrt(n))
    # U / (U + D) with both means off by one relative error e each: 0.8 x 0.2 x sqrt(2) e, again four of them.
    assert lifetimes_s.sum() / up_s[-1] == pytest.approx(0.8, abs=4 * 0.8 * 0.2 * np.sqrt(2 / n))


def test_random_outages_depend_on_seed_and_node_only() -> None:
    model = RandomFailures()
    first = list(islice(model.outages(1, "client-0"), 5))
    assert first == list(islice(model.outages(1, "client-0"), 5))
    assert first != list(islice(model.outages(2, "client-0"), 5))
    assert first != list(islice(model.outages(1, "client-1"), 5))
