"""Every kind of fading: a pure function of link, instant and way, with mean one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from wirelessfsl.radio.ar1 import AR1
from wirelessfsl.radio.clarke import Clarke
from wirelessfsl.radio.fading import FadingProcess, Nakagami, NoFading, Rayleigh, Rician
from wirelessfsl.radio.taps import Taps
from wirelessfsl.streams import Floats, Keys, keys

LINKS = 2000
STREAMS = keys(3, [("fading", f"client-{i}", "uplink") for i in range(LINKS)])
SPEED_M_S = 5.0
KINDS = [
    NoFading(),
    Rayleigh(),
    Rician(),
    Nakagami(),
    Rayleigh(coherence_time_s=None),
    AR1(),
    AR1(speed_m_s=20.0),
    Clarke(),
    Clarke(speed_m_s=20.0),
    Clarke(k_factor_db=3.0),
    Taps(),
    Taps(profile="tdl_d", speed_m_s=20.0),
    Taps(profile="exponential"),
]

every_kind = pytest.mark.parametrize("fading", KINDS, ids=lambda fading: fading.kind)


def process(fading: Any, streams: Keys = STREAMS, speed_m_s: float = SPEED_M_S) -> FadingProcess:
    made: FadingProcess = fading.process(streams, 3.5e9, speed_m_s, 20e6)
    return made


def walk(time_s: float) -> Floats:
    return np.full(1, SPEED_M_S * time_s)


def stay(time_s: float) -> Floats:
    return np.zeros(1)


def at(fading: Any, time_s: float, streams: Keys = STREAMS) -> Floats:
    return process(fading, streams).gain(time_s, walk)


@every_kind
def test_gain_depends_on_link_and_time_only_not_on_order_or_company(fading: Any) -> None:
    instants = [0.0, 5.01, 0.3, 77.7]
    one = process(fading)
    forward = {t: one.gain(t, walk) for t in instants}
    for t in reversed(instants):
        # Sums and products over other shapes may differ in their last bits.
        np.testing.assert_allclose(at(fading, t, STREAMS[[3, 1]]), forward[t][[3, 1]], rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(at(fading, t), forward[t])


@every_kind
def test_mean_over_links_is_one_at_any_instant(fading: Any) -> None:
    for time_s in (0.0, 1234.5):
        gain = at(fading, time_s)
        assert gain.shape[0] == LINKS
        assert gain.min() >= 0.0
        own = gain.reshape(LINKS, -1).mean(axis=1)
        # Five standard errors, and rounding where nothing fades.
        assert own.mean() == pytest.approx(1.0, abs=5 * own.std() / math.sqrt(LINKS) + 1e-9)


@every_kind
def test_gain_holds_until_the_next_change_and_is_then_another(fading: Any) -> None:
    one = process(fading)
    for time_s in (0.0, 3.3, 1234.5):
        change_s = one.next_change_s(time_s)
        now, just_before = (one.gain(t, walk) for t in (time_s, math.nextafter(min(change_s, 1e9), 0.0)))
        np.testing.assert_array_equal(now, just_before)
        if change_s < math.inf:
            assert np.all(one.gain(change_s, walk) != now)


@every_kind
def test_next_change_is_later_and_evenly_spaced(fading: Any) -> None:
    one, time_s, seen = process(fading), 0.0, []
    while len(seen) < 50 and (later := one.next_change_s(time_s)) < math.inf:
        assert later > time_s
        seen.append(later - time_s)
        time_s = later
    assert bool(seen) != (fading.kind == "none")
    np.testing.assert_allclose(seen, seen[0] if seen else 0.0, rtol=1e-9)


@every_kind
def test_gains_of_devices_that_stand_still_change_only_with_a_speed_or_a_coherence_time(fading: Any) -> None:
    still = process(fading, speed_m_s=0.0)
    moves = getattr(fading, "speed_m_s", None) or getattr(fading, "coherence_time_s", None)
    assert (still.next_change_s(7.0) < math.inf) == bool(moves)
    same = np.array_equal(still.gain(0.0, stay), still.gain(9.0, stay))
    assert same == (not moves)
