"""Delay spread of TR 38.901, Table 7.5-6, by hand."""

from __future__ import annotations

import math

import pytest

from wirelessfsl.radio.tr38901.small_scale import Condition, delay_spread
from wirelessfsl.radio.tr38901.users import Release


@pytest.mark.parametrize(
    ("kind", "condition", "release", "mean", "std"),
    [
        ("umi", "los", 16, -0.24 * math.log10(29) - 7.14, 0.38),
        ("umi", "los", 19, -0.18 * math.log10(29) - 7.28, 0.39),
        ("umi", "nlos", 16, -0.24 * math.log10(29) - 6.83, 0.16 * math.log10(29) + 0.28),
        ("umi", "nlos", 19, -0.22 * math.log10(29) - 6.87, 0.19 * math.log10(29) + 0.22),
        ("uma", "los", 16, -6.955 - 0.0963 * math.log10(28), 0.66),
        ("uma", "los", 19, -7.067 - 0.0794 * math.log10(28), 0.57 + 0.026 * math.log10(28)),
        ("uma", "nlos", 16, -6.28 - 0.204 * math.log10(28), 0.39),
        ("uma", "nlos", 19, -6.47 - 0.134 * math.log10(28), 0.39),
        ("uma", "indoor", 19, -6.62, 0.32),
        ("rma", "los", 16, -7.49, 0.55),
        ("rma", "nlos", 19, -7.43, 0.48),
        ("inh", "los", 19, -0.01 * math.log10(29) - 7.692, 0.18),
        ("inh", "nlos", 16, -0.28 * math.log10(29) - 7.173, 0.10 * math.log10(29) + 0.055),
        # 120 x 60 x 10 m: V/S = 72000 / 18000 = 4.
        ("inf", "los", 16, math.log10(26 * 4 + 14) - 9.35, 0.15),
        ("inf", "nlos", 16, math.log10(30 * 4 + 32) - 9.44, 0.19),
    ],
)
def test_delay_spread_at_28_ghz(kind: str, condition: Condition, release: Release, mean: float, std: float) -> None:
    assert delay_spread(kind, condition, 28e9, release) == pytest.approx((mean, std))


def test_below_the_least_carrier_it_is_that_at_it() -> None:
    assert delay_spread("uma", "los", 2e9) == delay_spread("uma", "los", 6e9)
    assert delay_spread("umi", "los", 1e9) == delay_spread("umi", "los", 2e9)
    assert delay_spread("umi", "los", 3e9) != delay_spread("umi", "los", 2e9)


def test_an_office_has_nobody_outdoors() -> None:
    with pytest.raises(KeyError):
        delay_spread("inh", "indoor", 28e9)
