"""Knobs that have no effect with the scenario's chosen kinds: to give one is a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wirelessfsl.algorithms.async_sl import AsyncSL
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.devices.compute import MeasuredProcessor
from wirelessfsl.devices.earth import EarthStation
from wirelessfsl.devices.economy import UntilDeadline
from wirelessfsl.devices.lte_phone import LtePhone
from wirelessfsl.devices.nr_ue import NrUe
from wirelessfsl.devices.radio_power import RadioModel, RadioPower
from wirelessfsl.devices.wifi_radio import WifiRadio
from wirelessfsl.learning.datasets import FILE_BASED
from wirelessfsl.learning.models import MODELS
from wirelessfsl.learning.weights import Pretrain
from wirelessfsl.records import GRADIENTS_OF, LABELS, MESSAGE_KINDS, MODEL_DOWNLOAD
from wirelessfsl.scenario import edges, network
from wirelessfsl.scenario.derived import broadcasts, owners_of, radio_loses, rates_depend_on_power
from wirelessfsl.scenario.problems import Path, Problem, Unused
from wirelessfsl.scenario.settings import Devices, Model, Scenario

_OF_ACTIVATIONS = "gradient", "correction"
"""Knobs of codecs that say how gradients of activations return."""
_ALGORITHM: Path = ("algorithm", "kind")
_MEDIUM: Path = ("network", "medium", "kind")
_PHY: Path = ("network", "channel", "phy", "kind")
_TIMEOUT: Path = ("network", "transport", "timeout_s")


def unused(s: Scenario) -> Iterator[Problem]:
    """Knobs of a scenario that have no effect."""
    for of in (
        _of_scheme,
        _of_codecs,
        _of_model,
        _of_data,
        _of_pretraining,
        network.unused,
        _of_participation,
        _of_transport,
        _of_peers,
        _of_own_models,
        _of_nodes,
        edges.unused,
        _of_economy,
        _of_host,
    ):
        for path, why, *reads in of(s):
            yield Problem(path, f"has no effect: {why}; remove it", at_key=True, reads=tuple(reads))


def _of_host(s: Scenario) -> Unused:
    if s.host.device != "cpu":
        for knob in "compile", "torch_threads":
            yield ("host", knob), "it is for kernels on the processor", ("host", "device")


def _of_scheme(s: Scenario) -> Unused:
    scheme = s.algorithm
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


def _of_codecs(s: Scenario) -> Unused:
    scheme = s.algorithm
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
    for i, codec in enumerate(s.codecs.activations if broadcasts(s) else ()):
        if hasattr(codec, "gradient"):
            why = f"{scheme.kind} broadcasts gradients, which fly whole"
            yield ("codecs", "activations", i, "gradient"), why, ("codecs", "activations", i, "kind"), _ALGORITHM


def _of_model(s: Scenario) -> Unused:
    scheme = s.algorithm
    if not scheme.cuts:
        yield ("model", "cuts"), f"{scheme.kind} does not cut the model", _ALGORITHM
    if not scheme.cuts or s.model.cuts != "auto":
        yield ("model", "cut_for"), "it says how cuts: auto chooses", ("model", "cuts"), _ALGORITHM
    if s.model.name in MODELS:
        yield ("model", "arguments"), f"{s.model.name} takes none", ("model", "name")


def _of_data(s: Scenario) -> Unused:
    if s.data.name not in FILE_BASED:
        yield ("data", "root"), f"{s.data.name} reads no files", ("data", "name")
    if s.data.name != "images":
        why = "a text has no images" if s.data.name == "text" else f"images of {s.data.name} have one size"
        yield ("data", "image_size"), why, ("data", "name")
    if s.data.name != "text":
        for knob in "sequence_length", "stride":
            yield ("data", knob), f"{s.data.name} is no text", ("data", "name")


def _of_pretraining(s: Scenario) -> Unused:
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


def _of_participation(s: Scenario) -> Unused:
    scheme, participation = s.algorithm, s.participation
    if isinstance(scheme, AsyncSL):
        yield ("participation",), f"{scheme.kind} takes clients as they come", _ALGORITHM
        return
    if not s.has_clients:
        return
    late: Path = ("participation", "late")
    if participation.deadline_s is None:
        yield late, "nobody is late: deadline_s is not given", ("participation", "deadline_s")
    elif participation.late == "partial" and getattr(scheme, "local_steps", 1) == 1:
        yield late, f"a round of {scheme.kind} is one batch, of which there is no part", _ALGORITHM
    if getattr(scheme, "newcomers", 1) == 0:
        yield ("algorithm", "newcomers_round"), "nobody comes late: newcomers is 0", ("algorithm", "newcomers")
    if participation.choice.kind == "channel_aware":
        if not scheme.messages:
            yield ("participation", "choice"), f"{scheme.kind} has no network", _ALGORITHM
        elif s.network.medium.kind == "constant":
            yield ("participation", "choice"), "all constant links are the same", _MEDIUM


def _of_transport(s: Scenario) -> Unused:
    scheme, transport = s.algorithm, s.network.transport
    if not scheme.messages:
        return
    at: Path = ("network", "transport")
    losing: tuple[Path, ...] = ((*at, "packet_loss"), (*at, "reliability"), _PHY, _MEDIUM)
    loses = transport.packet_loss > 0 or (transport.reliability == "lossy" and radio_loses(s))
    if not transport.packet_loss and not radio_loses(s):
        yield (*at, "reliability"), "no packet is lost: packet_loss is 0 and the radio loses none", *losing
    elif not any(message in GRADIENTS_OF for message in scheme.messages):
        yield (*at, "reliability"), f"{scheme.kind} sends no activations", _ALGORITHM
    if not loses:
        for knob in "packet_bytes", "retransmissions", "feedback_s":
            yield (*at, knob), "no packet is lost", *losing
    elif all(transport.leaves_holes(message) for message in scheme.messages if message != LABELS):
        for knob in "retransmissions", "feedback_s":
            yield (*at, knob), f"{scheme.kind} sends nothing that is sent again", _ALGORITHM, (*at, "reliability")
    if transport.timeout_s is None and not loses:
        yield (*at, "outage"), "no message is lost: timeout_s is not given", *(_TIMEOUT, *losing)
        return
    for message in vars(transport.outage):
        if message not in scheme.messages:
            yield (*at, "outage", message), f"{scheme.kind} sends no {message}", _ALGORITHM
        elif transport.timeout_s is None and transport.leaves_holes(message):
            yield (*at, "outage", message), f"{message} arrive with holes", _TIMEOUT, (*at, "reliability")


def _of_peers(s: Scenario) -> Unused:
    """Without a model that comes from the server nothing is downloaded."""
    if getattr(s.algorithm, "hand_over", "server") != "peer":
        return
    path: Path = ("algorithm", "hand_over")
    yield ("codecs", MODEL_DOWNLOAD), "clients hand their part on with model_upload", path
    if s.network.transport.timeout_s is not None or s.network.transport.packet_loss:
        yield ("network", "transport", "outage", MODEL_DOWNLOAD), "nothing is downloaded from the server", path


def _of_own_models(s: Scenario) -> Unused:
    scheme = s.algorithm
    for i, group in enumerate(s.devices):
        if s.has_clients and not getattr(scheme, "own", ""):
            yield ("devices", i, "model"), f"the client parts of {scheme.kind} are all the same", _ALGORITHM
        elif group.model is not None and group.model.name in MODELS:
            own: Path = ("devices", i, "model")
            yield (*own, "arguments"), f"{group.model.name} takes none", (*own, "name")


def _of_nodes(s: Scenario) -> Unused:
    scheme = s.algorithm
    for owner_path, owner in owners_of(s):
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
        match owner.radio:
            case RadioPower(sleep_after_s=None) | EarthStation(sleep_after_s=None) | WifiRadio(sleep_after_s=None):
                asleep = "sleep_a" if isinstance(owner.radio, WifiRadio) else "sleep_w"
                why = "the radio never sleeps: sleep_after_s is not given"
                yield (*radio, asleep), why, (*radio, "sleep_after_s"), (*radio, "kind")
            case NrUe(frequency_range="fr2"):
                for knob in "bandwidth_hz", "two_antennas", "between":
                    yield (*radio, knob), "it is for fr1: fr2 has one power", (*radio, "frequency_range")
            case NrUe(tx_power_dbm=power_dbm) if power_dbm <= 0 or power_dbm == 23:
                why = "tx_power_dbm is not between 0 and 23"
                yield (*radio, "between"), why, (*radio, "tx_power_dbm")
            case LtePhone(tail_s=0.0):
                yield (*radio, "tail_w"), "there is no tail: tail_s is 0", (*radio, "tail_s")
        if not rates_depend_on_power(s):
            yield (*radio, "noise_figure_db"), "no rate depends on noise", _MEDIUM, _PHY
            match owner.radio:
                case LtePhone() | WifiRadio() | NrUe(frequency_range="fr2"):
                    why = f"neither a rate nor the power of {owner.radio.kind} depends on it"
                    yield (*radio, "tx_power_dbm"), why, _MEDIUM, _PHY, (*radio, "kind")


def _of_economy(s: Scenario) -> Unused:
    for i, group in enumerate(s.devices if s.has_clients else ()):
        economy: Path = ("devices", i, "economy")
        processor_path, radio_path, profile_path = (("devices", i, part) for part in ("processor", "radio", "profile"))
        computing, sending = (processor_path, profile_path), (_MEDIUM, _PHY)
        profile = PROFILES.get(group.profile)
        processor = group.processor or getattr(profile, "processor", None)
        radio = group.radio or getattr(profile, "radio", None)
        one_clock = "a processor of kind measured has one clock" if isinstance(processor, MeasuredProcessor) else ""
        one_power = "" if rates_depend_on_power(s) else "no rate depends on power"
        if not one_power and radio is not None and _draws_no_less(radio):
            one_power = f"a radio of kind {radio.kind} draws no less at a lower power"
            sending = radio_path, profile_path
        if not s.algorithm.messages:
            yield economy, f"{s.algorithm.kind} has no network, and its seconds are not predicted", _ALGORITHM
        elif one_clock and one_power:
            yield economy, f"{one_power}, and {one_clock}", *sending, *computing
        elif isinstance(group.economy, UntilDeadline):
            if one_clock:
                yield (*economy, "lowest_clock"), one_clock, *computing
            if one_power:
                yield (*economy, "power_range_db"), one_power, *sending


def _draws_no_less(radio: RadioModel) -> bool:
    """Whether a radio that radiates less draws as much."""
    match radio:
        case NrUe(frequency_range=bands, tx_power_dbm=power_dbm):
            return bands == "fr2" or power_dbm <= 0
        case _:
            return isinstance(radio, LtePhone | WifiRadio)


def _models(s: Scenario) -> list[tuple[Path, Model]]:
    own = ((("devices", i, "model"), group.model) for i, group in enumerate(s.devices))
    return [(("model",), s.model), *((path, model) for path, model in own if model is not None)]


def _loses_at_test(kinds: tuple[Any, ...]) -> bool:
    from wirelessfsl.codecs.chain import Misfit, chain

    try:
        return bool(chain(kinds).at_test().codecs)
    except Misfit:
        return True
