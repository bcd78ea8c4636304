"""When links are down: windows, and blockage as an alternating renewal process."""

from __future__ import annotations

from itertools import islice
from math import inf, sqrt

import numpy as np
import pytest

from wirelessfsl.network.failures import Downtimes, LinkFailure, NoBlockage, RandomBlockage, downtimes, joined


def test_windows_that_overlap_or_touch_are_one() -> None:
    windows = [(0.0, 1.0), (1.0, 2.0), (3.0, 9.0), (4.0, 5.0), (11.0, 12.0)]
    assert list(joined(windows)) == [(0.0, 2.0), (3.0, 9.0), (11.0, 12.0)]


def test_a_link_is_down_from_the_beginning_of_its_window_until_just_before_its_end() -> None:
    links = Downtimes([[(1.0, 2.0), (5.0, 6.0)], [(1.5, 5.5)]])
    seen = [(t, links.up(t).tolist(), links.next_change_s(t)) for t in (0.0, 1.0, 1.5, 2.0, 5.0, 5.5, 6.0)]
    assert seen == [
        (0.0, [True, True], 1.0),
        (1.0, [False, True], 1.5),
        (1.5, [False, False], 2.0),
        (2.0, [True, False], 5.0),
        (5.0, [False, False], 5.5),
        (5.5, [False, True], 6.0),
        (6.0, [True, True], inf),
    ]


def test_a_link_is_down_while_anything_that_it_needs_is() -> None:
    failures = (
        LinkFailure(of=("server",), from_s=1.0, to_s=2.0),
        LinkFailure(of=("client-1",), from_s=1.5, to_s=3.0),
        LinkFailure(of=("site-0", "cloud"), from_s=7.0, to_s=8.0),
    )
    needs = [("client-0", "server"), ("client-1", "server"), ("cloud site-0",)]
    links = downtimes(failures, NoBlockage(), 1, needs)
    assert [links.up(t).tolist() for t in (0.5, 1.5, 2.5, 7.5)] == [
        [True, True, True],
        [False, False, True],
        [True, False, True],
        [True, True, False],
    ]


def test_a_random_link_is_blocked_for_its_share_of_the_time() -> None:
    clear_s, blocked_s, cycles = 3.0, 1.0, 4_000
    intervals = np.array(list(islice(RandomBlockage(mean_clear_s=3.0, mean_blocked_s=1.0).intervals(1, "a"), cycles)))
    lengths = intervals[:, 1] - intervals[:, 0]
    gaps = np.diff(np.concatenate(([0.0], intervals.T.reshape(-1, order="F"))))[::2]
    # The mean of n exponential times has the deviation mean / sqrt(n).
    assert lengths.mean() == pytest.approx(blocked_s, rel=4 / sqrt(cycles))
    assert gaps.mean() == pytest.approx(clear_s, rel=4 / sqrt(cycles))
    assert np.std(lengths) == pytest.approx(blocked_s, rel=0.1)
    # Counted at 20,000 instants of links of their own, the share is B / (A + B); they are independent.
    links = downtimes((), RandomBlockage(mean_clear_s=3.0, mean_blocked_s=1.0), 1, [(f"{i}",) for i in range(2_000)])
    down = [1.0 - links.up(t).mean() for t in np.arange(40.0, 80.0, 4.0)]
    assert np.mean(down) == pytest.approx(0.25, abs=4 * sqrt(0.25 * 0.75 / 2_000 / 5))


def test_blockage_is_a_function_of_seed_and_name() -> None:
    blockage = RandomBlockage()
    one, same, other, later = (
        list(islice(blockage.intervals(seed, name), 5)) for seed, name in ((1, "a"), (1, "a"), (1, "b"), (2, "a"))
    )
    assert one == same
    assert one != other
    assert one != later
