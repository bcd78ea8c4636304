"""What cannot be together in a scenario: its parts held against each other, its data and its model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path as File

import numpy as np

from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.engine.access import Fdma, Ofdma, Pipes, Tdma, TraceLinks
from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.models import MODELS, ModelSpec
from wirelessfsl.learning.weights import Pretrain, WeightsFile, fitting, read_weights, shapes_of
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.layout import FromFile, InCells
from wirelessfsl.network.mobility import Static
from wirelessfsl.network.position_trace import PositionTrace
from wirelessfsl.network.tables import digest_of
from wirelessfsl.network.topology import SITE, Graph
from wirelessfsl.network.traces import Direction
from wirelessfsl.radio.ar1 import AR1, LONGEST
from wirelessfsl.radio.clarke import Clarke
from wirelessfsl.radio.fading import Nakagami, Rayleigh, Rician, doppler_hz
from wirelessfsl.radio.grid import grid
from wirelessfsl.radio.nr.numerology import resource_blocks
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.radio.sionna import Sionna
from wirelessfsl.radio.taps import Taps
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.records import GRADIENTS_OF, LABELS, SERVER
from wirelessfsl.scenario import edges
from wirelessfsl.scenario.derived import (
    broadcasts,
    cuts_of,
    dataset_of,
    deal,
    model_of,
    network_files,
    other_of,
    owners_of,
    places_of,
)
from wirelessfsl.scenario.problems import Path, Problem, near
from wirelessfsl.scenario.schemes import of_clients, of_codecs, of_parts
from wirelessfsl.scenario.settings import Scenario

_ALGORITHM: Path = ("algorithm", "kind")
_PHY: Path = ("network", "channel", "phy")
_MEDIUM: Path = ("network", "medium", "kind")
_RELIABILITY: Path = ("network", "transport", "reliability")
_PRETRAINED: Path = ("model", "pretrained")


def conflicts(s: Scenario, timing_only: bool = False) -> Iterator[Problem]:
    """What cannot be together, cheap checks first: the last ones load the data and build the model.

    timing_only: whether no samples are dealt to clients, who may then be more than there are.
    """
    for path, owner in owners_of(s):
        if owner.profile not in PROFILES:
            known = f"{near(owner.profile, PROFILES)}, allowed: {', '.join(PROFILES)}"
            yield Problem((*path, "profile"), f"got {owner.profile!r}{known}")
    for i, relay in enumerate(s.network.topology.relays):
        if relay.profile not in PROFILES:
            known = f"{near(relay.profile, PROFILES)}, allowed: {', '.join(PROFILES)}"
            yield Problem(("network", "topology", "relays", i, "profile"), f"got {relay.profile!r}{known}")
    yield from _of_cells(s)
    yield from _of_files(s)
    yield from edges.conflicts(s)
    if isinstance(s.network.medium, Ofdma) and s.network.medium.mode == "slots" and s.network.topology.relays:
        text = f"got {len(s.network.topology.relays)}, must be none: slots are played for one station"
        yield Problem(("network", "topology", "relays"), text, reads=(("network", "medium", "mode"),))
    if broadcasts(s) and s.network.topology.kind == "graph":
        text = f"got 'graph', must be direct: {s.algorithm.kind} broadcasts, which is one hop"
        yield Problem(("network", "topology", "kind"), text, reads=(_ALGORITHM,))
    counted = sum(group.count for group in s.devices)
    if s.has_clients and s.devices and counted != s.data.clients:
        counts = tuple(("devices", i, "count") for i in range(len(s.devices)))
        text = f"got {counted} devices, must be data.clients = {s.data.clients}"
        yield Problem(("devices",), text, reads=(("data", "clients"), *counts))
    transport, latency_s = s.network.transport, s.network.medium.latency_s
    constant = not getattr(s.network.medium, "latency", ())
    if s.algorithm.messages and constant and transport.timeout_s is not None and transport.timeout_s <= latency_s:
        text = f"got {transport.timeout_s:g}, must be > network.medium.latency_s = {latency_s:g}: nothing would arrive"
        yield Problem(("network", "transport", "timeout_s"), text, reads=(("network", "medium", "latency_s"),))
    yield from _of_traces(s)
    if transport.packet_loss and transport.reliability == "retransmit" and broadcasts(s):
        text = f"got {transport.packet_loss:g}, must be 0: {s.algorithm.kind} broadcasts, which nobody acknowledges;"
        text += " or set reliability: lossy"
        yield Problem(("network", "transport", "packet_loss"), text, reads=(_ALGORITHM, _RELIABILITY))
    yield from _of_failures(s)
    yield from _of_movement(s)
    yield from _of_carriers(s)
    yield from _of_fading(s)
    if s.network.medium.kind in ("wifi", "aloha"):
        yield from _of_contention(s)
    law = s.network.channel.path_loss
    if getattr(s.algorithm, "hand_over", "server") == "peer" and isinstance(law, UMa | UMi | RMa | InH | InF):
        text = f"got {law.kind!r}, must be a law of distance: {law.kind} is for a site, and clients hand over as peers"
        yield Problem(("network", "channel", "path_loss", "kind"), text, reads=(("algorithm", "hand_over"),))
    yield from _of_codecs(s)
    yield from _of_learning(s, timing_only)


def _of_files(s: Scenario) -> Iterator[Problem]:
    """Files that are others than when the scenario was written down."""
    for name, of in network_files(s):
        try:
            now = digest_of(of.files)
        except ValueError:
            continue  # told where it is read
        if of.sha256 not in (None, now):
            text = f"got {of.sha256}, the digest of {' and '.join(of.files)} is {now}: restore it, or remove sha256"
            yield Problem(("network", name, "sha256"), text)


def _of_cells(s: Scenario) -> Iterator[Problem]:
    cells, topology = s.network.cells, s.network.topology
    where: Path = ("network", "cells", "kind")
    sites = len(cells.sites_m) if isinstance(cells, Hexagonal) else 1
    if isinstance(topology, Graph):
        known = {f"site-{k}" for k in range(sites)}
        for i, wire in enumerate(topology.wires):
            for name in wire.ends:
                if name.startswith("site-") and name not in known:
                    text = f"got {name!r}, must be one of the {sites} of network.cells, from {SITE!r} on"
                    yield Problem(("network", "topology", "wires", i, "ends"), text, reads=(where,))
    if not isinstance(cells, Hexagonal):
        if isinstance(s.network.layout, InCells):
            text = "got 'cells', must be another: there is one cell; or set network.cells: {kind: hexagonal}"
            yield Problem(("network", "layout", "kind"), text, reads=(where,))
        return
    if not isinstance(s.network.medium, Fdma | Tdma | Pipes):
        text = f"got 'hexagonal', must be single with medium {s.network.medium.kind}"
        yield Problem(where, text, reads=(("network", "medium", "kind"),))
    if broadcasts(s):
        text = f"got 'hexagonal', must be single: {s.algorithm.kind} broadcasts in one cell"
        yield Problem(where, text, reads=(_ALGORITHM,))
    if topology.relays:
        text = "got 'hexagonal', must be single: relays are for one cell"
        yield Problem(where, text, reads=(("network", "topology", "relays"),))
    if isinstance(topology, Graph):
        there = {name for wire in topology.wires for name in wire.ends}
        if lacking := [name for k in range(len(cells.sites_m)) if (name := f"site-{k}") not in there]:
            text = f"got none at {', '.join(lacking)}, must join all {len(cells.sites_m)} sites of network.cells"
            yield Problem(("network", "topology", "wires"), text, reads=(where,))


def _of_traces(s: Scenario) -> Iterator[Problem]:
    medium = s.network.medium
    if not isinstance(medium, TraceLinks) or not s.algorithm.messages:
        return
    reads: tuple[Path, ...] = tuple(("network", "medium", field) for field in ("format", "at_end", "uplink"))
    ways: tuple[tuple[str, Callable[[Direction], object], Direction], ...] = (
        ("uplink", medium.rates, "uplink"),
        ("downlink" if medium.downlink else "uplink", medium.rates, "downlink"),
        ("latency", medium.latencies, "uplink"),
        ("latency", medium.latencies, "downlink"),
    )
    for field, read, way in ways:
        try:
            read(way)
        except ValueError as error:
            yield Problem(("network", "medium", field), str(error), reads=reads)
            return


def _of_failures(s: Scenario) -> Iterator[Problem]:
    """Windows of links that there are not."""
    topology = s.network.topology
    names = {f"client-{i}" for i in range(s.data.clients)} | {relay.name for relay in topology.relays} | {SERVER}
    wires = {tuple(sorted(wire.ends)) for wire in getattr(topology, "wires", ())}
    for i, failure in enumerate(s.network.failures if s.algorithm.messages else ()):
        of = tuple(sorted(failure.of))
        if of not in wires and not (len(of) == 1 and of[0] in names):
            known = f"client-0 to client-{s.data.clients - 1}, {SERVER}"
            known += "".join(f", {relay.name}" for relay in topology.relays)
            text = f"got {list(failure.of)}, must be [name] of {known}, or the two ends of a wire"
            reads: tuple[Path, ...] = (("data", "clients"), ("network", "topology"))
            yield Problem(("network", "failures", i, "of"), text, reads=reads)


def _of_movement(s: Scenario) -> Iterator[Problem]:
    layout, mobility = s.network.layout, s.network.mobility
    where: Path = ("network", "mobility")
    if isinstance(layout, InCells) and not isinstance(s.network.cells, Hexagonal):
        return  # told with the cells
    if isinstance(layout, FromFile):
        try:
            layout.positions_m((), s.seed)
        except ValueError as error:
            yield Problem(("network", "layout", "path"), str(error), reads=(("network", "layout"),))
            return
    if isinstance(mobility, PositionTrace):
        try:
            mobility.tracks()
        except ValueError as error:
            yield Problem((*where, "path"), str(error), reads=(where,))
    elif hasattr(mobility, "region") and getattr(mobility, "start", "layout") == "layout":
        places = places_of(s)
        outside = np.flatnonzero(~mobility.region.holds(places))
        if len(outside):
            x, y = places[outside[0]]
            text = f"client-{outside[0]} begins at ({x:.4g}, {y:.4g}) m, outside of it; make it larger"
            reads = (where, ("network", "layout"), ("data", "clients"), ("seed",))
            yield Problem((*where, "region"), text, reads=reads)


def _of_carriers(s: Scenario) -> Iterator[Problem]:
    """Bands of the medium that NR has no carrier for, or that have no room for a transport or a resource block."""
    phy, medium = s.network.channel.phy, s.network.medium
    if not s.algorithm.messages or medium.kind == "wifi":
        return
    if isinstance(medium, Ofdma) and not isinstance(phy, Nr):
        yield from _of_blocks(medium)
    if not isinstance(phy, Nr):
        return
    for field in "bandwidth_hz", "downlink_bandwidth_hz":
        path: Path = ("network", "medium", field)
        if (width_hz := getattr(medium, field, None)) is None:
            continue
        try:
            blocks = resource_blocks(width_hz, phy.subcarrier_spacing_khz, phy.frequency_range)
        except ValueError as error:
            yield Problem(path, str(error), reads=(_PHY,))
        else:
            if phy.block_prb > blocks and getattr(medium, "mode", "fluid") == "fluid":
                text = f"got {phy.block_prb}, must be <= {blocks}, the resource blocks of network.medium.{field}"
                yield Problem((*_PHY, "block_prb"), text, reads=(path,))


def _of_blocks(medium: Ofdma) -> Iterator[Problem]:
    for field in "bandwidth_hz", "downlink_bandwidth_hz":
        try:
            grid(None, getattr(medium, field) or medium.bandwidth_hz, medium.subcarrier_spacing_khz)
        except ValueError as error:
            spacing: Path = ("network", "medium", "subcarrier_spacing_khz")
            yield Problem(("network", "medium", field), str(error), reads=(spacing,))
            return


def _of_fading(s: Scenario) -> Iterator[Problem]:
    """Fading that comes of movement where nobody moves, and blocks that are too long for their speed."""
    channel, fading = s.network.channel, s.network.channel.fading
    where: Path = ("network", "channel", "fading")
    if not s.algorithm.messages or s.network.medium.kind == "constant" or channel.phy.kind == "fixed":
        return
    if isinstance(fading, Sionna) and find_spec("sionna") is None:
        text = "got 'sionna', which is not installed: pip install sionna-no-rt, or take another kind, such as taps"
        yield Problem((*where, "kind"), text)
    if isinstance(s.network.mobility, Static):
        reads: tuple[Path, ...] = (where, ("network", "mobility"))
        if isinstance(fading, Rayleigh | Rician | Nakagami) and fading.coherence_time_s is None:
            yield Problem((*where, "coherence_time_s"), "got nothing, must be given: no device moves", reads=reads)
        if isinstance(fading, AR1 | Clarke | Taps | Sionna) and fading.speed_m_s is None:
            text = f"got {fading.kind!r}, which comes of movement, and no device moves: set speed_m_s"
            yield Problem((*where, "kind"), text, reads=reads)
    if isinstance(fading, AR1) and fading.speed_m_s is not None and fading.block_s is not None:
        longest_s = LONGEST / doppler_hz(fading.speed_m_s, channel.carrier_hz)
        if fading.block_s >= longest_s:
            text = f"got {fading.block_s:g}, must be < {LONGEST} / fd = {longest_s:g} at {fading.speed_m_s:g} m/s"
            reads = (*((*where, knob) for knob in ("kind", "speed_m_s")), ("network", "channel", "carrier_hz"))
            yield Problem((*where, "block_s"), text, reads=reads)


def _of_contention(s: Scenario) -> Iterator[Problem]:
    """On a channel that all contend for, messages are to the server or from it."""
    kind = s.network.medium.kind
    if getattr(s.algorithm, "hand_over", "server") == "peer":
        text = f"got 'peer', must be server: on medium {kind} all messages go to the access point or come from it"
        yield Problem(("algorithm", "hand_over"), text, reads=(_MEDIUM,))
    if s.network.topology.relays:
        text = f"got {len(s.network.topology.relays)}, must be none: medium {kind} has one access point"
        yield Problem(("network", "topology", "relays"), text, reads=(_MEDIUM,))


def _of_codecs(s: Scenario) -> Iterator[Problem]:
    from wirelessfsl.codecs.chain import Misfit, chain

    for message in s.algorithm.messages:
        kinds = getattr(s.codecs, message)
        try:
            made = chain(kinds)
        except Misfit as misfit:
            yield Problem(("codecs", message, misfit.at), f"got {kinds[misfit.at].kind!r}: {misfit}")
            continue
        yield from of_codecs(s, message)
        if s.network.transport.leaves_holes(message) and (brittle := made.brittle) is not None:
            text = (
                f"got {brittle.kind!r}, of which nothing can be read after a gap: take identity, cast, quantize, qsgd,"
                " sign, ternary, random_k or dropout (mask: seed), or set network.transport.reliability: retransmit"
            )
            at = next(i for i, kind in enumerate(kinds) if kind is brittle)
            yield Problem(("codecs", message, at), text, reads=(_RELIABILITY,))
        held = () if broadcasts(s) or not made.feedback else GRADIENTS_OF.items()
        for smashed in (kind for kind, gradients in held if message == gradients):
            for i, codec in enumerate(getattr(s.codecs, smashed)):
                if getattr(codec, "gradient", "full") == "kept":
                    text = f"got 'kept', must be full: error_feedback of {message} needs the same positions every time"
                    yield Problem(("codecs", smashed, i, "gradient"), text, reads=(("codecs", message),))
        if message == LABELS and made.codecs:
            at = kinds.index(made.codecs[0])
            text = f"{made.codecs[0].kind} has no effect: labels are integers, which fly as they are; remove it"
            yield Problem(("codecs", message, at), text)


def _of_learning(s: Scenario, timing_only: bool) -> Iterator[Problem]:
    data = s.data
    fields = (
        "name",
        "root",
        "image_size",
        "test_fraction",
        "sequence_length",
        "stride",
        "partition",
        "public_fraction",
    )
    source: tuple[Path, ...] = (*(("data", field) for field in fields), ("seed",))
    try:
        dataset = dataset_of(s)
    except (ValueError, OSError) as error:
        yield Problem(("data", "name" if data.root is None else "root"), str(error), reads=source)
        return
    deals = s.has_clients and not timing_only
    if deals and data.clients > len(dataset.labels):
        text = f"got {data.clients} clients, {data.name} has {len(dataset.labels)} training samples"
        yield Problem(("data", "clients"), text, reads=source)
    yield from of_clients(s)
    if deals and data.clients <= len(dataset.labels):
        try:
            deal(s, dataset)
        except ValueError as error:
            yield Problem(("data", "partition"), str(error), reads=(*source, ("data", "clients")))
    batch_size = getattr(s.algorithm, "batch_size", 1)  # a scheme of the user's own may have none
    if batch_size > len(dataset.labels):
        text = f"got {batch_size}, {data.name} has {len(dataset.labels)} training samples"
        yield Problem(("algorithm", "batch_size"), text, reads=source)
    own = [*_of_model(s, dataset, source)]
    yield from own
    if not own and s.has_clients:
        yield from _of_own_models(s, dataset, source)


def _of_model(s: Scenario, dataset: Dataset, source: tuple[Path, ...]) -> Iterator[Problem]:
    from wirelessfsl.learning.stage import check_fits, cut_points_of, outermost, split

    name, cuts, wanted = s.model.name, s.model.cuts, s.algorithm.cuts
    if name not in MODELS and ":" not in name:
        known = f"allowed: {', '.join(MODELS)} or an import path{near(name, MODELS)}"
        yield Problem(("model", "name"), f"got {name!r}, {known}")
        return
    model = model_of(s, dataset)
    try:
        check_fits(model)
        points = cut_points_of(model) if wanted else {}
    except ValueError as error:
        yield Problem(("model", "name"), str(error).partition("\n")[0], reads=source)
        return
    except Exception as error:  # a model of the user's own may raise anything
        yield Problem(("model", "name"), f"got {name!r}, which cannot be made: {type(error).__name__}: {error}")
        return
    yield from _of_pretraining(s, model, source)
    if cuts == "auto" and getattr(s.algorithm, "own", "") == "parts" and any(group.model for group in s.devices):
        text = "got 'auto', must name the cut: parts of other models (devices.model) must fit its shape"
        yield Problem(("model", "cuts"), text, reads=(("devices",), _ALGORITHM))
        return
    if wanted and not isinstance(cuts, tuple):
        if cuts == "auto" and len(outermost(points)) < wanted:
            text = f"got 'auto', {name} cannot be cut {wanted} times; it can be after: {', '.join(outermost(points))}"
            yield Problem(("model", "cuts"), text, reads=(*source, ("model", "name"), _ALGORITHM))
            return
        yield from of_parts(s, dataset, source)
    if not wanted or not isinstance(cuts, tuple):
        return
    reads = (*source, ("model", "name"), _ALGORITHM)
    wrong = [i for i, cut in enumerate(cuts) if cut not in points]
    for i in wrong:
        text = f"got {cuts[i]!r}, allowed cuts of {name}: {', '.join(outermost(points))}{near(cuts[i], points)}"
        yield Problem(("model", "cuts", i), text, reads=reads)
    if len(cuts) != wanted:
        yield Problem(("model", "cuts"), f"got {len(cuts)} cuts, {s.algorithm.kind} takes {wanted}", reads=reads)
    elif not wrong:
        try:
            split(model, cuts)
        except ValueError as error:
            yield Problem(("model", "cuts"), str(error), reads=reads)
        else:
            yield from of_parts(s, dataset, reads)


def _of_own_models(s: Scenario, dataset: Dataset, source: tuple[Path, ...]) -> Iterator[Problem]:
    """Models of groups of devices: other cuts of the scenario's, or a first piece of the same output."""
    from wirelessfsl.learning.stage import split

    kind = getattr(s.algorithm, "own", "")
    for i, group in enumerate(s.devices if kind else ()):
        where: Path = ("devices", i, "model")
        if group.model is None:
            continue
        named = group.model.name, group.model.arguments, group.model.pretrained
        if kind == "cuts" and named != (s.model.name, s.model.arguments, None):
            text = f"must be the scenario's model at other cuts: {s.algorithm.kind} averages whole models"
            yield Problem(where, text, reads=(("model",), _ALGORITHM))
            continue
        if kind == "cuts" and getattr(s.algorithm, "upload", "weights") == "update":
            text = "needs algorithm.upload: weights; a layer that some send and others do not has no common change"
            yield Problem(where, text, reads=(("algorithm", "upload"),))
            continue
        if kind == "parts" and group.model.cuts == "auto":
            yield Problem((*where, "cuts"), "got 'auto', must name the cut, as its shape must fit the server's")
            continue
        own = replace(s, model=group.model, devices=())
        problems = [each._replace(path=(*where[:2], *each.path)) for each in _of_model(own, dataset, source)]
        yield from problems
        if problems or kind == "cuts":
            continue
        shapes = [split(model_of(each, dataset), cuts_of(each, dataset))[0].output_shape() for each in (own, s)]
        if shapes[0] != shapes[1]:
            text = f"gives {shapes[0]} numbers a sample at its cut, must be {shapes[1]} as the scenario's model"
            yield Problem(where, text, reads=(("model",), _ALGORITHM))


def _of_pretraining(s: Scenario, model: ModelSpec, source: tuple[Path, ...]) -> Iterator[Problem]:
    from wirelessfsl.learning.stage import check_fits

    pretrained, reads = s.model.pretrained, (*source, ("model", "name"))
    if isinstance(pretrained, WeightsFile):
        try:
            held = read_weights(File(pretrained.path), pretrained.sha256)
            fitting(model, {name: tuple(tensor.shape) for name, tensor in held.items()})
        except ValueError as error:
            yield Problem((*_PRETRAINED, "path"), f"got {pretrained.path!r}: {error}", reads=reads)
    elif isinstance(pretrained, Pretrain) and pretrained.data is None and s.data.public_fraction is None:
        text = "has no samples to learn from: set data.public_fraction, or give it data of another data set"
        yield Problem(_PRETRAINED, text, reads=(("data", "public_fraction"),))
    elif isinstance(pretrained, Pretrain) and pretrained.data is not None:
        try:
            other = other_of(s)
            assert other is not None
            task = model._replace(shape=other.shape, classes=other.classes, tokens=False)
            check_fits(task)
            fitting(model, shapes_of(task))
        except (ValueError, OSError) as error:
            field = "name" if pretrained.data.root is None else "root"
            yield Problem((*_PRETRAINED, "data", field), str(error).partition("\n")[0], reads=reads)
