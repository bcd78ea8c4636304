"""Tiny worlds for tests: round numbers instead of a device catalogue, so that times and joules can be done by hand.

The model is an MLP on 8x8 images with 16 samples a batch. A client's half is 64 -> 64, the server's 64 -> 64 -> 10:

========== =========== ===================== =======================================================
half       parameters  FLOPs forward, batch  FLOPs backward, batch
========== =========== ===================== =======================================================
client     4,160       16 * 2 * 64 * 64      as forward: the data needs no gradient
server     4,810       16 * 2 * (64*64+640)  twice forward: gradients of weights and of inputs
========== =========== ===================== =======================================================

A device does ``FORWARD`` FLOP/s and the server ``SERVE`` FLOP/s, so a client's pass and a server's step take 1 s.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.build import build
from wirelessfsl.devices.compute import MeasuredProcessor
from wirelessfsl.devices.radio_power import RadioPower
from wirelessfsl.engine.access import ConstantLink
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.transport import Transport
from wirelessfsl.engine.world import Exhausted, World
from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.partition import Iid
from wirelessfsl.network.layout import Fixed
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.phy import FixedEfficiency
from wirelessfsl.records import COMPUTE, TRANSFER, WAIT, Event, Metric
from wirelessfsl.scenario import Data, Devices, Model, Network, Scenario, Server, dataset_of
from wirelessfsl.simulation import Outcome, play

BATCH = 16
FORWARD = BATCH * 2 * 64 * 64
SERVE = 3 * BATCH * 2 * (64 * 64 + 64 * 10)
CLIENT_PARAMETERS, SERVER_PARAMETERS = 64 * 64 + 64, (64 * 64 + 64) + (64 * 10 + 10)

OVERHEAD, MESSAGE, TENSOR, DIM, FLOAT, INT = 40, 8, 2, 4, 4, 8
"""Bytes: transport overhead, frame header, header per tensor and per dimension, a float32, a label."""
ACTIVATIONS = OVERHEAD + MESSAGE + (TENSOR + 2 * DIM) + BATCH * 64 * FLOAT
LABELS = MESSAGE + (TENSOR + DIM) + BATCH * INT
"""Labels fly with the activations; the overhead of the common message is the first kind's."""
UPLOAD = ACTIVATIONS + LABELS
GRADIENTS = ACTIVATIONS
CLIENT_MODEL = OVERHEAD + MESSAGE + (TENSOR + 2 * DIM) + (TENSOR + DIM) + CLIENT_PARAMETERS * FLOAT
WHOLE_MODEL = (
    OVERHEAD + MESSAGE + 3 * (TENSOR + 2 * DIM) + 3 * (TENSOR + DIM) + (CLIENT_PARAMETERS + SERVER_PARAMETERS) * FLOAT
)
WHOLE_STEP = 2 * FORWARD + SERVE

PROCESSOR = MeasuredProcessor(flops_per_s=FORWARD, joules_per_flop=3.0 / FORWARD, efficiency=1.0, idle_w=2.0)
"""A pass of a client: 1 s, 3 J above an idle power of 2 W."""
SERVER_PROCESSOR = MeasuredProcessor(flops_per_s=SERVE, joules_per_flop=10.0 / SERVE, efficiency=1.0, idle_w=20.0)
RADIO = RadioPower(tx_power_dbm=30.0, amplifier_efficiency=0.5, circuit_w=1.0, receive_w=1.5, idle_w=0.5, sleep_w=0.1)
"""Transmitting draws 1 W / 0.5 + 1 W = 3 W, receiving 1.5 W, idle 0.5 W, asleep 0.1 W."""
DEVICE = Devices(count=1, processor=PROCESSOR, radio=RADIO)
STATION = Server(processor=SERVER_PROCESSOR, radio=RADIO)


def tiny(
    clients: int = 1,
    *,
    medium: Any = ConstantLink(),  # noqa: B008 (a frozen value)
    channel: Channel = Channel(phy=FixedEfficiency(bit_s_hz=1.0)),  # noqa: B008
    layout: Any = Fixed(),  # noqa: B008
    transport: Transport = Transport(),  # noqa: B008
    devices: tuple[Devices, ...] = (),
    rounds: int = 1,
    **changes: Any,
) -> Scenario:
    """A scenario of ``clients`` equal devices (or the given groups), 16 samples a batch, one step a round."""
    groups = devices or (replace(DEVICE, count=clients),)
    return Scenario(
        **{
            "name": "tiny",
            "data": Data(name="blobs", clients=sum(group.count for group in groups), partition=Iid()),
            "model": Model(name="mlp"),
            "algorithm": SplitFedV1(rounds=rounds, local_steps=1, batch_size=BATCH),
            "devices": groups,
            "server": STATION,
            "network": Network(layout=layout, channel=channel, medium=medium, transport=transport),
        }
        | changes
    )


class ListLog:
    """A log that keeps everything in lists."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.metrics: list[Metric] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    def metric(self, metric: Metric) -> None:
        self.metrics.append(metric)

    def flush(self) -> None:
        pass

    def rows(self, **wanted: Any) -> list[Event]:
        """Events whose fields have the given values."""
        return [e for e in self.events if all(getattr(e, name) == value for name, value in wanted.items())]

    @property
    def end_s(self) -> float:
        return max(e.end_s for e in self.events)


def run(scenario: Scenario, executor: Executor | None = None) -> tuple[ListLog, Outcome]:
    """Play a scenario to its end."""
    log = ListLog()
    return log, play(scenario, log, executor)


def dataset(scenario: Scenario) -> Dataset:
    return dataset_of(scenario)


def world_of(scenario: Scenario) -> tuple[World, ListLog]:
    """The world of a scenario, with its clock at 0 and nothing begun."""
    log = ListLog()
    return build(scenario, dataset(scenario), Sequential(), log), log


def tell(world: World, story: Generator[Any, Any, Any]) -> Any:
    """Let a generator of the test's own run in the world, to its end."""
    return world.env.run(world.env.process(story))


def played(scenario: Scenario) -> tuple[World, ListLog, str]:
    """A world in which the scenario's algorithm has run, and how it ended."""
    world, log = world_of(scenario)
    try:
        tell(world, scenario.algorithm.train(world, scenario.algorithm.begin(world)))
    except Exhausted:
        return world, log, "exhausted"
    return world, log, "completed"


def one_round(world: World, sessions: dict[Node, Any]) -> dict[Node, Any]:
    """Run sessions of the test's own as one whole round; returns what ``World.together`` does."""

    def story() -> Generator[Any, Any, Any]:
        for _ in world.rounds(1, None):
            done = yield from world.together(sessions)
            world.close_round((), {})
        return done

    done: dict[Node, Any] = tell(world, story())
    return done


def tiles(log: ListLog, client: str) -> list[Event]:
    """The rows that tile a client's time, in order: what it, or the server for it, did or waited for."""
    own = [e for e in log.events if e.activity in (COMPUTE, TRANSFER, WAIT) and client in (e.node, e.peer)]
    return sorted((e for e in own if e.end_s > e.start_s), key=lambda e: e.start_s)


def assert_tiled(log: ListLog, client: str, end_s: float) -> None:
    """The client's rows follow one another from 0 to the end, without gap or overlap beyond 1 ns."""
    at = 0.0
    for row in tiles(log, client):
        assert abs(row.start_s - at) <= 1e-9, (at, row)
        at = row.end_s
    assert abs(at - end_s) <= 1e-9
