"""Rates, ranges and airtimes of Wi-Fi against published tables and hand calculation."""

from __future__ import annotations

import numpy as np
import pytest

from wirelessfsl.radio.wifi import (
    DATA_TONES,
    SCHEMES,
    SENSITIVITY_DBM,
    WHOLE_CHANNEL,
    Wifi,
    legacy_s,
    rate_bit_s,
)
from wirelessfsl.units import db_to_linear

US = 1e-6
RATES_20_MHZ = [8.6, 17.2, 25.8, 34.4, 51.6, 68.8, 77.4, 86.0, 103.2, 114.7, 129.0, 143.4]
"""Mbit/s of MCS 0 to 11 with one stream and a guard interval of 0.8 us (IEEE 802.11ax-2021, sec. 27.5)."""


def snr_at(received_dbm: float, bandwidth_hz: float = 20e6, noise_figure_db: float = 10.0) -> float:
    return db_to_linear(received_dbm - (-174.0 + 10 * np.log10(bandwidth_hz) + noise_figure_db))


@pytest.mark.parametrize(
    ("tones", "scheme", "streams", "mbit_s"),
    [
        (234, 0, 1, 8.602941176),
        (234, 11, 1, 143.3823529),
        (468, 11, 1, 286.7647059),
        (980, 11, 1, 600.4901961),
        (1960, 11, 2, 2401.960784),
        (24, 3, 1, 3.529411765),
    ],
)
def test_rates_are_those_of_the_standard(tones: int, scheme: int, streams: int, mbit_s: float) -> None:
    assert rate_bit_s(tones, *SCHEMES[scheme], streams) / 1e6 == pytest.approx(mbit_s, rel=1e-9)


def test_all_schemes_of_20_mhz_have_the_published_rate() -> None:
    snr = np.array([snr_at(dbm + 1e-9) for dbm in SENSITIVITY_DBM])
    assert (Wifi().rate_bit_s(snr) / 1e6).round(1) == pytest.approx(RATES_20_MHZ)


@pytest.mark.parametrize("width", [20, 40, 80, 160])
def test_a_scheme_begins_at_its_sensitivity_and_doubled_widths_need_3_db_more(width: int) -> None:
    wifi = Wifi(channel_mhz=width)
    needed = np.array(SENSITIVITY_DBM) + 10 * np.log10(width / 20)
    above, below = (np.array([snr_at(dbm + off, width * 1e6) for dbm in needed]) for off in (1e-6, -1e-6))
    assert wifi.mcs(above).tolist() == [*range(12)]
    assert wifi.mcs(below).tolist() == [*range(-1, 11)]
    assert wifi.rate_bit_s(below)[0] == 0.0
    assert wifi.rate_bit_s(above)[-1] == pytest.approx(rate_bit_s(DATA_TONES[WHOLE_CHANNEL[width]], 10, 5 / 6))


def test_a_quieter_receiver_needs_less_power() -> None:
    heard = snr_at(-85.0, noise_figure_db=7.0)
    assert Wifi().mcs(np.array([heard * 1.001, heard * 0.999])).tolist() == [0, -1]


def test_a_longer_guard_interval_costs_its_time() -> None:
    snr = np.array([1e9])
    quick, slow = (Wifi(guard_interval_ns=ns).rate_bit_s(snr)[0] for ns in (800, 3200))
    assert quick / slow == pytest.approx(16.0 / 13.6)


@pytest.mark.parametrize(("size_bytes", "mbit_s", "us"), [(14, 24, 28), (14, 6, 44), (1536, 54, 248), (32, 24, 32)])
def test_airtimes_of_802_11a_by_hand(size_bytes: int, mbit_s: float, us: float) -> None:
    assert legacy_s(size_bytes, mbit_s * 1e6) == pytest.approx(us * US, rel=1e-12)


def test_airtime_of_one_frame_and_of_an_aggregate_by_hand() -> None:
    rate = np.array([143.382e6] * 2)  # 1950 bits a symbol of 13.6 us, preamble 44 us
    count, airtime = Wifi(frames_per_access=4).accesses(8.0 * np.array([1500, 12_000]), rate)
    assert count.tolist() == [1, 2]
    # 22 + 8 (1500 + 42) = 12358 bits are 7 symbols; 22 + 4 * 8 (1500 + 42) = 49366 bits are 26.
    assert airtime == pytest.approx([(44 + 7 * 13.6) * US, (44 + 26 * 13.6) * US], rel=1e-12)


def test_an_aggregate_ends_within_what_the_standard_allows() -> None:
    rate = np.array([8.6e6, 143.4e6])
    count, airtime = Wifi(frames_per_access=256).accesses(np.full(2, 8e6), rate)
    assert (airtime <= 5.484e-3).all()
    assert (airtime > 4e-3).all()
    assert (count * airtime > 8e6 / rate).all()


def test_a_frame_that_is_too_long_for_the_limit_flies_alone() -> None:
    count, _ = Wifi(payload_bytes=11_454).accesses(np.array([8 * 2 * 11_454.0]), np.array([8.6e6]))
    assert count.tolist() == [2]


def test_costs_of_an_access_by_hand() -> None:
    single, rts = Wifi(frames_per_access=1).rules, Wifi(rts_cts=True).rules
    assert single.success_s == pytest.approx((16 + 28 + 34) * US)  # SIFS, ACK, DIFS
    assert single.collision_s == pytest.approx((16 + 44 + 34) * US)  # EIFS
    assert rts.success_s == pytest.approx((28 + 16 + 28 + 16 + 16 + 32 + 34) * US)  # RTS, CTS, block ACK
    assert rts.collision_s == pytest.approx((28 + 94) * US)


@pytest.mark.parametrize("given", [(), (-82.0, -82.0), (*SENSITIVITY_DBM, -40.0)])
def test_sensitivities_ascend_and_are_not_more_than_there_are_schemes(given: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must be 1 to 12 ascending numbers"):
        Wifi(sensitivity_dbm=given)
