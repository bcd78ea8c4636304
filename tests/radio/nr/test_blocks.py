"""Error curves at the points they were fitted to, and transport blocks of several code blocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tests.radio.nr.reference import rows
from wirelessfsl.radio.nr.blocks import TransportBlocks, error_curve
from wirelessfsl.radio.nr.curves import CURVES
from wirelessfsl.radio.nr.tables import MCS, Scheme

FITS = rows("nr_ldpc_bler_fit")


def blocks(prb: int, loss_db: float = 0.0, table: int = 2) -> TransportBlocks:
    return TransportBlocks(MCS[table], prb, loss_db, symbols=14, dmrs=12, overhead=0, layers=1)


def test_every_fit_of_the_reference_is_there() -> None:
    assert len(FITS) == sum(len(curve.mu_db) for curve in CURVES.values())
    for row in FITS:
        scheme = Scheme(int(row["Qm"]), float(row["R_x1024"]))
        assert error_curve(scheme, int(row["cb_size_bits"])) == (float(row["mu_db"]), float(row["sigma_db"]))


@pytest.mark.parametrize(("column", "error"), [("snr_bler10_db", 0.1), ("snr_bler1_db", 0.01)])
def test_curves_pass_the_points_of_10_and_1_percent(column: str, error: float) -> None:
    for row in FITS:
        mu_db, sigma_db = error_curve(Scheme(int(row["Qm"]), float(row["R_x1024"])), int(row["cb_size_bits"]))
        # The reference prints hundredths of a dB.
        assert mu_db + sigma_db * norm.isf(error) == pytest.approx(float(row[column]), abs=0.0101)


def test_every_scheme_of_every_table_has_a_curve() -> None:
    assert {scheme for table in MCS.values() for scheme in table} == set(CURVES)


@pytest.mark.parametrize("scheme", CURVES)
def test_longer_code_blocks_have_steeper_curves_and_sizes_in_between_lie_in_between(scheme: tuple[int, float]) -> None:
    sizes = np.geomspace(40, 8448, 60)
    sigmas = np.array([error_curve(Scheme(*scheme), size)[1] for size in sizes])
    assert (np.diff(sigmas) <= 0).all()
    low, middle, high = (np.array(error_curve(Scheme(*scheme), size)) for size in (1032, 2000, 3752))
    assert (np.minimum(low, high) <= middle).all()
    assert (middle <= np.maximum(low, high)).all()
    # Half-way in 1 / sqrt(size).
    size = (0.5 * 1032**-0.5 + 0.5 * 3752**-0.5) ** -2
    assert error_curve(Scheme(*scheme), size) == pytest.approx(tuple((low + high) / 2))


def test_a_transport_block_fails_when_one_of_its_code_blocks_does() -> None:
    large = blocks(273)
    mcs = np.arange(len(large.bits))
    for offset_db in (-0.2, 0.0, 0.1, 0.3):
        sinr_db = large.mu_db + offset_db
        one = norm.sf(offset_db / large.sigma_db)
        np.testing.assert_allclose(large.error(mcs, sinr_db), 1 - (1 - one) ** large.code_blocks, rtol=1e-9)
    assert large.code_blocks.max() == 38  # 319,784 bits and 24 in code blocks of at most 8448 - 24


def test_required_sinr_is_the_inverse_of_the_error() -> None:
    for error in (1e-5, 0.1, 0.5, 0.9):
        table = blocks(51)
        np.testing.assert_allclose(
            table.error(np.arange(28), table.required_db(np.full(28, error))), np.full(28, error), rtol=1e-9
        )
    assert np.isposinf(blocks(51).required_db(np.zeros(28))).all()


def test_implementation_loss_shifts_every_curve() -> None:
    np.testing.assert_allclose(blocks(10, loss_db=2.0).mu_db, blocks(10).mu_db + 2.0)


def test_a_block_that_rounding_fills_beyond_its_rate_needs_the_more_sinr() -> None:
    # 24 bits and 16 of check on 156 QPSK symbols: R' = 40 / 312, R = 30 / 1024, so 2^(2R) - 1 is 4.67 times as much.
    moved_db = blocks(1, table=3).mu_db[0] - error_curve(MCS[3][0], 40)[0]
    assert moved_db == pytest.approx(10 * np.log10((2 ** (80 / 312) - 1) / (2 ** (60 / 1024) - 1)))


def test_without_signal_nothing_arrives() -> None:
    assert blocks(10).error(np.array([0]), np.array([-np.inf]))[0] == 1.0
