"""A run that goes on from a checkpoint is the run that was not interrupted, bit by bit, whatever was in play.

Every scheme, and one of them on every kind of network with batteries, failures, jitter, lost packets, codecs that
remember, late clients and choosy servers: from a boundary between two rounds to the end, in a world built anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.test_conservation import FADED, NEAR, NETWORKS
from tests.worlds import DEVICE, ListLog, tiny
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.lossless import ErrorFeedback
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.sparse import RandomK, RandTopK, TopK
from wirelessfsl.codecs.stochastic import QSGD
from wirelessfsl.continuing import Going, Spent
from wirelessfsl.devices.battery import Battery
from wirelessfsl.devices.compute import LogNormalJitter
from wirelessfsl.devices.failures import FailAt, RandomFailures
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.engine.access import Ofdma, Tdma, TraceLinks
from wirelessfsl.engine.participation import ChannelAware, EnergyAware, Participation, RandomChoice
from wirelessfsl.engine.transport import Outage, Transport
from wirelessfsl.engine.world import World
from wirelessfsl.learning.evaluate import Mixture
from wirelessfsl.learning.executors.promises import Promise
from wirelessfsl.learning.keeping import from_bytes, pack, to_bytes
from wirelessfsl.network.failures import LinkFailure, RandomBlockage
from wirelessfsl.radio.aloha import SlottedAloha
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.scheduling import ProportionalFair
from wirelessfsl.scenario import Codecs, Model, Network, Scenario, load_scenario
from wirelessfsl.simulation import Outcome, play

GOLDEN = Path(__file__).parents[1] / "golden"
ROUNDS = 4


class Broken(ListLog):
    """A log that has what was written down before a run was broken off."""

    def __init__(self, whole: ListLog, events: int, metrics: int) -> None:
        super().__init__()
        self.events, self.metrics = whole.events[:events], whole.metrics[:metrics]


def values(outcome: Outcome) -> list[bytes]:
    """Every number of the final models."""
    models: list[Any] = [outcome.parts]
    for model in outcome.models.values():
        models += [*model.models, []] if isinstance(model, Mixture) else [model]
    shares = [model.shares for model in outcome.models.values() if isinstance(model, Mixture)]
    return [tensor.numpy().tobytes() for model in models for part in model for tensor in part.weights] + [
        repr(shares).encode()
    ]


def assert_resumes(scenario: Scenario, timing_only: bool = False, every_round: bool = False) -> None:
    """From a boundary in the middle of a run its end is reached again, through the same boundaries; or from all."""
    whole, kept = ListLog(), dict[int, tuple[bytes, int, int]]()

    def boundary(number: int, pack: Any) -> None:
        kept[number] = to_bytes(*without_host(pack()), {}), len(whole.events), len(whole.metrics)

    outcome = play(scenario, whole, boundary=boundary, timing_only=timing_only)
    numbers = list(kept)
    for number in numbers if every_round else [numbers[(len(numbers) - 1) // 2]]:
        content, events, metrics = kept[number]
        log, again = Broken(whole, events, metrics), dict[int, bytes]()

        def compare(number: int, pack: Any, again: dict[int, bytes] = again) -> None:
            again[number] = to_bytes(*without_host(pack()), {})

        end = play(scenario, log, boundary=compare, start=from_bytes(content, ())[:2], timing_only=timing_only)
        assert log.events == whole.events
        assert list(map(repr, log.metrics)) == list(map(repr, whole.metrics))  # a NaN is not itself
        assert values(end) == values(outcome)
        assert (end.status, end.rounds, end.client_steps) == (outcome.status, outcome.rounds, outcome.client_steps)
        assert again == {later: kept[later][0] for later in kept if later > number}


def without_host(packed: Any) -> Any:
    """What a checkpoint has of the simulation."""
    tree, tensors = packed
    return {"dict": [(name, value) for name, value in tree["dict"] if name != "spent"] + [["spent", NOTHING]]}, tensors


NOTHING = pack(Spent(), {}, [Spent])[0]


SCHEMES = sorted(path.stem for path in GOLDEN.glob("*.yaml") if path.stem != "async_sl")
FROM = pytest.mark.parametrize(
    "every_round", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["middle", "every round"]
)


@FROM
@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_goes_on(name: str, every_round: bool) -> None:
    assert_resumes(load_scenario(GOLDEN / f"{name}.yaml"), every_round=every_round)


DEVICES = (
    replace(DEVICE, battery=Battery(capacity_j=120.0)),
    replace(DEVICE, radio=NrUe(tx_power_dbm=20.0), battery=Battery(capacity_j=300.0)),
    replace(DEVICE, failures=RandomFailures(mean_time_to_failure_s=20.0, mean_repair_s=4.0)),
    replace(DEVICE, count=2, radio=NrUe(), compute_jitter=LogNormalJitter()),
    replace(DEVICE, failures=FailAt(times_s=(7.0, 30.0), repair_s=3.0)),
)
CODECS = Codecs(
    activations=(RandTopK(fraction=0.2),),
    gradients=(QSGD(),),
    model_upload=(ErrorFeedback(), TopK(fraction=0.1)),
)
LOSSY = Transport(reliability="lossy", packet_loss=0.02, outage=Outage(gradients="reuse", model_download="reuse"))
BREAKING = (LinkFailure(of=("client-2",), from_s=3.0, to_s=9.0), LinkFailure(of=("server",), from_s=14.0, to_s=15.0))
MORE = {
    "proportional fair": Network(
        layout=NEAR, channel=FADED, medium=Ofdma(bandwidth_hz=5e6, scheduler=ProportionalFair(time_constant_s=0.5))
    ),
    "blocks slot by slot": Network(
        layout=NEAR,
        channel=replace(FADED, phy=Nr()),
        medium=Ofdma(
            bandwidth_hz=5e6,
            scheduler=ProportionalFair(time_constant_s=0.5),
            mode="slots",
            outer_loop_step_db=0.05,
        ),
    ),
    "aloha slots": Network(layout=NEAR, channel=FADED, medium=SlottedAloha(mode="slots")),
    "links that fail": Network(
        layout=NEAR,
        channel=FADED,
        medium=Tdma(bandwidth_hz=5e6),
        failures=BREAKING,
        blockage=RandomBlockage(mean_clear_s=2.0, mean_blocked_s=0.5),
    ),
    "traces": Network(medium=TraceLinks(uplink=("scenarios/traces/bus.csv",), latency=("scenarios/traces/delay.csv",))),
    "cells of moving devices that lose packets": replace(NETWORKS["cells"], transport=LOSSY),
}


def stormy(name: str, **changes: Any) -> Scenario:
    """A scheme on a network, with all that may happen to its clients."""
    network = (NETWORKS | MORE)[name]
    network = replace(network, transport=replace(network.transport, timeout_s=20.0))
    scheme = SplitFedV1(rounds=ROUNDS, local_steps=1, batch_size=16)
    late = Participation(choice=EnergyAware(fraction=0.8), deadline_s=8.0)
    common = {"algorithm": scheme, "participation": late, "codecs": CODECS}
    return tiny(devices=DEVICES, network=network, **common | changes)


@pytest.mark.parametrize("name", ["constant", "tdma", "wifi slots", "relayed", *MORE])
def test_a_run_goes_on_on_networks_of_every_kind(name: str) -> None:
    assert_resumes(stormy(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NETWORKS, *MORE])
def test_a_run_goes_on_on_every_network_from_every_round(name: str) -> None:
    assert_resumes(stormy(name), every_round=True)


@FROM
@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": FedAvg(rounds=ROUNDS, local_steps=1, batch_size=16, upload="update"), "model": Model(name="mlp")},
        {"participation": Participation(choice=ChannelAware(fraction=0.5), deadline_s=6.0, late="partial")},
        pytest.param({"participation": Participation(choice=RandomChoice(fraction=0.5))}, marks=pytest.mark.slow),
        {"codecs": replace(CODECS, gradients=(RandomK(fraction=0.3),), model_download=(PowerSGD(rank=1),))},
    ],
    ids=["changes of weights", "best channels", "at random", "other codecs"],
)
def test_a_run_goes_on_whoever_takes_part_and_whatever_is_sent(changes: dict[str, Any], every_round: bool) -> None:
    name = "cells of moving devices that lose packets" if len(changes) == 1 else "fdma"
    assert_resumes(stormy(name, **changes), every_round=every_round)


@FROM
@pytest.mark.parametrize("name", ["constant", "wifi slots", "cells of moving devices that lose packets"])
def test_a_run_without_values_goes_on(name: str, every_round: bool) -> None:
    assert_resumes(stormy(name), timing_only=True, every_round=every_round)


class Enough(Exception):
    """The world is where it was wanted."""


def world_at(scenario: Scenario, monkeypatch: pytest.MonkeyPatch, number: int) -> tuple[World, World]:
    """A world between two rounds, and one that was built anew and restored from a checkpoint of it."""
    seen: list[World] = []
    kept: list[Any] = []
    go_on = Going.go_on

    def boundary(at: int, packed: Any) -> None:
        if at == number:
            kept.append(from_bytes(to_bytes(*packed(), {}), ())[:2])
            raise Enough

    def gone_on(going: Going, *args: Any) -> Any:
        if args[0] is not BEGINNING:
            go_on(going, *args)
        seen.append(going.world)
        if args[0] is not BEGINNING:
            raise Enough
        return args[1]

    monkeypatch.setattr(Going, "go_on", gone_on)
    for _ in range(2):
        with pytest.raises(Enough):
            play(scenario, ListLog(), boundary=boundary, start=kept[0] if kept else BEGINNING)
    first, second = seen
    return first, second


BEGINNING: Any = None, {}
"""In the place of a checkpoint."""


def differing(a: Any, b: Any, at: str, met: set[tuple[int, int]]) -> Iterator[str]:
    """Attributes, by class and name, in which two objects differ, and all that can be reached from them."""
    a, b = (each.read() if isinstance(each, Promise) else each for each in (a, b))
    if a is b or (id(a), id(b)) in met:
        return
    if type(a) is not type(b) or (isinstance(a, int | float | str | bytes) and repr(a) != repr(b)):
        yield at
        return
    met.add((id(a), id(b)))
    if isinstance(a, np.ndarray | torch.Tensor):
        one, other = (np.asarray(each)[: 1 if len(each) == 2**59 else None] for each in (a, b))  # the same for any link
        if a.shape != b.shape or a.dtype != b.dtype or one.tobytes() != other.tobytes():
            yield at
    elif isinstance(a, dict):
        if list(map(repr, a)) != list(map(repr, b)):
            yield at
        for one, other in zip(a.values(), b.values(), strict=False):
            yield from differing(one, other, at, met)
    elif isinstance(a, list | tuple | deque):
        if len(a) != len(b):
            yield at
        for one, other in zip(a, b, strict=False):
            yield from differing(one, other, at, met)
    elif isinstance(a, FunctionType | MethodType):
        for name in ("__self__", "__closure__"):
            yield from differing(getattr(a, name, None), getattr(b, name, None), at, met)
    elif isinstance(a, CellType):
        yield from differing(a.cell_contents, b.cell_contents, at, met)
    elif isinstance(a, partial):
        yield from differing((a.func, a.args, a.keywords), (b.func, b.args, b.keywords), at, met)
    elif type(a).__module__.startswith("wirelessfsl"):
        slots = [name for cls in type(a).__mro__ for name in getattr(cls, "__slots__", ())]
        for name in [*slots, *getattr(a, "__dict__", ())]:
            one, other = getattr(a, name, None), getattr(b, name, None)
            yield from differing(one, other, f"{type(a).__name__}.{name}", met)


IN_FLIGHT = {
    *(f"Band.{name}" for name in ["_bits", "_links", "_quality", "_uplink", "_sizes", "_numbers", "_used", "_using"]),
    *("Band._rows", "Duties._columns", "Duties._free", "Duties._owner"),
    *("Band._residual", "Pipe._bits", "Pipe._planned_s", "Pipe._ends_s"),
    *("Coding._near", "Coding._far"),
    *(
        "RadioAir._share",
        "CellularAir._sinr",
        "FailingAir._up",
        "OfdmaAir._sinr",
        "OfdmaAir._whole_bit_s",
        "OfdmaAir._use",
    ),
    *(f"SlottedAir.{name}" for name in ["_queues", "_arriving", "_sent", "_use"]),
}
"""About messages on their way, of which there are none."""
OF_AN_INSTANT = {
    *(
        "Medium._asked",
        "Medium._qualities",
        "Band._qualities",
        "RadioAir._snr",
        "OfdmaAir._limit",
        "OfdmaAir._until_s",
        "FailingAir._none_up",
    ),
    *("CellularAir._now_s", "CellularAir._snr", "CellularAir._serving", "Downtimes._begin_s", "Downtimes._end_s"),
    *("SlottedAir._qualities", "SlottedAir._from_s", "SlottedAir._until_s"),
    *("Links.mean_gain", "Links._placed_s", "Links._moves_s"),
}
"""What was asked for last: functions of time, which are asked for anew before they are used."""
ASKED_BEFORE = {"Coding._known", "ClientData._orders"}
"""Values of functions of what they are asked for alone."""
AGENDA = {"Band.timer", "Pipe.timer", "Outages.next"}
OF_THE_HOST = {
    *(f"Sequential.{name}" for name in ["busy_s", "kernels", "widths", "spent", "_waiting", "_chains", "_numbers"]),
    *("_Evaluator.host_s", "Going._begun", "Going._before"),
}
SET_AT_THE_START = {"World.on_boundary", "World.rounds_planned"}


@pytest.mark.parametrize("name", [*NETWORKS, *MORE])
def test_a_restored_world_is_the_same_in_all_that_can_be_reached(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = world_at(stormy(name), monkeypatch, 3)
    found = set(differing(first, second, "world", set()))
    assert found <= IN_FLIGHT | OF_AN_INSTANT | ASKED_BEFORE | AGENDA | OF_THE_HOST | SET_AT_THE_START
