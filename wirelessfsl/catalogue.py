"""What there is: every kind, model, data set and device by name, for ``list`` and ``describe``.

The choices are read from the unions where the slots are declared, so nothing can be listed that does not run, and
nothing that runs can be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from inspect import getdoc
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from wirelessfsl.algorithms.staleness import Staleness
from wirelessfsl.devices.battery import BatteryModel
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.devices.compute import Jitter, Processor
from wirelessfsl.devices.economy import Economy
from wirelessfsl.devices.failures import Failures
from wirelessfsl.devices.profiles import Profile
from wirelessfsl.devices.radio_power import RadioModel
from wirelessfsl.engine.access import MediumSettings
from wirelessfsl.engine.participation import Choice, Participation
from wirelessfsl.engine.transport import Outage, Transport
from wirelessfsl.learning.datasets import DATASETS
from wirelessfsl.learning.executors.names import EXECUTORS
from wirelessfsl.learning.models import MODELS
from wirelessfsl.learning.optim import Optimizer, Schedule
from wirelessfsl.learning.partition import Partition
from wirelessfsl.learning.pruning import Pruning
from wirelessfsl.learning.pruning import Schedule as PruningSchedule
from wirelessfsl.learning.text import text
from wirelessfsl.learning.weights import Pretrained
from wirelessfsl.network.cells import Cells, Handover
from wirelessfsl.network.failures import Blockage, LinkFailure
from wirelessfsl.network.layout import Layout
from wirelessfsl.network.mobility import Mobility
from wirelessfsl.network.regions import Region
from wirelessfsl.network.topology import Relay, Topology, Wire
from wirelessfsl.radio.allocation import Allocation
from wirelessfsl.radio.large_scale import PathLoss, Shadowing
from wirelessfsl.radio.link import Channel, Fading, Phy
from wirelessfsl.radio.nr.access import Access
from wirelessfsl.radio.nr.harq import Harq
from wirelessfsl.radio.power_control import PowerControl
from wirelessfsl.radio.scheduling import Scheduler
from wirelessfsl.scenario import (
    Algorithm,
    CodecKind,
    Codecs,
    Data,
    Devices,
    EdgeServer,
    EvaluationSettings,
    Hierarchy,
    Host,
    Model,
    Network,
    Server,
    describe_fields,
)
from wirelessfsl.scenario.presets import MARKS, PRESETS, Preset
from wirelessfsl.scenario.problems import near
from wirelessfsl.settings import bounds


def _kinds(*slots: Any) -> dict[str, Any]:
    return {choice.kind: choice for slot in slots for choice in get_args(get_args(slot)[0])}


CATALOGUE: dict[str, dict[str, Any]] = {
    "algorithms": _kinds(Algorithm),
    "codecs": _kinds(CodecKind),
    "models": dict(MODELS),
    "datasets": {**DATASETS, "text": text},
    "partitions": _kinds(Partition),
    "optimizers": _kinds(Optimizer),
    "schedules": _kinds(Schedule),
    "staleness": _kinds(Staleness),
    "prunings": _kinds(Pruning),
    "pruning_schedules": _kinds(PruningSchedule),
    "pretrained": _kinds(Pretrained),
    "devices": dict(PROFILES),
    "processors": _kinds(Processor),
    "economies": _kinds(Economy),
    "radios": _kinds(RadioModel),
    "batteries": _kinds(BatteryModel),
    "failures": _kinds(Failures),
    "blockages": _kinds(Blockage),
    "jitters": _kinds(Jitter),
    "hierarchies": _kinds(Hierarchy),
    "layouts": _kinds(Layout),
    "mobilities": _kinds(Mobility),
    "regions": _kinds(Region),
    "cells": _kinds(Cells),
    "topologies": _kinds(Topology),
    "channels": _kinds(PathLoss, Fading, Phy),
    "shadowings": _kinds(Shadowing),
    "media": _kinds(MediumSettings),
    "allocations": _kinds(Allocation),
    "schedulers": _kinds(Scheduler),
    "accesses": _kinds(Access),
    "power_controls": _kinds(PowerControl),
    "participations": _kinds(Choice),
    "executors": dict(EXECUTORS),
    "presets": dict(PRESETS),
    "sections": {
        "channel": Channel,
        "codecs": Codecs,
        "data": Data,
        "devices": Devices,
        "edge_server": EdgeServer,
        "evaluation": EvaluationSettings,
        "handover": Handover,
        "harq": Harq,
        "host": Host,
        "link_failure": LinkFailure,
        "model": Model,
        "network": Network,
        "outage": Outage,
        "participation": Participation,
        "relay": Relay,
        "server": Server,
        "transport": Transport,
        "wire": Wire,
    },
}


def listing(what: str | None) -> str:
    """One line each of one group, or of all. Raises ValueError for a group that is none."""
    if what is not None and what not in CATALOGUE:
        slot = "channels" if what in ("path_loss", "fading", "phy") else what
        raise ValueError(f"list: got {what!r}{near(slot, CATALOGUE)}, allowed: {', '.join(CATALOGUE)}")
    groups = {what: CATALOGUE[what]} if what else CATALOGUE
    lines = []
    for group, members in groups.items():
        lines += [f"{group}:"] if not what else []
        width = max(len(name) for name in members)
        lines += [f"  {name:<{width}}  {_headline(thing)}" for name, thing in sorted(members.items())]
    return "\n".join(lines)


def describe(name: str) -> str:
    """Everything about what has this name, in all groups that have it: text, fields, units, references.

    Raises ValueError for a name that nothing has.
    """
    found = [(group, members[name]) for group, members in CATALOGUE.items() if name in members]
    if not found:
        names = sorted({known for members in CATALOGUE.values() for known in members})
        raise ValueError(f"describe: got {name!r}{near(name, names)}, allowed: {', '.join(names)}")
    return "\n\n".join(f"{name} ({group})\n\n{_text(thing)}" for group, thing in found)


def _headline(thing: Any) -> str:
    if isinstance(thing, Profile):
        return thing.description
    if isinstance(thing, Preset):
        return thing.headline
    return _docs(thing).split("\n")[0]


def _text(thing: Any) -> str:
    if isinstance(thing, Profile):
        return _device(thing)
    if isinstance(thing, Preset):
        return _preset(thing)
    if isinstance(thing, type):
        return _settings(thing)
    return _docs(thing)


def _docs(thing: Callable[..., Any] | str) -> str:
    return thing if isinstance(thing, str) else (getdoc(thing) or "").strip()


def _settings(cls: type) -> str:
    """Docstring without field lines and examples, then a line a field with type, range, default and text."""
    texts = describe_fields(getdoc(cls) or "")
    kept: list[str] = []
    skipping = False
    for line in (getdoc(cls) or "").splitlines():
        head = line.partition(":")[0].strip()
        starts = bool(line.strip()) and not line.startswith(" ") and all(p.strip() in texts for p in head.split(","))
        skipping = starts or (skipping and line.startswith((" ", ">>>", "...")) and bool(line.strip()))
        if line.startswith(">>>"):
            break
        if not skipping:
            kept.append(line)
    body = "\n".join(kept).strip()
    while "\n\n\n" in body:
        body = body.replace("\n\n\n", "\n\n")
    hints = get_type_hints(cls, include_extras=True)
    ranges = dict(bounds(cls))
    rows = []
    for field in fields(cls):
        if field.name == "kind":
            continue
        default = "required" if field.default is MISSING else f"default {_value(field.default)}"
        allowed = ", ".join(f"{text} {limit:g}" for text, _, limit in ranges.get(field.name, ()))
        rows.append(f"  {field.name}: {', '.join(x for x in (_type(hints[field.name]), allowed, default) if x)}")
        if texts.get(field.name):
            rows.append(f"      {texts[field.name]}")
    return body + ("\n\nFields:\n" + "\n".join(rows) if rows else "\n\nNo fields.")


def _value(value: Any) -> str:
    kind = getattr(value, "kind", None)
    if kind is None and is_dataclass(value) and not isinstance(value, type) and value == type(value)():
        return f"{type(value).__name__}()"
    return kind if kind is not None else repr(value)


def _type(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        return _type(get_args(hint)[0])
    options = [option for option in get_args(hint) if option is not type(None)]
    if hint in (int, float, str, bool):
        return {int: "whole number", float: "number", str: "text", bool: "true or false"}[hint]
    if get_origin(hint) is tuple:
        return f"list of {_type(options[0])}"
    if options and all(isinstance(option, str) for option in options):
        return " | ".join(options)
    if options:
        return " | ".join(dict.fromkeys(getattr(option, "kind", None) or _type(option) for option in options))
    return str(getattr(hint, "__name__", hint))


def _device(profile: Profile) -> str:
    lines = [profile.description, ""]
    for title, part in (("processor", profile.processor), ("radio", profile.radio)):
        lines.append(f"{title}:")
        for field in fields(part):
            source = profile.sources.get(f"{title}.{field.name}")
            shown = _value(getattr(part, field.name))
            lines.append(f"  {field.name}: {shown}" + (f"   [{source.status}] {source.text}" if source else ""))
    return "\n".join(lines)


def _preset(preset: Preset) -> str:
    lines = [preset.headline, "", f"Source: {preset.source}.", f"Left out: {preset.left_out}", ""]
    lines += [f"{mark}: {text}" for mark, text in MARKS.items()]
    lines += ["", "Values, which a scenario's own keys override:"]
    for path, value in preset.values.items():
        shown = f"{value.value!r}{' a client' if value.per_client else ''}"
        lines.append(f"  {path}: {shown}   [{value.mark}]{f' {value.text}' if value.text else ''}")
    return "\n".join(lines)
