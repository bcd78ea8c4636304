"""Cost of the engine alone: one round of compute, uplink, server and downlink for many devices, kernels as constants.

Beside it bare SimPy: as many processes that wait for as many timeouts as the round had events. The engine's own time
is what contention, energy, custody and the log cost on top; memory is the growth of the process per device.

Then messages a second and nothing else: devices that send one after another, timing-only, over links of constant rate
and over shared bands. Beside these bare SimPy serves as many in a queue that is requested, held and released.

    python benchmarks/engine.py [--devices 100 1000 10000] [--messages 10000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import gc
import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
import simpy
import torch

from wirelessfsl.codecs.chain import Chain
from wirelessfsl.devices.battery import NoBattery
from wirelessfsl.devices.catalogue import profile
from wirelessfsl.devices.compute import LogNormalJitter
from wirelessfsl.devices.failures import NoFailures
from wirelessfsl.engine.access import ConstantLink, Fdma, Tdma
from wirelessfsl.engine.airs import ConstantAir, RadioAir
from wirelessfsl.engine.band import Band
from wirelessfsl.engine.custody import NoCustody
from wirelessfsl.engine.estimated import EstimatedCoding
from wirelessfsl.engine.kept import Made
from wirelessfsl.engine.line import Line
from wirelessfsl.engine.medium import Medium
from wirelessfsl.engine.messages import Messages
from wirelessfsl.engine.node import Node, Steps
from wirelessfsl.engine.pipe import Pipe
from wirelessfsl.engine.transport import Transport
from wirelessfsl.engine.world import World
from wirelessfsl.learning.kernels import Kernel
from wirelessfsl.network.layout import Disc
from wirelessfsl.network.mobility import Standing
from wirelessfsl.radio.link import Channel, Links, noise_density_w_hz
from wirelessfsl.records import Event, Metric
from wirelessfsl.simulation import calm_collector
from wirelessfsl.units import dbm_to_watt


@dataclass
class Constant:
    """An executor whose kernels cost the host nothing."""

    value: Any
    busy_s: float = 0.0
    kernels: int = 0

    def submit(self, kernel: Kernel, *args: Any, chain: str = "", about: object = None) -> Constant:
        return self

    def settle(self) -> None: ...

    def result(self) -> Any:
        return self.value

    def cancel(self) -> None: ...


class Facts(list[Event]):
    """A log in memory."""

    event = list.append

    def metric(self, metric: Metric) -> None: ...
    def flush(self) -> None: ...


MEDIA = (ConstantLink(), Tdma(), Fdma())
FORWARD = Kernel("forward", "client_forward", lambda: None, lambda: 1e8)
SERVE = Kernel("serve", "server_step", lambda: None, lambda: 1e8)


def world_of(devices: int, settings: Fdma | Tdma | ConstantLink) -> World:
    world = World(1, Constant(torch.zeros(16, 16, device="meta")), Facts(), custody=NoCustody())
    pi, edge = profile("raspberry-pi-4"), profile("edge-gpu")
    world.server = Node(world, "server", -1, edge.processor, edge.radio, NoBattery())
    world.clients = tuple(Node(world, f"client-{i}", i, pi.processor, pi.radio, NoBattery()) for i in range(devices))
    for client in world.clients:
        world.watch(client, LogNormalJitter(sigma=0.2), NoFailures())
    world.medium = Medium(world.env, _lines(world, settings))
    coding = EstimatedCoding(1, {"activations": Chain(), "gradients": Chain()})
    world.messages = Messages(world.env, world.journal, world.medium, coding, Transport(), 1)
    world.on_round = lambda *_: None
    return world


def _lines(world: World, settings: Fdma | Tdma | ConstantLink) -> Callable[[Node, Node | None], Line]:
    if isinstance(settings, ConstantLink):
        air, latency_s = ConstantAir(settings.uplink_bit_s), settings.latency_s
        pipes = Made(lambda sender, receiver: Pipe(world.env, air, latency_s))
        return lambda sender, receiver: pipes[sender, receiver]
    pi, devices, names = profile("raspberry-pi-4"), len(world.clients), [client.name for client in world.clients]
    paths = Standing(Disc().positions_m(names, 1))
    bands = []
    for direction, power, spread in (("uplink", pi.radio.tx_power_dbm, False), ("downlink", 38.0, True)):
        watts = np.full(devices, dbm_to_watt(power))
        noise = np.full(devices, noise_density_w_hz(-174.0, 7.0))
        channel = Channel()
        links = Links(channel, names, paths, 1, direction)
        air = RadioAir(links, channel.phy, watts, noise, settings.bandwidth_hz, spread)
        bands.append(Band(world.env, air, settings.width, settings.latency_s))
    return lambda sender, receiver: bands[sender is world.server]


def session(world: World, client: Node) -> Steps:
    smashed = yield from client.compute(FORWARD)
    smashed = yield from world.transfer(client, world.server, activations=smashed.clone())
    gradient = yield from world.server.compute(SERVE)
    yield from world.transfer(world.server, client, gradients=gradient.clone())


def train(world: World) -> Steps:
    for _ in world.rounds(1, None):
        yield from world.together({client: session(world, client) for client in world.clients})
        world.close_round((), {})


def engine_round(devices: int, settings: Fdma | Tdma) -> tuple[float, int, int]:
    """Seconds, SimPy events and rows of one round."""
    world = world_of(devices, settings)
    env, count = world.env, 0
    step = env.step

    def counted() -> None:
        nonlocal count
        count += 1
        step()

    main = env.process(train(world))
    with calm_collector():
        begin = perf_counter()
        env.run(main)
        seconds = perf_counter() - begin
    world = world_of(devices, settings)  # once more, to count: the clock above runs without the counter
    env, count = world.env, 0
    step = env.step
    env.step = counted  # type: ignore[method-assign]
    env.run(env.process(train(world)))
    return seconds, count, len(world.log)  # type: ignore[arg-type]


def messages_a_second(devices: int, count: int, settings: Fdma | Tdma | ConstantLink) -> float:
    """Of devices that send one message after another, ``count`` of them each."""
    world, values = world_of(devices, settings), torch.zeros(16, 16, device="meta")

    def sending(client: Node) -> Steps:
        for _ in range(count):
            yield from world.transfer(client, world.server, activations=values)

    def train() -> Steps:
        for _ in world.rounds(1, None):
            yield from world.together({client: sending(client) for client in world.clients})

    with calm_collector():
        begin = process_time()
        world.env.run(world.env.process(train()))
        return devices * count / (process_time() - begin)


def bare_queue(devices: int, count: int) -> float:
    """Messages a second that bare SimPy serves in a queue."""
    env = simpy.Environment()
    queue = simpy.Resource(env)

    def process() -> Any:
        for _ in range(count):
            with queue.request() as turn:
                yield turn
                yield env.timeout(1.0)

    for _ in range(devices):
        env.process(process())
    with calm_collector():
        begin = process_time()
        env.run()
        return devices * count / (process_time() - begin)


def bare_simpy(devices: int, events: int) -> float:
    """Seconds that SimPy alone takes for as many events, in processes that wait."""
    env = simpy.Environment()
    waits = max(1, round(events / devices) - 2)  # each process also has its start and its end
    delays = np.random.default_rng(0).exponential(size=(devices, waits)).tolist()

    def process(own: list[float]) -> Any:
        for delay in own:
            yield env.timeout(delay)

    for own in delays:
        env.process(process(own))
    with calm_collector():
        begin = perf_counter()
        env.run()
        return perf_counter() - begin


def memory_per_device(devices: int, make: Callable[[], World]) -> float:
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    world = make()
    world.env.run(world.env.process(train(world)))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / devices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--messages", type=int, default=10_000, help="of a hundred devices together")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    largest = max(args.devices)
    print(f"memory: {memory_per_device(largest, lambda: world_of(largest, Fdma())) / 1e3:.1f} kB a device"
          f" (peak growth at {largest} devices, rows of the round included)")  # fmt: skip
    print("medium  devices   events    rows   engine s   bare s   ratio   us/device")
    for settings in (Fdma(), Tdma()):
        for devices in args.devices:
            rounds, ratios, bares = [], [], []
            for _ in range(args.repeats):
                gc.collect()
                seconds, events, rows = engine_round(devices, settings)
                bares.append(bare_simpy(devices, events))
                rounds.append(seconds)
                ratios.append(seconds / bares[-1])
            seconds, ratio = median(rounds), median(ratios)
            print(
                f"{settings.kind:6}  {devices:7d}  {events:7d}  {rows:6d}  {seconds:9.3f}  {median(bares):7.3f}"
                f"  {ratio:6.2f}  {seconds / devices * 1e6:9.1f}"
            )
    print("medium    messages/s of the CPU     us")
    senders, each = 100, args.messages // 100
    cases = [(settings.kind, partial(messages_a_second, senders, each, settings)) for settings in MEDIA]
    for name, case in (("SimPy", partial(bare_queue, senders, each)), *cases):
        rate = median(case() for _ in range(args.repeats))
        print(f"{name:8}  {rate:21.0f}  {1e6 / rate:5.1f}")


if __name__ == "__main__":
    main()
