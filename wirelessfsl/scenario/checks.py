"""The parts of a scenario held against each other: knobs without effect, and things that cannot be together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.learning.data import NEEDS_ROOT, Dataset, load
from wirelessfsl.learning.models import MODELS
from wirelessfsl.records import MESSAGE_KINDS
from wirelessfsl.scenario.settings import Devices, Scenario, Server
from wirelessfsl.scenario.words import Path, near
from wirelessfsl.streams import stream


def unused(s: Scenario) -> Iterator[tuple[Path, str]]:
    """Paths that have no effect with the scenario's chosen kinds, with the reason."""
    algorithm = s.algorithm
    if not algorithm.messages:
        why = f"{algorithm.kind} has no network"
        for path in (("codecs",), ("devices",), ("network",), ("data", "clients"), ("data", "partition")):
            yield path, why
        yield ("server", "radio"), why
    else:
        for kind in MESSAGE_KINDS:
            if kind not in algorithm.messages:
                yield ("codecs", kind), f"{algorithm.kind} sends no {kind}"
        yield from _unused_radio(s)
    if not algorithm.cuts:
        yield ("model", "cuts"), f"{algorithm.kind} does not cut the model"
    if s.data.name not in NEEDS_ROOT:
        yield ("data", "root"), f"{s.data.name} reads no files"


def _unused_radio(s: Scenario) -> Iterator[tuple[Path, str]]:
    channel, medium = s.network.channel, s.network.medium
    radios: list[tuple[Path, Any]] = [(("devices", i, "radio"), group.radio) for i, group in enumerate(s.devices)]
    radios.append((("server", "radio"), s.server.radio))
    for path, radio in radios:
        if radio is not None and radio.sleep_after_s is None:
            yield (*path, "sleep_w"), "the radio never sleeps: sleep_after_s is not set"
    if medium.kind == "constant":
        why = "the constant medium needs no positions and no channel"
        yield ("network", "layout"), why
        yield ("network", "channel"), why
    elif channel.phy.kind == "fixed":
        why = "phy fixed gives every link the same rate"
        yield ("network", "layout"), why
        for name in ("carrier_hz", "path_loss", "shadowing", "fading", "noise_density_dbm_hz", "antenna_gain_db"):
            yield ("network", "channel", name), why
    else:
        loss = channel.path_loss
        if loss.kind == "urban_macro":
            yield ("network", "channel", "carrier_hz"), "urban_macro is a formula for 2 GHz"
        if loss.kind == "log_distance" and loss.reference_loss_db is not None:
            yield ("network", "channel", "carrier_hz"), "path_loss.reference_loss_db is given"
        return
    for path, _ in radios:
        yield (*path, "noise_figure_db"), why


def conflicts(s: Scenario) -> Iterator[tuple[Path, str]]:
    """What cannot be together, cheap checks first; those that load data or torch only if nothing else is wrong."""
    networked = bool(s.algorithm.messages)
    groups = s.devices if networked else ()
    counted = sum(group.count for group in groups)
    if groups and counted != s.data.clients:
        yield ("devices",), f"got {counted} devices, must be data.clients = {s.data.clients}"
    owners: list[tuple[Path, Devices | Server]] = [(("devices", i), group) for i, group in enumerate(groups)]
    for path, owner in [*owners, (("server",), s.server)]:
        if owner.profile not in PROFILES:
            yield (
                (*path, "profile"),
                f"got {owner.profile!r}, allowed: {', '.join(PROFILES)}{near(owner.profile, PROFILES)}",
            )
    cuts = s.model.cuts
    if s.algorithm.cuts and cuts is not None and len(cuts) != s.algorithm.cuts:
        yield ("model", "cuts"), f"got {len(cuts)} cuts, {s.algorithm.kind} takes {s.algorithm.cuts}"
    if s.model.name not in MODELS and ":" not in s.model.name:
        yield ("model", "name"), f"got {s.model.name!r}, allowed: {', '.join(MODELS)}{near(s.model.name, MODELS)}"
        return
    yield from _learning_conflicts(s, networked)


def _learning_conflicts(s: Scenario, networked: bool) -> Iterator[tuple[Path, str]]:
    from wirelessfsl.learning.stage import block_names, split

    try:
        dataset = dataset_of(s)
    except ValueError as error:
        yield ("data", "root" if s.data.root is not None else "name"), str(error)
        return
    try:
        names = block_names(s.model.name, dataset.shape, dataset.classes)
    except ValueError as error:
        yield ("model", "name"), str(error)
        return
    if s.algorithm.cuts:
        cuts = names[:1] if s.model.cuts is None else s.model.cuts
        try:
            split(s.model.name, dataset.shape, dataset.classes, cuts)
        except ValueError as error:
            yield ("model", "cuts"), f"{error}{near(cuts[0] if cuts else '', names[:-1])}"
    if networked and s.data.clients > len(dataset.labels):
        yield (
            ("data", "clients"),
            f"got {s.data.clients} clients, {s.data.name} has {len(dataset.labels)} training samples",
        )
    elif networked:
        try:
            deal(s, dataset)
        except ValueError as error:
            yield ("data", "partition"), str(error)


def dataset_of(s: Scenario) -> Dataset:
    """The scenario's data set."""
    return load(s.data.name, s.data.root, s.data.test_fraction, s.seed)


def deal(s: Scenario, dataset: Dataset) -> list[Any]:
    """Training sample indices of every client."""
    return s.data.partition.deal(dataset.labels.numpy(), s.data.clients, stream(s.seed, "partition"))
