"""What clients meet of each other, against sums written out and limits of the fixed point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import PROCESSOR, RADIO
from wirelessfsl.devices.compute import MeasuredProcessor
from wirelessfsl.engine.access import ConstantLink, Fdma
from wirelessfsl.engine.airs import ConstantAir
from wirelessfsl.rounds import Crew, Link, Load, _met, _near
from wirelessfsl.streams import Floats

BIT_S, COUNT, STEPS = 800.0, 4, 500
SERVER = MeasuredProcessor(flops_per_s=1e3, efficiency=1.0)
NOTHING = Load(*[np.zeros((1, COUNT))] * 4, np.zeros(COUNT), np.zeros(COUNT))


def crew(**changes: object) -> Crew:
    link = Link(ConstantAir(BIT_S), np.ones((1, COUNT)))
    processors, radios = [replace(PROCESSOR, flops_per_s=1e3)] * COUNT, [RADIO] * COUNT
    return replace(Crew(processors, radios, SERVER, link, link, Fdma(latency_s=0.0), COUNT), **changes)


def step(own_s: Floats, air_s: float = 0.0, server_s: float = 0.0) -> Load:
    """Computing of a client, then airtime up alone on the band, then computing of the server."""
    size = np.full((1, COUNT), BIT_S * air_s / 8)
    return NOTHING._replace(flops=1e3 * own_s[None], up_bytes=size, server_flops=np.full(COUNT, 1e3 * server_s))


def test_whom_one_meets_is_the_sum_over_the_longer_of_both_wholes() -> None:
    rng = np.random.default_rng(1)
    part, whole = rng.random((2, 3, 5)), 1.0 + rng.random((3, 5))
    expected = (part[..., None, :] / np.maximum(whole[..., None, :], whole[..., :, None])).sum(axis=-1)
    np.testing.assert_allclose(_met(part, whole), expected, rtol=1e-12)


def test_who_is_near_is_within_reach() -> None:
    rng = np.random.default_rng(2)
    times, reach = rng.random((3, 5)), 0.5 * rng.random((2, 3, 5))
    expected = (abs(times[:, None] - times[..., None]) <= reach[..., None]).sum(axis=-1)
    np.testing.assert_array_equal(_near(times, reach), expected)


def test_a_window_without_a_rate_lasts_until_the_end_of_the_next_that_has_one() -> None:
    quality = np.array([[4.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 6.0], [8.0, 0.0, 0.0]])
    link = Link(ConstantAir(1.0), quality)
    expected = [[4.0, 0.0, 6.0 / 3], [8.0 / 3, 0.0, 6.0 / 2], [8.0 / 2, 0.0, 6.0], [8.0, 0.0, 6.0 / 4]]
    np.testing.assert_allclose(link.bit_s(np.ones((1, 1)), 1), expected, rtol=1e-15)
    np.testing.assert_allclose(link.bit_s(np.ones((1, 1)), 2), [[2.0, 0.0, 3.0 / 2], [4.0, 0.0, 3.0]], rtol=1e-15)


def test_a_full_band_is_shared_by_all_and_an_empty_one_by_nobody() -> None:
    alone_s = 1e-3
    busy = crew().free(step(np.array([1.0, 2.0, 3.0, 4.0]) * 1e-6, alone_s), NOTHING, STEPS)
    assert busy.seconds == pytest.approx(STEPS * COUNT * alone_s, rel=0.01)
    idle = crew().free(step(np.array([1.0, 2.0, 3.0, 4.0]), alone_s), NOTHING, STEPS)
    assert idle.seconds == pytest.approx(STEPS * (4.0 + alone_s), rel=1e-3)
    np.testing.assert_allclose(idle.up_s, STEPS * alone_s, rtol=0.1)


def test_the_fixed_point_is_schweitzers() -> None:
    own_s, alone_s = 0.1 + 2e-4 * np.arange(COUNT), 0.05  # nearly equal, and yet not together
    first = 0.1 + COUNT * alone_s
    # R = s (1 + (K - 1) R / (Z + R)), the same for a band that is divided and for a queue
    later = np.roots([1.0, 0.1 - COUNT * alone_s, -0.1 * alone_s]).max() + 0.1
    found = crew().free(step(own_s, alone_s), NOTHING, STEPS)
    assert found.seconds == pytest.approx(first + (STEPS - 1) * later, rel=0.02)
    queue = crew(medium=ConstantLink(latency_s=0.0)).free(step(own_s, server_s=alone_s), NOTHING, STEPS)
    assert queue.seconds == pytest.approx(first + (STEPS - 1) * later, rel=0.02)


def test_equal_clients_wait_in_a_queue_once() -> None:
    pipes = crew(medium=ConstantLink(latency_s=0.0))
    found = pipes.free(step(np.full(COUNT, 1.0), server_s=0.1), NOTHING, STEPS)
    assert found.seconds == pytest.approx(STEPS * 1.1 + (COUNT - 1) * 0.1, rel=1e-9)
