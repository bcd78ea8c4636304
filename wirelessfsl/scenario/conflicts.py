"""What cannot be together in a scenario: its parts held against each other, its data and its model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as File

from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.learning.data import Dataset
from wirelessfsl.learning.models import MODELS, ModelSpec
from wirelessfsl.learning.weights import Pretrain, WeightsFile, fitting, read_weights, shapes_of
from wirelessfsl.records import GRADIENTS_OF, LABELS
from wirelessfsl.scenario import edges, network
from wirelessfsl.scenario.derived import (
    broadcasts,
    cuts_of,
    dataset_of,
    deal,
    model_of,
    other_of,
    owners_of,
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
    yield from network.conflicts(s)
    yield from edges.conflicts(s)
    counted = sum(group.count for group in s.devices)
    if s.has_clients and s.devices and counted != s.data.clients:
        counts = tuple(("devices", i, "count") for i in range(len(s.devices)))
        text = f"got {counted} devices, must be data.clients = {s.data.clients}"
        yield Problem(("devices",), text, reads=(("data", "clients"), *counts))
    yield from _of_codecs(s)
    yield from _of_learning(s, timing_only)


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
        text = f"got {data.clients} clients, {data.name} has {len(dataset.labels)} training samples; take fewer"
        text += " clients, or play times alone with --timing-only"
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
