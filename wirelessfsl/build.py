"""From a checked scenario to a world that is ready to run: the one file that puts the rooms together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wirelessfsl.codecs.chain import chain
from wirelessfsl.codecs.measure import sample
from wirelessfsl.devices.battery import NoBattery
from wirelessfsl.devices.catalogue import PROFILES
from wirelessfsl.devices.economy import FullSpeed
from wirelessfsl.engine.coding import Coding
from wirelessfsl.engine.custody import Custody, NoCustody
from wirelessfsl.engine.edges import Edge
from wirelessfsl.engine.estimated import EstimatedCoding
from wirelessfsl.engine.messages import Messages
from wirelessfsl.engine.node import Node
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.world import World
from wirelessfsl.learning.data import BlankData, ClientData, Dataset
from wirelessfsl.learning.evaluate import activations
from wirelessfsl.learning.executors.contract import Executor
from wirelessfsl.learning.stage import Part, Stage, blank_parts, initial_parts, split
from wirelessfsl.learning.weights import WeightsFile, fitting, load_weights, pretrain, weights_of_file
from wirelessfsl.networking import NO_RADIO, NOBODY, duplexed, equipment, medium_of
from wirelessfsl.records import GRADIENTS_OF, LABELS, SERVER, Log
from wirelessfsl.scenario import (
    Devices,
    EdgeCloud,
    Model,
    Scenario,
    Server,
    clients_of_edges,
    cuts_of,
    deal,
    model_of,
    other_of,
    pieces_of,
)
from wirelessfsl.streams import key

if TYPE_CHECKING:
    from torch import Tensor

NO_SERVER = Server(processor=NOBODY)
"""In the server's place where a scheme has none: draws nothing."""


def build(
    scenario: Scenario,
    dataset: Dataset,
    executor: Executor,
    log: Log,
    notice: Callable[[str], None] = lambda _: None,
    timing_only: bool = False,
) -> World:
    """The world of a scenario; its clock stands at 0.

    notice: told where its weights come from.
    timing_only: whether samples, weights and payloads have sizes and no values; no samples are dealt then.
    """
    s, algorithm = scenario, scenario.algorithm
    if s.has_clients and not all(isinstance(group.economy, FullSpeed) for group in s.groups):
        raise ValueError("devices.economy: clocks and powers are not chosen yet; see wirelessfsl.economy.planned")
    hierarchy = s.hierarchy if isinstance(s.hierarchy, EdgeCloud) else None
    participation = s.participation if hierarchy is None else Participation()
    world = World(s.seed, executor, log, participation, NoCustody() if timing_only else Custody())
    networked = bool(algorithm.messages)
    world.server = _node(s, world, SERVER, -1, s.server if s.has_server else NO_SERVER, networked and hierarchy is None)
    if hierarchy is not None:
        radio = equipment(s.server)[1]
        edges = [Server(profile=each.profile, processor=each.processor, radio=radio) for each in hierarchy.servers]
        world.edge_servers = tuple(_node(s, world, f"{SERVER}-{i}", -1, each, True) for i, each in enumerate(edges))
    owners = [group for group in s.groups for _ in range(group.count)] if s.has_clients else []
    if s.has_clients:
        world.clients = tuple(_node(s, world, f"client-{i}", i, owner, networked) for i, owner in enumerate(owners))
        for client, owner in zip(world.clients, owners, strict=True):
            world.watch(client, owner.compute_jitter, owner.failures)
    if timing_only:
        blank = BlankData(dataset.shape, dataset.inputs.dtype)
        world.data = dict.fromkeys(world.clients or (world.server,), blank)
    elif s.has_clients:
        world.data = {
            client: ClientData(dataset.inputs, dataset.labels, client.name, s.seed, own)
            for client, own in zip(world.clients, deal(s, dataset), strict=True)
        }
    else:
        # Drawn in the order of a single client, so that a run with one client equals this one batch by batch.
        world.data = {world.server: ClientData(dataset.inputs, dataset.labels, "client-0", s.seed)}
    if networked:
        world.relays = tuple(
            Node(world, relay.name, -1, NOBODY, duplexed(s, PROFILES[relay.profile].radio), NoBattery())
            for relay in s.network.topology.relays
        )
        world.medium = medium_of(s, world)
        chains = {kind: chain(getattr(s.codecs, kind)) for kind in algorithm.messages}
        coding = EstimatedCoding(s.seed, chains) if timing_only else Coding(s.seed, chains, executor)
        world.messages = Messages(world.env, world.journal, world.medium, coding, s.network.transport, s.seed)
    pieces, cuts = pieces_of(s, dataset), cuts_of(s, dataset)
    kinds = dict(zip(cuts, GRADIENTS_OF, strict=False))
    world.stages = split(model_of(s, dataset), pieces, s.host.compile)
    world.crossings = tuple(kinds.get(name, "") for name in pieces)

    def initial(s: Scenario, stages: tuple[Stage, ...]) -> tuple[tuple[Part, ...], dict[str, Any] | None]:
        return (blank_parts(stages), None) if timing_only else _initial(s, dataset, stages, notice)

    world.initial, world.pretrained = initial(s, world.stages)
    own = {owner: _own(s, dataset, owner.model, world, initial) for owner in s.groups if owner.model is not None}
    for client, owner in zip(world.clients, owners, strict=True):
        if owner in own:
            world.own_stages[client], world.own_initial[client] = own[owner]
    if hierarchy is not None:
        world.edges = tuple(
            Edge(world, server, [world.clients[i] for i in own], s.participation, hierarchy.edge_rounds)
            for server, own in zip(world.edge_servers, clients_of_edges(s), strict=True)
        )
    return world


def _own(
    s: Scenario, dataset: Dataset, model: Model, world: World, initial: Callable[..., Any]
) -> tuple[tuple[Stage, ...], tuple[Part, ...]]:
    """Stages and initial values of clients with a model of their own: of all of it, or of the piece before the cut."""
    other_cuts = getattr(s.algorithm, "own", "") == "cuts"
    own = replace(s, model=replace(s.model, cuts=model.cuts) if other_cuts else model)
    stages = split(model_of(own, dataset), cuts_of(own, dataset), s.host.compile)
    parts, _ = initial(own, stages)
    if other_cuts:
        return stages, parts
    return (stages[0], *world.stages[1:]), (parts[0], *world.initial[1:])


def messages(scenario: Scenario, dataset: Dataset) -> dict[str, tuple[Tensor, ...]]:
    """What the scenario's messages hold at the beginning, by kind: for measuring codecs without a network.

    Activations, one tensor a cut, are those of a client's first batch; their gradients are normal numbers of the same
    shapes.
    """
    s, algorithm = scenario, scenario.algorithm
    stages = split(model_of(s, dataset), cuts_of(s, dataset))
    parts = initial_parts(stages, key(s.seed, "initial-weights"))
    client = ClientData(dataset.inputs, dataset.labels, "client-0", s.seed, deal(s, dataset)[0])
    smashed, labels = client.batch(0, getattr(algorithm, "batch_size", 16))
    held = {LABELS: (labels,)}
    for (kind, gradients), stage, part in zip(GRADIENTS_OF.items(), stages[:-1], parts, strict=False):
        smashed = activations(stage, part, smashed)
        held[kind], held[gradients] = (smashed,), (sample(tuple(smashed.shape), "float32", s.seed),)
    own = parts[-1] if len(stages) > 2 else parts[0]
    return {kind: held.get(kind, own.weights) for kind in algorithm.messages}


def _initial(
    s: Scenario, dataset: Dataset, stages: tuple[Stage, ...], notice: Callable[[str], None]
) -> tuple[tuple[Part, ...], dict[str, Any] | None]:
    """Values of the stages at the beginning, and what a manifest says of where they are from."""
    parts, setting = initial_parts(stages, key(s.seed, "initial-weights")), s.model.pretrained
    if setting is None:
        return parts, None
    model, other = model_of(s, dataset), other_of(s)
    if isinstance(setting, WeightsFile):
        held, source = weights_of_file(setting)
        notice(f"weights of {s.model.name} from {setting.path}")
    elif other is not None:
        task = model._replace(shape=other.shape, classes=other.classes, tokens=False)
        held, source = pretrain(setting, task, other.inputs, other.labels, s.seed, notice)
    elif dataset.public is not None:
        held, source = pretrain(setting, model, *dataset.public, s.seed, notice)
    else:
        raise ValueError("model.pretrained: the data set has no public samples to learn from")
    fit, lacking = fitting(model, {name: tuple(tensor.shape) for name, tensor in held.items()})
    random = f"; these begin at random: {', '.join(lacking)}" if lacking else ""
    notice(f"{fit} of {fit + len(lacking)} parameter tensors fit{random}")
    return load_weights(stages, parts, held), source | {"fitting": fit, "parameters": fit + len(lacking)}


def _node(s: Scenario, world: World, name: str, link: int, owner: Devices | Server, networked: bool) -> Node:
    battery = owner.battery if isinstance(owner, Devices) else NoBattery()
    processor, radio = equipment(owner)
    radio_in_use = duplexed(s, radio, isinstance(owner, Server)) if networked else NO_RADIO
    return Node(world, name, link, processor, radio_in_use, battery)
