"""The NR physical layer: link adaptation, goodput against hand calculation and bounds, shares and effective SINR."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.radio.nr.harq import Harq
from wirelessfsl.radio.nr.numerology import RESOURCE_BLOCKS
from wirelessfsl.radio.nr.phy import Adaptation, Nr
from wirelessfsl.radio.nr.tables import CQI, MCS
from wirelessfsl.units import db_to_linear

SINR_DB = np.linspace(-20.0, 45.0, 13_001)
SINR = db_to_linear(SINR_DB)
IDEAL = {"implementation_loss_db": 0.0, "symbols": 14, "dmrs_re_per_prb": 0}
VARIANTS = [
    Nr(mcs_table=table, block_prb=prb, target_bler=target, report=report, harq=harq, **IDEAL)  # type: ignore[arg-type]
    for table in (1, 2, 3, 4)
    for prb in (1, 10, 270)
    for target, report in ((0.1, "sinr"), (1e-5, "sinr"), (0.5, "sinr"), (0.1, "cqi"))
    for harq in (Harq(), Harq(combining="none"), Harq(transmissions=1))
]


def name(phy: Nr) -> str:
    mode = f"{phy.harq.transmissions}{phy.harq.combining}"
    return f"table{phy.mcs_table}-{phy.block_prb}prb-{phy.target_bler}-{phy.report}-{mode}"


@pytest.mark.parametrize("phy", VARIANTS, ids=name)
def test_efficiency_rises_with_the_sinr_and_stays_below_capacity(phy: Nr) -> None:
    efficiency = phy.one_way("uplink").efficiency(SINR)
    assert (np.diff(efficiency) >= -1e-12).all()
    assert (efficiency < np.log2(1 + SINR)).all()
    assert (np.diff(phy.one_way("uplink").mcs(SINR)) >= 0).all()


@pytest.mark.parametrize("phy", [Nr(), Nr(mcs_table=3, target_bler=1e-5), Nr(mcs_table=4, report="cqi")], ids=name)
def test_an_mcs_above_the_lowest_is_taken_where_it_meets_the_target_and_the_next_one_does_not_pay(phy: Nr) -> None:
    adaptation = Adaptation.of(phy, phy.block_prb)
    mcs = adaptation.mcs(SINR_DB)
    taken = mcs > 0
    assert (adaptation.blocks.error(mcs, SINR_DB)[taken] <= phy.target_bler * (1 + 1e-9)).all()
    # Wherever a higher one would meet the target and is not taken, it would bring less.
    for higher in range(1, len(MCS[phy.mcs_table])):
        error = adaptation.blocks.error(np.full(len(mcs), higher), SINR_DB)
        spurned = (higher > mcs) & (error <= phy.target_bler) & (phy.report == "sinr")
        gained = adaptation.blocks.bits[higher] * (1 - error) / adaptation.blocks.bits[mcs]
        assert (gained[spurned] <= 1 + 1e-9).all()


def test_the_lowest_mcs_stays_in_use_below_its_target_where_retransmission_still_carries() -> None:
    link = Nr().one_way("uplink")
    lowest_db = Adaptation.of(Nr(), 10).blocks.required_db(np.array(0.1))[0]
    weak = db_to_linear(np.array([lowest_db - 4.0]))
    assert link.mcs(weak)[0] == 0
    assert link.transmissions(weak)[0] == pytest.approx(3.0, abs=0.3)  # 4 dB are made up by 2.5 copies
    assert 0 < link.residual(weak)[0] < 1e-3
    np.testing.assert_array_equal(link.efficiency(np.array([0.0, 1e-6])), [0.0, 0.0])
    np.testing.assert_array_equal(link.residual(np.array([0.0, 1e-6])), [1.0, 1.0])


def test_the_best_goodput_by_hand() -> None:
    # MCS 27 of table 2 on 10 resource blocks of 12 * 12 - 12 = 132 elements: 1320 * 8 * 948 / 1024 = 9776 bits, rounded
    # to 9736; in 10 * 360 kHz and 0.5 ms that is 9736 / 1800 bit/s/Hz.
    assert Nr().one_way("uplink").efficiency(np.array([1e6]))[0] == pytest.approx(9736 / 1800)
    assert Nr(layers=4).one_way("uplink").efficiency(np.array([1e6]))[0] == pytest.approx(38936 / 1800)


def test_goodput_at_the_switch_to_the_highest_mcs_by_hand() -> None:
    blocks = Adaptation.of(Nr(), 10).blocks
    start_db = Adaptation.of(Nr(), 10).threshold_db[27]
    p = float(blocks.error(np.array([27]), np.array([start_db]))[0])
    assert p == pytest.approx(1 - 9480 / 9736)  # what the step from 9480 bits brings
    # A second transmission has 3 dB more, and never fails.
    assert Nr().one_way("uplink").efficiency(db_to_linear(np.array([start_db + 1e-9])))[0] == pytest.approx(
        9736 / (1 + p) / 1800
    )


def test_tdd_share_is_a_factor_of_its_direction() -> None:
    tdd, fdd = Nr(uplink_share=0.2, downlink_share=0.7), Nr()
    for direction, share in (("uplink", 0.2), ("downlink", 0.7)):
        np.testing.assert_allclose(
            tdd.one_way(direction).efficiency(SINR), share * fdd.one_way(direction).efficiency(SINR), rtol=1e-12
        )


def test_directions_share_the_time_or_have_a_band_each() -> None:
    for uplink, downlink in (0.2, 0.7), (0.3, 0.7), (0.9, 0.1), (1.0, 1.0):
        assert Nr(uplink_share=uplink, downlink_share=downlink).uplink_share == uplink
    for uplink, downlink in (0.25, 1.0), (1.0, 0.7), (0.5, 0.6):
        with pytest.raises(ValueError, match=rf"got {downlink:g} beside uplink_share {uplink:g}, .* must be 1 \(FDD\)"):
            Nr(uplink_share=uplink, downlink_share=downlink)


def test_implementation_loss_shifts_the_sinr() -> None:
    ideal, real = (Nr(implementation_loss_db=loss_db).one_way("uplink") for loss_db in (0.0, 3.0))
    # Not at the switches themselves, where rounding decides.
    same = np.isclose(ideal.efficiency(SINR), real.efficiency(SINR * db_to_linear(3.0)), rtol=1e-9)
    assert same.mean() > 0.999


def test_reports_of_cqi_use_only_mcs_of_its_table_and_bring_less() -> None:
    for table in CQI:
        every, few = (Nr(mcs_table=table, report=report).one_way("uplink") for report in ("sinr", "cqi"))  # type: ignore[arg-type]
        used = set(few.mcs(SINR).tolist())
        assert {MCS[table][mcs] for mcs in used if mcs} <= set(CQI[table])
        assert len(used) >= 14
        # Where steps are wide, more failures pay: by at most the square of the target more than with all steps.
        assert (few.efficiency(SINR) <= every.efficiency(SINR) * 1.01).all()
        assert few.efficiency(SINR).mean() < 0.99 * every.efficiency(SINR).mean()


def test_longer_blocks_work_at_lower_sinr_and_more_overhead_costs() -> None:
    sinr = db_to_linear(np.linspace(0, 25, 200))
    short, long = (Nr(block_prb=prb).one_way("uplink").efficiency(sinr).mean() for prb in (2, 50))
    assert short < long
    fewer = Nr(overhead_re_per_prb=18).one_way("uplink").efficiency(np.array([1e6]))[0]
    assert fewer / (9736 / 1800) == pytest.approx((132 - 18) / 132, rel=0.01)


def test_too_few_harq_processes_are_a_factor() -> None:
    few = Nr(harq=Harq(processes=4, rtt_slots=8)).one_way("uplink")
    np.testing.assert_allclose(few.efficiency(SINR), 0.5 * Nr().one_way("uplink").efficiency(SINR))


def test_retransmissions_delay_by_a_round_trip_each() -> None:
    link = Nr(subcarrier_spacing_khz=15, harq=Harq(rtt_slots=10)).one_way("uplink")
    np.testing.assert_allclose(link.delay_s(SINR), (link.transmissions(SINR) - 1) * 0.01, atol=1e-15)


def test_the_occupied_band_leaves_out_the_guards() -> None:
    assert Nr().one_way("uplink").occupied_hz(20e6) == 51 * 12 * 30e3
    wide = Nr(frequency_range="fr2", subcarrier_spacing_khz=120).one_way("downlink")
    assert wide.occupied_hz(400e6) == 264 * 12 * 120e3


def test_effective_sinr_is_the_sinr_of_a_flat_channel_and_below_the_mean_of_another() -> None:
    link = Nr().one_way("uplink")
    np.testing.assert_allclose(link.effective_sinr(np.repeat(SINR[:, None], 6, axis=1)), SINR, rtol=1e-9)
    parts = SINR[:, None] * np.array([0.1, 0.5, 1.0, 1.4, 2.0])
    assert (link.effective_sinr(parts) <= parts.mean(axis=1) * (1 + 1e-12)).all()
    assert (link.effective_sinr(parts) >= parts.min(axis=1) * (1 - 1e-12)).all()


def test_effective_sinr_by_hand() -> None:
    # 5 and 30 carry log2(6 * 31) / 2 = 3.77 bit/s/Hz, as 12.64 does: 11.02 dB, where MCS 10 (16QAM, 658/1024) is used.
    link = Nr().one_way("uplink")
    assert link.mcs(np.array([np.sqrt(6 * 31) - 1]))[0] == 10
    by_hand = -6.5 * np.log((np.exp(-5 / 6.5) + np.exp(-30 / 6.5)) / 2)
    assert link.effective_sinr(np.array([[5.0, 30.0]]))[0] == pytest.approx(by_hand)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Nr.subcarrier_spacing_khz: got 120, must be 15 or 30 or 60 in fr1"):
        Nr(subcarrier_spacing_khz=120)
    with pytest.raises(ValueError, match=r"Nr.harq: got rtt_slots 2, must be >= 3, which a device takes to answer"):
        Nr(frequency_range="fr2", subcarrier_spacing_khz=120, harq=Harq(rtt_slots=2))
    assert Nr(harq=Harq(rtt_slots=1, transmissions=1))
    with pytest.raises(ValueError, match=r"Nr.symbols: got 1, which leaves no room for data"):
        Nr(symbols=1)
    assert all(Nr(frequency_range=band, subcarrier_spacing_khz=khz) for band, khz in RESOURCE_BLOCKS)  # type: ignore[arg-type]
