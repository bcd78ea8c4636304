"""Open-loop power control by hand."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.radio.power_control import FractionalPower, FullPower


@pytest.mark.parametrize("alpha", [0.0, 0.8, 1.0])
def test_power_of_a_block_is_p0_and_a_part_of_the_path_loss(alpha: float) -> None:
    # P0 = -90 dBm, 100 dB: -90 + 100 alpha dBm per 180 kHz.
    density = FractionalPower(p0_dbm=-90.0, alpha=alpha).density_w_hz(np.array([1e-10]))
    assert 10 * np.log10(density * 180e3 / 1e-3) == pytest.approx(-90 + 100 * alpha)


def test_a_block_twice_as_wide_has_twice_the_power() -> None:
    # 10 lg(2^mu M): a density does not depend on the numerology.
    density = FractionalPower().density_w_hz(np.array([1e-9])).item()
    assert density * 360e3 == pytest.approx(2 * density * 180e3)


def test_full_power_has_no_limit_but_the_device() -> None:
    assert np.isinf(FullPower().density_w_hz(np.ones(2))).all()
