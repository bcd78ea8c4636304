"""Contention against Bianchi's published numbers, ns-3, a model written out set by set, and its own slots."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from wirelessfsl.radio.contention import Backoff, Rules, Shares, attempt_probability, fixed_point, saturated
from wirelessfsl.streams import Floats, keys

DATA = Path(__file__).parent / "data"
US = 1e-6
DCF = Rules(slot_s=9 * US, success_s=78 * US, collision_s=94 * US, window=16, stages=6)
"""802.11a at 54 Mbit/s: SIFS 16 + ACK 28 + DIFS 34; EIFS 94."""


def rows(name: str) -> list[dict[str, str]]:
    lines = (DATA / name).read_text().splitlines()
    return [*csv.DictReader(line for line in lines if not line.startswith("#"))]


def bianchi_2000(access: str, window: int, stages: int) -> tuple[Rules, float, float]:
    """Costs of table II in s at 1 Mbit/s; airtime of the data with its headers, and of its payload."""
    payload, head, ack, rts, cts, sifs, difs, delay = 8184, 272 + 128, 112 + 128, 160 + 128, 112 + 128, 28, 128, 1
    success, collision, request = sifs + delay + ack + difs + delay, difs + delay, 0
    if access == "rts":
        success, collision, request = success + rts + cts + 2 * (sifs + delay), rts + difs + delay, rts
    rules = Rules(
        slot_s=50 * US,
        success_s=success * US,
        collision_s=collision * US,
        request_s=request * US,
        window=window,
        stages=stages,
    )
    return rules, (head + payload) * US, payload * US


class Played:
    """Accesses of saturated stations, slot by slot, in batches that tell the standard error."""

    def __init__(self, rules: Rules, data_s: Floats, busy: int, batches: int = 20) -> None:
        everyone = np.arange(len(data_s))
        backoff = Backoff(rules, keys(1, [("contention", f"station-{i}") for i in everyone]))
        self.seconds, self.airtime = np.zeros(batches), np.zeros((batches, len(data_s)))
        self.success, self.attempts = np.zeros((batches, len(data_s))), np.zeros((batches, len(data_s)))
        for batch in np.repeat(np.arange(batches), busy // batches):
            idle = backoff.idle_slots(everyone)
            backoff.pass_by(everyone, idle)
            senders = backoff.send(everyone)
            alone = len(senders) == 1
            self.attempts[batch, senders] += 1
            self.success[batch, senders] += alone
            if alone:
                busy_s, sent_s = data_s[senders].sum() + rules.success_s, rules.request_s + data_s[senders]
            elif rules.request_s:
                busy_s, sent_s = rules.collision_s, np.full(len(senders), rules.request_s)
            else:
                busy_s, sent_s = data_s[senders].max() + rules.collision_s, data_s[senders]
            self.airtime[batch, senders] += sent_s
            self.seconds[batch] += idle * rules.slot_s + busy_s

    def agrees(self, shares: Shares, within: float, sigmas: float = 4.0) -> None:
        """All shares are met, within so many standard errors and, for what the model leaves out, a relative part."""
        for share, played in zip(shares, (self.success, self.attempts, self.airtime), strict=True):
            rates = played / self.seconds[:, None]
            error = rates.std(axis=0, ddof=1) / np.sqrt(len(rates))
            assert (np.abs(rates.mean(axis=0) - share) < sigmas * error + within * share).all()


@pytest.mark.parametrize("row", rows("bianchi.csv"), ids=lambda row: f"{row['access']}-{row['n']}")
def test_the_fixed_point_and_the_throughput_are_bianchis(row: dict[str, str]) -> None:
    n, window, stages = int(row["n"]), int(row["window"]), int(row["stages"])
    assert fixed_point(n, window, stages) == pytest.approx((float(row["tau"]), float(row["p"])), abs=1e-6)
    rules, data_s, payload_s = bianchi_2000(row["access"], window, stages)
    shares = saturated(rules, np.full(n, data_s), np.arange(n))
    assert shares.success_hz.sum() * payload_s == pytest.approx(float(row["throughput"]), abs=1e-6)


@pytest.mark.parametrize("row", rows("bianchi.csv")[1::3], ids=lambda row: f"{row['access']}-{row['n']}")
def test_slots_that_are_played_give_bianchis_throughput(row: dict[str, str]) -> None:
    n, window, stages = int(row["n"]), int(row["window"]), int(row["stages"])
    rules, data_s, payload_s = bianchi_2000(row["access"], window, stages)
    played = Played(rules, np.full(n, data_s), 20_000)
    share = played.success.sum(axis=1) * payload_s / played.seconds
    error = share.std(ddof=1) / np.sqrt(len(share))
    assert error < 0.005
    assert share.mean() == pytest.approx(float(row["throughput"]), abs=4 * error + 0.005)


@pytest.mark.parametrize("row", rows("wifi_dcf_ns3.csv"), ids=lambda row: row["n_stations"])
def test_802_11a_has_the_throughput_of_ns_3(row: dict[str, str]) -> None:
    n, data_s = int(row["n_stations"]), float(row["T_data_us"]) * US
    for column, collision_us, accuracy in (
        ("bianchi_eifs_mbps", 94.0, 5e-4),
        ("bianchi_difs_mbps", 34.0, 5e-4),
        ("ns3_344_mbps", 94.0, 0.015 * float(row["ns3_344_mbps"])),
    ):
        rules = Rules(slot_s=9 * US, success_s=(16 + float(row["T_ack_us"]) + 34) * US, collision_s=collision_us * US)
        mbit_s = saturated(rules, np.full(n, data_s), np.arange(n)).success_hz.sum() * 1500 * 8 / 1e6
        assert mbit_s == pytest.approx(float(row[column]), abs=accuracy)


def test_a_station_alone_waits_for_its_mean_backoff() -> None:
    shares = saturated(DCF, np.array([248 * US]), np.zeros(1, np.intp))
    assert 1 / shares.success_hz[0] == pytest.approx((15 / 2 * 9 + 248 + 78) * US, rel=1e-12)
    assert shares.airtime[0] == pytest.approx(248 / 393.5, rel=1e-12)


@pytest.mark.parametrize("collision", [0.1, 0.5, 0.9])
def test_the_attempt_probability_is_bianchis_formula(collision: float) -> None:
    p, w, m = collision + 1e-9, 16, 6  # off the formula's gap at 1/2
    formula = 2 * (1 - 2 * p) / ((1 - 2 * p) * (w + 1) + p * w * (1 - (2 * p) ** m))
    assert attempt_probability(w, m, p) == pytest.approx(formula, rel=1e-6)


@pytest.mark.parametrize("request_us", [0.0, 28.0])
def test_messages_of_any_lengths_and_stations_are_as_in_a_sum_over_all_who_may_send(request_us: float) -> None:
    rules = Rules(slot_s=9 * US, success_s=150 * US, collision_s=90 * US, request_s=request_us * US)
    data_us, station = np.array([300.0, 900.0, 250.0, 300.0, 700.0]), np.array([4, 2, 2, 7, 2])
    tau, _ = fixed_point(3, rules.window, rules.stages)
    queues = [np.flatnonzero(station == name) for name in (2, 4, 7)]
    mean_s, success, airtime = 0.0, np.zeros(5), np.zeros(5)
    for sent in product(*([-1, *queue] for queue in queues)):  # -1: this station is silent
        chance = float(np.prod([1 - tau if at < 0 else tau / len(q) for at, q in zip(sent, queues, strict=True)]))
        on = [at for at in sent if at >= 0]
        if not on:
            slot = 9.0
        elif len(on) == 1:
            slot = data_us[on[0]] + 150.0
            success[on] += chance
            airtime[on] += chance * (request_us + data_us[on]) * US
        else:
            slot = 90.0 if request_us else data_us[on].max() + 90.0
            airtime[on] += chance * (request_us or data_us[on]) * US
        mean_s += chance * slot * US
    shares = saturated(rules, data_us * US, station)
    assert shares.success_hz == pytest.approx(success / mean_s, rel=1e-12)
    assert shares.airtime == pytest.approx(airtime / mean_s, rel=1e-12)


@pytest.mark.parametrize("request_s", [0.0, 28 * US])
def test_stations_of_different_rates_have_the_accesses_and_the_airtime_that_are_played(request_s: float) -> None:
    rules = Rules(slot_s=9 * US, success_s=78 * US, collision_s=94 * US, request_s=request_s)
    data_s = np.array([248.0, 248.0, 500.0, 2000.0]) * US
    played = Played(rules, data_s, 20_000)
    played.agrees(saturated(rules, data_s, np.arange(4)), within=0.01)


def test_one_slow_station_pulls_all_others_down_to_its_own_throughput() -> None:
    quick = saturated(DCF, np.full(5, 248 * US), np.arange(5))
    slow = saturated(DCF, np.array([2072.0, 248.0, 248.0, 248.0, 248.0]) * US, np.arange(5))
    assert slow.success_hz == pytest.approx([slow.success_hz[0]] * 5)
    assert slow.success_hz[1] < quick.success_hz[1] / 1.8
    assert slow.airtime[0] > 0.5


def test_accesses_of_a_station_are_shared_by_its_messages_and_are_not_more() -> None:
    one = saturated(DCF, np.full(3, 248 * US), np.array([0, 1, 2]))
    many = saturated(DCF, np.full(6, 248 * US), np.array([0, 1, 2, 2, 2, 2]))
    assert many.success_hz[:2] == pytest.approx(one.success_hz[:2])
    assert many.success_hz[2:] == pytest.approx(one.success_hz[2] / 4)


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_the_channel_is_never_used_for_longer_than_the_time_that_there_is(n: int) -> None:
    shares = saturated(DCF, np.full(n, 248 * US), np.arange(n))
    assert shares.success_hz.sum() * 326 * US < 1
    assert (shares.success_hz <= shares.attempt_hz).all()


def test_a_backoff_depends_on_no_other_stations_numbers() -> None:
    few, many = (Backoff(DCF, keys(1, [("contention", f"station-{i}") for i in range(n)])) for n in (2, 5))
    first, second = (int(each.idle_slots(np.array([1]))) for each in (few, many))
    assert first == second
