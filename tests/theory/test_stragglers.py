"""Stragglers: how long a round waits for its k-th or its last client, against harmonic numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import BATCH, DEVICE, FORWARD, WHOLE_STEP, ListLog, run, tiny
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.devices.compute import ExponentialJitter
from wirelessfsl.engine.access import ConstantLink
from wirelessfsl.records import COMPUTE
from wirelessfsl.simulation import play
from wirelessfsl.streams import Floats

ROUNDS = 200
MEAN_S = WHOLE_STEP / FORWARD
"""Of one batch of the whole model, which is all that a client does in a round of FedAvg here."""


def durations(clients: int, minimum: float = 0.0) -> Floats:
    """Time from the first beginning to every client's end, in means, sorted in each round, shape (rounds, clients)."""
    instant = ConstantLink(uplink_bit_s=1e13, downlink_bit_s=1e13, latency_s=0.0)
    device = replace(DEVICE, count=clients, compute_jitter=ExponentialJitter(minimum=minimum))
    scheme = FedAvg(rounds=ROUNDS, local_steps=1, batch_size=BATCH)
    log = ListLog()
    play(tiny(devices=(device,), medium=instant, algorithm=scheme), log, timing_only=True)
    spans: dict[int, list[float]] = {}
    for row in log.rows(activity=COMPUTE):
        if row.node != "server":
            spans.setdefault(row.round, []).append((row.end_s - row.start_s) / MEAN_S)
    return np.sort(np.array([spans[n] for n in sorted(spans)]), axis=1)


def harmonic(n: int) -> float:
    return sum(1 / i for i in range(1, n + 1))


@pytest.mark.parametrize(("clients", "figure"), [(4, 2.083333333), (16, 3.380728993)])
def test_the_last_of_n_exponential_clients_is_expected_after_the_nth_harmonic(clients: int, figure: float) -> None:
    assert harmonic(clients) == pytest.approx(figure)
    last = durations(clients)[:, -1]
    assert last.mean() == pytest.approx(figure, abs=4 * last.std(ddof=1) / np.sqrt(ROUNDS))


def test_the_seventh_of_ten_is_expected_after_the_difference_of_two_harmonic_numbers() -> None:
    assert harmonic(10) - harmonic(3) == pytest.approx(1.095634921)
    seventh = durations(10)[:, 6]
    assert seventh.mean() == pytest.approx(1.095634921, abs=4 * seventh.std(ddof=1) / np.sqrt(ROUNDS))


def test_a_round_is_as_long_as_its_last_client_computes() -> None:
    instant = ConstantLink(uplink_bit_s=1e13, downlink_bit_s=1e13, latency_s=0.0)
    device = replace(DEVICE, count=5, compute_jitter=ExponentialJitter(minimum=0.3))
    log, _ = run(tiny(devices=(device,), medium=instant, algorithm=FedAvg(rounds=3, local_steps=1, batch_size=BATCH)))
    longest = [row[-1] for row in durations(5, 0.3)[:3]]
    ends = [max(row.end_s for row in log.rows(round=n, activity=COMPUTE) if row.node != "server") for n in (1, 2, 3)]
    server_s = sum(row.end_s - row.start_s for row in log.rows(node="server", activity=COMPUTE, round=1))
    rounds = np.diff([0.0, *ends]) - [0.0, server_s, server_s]
    np.testing.assert_allclose(rounds / MEAN_S, longest, rtol=1e-6)
    assert min(longest) > 0.3
