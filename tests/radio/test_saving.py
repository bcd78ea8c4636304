"""Least energy under a deadline against closed forms, their limits and a search over everything."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import numpy as np
import pytest

from wirelessfsl.radio.saving import Jobs, clock_hz, computing_j, golden, sending_w, under_deadline, weighted

REFERENCE = json.loads((Path(__file__).parent / "data" / "allocation.json").read_text())
NOISE_W_HZ = 3.981071705534985e-21 / 10.0**-11  # thermal noise over a gain of -110 dB
LIMIT_J = 0.0002759468628  # N0 D ln 2 / g for a megabit


def jobs(**changes: object) -> Jobs:
    rng = np.random.default_rng(1)
    given = {
        "cycles": rng.uniform(1e8, 2e9, 6),
        "kappa": rng.uniform(1e-28, 1e-27, 6),
        "max_hz": rng.uniform(1e9, 2e9, 6),
        "bits": rng.uniform(1e5, 1e6, 6),
        "bandwidth_hz": 1e6,
        "noise_w_hz": NOISE_W_HZ * rng.uniform(0.1, 10.0, 6),
        "max_w": np.full(6, 0.2),
    }
    return Jobs(**(given | changes))  # type: ignore[arg-type]


def test_the_clock_of_a_deadline_is_that_of_the_reference() -> None:
    case = REFERENCE["deadline_dvfs"]
    clock = clock_hz(case["cycles"], case["deadline_s"], case["f_max_hz"])
    assert clock == pytest.approx(case["f_opt_hz"], rel=1e-12)
    assert computing_j(case["cycles"], clock, case["kappa"]) == pytest.approx(case["energy_J"], rel=1e-12)


def test_a_clock_stays_in_its_range() -> None:
    assert clock_hz(np.full(3, 1e9), np.array([0.0, 0.1, 100.0]), 2e9, 1e8).tolist() == [2e9, 2e9, 1e8]


@pytest.mark.parametrize(("time_s", "energy_j"), [(0.2, 0.002468264457), (1.0, 0.0003981071706)])
def test_the_energy_of_sending_is_that_of_the_reference(time_s: float, energy_j: float) -> None:
    assert time_s * sending_w(1e6, time_s, 1e6, NOISE_W_HZ) == pytest.approx(energy_j, rel=1e-9)


def test_the_energy_of_sending_falls_to_its_limit() -> None:
    times = np.geomspace(0.01, 1e6, 200)
    energy = times * sending_w(1e6, times, 1e6, NOISE_W_HZ)
    assert (np.diff(energy) < 0.0).all()
    assert energy[-1] == pytest.approx(LIMIT_J, rel=1e-6)
    assert pytest.approx(NOISE_W_HZ * 1e6 * log(2.0), rel=1e-9) == LIMIT_J


@pytest.mark.parametrize("circuit_w", [0.0, 0.5])
@pytest.mark.parametrize("slack", [1.0, 1.2, 5.0])
def test_a_deadline_is_split_where_a_search_over_all_splits_would(slack: float, circuit_w: float) -> None:
    work = jobs(circuit_w=circuit_w, efficiency=0.3, min_hz=1e8)
    computing_s, sending_s = work.shortest_s
    deadline_s = slack * (computing_s + sending_s)
    plan = under_deadline(work, deadline_s)
    assert (plan.power_w <= work.max_w * (1.0 + 1e-9)).all()
    assert (plan.clock_hz <= work.max_hz).all()
    assert (work.cycles / plan.clock_hz + plan.sending_s <= deadline_s * (1.0 + 1e-9)).all()
    for way in np.linspace(0.0, 1.0, 2001):
        t = sending_s + way * (deadline_s - computing_s - sending_s)
        power = sending_w(work.bits, t, 1e6, work.noise_w_hz)
        clock = np.maximum(work.cycles / (deadline_s - t), 1e8)
        energy = work.kappa * work.cycles * clock**2 + t * (power / 0.3 + circuit_w)
        assert (plan.energy_j <= energy * (1.0 + 1e-9)).all()


def test_a_transmitter_with_a_circuit_hurries_to_be_off() -> None:
    calm, hurried = (under_deadline(jobs(circuit_w=each), 100.0) for each in (0.0, 1.0))
    assert (hurried.sending_s < calm.sending_s / 2.0).all()


def test_what_cannot_be_done_costs_infinitely_much() -> None:
    work = jobs()
    shortest = sum(work.shortest_s)
    assert np.isinf(under_deadline(work, 0.999 * shortest).energy_j).all()
    assert np.isfinite(under_deadline(work, 1.001 * shortest).energy_j).all()


def test_the_worth_of_a_second_sets_the_deadline() -> None:
    work = jobs()
    times = {}
    for second_j in 1e-3, 1e-1, 10.0:
        times[second_j], plan = weighted(work, second_j)
        cost = plan.energy_j.sum() + second_j * times[second_j]
        for other in np.geomspace(0.3, 3.0, 20) * times[second_j]:
            assert cost <= under_deadline(work, other).energy_j.sum() + second_j * other + 1e-9
    assert times[1e-3] > times[1e-1] > times[10.0]
    shortest = float(sum(work.shortest_s).max())
    assert weighted(work, 1e6)[0] == pytest.approx(shortest, rel=1e-3)


def test_without_a_message_only_the_clock_counts() -> None:
    work = jobs(bits=np.full(6, 1e-9))
    plan = under_deadline(work, 3.0)
    assert plan.clock_hz == pytest.approx(work.cycles / 3.0, rel=1e-3)


def test_a_golden_section_finds_ends_and_insides() -> None:
    centre = np.array([-1.0, 0.3, 7.0])
    assert golden(lambda x: np.abs(x - centre), np.zeros(3), np.ones(3)) == pytest.approx([0.0, 0.3, 1.0], abs=1e-12)
