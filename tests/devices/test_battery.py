"""Energy that a node starts with."""

from __future__ import annotations

import math

import pytest

from wirelessfsl.devices.battery import Battery, NoBattery


def test_mains_never_runs_out() -> None:
    assert NoBattery().energy_j == math.inf


def test_battery_holds_capacity_times_state_of_charge() -> None:
    assert Battery(capacity_j=2000.0, initial_fraction=0.25).energy_j == 500.0


def test_default_is_a_telephone_battery() -> None:
    assert Battery().energy_j == pytest.approx(4.0 * 3600 * 3.85)  # ampere-hours, seconds, volts


@pytest.mark.parametrize(("field", "value"), [("capacity_j", 0.0), ("initial_fraction", 1.1)])
def test_values_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"Battery\.{field}: got"):
        Battery(**{field: value})
