"""The parts of a scenario held against each other: knobs without effect, and what cannot be together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path as File
from typing import Any

from wirelessfsl.algorithms.async_sl import AsyncSL
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.learning.data import Dataset, load, set_apart
from wirelessfsl.learning.datasets import FILE_BASED
from wirelessfsl.learning.models import MODELS, ModelSpec
from wirelessfsl.learning.partition import BySpeaker, Contiguous
from wirelessfsl.learning.text import Windows
from wirelessfsl.learning.weights import Pretrain, WeightsFile, fitting, read_weights, shapes_of
from wirelessfsl.records import GRADIENTS_OF, LABELS, MESSAGE_KINDS, MODEL_DOWNLOAD, MODEL_UPLOAD
from wirelessfsl.scenario.problems import Path, Problem, near
from wirelessfsl.scenario.settings import Devices, Model, Scenario, Server
from wirelessfsl.streams import stream

_OF_ACTIVATIONS = "gradient", "correction"
"""Knobs of codecs that say how gradients of activations return."""
_BROADCASTING = EPSL, SFLGA
_ALGORITHM: Path = ("algorithm", "kind")
_MEDIUM: Path = ("network", "medium", "kind")
_TIMEOUT: Path = ("network", "transport", "timeout_s")
_PRETRAINED: Path = ("model", "pretrained")
_PHY: Path = ("network", "channel", "phy", "kind")


def unused(s: Scenario) -> Iterator[Problem]:
    """Knobs that have no effect with the scenario's chosen kinds; to give one is a mistake."""
    for path, why, *reads in _unused(s):
        yield Problem(path, f"has no effect: {why}; remove it", at_key=True, reads=tuple(reads))


def conflicts(s: Scenario) -> Iterator[Problem]:
    """What cannot be together, cheap checks first: the last ones load the data and build the model."""
    for path, owner in _owners(s):
        if owner.profile not in PROFILES:
            known = f"allowed: {', '.join(PROFILES)}{near(owner.profile, PROFILES)}"
            yield Problem((*path, "profile"), f"got {owner.profile!r}, {known}")
    counted = sum(group.count for group in s.devices)
    if s.has_clients and s.devices and counted != s.data.clients:
        counts = tuple(("devices", i, "count") for i in range(len(s.devices)))
        text = f"got {counted} devices, must be data.clients = {s.data.clients}"
        yield Problem(("devices",), text, reads=(("data", "clients"), *counts))
    yield from _conflicts_of_codecs(s)
    yield from _conflicts_of_learning(s)


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


def cut_choices(s: Scenario, dataset: Dataset) -> list[tuple[str, ...]]:
    """Everywhere that the scheme could cut the model, with what it prunes and freezes, in the model's order."""
    places = _places(replace(s, model=replace(s.model, cuts="auto")), dataset)
    return [cuts for cuts in places if not (_unprunable(s, dataset, cuts) or _unfreezable(s, dataset, cuts))]


def pieces_of(s: Scenario, dataset: Dataset) -> tuple[str, ...]:
    """Where the model falls into stages: at its cuts, and where a scheme freezes a part of what is between them."""
    first, *rest = cuts_of(s, dataset) or ("",)
    inner = getattr(s.algorithm, "frozen", None)
    return tuple(name for name in (first, inner, *rest) if name)


def _places(s: Scenario, dataset: Dataset) -> list[tuple[str, ...]]:
    """The scenario's cuts, or all that it leaves open."""
    from wirelessfsl.learning.stage import cut_points_of, outermost

    if s.model.cuts == "auto":
        return [*combinations(outermost(cut_points_of(model_of(s, dataset))), s.algorithm.cuts)]
    return [cuts_of(s, dataset)]


def _unprunable(s: Scenario, dataset: Dataset, cuts: tuple[str, ...]) -> str:
    """Why the client's part cannot be pruned as the scheme wants to; empty if it can be, or need not."""
    from wirelessfsl.learning.pruning import check
    from wirelessfsl.learning.stage import split

    if isinstance(s.algorithm, FedSL):
        try:
            check(s.algorithm.pruning, split(model_of(s, dataset), cuts)[0])
        except ValueError as error:
            return str(error)
    return ""


def _unfreezable(s: Scenario, dataset: Dataset, cuts: tuple[str, ...]) -> str:
    """Why the server's part cannot be frozen as the scheme wants to; empty if it can be, or need not."""
    from wirelessfsl.learning.stage import split

    if isinstance(s.algorithm, PFSL):
        cut = replace(s, model=replace(s.model, cuts=cuts))
        try:
            split(model_of(s, dataset), pieces_of(cut, dataset))
        except ValueError as error:
            return f"must be between the cuts {', '.join(cuts)}: {error}"
    return ""


def _owners(s: Scenario) -> list[tuple[Path, Devices | Server]]:
    """Settings of the nodes that the scheme has, each with its path."""
    groups = s.devices if s.has_clients else ()
    server = [(("server",), s.server)] if s.has_server else []
    return [*((("devices", i), group) for i, group in enumerate(groups)), *server]


def _models(s: Scenario) -> list[tuple[Path, Model]]:
    own = ((("devices", i, "model"), group.model) for i, group in enumerate(s.devices))
    return [(("model",), s.model), *((path, model) for path, model in own if model is not None)]


def _unused(s: Scenario) -> Iterator[tuple[Path, str, *tuple[Path, ...]]]:
    """Path, reason, and the paths that decide."""
    scheme, medium, channel = s.algorithm, s.network.medium, s.network.channel
    if not s.has_clients:
        for path in (
            ("codecs",),
            ("devices",),
            ("network",),
            ("participation",),
            ("data", "clients"),
            ("data", "partition"),
        ):
            yield path, f"{scheme.kind} has no network and no clients", _ALGORITHM
    elif not scheme.messages:
        for path in ("codecs",), ("network",), ("server",):
            yield path, f"{scheme.kind} has no network and no server", _ALGORITHM
    for message in MESSAGE_KINDS:
        if scheme.messages and message not in scheme.messages:
            yield ("codecs", message), f"{scheme.kind} sends no {message}", _ALGORITHM
    smashed = [message for message in scheme.messages if message in GRADIENTS_OF]
    if not any(_loses_at_test(getattr(s.codecs, message)) for message in smashed):
        why = "the codecs of activations lose nothing in evaluation"
        why = why if smashed else f"{scheme.kind} sends no activations"
        first, second = (("codecs", message) for message in GRADIENTS_OF)
        yield ("evaluation", "through_codecs"), why, first, second, _ALGORITHM
    for message in scheme.messages:
        for i, codec in enumerate(getattr(s.codecs, message) if message not in GRADIENTS_OF else ()):
            for knob in _OF_ACTIVATIONS:
                if hasattr(codec, knob):
                    yield ("codecs", message, i, knob), "it is for activations", ("codecs", message, i, "kind")
    for i, codec in enumerate(s.codecs.activations if isinstance(scheme, _BROADCASTING) else ()):
        if hasattr(codec, "gradient"):
            why = f"{scheme.kind} broadcasts gradients, which fly whole"
            yield ("codecs", "activations", i, "gradient"), why, ("codecs", "activations", i, "kind"), _ALGORITHM
    if not scheme.cuts:
        yield ("model", "cuts"), f"{scheme.kind} does not cut the model", _ALGORITHM
    if not scheme.cuts or s.model.cuts != "auto":
        yield ("model", "cut_for"), "it says how cuts: auto chooses", ("model", "cuts"), _ALGORITHM
    if s.model.name in MODELS:
        yield ("model", "arguments"), f"{s.model.name} takes none", ("model", "name")
    if s.data.name not in FILE_BASED:
        yield ("data", "root"), f"{s.data.name} reads no files", ("data", "name")
    if s.data.name != "images":
        why = "a text has no images" if s.data.name == "text" else f"images of {s.data.name} have one size"
        yield ("data", "image_size"), why, ("data", "name")
    if s.data.name != "text":
        for knob in "sequence_length", "stride":
            yield ("data", knob), f"{s.data.name} is no text", ("data", "name")
    learnt = [(path, model.pretrained) for path, model in _models(s) if isinstance(model.pretrained, Pretrain)]
    if all(pretrain.data is not None for _, pretrain in learnt):
        reads = ((*path, "pretrained") for path, _ in _models(s))
        yield ("data", "public_fraction"), "nothing is learnt from public samples", *reads
    for at, pretrain in learnt:
        if pretrain.data is not None:
            where: Path = (*at, "pretrained", "data")
            if pretrain.data.name not in FILE_BASED:
                yield (*where, "root"), f"{pretrain.data.name} reads no files", (*where, "name")
            if pretrain.data.name != "images":
                yield (*where, "image_size"), f"images of {pretrain.data.name} have one size", (*where, "name")
    if medium.kind == "constant":
        for part in "layout", "channel":
            yield ("network", part), "medium constant needs no positions and no channel", _MEDIUM
    elif channel.phy.kind == "fixed":
        yield ("network", "layout"), "phy fixed has the same rate everywhere", _PHY
        for part in "carrier_hz", "path_loss", "shadowing", "fading", "noise_density_dbm_hz", "antenna_gain_db":
            yield ("network", "channel", part), "phy fixed has the same rate everywhere", _PHY
    elif channel.path_loss.kind == "urban_macro":
        loss: Path = ("network", "channel", "path_loss")
        yield ("network", "channel", "carrier_hz"), "path_loss urban_macro is for 2 GHz", (*loss, "kind")
    elif channel.path_loss.kind == "log_distance" and channel.path_loss.reference_loss_db is not None:
        loss = ("network", "channel", "path_loss", "reference_loss_db")
        yield ("network", "channel", "carrier_hz"), "path_loss.reference_loss_db is given", loss
    if isinstance(scheme, AsyncSL):
        yield ("participation",), f"{scheme.kind} takes clients as they come", _ALGORITHM
    elif s.has_clients:
        yield from _unused_of_participation(s)
    if scheme.messages:
        yield from _unused_of_transport(s)
    if getattr(scheme, "hand_over", "server") == "peer":
        yield from _unused_of_peers(s)
    for i, group in enumerate(s.devices):
        if s.has_clients and not getattr(scheme, "own", ""):
            yield ("devices", i, "model"), f"the client parts of {scheme.kind} are all the same", _ALGORITHM
        elif group.model is not None and group.model.name in MODELS:
            own: Path = ("devices", i, "model")
            yield (*own, "arguments"), f"{group.model.name} takes none", (*own, "name")
    for owner_path, owner in _owners(s):
        radio: Path = (*owner_path, "radio")
        if owner.processor is not None and (isinstance(owner, Devices) or not scheme.cuts):
            why = "a client computes one thing at a time" if isinstance(owner, Devices) else f"so does {scheme.kind}"
            yield (*owner_path, "processor", "slots"), why, _ALGORITHM
        if not scheme.messages:
            yield radio, f"{scheme.kind} has no network", _ALGORITHM
            if owner.processor is not None:
                yield (*owner_path, "profile"), "processor is given, no radio is needed", (*owner_path, "processor")
        if owner.radio is None or not scheme.messages:
            continue
        if owner.processor is not None:
            yield (*owner_path, "profile"), "processor and radio are both given", (*owner_path, "processor"), radio
        if owner.radio.sleep_after_s is None:
            yield (*radio, "sleep_w"), "the radio never sleeps: sleep_after_s is not given", (*radio, "sleep_after_s")
        if medium.kind == "constant" or channel.phy.kind == "fixed":
            yield (*radio, "noise_figure_db"), "no rate depends on noise", _MEDIUM, _PHY


def _unused_of_participation(s: Scenario) -> Iterator[tuple[Path, str, *tuple[Path, ...]]]:
    scheme, participation = s.algorithm, s.participation
    late: Path = ("participation", "late")
    if participation.deadline_s is None:
        yield late, "nobody is late: deadline_s is not given", ("participation", "deadline_s")
    elif participation.late == "partial" and not hasattr(scheme, "local_steps"):
        yield late, f"a round of {scheme.kind} is one batch, of which there is no part", _ALGORITHM
    if getattr(scheme, "newcomers", 1) == 0:
        yield ("algorithm", "newcomers_round"), "nobody comes late: newcomers is 0", ("algorithm", "newcomers")
    if participation.choice.kind == "channel_aware":
        if not scheme.messages:
            yield ("participation", "choice"), f"{scheme.kind} has no network", _ALGORITHM
        elif s.network.medium.kind == "constant":
            yield ("participation", "choice"), "all constant links are the same", _MEDIUM


def _unused_of_peers(s: Scenario) -> Iterator[tuple[Path, str, *tuple[Path, ...]]]:
    """Without a model that comes from the server nothing is downloaded."""
    path: Path = ("algorithm", "hand_over")
    yield ("codecs", MODEL_DOWNLOAD), "clients hand their part on with model_upload", path
    if s.network.transport.timeout_s is not None:
        yield ("network", "transport", "outage", MODEL_DOWNLOAD), "nothing is downloaded from the server", path


def _unused_of_transport(s: Scenario) -> Iterator[tuple[Path, str, *tuple[Path, ...]]]:
    scheme, transport = s.algorithm, s.network.transport
    if transport.timeout_s is None:
        yield ("network", "transport", "outage"), "no message is lost: timeout_s is not given", _TIMEOUT
    for message in vars(transport.outage):
        if transport.timeout_s is not None and message not in scheme.messages:
            yield ("network", "transport", "outage", message), f"{scheme.kind} sends no {message}", _ALGORITHM


def _loses_at_test(kinds: tuple[Any, ...]) -> bool:
    from wirelessfsl.codecs.chain import Misfit, chain

    try:
        return bool(chain(kinds).at_test().codecs)
    except Misfit:
        return True


def _conflicts_of_codecs(s: Scenario) -> Iterator[Problem]:
    from wirelessfsl.codecs.chain import Misfit, chain

    for message in s.algorithm.messages:
        kinds = getattr(s.codecs, message)
        try:
            made = chain(kinds)
        except Misfit as misfit:
            yield Problem(("codecs", message, misfit.at), f"got {kinds[misfit.at].kind!r}: {misfit}")
            continue
        rows = isinstance(s.algorithm, FedSL) and s.algorithm.pruning.kind == "weights"
        for i, codec in enumerate(kinds if rows and message in (MODEL_UPLOAD, MODEL_DOWNLOAD) else ()):
            if codec.kind == "power_sgd":
                text = "power_sgd has no effect: what pruning by weights leaves are rows of numbers, no matrices"
                yield Problem(("codecs", message, i), text, reads=(("algorithm", "pruning"),))
        broadcast = isinstance(s.algorithm, _BROADCASTING)  # gradients fly whole
        held = () if broadcast or not made.feedback else GRADIENTS_OF.items()
        for smashed in (kind for kind, gradients in held if message == gradients):
            for i, codec in enumerate(getattr(s.codecs, smashed)):
                if getattr(codec, "gradient", "full") == "kept":
                    text = f"got 'kept', must be full: error_feedback of {message} needs the same positions every time"
                    yield Problem(("codecs", smashed, i, "gradient"), text, reads=(("codecs", message),))
        if message == LABELS and made.codecs:
            at = kinds.index(made.codecs[0])
            text = f"{made.codecs[0].kind} has no effect: labels are integers, which fly as they are; remove it"
            yield Problem(("codecs", message, at), text)


def _conflicts_of_learning(s: Scenario) -> Iterator[Problem]:
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
    if s.has_clients and data.clients > len(dataset.labels):
        text = f"got {data.clients} clients, {data.name} has {len(dataset.labels)} training samples"
        yield Problem(("data", "clients"), text, reads=source)
    cluster = getattr(s.algorithm, "cluster_size", 0)
    if cluster > data.clients:
        text = f"got {cluster}, must be at most data.clients = {data.clients}"
        yield Problem(("algorithm", "cluster_size"), text, reads=(("data", "clients"),))
    if isinstance(s.algorithm, MTSL):
        yield from _conflicts_of_mtsl(s.algorithm, data.clients)
    if s.has_clients and data.clients <= len(dataset.labels):
        try:
            deal(s, dataset)
        except ValueError as error:
            yield Problem(("data", "partition"), str(error), reads=(*source, ("data", "clients")))
    batch_size = getattr(s.algorithm, "batch_size", 1)  # a scheme of the user's own may have none
    if batch_size > len(dataset.labels):
        text = f"got {batch_size}, {data.name} has {len(dataset.labels)} training samples"
        yield Problem(("algorithm", "batch_size"), text, reads=source)
    own = [*_conflicts_of_model(s, dataset, source)]
    yield from own
    if not own and s.has_clients:
        yield from _conflicts_of_own_models(s, dataset, source)


def _conflicts_of_mtsl(scheme: MTSL, clients: int) -> Iterator[Problem]:
    rates = scheme.client_rates
    if rates is not None and len(rates) != clients:
        text = f"got {len(rates)} rates, must be data.clients = {clients}"
        yield Problem(("algorithm", "client_rates"), text, reads=(("data", "clients"),))
    if scheme.newcomers >= clients:
        text = f"got {scheme.newcomers}, must be less than data.clients = {clients}"
        yield Problem(("algorithm", "newcomers"), text, reads=(("data", "clients"),))
    if scheme.newcomers and scheme.newcomers_round > scheme.rounds:
        text = f"got {scheme.newcomers_round}, must be at most algorithm.rounds = {scheme.rounds}"
        yield Problem(("algorithm", "newcomers_round"), text, reads=(("algorithm", "rounds"),))


def _conflicts_of_model(s: Scenario, dataset: Dataset, source: tuple[Path, ...]) -> Iterator[Problem]:
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
    yield from _conflicts_of_pretraining(s, model, source)
    if wanted and not isinstance(cuts, tuple):
        if cuts == "auto" and len(outermost(points)) < wanted:
            text = f"got 'auto', {name} cannot be cut {wanted} times; it can be after: {', '.join(outermost(points))}"
            yield Problem(("model", "cuts"), text, reads=(*source, ("model", "name"), _ALGORITHM))
            return
        yield from _conflicts_of_pruning(s, dataset, source)
        yield from _conflicts_of_freezing(s, dataset, source)
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
            yield from _conflicts_of_pruning(s, dataset, reads)
            yield from _conflicts_of_freezing(s, dataset, reads)


def _conflicts_of_own_models(s: Scenario, dataset: Dataset, source: tuple[Path, ...]) -> Iterator[Problem]:
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
        problems = [each._replace(path=(*where[:2], *each.path)) for each in _conflicts_of_model(own, dataset, source)]
        yield from problems
        if problems or kind == "cuts":
            continue
        shapes = [split(model_of(each, dataset), cuts_of(each, dataset))[0].output_shape() for each in (own, s)]
        if shapes[0] != shapes[1]:
            text = f"gives {shapes[0]} numbers a sample at its cut, must be {shapes[1]} as the scenario's model"
            yield Problem(where, text, reads=(("model",), _ALGORITHM))


def _conflicts_of_freezing(s: Scenario, dataset: Dataset, reads: tuple[Path, ...]) -> Iterator[Problem]:
    if not isinstance(s.algorithm, PFSL):
        return
    rounds, checkpoint = s.algorithm.rounds, s.algorithm.checkpoint
    if checkpoint is not None and checkpoint >= rounds:
        text = f"got {checkpoint}, must be less than algorithm.rounds = {rounds}: nothing would be personalised"
        yield Problem(("algorithm", "checkpoint"), text, reads=(("algorithm", "rounds"),))
    reasons = [_unfreezable(s, dataset, cuts) for cuts in _places(s, dataset)]
    if all(reasons):
        yield Problem(("algorithm", "frozen"), reasons[-1], reads=(*reads, ("model", "cuts")))


def _conflicts_of_pretraining(s: Scenario, model: ModelSpec, source: tuple[Path, ...]) -> Iterator[Problem]:
    from wirelessfsl.learning.stage import check_fits

    pretrained, reads = s.model.pretrained, (*source, ("model", "name"))
    if isinstance(pretrained, WeightsFile):
        try:
            held = read_weights(File(pretrained.path))
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


def _conflicts_of_pruning(s: Scenario, dataset: Dataset, reads: tuple[Path, ...]) -> Iterator[Problem]:
    if isinstance(s.algorithm, FedSL):
        if s.algorithm.interval > s.algorithm.rounds:
            text = f"got {s.algorithm.interval}, must be at most algorithm.rounds = {s.algorithm.rounds}"
            yield Problem(("algorithm", "interval"), text, reads=(("algorithm", "rounds"),))
        if s.algorithm.pruning.kind != "none" and not s.algorithm.prunes:
            text = "begins after the last aggregation that a round follows: nothing is ever pruned; start earlier"
            yield Problem(("algorithm", "pruning", "schedule"), text, reads=(("algorithm", "rounds"),))
        if s.algorithm.pruning.kind != "none" and s.network.transport.outage.model_download == "reuse":
            text = "got 'reuse', must be drop: with pruning a client needs the newest masks"
            outage = "network", "transport", "outage", "model_download"
            yield Problem(outage, text, reads=(("algorithm", "pruning"),))
        reasons = [_unprunable(s, dataset, cuts) for cuts in _places(s, dataset)]
        if all(reasons):
            yield Problem(("algorithm", "pruning"), reasons[-1], reads=(*reads, ("model", "cuts")))
