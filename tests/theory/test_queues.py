"""The engine's queues against queueing theory (Kleinrock, Queueing Systems, vol. 1, 1975, and vol. 2, 1976).

Jobs arrive in a Poisson stream of rate rho (a mean job alone takes 1 s). Every figure is the mean over ten independent
replications with fixed seeds, each of 1,800 jobs after a warm-up of 200; the tolerance is four standard errors of
that mean, taken from the spread of the replications. So that this is a test, the standard error must be below 4 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest

from tests.worlds import DEVICE, PROCESSOR, STATION, tell, tiny, world_of
from wirelessfsl.devices.compute import MeasuredProcessor
from wirelessfsl.engine.airs import ConstantAir
from wirelessfsl.engine.band import Band
from wirelessfsl.engine.medium import Medium
from wirelessfsl.engine.world import World
from wirelessfsl.scenario import Server
from wirelessfsl.streams import Floats

REPLICATIONS, WARM_UP, JOBS = 10, 200, 1800
MEAN_BYTES = 10**6
Draw = Callable[[np.random.Generator, int], Floats]
Do = Callable[[float], Generator[Any, Any, Any]]


def exponential(rng: np.random.Generator, count: int) -> Floats:
    return rng.exponential(1.0, count)


def deterministic(rng: np.random.Generator, count: int) -> Floats:
    return np.ones(count)


def hyperexponential(rng: np.random.Generator, count: int) -> Floats:
    """Mean 1, squared coefficient of variation 4, balanced means: p = (1 + sqrt(3/5)) / 2."""
    p = (1 + math.sqrt(3 / 5)) / 2
    short = rng.random(count) < p
    return rng.exponential(1.0, count) / np.where(short, 2 * p, 2 * (1 - p))


def on_band(width: float) -> Callable[[World], Do]:
    """Send job x as MEAN_BYTES x bytes over a constant band that carries MEAN_BYTES in one second."""

    def over(world: World) -> Do:
        band = Band(world.env, ConstantAir(8.0 * MEAN_BYTES), width, 0.0)
        medium = Medium(world.env, lambda sender, receiver: band)

        def send(job: float) -> Generator[Any, Any, Any]:
            yield medium.transmit(world.clients[0], world.server, max(1, round(MEAN_BYTES * job)))

        return send

    return over


def on_server(world: World) -> Do:
    """Run job x as x seconds of computation at the server."""
    return lambda job: world.server.spend("server_step", job * world.server.processor.flops_per_s)


def sojourns(place: Callable[[World], Do], load: float, draw: Draw, seed: int, slots: int = 1) -> tuple[Floats, Floats]:
    """Sizes of the jobs after the warm-up and the time that each was there, in s."""
    speedy = MeasuredProcessor(flops_per_s=1e6, efficiency=1.0, slots=slots)
    world, _ = world_of(tiny(server=Server(processor=speedy, radio=STATION.radio)))
    do, rng = place(world), np.random.default_rng(seed)
    gaps, sizes = rng.exponential(1 / (load * slots), WARM_UP + JOBS), draw(rng, WARM_UP + JOBS)
    spent = np.zeros(WARM_UP + JOBS)

    def job(i: int) -> Generator[Any, Any, Any]:
        begin = world.env.now
        yield from do(float(sizes[i]))
        spent[i] = world.env.now - begin

    def arrivals() -> Generator[Any, Any, Any]:
        for i, gap in enumerate(gaps):
            yield world.env.timeout(gap)
            world.env.process(job(i))

    tell(world, arrivals())
    world.env.run()
    return sizes[WARM_UP:], spent[WARM_UP:]


def assert_mean(values: list[float], theory: float) -> None:
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    assert error < 0.04 * theory
    assert np.mean(values) == pytest.approx(theory, abs=4 * error)


def mean_sojourns(place: Callable[[World], Do], load: float, draw: Draw, slots: int = 1) -> list[float]:
    return [float(sojourns(place, load, draw, seed, slots)[1].mean()) for seed in range(REPLICATIONS)]


@pytest.mark.parametrize(
    ("draw", "load"), [(exponential, 0.3), (exponential, 0.6), (deterministic, 0.6), (hyperexponential, 0.6)]
)
def test_fluid_band_is_processor_sharing_whatever_the_sizes(draw: Draw, load: float) -> None:
    # M/G/1-PS: E[T] = E[S] / (1 - rho), insensitive to the distribution of S beyond its mean (vol. 2, sec. 4.4).
    assert_mean(mean_sojourns(on_band(math.inf), load, draw), 1 / (1 - load))


def test_fluid_band_serves_a_message_in_proportion_to_its_size() -> None:
    # M/G/1-PS: E[T | S = x] = x / (1 - rho), so short messages and long ones are slowed down by the same factor.
    load, short, long = 0.5, [], []
    for seed in range(REPLICATIONS):
        sizes, spent = sojourns(on_band(math.inf), load, exponential, seed)
        below = sizes < math.log(2)  # the median
        short.append(float(spent[below].sum() / sizes[below].sum()))
        long.append(float(spent[~below].sum() / sizes[~below].sum()))
    assert_mean(short, 1 / (1 - load))
    assert_mean(long, 1 / (1 - load))


@pytest.mark.parametrize(("draw", "second_moment"), [(exponential, 2.0), (deterministic, 1.0)])
@pytest.mark.parametrize("place", [on_band(1.0), on_server], ids=["tdma", "server"])
def test_tdma_and_the_server_are_queues_with_one_place(
    place: Callable[[World], Do], draw: Draw, second_moment: float
) -> None:
    load = 0.6
    # Pollaczek-Khinchine: E[T] = E[S] + lambda E[S^2] / (2 (1 - rho)); M/M/1 gives 1 / (1 - rho) (vol. 1, sec. 5.6).
    assert_mean(mean_sojourns(place, load, draw), 1 + load * second_moment / (2 * (1 - load)))


@pytest.mark.parametrize("slots", [2, 4])
def test_a_server_with_several_slots_is_m_m_c(slots: int) -> None:
    # Erlang C (vol. 1, sec. 3.5): the chance to wait C, and E[T] = 1 + C / (c (1 - rho)) with E[S] = 1.
    load = 0.7
    offered = slots * load
    full = offered**slots / math.factorial(slots) / (1 - load)
    waits = full / (sum(offered**k / math.factorial(k) for k in range(slots)) + full)
    assert_mean(mean_sojourns(on_server, load, exponential, slots), 1 + waits / (slots * (1 - load)))


def test_erlang_c_of_two_slots_is_the_closed_form_used_above() -> None:
    # For c = 2: C = 2 rho^2 / (1 + rho), a textbook value that pins the formula of the test above.
    load, offered = 0.7, 1.4
    full = offered**2 / 2 / (1 - load)
    assert full / (1 + offered + full) == pytest.approx(2 * load**2 / (1 + load))


def test_a_device_computes_one_job_after_another() -> None:
    world, _ = world_of(tiny(devices=(DEVICE,)))
    ends: list[float] = []

    def job() -> Generator[Any, Any, Any]:
        yield from world.clients[0].spend("client_forward", PROCESSOR.flops_per_s)
        ends.append(world.env.now)

    for _ in range(3):
        world.env.process(job())
    world.env.run()
    assert ends == pytest.approx([1.0, 2.0, 3.0], abs=1e-12)
