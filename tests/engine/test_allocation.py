"""Allocation under the clock: shares are asked for anew at every change, and never is more than the band in use."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from tests.worlds import ListLog, tiny, world_of
from wirelessfsl.engine.access import Fdma
from wirelessfsl.engine.airs import Flying, RadioAir
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.allocation import Allocation, Equal, MaxMin, MaxRate, MinMakespan, Proportional, ProportionalFair
from wirelessfsl.radio.division import makespan_s, max_min, min_makespan
from wirelessfsl.radio.fading import NoFading, Rayleigh
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.phy import FixedEfficiency, Shannon
from wirelessfsl.radio.sharing import OwnPower
from wirelessfsl.settings import settings
from wirelessfsl.simulation import play
from wirelessfsl.streams import Floats

ALLOCATIONS = [Equal(), Proportional(), MinMakespan(), MaxMin(), MaxRate(), ProportionalFair()]
BAND_HZ = 1e5


def ends(
    allocation: Allocation,
    sizes: list[int],
    distances: tuple[float, ...],
    up: bool = True,
    fading: Any = NoFading(),  # noqa: B008
    phy: Any = Shannon(),  # noqa: B008
    starts: list[float] | None = None,
) -> tuple[list[float], Any]:
    """Arrivals of one message from (or to) each client, all at once or at the given instants; and the air."""
    medium = Fdma(bandwidth_hz=BAND_HZ, latency_s=0.0, allocation=allocation)
    channel = Channel(fading=fading, phy=phy)
    world, _ = world_of(tiny(len(sizes), medium=medium, channel=channel, layout=Fixed(distances_m=distances)))
    found: list[float] = [0.0] * len(sizes)
    air = world.medium._band(*((world.clients[0], world.server) if up else (world.server, world.clients[0]))).air

    def send(i: int) -> Generator[Any, Any, Any]:
        yield world.env.timeout(starts[i] if starts else 0.0)
        client = world.clients[i]
        delivery = yield world.medium.transmit(*((client, world.server) if up else (world.server, client)), sizes[i])
        found[i] = delivery.end_s

    for i in range(len(sizes)):
        world.env.process(send(i))
    with np.errstate(divide="ignore"):
        world.env.run()
    return found, air


def drawn(seed: int) -> tuple[list[int], tuple[float, ...]]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 8))
    return rng.integers(1_000, 100_000, count).tolist(), tuple(rng.uniform(20.0, 2000.0, count).tolist())


@pytest.mark.parametrize("up", [True, False], ids=["uplink", "downlink"])
@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_through_earlier_than_the_last_of_min_makespan(seed: int, up: bool) -> None:
    sizes, distances = drawn(seed)
    found, _ = ends(MinMakespan(), sizes, distances, up)
    assert max(found) - min(found) <= 1e-9 * max(found)
    for allocation in ALLOCATIONS:
        assert max(found) <= max(ends(allocation, sizes, distances, up)[0]) * (1.0 + 1e-9)


def test_the_instant_is_that_of_the_solver() -> None:
    sizes, distances = [50_000, 20_000, 90_000], (100.0, 700.0, 1500.0)
    found, air = ends(MinMakespan(), sizes, distances)
    requests = OwnPower(8.0 * np.array(sizes), air.snr(0.0), Shannon(), BAND_HZ)
    seconds, shares = min_makespan(requests)
    assert found == pytest.approx([seconds] * 3, rel=1e-9)
    assert makespan_s(requests, shares) == pytest.approx(seconds, rel=1e-9)


def test_who_comes_later_is_taken_in_and_all_are_through_together() -> None:
    sizes, distances = [50_000, 50_000, 50_000], (100.0, 300.0, 900.0)
    alone, _ = ends(MinMakespan(), sizes[:1], distances[:1])
    starts = [0.0, 0.3 * alone[0], 0.6 * alone[0]]
    found, _ = ends(MinMakespan(), sizes, distances, starts=starts)
    assert found == pytest.approx([found[0]] * 3, rel=1e-9)
    assert max(found) < max(ends(Equal(), sizes, distances, starts=starts)[0])


def test_by_hand_with_rates_that_are_linear_in_the_share() -> None:
    # 1 bit/s/Hz on 100 kHz: 12,500 bytes a second. Messages of 1 and 3 seconds.
    sizes, phy = [12_500, 37_500], FixedEfficiency(bit_s_hz=1.0)
    by_kind = {each.kind: ends(each, sizes, (100.0,), phy=phy)[0] for each in ALLOCATIONS}
    assert by_kind["equal"] == pytest.approx([2.0, 4.0], rel=1e-9)
    assert by_kind["proportional"] == pytest.approx([4.0, 4.0], rel=1e-9)
    assert by_kind["min_makespan"] == pytest.approx([4.0, 4.0], rel=1e-9)
    for kind in "max_min", "max_rate", "proportional_fair":  # links are the same
        assert by_kind[kind] == pytest.approx([2.0, 4.0], rel=1e-9)


def test_in_the_downlink_max_rate_serves_the_best_link_first() -> None:
    sizes, distances = [40_000, 40_000, 40_000], (300.0, 1200.0, 600.0)
    found, air = ends(MaxRate(), sizes, distances, up=False)
    alone = 8.0 * 40_000 / air.rate_bit_s(air.quality(0.0), 1)
    first, second, third = alone[[0, 2, 1]]
    assert [found[0], found[2], found[1]] == pytest.approx([first, first + second, first + second + third], rel=1e-9)


def test_max_min_gives_all_the_same_rate() -> None:
    sizes, distances = [10_000, 20_000], (100.0, 1500.0)
    found, air = ends(MaxMin(), sizes, distances)
    requests = OwnPower(np.ones(2), air.snr(0.0), Shannon(), BAND_HZ)
    rate = requests.rate_bit_s(max_min(requests))
    assert rate[1] == pytest.approx(rate[0], rel=1e-9)
    assert found[0] == pytest.approx(80_000 / rate[0], rel=1e-9)


@pytest.mark.parametrize("allocation", ALLOCATIONS, ids=lambda each: each.kind)
@pytest.mark.parametrize("up", [True, False], ids=["uplink", "downlink"])
def test_the_band_is_full_and_never_overfull_whatever_fades(
    allocation: Allocation, up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, int]] = []
    rates_bit_s = RadioAir.rates_bit_s

    def watched(self: RadioAir, flying: Flying) -> Floats:
        rates = rates_bit_s(self, flying)
        requests = self.requests(flying.bits, flying.quality)
        needed = requests.share_for(rates)
        asked.append((float(needed.sum()), len(rates)))
        return rates

    monkeypatch.setattr(RadioAir, "rates_bit_s", watched)
    sizes, distances = drawn(3)
    ends(allocation, sizes, distances, up, Rayleigh(coherence_time_s=0.3))
    # A cap wastes nothing here: the least shares for the rates are all of the band, or what a capped link leaves.
    assert all(share <= 1.0 + 1e-9 for share, _ in asked)
    assert max(share for share, _ in asked) == pytest.approx(1.0, rel=1e-9)
    assert max(count for _, count in asked) == len(sizes)


@settings
class Greedy:
    """Gives out more than there is."""

    kind: str = "greedy"
    part: float = 0.6

    def shares(self, requests: Any) -> Floats:
        return np.full(len(requests.bits), self.part)


def test_one_of_the_users_own_divides_the_band_and_cannot_give_more_than_there_is() -> None:
    half: Any = Greedy(part=0.25)
    # A quarter of the band each, even when alone.
    found, _ = ends(half, [12_500, 12_500], (100.0,), phy=FixedEfficiency(bit_s_hz=1.0))
    assert found == pytest.approx([4.0, 4.0], rel=1e-9)
    more: Any = Greedy()
    with pytest.raises(ValueError, match=r"allocation Greedy: got shares .*, must be 2 numbers >= 0 that add up to 1"):
        ends(more, [1000, 1000], (100.0,))


@pytest.mark.parametrize("allocation", ALLOCATIONS, ids=lambda each: each.kind)
def test_a_round_of_training_ends_with_every_allocation(allocation: Allocation) -> None:
    log = ListLog()
    medium = Fdma(bandwidth_hz=BAND_HZ, allocation=allocation)
    channel = Channel(fading=Rayleigh(coherence_time_s=0.1))
    layout = Fixed(distances_m=(50.0, 400.0, 900.0))
    outcome = play(tiny(3, medium=medium, channel=channel, layout=layout, rounds=2), log)
    assert outcome.status == "completed"
    assert all(event.delivered for event in log.rows(activity="transfer"))
