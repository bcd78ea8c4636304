"""What follows from a scenario: its nodes, its data set and who gets which samples, its model and where that is cut."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.engine.access import Fdma, Pipes, Tdma, TraceLinks
from wirelessfsl.learning.compiling import check_compiler
from wirelessfsl.learning.data import Dataset, load, set_apart
from wirelessfsl.learning.host import check_device
from wirelessfsl.learning.models import ModelSpec
from wirelessfsl.learning.partition import BySpeaker, Contiguous
from wirelessfsl.learning.text import Windows
from wirelessfsl.learning.threads import most_threads
from wirelessfsl.learning.weights import Pretrain, WeightsFile
from wirelessfsl.network.cells import Hexagonal
from wirelessfsl.network.layout import FromFile, InCells
from wirelessfsl.network.position_trace import PositionTrace
from wirelessfsl.network.tables import digest_of
from wirelessfsl.radio.nr.phy import Nr
from wirelessfsl.scenario.problems import Path
from wirelessfsl.scenario.settings import Devices, Model, Scenario, Server
from wirelessfsl.streams import Floats, stream


def owners_of(s: Scenario) -> list[tuple[Path, Devices | Server]]:
    """Settings of the nodes that the scheme has, each with its path."""
    groups = s.devices if s.has_clients else ()
    server = [(("server",), s.server)] if s.has_server else []
    return [*((("devices", i), group) for i, group in enumerate(groups)), *server]


def places_of(s: Scenario) -> Floats:
    """Where the clients stand, or begin, m, shape (n, 2)."""
    names, layout, cells = [f"client-{i}" for i in range(s.data.clients)], s.network.layout, s.network.cells
    dropped = cells if isinstance(layout, InCells) and isinstance(cells, Hexagonal) else layout
    return dropped.positions_m(names, s.seed)


def pinned(s: Scenario, timing_only: bool = False) -> Scenario:
    """The scenario as this machine runs it: with its number of threads, and digests of the files that are read.

    Those are the files beside the data: weights, places, ways and traces.
    timing_only: whether nothing is computed, so that neither a compiler nor a GPU is needed.

    Raises ValueError as :func:`check_machine`.
    """
    if not timing_only:
        check_machine(s)

    def pin(model: Model) -> Model:
        start = model.pretrained
        return replace(model, pretrained=start.pinned()) if isinstance(start, WeightsFile) else model

    groups = (each if each.model is None else replace(each, model=pin(each.model)) for each in s.devices)
    network = replace(s.network, **{name: replace(of, sha256=digest_of(of.files)) for name, of in network_files(s)})
    host = replace(s.host, torch_threads=most_threads(s.host.torch_threads))
    return replace(s, model=pin(s.model), devices=tuple(groups), network=network, host=host)


def check_machine(s: Scenario) -> None:
    """Raises ValueError if this machine lacks what the scenario asks for: a compiler, a GPU."""
    if s.host.compile:
        check_compiler()
    if s.host.device != "cpu":
        check_device(s.host.device)


def network_files(s: Scenario) -> list[tuple[str, Any]]:
    """Sections of the network that read files, each with its name."""
    sections = (("layout", s.network.layout), ("mobility", s.network.mobility), ("medium", s.network.medium))
    return [(name, of) for name, of in sections if isinstance(of, FromFile | PositionTrace | TraceLinks)]


def broadcasts(s: Scenario) -> bool:
    """Whether the scheme broadcasts the gradients of activations, which then fly whole."""
    return isinstance(s.algorithm, EPSL | SFLGA)


def radio_loses(s: Scenario) -> bool:
    """Whether HARQ leaves errors that would be lost under a lossy transport."""
    return isinstance(s.network.channel.phy, Nr) and isinstance(s.network.medium, Fdma | Tdma)


def rates_depend_on_power(s: Scenario) -> bool:
    """Whether a rate depends on a transmit power or on noise: not without a channel, and not with phy fixed."""
    medium = s.network.medium
    return not isinstance(medium, Pipes) and (medium.kind == "wifi" or s.network.channel.phy.kind != "fixed")


def dataset_of(s: Scenario) -> Dataset:
    """The scenario's data set. Raises ValueError if its files are not there."""
    data = s.data
    match data.partition:
        case BySpeaker():
            parts = None
        case Contiguous():
            parts = data.clients
        case _:
            parts = 1
    windows = Windows(data.sequence_length, data.stride or data.sequence_length, parts)
    made = load(data.name, data.root, data.test_fraction, s.seed, data.image_size, windows)
    return made if data.public_fraction is None else set_apart(made, data.public_fraction, s.seed)


def other_of(s: Scenario) -> Dataset | None:
    """The other data set that the server learns from before the run. Raises ValueError if its files are not there."""
    pretrained = s.model.pretrained
    if not isinstance(pretrained, Pretrain) or pretrained.data is None:
        return None
    return load(pretrained.data.name, pretrained.data.root, None, s.seed, pretrained.data.image_size)


def deal(s: Scenario, dataset: Dataset) -> list[Any]:
    """Training sample indices of every client. Raises ValueError if the partition cannot serve all clients."""
    partition = s.data.partition
    if isinstance(partition, BySpeaker) and dataset.parts is None:
        raise ValueError(f"by_speaker deals the speakers of a text, {s.data.name} has none; take another partition")
    by = dataset.labels if dataset.parts is None else dataset.parts
    return partition.deal(by.numpy(), s.data.clients, stream(s.seed, "partition"))


def model_of(s: Scenario, dataset: Dataset) -> ModelSpec:
    """The scenario's model for its data."""
    arguments = tuple((s.model.arguments or {}).items())
    tokens = not dataset.inputs.is_floating_point()
    return ModelSpec(s.model.name, dataset.shape, dataset.classes, arguments, tokens)


def cuts_of(s: Scenario, dataset: Dataset) -> tuple[str, ...]:
    """Where the scenario's model is cut: as it says, or after the first modules that a cut can follow.

    Raises ValueError if it leaves the choice open.
    """
    from wirelessfsl.learning.stage import cut_points_of, outermost

    if not s.algorithm.cuts:
        return ()
    if s.model.cuts == "auto":
        raise ValueError("model.cuts: auto is not chosen yet; see wirelessfsl.cutting.chosen")
    return s.model.cuts or outermost(cut_points_of(model_of(s, dataset)))[: s.algorithm.cuts]


def cuttings_of(s: Scenario, dataset: Dataset) -> list[tuple[str, ...]]:
    """The scenario's cuts, or all that it leaves open."""
    from wirelessfsl.learning.stage import cut_points_of, outermost

    if s.model.cuts == "auto":
        return [*combinations(outermost(cut_points_of(model_of(s, dataset))), s.algorithm.cuts)]
    return [cuts_of(s, dataset)]


def cut_choices(s: Scenario, dataset: Dataset) -> list[tuple[str, ...]]:
    """Everywhere that the scheme could cut the model, with what it prunes and freezes, in the model's order."""
    places = cuttings_of(replace(s, model=replace(s.model, cuts="auto")), dataset)
    return [cuts for cuts in places if not unfit(s, dataset, cuts)]


def pieces_of(s: Scenario, dataset: Dataset) -> tuple[str, ...]:
    """Where the model falls into stages: at its cuts, and where a scheme freezes a part of what is between them."""
    first, *rest = cuts_of(s, dataset) or ("",)
    inner = getattr(s.algorithm, "frozen", None)
    return tuple(name for name in (first, inner, *rest) if name)


def unfit(s: Scenario, dataset: Dataset, cuts: tuple[str, ...]) -> str:
    """Why the scheme cannot prune or freeze what it wants to at these cuts; empty if it can, or wants nothing."""
    from wirelessfsl.learning.pruning import check
    from wirelessfsl.learning.stage import split

    if isinstance(s.algorithm, FedSL):
        try:
            check(s.algorithm.pruning, split(model_of(s, dataset), cuts)[0])
        except ValueError as error:
            return str(error)
    if isinstance(s.algorithm, PFSL):
        cut = replace(s, model=replace(s.model, cuts=cuts))
        try:
            split(model_of(s, dataset), pieces_of(cut, dataset))
        except ValueError as error:
            return f"must be between the cuts {', '.join(cuts)}: {error}"
    return ""
