"""Slotted ALOHA against its closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.radio.aloha import SlottedAloha

SLOT_S = 1e-3
DATA_S = np.full(1, SLOT_S)
"""Of no influence: an access is a slot."""


@pytest.mark.parametrize(("load", "throughput"), [(0.5, 0.3032653299), (1.0, 0.3678794412)])
def test_many_stations_have_the_throughput_of_poisson_traffic(load: float, throughput: float) -> None:
    # n q (1 - q)^(n-1) with q = G / n is G e^-G up to 1 / n of it.
    n = 10_000
    shares = SlottedAloha(access_probability=load / n, slot_s=SLOT_S).shares(DATA_S, np.arange(n))
    assert shares.success_hz.sum() * SLOT_S == pytest.approx(throughput, rel=2 / n)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_default_probability_is_the_best(n: int) -> None:
    best = SlottedAloha().shares(DATA_S, np.arange(n)).success_hz.sum()
    others = [
        SlottedAloha(access_probability=q).shares(DATA_S, np.arange(n)).success_hz.sum() for q in (0.05, 0.3, 0.7)
    ]
    assert best > max(others)
    assert best * SLOT_S == pytest.approx((1 - 1 / n) ** (n - 1))


def test_messages_of_one_station_share_its_slots() -> None:
    shares = SlottedAloha(access_probability=0.2, slot_s=SLOT_S).shares(DATA_S, np.array([3, 5, 5]))
    assert shares.success_hz * SLOT_S == pytest.approx([0.16, 0.08, 0.08])
    assert shares.airtime == pytest.approx([0.2, 0.1, 0.1])


def test_a_message_takes_whole_slots() -> None:
    count, each_s = SlottedAloha(slot_s=SLOT_S).accesses(np.array([1000.0, 1001.0]), np.array([1e6, 1e6]))
    assert count.tolist() == [1, 2]
    assert each_s.tolist() == [SLOT_S, SLOT_S]
