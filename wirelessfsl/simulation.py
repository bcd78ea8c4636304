"""Run a scenario: play the world, evaluate between rounds, and hand every fact to a log."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from wirelessfsl.algorithms.hierarchical import Hierarchical
from wirelessfsl.algorithms.state import Scheme
from wirelessfsl.build import build
from wirelessfsl.continuing import Going, Packed
from wirelessfsl.engine.band import Stalled
from wirelessfsl.engine.world import Cut, Exhausted, Model, Node, SimulationError, World
from wirelessfsl.files import write
from wirelessfsl.learning.compiling import Compiled
from wirelessfsl.learning.data import ClientData, Dataset
from wirelessfsl.learning.evaluate import Mixture, evaluate
from wirelessfsl.learning.executors.contract import Executor, Failed
from wirelessfsl.learning.executors.promises import gathered
from wirelessfsl.learning.executors.sequential import Sequential
from wirelessfsl.learning.executors.shapes import ShapesOnly
from wirelessfsl.learning.host import keep_freed_memory, torch_threads
from wirelessfsl.learning.partition import deal_test, test_of_parts
from wirelessfsl.learning.stage import Part, Stage
from wirelessfsl.learning.threads import most_threads
from wirelessfsl.learning.weights import save_weights
from wirelessfsl.network.traces import TraceEnded
from wirelessfsl.records import Log, Metric
from wirelessfsl.scenario import Scenario, dataset_of, deal
from wirelessfsl.streams import stream

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def calm_collector() -> Iterator[None]:
    """Keep Python's cycle collector from walking over everything again and again during a run.

    A run makes many short-lived objects and no cycles; what exists before it is set aside, and collections are rare.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


class Progress(NamedTuple):
    """Where a run stands after a round; accuracy and loss are of the last evaluation, None where nothing is learnt."""

    round: int
    rounds: int
    time_s: float
    loss: float | None
    accuracy: float | None
    energy_j: float


class Piece(NamedTuple):
    """What one process has played of a run.

    after_round, from_s: the last round before it, and the simulated time; 0 at the beginning.
    wall_s, busy_s, evaluation_s: seconds of the host, those in which it ran kernels or waited for them, and evaluated.
    """

    after_round: int
    from_s: float
    wall_s: float
    busy_s: float
    evaluation_s: float


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and what it cost the host.

    status: ``completed``, or ``exhausted`` when no client was left. rounds: rounds that were closed.
    parts: final values of the model's stages; empty if every client has a model of its own.
    models: those of each client by name, if it has a model (or mixture) of its own.
    stages: of which the parts are values. own_stages: of which a client's are, by name.
    pretrained: where the initial values are from; None if they were drawn.
    overhead_fraction: share of host time outside of kernels and evaluation. kernels: kernels run. client_steps: batches
        that clients began, also those of clients that dropped out later in the round.
    piece: what this process has played of it.
    """

    status: str
    rounds: int
    parts: tuple[Part, ...]
    models: Mapping[str, tuple[Part, ...] | Mixture]
    stages: tuple[Stage, ...]
    own_stages: Mapping[str, tuple[Stage, ...]]
    pretrained: Mapping[str, Any] | None
    wall_s: float
    overhead_fraction: float
    kernels: int
    client_steps: int
    piece: Piece

    def save(self, folder: Path) -> None:
        """Write the final weights as safetensors, under the names of the uncut model.

        One file ``model.safetensors``, or one a client in ``models`` if every client has a model of its own; of
        mixtures the common models, and the clients' shares in ``shares.json``.
        """
        if self.parts:
            save_weights(folder / "model.safetensors", self.stages, self.parts)
        shares = {client: model.shares for client, model in self.models.items() if isinstance(model, Mixture)}
        for client, model in self.models.items():
            if not isinstance(model, Mixture):
                save_weights(folder / "models" / f"{client}.safetensors", self.own_stages[client], model)
            elif client == next(iter(shares)):
                for m, parts in enumerate(model.models):
                    save_weights(folder / "models" / f"learner-{m}.safetensors", self.own_stages[client], parts)
        if shares:
            write(folder / "models" / "shares.json", json.dumps(shares, indent=1).encode())


Watch = Callable[[World, tuple[Part, ...]], None]
"""Looks at the world and the parts of its model between rounds, outside of simulated time, and changes nothing."""


def unwatched(world: World, parts: tuple[Part, ...]) -> None:
    """Looks at nothing."""


class _Accountant:
    """In place of evaluations, where nothing is learnt: appends what each round has cost so far."""

    KEPT: ClassVar[tuple[str, ...]] = ("rounds",)

    def __init__(self, log: Log, report: Callable[[Progress], None]) -> None:
        self.log, self.report = log, report
        self.host_s, self.rounds = 0.0, 0
        self.parts: tuple[Part, ...] = ()
        self.models: dict[str, tuple[Part, ...] | Mixture] = {}

    def prepare(self, world: World) -> None: ...
    def gather(self) -> None: ...

    def __call__(self, world: World, *_: Any) -> None:
        self.rounds = world.round
        now, energy_j, uplink_bytes, downlink_bytes = _costs(world)
        self.log.metric(Metric(world.round, now, None, "test", nan, None, energy_j, uplink_bytes, downlink_bytes))
        self.report(Progress(world.round, world.rounds_planned, now, None, None, energy_j))


def _costs(world: World) -> tuple[float, float, int, int]:
    """Simulated time (s), energy of all nodes (J), bytes up and down so far."""
    energy_j = sum(node.energy_j for node in world.nodes)
    uplink_bytes = sum(node.uplink_bytes for node in world.clients)
    downlink_bytes = sum(node.downlink_bytes for node in world.clients)
    return world.now, energy_j, uplink_bytes, downlink_bytes


class _Evaluator:
    """Evaluates between rounds, outside of simulated time, and appends the metrics."""

    KEPT: ClassVar[tuple[str, ...]] = ("rounds", "parts", "models", "last")

    def __init__(
        self, scenario: Scenario, dataset: Dataset, log: Log, report: Callable[[Progress], None], watch: Watch
    ) -> None:
        self.scenario, self.dataset, self.log, self.report, self.watch = scenario, dataset, log, report, watch
        self.host_s = 0.0
        self.rounds = 0
        self.parts: tuple[Part, ...] = ()
        self.models: dict[str, tuple[Part, ...] | Mixture] = {}
        self.last = (float("nan"), float("nan"))

    def prepare(self, world: World) -> None:
        self.parts = world.initial
        data = self.dataset
        self.inputs = data.test_inputs.to(self.scenario.host.device)
        if data.parts is not None and data.test_parts is not None:
            dealt = deal(self.scenario, data)
            self.owner = test_of_parts(dealt, data.parts.numpy(), data.test_parts.numpy())
        else:
            train = [own.labels.numpy() for k in world.clients if isinstance(own := world.data[k], ClientData)]
            rng = stream(self.scenario.seed, "test-partition")
            by_class = getattr(self.scenario.data.partition, "deal_test", deal_test)
            self.owner = by_class(train, data.test_labels.numpy(), data.classes, rng)
        self.watch(world, self.parts)

    def __call__(self, world: World, model: Model, losses: Mapping[Node, Sequence[float]], cut: Cut) -> None:
        self.rounds = world.round
        if isinstance(model, Mapping):
            self.parts = ()
            self.models = {k.name: own if isinstance(own, Mixture) else tuple(own) for k, own in model.items()}
        else:
            self.parts = tuple(model)
        now, energy_j, uplink_bytes, downlink_bytes = _costs(world)
        if any(losses.values()):
            mean = float(np.mean([np.mean(each) for each in losses.values() if each]))
            self.log.metric(Metric(world.round, now, None, "train", mean, None, energy_j, uplink_bytes, downlink_bytes))
        last = world.round == world.rounds_planned or (bool(world.clients) and all(k.gone for k in world.clients))
        if last or world.round % self.scenario.evaluation.every_rounds == 0:
            begin = perf_counter()
            if self.scenario.host.device == "cpu":
                self.gather()
            with torch_threads(world.executor.threads):
                self.last, own = self._evaluate(world, cut)
            self.watch(world, self.parts)
            self.host_s += perf_counter() - begin
            loss, accuracy = self.last
            self.log.metric(
                Metric(world.round, now, None, "test", loss, accuracy, energy_j, uplink_bytes, downlink_bytes)
            )
            for k, (loss, accuracy) in own.items():
                client = world.clients[k]
                costs = (client.energy_j, client.uplink_bytes, client.downlink_bytes)
                self.log.metric(Metric(world.round, now, client.name, "test", loss, accuracy, *costs))
        self.report(Progress(world.round, world.rounds_planned, now, *self.last, energy_j))

    def gather(self) -> None:
        """Bring the models' numbers here."""
        held = {client: own.models if isinstance(own, Mixture) else own for client, own in self.models.items()}
        self.parts, held = gathered((self.parts, held))
        self.models = {
            client: replace(own, models=held[client]) if isinstance(own, Mixture) else held[client]
            for client, own in self.models.items()
        }

    def _evaluate(self, world: World, cut: Cut) -> tuple[tuple[float, float], dict[int, tuple[float, float]]]:
        """Loss and accuracy, of all and of each client on its own test samples."""
        inputs, labels = self.inputs, self.dataset.test_labels
        how: dict[str, Any] = {"device": self.scenario.host.device}
        if self.scenario.evaluation.through_codecs:
            batch_size = getattr(self.scenario.algorithm, "batch_size", 16)

            def crossing(stage: int, smashed: Tensor) -> Tensor:
                kind = world.crossings[stage - 1]
                return cut.filled(world.messages.coding.evaluated(cut.flown(smashed), kind)) if kind else smashed

            how |= {"chunk": batch_size, "cut": crossing}
        if not self.models:
            result = evaluate(world.stages, self.parts, inputs, labels, **how)
            return result.mean(), result.mean_by_owner(self.owner)
        own = {}
        for k, client in enumerate(world.clients):
            if (mine := self.owner == k).any() and client.name in self.models:
                chosen = inputs[mine], labels[mine]
                own[k] = evaluate(world.stages_of(client), self.models[client.name], *chosen, **how).mean()
        loss, accuracy = np.mean([*own.values()], axis=0) if own else (np.nan, np.nan)
        return (float(loss), float(accuracy)), own


def play(
    scenario: Scenario,
    log: Log,
    executor: Executor | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    dataset: Dataset | None = None,
    notice: Callable[[str], None] = lambda _: None,
    watch: Watch = unwatched,
    timing_only: bool = False,
    boundary: Callable[[int, Callable[[], Packed]], None] = lambda *_: None,
    start: Packed | None = None,
) -> Outcome:
    """Run a scenario to its end.

    log: receives every event and metric. executor: where kernels run; one after another by default. report: called
    after every round. dataset: samples to use instead of those that the scenario names. notice: told in lines where
    pretrained weights come from, and what is compiled. watch: called before the first round and with every evaluation.
    timing_only: whether nothing is learnt, and times, bytes and energies are all that there is to know; executor and
    watch have no part in it. boundary: called after every round with its number, and with a function that
    says what it takes to go on from there, where the scheme can. start: to go on from that, in place of the beginning;
    the log has its rows already.

    Raises SimulationError when something fails inside the simulation.
    """
    executor = ShapesOnly() if timing_only else executor or Sequential()
    keep_freed_memory()
    executor.threads, executor.compiled = most_threads(scenario.host.torch_threads), Compiled()
    if scenario.host.compile and not timing_only:
        notice("passes are compiled when they first run: seconds to a minute each, less if an earlier run did so")
    with torch_threads(1):
        dataset = dataset or dataset_of(scenario)
        world = build(scenario, dataset, executor, log, notice, timing_only)
        evaluator = _Accountant(log, report) if timing_only else _Evaluator(scenario, dataset, log, report, watch)
        evaluator.prepare(world)
        world.on_round = evaluator
        scheme: Scheme = Hierarchical(scenario.algorithm) if world.edges else scenario.algorithm
        status = "completed"
        with calm_collector(), np.errstate(divide="ignore"):  # a link of rate 0 takes infinitely long
            going, state = Going(world, executor, evaluator), scheme.begin(world)
            if start is not None:
                state = going.go_on(start, state)
            began = world.round, world.env.now
            if not getattr(scenario.algorithm, "restless", ""):
                world.on_boundary = lambda world, state: boundary(world.round, lambda: going.packed(state))
            main = world.env.process(scheme.train(world, state))
            try:
                world.env.run(main)
            except Exhausted:
                status = "exhausted"
            except Failed as error:
                raise SimulationError(f"{scenario.algorithm.kind}: {error}") from error
            except (Stalled, TraceEnded) as error:
                raise SimulationError(f"round {world.round}, simulated time {world.env.now:.6g} s: {error}") from error
            except RuntimeError as error:
                if isinstance(error, SimulationError) or "event was not triggered" not in str(error):
                    raise
                raise SimulationError(
                    f"round {world.round}, simulated time {world.env.now:.6g} s: nothing can happen any more; a link"
                    " has rate 0 and will keep it. Set network.transport.timeout_s or participation.deadline_s"
                ) from error
            evaluator.gather()
            spent, here = going.spent, going.here
    outcome = Outcome(
        status=status,
        rounds=evaluator.rounds,
        parts=evaluator.parts,
        models=evaluator.models,
        stages=world.stages,
        own_stages={client.name: world.stages_of(client) for client in world.clients},
        pretrained=world.pretrained,
        wall_s=spent.wall_s,
        overhead_fraction=max(0.0, 1.0 - spent.busy_s / spent.wall_s),
        kernels=spent.kernels,
        client_steps=sum(each.client_steps for each in (world, *world.edges)),
        piece=Piece(*began, here.wall_s, here.busy_s - evaluator.host_s, evaluator.host_s),
    )
    vars(world).clear()  # its parts know each other, and would keep data and weights until Python looks for such rings
    return outcome
