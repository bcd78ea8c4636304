"""Scenarios: the YAML file as nested frozen dataclasses, checked whole before anything runs.

Reading has three steps. The file is parsed as YAML 1.2 with the place of every node kept (safe: no tag makes an object).
pydantic validates it against the dataclasses, which are the very objects that the simulator uses. Then the parts are
held against each other: a cut that does not exist, more clients than samples, a knob that the chosen kinds do not use.
All problems are told at once, each as ``file:line:column path: got ..., allowed ...``.
"""

from __future__ import annotations

import difflib
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from io import StringIO
from pathlib import Path as File
from typing import Annotated, Any, Literal

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from wirelessfsl.algorithms.centralised import Centralised
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.devices.battery import BatteryModel, NoBattery
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.devices.compute import Jitter, NoJitter, Processor
from wirelessfsl.devices.failures import Failures, NoFailures
from wirelessfsl.devices.radio_power import RadioPower
from wirelessfsl.engine.medium import Fdma, MediumSettings
from wirelessfsl.engine.world import Transport
from wirelessfsl.learning.data import NEEDS_ROOT, Dataset, load
from wirelessfsl.learning.models import MODELS
from wirelessfsl.learning.partition import Dirichlet, Partition
from wirelessfsl.network.layout import Disc, Layout
from wirelessfsl.radio.link import Channel
from wirelessfsl.records import MESSAGE_KINDS
from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Count, Fraction, Ge, Gt, Le, Lt

Algorithm = Annotated[SplitFedV1 | FedAvg | Centralised, Kinds()]
CodecKind = Annotated[Identity | Cast | Quantize, Kinds()]
Path = tuple[str | int, ...]


@settings
class Data:
    """Which samples there are and who has them.

    name: data set: digits (ships with scikit-learn), mnist (IDX files of yours) or blobs (random).
    clients: number of clients.
    partition: how the training samples are dealt to the clients.
    test_fraction: share of all samples held out for testing, in (0, 1); by default the data set's own test half, or
        0.2 where it has none.
    root: folder of the data set's files; by default $WIRELESSFSL_DATA/<name>.
    """

    name: Literal["blobs", "digits", "mnist"]
    clients: Count = 10
    partition: Partition = Dirichlet()
    test_fraction: Annotated[float, Gt(0), Lt(1)] | None = None
    root: str | None = None


@settings
class Model:
    """Which network is trained, and where it is cut.

    name: a model of the package, or (with --allow-code) an import path package.module:function.
    cuts: names of the blocks after which the model is cut; by default after the first block.
    """

    name: str
    cuts: tuple[str, ...] | None = None


@settings
class Codecs:
    """What each kind of message is encoded with; a list of one codec.

    activations: smashed data, client to server.
    labels: labels, client to server.
    gradients: gradients of the smashed data, server to client.
    model_upload: model weights, client to server.
    model_download: model weights, server to client.
    """

    activations: tuple[CodecKind] = (Identity(),)
    labels: tuple[CodecKind] = (Identity(),)
    gradients: tuple[CodecKind] = (Identity(),)
    model_upload: tuple[CodecKind] = (Identity(),)
    model_download: tuple[CodecKind] = (Identity(),)


@settings
class Devices:
    """A group of equal client devices.

    count: number of devices.
    profile: device of the catalogue whose processor and radio they have.
    processor: another processor than the profile's.
    radio: another radio than the profile's.
    battery: where the energy comes from; a device whose battery is empty drops out for good.
    failures: when the devices fail and come back.
    compute_jitter: random change of the computing time from round to round.
    """

    count: Count
    profile: str = "raspberry-pi-4"
    processor: Processor | None = None
    radio: RadioPower | None = None
    battery: BatteryModel = NoBattery()
    failures: Failures = NoFailures()
    compute_jitter: Jitter = NoJitter()


@settings
class Server:
    """The server: one node, never failing, on mains power.

    profile: device of the catalogue whose processor and radio it has.
    processor: another processor than the profile's.
    radio: another radio than the profile's.
    """

    profile: str = "edge-gpu"
    processor: Processor | None = None
    radio: RadioPower | None = None


@settings
class Network:
    """The wireless network between the devices and the server.

    layout: where the devices stand.
    channel: path loss, shadowing, fading and physical layer.
    medium: who transmits when, on which band.
    transport: how messages are carried.
    """

    layout: Layout = Disc()
    channel: Channel = Channel()
    medium: MediumSettings = Fdma()
    transport: Transport = Transport()


@settings
class EvaluationSettings:
    """When the model is evaluated, outside of simulated time.

    every_rounds: evaluate after every so many rounds, and after the last.
    target_accuracy: accuracies whose time and energy are reported, each in [0, 1].
    """

    every_rounds: Count = 1
    target_accuracy: tuple[Fraction, ...] = (0.8, 0.9)


@settings
class Host:
    """The machine that runs the simulation. Changes speed, never times or bytes.

    torch_threads: threads of one torch operation; 1 is quickest for small models.
    """

    torch_threads: Annotated[int, Ge(1), Le(256)] = 1


@settings
class Scenario:
    """One experiment.

    name: name of the run folder: letters, digits, dot, dash and underscore.
    seed: seed of every named random stream, >= 0.
    data: samples and their partition.
    model: network and cuts.
    algorithm: training scheme.
    codecs: encoding of each kind of message.
    devices: the clients' devices, in groups; counts add up to data.clients. By default all the same.
    server: the server.
    network: layout, channel, medium and transport.
    evaluation: cadence and targets.
    host: settings of the machine that simulates.
    """

    name: str = "scenario"
    seed: Annotated[int, Ge(0), Lt(2**63)] = 1
    data: Data
    model: Model
    algorithm: Algorithm
    codecs: Codecs = Codecs()
    devices: tuple[Devices, ...] = ()
    server: Server = Server()
    network: Network = Network()
    evaluation: EvaluationSettings = EvaluationSettings()
    host: Host = Host()

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "._-" for c in self.name) or self.name[0] == ".":
            raise ValueError(f"name: got {self.name!r}, allowed: letters, digits, dot, dash and underscore")

    @property
    def groups(self) -> tuple[Devices, ...]:
        """The device groups; without any, one group of default devices for all clients."""
        return self.devices or (Devices(count=self.data.clients),)


class ScenarioError(ValueError):
    """A scenario that cannot run; ``problems`` are the messages, one each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


# Reading


def load_scenario(
    path: str | File, sets: Sequence[str] = (), seed: int | None = None, allow_code: bool = False
) -> Scenario:
    """The scenario in a YAML file.

    sets: changes ``path=value``, as on the command line; values are YAML, null takes a section out.
    seed: replaces the file's seed.
    allow_code: whether ``kind: my_pkg.mod:Name`` may import code.

    Raises ScenarioError with every problem found.
    """
    document = _Document(File(path))
    for change in [*sets, *([f"seed={seed}"] if seed is not None else [])]:
        document.set(change)
    return document.scenario(allow_code)


def resolve(scenario: Scenario) -> dict[str, Any]:
    """The scenario as plain data with every default written out and without what its kinds do not use."""
    plain: dict[str, Any] = _plain(scenario)
    plain["devices"] = [_plain(group) for group in scenario.groups]
    for path, _ in unused(scenario):
        parents = [plain]
        for step in path[:-1]:
            parent = parents[-1]
            parents = [parent[step]] if isinstance(parent, dict) and step in parent else []
            if not parents:
                break
        if parents and isinstance(parents[-1], dict):
            parents[-1].pop(path[-1], None)
    return plain


def digest(resolved: Mapping[str, Any]) -> str:
    """Short digest of a resolved scenario."""
    return sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()[:8]


def to_yaml(resolved: Mapping[str, Any]) -> str:
    """A resolved scenario as YAML."""
    text = StringIO()
    writer = YAML()
    writer.width = 120
    writer.dump(dict(resolved), text)
    return text.getvalue()


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario, with the fields' descriptions from the docstrings."""
    made = _adapter(Scenario).json_schema()
    for definition in (made, *made.get("$defs", {}).values()):
        lines = describe_fields(definition.get("description", ""))
        for name, field in definition.get("properties", {}).items():
            field.pop("title", None)
            if name in lines:
                field["description"] = lines[name]
        definition["description"] = definition.get("description", "").split("\n")[0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def describe_fields(docstring: str) -> dict[str, str]:
    """The ``name: text`` lines of a docstring, continuation lines joined."""
    found: dict[str, str] = {}
    name = None
    for line in docstring.splitlines():
        text = line.strip()
        head, colon, rest = text.partition(": ")
        if not text or text.startswith(">>>"):
            name = None
        elif colon and all(part.strip().isidentifier() for part in head.split(",")) and head[0].islower():
            names = [part.strip() for part in head.split(",")]
            name = names[-1]
            found |= dict.fromkeys(names, rest)
        elif name is not None:
            found[name] += f" {text}"
    return found


# Parts held against each other


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


def _conflicts(s: Scenario) -> Iterator[tuple[Path, str]]:
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
                f"got {owner.profile!r}, allowed: {', '.join(PROFILES)}{_near(owner.profile, PROFILES)}",
            )
    cuts = s.model.cuts
    if s.algorithm.cuts and cuts is not None and len(cuts) != s.algorithm.cuts:
        yield ("model", "cuts"), f"got {len(cuts)} cuts, {s.algorithm.kind} takes {s.algorithm.cuts}"
    if s.model.name not in MODELS and ":" not in s.model.name:
        yield ("model", "name"), f"got {s.model.name!r}, allowed: {', '.join(MODELS)}{_near(s.model.name, MODELS)}"
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
            yield ("model", "cuts"), f"{error}{_near(cuts[0] if cuts else '', names[:-1])}"
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
    from wirelessfsl.streams import stream

    return s.data.partition.deal(dataset.labels.numpy(), s.data.clients, stream(s.seed, "partition"))


# The document and its problems


class _Document:
    """A YAML file as plain data, with the place of every node."""

    def __init__(self, path: File) -> None:
        self.file = str(path)
        self.places: dict[Path, str] = {}
        reader = YAML(typ="rt", pure=True)
        try:
            text = path.read_text(encoding="utf-8")
            loaded = reader.load(text)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ScenarioError([f"{self.file}: cannot be read: {reason}"]) from error
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            raise ScenarioError([f"{self.file}{at} not valid YAML: {error.problem or error.context}"]) from error
        except YAMLError as error:
            raise ScenarioError([f"{self.file} not valid YAML: {error}"]) from error
        if not isinstance(loaded, CommentedMap):
            raise ScenarioError(
                [f"{self.file}:1:1 got {type(loaded).__name__}, must be a mapping: see wirelessfsl new"]
            )
        self.problems: list[tuple[Path, str]] = []
        self.data = self._take(loaded, ())

    def _take(self, node: Any, path: Path) -> Any:
        """Plain data of a node; remembers places, refuses tags."""
        tag = getattr(getattr(node, "tag", None), "value", None)
        if tag is not None and not str(tag).startswith("tag:yaml.org,2002:"):
            self.problems.append((path, f"got the tag {tag}, tags are not allowed: write plain values"))
            return None
        if len(self.places) > 100_000:
            raise ScenarioError([f"{self.file}: more than 100,000 nodes; is an alias repeated over and over?"])
        if isinstance(node, CommentedMap):
            for key in node:
                line, column = node.lc.data[key][:2] if key in (node.lc.data or {}) else (0, 0)
                self.places[(*path, str(key))] = f"{line + 1}:{column + 1}"
            return {str(key): self._take(value, (*path, str(key))) for key, value in node.items()}
        if isinstance(node, CommentedSeq):
            for i in range(len(node)):
                line, column = node.lc.data[i][:2]
                self.places[(*path, i)] = f"{line + 1}:{column + 1}"
            return [self._take(value, (*path, i)) for i, value in enumerate(node)]
        for kind in (bool, int, float, str):
            if isinstance(node, kind):
                return kind(node)
        return None if node is None else str(node)

    def set(self, change: str) -> None:
        """Apply ``path=value``."""
        path, equals, text = change.partition("=")
        if not equals or not path:
            raise ScenarioError([f"--set {change}: must be path=value, such as --set algorithm.rounds=5"])
        steps: list[str | int] = [int(step) if step.isdigit() else step for step in path.split(".")]
        try:
            value = self._take(YAML(typ="rt", pure=True).load(text), ("--set",))
        except YAMLError as error:
            raise ScenarioError([f"--set {change}: the value is not valid YAML"]) from error
        node: Any = self.data
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            last = following is None
            if isinstance(node, list):
                if not isinstance(step, int) or step >= len(node):
                    raise ScenarioError([f"--set {change}: {step!r} is not an item of a list of {len(node)}"])
            elif isinstance(node, dict):
                step = str(step)
                if not last and not isinstance(node.get(step), dict | list):
                    node[step] = {}
            else:
                raise ScenarioError([f"--set {change}: {step!r} is below a single value"])
            if last:
                node[step] = value
            else:
                node = node[step]
        self.places = {at: place for at, place in self.places.items() if at[: len(steps)] != tuple(steps)}
        self.places[tuple(steps)] = f"--set {change}"

    def scenario(self, allow_code: bool) -> Scenario:
        """Validate; raises ScenarioError with all problems."""
        data = {key: value for key, value in self.data.items() if value is not None}
        if isinstance(data.get("codecs"), dict):
            data["codecs"] = {k: [v] if isinstance(v, dict) else v for k, v in data["codecs"].items()}
        self._allow(data, allow_code)
        found = self._validate(data)
        if not isinstance(found, Scenario):
            # Go on without what is wrong, so that the other problems are told as well.
            self.problems += found
            for path, _ in found:
                _prune(data, path)
            found = self._validate(data)
        if isinstance(found, Scenario):
            given = set(self.places)
            for path, why in unused(found):
                if path in given:
                    self.problems.append((path, f"has no effect: {why}; remove it"))
            if allow_code or ":" not in found.model.name:
                self.problems += _conflicts(found)
        if self.problems or not isinstance(found, Scenario):
            raise ScenarioError([self._message(path, text) for path, text in dict.fromkeys(self.problems)])
        return found

    def _validate(self, data: dict[str, Any]) -> Scenario | list[tuple[Path, str]]:
        try:
            made: Scenario = _adapter(Scenario).validate_json(json.dumps(data), context={"load": _load_code})
        except ValidationError as error:
            return [_problem(data, item) for item in error.errors()]
        return made

    def _allow(self, data: dict[str, Any], allow_code: bool) -> None:
        """Refuse import paths unless the user allows them."""
        if allow_code:
            return
        for path, kind in list(_import_paths(data)):
            self.problems.append((path, f"got {kind!r}: runs code from outside; allow it with --allow-code"))
            _prune(data, path[:-1] if path[-1] == "kind" else path)

    def _message(self, path: Path, text: str) -> str:
        at = path
        while at and at not in self.places:
            at = at[:-1]
        place = self.places.get(at, "1:1")
        where = place if place.startswith("--set") else f"{self.file}:{place}"
        return f"{where} {'.'.join(map(str, path))}: {text}" if path else f"{where} {text}"


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _load_code(value: dict[str, Any]) -> Any:
    """An object of the user's own class, ``kind: package.module:Name``; the other keys are its fields."""
    module, _, name = value["kind"].partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"got {value['kind']!r}: {error}") from error
    if not is_dataclass(found):
        raise ValueError(f"got {value['kind']!r}: must be a dataclass, best made with wirelessfsl.settings.settings")
    rest = {key: item for key, item in value.items() if key != "kind"}
    return _adapter(found).validate_json(json.dumps(rest))  # type: ignore[arg-type]


def _import_paths(node: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, str) and ":" in value and (key == "kind" or (*path, key) == ("model", "name")):
            yield (*path, key), value
        yield from _import_paths(value, (*path, key))


def _prune(data: dict[str, Any], path: Path) -> None:
    """Take out the deepest node of the path that is there."""
    node: Any = data
    for i, step in enumerate(path):
        if not isinstance(node, dict | list) or (isinstance(node, dict) and step not in node):
            return
        if isinstance(node, list) and not (isinstance(step, int) and step < len(node)):
            return
        below = node[step]
        more = path[i + 1] if i + 1 < len(path) else None
        if more is None or not isinstance(below, dict | list) or (isinstance(below, dict) and more not in below):
            del node[step]
            return
        node = below


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        plain = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        module = type(value).__module__
        if "kind" not in plain and not module.startswith("wirelessfsl."):
            plain = {"kind": f"{module}:{type(value).__qualname__}", **plain}
        return plain
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


# Problems in words


def _problem(data: Any, error: Any) -> tuple[Path, str]:
    """Path (without the tags that pydantic puts in) and text of one of pydantic's errors."""
    path: list[str | int] = []
    node, holder = data, data
    for step in error["loc"]:
        if isinstance(node, dict) and step not in node and node.get("kind") == step:
            continue
        if isinstance(step, str) and not isinstance(node, dict | None) and not isinstance(node, list):
            continue
        path.append(step)
        holder = node
        node = node.get(step) if isinstance(node, dict) else node[step] if _has(node, step) else None
    if error["type"].startswith("union_tag"):
        holder = node
        path += ["kind"] if isinstance(node, dict) and "kind" in node else []
    return tuple(path), _words(tuple(path), error, holder)


def _has(node: Any, step: Any) -> bool:
    return isinstance(node, list) and isinstance(step, int) and step < len(node)


def _words(path: Path, error: Any, holder: Any) -> str:
    kind, context, got = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "unexpected_keyword_argument":
            allowed = _siblings(path, holder)
            return f"unknown key, allowed: {', '.join(allowed)}{_near(str(path[-1]), allowed)}"
        case "missing":
            return "missing, must be given"
        case "union_tag_invalid":
            choices = [choice.strip(" '") for choice in context["expected_tags"].split(",")]
            return f"got {context['tag']!r}, allowed: {', '.join(choices)}{_near(context['tag'], choices)}"
        case "union_tag_not_found":
            return f"got {_short(got)}, must be a mapping with the key kind"
        case "literal_error":
            choices = [choice.strip(" '") for choice in context["expected"].replace(" or ", ",").split(",")]
            return f"got {got!r}, allowed: {', '.join(choices)}{_near(str(got), choices)}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            sign, limit = _SIGNS[kind], next(iter(context.values()))
            return f"got {got!r}, must be {sign} {limit:g}{_unit_hint(str(path[-1]), got)}"
        case "too_long" | "too_short":
            return f"got {context.get('actual_length')} items, must be {context.get('max_length', context.get('min_length'))}"
        case "value_error":
            return str(context["error"])
        case _:
            return f"got {_short(got)}, must be {_TYPES.get(kind, error['msg'])}{_number_hint(kind, got)}"


_SIGNS = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
_TYPES = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dataclass_type": "a mapping",
    "dataclass_exact_type": "a mapping",
    "finite_number": "a finite number",
}


def _siblings(path: Path, holder: Any) -> list[str]:
    """The keys that stand where an unknown one was found."""
    chosen = schema_at(path[:-1], holder)
    return [key for key in chosen if key != "kind"] or ["nothing"]


def schema_at(path: Path, holder: Any) -> list[str]:
    """Allowed keys of the mapping at a path, for the kind that ``holder`` chose."""
    whole = _adapter(Scenario).json_schema()
    definitions = whole["$defs"]
    node = whole
    kind = holder.get("kind") if isinstance(holder, dict) else None
    for step in path:
        node = _follow(node, definitions, None)
        node = (
            node.get("items", node.get("prefixItems", [{}])[0]) if isinstance(step, int) else node["properties"][step]
        )
    return list(_follow(node, definitions, kind).get("properties", {}))


def _follow(node: Any, definitions: Any, kind: str | None) -> Any:
    while "properties" not in node and ("$ref" in node or "oneOf" in node or "anyOf" in node):
        if "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[1]]
            continue
        choices = [_follow(choice, definitions, kind) for choice in node.get("oneOf", node.get("anyOf"))]
        same = [c for c in choices if c.get("properties", {}).get("kind", {}).get("const") == kind]
        node = (same or [c for c in choices if "properties" in c] or choices)[0]
    return node


def _near(got: str, allowed: Sequence[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(got, list(allowed), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _unit_hint(name: str, got: Any) -> str:
    """What the number may have been meant to be, from the unit in the field's name."""
    if not isinstance(got, int | float) or isinstance(got, bool):
        return ""
    if got < 0 and name.endswith(("_hz", "_m", "_s", "_bit_s", "_w", "_j")):
        return f" (did you mean {-got:g}?)"
    if name.endswith("bandwidth_hz") and 0 < got < 1e3:
        return f" (unit is Hz: did you mean {got:g}e6?)"
    if name == "carrier_hz" and 0 < got < 1e6:
        return f" (unit is Hz: did you mean {got:g}e9?)"
    if name.endswith("_bit_s") and 0 <= got < 1:
        return " (unit is bit/s)"
    if name.endswith("_dbm") and got > 80:
        return " (unit is dBm, not mW: 23 dBm is 200 mW)"
    if name.endswith(("fraction", "accuracy", "efficiency")) and 1 < got <= 100:
        return f" (a share, not per cent: did you mean {got / 100:g}?)"
    return ""


def _number_hint(kind: str, got: Any) -> str:
    if kind in ("float_type", "int_type") and isinstance(got, str):
        try:
            return f" (did you mean {float(got):g}, without quotes?)"
        except ValueError:
            return " (no unit in the value: units stand in the names)" if got[:1].isdigit() else ""
    return ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


__all__ = ["Scenario", "ScenarioError", "digest", "load_scenario", "resolve", "schema", "to_yaml", "unused"]
