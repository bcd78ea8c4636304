"""Mean transmissions and residual error against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.radio.nr.harq import Harq
from wirelessfsl.streams import Floats


def always(p: float) -> Floats:
    return np.array([p])


@pytest.mark.parametrize(("p", "limit", "figure"), [(0.1, 4, 1.111), (0.5, 2, 1.5), (0.9, 16, 8.1469798)])
def test_without_combining_it_is_truncated_arq(p: float, limit: int, figure: float) -> None:
    outcome = Harq(transmissions=limit, combining="none").outcome(lambda _: always(p), np.zeros(1))
    assert outcome.transmissions[0] == pytest.approx((1 - p**limit) / (1 - p), rel=1e-12)
    assert outcome.transmissions[0] == pytest.approx(figure, rel=1e-6)
    assert outcome.residual[0] == pytest.approx(p**limit, rel=1e-12)
    # (1 - p^M) / E[transmissions] is 1 - p: what fails is sent again or lost, and costs the same.
    assert outcome.goodput[0] == pytest.approx(1 - p)


def test_chase_combining_adds_the_sinr_of_every_transmission() -> None:
    heard: list[float] = []

    def error(sinr_db: Floats) -> Floats:
        heard.append(float(10 ** (sinr_db[0] / 10)))
        return np.array([0.5 ** len(heard)])

    outcome = Harq(transmissions=3).outcome(error, np.array([3.0]))
    assert np.array(heard) / heard[0] == pytest.approx([1.0, 2.0, 3.0])
    assert outcome.transmissions[0] == 1 + 0.5 + 0.25
    assert outcome.residual[0] == 0.125


def test_one_transmission_is_no_harq() -> None:
    outcome = Harq(transmissions=1).outcome(lambda _: always(0.3), np.zeros(1))
    assert (outcome.transmissions[0], outcome.residual[0]) == (1.0, 0.3)
    assert Harq(transmissions=1, processes=1).busy == 1.0


def test_too_few_processes_leave_slots_unused() -> None:
    assert Harq(processes=2, rtt_slots=8).busy == 0.25
    assert Harq(processes=16, rtt_slots=8).busy == 1.0
