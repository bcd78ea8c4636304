"""Conversions and ranges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from wirelessfsl import units
from wirelessfsl.units import db_to_linear, dbm_to_watt, linear_to_db, watt_to_dbm


@pytest.mark.parametrize(("db", "ratio"), [(0, 1), (10, 10), (-10, 0.1), (3, 1.9952623149688795), (-30, 1e-3)])
def test_decibels_of_power_ratios(db: float, ratio: float) -> None:
    assert db_to_linear(float(db)) == pytest.approx(ratio, rel=1e-14)
    assert linear_to_db(float(ratio)) == pytest.approx(db, abs=1e-12)


@pytest.mark.parametrize(("dbm", "watt"), [(0, 1e-3), (30, 1.0), (23, 0.19952623149688797), (-174, 10**-20.4)])
def test_dbm_is_decibels_above_a_milliwatt(dbm: float, watt: float) -> None:
    assert dbm_to_watt(float(dbm)) == pytest.approx(watt, rel=1e-12)
    assert watt_to_dbm(watt) == pytest.approx(dbm, abs=1e-12)


@given(st.floats(-200, 200))
def test_conversions_undo_each_other(value: float) -> None:
    assert linear_to_db(db_to_linear(value)) == pytest.approx(value, abs=1e-9)
    assert watt_to_dbm(dbm_to_watt(value)) == pytest.approx(value, abs=1e-9)


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_adding_decibels_multiplies_ratios(a: float, b: float) -> None:
    assert db_to_linear(a + b) == pytest.approx(db_to_linear(a) * db_to_linear(b), rel=1e-12)


def test_arrays_convert_element_by_element() -> None:
    values = np.array([-20.0, 0.0, 7.0])
    ratios = db_to_linear(values)
    assert ratios.tolist() == [db_to_linear(v) for v in values.tolist()]
    np.testing.assert_allclose(linear_to_db(ratios), values, atol=1e-12)


def test_scalars_stay_python_floats() -> None:
    results = (db_to_linear(3.0), linear_to_db(2.0), dbm_to_watt(3.0), watt_to_dbm(2.0))
    assert {type(result) for result in results} == {float}


def test_thermal_noise_is_kt_at_290_kelvin_rounded_as_3gpp_does() -> None:
    boltzmann_j_k = 1.380649e-23
    assert pytest.approx(10 * math.log10(boltzmann_j_k * 290 / 1e-3), abs=0.03) == units.THERMAL_NOISE_DBM_HZ


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        ("Positive", [1e-300, 1e9], [0, -1]),
        ("NonNegative", [0, 1e9], [-1e-300]),
        ("Fraction", [0, 0.5, 1], [-0.1, 1.1]),
        ("PositiveFraction", [1e-9, 1], [0, 1.1]),
        ("Count", [1, 10**6], [0, -1]),
        ("BandwidthHz", [1e3, 20e6, 1e12], [20, 0, 2e12]),  # 20 was meant to be 20e6
        ("CarrierHz", [1e6, 3.5e9], [3.5, 2.4e3]),  # 3.5 was meant to be 3.5e9
        ("DistanceM", [1, 1e8], [0, -5, 1e9]),
        ("PowerDbm", [-100, 23, 80], [200, -101]),  # 200 was meant to be mW
        ("GainDb", [-100, 100], [101]),
        ("RateBitS", [1, 1e13], [0, 0.5]),
        ("LatencyS", [0, 3600], [-1, 4000]),
    ],
)
def test_a_range_holds_what_makes_sense_in_its_unit(kind: str, inside: list[Any], outside: list[Any]) -> None:
    checked = TypeAdapter(getattr(units, kind))
    assert [checked.validate_python(value) for value in inside] == inside
    for value in outside:
        with pytest.raises(ValidationError):
            checked.validate_python(value)
