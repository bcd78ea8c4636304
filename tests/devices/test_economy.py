"""The clock for a deadline against the closed form, for each kind of processor."""

from __future__ import annotations

import pytest

from wirelessfsl.devices.compute import CmosProcessor, DvfsProcessor, MeasuredProcessor, OperatingPoint
from wirelessfsl.devices.economy import slowed

CMOS = CmosProcessor(frequency_hz=2e9, flops_per_cycle=4.0, efficiency=0.5, kappa=1e-28)


def test_a_cmos_clock_is_cycles_over_time() -> None:
    flops = 2e9 * 4.0 * 0.5  # two billion cycles
    slow = slowed(CMOS, flops, 1.6, 0.1)
    assert isinstance(slow, CmosProcessor)
    assert slow.frequency_hz == pytest.approx(1.25e9, rel=1e-12)
    assert slow.energy_j(flops) == pytest.approx(0.3125, rel=1e-12)
    assert slow.seconds(flops) == pytest.approx(1.6, rel=1e-12)


@pytest.mark.parametrize(("time_s", "clock_hz"), [(0.5, 2e9), (-1.0, 2e9), (0.0, 2e9), (1e6, 2e8)])
def test_it_stays_between_the_lowest_and_its_own(time_s: float, clock_hz: float) -> None:
    slow = slowed(CMOS, 4e9, time_s, 0.1)
    assert isinstance(slow, CmosProcessor)
    assert slow.frequency_hz == clock_hz


POINTS = tuple(OperatingPoint(frequency_hz=f, power_w=p) for f, p in ((1e9, 3.0), (2e9, 4.0), (4e9, 12.0), (5e9, 50.0)))
DVFS = DvfsProcessor(operating_points=POINTS, operating_point=2, flops_per_cycle=1.0, efficiency=1.0, idle_w=2.0)


@pytest.mark.parametrize(
    ("time_s", "lowest", "point"),
    [
        (1.0, 0.1, 2),  # only its own clock is in time; the higher one is not the user's
        (2.0, 0.1, 1),
        (9.0, 0.1, 1),  # 2 W above idle for 2 s are less than 1.5 W for 4 s
        (0.5, 0.1, 2),  # never in time: as it was
        (9.0, 0.75, 2),
    ],
)
def test_a_table_gives_the_thriftiest_point_in_time(time_s: float, lowest: float, point: int) -> None:
    points = (POINTS[0].__class__(frequency_hz=1e9, power_w=3.5), *POINTS[1:])
    slow = slowed(DvfsProcessor(**(vars(DVFS) | {"operating_points": points})), 4e9, time_s, lowest)
    assert isinstance(slow, DvfsProcessor)
    assert slow.operating_point == point


def test_joules_per_flop_tell_of_no_other_clock() -> None:
    processor = MeasuredProcessor()
    assert slowed(processor, 1e9, 1e3, 0.1) is processor
