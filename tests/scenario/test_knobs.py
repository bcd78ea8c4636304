"""No knob does nothing: each one changes the digest, or is refused where the chosen kinds do not use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import pytest

from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.devices.compute import OperatingPoint, VoltagePoint
from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.failures import FailAt
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.radio_power import RadioPower
from wirelessfsl.devices.wifi_radio import WifiRadio
from wirelessfsl.engine.access import TraceLinks
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.transport import Transport
from wirelessfsl.learning.weights import OtherData, Pretrain, WeightsFile
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.failures import LinkFailure
from wirelessfsl.network.layout import FromFile, InCells
from wirelessfsl.network.position_trace import PositionTrace
from wirelessfsl.network.topology import Graph, Relay, Wire
from wirelessfsl.network.waypoint import RandomWaypoint
from wirelessfsl.radio.clarke import Clarke
from wirelessfsl.radio.link import Channel
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.radio.wifi import Wifi
from wirelessfsl.records import ACTIVATIONS_DOWN, GRADIENTS_OF, GRADIENTS_UP
from wirelessfsl.scenario import (
    Codecs,
    Data,
    Devices,
    EdgeCloud,
    EdgeServer,
    Model,
    Network,
    Scenario,
    ScenarioError,
    digest,
    load_scenario,
    resolve,
    unused,
)
from wirelessfsl.scenario.shape import adapter, classes, kind, types


class Knob(NamedTuple):
    """A plain field: the fields that lead to it, the class chosen at each, and its own name."""

    fields: tuple[str, ...]
    chosen: tuple[type, ...]
    name: str

    def __str__(self) -> str:
        steps = [
            f"{field}:{kind(cls)}" if kind(cls) else field for field, cls in zip(self.fields, self.chosen, strict=True)
        ]
        return ".".join([*steps, self.name])


def knobs(cls: type = Scenario, fields: tuple[str, ...] = (), chosen: tuple[type, ...] = ()) -> Iterator[Knob]:
    for name, hint in types(cls).items():
        if name != "kind" and not classes(hint):
            yield Knob(fields, chosen, name)
        for choice in classes(hint):
            yield from knobs(choice, (*fields, name), (*chosen, choice))


GIVEN: dict[type, dict[str, Any]] = {
    Scenario: {
        "codecs": Codecs(activations=(Cast(),)),
        "data": Data(name="images"),
        "model": Model(name="my_pkg.nets:net", cuts="auto"),
        "algorithm": SplitFedV1(),
    },
    Data: {"name": "images"},
    Model: {"name": "my_pkg.nets:net", "cuts": "auto"},
    WeightsFile: {"path": "x.safetensors"},
    OtherData: {"name": "images"},
    Devices: {"count": 10},
    RadioPower: {"sleep_after_s": 1.0},
    WifiRadio: {"sleep_after_s": 1.0},
    NrUe: {"tx_power_dbm": 10.0},
    EarthStation: {"sleep_after_s": 1.0},
    MTSL: {"newcomers": 1},
    UMa: {"indoor_share": 0.5, "car_share": 0.25, "building": "high_loss"},
    UMi: {"indoor_share": 0.5, "car_share": 0.25, "building": "high_loss"},
    RMa: {"car_share": 0.25},
    InF: {"hall": "dh"},
    FailAt: {"repair_s": 5.0},
    Participation: {"deadline_s": 1.0},
    Transport: {"timeout_s": 1.0, "packet_loss": 0.1},
    TraceLinks: {"uplink": ("x.csv",), "format": "mahimahi"},
    FromFile: {"path": "x.csv"},
    PositionTrace: {"path": "x.csv"},
    Nr: {"subcarrier_spacing_khz": 60, "uplink_share": 0.2, "downlink_share": 0.7},
    Hexagonal: {"sectors": 3},
    Clarke: {"k_factor_db": 6.0},
    Channel: {"path_loss": UMi()},
    Wifi: {"sensitivity_dbm": (-82.0,)},
    LinkFailure: {"of": ("client-0",)},
    Graph: {"wires": (Wire(ends=("site-0", "cloud")), Wire(ends=("cloud", "cloudx")))},
    Wire: {"ends": ("site-0", "cloud")},
    EdgeCloud: {"servers": (EdgeServer(at="left"), EdgeServer(at="right")), "assignment": "listed"},
    EdgeServer: {"at": "left"},
    Relay: {"name": "relay", "at_m": (50.0, 20.0)},
}
"""What a section needs so that all of its knobs have an effect; the data set only has to take a folder."""


FOR = {
    "sequence_length": {"name": "text"},
    "stride": {"name": "text"},
    "outer_loop_step_db": {"mode": "slots"},
}
"""What a single knob needs beside it."""


def made(knob: Knob, value: Any = ...) -> Scenario:
    """The scenario that has the knob, at a value or its default."""
    inner: Any = None
    owner = knob.chosen[-1] if knob.chosen else Scenario
    learnt = {"model": Model(name="mlp", pretrained=Pretrain())} if knob.name == "public_fraction" else {}
    for field, cls in reversed([*zip((*knob.fields, ""), (Scenario, *knob.chosen), strict=True)]):
        given = GIVEN.get(cls, {}) | (FOR.get(knob.name, {}) if cls is owner else {})
        given |= learnt if cls is Scenario else {}
        if cls is Scenario and {*knob.fields, knob.name} & {ACTIVATIONS_DOWN, GRADIENTS_UP}:
            given["algorithm"] = PFSL()
        if cls is Scenario and knob.fields[:2] == ("devices", "model"):
            given["algorithm"] = MTSL()
        if cls is Network and knob.name == "outer_loop_step_db":
            given["channel"] = Channel(phy=Nr())
        if cls is Network and "cells" in knob.fields:
            given |= {"layout": InCells(), "mobility": RandomWaypoint()}
        if inner is not None:
            listed = get_origin(types(cls)[field]) is tuple
            # The default operating point is the second.
            given[field] = (
                (inner,) * (2 if isinstance(inner, OperatingPoint | VoltagePoint) else 1) if listed else inner
            )
        elif value is not ...:
            given[knob.name] = value
        inner = cls(**given)
    assert isinstance(inner, Scenario)
    return inner


def others(value: Any, hint: Any) -> Iterator[Any]:
    """Values of a plain type that may differ from the given one."""
    parts = get_args(hint)
    if NoneType in parts:
        yield from others(value, next(part for part in parts if part is not NoneType))
    elif get_origin(hint) is Literal:
        yield from parts
    elif get_origin(hint) is dict:
        yield {"width": 3}
    elif get_origin(hint) is tuple and parts[-1] is not ...:
        yield value[::-1]
    elif get_origin(hint) is tuple:
        yield from ((*(value or ()), more) for more in others(value[-1] if value else None, parts[0]))
    elif get_origin(hint) is Annotated and get_args(parts[0]):
        yield from others(None, get_args(parts[0])[0])
    elif hint is str:
        yield f"{value}x"
    else:
        plain = parts[0] if get_origin(hint) is Annotated else hint
        yield from (plain(x) for x in ((value or 0) * 2, (value or 0) / 2, (value or 0) + 1, 0, 0.5, 1e6, 8))


OF_ACTIVATIONS = {"gradient", "correction"}
"""Knobs of codecs that are refused for other messages."""


def always_idle(knob: Knob) -> bool:
    """Whether a knob is refused wherever it is given."""
    if knob.fields[:1] == ("codecs",):
        return knob.fields[1] not in GRADIENTS_OF and knob.name in OF_ACTIVATIONS
    return knob.fields == ("devices", "processor") and knob.name == "slots"


ALL = [knob for knob in knobs() if not always_idle(knob)]


@pytest.mark.parametrize("knob", ALL, ids=str)
def test_a_knob_changes_the_digest(knob: Knob) -> None:
    before = made(knob)
    owner: Any = before
    for field in knob.fields:
        owner = getattr(owner, field)
        owner = owner[0] if isinstance(owner, tuple) else owner
    value = getattr(owner, knob.name)
    for other in others(value, types(type(owner))[knob.name]):
        try:
            after = made(knob, other)
        except ValueError:  # out of its range: try the next
            continue
        if other != value:
            assert digest(resolve(after)) != digest(resolve(before))
            return
    pytest.fail(f"no other value than {value!r} found")


def test_there_are_many_knobs() -> None:
    assert len(ALL) > 100


TRACE, LATENCY = (str(Path(__file__).parents[2] / "scenarios" / "traces" / file) for file in ("bus.csv", "delay.csv"))
START = {"data": {"name": "blobs"}, "model": {"name": "mlp"}, "algorithm": {"kind": "splitfed_v1"}}
IDLE = {
    "centralised": {"algorithm": {"kind": "centralised"}},
    "fedavg": {"algorithm": {"kind": "fedavg"}},
    "no rounds": {"algorithm": {"kind": "async_sl"}},
    "broadcast": {"algorithm": {"kind": "sfl_ga"}, "codecs": {"activations": [{"kind": "top_k"}]}},
    "local_only": {"algorithm": {"kind": "local_only"}, "devices": [{"count": 10, "processor": {"kind": "cmos"}}]},
    "constant medium": {"network": {"medium": {"kind": "constant"}}, "devices": [{"count": 10, "radio": {}}]},
    "traces": {"network": {"medium": {"kind": "trace", "uplink": [TRACE], "latency": [LATENCY]}}},
    "nobody asks the layout": {"network": {"mobility": {"kind": "random_waypoint", "start": "stationary"}}},
    "wires": {"network": {"medium": {"kind": "constant"}, "topology": {"kind": "graph"}}},
    "one site": {"network": {"cells": {"kind": "hexagonal", "rings": 0}}},
    "one cell": {"network": {"cells": {"kind": "hexagonal", "rings": 0}, "mobility": {"kind": "random_waypoint"}}},
    "sectors apart": {"network": {"cells": {"kind": "hexagonal", "rings": 0, "sectors": 3, "reuse": 3}}},
    "fixed efficiency": {"network": {"channel": {"phy": {"kind": "fixed"}}}, "server": {"radio": {}}},
    "one transmission": {"network": {"channel": {"phy": {"kind": "nr", "harq": {"transmissions": 1}}}}},
    "blocks": {"network": {"medium": {"kind": "ofdma"}}},
    "blocks of one efficiency": {
        "network": {"medium": {"kind": "ofdma"}, "channel": {"phy": {"kind": "fixed"}}},
        "server": {"radio": {"sleep_after_s": 1.0}},
    },
    "NR slot by slot": {"network": {"medium": {"kind": "ofdma", "mode": "slots"}, "channel": {"phy": {"kind": "nr"}}}},
    "wifi": {"network": {"medium": {"kind": "wifi"}}},
    "wifi at 2 GHz": {
        "network": {"medium": {"kind": "wifi"}, "channel": {"path_loss": {"kind": "urban_macro"}}},
        "server": {"radio": {"sleep_after_s": 1.0}},
    },
    "holes alone": {
        "algorithm": {"kind": "mtsl"},
        "network": {"transport": {"packet_loss": 0.1, "reliability": "lossy"}},
    },
    "holes of the radio": {
        "network": {"channel": {"phy": {"kind": "nr"}}, "transport": {"reliability": "lossy"}},
    },
    "nothing to have holes in": {"algorithm": {"kind": "fedavg"}, "network": {"transport": {"packet_loss": 0.1}}},
    "2 GHz law": {"network": {"channel": {"path_loss": {"kind": "urban_macro"}}}},
    "rural outdoors": {"network": {"channel": {"path_loss": {"kind": "rma", "line_of_sight": "always"}}}},
    "plain glass": {"network": {"channel": {"path_loss": {"kind": "uma", "indoor_share": 0.8}}}},
    "outdoors": {"network": {"channel": {"path_loss": {"kind": "umi", "line_of_sight": "always"}}}},
    "office never in sight": {"network": {"channel": {"path_loss": {"kind": "inh", "line_of_sight": "never"}}}},
    "low site": {"network": {"channel": {"path_loss": {"kind": "inf"}}}},
    "above the clutter": {"network": {"channel": {"path_loss": {"kind": "inf", "hall": "hh"}}}},
    "known loss": {"network": {"channel": {"path_loss": {"kind": "log_distance", "reference_loss_db": 40.0}}}},
    "no line of sight": {"network": {"channel": {"fading": {"kind": "clarke", "speed_m_s": 1.0}}}},
    "no sleep": {"devices": [{"count": 4}, {"count": 6, "radio": {}}], "server": {"radio": {}}},
    "sleepless radios": {
        "devices": [
            {"count": 4, "radio": {"kind": "wifi_radio"}},
            {"count": 6, "radio": {"kind": "nr_ue", "frequency_range": "fr2"}},
        ],
        "server": {"radio": {"kind": "earth"}},
    },
    "radios at one rate": {
        "network": {"medium": {"kind": "constant"}},
        "devices": [
            {"count": 4, "radio": {"kind": "wifi_radio"}},
            {"count": 6, "radio": {"kind": "nr_ue", "tx_power_dbm": -5.0}},
        ],
        "server": {"radio": {"kind": "lte_phone"}},
    },
    "no tail": {"devices": [{"count": 10, "radio": {"kind": "lte_phone", "tail_s": 0.0}}]},
    "way back": {"codecs": {"gradients": [{"kind": "dropout"}], "model_upload": [{"kind": "cast"}, {"kind": "top_k"}]}},
    "serial": {
        "algorithm": {"kind": "fedavg"},
        "devices": [{"count": 10, "processor": {"kind": "cmos"}}],
        "server": {"processor": {"kind": "cmos"}},
    },
    "other data": {"model": {"name": "mlp", "pretrained": {"kind": "pretrain", "data": {"name": "digits"}}}},
    "economy without clocks": {
        "devices": [{"count": 10, "processor": {"kind": "measured"}, "economy": {"kind": "deadline"}}]
    },
    "economy without powers": {
        "network": {"medium": {"kind": "constant"}},
        "devices": [{"count": 10, "processor": {"kind": "cmos"}, "economy": {"kind": "deadline"}}],
    },
    "economy without softer radios": {
        "devices": [
            {"count": 4, "economy": {"kind": "deadline"}, "radio": {"kind": "lte_phone"}},
            {"count": 6, "economy": {"kind": "deadline"}, "radio": {"kind": "nr_ue", "tx_power_dbm": -5.0}},
        ],
    },
    "economy of nothing": {
        "network": {"channel": {"phy": {"kind": "fixed"}}},
        "devices": [{"count": 10, "processor": {"kind": "measured"}}],
    },
    "edge servers": {
        "algorithm": {"kind": "fedavg"},
        "hierarchy": {"kind": "edge_cloud", "servers": [{"at": "site-0", "processor": {"kind": "cmos"}}]},
        "network": {"topology": {"kind": "graph"}},
    },
    "own hardware": {"server": {"processor": {"kind": "cmos"}, "radio": {"sleep_after_s": 1.0}}},
}
"""Scenarios in which some knobs have no effect."""
SOME = {
    "model.cuts": ["fc1"],
    "model.arguments": {"width": 3},
    "data.root": "x",
    "data.image_size": 8,
    "data.stride": 8,
    "data.public_fraction": 0.1,
    "model.pretrained.data.root": "x",
    "model.pretrained.data.image_size": 8,
    "server.radio": {},
    "hierarchy.servers.0.clients": [0, 1],
    "devices.0.model": {"name": "mlp"},
    "devices.1.model": {"name": "mlp"},
    "devices.0.radio": {},
    "devices": [{"count": 10}],
    "network.topology.relays": [{"name": "r", "at_m": [1.0, 2.0]}],
    "network.channel.path_loss.clutter_size_m": 3.0,
    "network.channel.path_loss.clutter_density": 0.3,
    "network.channel.path_loss.clutter_height_m": 3.0,
}
"""Values to give where the default is nothing."""


def idle() -> Iterator[tuple[str, str, Any]]:
    """Every knob without effect in these scenarios, with a value that would otherwise be right."""
    for name, chosen in IDLE.items():
        scenario: Scenario = adapter(Scenario).validate_json(json.dumps(START | chosen))
        for problem in unused(scenario):
            node: Any = scenario
            for step in problem.path:
                node = node[step] if isinstance(step, int) else getattr(node, step, None)
            listed = isinstance(node, tuple)
            node = node[0] if listed and node else node
            value = {"kind": kind(type(node))} if kind(type(node)) else {} if is_dataclass(node) else node
            path = ".".join(map(str, problem.path))
            yield name, path, SOME.get(path, [value] if listed else value)


@pytest.mark.parametrize(("name", "path", "value"), [*idle()], ids=str)
def test_a_knob_without_effect_is_refused_where_it_is_given(name: str, path: str, value: Any, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(json.dumps(START | IDLE[name]))
    change = f"{path}={json.dumps(value)}"
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file, [change])
    (message,) = caught.value.problems
    assert message.startswith(f"--set {change} {path}: has no effect: ")


@pytest.mark.parametrize("name", IDLE)
def test_the_scenario_without_it_is_accepted(name: str, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(json.dumps(START | IDLE[name]))
    assert load_scenario(file).data.name == "blobs"
